"""Turns SIGINT, SIGTERM and SIGHUP into an exception at the places where it is safe to leave."""

import signal
from types import FrameType


class StopRequested(Exception):  # noqa: N818  a wish, not an error
    pass


class StopFlag:
    def __init__(self) -> None:
        self._is_set = False
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._set)

    def raise_if_set(self) -> None:
        if self._is_set:
            raise StopRequested

    def _set(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature of a handler
        self._is_set = True
