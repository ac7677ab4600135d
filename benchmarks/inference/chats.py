"""Chats that run at the same time, and what a client sees of them."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    text: str
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Chat:
    """`continues`: each turn's prompt holds all that was said before. `scope` keeps its text from other chats.

    A visitor begins when all other chats are being answered; these end with the last visitor.
    """

    scope: str
    turns: Sequence[Turn]
    continues: bool = True
    is_visitor: bool = False


@dataclass(slots=True)
class Answered:
    """One answer. Times are in seconds of one clock; `pieces` are the arrivals of text."""

    chat: int
    turn: int
    is_visitor: bool
    prompt: str
    asked: float
    pieces: list[float]
    tokens: int = 0
    reused_tokens: int = 0
    text: str = ""


@dataclass(slots=True)
class Totals:
    tokens: int = 0
    reused_tokens: int = 0


# Streams the text of one answer: prompt, number of tokens, scope, and where to put the totals at its end.
Ask = Callable[[str, int, str, Totals], Generator[str, None, None]]


class _Doors:
    """Lets visitors in when every other chat has its first text, and sends all home after the last visitor."""

    def __init__(self, chats: Sequence[Chat]) -> None:
        self._to_start = threading.Semaphore(0)
        self._hosts = sum(not chat.is_visitor for chat in chats)
        self._visitors = sum(chat.is_visitor for chat in chats)
        self._lock = threading.Lock()
        self.closed = False

    def host_started(self) -> None:
        self._to_start.release(self._visitors or 1)

    def wait_for_hosts(self) -> None:
        for _ in range(self._hosts):
            self._to_start.acquire()

    def visitor_left(self) -> None:
        with self._lock:
            self._visitors -= 1
            self.closed = self._visitors == 0


def play(chats: Sequence[Chat], ask: Ask) -> list[Answered]:
    """Run all chats at once, each in a thread of its own, and return their answers."""
    doors = _Doors(chats)
    with ThreadPoolExecutor(len(chats)) as pool:
        futures = [pool.submit(_play_one, number, chat, ask, doors) for number, chat in enumerate(chats)]
        return [answer for future in futures for answer in future.result()]


def _play_one(number: int, chat: Chat, ask: Ask, doors: _Doors) -> list[Answered]:
    answers: list[Answered] = []
    said = ""
    if chat.is_visitor:
        doors.wait_for_hosts()
    for turn_number, turn in enumerate(chat.turns):
        prompt = said + turn.text if chat.continues else turn.text
        answer = Answered(number, turn_number, chat.is_visitor, prompt, time.perf_counter(), [])
        _listen(answer, ask, tokens=turn.answer_tokens, scope=chat.scope, doors=doors)
        answers.append(answer)
        said = prompt + answer.text
    if chat.is_visitor:
        doors.visitor_left()
    return answers


def _listen(answer: Answered, ask: Ask, *, tokens: int, scope: str, doors: _Doors) -> None:
    totals = Totals()
    texts: list[str] = []
    with closing(ask(answer.prompt, tokens, scope, totals)) as pieces:
        for piece in pieces:
            answer.pieces.append(time.perf_counter())
            texts.append(piece)
            if not answer.is_visitor:
                if len(texts) == 1:
                    doors.host_started()
                if doors.closed:
                    break
    answer.text = "".join(texts)
    answer.tokens = totals.tokens or len(texts)
    answer.reused_tokens = totals.reused_tokens
