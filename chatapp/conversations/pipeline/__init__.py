"""How a worker makes an answer of a claimed generation; read `reply.py` first."""
