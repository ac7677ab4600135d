"""What this build of llama.cpp can compute on. The bindings leave these functions of ggml out."""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from chatapp.inference.engine.native import libggml

DeviceKind = Literal["cpu", "gpu", "integrated", "accelerator"]
# By ggml's number of the kind (ggml_backend_dev_type).
_KINDS: dict[int, DeviceKind] = {0: "cpu", 1: "gpu", 2: "integrated", 3: "accelerator"}


@dataclass(frozen=True, slots=True)
class Device:
    """Memory is in bytes; a CPU's is the machine's."""

    name: str
    description: str
    kind: DeviceKind
    memory_free: int
    memory_total: int


def list_devices() -> list[Device]:
    """In ggml's order, which is how `tensor_split` and `main_gpu` count the GPUs."""
    ggml = _ggml()
    return [_describe(ggml, ggml.ggml_backend_dev_get(index)) for index in range(ggml.ggml_backend_dev_count())]


def list_gpus() -> list[Device]:
    """Those that layers are put on: a chip that shares the memory of the CPU only where there is no other."""
    devices = list_devices()
    return [device for device in devices if device.kind == "gpu"] or [
        device for device in devices if device.kind == "integrated"
    ]


def _describe(ggml: Any, handle: int) -> Device:
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    ggml.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    return Device(
        name=ggml.ggml_backend_dev_name(handle).decode("utf-8", "replace"),
        description=ggml.ggml_backend_dev_description(handle).decode("utf-8", "replace"),
        kind=_KINDS.get(ggml.ggml_backend_dev_type(handle), "accelerator"),
        memory_free=free.value,
        memory_total=total.value,
    )


@cache
def _ggml() -> Any:
    size = ctypes.POINTER(ctypes.c_size_t)
    signatures: dict[str, tuple[list[Any], Any]] = {
        "ggml_backend_dev_count": ([], ctypes.c_size_t),
        "ggml_backend_dev_get": ([ctypes.c_size_t], ctypes.c_void_p),
        "ggml_backend_dev_name": ([ctypes.c_void_p], ctypes.c_char_p),
        "ggml_backend_dev_description": ([ctypes.c_void_p], ctypes.c_char_p),
        "ggml_backend_dev_type": ([ctypes.c_void_p], ctypes.c_int),
        "ggml_backend_dev_memory": ([ctypes.c_void_p, size, size], None),
    }
    for name, (arguments, result) in signatures.items():
        function = getattr(libggml, name)
        function.argtypes, function.restype = arguments, result
    return libggml
