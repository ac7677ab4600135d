"""Whether a legal hold keeps data. Apps ask here before they delete; `privacy`, which is above them, answers."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class HoldRegister(Protocol):
    def covers_person(self, user_id: UUID) -> bool: ...

    def covers_collection(self, collection_id: UUID) -> bool: ...


@dataclass(slots=True)
class _Place:
    register: HoldRegister | None = None


_place = _Place()


def set_register(register: HoldRegister) -> None:
    _place.register = register


def covers_person(user_id: UUID) -> bool:
    return _place.register is not None and _place.register.covers_person(user_id)


def covers_collection(collection_id: UUID) -> bool:
    return _place.register is not None and _place.register.covers_collection(collection_id)
