"""Where apps above this one name versions. They answer here, since inference does not know them."""

from collections.abc import Callable, Iterable

from chatapp.inference.models import ModelVersion

FindUses = Callable[[ModelVersion], Iterable[str]]
_finders: list[FindUses] = []


def register_uses(find: FindUses) -> None:
    _finders.append(find)


def list_uses(version: ModelVersion) -> list[str]:
    """In words, such as "policy harm@2"."""
    return [place for find in _finders for place in find(version)]
