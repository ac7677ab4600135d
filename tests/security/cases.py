"""The security cases by id: what is tried, and why some of them have nothing to try here.

A case is a test whose name begins with its id, `test_b11_…`, or with several: `test_a13_and_a14_…`.
"""

import re
from functools import lru_cache
from pathlib import Path

from chatapp.runtime.files import CHECKOUT

CASES = {
    "A01": "Follow another person's answer by socket or resume",
    "A02": "Stop, regenerate, edit or retry another person's answer",
    "A03": "Name another person's run below an own conversation; use a task's id as a right",
    "A04": "Post into another person's conversation",
    "A05": "Reach another person's message below an own conversation",
    "A06": "Be served what a cache holds of another person",
    "A07": "Rate or report another person's message",
    "A08": "Slip a foreign id into a call about many",
    "A09": "Attach another person's file",
    "A10": "Reach a foreign file through a shared conversation",
    "A11": "Delete or replace what one may only read",
    "A12": "Search or upload into a foreign or unknown kind of collection",
    "A13": "Get bytes or text of a document by any address",
    "A14": "Search or process again what belongs to others",
    "A15": "Share a document that one cannot see",
    "A16": "Learn of foreign words by search, filter or count",
    "A17": "Guess, reuse or read back a key",
    "A18": "Send another person's events or exports elsewhere",
    "A19": "Find a passage after the right to it is gone",
    "A20": "Break off processing and find a mix of versions",
    "B01": "Keep a privileged socket after being demoted or disabled",
    "B02": "Write by socket with the right to read only",
    "B03": "Keep a socket after the session ended",
    "B04": "Open a socket from a page of another origin",
    "B05": "Write headers that pass for identity or address",
    "B06": "Use session, socket, key or task of a disabled person",
    "B07": "Carry a credential in another way than the accepted one",
    "B08": "Write with a key that may only read",
    "B09": "Find a way on which a right differs from the others",
    "B10": "Name one's own identity, role or team",
    "B11": "Sign in with a forged or foreign ID token",
    "B12": "Become somebody else by the same address or name",
    "B13": "Be sent elsewhere after signing in",
    "B14": "Sign in with a forged, wrapped or replayed SAML response",
    "B15": "Sign in without one's own state, nonce or unused code",
    "B16": "Get round the limit of failed sign-ins",
    "B17": "Let a provider's address lead into the private network",
    "B18": "Set a field that the role may not set",
    "B19": "Register over an existing model, or without the right",
    "B20": "Forge what an administration site would post",
    "B21": "Learn which accounts exist",
    "B22": "Use a session that is too old, or an empty one",
    "C01": "Run script from any text that is shown",
    "C02": "Run script when the sanitiser fails",
    "C03": "Have HTML or SVG of an answer rendered",
    "C04": "Run script in the pages of reviewers and administrators",
    "C05": "Drive the page by attributes and forms in an answer",
    "C06": "Run script from text cut at any byte",
    "C07": "Send what was read to another host by the page's own requests",
    "C08": "Send it by a link, or have the server fetch one",
    "C09": "Have an uploaded file run as a page",
    "C10": "Store an address that runs script",
    "C11": "Have a spreadsheet run a cell of an export",
    "C12": "Stop a process with text that a pattern chokes on",
    "C13": "Write lines or secrets into the log",
    "C14": "Break storage with odd characters or sizes",
    "C15": "Hide instructions in characters that nobody sees",
    "C16": "Drive a terminal by what is printed",
    "D01": "Choose a file's place by its name",
    "D02": "Leave the folder by an archive's entries",
    "D03": "Fill memory by what unpacks to much",
    "D04": "Hang or crash the parser",
    "D05": "Have entities of a document expanded or fetched",
    "D06": "Have a document's addresses fetched",
    "D07": "Have a private address fetched",
    "D08": "Fill memory or disk by a body that lies about its size",
    "D09": "Disagree in name, type and content",
    "D10": "Give orders to the model from within a document",
    "D11": "Pass an option to a program by a file's name",
    "D12": "Write SQL into a search, filter or sort key",
    "D13": "Replace another person's document by its name",
    "D14": "Exceed a quota by a little or by number",
    "D15": "Get a provider's credential sent to another host",
    "E01": "Run code by a weights file's chat template",
    "E02": "Have broken or exchanged weights loaded",
    "E03": "Pass sampling parameters straight to the engine",
    "E04": "Break the tokenizer by size",
    "E05": "Talk to an engine past the product",
    "E06": "Learn of another person's prompt by the time that it takes",
    "E07": "Have a worker run a pickle or an unknown task",
    "E08": "Fill memory by a socket's frames",
    "E09": "Break an endpoint or a socket by malformed input",
    "E10": "Take all capacity as one user",
    "E11": "Get the system prompt told",
    "E12": "Break the product as a model provider",
    "E13": "Change the serving version under running answers",
}

# Why a case has nothing to try here. An id stands either here or in the name of a test.
DOES_NOT_APPLY: dict[str, str] = {
    "A10": "Conversations cannot be shared, so no share leads to a file.",
    "A15": "Documents have no share links: only a collection's groups open them.",
}

_DEFINITION = re.compile(r"^\s*(?:async )?def (test_[a-e]\d\d_\w+)", re.MULTILINE)
_LEADING_IDS = re.compile(r"(?:[a-e]\d\d_(?:and_)?)+")


def ids_of(test: str) -> set[str]:
    """The cases that a test's name begins with; the name may carry parameters."""
    found = _LEADING_IDS.match(test.removeprefix("test_"))
    return {part.upper() for part in found[0].split("_") if part not in {"", "and"}} if found else set()


@lru_cache(maxsize=1)
def find_tests() -> dict[str, list[str]]:
    """By case: the files that hold a test of it, as paths in the checkout."""
    found: dict[str, set[str]] = {}
    for path in (*(CHECKOUT / "chatapp").rglob("test_*.py"), *(CHECKOUT / "tests").rglob("test_*.py")):
        for name in _DEFINITION.findall(Path(path).read_text()):
            for case in ids_of(name):
                found.setdefault(case, set()).add(path.relative_to(CHECKOUT).as_posix())
    return {case: sorted(paths) for case, paths in sorted(found.items())}
