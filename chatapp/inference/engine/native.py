"""The only importer of llama_cpp, because something must be said to OpenMP before it is loaded."""

import os

# OpenMP reads this once. Its threads would else spin at every barrier, which on a machine that does anything besides
# makes a step ten times longer. Set it to "active" where the cores are the engine's alone.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import llama_cpp

__all__ = ["llama_cpp"]
