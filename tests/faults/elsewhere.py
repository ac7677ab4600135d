"""Faults that are brought about inside one process, nearer to the code that meets them; the table names them too."""

ELSEWHERE: dict[str, tuple[str, ...]] = {
    "F06": (
        "chatapp/inference/tests/test_engine_faults.py",
        "chatapp/inference/tests/test_pool.py",
        "chatapp/conversations/tests/test_fallback.py",
    ),
    "F25": ("chatapp/inference/tests/test_providers_trouble.py", "chatapp/inference/tests/test_providers_pool.py"),
    "F26": ("chatapp/inference/tests/test_providers_patience.py",),
    "F27": ("chatapp/inference/tests/test_providers_broken.py",),
    "F30": ("chatapp/retrieval/tests/test_documents.py",),
    "F32": ("chatapp/retrieval/tests/test_processing.py", "chatapp/conversations/tests/test_reply.py"),
    "F33": ("chatapp/retrieval/tests/test_processing.py",),
    "F34": ("chatapp/conversations/tests/test_clocks.py",),
    "F35": ("chatapp/accounts/tests/test_oidc.py",),
    "F39": ("chatapp/tests/test_logs.py",),
}
