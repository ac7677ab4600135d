"""What the form of a new comparison says, as the service takes it."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict

from chatapp.accounts.models import User
from chatapp.conversations.forms import parse
from chatapp.evaluation.models import Audience, QuestionsFrom
from chatapp.inference.models import Rollout
from chatapp.inference.selectors import get_rollout_for, get_version_for
from chatapp.retrieval.selectors import get_collection_for

MAX_TEXT = 500_000


class ComparisonForm(forms.Form):
    """A rollout stands for its two versions."""

    rollout = forms.UUIDField(required=False)
    first = forms.UUIDField(required=False)
    second = forms.UUIDField(required=False)
    questions_from = forms.ChoiceField(choices=QuestionsFrom.choices)
    questions = forms.CharField(required=False, max_length=MAX_TEXT)
    collection = forms.CharField(required=False, max_length=64)
    audience = forms.ChoiceField(choices=Audience.choices)
    votes_wanted = forms.IntegerField()
    most_pairs = forms.IntegerField()
    reason = forms.CharField(required=False, max_length=500)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("rollout") and not (data.get("first") and data.get("second")):
            self.add_error("first", "choose two versions, or a rollout.")
        return data


def parse_comparison(user: User, posted: QueryDict) -> dict[str, Any]:
    """Raises ChatappError: invalid, not_found."""
    data = parse(ComparisonForm, posted)
    rollout = find_rollout(user, data.pop("rollout"))
    first, second, collection = data.pop("first"), data.pop("second"), data.pop("collection")
    if rollout is not None:
        versions = {"first": rollout.baseline, "second": rollout.candidate}
    else:
        versions = {"first": get_version_for(user, first), "second": get_version_for(user, second)}
    return {
        **data,
        **versions,
        "questions": data["questions"].splitlines(),
        "collection": get_collection_for(user, collection) if collection else None,
        "rollout": rollout,
    }


def find_rollout(user: User, rollout_id: UUID | None) -> Rollout | None:
    """Raises ChatappError("not_found")."""
    return get_rollout_for(user, rollout_id) if rollout_id else None
