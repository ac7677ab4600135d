"""How documents of identity providers are fetched: only from guarded addresses, never more or longer than needed."""

from chatapp import guarded
from chatapp.accounts.sso import guard

_MAX_BYTES = 1024 * 1024
_STEP_SECONDS = 5
_TOTAL_SECONDS = 10


class GuardedSession(guarded.GuardedSession):
    """For what identity providers publish; see `guard` for where it may be."""

    def __init__(self) -> None:
        super().__init__(guard, guarded.Bounds(_MAX_BYTES, _STEP_SECONDS, _TOTAL_SECONDS))
