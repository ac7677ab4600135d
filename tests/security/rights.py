"""What each way into the product asks for: the table that tests/security/test_matrix.py tries as everybody.

A page of the console names its permission where it is defined; every other way stands here. `python -m
tests.security.matrix` writes what follows from it into docs/security.md.
"""

import re
from collections.abc import Iterator
from operator import itemgetter

from django.urls import URLPattern, URLResolver, get_resolver

from chatapp.api.urls import openai_api, product_api
from chatapp.conversations.frames import FRAME_TYPES

PUBLIC = "everybody"
SIGNED_IN = "who is signed in"
OWNER = "its owner"
COLLECTION = "who may by the collection"
CONSOLE = "who may open a page of it"
OWN_USAGE = "one's own, or accounts.view_usage"
OWN_FEEDBACK = "one's own, or moderation.triage_feedback"
SCIM = "a key for provisioning"
_KIND = re.compile(r"\{\w+:")
UNKNOWN = "no line in tests/security/rights.py"
# A page that asks for more than its decorator says.
ASKS_MORE = {
    "console/feedback/<uuid:feedback_id>/unmask/": "moderation.unmask",
}
PAGES = {
    "": SIGNED_IN,
    "accounts/": PUBLIC,
    "api/": SIGNED_IN,
    "api/<path:rest>": SIGNED_IN,
    "api/v1/": SIGNED_IN,
    "v1/": SIGNED_IN,
    "v1/<path:rest>": SIGNED_IN,
    "api/v1/openapi.json": PUBLIC,
    "c/<uuid:conversation_id>/": OWNER,
    "compare/": SIGNED_IN,
    "console/": CONSOLE,
    "conversations/": SIGNED_IN,
    "csp-reports/": PUBLIC,
    "generations/<uuid:generation_id>/": OWNER,
    "knowledge/": SIGNED_IN,
    "knowledge/collections/": "retrieval.create_collection",
    "knowledge/collections/<slug:slug>/": COLLECTION,
    "knowledge/connectors/<uuid:connector_id>/": COLLECTION,
    "knowledge/search/": SIGNED_IN,
    "knowledge/evaluations/<uuid:evaluation_id>/": COLLECTION,
    "knowledge/golden-questions/<uuid:question_id>/": COLLECTION,
    "knowledge/documents/<uuid:document_id>/": COLLECTION,
    "knowledge/passages/<uuid:chunk_id>/": COLLECTION,
    "livez": PUBLIC,
    "messages/": SIGNED_IN,
    "metrics": PUBLIC,
    "notices/": SIGNED_IN,
    "notices/<uuid:notice_id>/": OWNER,
    "readyz": PUBLIC,
    "scim/v2/": SCIM,
    "settings/": SIGNED_IN,
}
CALLS = {
    "DELETE /api/v1/budgets/{budget_id}": "inference.manage_budgets",
    "DELETE /api/v1/collections/{slug}": COLLECTION,
    "DELETE /api/v1/conversations/{conversation_id}": OWNER,
    "DELETE /api/v1/documents/{document_id}": COLLECTION,
    "DELETE /api/v1/feedback/{feedback_id}": OWNER,
    "GET /api/v1/alerts": "evaluation.view_alert",
    "GET /api/v1/alerts/{alert_id}": "evaluation.view_alert",
    "GET /api/v1/audit": "accounts.view_audit",
    "GET /api/v1/budgets": "inference.manage_budgets",
    "GET /api/v1/budgets/{budget_id}": "inference.manage_budgets",
    "GET /api/v1/collections": COLLECTION,
    "GET /api/v1/collections/{slug}": COLLECTION,
    "GET /api/v1/comparisons": "evaluation.view_gate",
    "GET /api/v1/comparisons/{comparison_id}": "evaluation.view_gate",
    "GET /api/v1/connectors": COLLECTION,
    "GET /api/v1/connectors/{connector_id}": COLLECTION,
    "GET /api/v1/conversations": OWNER,
    "GET /api/v1/conversations/{conversation_id}": OWNER,
    "GET /api/v1/documents": COLLECTION,
    "GET /api/v1/documents/{document_id}": COLLECTION,
    "GET /api/v1/documents/{document_id}/versions": COLLECTION,
    "GET /api/v1/evaluations": COLLECTION,
    "GET /api/v1/evaluations/{evaluation_id}": COLLECTION,
    "GET /api/v1/evaluations/{evaluation_id}/answers": "evaluation.view_gate",
    "GET /api/v1/feedback": OWN_FEEDBACK,
    "GET /api/v1/flags": "moderation.review_flag",
    "GET /api/v1/flags/{flag_id}": "moderation.review_flag",
    "GET /api/v1/generations": OWNER,
    "GET /api/v1/generations/{generation_id}": OWNER,
    "GET /api/v1/messages": OWNER,
    "GET /api/v1/messages/{message_id}": OWNER,
    "GET /api/v1/model-versions": "inference.view_version",
    "GET /api/v1/model-versions/{version_id}": "inference.view_version",
    "GET /api/v1/policies": "moderation.view_policy",
    "GET /api/v1/policies/{policy_id}": "moderation.view_policy",
    "GET /api/v1/policies/{policy_id}/replay": "moderation.view_policy",
    "GET /api/v1/policies/{policy_id}/replay/{replay_id}": "moderation.view_policy",
    "GET /api/v1/rollouts": "inference.view_rollout",
    "GET /api/v1/rollouts/{rollout_id}": "inference.view_rollout",
    "GET /api/v1/routes": "inference.view_version",
    "GET /api/v1/routes/{name}": "inference.view_version",
    "GET /api/v1/usage": OWN_USAGE,
    "GET /api/v1/users": "accounts.view_users",
    "GET /api/v1/users/{user_id}": "accounts.view_users",
    "GET /api/v1/workers": "inference.view_worker",
    "GET /api/v1/workers/orders/{order_id}": "inference.view_worker",
    "GET /v1/models": SIGNED_IN,
    "GET /v1/models/{name}": SIGNED_IN,
    "PATCH /api/v1/collections/{slug}": COLLECTION,
    "PATCH /api/v1/conversations/{conversation_id}": OWNER,
    "PATCH /api/v1/users/{user_id}": "accounts.manage_users",
    "POST /api/v1/alerts/{alert_id}/acknowledge": "evaluation.manage_alert",
    "POST /api/v1/collections": "retrieval.create_collection",
    "POST /api/v1/comparisons": "evaluation.manage_comparison",
    "POST /api/v1/comparisons/{comparison_id}/cancel": "evaluation.manage_comparison",
    "POST /api/v1/comparisons/{comparison_id}/close": "evaluation.manage_comparison",
    "POST /api/v1/connectors/{connector_id}/sync": COLLECTION,
    "POST /api/v1/documents": COLLECTION,
    "POST /api/v1/documents/{document_id}/retry": COLLECTION,
    "POST /api/v1/documents/{document_id}/versions/{number}/restore": COLLECTION,
    "POST /api/v1/evaluations": COLLECTION,
    "POST /api/v1/evaluations/{evaluation_id}/cancel": COLLECTION,
    "POST /api/v1/feedback": OWNER,
    "POST /api/v1/flags/next": "moderation.review_flag",
    "POST /api/v1/flags/{flag_id}/claim": "moderation.review_flag",
    "POST /api/v1/flags/{flag_id}/decide": "moderation.review_flag",
    "POST /api/v1/flags/{flag_id}/undo": "moderation.review_flag",
    "POST /api/v1/generations/{generation_id}/stop": OWNER,
    "POST /api/v1/messages": SIGNED_IN,
    "POST /api/v1/messages/{message_id}/appeal": OWNER,
    "POST /api/v1/messages/{message_id}/report": OWNER,
    "POST /api/v1/model-versions": "inference.register_version",
    "POST /api/v1/model-versions/{version_id}/clone": "inference.register_version",
    "POST /api/v1/model-versions/{version_id}/reject": "inference.register_version",
    "POST /api/v1/model-versions/{version_id}/restore": "inference.register_version",
    "POST /api/v1/model-versions/{version_id}/retire": "inference.register_version",
    "POST /api/v1/model-versions/{version_id}/verify": "inference.register_version",
    "POST /api/v1/policies": "moderation.manage_policy",
    "POST /api/v1/policies/{policy_id}/replay": "moderation.manage_policy",
    "POST /api/v1/policies/{policy_id}/replay/{replay_id}/cancel": "moderation.manage_policy",
    "POST /api/v1/policies/{policy_id}/replay/{replay_id}/resume": "moderation.manage_policy",
    "POST /api/v1/policies/{policy_id}/rollback": "moderation.manage_policy",
    "POST /api/v1/policies/{policy_id}/state": "moderation.manage_policy",
    "POST /api/v1/rollouts": "inference.manage_rollout",
    "POST /api/v1/rollouts/{rollout_id}/advance": "inference.manage_rollout",
    "POST /api/v1/rollouts/{rollout_id}/complete": "inference.manage_rollout",
    "POST /api/v1/rollouts/{rollout_id}/end": "inference.manage_rollout",
    "POST /api/v1/rollouts/{rollout_id}/hold": "inference.manage_rollout",
    "POST /api/v1/rollouts/{rollout_id}/resume": "inference.manage_rollout",
    "POST /api/v1/rollouts/{rollout_id}/roll-back": "inference.manage_rollout",
    "POST /api/v1/search": SIGNED_IN,
    "POST /api/v1/workers/orders": "inference.manage_worker",
    "POST /v1/chat/completions": SIGNED_IN,
    "POST /v1/embeddings": SIGNED_IN,
    "PUT /api/v1/budgets": "inference.manage_budgets",
    "PUT /api/v1/routes/{name}": "inference.serve_version",
}
FRAMES = {"subscribe": OWNER, "stop": OWNER, "unsubscribe": SIGNED_IN, "ping": SIGNED_IN}
# One act by several ways: each must ask for the same.
SAME = [
    ("generations/<uuid:generation_id>/stop/", "POST /api/v1/generations/{generation_id}/stop", "frame stop"),
    ("c/<uuid:conversation_id>/messages/<uuid:message_id>/", "GET /api/v1/messages/{message_id}", "frame subscribe"),
    ("c/<uuid:conversation_id>/messages/<uuid:message_id>/report/", "POST /api/v1/messages/{message_id}/report"),
    ("c/<uuid:conversation_id>/messages/<uuid:message_id>/appeal/", "POST /api/v1/messages/{message_id}/appeal"),
    ("c/<uuid:conversation_id>/", "GET /api/v1/conversations/{conversation_id}"),
    ("c/<uuid:conversation_id>/rename/", "PATCH /api/v1/conversations/{conversation_id}"),
    ("c/<uuid:conversation_id>/delete/", "DELETE /api/v1/conversations/{conversation_id}"),
    ("messages/", "POST /api/v1/messages", "POST /v1/chat/completions"),
    ("knowledge/collections/", "POST /api/v1/collections"),
    ("knowledge/collections/<slug:slug>/", "GET /api/v1/collections/{slug}"),
    ("knowledge/collections/<slug:slug>/settings/", "PATCH /api/v1/collections/{slug}"),
    ("knowledge/collections/<slug:slug>/delete/", "DELETE /api/v1/collections/{slug}"),
    (
        "knowledge/documents/<uuid:document_id>/versions/<int:number>/restore/",
        "POST /api/v1/documents/{document_id}/versions/{number}/restore",
    ),
    ("knowledge/documents/<uuid:document_id>/", "GET /api/v1/documents/{document_id}"),
    ("knowledge/documents/<uuid:document_id>/delete/", "DELETE /api/v1/documents/{document_id}"),
    ("knowledge/documents/<uuid:document_id>/retry/", "POST /api/v1/documents/{document_id}/retry"),
    ("knowledge/collections/<slug:slug>/evaluation/run/", "POST /api/v1/evaluations"),
    ("knowledge/evaluations/<uuid:evaluation_id>/", "GET /api/v1/evaluations/{evaluation_id}"),
    ("knowledge/evaluations/<uuid:evaluation_id>/cancel/", "POST /api/v1/evaluations/{evaluation_id}/cancel"),
    ("knowledge/connectors/<uuid:connector_id>/", "GET /api/v1/connectors/{connector_id}"),
    ("knowledge/connectors/<uuid:connector_id>/sync/", "POST /api/v1/connectors/{connector_id}/sync"),
    ("generations/<uuid:generation_id>/rating/", "POST /api/v1/feedback", "DELETE /api/v1/feedback/{feedback_id}"),
    ("console/comparisons/", "GET /api/v1/comparisons"),
    ("console/comparisons/start/", "POST /api/v1/comparisons"),
    ("console/comparisons/<uuid:comparison_id>/", "GET /api/v1/comparisons/{comparison_id}"),
    ("console/comparisons/<uuid:comparison_id>/cancel/", "POST /api/v1/comparisons/{comparison_id}/cancel"),
    ("console/comparisons/<uuid:comparison_id>/close/", "POST /api/v1/comparisons/{comparison_id}/close"),
    ("console/flags/", "GET /api/v1/flags"),
    ("console/flags/<uuid:flag_id>/", "GET /api/v1/flags/{flag_id}"),
    ("console/flags/<uuid:flag_id>/claim/", "POST /api/v1/flags/{flag_id}/claim"),
    ("console/flags/<uuid:flag_id>/decide/", "POST /api/v1/flags/{flag_id}/decide"),
    ("console/flags/next/", "POST /api/v1/flags/next"),
    ("console/flags/undo/", "POST /api/v1/flags/{flag_id}/undo"),
    ("console/models/", "GET /api/v1/model-versions"),
    ("console/models/new/", "POST /api/v1/model-versions"),
    ("console/models/<uuid:version_id>/", "GET /api/v1/model-versions/{version_id}"),
    ("console/models/<uuid:version_id>/clone/", "POST /api/v1/model-versions/{version_id}/clone"),
    ("console/models/<uuid:version_id>/reject/", "POST /api/v1/model-versions/{version_id}/reject"),
    ("console/models/<uuid:version_id>/restore/", "POST /api/v1/model-versions/{version_id}/restore"),
    ("console/models/<uuid:version_id>/retire/", "POST /api/v1/model-versions/{version_id}/retire"),
    ("console/models/<uuid:version_id>/verify/", "POST /api/v1/model-versions/{version_id}/verify"),
    ("console/evaluations/<uuid:run_id>/", "GET /api/v1/evaluations/{evaluation_id}/answers"),
    ("console/routes/", "GET /api/v1/routes"),
    ("console/routes/edit/", "PUT /api/v1/routes/{name}", "console/models/<uuid:version_id>/serve/"),
    ("console/policies/", "GET /api/v1/policies"),
    ("console/policies/<uuid:policy_id>/state/", "POST /api/v1/policies/{policy_id}/state"),
    ("console/policies/new/", "POST /api/v1/policies"),
    ("console/policies/<uuid:policy_id>/", "GET /api/v1/policies/{policy_id}"),
    ("console/policies/<uuid:policy_id>/replay/", "POST /api/v1/policies/{policy_id}/replay"),
    ("console/policies/replays/<uuid:replay_id>/", "GET /api/v1/policies/{policy_id}/replay/{replay_id}"),
    (
        "console/policies/replays/<uuid:replay_id>/cancel/",
        "POST /api/v1/policies/{policy_id}/replay/{replay_id}/cancel",
    ),
    (
        "console/policies/replays/<uuid:replay_id>/resume/",
        "POST /api/v1/policies/{policy_id}/replay/{replay_id}/resume",
    ),
    ("console/policies/<uuid:policy_id>/back/", "POST /api/v1/policies/{policy_id}/rollback"),
    ("console/usage/", "console/usage/csv/"),
    ("console/audit/", "GET /api/v1/audit"),
]


def pages() -> dict[str, str]:
    """Every address that is no operation of an API → what it asks for; UNKNOWN for one that says nothing."""
    return {
        route: _asked_by(route, view)
        for route, view in sorted(_views(get_resolver()), key=itemgetter(0))
        if not _is_call(route)
    }


def calls() -> dict[str, str]:
    """The same for the operations of both APIs; UNKNOWN for one that says nothing."""
    found = {}
    for prefix, api in (("/v1", openai_api), ("/api/v1", product_api)):
        for bound in api._get_bound_routers():
            for path, view in bound.path_operations.items():
                template = re.sub(r"/+", "/", f"{prefix}/{bound.prefix}/{path}").rstrip("/")
                for operation in view.operations:
                    way = f"{operation.methods[0]} {_KIND.sub('{', template)}"
                    permission = getattr(next(iter(operation.auth_callbacks), None), "permission", None)
                    found[way] = CALLS.get(way) or permission or UNKNOWN
    return dict(sorted(found.items()))


def everything() -> dict[str, str]:
    return {**pages(), **calls(), **{f"frame {kind}": FRAMES.get(kind, UNKNOWN) for kind in sorted(FRAME_TYPES)}}


def _asked_by(route: str, view: object) -> str:
    if route in ASKS_MORE:
        return ASKS_MORE[route]
    if (permission := getattr(view, "permission", None)) and permission != "console.open":
        return str(permission)
    if route in PAGES:
        return PAGES[route]
    if route.startswith("settings/") and "<" in route:
        return OWNER
    # What lies below an address asks for the same, unless it is a start page.
    above = [
        known for known in PAGES if known not in {"", "console/", "knowledge/", "api/"} and route.startswith(known)
    ]
    return PAGES[max(above, key=len)] if above else UNKNOWN


def _views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, object]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _views(entry, route)
        elif isinstance(entry, URLPattern):
            yield route, entry.callback


def _is_call(route: str) -> bool:
    return route.startswith(("api/v1/", "v1/")) and route not in PAGES
