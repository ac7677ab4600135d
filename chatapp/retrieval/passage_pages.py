"""What a document's page shows beside its text: who may do what, versions, and states of passages."""

from chatapp.accounts.models import User
from chatapp.retrieval import selectors
from chatapp.retrieval.models import AccessRole, Chunk, Document, DocumentVersion
from chatapp.retrieval.printed import is_printed
from chatapp.retrieval.rendering import text_blocks


def document_context(user: User, document: Document, version: DocumentVersion | None) -> dict[str, object]:
    role = selectors.role_of(user, document.collection)
    versions = list(selectors.list_versions_for(user, document)[: selectors.VERSIONS_SHOWN])
    is_newest = bool(version and versions and versions[0].pk == version.pk == document.current_id)
    return {
        "role": role,
        "versions": versions,
        "is_printed": version is not None and is_printed(version),
        "states": selectors.count_states(version),
        "may_restore": role in {AccessRole.EDITOR, AccessRole.OWNER},
        **_rights(role, is_current=is_newest),
    }


def passage_context(user: User, chunk: Chunk) -> dict[str, object]:
    document = chunk.version.document
    role = selectors.role_of(user, document.collection)
    is_current = document.current_id == chunk.version_id
    return {
        "chunk": chunk,
        "blocks": text_blocks(chunk.text),
        "document": document,
        **_rights(role, is_current=is_current),
    }


def _rights(role: AccessRole | None, *, is_current: bool) -> dict[str, object]:
    """Only passages that answers use are changed: old versions stay as they were cited."""
    return {
        "is_current": is_current,
        "may_edit": is_current and role in {AccessRole.EDITOR, AccessRole.OWNER},
        "may_release": is_current and role == AccessRole.OWNER,
    }
