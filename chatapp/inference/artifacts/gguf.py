"""A GGUF's header, read and checked before llama.cpp maps the file.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chatapp.inference.artifacts.progress import ArtifactError
from chatapp.inference.artifacts.tensor_types import TENSOR_BLOCKS

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_TENSORS = 100_000
_MAX_METADATA = 100_000
_MAX_DIMENSIONS = 4
_MAX_ARRAY_DEPTH = 4
_DEFAULT_ALIGNMENT = 32
# Metadata value types, by the type's number in the format.
_SCALARS = {
    number: struct.Struct(f"<{code}")
    for number, code in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}
_UINT64 = _SCALARS[10]
# Of all arrays together, counted one by one: the largest vocabularies with their merges have a tenth of it.
_MAX_ITEMS = 10_000_000
# One value for each layer is kept; a vocabulary is not.
_MAX_ARRAY_KEPT = 4096
_MAX_STRING_KEPT = 1024
_STRING, _ARRAY = 8, 9
# Kept although it is long: what a model's messages are written with.
CHAT_TEMPLATE = "tokenizer.chat_template"
_MAX_TEMPLATE_KEPT = 400_000


class InvalidGGUFError(ArtifactError):
    """The file is no GGUF that may be mapped; the message says what is wrong with it."""


Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """`metadata` leaves out long texts but the chat template, arrays of texts and long arrays."""

    metadata: Mapping[str, Scalar | tuple[Scalar, ...]]
    tensors: tuple[Tensor, ...]


def validate_gguf(path: Path) -> None:
    """Raise `InvalidGGUFError` unless magic, version, metadata and every tensor's extent lie within the file."""
    read_header(path)


def read_header(path: Path) -> Header:
    """Raises `InvalidGGUFError`, as `validate_gguf` does.

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
                return _read(_Reader(data))
            except InvalidGGUFError as error:
                raise InvalidGGUFError(f"{path.name} is no usable GGUF: {error}.") from error


class _Reader:
    """Reads little-endian fields in order and never past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.size = len(data)
        self.position = 0
        self._items = 0

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

    def count(self, items: int) -> int:
        """Before a loop over so many: 100 GB of them would keep it busy for hours, and what is kept fill the memory."""
        self._items += items
        if self._items > _MAX_ITEMS:
            raise InvalidGGUFError(f"its metadata have more than {_MAX_ITEMS:,} items")
        return items

    def skip_strings(self, count: int) -> None:
        """A vocabulary has hundreds of thousands of them."""
        position, size, data, length_at = self.position, self.size, self._data, _UINT64.unpack_from
        for _ in range(count):
            if position + 8 > size:
                raise InvalidGGUFError(f"it ends inside a field at byte {position}")
            position += 8 + length_at(data, position)[0]
        self.position = min(position, size)
        self.skip(position - self.position)

    def scalar(self, kind: int) -> Scalar:
        value: Scalar = _SCALARS[kind].unpack(self.take(_SCALARS[kind].size))[0]
        return value


def _read(reader: _Reader) -> Header:
    if reader.take(4) != _MAGIC:
        raise InvalidGGUFError("it does not begin with GGUF")
    version = reader.uint32()
    if version not in _VERSIONS:
        raise InvalidGGUFError(f"version {version} is not known")
    tensors, entries = reader.uint64(), reader.uint64()
    if tensors > _MAX_TENSORS or entries > _MAX_METADATA:
        raise InvalidGGUFError(f"it claims {tensors} tensors and {entries} metadata entries")
    metadata: dict[str, Scalar | tuple[Scalar, ...]] = {}
    for _ in range(entries):
        key, value = _read_entry(reader)
        if value is not None:
            metadata[key] = value
    alignment = _alignment(metadata)
    header = Header(metadata, tuple(_read_tensor(reader, alignment=alignment) for _ in range(tensors)))
    data_start = -(-reader.position // alignment) * alignment
    for tensor in header.tensors:
        if data_start + tensor.offset + tensor.size_bytes > reader.size:
            raise InvalidGGUFError(f"tensor {tensor.name} reaches past the end of the file")
    return header


def _alignment(metadata: Mapping[str, Scalar | tuple[Scalar, ...]]) -> int:
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or alignment <= 0 or alignment % 8 or alignment > 1 << 20:
        raise InvalidGGUFError(f"alignment {alignment} is not allowed")
    return alignment


def _read_entry(reader: _Reader) -> tuple[str, Scalar | tuple[Scalar, ...] | None]:
    """A key and its value; None for what `Header` leaves out."""
    key, kind = reader.string()[:_MAX_STRING_KEPT].decode("utf-8", "replace"), reader.uint32()
    if kind in _SCALARS:
        return key, reader.scalar(kind)
    if kind == _STRING:
        text = reader.string()
        most = _MAX_TEMPLATE_KEPT if key == CHAT_TEMPLATE else _MAX_STRING_KEPT
        return key, text.decode("utf-8", "replace") if len(text) <= most else None
    if kind == _ARRAY:
        return key, _read_array(reader, depth=0)
    raise InvalidGGUFError(f"metadata type {kind} is not known")


def _read_array(reader: _Reader, *, depth: int) -> tuple[Scalar, ...] | None:
    kind, count = reader.uint32(), reader.uint64()
    if kind in _SCALARS and count > _MAX_ARRAY_KEPT:
        reader.skip(count * _SCALARS[kind].size)
    elif kind in _SCALARS:
        return tuple(reader.scalar(kind) for _ in range(reader.count(count)))
    elif kind == _STRING:
        reader.skip_strings(reader.count(count))
    elif kind == _ARRAY and depth < _MAX_ARRAY_DEPTH:
        for _ in range(reader.count(count)):
            _read_array(reader, depth=depth + 1)
    else:
        raise InvalidGGUFError(f"metadata type {kind} is not known")
    return None


def _read_tensor(reader: _Reader, *, alignment: int) -> Tensor:
    name = reader.string()[:64].decode("utf-8", "replace")
    dimensions = reader.uint32()
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise InvalidGGUFError(f"tensor {name} has {dimensions} dimensions")
    shape = tuple(reader.uint64() for _ in range(dimensions))
    kind, offset = reader.uint32(), reader.uint64()
    if kind not in TENSOR_BLOCKS:
        raise InvalidGGUFError(f"tensor {name} has the unknown type {kind}")
    block_elements, block_bytes = TENSOR_BLOCKS[kind]
    if offset % alignment or shape[0] % block_elements:
        raise InvalidGGUFError(f"tensor {name} is not aligned")
    elements = 1
    for extent in shape:
        elements *= extent
    # Python's integers do not overflow; ggml's do, so what would overflow there is refused here.
    if not 0 < elements < 1 << 63:
        raise InvalidGGUFError(f"tensor {name} has impossible dimensions")
    return Tensor(name, shape, offset, elements // block_elements * block_bytes)
