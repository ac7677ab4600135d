"""Who may do what with collections and documents. Only a group's grant or having made the collection opens it."""

import rules

from chatapp.accounts.models import Role, User
from chatapp.accounts.permissions import can, grant
from chatapp.retrieval.models import AccessRole, Chunk, Collection, Document
from chatapp.retrieval.selectors import role_of

_ORDER = (AccessRole.READER, AccessRole.EDITOR, AccessRole.OWNER)


def _holds(least: AccessRole) -> rules.Predicate:
    def holds(user: User, obj: Collection | Document | Chunk | None) -> bool:
        if obj is None:
            return False
        role = role_of(user, obj if isinstance(obj, Collection) else obj.collection)
        return role is not None and _ORDER.index(role) >= _ORDER.index(least)

    return rules.predicate(holds, name=f"holds:{least}")


_MAY_CONNECT = rules.predicate(lambda user: can(user, "retrieval.manage_connectors"), name="may_connect")

grant("retrieval.create_collection", "Make collections", Role.KNOWLEDGE_EDITOR, Role.ADMINISTRATOR)
grant("retrieval.debug_search", "See how much rights take from a search", Role.KNOWLEDGE_EDITOR, Role.ADMINISTRATOR)
grant(
    "retrieval.manage_connectors",
    "Connect own collections to folders, repositories, buckets and websites",
    Role.KNOWLEDGE_EDITOR,
    Role.ADMINISTRATOR,
)
# To start, pause and cancel what is connected; and to say what is connected.
rules.add_perm("retrieval.manage_connectors_of", _holds(AccessRole.OWNER))
rules.add_perm("retrieval.change_connectors", _holds(AccessRole.OWNER) & _MAY_CONNECT)
rules.add_perm("retrieval.manage_collection", _holds(AccessRole.OWNER))
grant("retrieval.manage_indexes", "Change the embedding model", Role.MODEL_OPERATOR, Role.ADMINISTRATOR)
rules.add_perm("retrieval.view_collection", _holds(AccessRole.READER))
rules.add_perm("retrieval.evaluate_collection", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.upload_document", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.retry_document", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.delete_document", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.restore_version", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.edit_passage", _holds(AccessRole.EDITOR))
rules.add_perm("retrieval.release_passage", _holds(AccessRole.OWNER))
