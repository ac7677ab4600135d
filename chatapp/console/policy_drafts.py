"""What stands in the policy editor, also while it is wrong."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatapp.errors import ChatappError
from chatapp.moderation.lifecycle.diff import dump_checks
from chatapp.moderation.models import PolicyVersion

MAX_CHARACTERS = 300_000
EXAMPLE = [
    {
        "kind": "pattern",
        "name": "Project names",
        "stage": "output",
        "action": "block",
        "severity": "high",
        "words": ["moonshot"],
    },
]


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """`text` is the list of checks as JSON, `sample` what they are tried on."""

    name: str = ""
    text: str = ""
    reason: str = ""
    sample: str = ""
    with_remote: bool = False

    @classmethod
    def of(cls, policy: PolicyVersion | None) -> "PolicyDraft":
        """As a new version of that one begins, or one of a new name."""
        return cls(policy.name, dump_checks(policy.checks)) if policy else cls(text=dump_checks(EXAMPLE))

    @classmethod
    def posted(cls, form: Mapping[str, str], *, name: str) -> "PolicyDraft":
        return cls(
            name=name or form.get("name", "")[:100],
            text=form.get("checks", "")[:MAX_CHARACTERS],
            reason=form.get("reason", "")[:2000],
            sample=form.get("sample", "")[:20_000],
            with_remote=form.get("with_remote") == "1",
        )

    def checks(self) -> list[dict[str, Any]]:
        """Raises ChatappError("invalid") with the line for what is no JSON; the fields are the service's to judge."""
        try:
            checks = json.loads(self.text, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            raise ChatappError(
                "invalid", detail=f"line {error.lineno}, column {error.colno} is no JSON: {error.msg}."
            ) from None
        except (ValueError, RecursionError):
            raise ChatappError("invalid", detail="this is no JSON that can be stored.") from None
        if not isinstance(checks, list):
            raise ChatappError("invalid", detail="checks must be a list with at least one check.")
        return checks


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
