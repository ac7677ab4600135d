"""How a worker makes an answer of a claimed generation; read `answer.py` first."""
