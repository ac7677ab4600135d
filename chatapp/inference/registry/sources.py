"""Where the weights of a version can be had, as JSON in its record and as data that the store understands."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from chatapp.errors import ChatappError
from chatapp.guarded_places import ListedPlaces
from chatapp.inference.catalog import (
    ARTIFACTS,
    BucketObject,
    FolderFile,
    HubFile,
    PackageMirror,
    PackagePart,
    Source,
)
from chatapp.inference.models import ModelVersion

MAX_SOURCES = 10
MAX_PARTS = 200
Stored = dict[str, Any]

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_WORD = re.compile(r"[\x21-\x7e]{0,500}")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}==[A-Za-z0-9][A-Za-z0-9._!+-]{0,39}")


def check_sources(given: Sequence[object]) -> tuple[list[Stored], dict[int, str]]:
    """The sources as they are stored, and their secrets by position. Raises ChatappError("invalid")."""
    if len(given) > MAX_SOURCES or not all(isinstance(one, dict) for one in given):
        raise _invalid(f"sources must be at most {MAX_SOURCES} objects.")
    stored, secrets = [], {}
    for position, one in enumerate(given):
        assert isinstance(one, Mapping)  # noqa: S101 (all are, see above)
        kind = one.get("kind")
        check = _CHECKS.get(kind) if isinstance(kind, str) else None
        if check is None:
            raise _invalid(f"the kind of sources must be one of {', '.join(_CHECKS)}.")
        stored.append({"kind": kind, **check(one)})
        secret = _take(one, "secret", _WORD, "is a token or key of plain characters")
        if secret:
            secrets[position] = secret
    return stored, secrets


def sources_of(version: ModelVersion) -> tuple[Source, ...]:
    """Those of its record, then those that the product itself knows for its hash."""
    secrets = {one.position: one.secret for one in version.source_secrets.all()}
    own = [_source(stored, secrets.get(position, "")) for position, stored in enumerate(version.sources)]
    known = [one for artifact in ARTIFACTS.values() if artifact.sha256 == version.sha256 for one in artifact.sources]
    return tuple(dict.fromkeys([*(source for source in own if source is not None), *known]))


def _source(stored: Mapping[str, Any], secret: str) -> Source | None:
    """None for what was stored before sources were checked."""
    try:
        checked, _ = check_sources([{**stored, "secret": secret}])
    except ChatappError:
        return None
    one = checked[0]
    match one["kind"]:
        case "hugging_face":
            return HubFile(one["repository"], one["file"], one["revision"], secret)
        case "packages":
            return PackageMirror(tuple(PackagePart(part["requirement"], part["member"]) for part in one["parts"]))
        case "s3":
            places = {key: one[key] for key in ("endpoint", "bucket", "key", "region", "access_key")}
            return BucketObject(**places, secret=secret, hosts=frozenset(settings.MODEL_ALLOWED_HOSTS))
    return FolderFile(settings.MODEL_IMPORT_DIR, one["path"]) if settings.MODEL_IMPORT_DIR else None


def _check_hub(given: Mapping[str, object]) -> Stored:
    return {
        "repository": _take(given, "repository", _REPOSITORY, "is written owner/name", required=True),
        "file": _take_path(given, "file"),
        "revision": _take(given, "revision", _REVISION, "is a branch, a tag or a commit") or "main",
    }


def _check_packages(given: Mapping[str, object]) -> Stored:
    parts = given.get("parts")
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_PARTS:
        raise _invalid(f"parts is a list of 1 to {MAX_PARTS} objects with requirement and member.")
    return {"parts": [_check_part(part) for part in parts]}


def _check_part(part: object) -> Stored:
    if not isinstance(part, Mapping):
        raise _invalid("each of parts is an object with requirement and member.")
    requirement, member = part.get("requirement"), part.get("member")
    if not isinstance(requirement, str) or not _REQUIREMENT.fullmatch(requirement):
        raise _invalid("parts: a requirement is written name==version.")
    if not isinstance(member, str) or not _is_path(member):
        raise _invalid(f"parts: {requirement} needs the path of the file in it.")
    return {"requirement": requirement, "member": member}


def _check_bucket(given: Mapping[str, object]) -> Stored:
    endpoint = _take(given, "endpoint", _WORD, "is an address", required=True).rstrip("/")
    places = ListedPlaces(settings.MODEL_ALLOWED_HOSTS, "MODEL_ALLOWED_HOSTS")
    complaint = places.complain_of(endpoint)
    if not complaint and not _is_safe(endpoint, places):
        complaint = "It starts with https://, and has no query."
    if complaint:
        raise _invalid(f"the endpoint cannot be read. {complaint}")
    return {
        "endpoint": endpoint,
        "bucket": _take(given, "bucket", _BUCKET, "is the name of a bucket", required=True),
        "key": _take_path(given, "key"),
        "region": _take(given, "region", _BUCKET, "is the name of a region") or "us-east-1",
        "access_key": _take(given, "access_key", _WORD, "is the id of an access key"),
    }


def _is_safe(endpoint: str, places: ListedPlaces) -> bool:
    parts = urlsplit(endpoint)
    return not parts.query and (parts.scheme == "https" or places.is_listed(parts.hostname or ""))


def _check_file(given: Mapping[str, object]) -> Stored:
    if settings.MODEL_IMPORT_DIR is None:
        raise _invalid("no folder of the server is open for models: MODEL_IMPORT_DIR names it.")
    return {"path": _take_path(given, "path")}


def _take(given: Mapping[str, object], name: str, form: re.Pattern[str], rule: str, *, required: bool = False) -> str:
    value = given.get(name, "")
    text = value.strip() if isinstance(value, str) else None
    if text == "" and not required:
        return ""
    if text is None or not form.fullmatch(text) or ".." in text:
        raise _invalid(f"{name} of a source {rule}.")
    return text


def _take_path(given: Mapping[str, object], name: str) -> str:
    """Relative, and nowhere up: names come from people, files are opened and addresses made of them."""
    value = given.get(name)
    text = value.strip() if isinstance(value, str) else ""
    if not _is_path(text):
        raise _invalid(f"{name} of a source is the path of one file, such as models/model.gguf.")
    return text


def _is_path(text: str) -> bool:
    path = PurePosixPath(text)
    is_plain = 0 < len(text) <= 300 and text.isprintable() and "\\" not in text
    return is_plain and not path.is_absolute() and ".." not in path.parts and str(path) == text


def _invalid(detail: str) -> ChatappError:
    return ChatappError("invalid", detail=detail)


_CHECKS: dict[str, Callable[[Mapping[str, object]], Stored]] = {
    "file": _check_file,
    "s3": _check_bucket,
    "hugging_face": _check_hub,
    "packages": _check_packages,
}
