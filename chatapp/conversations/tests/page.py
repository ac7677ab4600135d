"""A page as the socket's frames make it: the model of `static/js/text.js` for tests and benchmarks."""

import json
import zlib
from typing import Any

Frame = dict[str, Any]


class OutOfStepError(Exception):
    """A frame does not fit what the page holds. The page then subscribes again."""


class Page:
    """One answer on one page. `html` is its body; `final` is its article once the answer has ended.

    When the final frame left the body out, as the page has it, `kept` is True and the article's body is empty.
    """

    def __init__(self) -> None:
        self.settled: list[str] = []
        self.tail = ""
        self.seq = 0
        self.status = ""
        self.final = ""
        self.kept = False
        self.frames = 0
        self.resets = 0
        self.decoded = 0
        self.compressed = 0
        # As the server's side of permessage-deflate is set: one context for all frames of a socket.
        self._deflate = zlib.compressobj(wbits=-12, memLevel=5)

    @property
    def html(self) -> str:
        return "".join(self.settled) + self.tail

    def apply(self, frame: Frame) -> None:
        """Raises OutOfStepError, with the page left as it was."""
        self._weigh(frame)
        match frame["type"]:
            case "status":
                self.status = frame["status"]
            case "text":
                self._splice(frame)
            case "final":
                self._end(frame)

    def _splice(self, frame: Frame) -> None:
        old = "" if frame.get("reset") else self.tail
        kept = old.encode("utf-16-le")[: 2 * frame["keep"]]
        if len(kept) < 2 * frame["keep"]:
            raise OutOfStepError
        if frame.get("reset"):
            self.settled.clear()
            self.resets += 1
        html = kept + frame["html"].encode("utf-16-le")
        at = 2 * frame.get("settled", 0)
        if at:
            self.settled.append(html[:at].decode("utf-16-le"))
        self.tail = html[at:].decode("utf-16-le")
        self.seq = frame["seq"]

    def _end(self, frame: Frame) -> None:
        self.kept = "kept" in frame
        if self.kept and frame["kept"] != len(self.html.encode("utf-16-le")) // 2:
            raise OutOfStepError
        self.status, self.final = frame["status"], frame["html"]

    def _weigh(self, frame: Frame) -> None:
        self.frames += 1
        sent = json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode()
        self.decoded += len(sent)
        packed = self._deflate.compress(sent) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        # Without the four bytes that every message would end with; with the head of the websocket's own frame.
        size = len(packed) - 4
        self.compressed += size + (2 if size < 126 else 4)
