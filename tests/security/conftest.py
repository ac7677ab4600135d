"""The named people and the small model, as the apps' own tests have them."""

from chatapp.conftest import ada, alice, bob, mallory, mona, oscar
from chatapp.inference.tests.conftest import engine, model_path, shared_engine

__all__ = ["ada", "alice", "bob", "engine", "mallory", "model_path", "mona", "oscar", "shared_engine"]
