"""From a registration to a verified version: real files, a real bucket and a real hub on loopback."""

import fcntl
import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.artifacts import ArtifactError
from chatapp.inference.artifacts.targets import RESERVE_BYTES, Target
from chatapp.inference.models import Download, ModelVersion, SourceSecret, VersionState
from chatapp.inference.registry import estimate_for, facts_of
from chatapp.inference.services import download_runs
from chatapp.inference.services.download_runs import claim_download, sweep_downloads
from chatapp.inference.services.verification import read_missing_facts, run_download
from chatapp.inference.tests.tiny_model import hash_of, tiny_model

pytestmark = pytest.mark.django_db

FILE = {"kind": "file", "path": "models/tiny.gguf"}
HUB = {"kind": "hugging_face", "repository": "maker/model", "file": "tiny.gguf"}


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Path:
    settings.MODELS_DIR = tmp_path / "store"
    settings.MODEL_IMPORT_DIR = tmp_path / "import"
    (tmp_path / "import" / "models").mkdir(parents=True)
    return tmp_path / "store"


def place(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "import" / FILE["path"]).write_bytes(content)
    return hash_of(content)


def register(user: User | None, **changes: Any) -> ModelVersion:
    given = {"name": "tiny", "provider": "llama_cpp", "context_tokens": 4096, "sources": [FILE], **changes}
    return services.register_version(user=user, **given)


def work(version: ModelVersion) -> Download:
    """What the pipeline does of it, to the end."""
    download = version.downloads.get()
    while run_download(download_id=download.pk):
        pass
    version.refresh_from_db()
    download.refresh_from_db()
    return download


def test_a_file_without_a_known_hash_becomes_a_verified_version(oscar: User, tmp_path: Path, store: Path) -> None:
    sha256 = place(tmp_path, tiny_model())
    version = register(oscar)
    assert (version.state, version.sha256) == (VersionState.DRAFT, "")
    download = work(version)
    assert (download.state, download.error, download.percent) == ("complete", "", 100)
    assert (version.state, version.sha256) == (VersionState.VERIFIED, sha256)
    assert (store / f"{sha256}.gguf").read_bytes() == tiny_model()
    assert not list(store.glob("*.part*"))
    facts = facts_of(version)
    assert facts is not None
    assert (facts.architecture, facts.quantization, facts.trained_context) == ("llama", "Q8_0", 8192)
    need = estimate_for(version)
    assert need is not None
    assert need.total_bytes > need.weights_bytes == 68
    change = version.changes.get()
    assert (change.before, change.after, change.actor) == ("draft", "verified", None)
    assert sha256[:12] in change.reason


def test_what_the_set_up_registers_is_evaluated_and_its_facts_are_read_later(store: Path) -> None:
    content = tiny_model()
    version = register(None, sha256=hash_of(content), sources=[])
    assert version.state == VersionState.EVALUATED
    assert not version.downloads.exists()
    assert read_missing_facts() == 0
    store.mkdir()
    (store / f"{version.sha256}.gguf").write_bytes(content)
    assert read_missing_facts() == 1
    version.refresh_from_db()
    assert facts_of(version) is not None


@pytest.mark.parametrize(
    "content,said",
    [
        (b"no model at all, of any kind", "no usable GGUF"),
        (tiny_model(template=""), "no chat template"),
        (tiny_model(template="{% for %}"), "template failed"),
        (tiny_model(template="{{ messages.__class__ }}"), "may not read __class__"),
        (tiny_model(template="{% for a in range(9999999) %}{% for b in range(9999999) %}{% endfor %}{% endfor %}"), ""),
        (tiny_model(template="nothing of the messages"), "leaves the question out"),
        (tiny_model(context=2048), "knows 2,048"),
        (tiny_model(general__type="adapter"), "LoRA adapter"),
        (tiny_model(split__count=3), "llama-gguf-split"),
    ],
)
def test_what_cannot_answer_stays_a_draft_with_a_reason(oscar: User, tmp_path: Path, content: bytes, said: str) -> None:
    place(tmp_path, content)
    version = register(oscar)
    download = work(version)
    assert download.state == "failed"
    assert download.error
    assert said in download.error
    assert version.state == VersionState.DRAFT
    assert version.facts is None


def test_a_file_that_is_not_the_one_of_the_hash_is_refused(oscar: User, tmp_path: Path, store: Path) -> None:
    place(tmp_path, tiny_model())
    version = register(oscar, sha256="ab" * 32)
    assert "sha256 is another" in work(version).error
    assert version.state == VersionState.DRAFT
    assert not list(store.glob("*.gguf"))


@pytest.mark.parametrize("change", [{"sha256": "cd" * 32}, {"facts": {}}, {"facts": None}])
def test_what_was_written_once_stays_whoever_writes(oscar: User, tmp_path: Path, change: dict[str, Any]) -> None:
    place(tmp_path, tiny_model())
    version = register(oscar)
    work(version)
    with pytest.raises(IntegrityError, match="immutable"):
        ModelVersion.objects.filter(pk=version.pk).update(**change)


def test_the_hash_is_written_once(oscar: User, tmp_path: Path) -> None:
    first = place(tmp_path, tiny_model())
    version = register(oscar)
    work(version)
    place(tmp_path, tiny_model(padding=32))
    version.downloads.all().delete()
    services.request_download(version, user=oscar)
    work(version)
    assert version.sha256 == first


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "file", "path": "../secret.gguf"},
        {"kind": "file", "path": "/etc/passwd"},
        {"kind": "file", "path": ""},
        {"kind": "file"},
        {"kind": "ftp", "path": "a"},
        {"kind": ["file"]},
        {"kind": "hugging_face", "repository": "../x", "file": "a.gguf"},
        {"kind": "hugging_face", "repository": "a/b", "file": "a.gguf", "revision": "x?y=z"},
        {"kind": "packages", "parts": [{"requirement": "--index-url=http://evil", "member": "a"}]},
        {"kind": "packages", "parts": [{"requirement": "a @ http://evil/a.whl", "member": "a"}]},
        {"kind": "packages", "parts": []},
        {"kind": "s3", "endpoint": "http://169.254.169.254", "bucket": "abc", "key": "a"},
        {"kind": "s3", "endpoint": "https://10.0.0.1", "bucket": "abc", "key": "a"},
        {"kind": "s3", "endpoint": "http://public.example", "bucket": "abc", "key": "a"},
        {"kind": "s3", "endpoint": "https://public.example", "bucket": "a/b", "key": "a"},
        {"kind": "s3", "endpoint": "https://public.example", "bucket": "abc", "key": "a", "secret": "a b"},
    ],
)
def test_sources_that_lead_elsewhere_are_refused(oscar: User, source: Any) -> None:
    with pytest.raises(ChatappError) as refused:
        register(oscar, sources=[source])
    assert refused.value.code == "invalid"
    assert not ModelVersion.objects.exists()


def test_a_hash_that_nobody_has_says_where_its_file_is_looked_for(oscar: User, store: Path) -> None:
    download = work(register(oscar, sha256="ab" * 32, sources=[]))
    assert f"It has no source. Put the file at {store / ('ab' * 32)}.gguf" in download.error


def test_a_link_out_of_the_folder_is_not_followed(oscar: User, tmp_path: Path) -> None:
    (tmp_path / "secret.gguf").write_bytes(tiny_model())
    (tmp_path / "import" / FILE["path"]).symlink_to(tmp_path / "secret.gguf")
    assert "no file models/tiny.gguf below the folder" in work(register(oscar)).error


def test_secrets_are_kept_apart_and_encrypted(oscar: User) -> None:
    version = register(oscar, sources=[{**HUB, "secret": "hf_token"}])
    assert version.sources == [{**HUB, "revision": "main"}]
    assert version.source_secrets.get().secret == "hf_token"
    (stored,) = SourceSecret.objects.extra(select={"raw": "secret"}).values_list("raw", flat=True)
    assert "hf_token" not in stored


class Hub(threading.Thread):
    """Breaks off after `limit` bytes of an answer, and leads to `elsewhere` if that is said."""

    def __init__(self, content: bytes) -> None:
        super().__init__(daemon=True)
        self.content, self.limit, self.elsewhere, self.tag = content, len(content), "", '"one"'
        self.requests: list[dict[str, str]] = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.requests.append({key.lower(): value for key, value in self.headers.items()})
                if hub.elsewhere:
                    self.send_response(302)
                    self.send_header("Location", hub.elsewhere)
                    self.end_headers()
                    return
                is_same = self.headers.get("If-Range", hub.tag) == hub.tag
                start = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if is_same else 0
                self.send_response(206 if start else 200)
                if start:
                    size = len(hub.content)
                    self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
                self.send_header("Content-Length", str(len(hub.content) - start))
                self.send_header("ETag", hub.tag)
                self.end_headers()
                self.wfile.write(hub.content[start : start + hub.limit])

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def run(self) -> None:
        self.server.serve_forever()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    served = Hub(tiny_model(padding=3 << 20))
    served.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{served.server.server_port}")
    yield served
    served.server.shutdown()
    served.server.server_close()


def test_a_download_that_broke_off_goes_on_and_the_token_goes_to_the_hub(oscar: User, hub: Hub) -> None:
    hub.limit = 1 << 20
    version = register(oscar, sources=[{**HUB, "secret": "hf_token"}])
    first = work(version)
    assert first.state == "failed"
    assert "cannot be had" in first.error
    assert first.error.endswith("Repair its sources.")
    first.delete()
    hub.limit = len(hub.content)
    services.request_download(version, user=oscar)
    assert work(version).state == "complete"
    assert [request.get("range") for request in hub.requests] == [None, f"bytes={1 << 20}-"]
    assert {request["authorization"] for request in hub.requests} == {"Bearer hf_token"}
    assert version.sha256 == hash_of(hub.content)


def test_a_killed_worker_s_download_goes_on_where_it_stopped(oscar: User, hub: Hub, store: Path) -> None:
    version = register(oscar, sources=[HUB])
    download = version.downloads.get()
    store.mkdir()
    partial = store / f"incoming-{version.pk}.hub.part"
    partial.write_bytes(hub.content[:1000])
    partial.with_name(f"{partial.name}.tag").write_text(hub.tag)
    assert claim_download(download.pk) is not None  # the worker that is killed
    assert not run_download(download_id=download.pk)  # nobody else goes on while its lease is young
    Download.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep_downloads() == [download.pk]
    assert work(version).state == "complete"
    assert hub.requests[0]["range"] == "bytes=1000-"
    assert version.sha256 == hash_of(hub.content)


def test_parts_of_two_files_are_never_put_together(oscar: User, hub: Hub, store: Path) -> None:
    version = register(oscar, sources=[HUB])
    store.mkdir()
    partial = store / f"incoming-{version.pk}.hub.part"
    partial.write_bytes(b"of an older file")
    partial.with_name(f"{partial.name}.tag").write_text('"zero"')
    assert work(version).state == "complete"
    assert version.sha256 == hash_of(hub.content)


def test_slices_come_between_other_work(oscar: User, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_runs, "SLICE_SECONDS", -1.0)
    monkeypatch.setattr(download_runs, "_REPORT_SECONDS", 0.0)
    version = register(oscar, sources=[HUB])
    download = version.downloads.get()
    slices = 0
    while run_download(download_id=download.pk):
        slices += 1
        if slices == 2:
            monkeypatch.setattr(download_runs, "SLICE_SECONDS", 60.0)
    version.refresh_from_db()
    assert slices >= 2
    assert version.sha256 == hash_of(hub.content)


def test_a_worker_that_dies_again_and_again_ends_it(oscar: User) -> None:
    download = register(oscar, sources=[HUB]).downloads.get()
    for _ in range(download_runs.MAX_ATTEMPTS):
        assert claim_download(download.pk) is not None
        Download.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep_downloads() == []
    download.refresh_from_db()
    assert download.state == "failed"
    assert "broken off" in download.error


def test_a_file_that_ends_whoever_looks_at_it_ends_no_more_than_three(
    oscar: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("chatapp.inference.services.verification.read_facts", die)
    place(tmp_path, tiny_model())
    download = register(oscar).downloads.get()
    for _ in range(download_runs.MAX_ATTEMPTS):
        assert sweep_downloads() == [download.pk]
        with pytest.raises(SystemExit):
            run_download(download_id=download.pk)
        Download.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep_downloads() == []
    download.refresh_from_db()
    assert "broken off" in download.error


def test_a_hub_that_leads_inside_is_not_followed(oscar: User, hub: Hub) -> None:
    hub.elsewhere = "http://169.254.169.254/latest/meta-data"
    version = register(oscar, sources=[HUB])
    assert "inside the network" in work(version).error
    assert len(hub.requests) == 1


def test_more_than_the_limit_is_refused(oscar: User, hub: Hub, settings: Any) -> None:
    settings.MODEL_MAX_GB = 0
    assert "at most 0 are taken" in work(register(oscar, sources=[HUB])).error


def test_a_full_disk_is_said_before_anything_is_written(
    oscar: User, hub: Hub, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1 << 20})())
    assert "the disk has 0.0 GB free" in work(register(oscar, sources=[HUB])).error
    assert not [path for path in store.glob("*.part") if path.stat().st_size]


def test_a_disk_that_fills_up_meanwhile_keeps_its_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has said how many bytes come, and others write there too."""
    free = RESERVE_BYTES + 150
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": free})())
    target = Target(tmp_path / "x.part", 10_000, is_known=True, advance=lambda _done, _total: None)

    def chunks() -> Iterator[bytes]:
        nonlocal free
        for _ in range(3):
            yield bytes(100)
            free -= 100

    with pytest.raises(ArtifactError, match="1 GB stays"):
        target.take(chunks(), resumed=False, total=0)
    assert target.begin() == 100


def test_who_waits_for_another_one_s_bytes_was_not_broken_off(oscar: User, tmp_path: Path, store: Path) -> None:
    """A clone of a version whose download takes an hour, say."""
    sha256 = place(tmp_path, tiny_model())
    download = register(oscar, sha256=sha256).downloads.get()
    store.mkdir()
    with (store / f"{sha256}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for _ in range(download_runs.MAX_ATTEMPTS + 1):
            assert not run_download(download_id=download.pk)
            assert sweep_downloads() == [download.pk]
    assert work(download.version).state == "complete"


def test_a_cancelled_download_is_left_by_its_worker(oscar: User) -> None:
    version = register(oscar, sources=[HUB])
    run = claim_download(version.downloads.get().pk)
    assert run is not None
    assert services.cancel_download(user=oscar, version=version)
    with pytest.raises(download_runs.LeaseLostError):
        run.renew()
    assert not services.cancel_download(user=oscar, version=version)
    assert AuditEvent.objects.filter(action="inference.download_cancelled").count() == 1


def test_one_download_at_a_time(oscar: User) -> None:
    version = register(oscar, sources=[HUB])
    assert services.request_download(version, user=oscar) == version.downloads.get()


def test_an_employee_fetches_and_cancels_nothing(oscar: User, mallory: User) -> None:
    version = register(oscar, sources=[HUB])
    for call in (
        lambda: services.request_download(version, user=mallory),
        lambda: services.cancel_download(user=mallory, version=version),
        lambda: services.clone_version(user=mallory, version=version, name="mine", changes={"system_prompt": "x"}),
        lambda: services.reject_version(user=mallory, version=version, reason="no"),
        lambda: services.retire_version(user=mallory, version=version),
        lambda: services.restore_version(user=mallory, version=version),
        lambda: services.remove_weights(user=mallory, hashes=[]),
    ):
        with pytest.raises(ChatappError) as refused:
            call()
        assert refused.value.code == "forbidden"


def test_an_external_version_that_nobody_answers_for_stays_a_draft(oscar: User) -> None:
    version = register(
        oscar,
        provider="openai_compatible",
        preset="vllm",
        external_model="m",
        sources=[],
        endpoints=[{"url": "http://127.0.0.1:9"}],
        may_leave_company=False,
    )
    download = work(version)
    assert download.state == "failed"
    assert version.state == VersionState.DRAFT
