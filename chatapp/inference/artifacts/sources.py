"""Bytes of an artifact from one source, written to a partial file. The hash is checked by the caller."""

import os
from functools import partial
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import httpx

from chatapp.inference.artifacts.places import leads_inside
from chatapp.inference.artifacts.progress import ArtifactError
from chatapp.inference.artifacts.targets import Target, tag_of, total_of
from chatapp.inference.catalog import BucketObject, FolderFile, HubFile

_CHUNK = 1 << 20
_HUB_TIMEOUT = httpx.Timeout(30.0, connect=4.0)
_MAX_HOPS = 5
_BUCKET_STEP_SECONDS, _BUCKET_SECONDS = 30.0, 3600.0  # after an hour the next try goes on
_NOTHING_LEFT = 416  # Range Not Satisfiable: what is here already is all, or not of this file
_REFUSED = {401: "wants a token that opens it", 403: "wants a token that opens it", 404: "has no such file"}


def fetch_from_hub(source: HubFile, target: Target) -> None:
    """Download by HTTPS, going on where an earlier try stopped. The token goes to the hub alone."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{endpoint}/{source.repository}/resolve/{quote(source.revision, safe='')}/{quote(source.filename)}"
    try:
        with httpx.Client(timeout=_HUB_TIMEOUT) as client:
            _follow(client, url, source, target)
    except httpx.HTTPError as error:
        raise ArtifactError(f"{httpx.URL(url).host} cannot be reached ({type(error).__name__})") from error


def _follow(client: httpx.Client, url: str, source: HubFile, target: Target) -> None:
    """Redirects lead to the place that stores the file. One that leads into the company's network is refused."""
    hub = urlsplit(url).netloc
    for _ in range(_MAX_HOPS):
        is_hub = urlsplit(url).netloc == hub
        if not is_hub and leads_inside(url):
            raise ArtifactError(f"{hub} leads to an address inside the network")
        token = {"Authorization": f"Bearer {source.token}"} if source.token and is_hub else {}
        with client.stream("GET", url, headers={**target.resume_headers(), **token}) as response:
            if not response.is_redirect:
                _take_answer(response, target)
                return
            url = urljoin(url, response.headers["Location"])
    raise ArtifactError(f"{hub} leads elsewhere too often")


def _take_answer(response: httpx.Response, target: Target) -> None:
    status, resumed = response.status_code, response.status_code == httpx.codes.PARTIAL_CONTENT
    if status == _NOTHING_LEFT and _is_whole(target, response.headers.get("content-range", "")):
        return
    if not response.is_success:
        raise ArtifactError(f"{response.url.host} answered {status}{_explain(status)}")
    # As it comes, not in pieces of a size: whoever sends a byte now and then shall not keep the worker from asking
    # whether anybody still wants it.
    chunks = response.iter_bytes()
    target.take(
        chunks, resumed=resumed, total=total_of(response.headers, resumed=resumed), tag=tag_of(response.headers)
    )


def fetch_from_bucket(source: BucketObject, target: Target) -> None:
    """GetObject with a path-style address. No redirect is followed."""
    import requests
    import urllib3

    from chatapp.guarded import Bounds, GuardedSession
    from chatapp.guarded_places import ListedPlaces
    from chatapp.signing import sign_s3

    url = f"{source.endpoint}/{source.bucket}/{quote(source.key, safe='/~')}"
    signed = sign_s3(url, access_key=source.access_key, secret=source.secret, region=source.region)
    bounds = Bounds(target.limit_bytes, _BUCKET_STEP_SECONDS, _BUCKET_SECONDS)
    guard = ListedPlaces(source.hosts, "MODEL_ALLOWED_HOSTS")
    headers = {**signed, **target.resume_headers(), "Accept-Encoding": "identity"}
    try:
        with GuardedSession(guard, bounds) as session, session.open("GET", url, headers=headers) as response:
            status, resumed = response.status_code, response.status_code == httpx.codes.PARTIAL_CONTENT
            if status == _NOTHING_LEFT and _is_whole(target, response.headers.get("content-range", "")):
                return
            if status not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
                raise ArtifactError(f"{urlsplit(url).hostname} answered {status}{_explain(status)}")
            total = total_of(response.headers, resumed=resumed)
            chunks = iter(partial(response.raw.read1, _CHUNK, decode_content=True), b"")  # as it comes, likewise
            target.take(chunks, resumed=resumed, total=total, tag=tag_of(response.headers))
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        reason = str(error) if type(error).__module__ == "chatapp.guarded" else type(error).__name__
        raise ArtifactError(f"{urlsplit(url).hostname} cannot be read ({reason})") from error


def copy_from_folder(source: FolderFile, target: Target) -> None:
    """The store holds a copy: what lies in the folder may change. Nothing outside the folder is read."""
    path = find_in_folder(source)
    status = path.stat()
    tag = f'"{status.st_size}-{status.st_mtime_ns}"'
    have = target.begin_with(tag)
    with path.open("rb") as file:
        file.seek(have)
        target.take(iter(partial(file.read, _CHUNK), b""), resumed=have > 0, total=status.st_size, tag=tag)


def find_in_folder(source: FolderFile) -> Path:
    """Raises ArtifactError when it is no plain file below the folder."""
    folder = source.folder.resolve()
    path = (folder / source.path).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise ArtifactError(f"there is no file {source.path} below the folder of models to import")
    return path


def _is_whole(target: Target, content_range: str) -> bool:
    """After 416: whether what is here is all that there is. What is not of this file is removed."""
    have, said = target.begin(), content_range.rpartition("/")[2]
    if said.isdecimal() and int(said) == have:
        return True
    target.discard()
    return False


def _explain(status: int) -> str:
    return f": it {_REFUSED[status]}" if status in _REFUSED else ""
