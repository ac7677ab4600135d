import struct
from pathlib import Path

import pytest

from chatapp.inference.artifacts import InvalidGGUFError, default_directory, ensure_artifact, validate_gguf
from chatapp.inference.catalog import SMOLLM2_135M

STRING, ARRAY, UINT32 = 8, 9, 4


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    tensors: int = 1,
    metadata: int = 3,
    alignment: int = 32,
    shape: tuple[int, ...] = (32, 2),
    kind: int = 8,
    offset: int = 0,
    data: int = 68,
) -> bytes:
    """A file with three metadata entries and one tensor of 2 by 32 values in Q8_0: 68 bytes."""
    head = magic + struct.pack("<IQQ", version, tensors, metadata)
    head += text("general.alignment") + struct.pack("<II", UINT32, alignment)
    head += text("tokens") + struct.pack("<IIQ", ARRAY, STRING, 2) + text("a") + text("b")
    head += text("name") + struct.pack("<I", STRING) + text("tiny")
    head += text("weight") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
    head += struct.pack("<IQ", kind, offset)
    return head + bytes(-len(head) % 32) + bytes(data)


def check(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    validate_gguf(path)


def test_a_sound_file_passes(tmp_path: Path) -> None:
    check(tmp_path / "a.gguf", gguf())


def test_e02_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gguf()
    for length in range(len(whole)):
        with pytest.raises(InvalidGGUFError):
            check(tmp_path / "a.gguf", whole[:length])


@pytest.mark.parametrize(
    "content,reason",
    [
        (gguf(magic=b"GGML"), "begin with GGUF"),
        (gguf(version=9), "version 9"),
        (gguf(tensors=2**63), "tensors"),
        (gguf(metadata=2**63), "metadata"),
        (gguf(alignment=0), "alignment"),
        (gguf(shape=(32, 3)), "past the end"),
        (gguf(offset=2**40), "past the end"),
        (gguf(offset=5), "not aligned"),
        (gguf(shape=(33, 1)), "not aligned"),
        (gguf(shape=(2**62, 2**62)), "impossible dimensions"),
        (gguf(shape=(32, 0)), "impossible dimensions"),
        (gguf(shape=(32, 1, 1, 1, 1)), "5 dimensions"),
        (gguf(kind=99), "unknown type 99"),
    ],
)
def test_e02_an_impossible_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(InvalidGGUFError, match=reason):
        check(tmp_path / "a.gguf", content)


EMPTY = struct.pack("<IQ", UINT32, 0)
KEPT = struct.pack("<IQ", UINT32, 3000) + bytes(4 * 3000)


@pytest.mark.parametrize(
    "array",
    [
        struct.pack("<IQ", STRING, 5001) + bytes(8 * 5001),
        struct.pack("<IQ", ARRAY, 5001) + 5001 * EMPTY,
        struct.pack("<IQ", ARRAY, 2) + 2 * KEPT,
    ],
)
def test_e02_a_file_that_would_keep_its_reader_busy_for_hours_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, array: bytes
) -> None:
    """Texts without a character, arrays of empty arrays, and short arrays that are kept."""
    tokens = text("tokens") + struct.pack("<I", ARRAY)
    content = gguf().replace(tokens, tokens + array + text("rest") + struct.pack("<I", ARRAY))
    content = content.replace(struct.pack("<IQQ", 3, 1, 3), struct.pack("<IQQ", 3, 1, 4))
    check(tmp_path / "a.gguf", content + bytes(32))
    monkeypatch.setattr("chatapp.inference.artifacts.gguf._MAX_ITEMS", 5000)
    with pytest.raises(InvalidGGUFError, match="more than 5,000 items"):
        check(tmp_path / "a.gguf", content + bytes(32))


def test_e02_links_and_folders_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "a.gguf"
    target.write_bytes(gguf())
    link = tmp_path / "link.gguf"
    link.symlink_to(target)
    for path in (link, tmp_path, tmp_path / "missing.gguf"):
        with pytest.raises(InvalidGGUFError):
            validate_gguf(path)


@pytest.mark.model
def test_a_real_model_passes_and_its_truncated_copy_does_not(tmp_path: Path) -> None:
    path = ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
    validate_gguf(path)
    copy = tmp_path / "cut.gguf"
    copy.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidGGUFError, match="past the end"):
        validate_gguf(copy)
