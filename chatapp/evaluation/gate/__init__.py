"""What a release gate asks and how it grades: pure functions, without rows, workers or models.

`facts` and `graders` judge single answers, `marks` whole runs; `judging` asks a model, `load` a worker's engine.
"""
