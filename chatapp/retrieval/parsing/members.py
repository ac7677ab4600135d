"""The files inside a file, one by one: one that cannot be read becomes a note and does not hold up the others."""

import traceback
from dataclasses import dataclass, field

from chatapp.retrieval.parsing import Block, ParsingError, Reason
from chatapp.retrieval.parsing.budget import BudgetSpentError
from chatapp.retrieval.parsing.reading import below_heading, read_member, shown_name

_NAMED = 10


@dataclass(slots=True)
class Members:
    noun: str
    count: int = 0
    _failed: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def read(self, *, name: str, media_type: str, data: bytes | Reason, level: int) -> list[Block]:
        """The blocks of one file below its name, or none and a note. Raises BudgetSpentError."""
        self.count += 1
        if isinstance(data, Reason):
            return self._fail(name, data)
        try:
            parsed = read_member(name=name, media_type=media_type, data=data)
        except BudgetSpentError:
            raise
        except ParsingError as error:
            return self._fail(name, error.reason)
        except (MemoryError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 (what the libraries raise on broken files is not a closed list)
            traceback.print_exc()
            return self._fail(name, Reason.UNREADABLE)
        self._notes += [f"{shown_name(name)}: {note}" for note in parsed.notes]
        return below_heading(name, parsed, level=level)

    def notes(self) -> list[str]:
        if not self._failed:
            return self._notes
        names = ", ".join(self._failed[:_NAMED])
        more = f" and {len(self._failed) - _NAMED} more" if len(self._failed) > _NAMED else ""
        summary = f"{len(self._failed)} of {self.count} {self.noun}s could not be read: {names}{more}."
        return [summary, *self._notes]

    def _fail(self, name: str, reason: Reason) -> list[Block]:
        self._failed.append(f"{shown_name(name)} ({reason.value.partition('.')[0]})")
        return []
