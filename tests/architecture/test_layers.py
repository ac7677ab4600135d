"""The one convention: who may write, who may query, who may touch the layer, the streams and raw HTML."""

import ast
import re

from tests.architecture.sources import ROOT, Module, modules

# Each with its reason.
MAY_QUERY = {
    "chatapp/conversations/queue/admission.py": "the queue of record: how many wait",
    "chatapp/conversations/queue/claims.py": "the queue of record: one statement claims",
    "chatapp/conversations/queue/places.py": "the queue of record: one statement tells where each stands",
    "chatapp/inference/health.py": "the selectors of what workers say of versions",
    "chatapp/inference/presence.py": "a worker's heartbeat, the only write to its row",
}
MAY_USE_LAYER = {
    "chatapp/channel_layer.py": "the layer itself: it bounds every wait",
    "chatapp/conversations/events.py": "the one place where events leave",
    "chatapp/conversations/consumers.py": "a consumer joins the group that events.py names",
}


def attributes(module: Module) -> set[str]:
    return {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}


def is_data_layer(path: str) -> bool:
    return bool(re.search(r"/(services|selectors)(/|\.py$)|/sql\.py$|/management/commands/", path))


def test_only_selectors_and_services_use_managers() -> None:
    users = {module.path for module in modules() if "objects" in attributes(module)}
    assert sorted(path for path in users if not is_data_layer(path)) == sorted(MAY_QUERY)


def test_selectors_do_not_write() -> None:
    writes = {"create", "bulk_create", "update_or_create", "get_or_create", "save", "delete"}
    wrong = [m.path for m in modules() if re.search(r"/selectors(/|\.py$)", m.path) and attributes(m) & writes]
    assert wrong == []


def test_services_know_no_request_and_no_html() -> None:
    banned = ("django.http", "django.shortcuts", "django.template", "channels", "chatapp.conversations.rendering")
    wrong = [
        f"{module.path}: {name}"
        for module in modules()
        if re.search(r"/services(/|\.py$)", module.path)
        for name in module.imports()
        # Words a size in bytes; no template is rendered.
        if name.startswith(banned) and not name.startswith("django.template.defaultfilters")
    ]
    assert wrong == []


def test_only_events_touch_the_channel_layer() -> None:
    users = {m.path for m in modules() if attributes(m) & {"group_send", "group_add"}}
    assert users == set(MAY_USE_LAYER)


def test_streams_are_read_and_written_in_their_package_only() -> None:
    calls = {"xadd", "xread", "xrange"}
    users = {module.path for module in modules() if attributes(module) & calls}
    allowed = {"chatapp/conversations/events.py"}
    assert sorted(p for p in users if not p.startswith("chatapp/conversations/streams/")) == sorted(allowed)


def test_html_is_marked_safe_in_rendering_modules_only() -> None:
    wrong = [
        module.path
        for module in modules()
        if any(name.endswith(("mark_safe", "SafeString")) for name in module.imports())
        and not re.search(r"/rendering(/|\.py$)", module.path)
    ]
    templates = [path for path in (ROOT / "templates").rglob("*.html") if re.search(r"\|\s*safe\b", path.read_text())]
    assert (wrong, templates) == ([], [])


def test_templates_hold_no_inline_script_style_or_handler() -> None:
    pattern = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=", re.IGNORECASE)
    wrong = [path.name for path in (ROOT / "templates").rglob("*.html") if pattern.search(path.read_text())]
    assert wrong == []


def test_migrations_have_names() -> None:
    wrong = [path.name for path in (ROOT / "chatapp").glob("*/migrations/0*.py") if "_auto_" in path.name]
    assert wrong == []
