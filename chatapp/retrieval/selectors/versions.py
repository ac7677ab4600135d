"""The history of a document, for one user."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, QuerySet

from chatapp.accounts.models import User
from chatapp.retrieval.models import Document, DocumentVersion
from chatapp.retrieval.selectors.collections import list_collections_for

VERSIONS_SHOWN = 50


def list_versions_for(user: User | AnonymousUser, document: Document) -> QuerySet[DocumentVersion]:
    """Newest first, with `chunk_count` and who made each."""
    visible = DocumentVersion.objects.filter(document=document, document__collection__in=list_collections_for(user))
    counted = visible.annotate(chunk_count=Count("chunks"))
    return counted.select_related("created_by", "restored_from").order_by("-number")
