"""Where a version stands in its life, what is being done with it, and what may be done next."""

from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.inference.models import PAST_GATE, WITHDRAWN, Download, DownloadState, ModelVersion, Provider, VersionState

LABELS: dict[str, str] = dict(VersionState.choices)
_TONES: dict[str, str] = {
    VersionState.SERVING: "badge-ok",
    VersionState.EVALUATED: "badge-ok",
    VersionState.DRAFT: "badge-warn",
    VersionState.REJECTED: "badge-danger",
}


@dataclass(frozen=True, slots=True)
class VersionLife:
    version: ModelVersion
    download: Download | None
    may_change: bool
    may_serve: bool

    @property
    def label(self) -> str:
        return LABELS[self.version.state]

    @property
    def tone(self) -> str:
        return _TONES.get(self.version.state, "")

    @property
    def is_moving(self) -> bool:
        return self.download is not None and self.download.is_open

    @property
    def problem(self) -> str:
        """Why the last try failed, while the version still needs one."""
        failed = self.download is not None and self.download.state == DownloadState.FAILED
        return self.download.error if self.download and failed and self.version.state == VersionState.DRAFT else ""

    @property
    def is_withdrawn(self) -> bool:
        return self.version.state in WITHDRAWN

    @property
    def can_serve(self) -> bool:
        """Once it is past its gate or somebody says why; weights that are not here serve nobody."""
        lacks_weights = self.version.provider == Provider.LLAMA_CPP and self.version.state == VersionState.DRAFT
        return self.may_serve and self.version.writes and not self.is_withdrawn and not lacks_weights

    @property
    def is_past_gate(self) -> bool:
        return self.version.state in PAST_GATE

    @property
    def may_check(self) -> bool:
        return self.may_change and not self.is_moving and not self.is_withdrawn

    @property
    def may_retire(self) -> bool:
        return self.may_change and self.version.state in {VersionState.EVALUATED, VersionState.SERVING}

    @property
    def may_reject(self) -> bool:
        return self.may_change and self.version.state in {
            VersionState.DRAFT,
            VersionState.VERIFIED,
            VersionState.EVALUATED,
        }

    @property
    def may_restore(self) -> bool:
        return self.may_change and self.is_withdrawn


def life_of(version: ModelVersion, *, user: User) -> VersionLife:
    """The version's newest download is read, unless it was prefetched."""
    return VersionLife(
        version=version,
        download=next(iter(version.downloads.all()), None),
        may_change=can(user, "inference.register_version"),
        may_serve=can(user, "inference.serve_version"),
    )
