"""One table of this engine beside llama.cpp's other front ends, made in one run: `python -m benchmarks.inference`."""
