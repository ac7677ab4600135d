"""Writes of this app."""

from chatapp.retrieval.services.collection_removal import delete_collection, purge_collections
from chatapp.retrieval.services.collection_settings import (
    PASSAGE_CHARACTERS,
    change_collection,
    set_access,
    update_collection,
)
from chatapp.retrieval.services.collections import create_collection
from chatapp.retrieval.services.connectors import (
    cancel_sync,
    change_connector,
    create_connector,
    delete_connector,
    pause_connector,
    start_sync,
)
from chatapp.retrieval.services.documents import (
    Refusal,
    delete_document,
    retry_document,
    upload_document,
    upload_documents,
)
from chatapp.retrieval.services.evaluation import (
    cancel_evaluation,
    continue_evaluation,
    run_evaluation,
    sweep_evaluations,
)
from chatapp.retrieval.services.filling import list_index_work, tend_index
from chatapp.retrieval.services.golden import (
    add_golden_question,
    change_golden_question,
    delete_golden_question,
    import_golden_questions,
)
from chatapp.retrieval.services.indexes import (
    abort_index,
    drop_expired_indexes,
    pause_index,
    resume_index,
    roll_back_index,
    start_index,
    swap_index,
)
from chatapp.retrieval.services.page_images import draw_page
from chatapp.retrieval.services.passages import (
    TEXT_MAX_CHARACTERS,
    disable_passage,
    edit_passage,
    enable_passage,
    release_passage,
)
from chatapp.retrieval.services.processing import process_document, process_next, sweep_documents
from chatapp.retrieval.services.rereading import reprocess_collection, retry_failed
from chatapp.retrieval.services.support import record_support
from chatapp.retrieval.services.sync_removal import purge_connectors
from chatapp.retrieval.services.sync_runs import sweep_runs
from chatapp.retrieval.services.syncing import SLICE_SECONDS, run_sync
from chatapp.retrieval.services.versions import add_version, delete_file_on_commit, restore_version
from chatapp.retrieval.services.warming import warm_models

__all__ = [
    "PASSAGE_CHARACTERS",
    "SLICE_SECONDS",
    "TEXT_MAX_CHARACTERS",
    "Refusal",
    "abort_index",
    "add_golden_question",
    "add_version",
    "cancel_evaluation",
    "cancel_sync",
    "change_collection",
    "change_connector",
    "change_golden_question",
    "continue_evaluation",
    "create_collection",
    "create_connector",
    "delete_collection",
    "delete_connector",
    "delete_document",
    "delete_file_on_commit",
    "delete_golden_question",
    "disable_passage",
    "draw_page",
    "drop_expired_indexes",
    "edit_passage",
    "enable_passage",
    "import_golden_questions",
    "list_index_work",
    "pause_connector",
    "pause_index",
    "process_document",
    "process_next",
    "purge_collections",
    "purge_connectors",
    "record_support",
    "release_passage",
    "reprocess_collection",
    "restore_version",
    "resume_index",
    "retry_document",
    "retry_failed",
    "roll_back_index",
    "run_evaluation",
    "run_sync",
    "set_access",
    "start_index",
    "start_sync",
    "swap_index",
    "sweep_documents",
    "sweep_evaluations",
    "sweep_runs",
    "tend_index",
    "update_collection",
    "upload_document",
    "upload_documents",
    "warm_models",
]
