from typing import Literal

from prometheus_client import Counter

SIGN_INS = Counter("chatapp_sign_ins", "Tries to sign in, by method and outcome.", ["method", "outcome"])
BREAK_GLASS_LOGINS = Counter("chatapp_break_glass_logins", "Sign-ins by password of break-glass administrators.")
Method = Literal["local", "oidc", "saml"]
Outcome = Literal["ok", "failed", "locked_out"]
for _method in ("local", "oidc", "saml"):
    for _outcome in ("ok", "failed"):
        SIGN_INS.labels(method=_method, outcome=_outcome)
SIGN_INS.labels(method="local", outcome="locked_out")


def count_sign_in(method: Method, outcome: Outcome) -> None:
    SIGN_INS.labels(method=method, outcome=outcome).inc()
