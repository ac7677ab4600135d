"""What people change is written down, and docs/audit.md lists every action."""

import ast
import re

from tests.architecture.audit_actions import DOCUMENT, RECORDERS, actions, name_of_call, with_table
from tests.architecture.sources import modules

# Writes of people that leave no event, each with its reason.
QUIET = {
    "add_step": "part of each change of a rollout, which is an event itself",
    "forget_actor": "part of an erasure, which is an event itself",
    "give_feedback": "an employee's own opinion of an answer, as what they post",
    "lock_rollout": "a lock and a check of rights: each change of a rollout that asks for it is an event",
    "notify_employee": "part of a decision or of triage, which is an event itself",
    "queue_download": "part of registering, taking back and asking for it, which are events themselves",
    "read_all_notices": "what somebody has read of what they were told is their own affair",
    "read_notice": "what somebody has read of what they were told is their own affair",
    "record_exchange": "what review works on, made by the product and not by a person's act",
    "refusal": "words for what was refused: it writes nothing",
    "renew_claim": "the claim is an event; that its page is still open is none",
    "require_another_administrator": "a check: it writes nothing",
    "start_sign_in": "part of signing in, which is an event itself",
    "take_back_feedback": "an employee's own opinion of an answer, as what they post",
    "tell_once": "made by the product: that a person was told of a budget",
    "touch_api_key": "when a key was last used is on the key",
}
APPS = ("accounts", "inference", "moderation", "retrieval", "privacy")
_SERVICES = re.compile(r"/services(/[a-z_]+)?\.py$")


def functions() -> dict[tuple[str, str], set[str]]:
    """Of all services, by module and name: the names that each function calls."""
    return {
        (module.path, node.name): {name_of_call(inner) for inner in ast.walk(node)}
        for module in modules()
        if _SERVICES.search(module.path)
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef)
    }


def recorders() -> set[tuple[str, str]]:
    """Functions that write an event themselves, or call one that does: of their module, or a public one of another."""
    calls = functions()
    found: set[tuple[str, str]] = set()
    while True:
        public = RECORDERS | {name for _, name in found if not name.startswith("_")}
        more = {
            (path, name)
            for (path, name), called in calls.items()
            if called & (public | {near for where, near in found if where == path})
        } - found
        if not more:
            return found
        found |= more


def writes_of_people() -> dict[str, str]:
    found = {}
    for module in modules():
        is_reading = module.path.startswith("chatapp/conversations/readings/")
        if not _SERVICES.search(module.path) or not (module.app in APPS or is_reading):
            continue
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                names = {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
                if names & {"user", "actor"}:
                    found[node.name] = module.path
    return found


def test_what_people_change_is_written_down() -> None:
    known = recorders()
    missing = [(path, name) for name, path in writes_of_people().items() if name not in QUIET.keys() | RECORDERS]
    assert sorted(set(missing) - known) == []


def test_the_list_of_quiet_writes_is_not_stale() -> None:
    assert set(QUIET) <= {name for _, name in functions()}
    assert not set(QUIET) & {name for _, name in recorders()}


def test_every_action_is_spelled_out_in_the_documentation() -> None:
    text = DOCUMENT.read_text()
    assert with_table(text) == text, "run python -m tests.architecture.audit_actions"
    assert {"access.denied", "conversation.read_by_grant", "document.deleted", "session.login"} <= set(actions())
