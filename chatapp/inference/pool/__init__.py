"""The models of one inference worker: loaded when they are needed, unloaded when not, loaded anew after a fault.

docs/inference.md, "A model's life", tells the whole.
"""

from chatapp.inference.pool.engine_pool import EnginePool
from chatapp.inference.pool.entry import ModelUse
from chatapp.inference.pool.needs import can_serve

__all__ = ["EnginePool", "ModelUse", "can_serve"]
