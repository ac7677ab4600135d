"""Structural check of a GGUF before llama.cpp maps it.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import os
import stat
import struct
from pathlib import Path

from chatapp.inference.artifacts.progress import ArtifactError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_TENSORS = 100_000
_MAX_METADATA = 100_000
_MAX_DIMENSIONS = 4
_MAX_ARRAY_DEPTH = 4
_DEFAULT_ALIGNMENT = 32
# Metadata value types: number of bytes, by the type's number in the format.
_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32, _STRING, _ARRAY = 4, 8, 9
# Tensor types: (elements in a block, bytes of a block), by ggml's number of the type.
_TENSOR_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
    34: (256, 54),
    35: (256, 66),
    39: (32, 17),
}


class InvalidGGUFError(ArtifactError):
    """The file is no GGUF that may be mapped; the message says what is wrong with it."""


def validate_gguf(path: Path) -> None:
    """Raise `InvalidGGUFError` unless magic, version, metadata and every tensor's extent lie within the file.

    A symbolic link is refused: what was checked must be what is mapped.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise InvalidGGUFError(f"{path.name} cannot be opened as a plain file: {error.strerror}.") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise InvalidGGUFError(f"{path.name} is not a plain file.")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size < 24:
            raise InvalidGGUFError(f"{path.name} is too short to be a GGUF.")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                _check(_Reader(data))
            except InvalidGGUFError as error:
                raise InvalidGGUFError(f"{path.name} is no usable GGUF: {error}.") from error


class _Reader:
    """Reads little-endian fields in order and never past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.size = len(data)
        self.position = 0

    def skip(self, count: int) -> int:
        start = self.position
        if count > self.size - start:
            raise InvalidGGUFError(f"it ends inside a field at byte {start}")
        self.position = start + count
        return start

    def take(self, count: int) -> bytes:
        start = self.skip(count)
        return self._data[start : start + count]

    def uint32(self) -> int:
        return int(struct.unpack_from("<I", self._data, self.skip(4))[0])

    def uint64(self) -> int:
        return int(struct.unpack_from("<Q", self._data, self.skip(8))[0])

    def string(self) -> bytes:
        return self.take(self.uint64())

    def skip_string(self) -> None:
        self.skip(self.uint64())


def _check(reader: _Reader) -> None:
    if reader.take(4) != _MAGIC:
        raise InvalidGGUFError("it does not begin with GGUF")
    version = reader.uint32()
    if version not in _VERSIONS:
        raise InvalidGGUFError(f"version {version} is not known")
    tensors, metadata = reader.uint64(), reader.uint64()
    if tensors > _MAX_TENSORS or metadata > _MAX_METADATA:
        raise InvalidGGUFError(f"it claims {tensors} tensors and {metadata} metadata entries")
    alignment = _read_metadata(reader, count=metadata)
    extents = [_read_tensor(reader, alignment=alignment) for _ in range(tensors)]
    data_start = -(-reader.position // alignment) * alignment
    for name, offset, length in extents:
        if data_start + offset + length > reader.size:
            raise InvalidGGUFError(f"tensor {name} reaches past the end of the file")


def _read_metadata(reader: _Reader, *, count: int) -> int:
    """Walk the metadata; return the alignment of tensor data."""
    alignment = _DEFAULT_ALIGNMENT
    for _ in range(count):
        key, kind = reader.string(), reader.uint32()
        if key == b"general.alignment" and kind == _UINT32:
            alignment = reader.uint32()
            if alignment == 0 or alignment % 8 or alignment > 1 << 20:
                raise InvalidGGUFError(f"alignment {alignment} is not allowed")
        else:
            _skip_value(reader, kind=kind, depth=0)
    return alignment


def _skip_value(reader: _Reader, *, kind: int, depth: int) -> None:
    if kind in _SCALAR_BYTES:
        reader.skip(_SCALAR_BYTES[kind])
    elif kind == _STRING:
        reader.skip_string()
    elif kind == _ARRAY and depth < _MAX_ARRAY_DEPTH:
        item, count = reader.uint32(), reader.uint64()
        if item in _SCALAR_BYTES:
            reader.skip(count * _SCALAR_BYTES[item])
            return
        # A string takes eight bytes at least and an array twelve, so a false count ends at the file's end.
        for _ in range(count):
            _skip_value(reader, kind=item, depth=depth + 1)
    else:
        raise InvalidGGUFError(f"metadata type {kind} is not known")


def _read_tensor(reader: _Reader, *, alignment: int) -> tuple[str, int, int]:
    name = reader.string()[:64].decode("utf-8", "replace")
    dimensions = reader.uint32()
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise InvalidGGUFError(f"tensor {name} has {dimensions} dimensions")
    shape = [reader.uint64() for _ in range(dimensions)]
    kind, offset = reader.uint32(), reader.uint64()
    if kind not in _TENSOR_BLOCKS:
        raise InvalidGGUFError(f"tensor {name} has the unknown type {kind}")
    block_elements, block_bytes = _TENSOR_BLOCKS[kind]
    if offset % alignment or shape[0] % block_elements:
        raise InvalidGGUFError(f"tensor {name} is not aligned")
    elements = 1
    for extent in shape:
        elements *= extent
    # Python's integers do not overflow; ggml's do, so what would overflow there is refused here.
    if not 0 < elements < 1 << 63:
        raise InvalidGGUFError(f"tensor {name} has impossible dimensions")
    return name, offset, elements // block_elements * block_bytes
