"""A bucket of a real S3 server (moto) on loopback, and servers that answer as none should."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chatapp.errors import ChatappError
from chatapp.retrieval.connectors.s3 import S3Source
from chatapp.retrieval.fetching import Fetched
from chatapp.retrieval.models import Collection, Connector
from chatapp.retrieval.tests.conftest import People
from chatapp.retrieval.tests.connecting import connect, counts, names, sync
from chatapp.retrieval.tests.serving import Servers, answer, servers

pytestmark = pytest.mark.django_db
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://127.0.0.1:{1}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def loopback(settings: Any) -> None:
    settings.CONNECTOR_ALLOWED_HOSTS = {"127.0.0.1"}


@pytest.fixture
def bucket(server: str, loopback: None) -> Iterator[Any]:
    resource = boto3.resource(
        "s3", endpoint_url=server, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
    )
    made = resource.create_bucket(Bucket="manuals")
    yield made
    made.objects.delete()
    made.delete()


@pytest.fixture
def manuals(people: People, notes: Collection, server: str, bucket: Any) -> Connector:
    for key in ("hr/leave.md", "hr/a b+c%20é/ü&x=y.txt", "hr/picture.gif", "hr/.hidden.md", "other/no.md", "hr/"):
        bucket.put_object(Key=key, Body=f"Text of {key}.".encode())
    return connect(
        people.ada, notes, "s3", secret="secret", endpoint=server, bucket="manuals", prefix="hr/", access_key="key"
    )


def test_objects_below_the_prefix_become_documents(notes: Collection, manuals: Connector) -> None:
    assert counts(sync(manuals)) == ("complete", 2, 0, 0, 0, 0)
    assert names(notes) == {"leave.md", "a b+c%20é/ü&x=y.txt"}
    with notes.documents.get(name="leave.md").versions.get().file.open() as file:
        assert file.read() == b"Text of hr/leave.md."


def test_objects_with_the_same_etag_are_not_fetched(
    people: People, manuals: Connector, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(manuals)
    bucket.put_object(Key="hr/leave.md", Body=b"Changed.")
    read: list[str] = []
    original = S3Source.read_item

    def note(self: S3Source, item: Any, into: Any) -> Any:
        read.append(item.key)
        return original(self, item, into)

    monkeypatch.setattr(S3Source, "read_item", note)
    assert counts(sync(manuals, people.ada)) == ("complete", 0, 1, 1, 0, 0)
    assert read == ["hr/leave.md"]
    bucket.Object("hr/leave.md").delete()
    bucket.put_object(Key="hr/new.md", Body=b"New.")
    bucket.put_object(Key="hr/newer.md", Body=b"Newer.")
    assert counts(sync(manuals, people.ada)) == ("complete", 2, 0, 1, 1, 0)


def test_long_lists_come_in_pages(server: str, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.retrieval.connectors.s3._PAGE", 3)
    for number in range(10):
        bucket.put_object(Key=f"{number}.md", Body=b"")
    source = S3Source({"endpoint": server, "bucket": "manuals", "access_key": "key"}, "secret")
    assert {item.key for item in source.list_items()} == {f"{number}.md" for number in range(10)}


def test_the_signature_is_that_of_sigv4(running: Servers, loopback: None) -> None:
    """Signed anew by botocore from what arrived at the server, with the right key and with a wrong one."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    arrived: list[tuple[str, dict[str, str]]] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        arrived.append((handler.path, dict(handler.headers)))
        answer(handler, f'<ListBucketResult xmlns="{NAMESPACE}"/>'.encode())

    url = running.start(note)
    assert (
        list(S3Source({"endpoint": url, "bucket": "b", "access_key": "key", "prefix": "a b/é+"}, "s").list_items())
        == []
    )
    path, headers = arrived[0]
    given = headers["Authorization"].rpartition("Signature=")[2]
    for secret, is_right in (("s", True), ("other", False)):
        request = AWSRequest("GET", url + path, headers={"X-Amz-Content-SHA256": headers["X-Amz-Content-SHA256"]})
        signer = S3SigV4Auth(Credentials("key", secret), "s3", "us-east-1")
        request.context["timestamp"] = headers["X-Amz-Date"]
        request.headers["X-Amz-Date"] = headers["X-Amz-Date"]
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        assert (signature == given) is is_right


@pytest.fixture
def running() -> Iterator[Servers]:
    with servers() as started:
        yield started


BOMB = b'<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;&b;">]><ListBucketResult>&c;</ListBucketResult>'


@pytest.mark.parametrize(
    "status, body, said",
    [
        (403, b"", "refuses the key"),
        (404, b"", "status 404"),
        (301, b"", "leads elsewhere"),
        (200, b"<html>", "no list of a bucket"),
        (200, b"<html/>", "no list of a bucket"),
        (200, BOMB, "no list of a bucket"),
        (200, b"x" * 5_000_001, "larger than the limit"),
    ],
)
def test_a_server_that_gives_no_list_is_told_and_nothing_goes(
    people: People, notes: Collection, running: Servers, loopback: None, status: int, body: bytes, said: str
) -> None:
    url = running.start(lambda handler: answer(handler, body, status=status, Location="http://127.0.0.1:9/"))
    run = sync(connect(people.ada, notes, "s3", endpoint=url, bucket="manuals"))
    assert run.status == "failed"
    assert said in run.error


def test_a_list_without_end_ends(people: People, notes: Collection, running: Servers, loopback: None) -> None:
    page = f'<ListBucketResult xmlns="{NAMESPACE}"><IsTruncated>true</IsTruncated>'
    page += "<NextContinuationToken>same</NextContinuationToken></ListBucketResult>"
    url = running.start(lambda handler: answer(handler, page.encode()))
    assert sync(connect(people.ada, notes, "s3", endpoint=url, bucket="manuals")).status == "complete"


@pytest.mark.parametrize(
    "config",
    [
        *({"endpoint": "http://s3.example"}, {"endpoint": "https://10.0.0.1"}, {"endpoint": "https://169.254.169.254"}),
        *({"endpoint": "file:///etc"}, {"endpoint": "https://s3.example?x=y"}, {"endpoint": ""}, {"bucket": "../x"}),
        *({"bucket": "a/b"}, {"bucket": ""}, {"bucket": "a\nb"}, {"prefix": "x" * 2000}, {"include": "*" * 9}),
    ],
)
def test_d07_odd_settings_are_refused(people: People, notes: Collection, config: dict[str, Any]) -> None:
    with pytest.raises(ChatappError) as told:
        connect(people.ada, notes, "s3", **{"endpoint": "https://s3.example", "bucket": "manuals", **config})
    assert told.value.code == "invalid"


def test_a_key_is_sent_to_no_other_place(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []

    def note(url: str, *, into: Any, hops: int, **how: Any) -> Fetched:
        asked.append((url, hops))
        into.write(f'<ListBucketResult xmlns="{NAMESPACE}"/>'.encode())
        return Fetched(200, url, {})

    monkeypatch.setattr("chatapp.retrieval.connectors.s3.fetch", note)
    list(S3Source({"endpoint": "https://s3.example", "bucket": "b", "access_key": "key"}, "s").list_items())
    assert [hops for _, hops in asked] == [0]
