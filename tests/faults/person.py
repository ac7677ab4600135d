"""A signed-in user at a page: sends as the page does, and watches the answers over its own socket."""

import re
import time
from dataclasses import dataclass
from uuid import uuid4

import httpx

from tests.faults.watching import Shown, Watcher, numbers_in, visible_text
from tests.stack import DEMO_PASSWORD

_ANSWER = re.compile(
    r'<article class="turn answer" id="message-(?P<message>[0-9a-f-]{36})".*?'
    r'data-status="(?P<status>\w+)" data-generation="(?P<generation>[0-9a-f-]{36})".*?</article>',
    re.DOTALL,
)
_QUESTION = re.compile(r'<article class="turn question" id="message-([0-9a-f-]{36})"')
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
_LEAF = re.compile(r'id="leaf" name="leaf" value="([0-9a-f-]*)"')


@dataclass(frozen=True)
class Answer:
    """An answer as a page shows it."""

    message: str
    generation: str
    status: str
    markup: str

    @property
    def numbers(self) -> list[int]:
        return numbers_in(visible_text(self.markup))


@dataclass(frozen=True)
class Sent:
    """A question that the server has acknowledged."""

    conversation: str
    question: str
    text: str
    answer: str
    generation: str
    shown: Shown


class Person:
    """`sent` is all that was acknowledged. `open_page` opens another tab or device."""

    def __init__(self, name: str, base_url: str) -> None:
        self.name, self.base_url = name, base_url
        self.http = httpx.Client(base_url=base_url, timeout=httpx.Timeout(60, connect=5))
        self._token = _TOKEN.findall(self.http.get("/accounts/login/").text)[0]
        form = {"csrfmiddlewaretoken": self._token, "login": name, "password": DEMO_PASSWORD}
        assert self.http.post("/accounts/login/", data=form).status_code == 302
        self._token = _TOKEN.findall(self.http.get("/").text)[0]
        self.sent: list[Sent] = []
        self.asked = 0
        self.pages: list[Watcher] = []

    def open_page(self, *, protocol: int | None = 2, address: str = "") -> Watcher:
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        page = Watcher(address or self.base_url, cookies, protocol=protocol)
        self.pages.append(page)
        return page

    @property
    def page(self) -> Watcher:
        return self.pages[0] if self.pages else self.open_page()

    def post(self, text: str, *, conversation: str, question: str, leaf: str = "") -> httpx.Response:
        form = {"text": text, "conversation": conversation, "message": question, "leaf": leaf}
        return self._act("/messages/", form)

    def send(self, text: str, *, conversation: str = "", leaf: str = "", seconds: float = 60) -> Sent:
        """Tries again with the same id, as a person does, until it is acknowledged."""
        conversation, question = conversation or str(uuid4()), str(uuid4())
        deadline = time.monotonic() + seconds
        while True:
            try:
                response = self.post(text, conversation=conversation, question=question, leaf=leaf)
                if response.status_code == 200:
                    break
                reason = f"{response.status_code} {visible_text(response.text)[:300]}"
                assert response.status_code in {429, 503}, reason
            except httpx.TransportError as error:
                reason = repr(error)
            assert time.monotonic() < deadline, reason
            time.sleep(0.5)
        return self.remember(response.text, text=text, conversation=conversation, question=question)

    def remember(self, markup: str, *, text: str, conversation: str, question: str) -> Sent:
        answer = parse_answers(markup)[-1]
        shown = self.page.watch(answer.generation)
        sent = Sent(conversation, question, text, answer.message, answer.generation, shown)
        self.sent.append(sent)
        self.asked += 1
        return sent

    def adopt(self, conversation: str, text: str) -> Sent:
        """The newest question of a chat that this person has asked at a browser; the invariants hold for it too."""
        markup = self.http.get(f"/c/{conversation}/").text
        return self.remember(markup, text=text, conversation=conversation, question=_QUESTION.findall(markup)[-1])

    def read(self, conversation: str) -> list[Answer]:
        """What a reload of the page shows; nothing while the server refuses."""
        response = self.http.get(f"/c/{conversation}/")
        return parse_answers(response.text) if response.status_code == 200 else []

    def stop(self, sent: Sent) -> None:
        assert self._act(f"/generations/{sent.generation}/stop/", {}).status_code == 204

    def retry(self, sent: Sent) -> Sent:
        """Presses "Try again": a sibling of the answer."""
        response = self._act(f"/c/{sent.conversation}/messages/{sent.answer}/regenerate/", {})
        assert response.status_code == 200, response.text
        answer = parse_answers(response.text)[-1]
        shown = self.page.watch(answer.generation)
        again = Sent(sent.conversation, sent.question, sent.text, answer.message, answer.generation, shown)
        self.sent.append(again)
        return again

    def delete(self, conversation: str) -> None:
        assert self._act(f"/c/{conversation}/delete/", {}).status_code == 200
        self.sent = [sent for sent in self.sent if sent.conversation != conversation]

    def leave(self) -> None:
        for page in self.pages:
            page.leave()
        self.pages, self.sent, self.asked = [], [], 0

    def _act(self, path: str, form: dict[str, str]) -> httpx.Response:
        headers = {"HX-Request": "true", "X-CSRFToken": self._token, "Origin": self.base_url}
        return self.http.post(path, data=form, headers=headers)


def parse_answers(markup: str) -> list[Answer]:
    return [
        Answer(found["message"], found["generation"], found["status"], found[0]) for found in _ANSWER.finditer(markup)
    ]


def leaf_of(markup: str) -> str:
    found: str = _LEAF.findall(markup)[0]
    return found
