"""`python -m tests.security.matrix`: writes who may do what into docs/security.md."""

import re

import django

from chatapp.runtime.files import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "security.md"
_PLACE = re.compile(r"(?<=<!-- rights -->\n).*?(?=<!-- /rights -->)", re.DOTALL)
ROLES = ["employee", "knowledge_editor", "reviewer", "model_operator", "auditor", "administrator"]


def may(asked: str, role: str) -> bool:
    """Whether somebody with this role, who owns nothing and is in no group, gets through."""
    from chatapp.accounts.models import Role
    from chatapp.accounts.pages import CONSOLE_PAGES
    from chatapp.accounts.permissions import CATALOGUE
    from tests.security import rights

    if asked in {rights.PUBLIC, rights.SIGNED_IN}:
        return True
    if asked == rights.CONSOLE:
        return any(may(page.permission or "", role) for page in CONSOLE_PAGES)
    asked = asked.removeprefix("one's own, or ")
    return asked in CATALOGUE and Role(role) in CATALOGUE[asked].roles


def tables() -> str:
    from chatapp.accounts.permissions import CATALOGUE
    from tests.security.rights import everything

    permissions = [_row(f"{CATALOGUE[it].label} | `{it}`", it) for it in sorted(CATALOGUE)]
    ways = [_row(f"`{way or '/'}` | {asked}", asked) for way, asked in everything().items()]
    roles = " | ".join(role.replace("_", " ") for role in ROLES)
    line = "|---" * (2 + len(ROLES)) + "|"
    head = ["What roles give:", "", f"| permission | name | {roles} |", line, *permissions, ""]
    return "\n".join([*head, "Every way in:", "", f"| way | open to | {roles} |", line, *ways, ""])


def _row(begin: str, asked: str) -> str:
    return f"| {begin} | " + " | ".join("yes" if may(asked, role) else "" for role in ROLES) + " |"


def with_tables(text: str) -> str:
    return _PLACE.sub(lambda _: tables(), text)


if __name__ == "__main__":
    django.setup()
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
