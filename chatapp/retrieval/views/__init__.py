"""The pages below `/knowledge/`."""

from chatapp.retrieval.views.collections import (
    collection,
    create_collection,
    documents,
    knowledge,
    retry_failed,
    upload_files,
)
from chatapp.retrieval.views.connectors import (
    cancel_sync,
    change_connector,
    connector,
    connectors,
    delete_connector,
    new_connector,
    pause_connector,
    sync_connector,
)
from chatapp.retrieval.views.evaluation import (
    add_golden_question,
    cancel_evaluation,
    compare_evaluations,
    delete_golden_question,
    evaluation,
    evaluation_run,
    export_golden_questions,
    golden_question,
    import_golden_questions,
    run_evaluation,
)
from chatapp.retrieval.views.owners import (
    collection_access,
    collection_settings,
    delete_collection,
    reprocess_collection,
)
from chatapp.retrieval.views.page_images import document_page, page_image
from chatapp.retrieval.views.pages import delete_document, document, retry_document
from chatapp.retrieval.views.passages import disable_passage, edit_passage, enable_passage, passage, release_passage
from chatapp.retrieval.views.searching import knowledge_search
from chatapp.retrieval.views.versions import download_version, restore_version

__all__ = [
    "add_golden_question",
    "cancel_evaluation",
    "cancel_sync",
    "change_connector",
    "collection",
    "collection_access",
    "collection_settings",
    "compare_evaluations",
    "connector",
    "connectors",
    "create_collection",
    "delete_collection",
    "delete_connector",
    "delete_document",
    "delete_golden_question",
    "disable_passage",
    "document",
    "document_page",
    "documents",
    "download_version",
    "edit_passage",
    "enable_passage",
    "evaluation",
    "evaluation_run",
    "export_golden_questions",
    "golden_question",
    "import_golden_questions",
    "knowledge",
    "knowledge_search",
    "new_connector",
    "page_image",
    "passage",
    "pause_connector",
    "release_passage",
    "reprocess_collection",
    "restore_version",
    "retry_document",
    "retry_failed",
    "run_evaluation",
    "sync_connector",
    "upload_files",
]
