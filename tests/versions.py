"""Model versions of the tests, made without the checks of registration."""

from typing import Any

from chatapp.inference.models import ModelVersion, Provider, VersionState


def make_version(name: str, *, leaves: bool = False, **columns: Any) -> ModelVersion:
    """Scripted and past its gate unless told otherwise; `leaves`: text sent to it leaves the company."""
    given = {"provider": Provider.SCRIPTED, "context_tokens": 100_000, "may_leave_company": leaves}
    given |= {"state": VersionState.EVALUATED, **columns}
    return ModelVersion.objects.create(name=name, **given)
