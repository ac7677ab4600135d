"""Where documents come from by themselves: one module per kind, each with `clean_config` and a `Source`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from chatapp.retrieval.connectors import folder, git, s3, web
from chatapp.retrieval.connectors.base import Config, Source

__all__ = ["KINDS", "Kind", "open_source"]


@dataclass(frozen=True, slots=True)
class Kind:
    """`address` are the settings that say where a secret is sent: with another one, it has to be given again."""

    clean_config: Callable[[Mapping[str, object]], Config]
    address: tuple[str, ...] = ()
    takes_secret: bool = False
    finds_by_reading: bool = False


KINDS = {
    "folder": Kind(folder.clean_config),
    "git": Kind(git.clean_config, address=("repository",), takes_secret=True),
    "s3": Kind(s3.clean_config, address=("endpoint",), takes_secret=True),
    "web": Kind(web.clean_config, finds_by_reading=True),
}


def open_source(*, kind: str, config: Config, secret: str, connector_id: UUID, revision: str = "") -> Source:
    """`revision` is what an earlier slice of the same sync has listed."""
    if kind == "folder":
        return folder.FolderSource(config)
    if kind == "git":
        return git.GitSource(config, secret, connector_id=connector_id, revision=revision)
    if kind == "s3":
        return s3.S3Source(config, secret)
    return web.WebSource(config)


def most_items(kind: str, config: Config) -> int:
    """How many items one connector may have."""
    return int(str(config["pages"])) if kind == "web" else int(settings.COLLECTION_MAX_DOCUMENTS)
