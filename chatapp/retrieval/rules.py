"""Who may do what with collections and documents. Only a group's grant or having made the collection opens it."""

import rules

from chatapp.accounts.models import Role, User
from chatapp.accounts.permissions import grant
from chatapp.retrieval.models import AccessRole, Collection, Document
from chatapp.retrieval.selectors import role_of

_ORDER = (AccessRole.READER, AccessRole.EDITOR, AccessRole.OWNER)


def _holds(least: AccessRole) -> rules.Predicate:
    def holds(user: User, obj: Collection | Document | None) -> bool:
        if obj is None:
            return False
        role = role_of(user, obj.collection if isinstance(obj, Document) else obj)
        return role is not None and _ORDER.index(role) >= _ORDER.index(least)

    return rules.predicate(holds, name=f"holds:{least}")


grant("retrieval.create_collection", "Make collections", Role.KNOWLEDGE_EDITOR, Role.ADMINISTRATOR)
rules.add_perm("retrieval.manage_collection", _holds(AccessRole.OWNER))
rules.add_perm("retrieval.view_collection", _holds(AccessRole.READER))
rules.add_perm("retrieval.upload_document", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.retry_document", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.delete_document", _holds(AccessRole.EDITOR))
