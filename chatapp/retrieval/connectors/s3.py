"""Objects of an S3-compatible bucket, by ListObjectsV2 and GetObject with path-style addresses, signed by SigV4."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

from chatapp.errors import ChatappError
from chatapp.retrieval.connectors.base import (
    Config,
    Content,
    Item,
    ItemError,
    ItemGoneError,
    Known,
    SourceError,
    is_hidden,
    is_wanted,
    patterns_of,
    take_patterns,
    take_text,
)
from chatapp.retrieval.fetching import FetchError, complain_of, fetch, is_listed
from chatapp.signing import sign_s3

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_PAGE = 1000
_MAX_LISTING = 5_000_000  # of one page, in bytes
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_DEFAULT_REGION = "us-east-1"
_SCHEME = "It starts with https:// and has no query."
_DENIED = {401, 403}


def clean_config(given: Mapping[str, object]) -> Config:
    """Raises ChatappError("invalid")."""
    endpoint = take_text(given, "endpoint", label="the endpoint").rstrip("/")
    parts = urlsplit(endpoint) if not complain_of(endpoint) else None
    if parts is None or parts.query or (parts.scheme != "https" and not is_listed(parts.hostname or "")):
        raise ChatappError("invalid", detail=f"the endpoint cannot be read. {complain_of(endpoint) or _SCHEME}")
    bucket = take_text(given, "bucket", label="the bucket")
    if not bucket.isascii() or not all(sign.isalnum() or sign in ".-_" for sign in bucket) or ".." in bucket:
        raise ChatappError("invalid", detail="that is no name of a bucket.")
    return {
        "endpoint": endpoint,
        "bucket": bucket,
        "prefix": take_text(given, "prefix", required=False).lstrip("/"),
        "region": take_text(given, "region", required=False) or _DEFAULT_REGION,
        "access_key": take_text(given, "access_key", required=False),
        "include": take_patterns(given),
    }


class S3Source:
    revision = ""

    def __init__(self, config: Config, secret: str) -> None:
        self._bucket = f"{config['endpoint']}/{config['bucket']}"
        self._prefix, self._region = str(config.get("prefix") or ""), str(config.get("region") or _DEFAULT_REGION)
        self._access_key, self._secret = str(config.get("access_key") or ""), secret
        self._patterns = patterns_of(config)

    def list_items(self) -> Iterator[Item]:
        token = ""
        while True:
            page = self._list(token)
            for entry in page.iter(f"{_NAMESPACE}Contents"):
                key = unquote(entry.findtext(f"{_NAMESPACE}Key") or "")
                name = key.removeprefix(self._prefix).lstrip("/") or key
                if not key.endswith("/") and not is_hidden(name) and is_wanted(name, self._patterns):
                    etag = (entry.findtext(f"{_NAMESPACE}ETag") or "").strip('"')
                    yield Item(key=key, name=name, revision=etag)
            following = page.findtext(f"{_NAMESPACE}NextContinuationToken") or ""
            if page.findtext(f"{_NAMESPACE}IsTruncated") != "true" or following in {"", token}:
                return
            token = following

    def read_item(self, item: Known, into: BinaryIO) -> Content:
        url = f"{self._bucket}/{quote(item.key, safe='/~')}"
        try:
            found = fetch(url, into=into, max_bytes=settings.UPLOAD_MAX_BYTES, credentials=self._sign(url), hops=0)
        except FetchError as error:
            if error.status == 404:
                raise ItemGoneError("The object is gone.") from error
            raise ItemError(str(error)) from error
        return Content(revision=found.headers.get("ETag", "").strip('"'))

    def _list(self, token: str) -> "Element":
        from defusedxml.ElementTree import ParseError, fromstring

        asked = {"encoding-type": "url", "list-type": "2", "max-keys": str(_PAGE), "prefix": self._prefix}
        if token:
            asked["continuation-token"] = token
        query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in sorted(asked.items()))
        url, body = f"{self._bucket}?{query}", BytesIO()
        try:
            fetch(url, into=body, max_bytes=_MAX_LISTING, credentials=self._sign(url), hops=0)
            page: Element = fromstring(body.getvalue(), forbid_dtd=True)
        except FetchError as error:
            denied = "The bucket refuses the key." if error.status in _DENIED else str(error)
            raise SourceError(denied) from error
        except (ParseError, ValueError) as error:
            raise SourceError("The answer is no list of a bucket.") from error
        if page.tag != f"{_NAMESPACE}ListBucketResult":
            raise SourceError("The answer is no list of a bucket.")
        return page

    def _sign(self, url: str) -> dict[str, str]:
        return sign_s3(url, access_key=self._access_key, secret=self._secret, region=self._region)
