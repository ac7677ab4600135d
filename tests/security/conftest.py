"""The named people, as the apps' own tests have them."""

from chatapp.conftest import ada, alice, bob, mallory, mona, oscar

__all__ = ["ada", "alice", "bob", "mallory", "mona", "oscar"]
