"""What a page shows of its answers: the frames of the socket, applied as the page's scripts apply them."""

import html
import json
import random
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from chatapp.conversations.tests.page import OutOfStepError, Page
from tests.faults.client import TERMINAL, wait

_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"\bt(\d{6})\b")
_LONGEST_PAUSE = 5.0


def visible_text(markup: str) -> str:
    return html.unescape(_TAG.sub(" ", markup))


def numbers_in(text: str) -> list[int]:
    """The numbers of the scripted tokens, as they stand in a text or in a page: a hole or a repeat shows."""
    return [int(number) for number in _NUMBER.findall(text)]


@dataclass
class Shown:
    """One answer on one page. `states` are its status words in the order in which they were seen."""

    states: list[str] = field(default_factory=list)
    page: Page = field(default_factory=Page)
    old: tuple[str, str] = ("", "")  # The closed and the open part, of a page without protocol.
    errors: list[str] = field(default_factory=list)

    @property
    def final(self) -> str:
        return self.page.final

    @property
    def markup(self) -> str:
        """The final article may lack the body that the page has already."""
        if self.final and not self.page.kept:
            return self.final
        return "".join(self.old) or self.page.html

    @property
    def numbers(self) -> list[int]:
        return numbers_in(visible_text(self.markup))

    @property
    def ended(self) -> bool:
        return bool(self.states) and self.states[-1] in TERMINAL

    def apply(self, frame: dict[str, Any]) -> None:
        """Raises OutOfStepError: then the page asks anew."""
        self.page.apply(frame)
        match frame["type"]:
            case "status" | "final" if frame["status"] not in self.states[-1:]:
                self.states.append(frame["status"])
            case "error":
                self.errors.append(frame["code"])
            case "snapshot":
                self.old = (frame["html"], frame["open"])
            case "append":
                self.old = (self.old[0] + frame["html"], frame["open"])


class Watcher(threading.Thread):
    """One open page: a socket that is found again with jitter, and what it shows. `protocol` None is an old page."""

    def __init__(self, address: str, cookies: str, *, protocol: int | None = 2) -> None:
        super().__init__(daemon=True)
        self.address, self.cookies, self.protocol = address, cookies, protocol
        self.answers: dict[str, Shown] = {}
        self.foreign: list[str] = []  # What came of generations that this page never asked for.
        self.longest: dict[str, int] = {}
        self.opened = 0
        self.close_codes: list[int] = []
        self.received = 0
        self._socket: ClientConnection | None = None
        self._leaving = threading.Event()
        self.start()

    def run(self) -> None:
        failures = 0
        while not self._leaving.is_set():
            before = self.opened
            self._live_once()
            failures = 0 if self.opened > before else failures + 1
            self._leaving.wait(min(_LONGEST_PAUSE, 0.5 * 2**failures) * random.uniform(0.3, 1.0))

    def watch(self, generation: str) -> Shown:
        shown = self.answers.setdefault(generation, Shown())
        if self._socket is not None:
            self._subscribe(self._socket, generation)
        return shown

    def wait_shown(self, generation: str, tokens: int) -> None:
        wait(90, lambda: len(self.answers[generation].numbers) >= tokens)

    def wait_opened(self, times: int) -> None:
        wait(60, lambda: self.opened >= times)

    def leave(self) -> None:
        self._leaving.set()
        if self._socket is not None:
            self._socket.close()
        self.join(20)

    def _live_once(self) -> None:
        try:
            # No ping of its own: a browser sends none either.
            with connect(
                self.address.replace("http", "ws", 1) + "/ws/",
                additional_headers={"Cookie": self.cookies, "Origin": self.address},
                open_timeout=20,
                ping_interval=None,
                max_size=None,
            ) as socket:
                self.opened += 1
                self._socket = socket
                for generation, shown in list(self.answers.items()):
                    if not shown.ended:
                        self._subscribe(socket, generation)
                for message in socket:
                    self._take(json.loads(message))
                self.close_codes.append(socket.close_code or 1006)
        except ConnectionClosed as closed:
            self.close_codes.append(closed.rcvd.code if closed.rcvd else 1006)
        except (OSError, InvalidHandshake, EOFError):
            pass  # The web process is away, or the way to it.
        finally:
            self._socket = None

    def _subscribe(self, socket: ClientConnection, generation: str) -> None:
        frame: dict[str, Any] = {"type": "subscribe", "generation": generation, "seq": 0}
        with suppress(ConnectionClosed):  # It is found again, and asks again.
            socket.send(json.dumps(frame if self.protocol is None else frame | {"protocol": self.protocol}))

    def _take(self, frame: dict[str, Any]) -> None:
        self.received += 1
        generation = frame.get("generation")
        if generation is None:
            return
        if generation not in self.answers:
            self.foreign.append(generation)
            return
        shown = self.answers[generation]
        try:
            shown.apply(frame)
        except OutOfStepError:
            self.watch(generation)
        self.longest[generation] = max(self.longest.get(generation, 0), len(shown.numbers))
