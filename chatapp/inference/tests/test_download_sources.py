"""Weights from a bucket of a real S3 server (moto), and an external version that is asked, on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.artifacts import Progress, ensure_artifact
from chatapp.inference.catalog import Artifact, BucketObject
from chatapp.inference.models import Download, ModelVersion, VersionState
from chatapp.inference.services.verification import run_download
from chatapp.inference.tests.fake_provider import KEY, hello, provider
from chatapp.inference.tests.tiny_model import hash_of, tiny_model

pytestmark = pytest.mark.django_db
CONTENT = tiny_model(padding=3 << 20)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    endpoint = "http://127.0.0.1:{1}".format(*running.get_host_and_port())
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    bucket = boto3.resource("s3", endpoint_url=endpoint, **keys).create_bucket(Bucket="weights")
    bucket.put_object(Key="models/a b+ü.gguf", Body=CONTENT)
    yield endpoint
    running.stop()


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Path:
    settings.MODELS_DIR = tmp_path
    settings.MODEL_ALLOWED_HOSTS = {"127.0.0.1"}
    return tmp_path


def register(oscar: User, server: str, **changes: Any) -> ModelVersion:
    source = {"kind": "s3", "endpoint": server, "bucket": "weights", "key": "models/a b+ü.gguf", "access_key": "key"}
    given: dict[str, Any] = {"name": "tiny", "provider": "llama_cpp", "context_tokens": 4096}
    return services.register_version(user=oscar, sources=[{**source, "secret": "secret", **changes}], **given)


def work(version: ModelVersion) -> Download:
    download = version.downloads.get()
    while run_download(download_id=download.pk):
        pass
    version.refresh_from_db()
    download.refresh_from_db()
    return download


def test_an_object_becomes_a_verified_version(oscar: User, server: str) -> None:
    version = register(oscar, server)
    assert work(version).error == ""
    assert (version.state, version.sha256) == (VersionState.VERIFIED, hash_of(CONTENT))


def test_what_is_missing_is_said_and_the_key_is_not(oscar: User, server: str) -> None:
    error = work(register(oscar, server, key="models/none.gguf")).error
    assert "127.0.0.1 answered 404: it has no such file" in error
    assert "secret" not in error


def test_a_bucket_inside_that_is_not_listed_is_never_asked(oscar: User, server: str, settings: Any) -> None:
    version = register(oscar, server)
    settings.MODEL_ALLOWED_HOSTS = set()
    assert "no" in work(version).error
    assert version.state == VersionState.DRAFT
    with pytest.raises(ChatappError, match="MODEL_ALLOWED_HOSTS"):
        services.clone_version(user=oscar, version=version, name="b", changes={"system_prompt": "x"})


def test_an_object_is_gone_on_with_where_it_stopped(server: str, tmp_path: Path) -> None:
    source = BucketObject(server, "weights", "models/a b+ü.gguf", "us-east-1", "key", "secret", hosts={"127.0.0.1"})
    artifact = Artifact("tiny", hash_of(CONTENT), len(CONTENT), "model.gguf", (source,))
    (tmp_path / f"{artifact.sha256}.bucket.part").write_bytes(CONTENT[:2_000_000])
    seen: list[Progress] = []
    path = ensure_artifact(artifact, directory=tmp_path, report=seen.append)
    assert path.read_bytes() == CONTENT
    assert min(one.done_bytes for one in seen if one.stage == "downloading" and one.done_bytes) > 2_000_000


def external(oscar: User, url: str) -> ModelVersion:
    return services.register_version(
        user=oscar,
        name="far",
        provider="openai_compatible",
        preset="vllm",
        external_model="m",
        context_tokens=4096,
        endpoints=[{"url": url, "key": KEY}],
        may_leave_company=False,
    )


def test_an_external_version_is_verified_by_an_answer(oscar: User) -> None:
    with provider(hello("Yes", ".")) as server:
        version = external(oscar, server.url)
        assert work(version).error == ""
    assert version.state == VersionState.VERIFIED
    assert "It answered a test question" in version.changes.get().reason
    (asked,) = [one for one in server.asked if one.method == "POST"]
    assert "yes" in str(asked.body["messages"])


def test_one_that_refuses_stays_a_draft_and_its_words_are_not_repeated(oscar: User) -> None:
    with provider(lambda exchange: exchange.send(401, b"bad key " + KEY.encode())) as server:
        version = external(oscar, server.url)
        error = work(version).error
    assert version.state == VersionState.DRAFT
    assert error
    assert KEY not in error
