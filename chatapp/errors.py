"""One family of errors; the wording a user sees lives here, keyed by a stable code."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    title: str


PROBLEMS: dict[str, Problem] = {
    "not_found": Problem(404, "There is nothing here that you can see."),
    "forbidden": Problem(403, "You may see this, but you may not do that with it."),
    "unauthenticated": Problem(401, "Sign in, or send a valid API key."),
    "invalid": Problem(400, "The request could not be understood: {detail}"),
    "message_empty": Problem(400, "Write a message first."),
    "message_too_long": Problem(
        413, "The message has {length:,} characters; the limit is {limit:,}. Shorten it or upload it as a document."
    ),
    "conversation_busy": Problem(409, "This conversation is still being answered. Wait for the answer or stop it."),
    "embedding_model": Problem(400, "{problem}"),
    "index_busy": Problem(409, "An index with {model} is being made already. Swap to it, or abort it first."),
    "index_state": Problem(409, "This index is {state} now, so that cannot be done with it. Look at it again."),
    "index_incomplete": Problem(
        409, "{missing:,} passages have no vector in this index yet. They are being added: try again in a minute."
    ),
    "exists": Problem(409, "{what} already exists. Choose another name."),
    "queue_full": Problem(503, "All workers are busy. Try again in {seconds} seconds."),
    "user_queue_full": Problem(
        429, "{limit} of your questions are waiting already. Stop one, or try again in {seconds} seconds."
    ),
    "conversation_full": Problem(
        409, "{limit} questions are waiting in this conversation already. Wait for an answer, or stop one of them."
    ),
    "temporary_off": Problem(409, "Temporary chats are not available here. Start a chat that is kept."),
    "export_running": Problem(409, "An archive is being made already. Wait until it is ready."),
    "export_limit": Problem(429, "{limit} archives a day are the limit. Try again tomorrow."),
    "erasure_open": Problem(409, "An erasure of this account is waiting already."),
    "erasure_over": Problem(409, "This erasure is over or was cancelled already."),
    "under_hold": Problem(409, "A legal hold keeps this. It can be deleted once the hold is released."),
    "not_waiting": Problem(409, "This answer is not waiting any more."),
    "no_faster_model": Problem(409, "No faster model is free now. The answer keeps its place in the queue."),
    "version_used": Problem(409, "{name} is in use by {places}. Let another version do its work there first."),
    "rate_limited": Problem(429, "Too many requests. Try again in {seconds} seconds."),
    "tokens_used_up": Problem(429, "Your tokens are used up for now. Try again in {wait}."),
    "budget_used_up": Problem(429, "{budget} is used up until {until}. Ask {whom} if you need more before."),
    "file_too_large": Problem(413, "The file is larger than the limit of {limit}."),
    "file_type": Problem(
        415,
        "{name} is not a file that can be read here: text, Markdown, HTML, CSV, PDF, Word, PowerPoint, Excel, e-mail "
        "(.eml), a picture (PNG, JPEG, TIFF) or a .zip of these. Convert it and upload it again.",
    ),
    "collection_full": Problem(409, "The collection holds {limit:,} documents, which is the limit. Delete some first."),
    "not_current": Problem(
        409, "This is not the newest version of the document, or that one is being read. Open the newest, or wait."
    ),
    "name_taken": Problem(409, "A document named {name} is in the collection already, and not from this connector."),
    "document_synced": Problem(
        409, "{name} comes from a connector. Change it at its source, or upload the file by another name."
    ),
    "sync_running": Problem(409, "This connector is being synced already. Wait for the end, or cancel it."),
    "connector_paused": Problem(409, "This connector is paused. Resume it first."),
    "last_owner": Problem(409, "Nobody would own this collection any more. Give a group the role of owner first."),
    "evaluation_running": Problem(409, "This index is being evaluated already. Wait for the end, or cancel it."),
    "question_exists": Problem(409, "This is a golden question of the collection already."),
    "nothing_to_keep": Problem(409, "The answer cites no collection that you may edit."),
    "evaluation_over": Problem(409, "This evaluation is over already."),
    "too_many_comparisons": Problem(409, "{limit} comparisons run already. Close or cancel one first."),
    "comparison_over": Problem(409, "This comparison is over already. Look at it again."),
    "voted": Problem(409, "You have voted on these two answers already. That vote stands."),
    "gate_running": Problem(409, "A release gate of {name} runs already. Wait for its end, or cancel it."),
    "gates_running": Problem(409, "{limit} release gates run already. Wait for the end of one, or cancel it."),
    "storage_unavailable": Problem(503, "The file could not be stored. Try again later or tell your administrator."),
    "scope_missing": Problem(403, "This API key does not have the scope {scope}. Use a key that has it."),
    "too_many_keys": Problem(409, "There are {limit} keys already. Revoke those that are not needed first."),
    "read_only_key": Problem(403, "This API key may only read. Use a key that may write."),
    "method_not_allowed": Problem(405, "This address does not take that method."),
    "body_too_large": Problem(413, "The request is too large. Send less at a time."),
    "generation_failed": Problem(
        502, "The model could not answer. Try again; if it fails again, tell your administrator."
    ),
    "restarting": Problem(503, "The server restarts. The answer goes on as generation {generation}: read it there."),
    "interrupted": Problem(503, "The answer was interrupted. Send the request again."),
    "database_away": Problem(503, "The database does not answer now. Try again in {seconds} seconds."),
    "internal": Problem(500, "Something went wrong here. It has been logged; try again or tell your administrator."),
    "model_unknown": Problem(404, "There is no model version named {name}."),
    "model_unavailable": Problem(503, "The model is not available now. Try again in a minute."),
    "no_model": Problem(503, "No model can answer now. Send the request again in {seconds} seconds."),
    "not_evaluated": Problem(
        409, "{name} has passed no release gate. Run one, or say why it may serve without: that is kept and audited."
    ),
    "rollout_state": Problem(409, "This rollout is {state} now, so that cannot be done with it. Look at it again."),
    "worker_gone": Problem(409, "{name} was not heard of lately, so nothing can be asked of it. Load the page again."),
    "last_worker": Problem(409, "{consequence} Confirm that you want it all the same."),
    "rollout_running": Problem(409, "A rollout of {name} runs on the route {route}. Finish it or roll it back first."),
    "model_not_allowed": Problem(
        403, "Text sent to {name} leaves the company, which the route {route} does not allow. Choose another model."
    ),
    "try_unavailable": Problem(503, "No worker can look at the text now. Try again in a minute."),
    "page_not_drawn": Problem(422, "This page cannot be drawn. Its text is below."),
    "store_unavailable": Problem(503, "No worker can reach the store of models now. Try again in a minute."),
    "search_unavailable": Problem(503, "Search is not available now. Try again in a minute."),
    "changed_meanwhile": Problem(409, "Somebody else has changed this meanwhile. Load it again."),
    "own_account": Problem(409, "Nobody closes their own account. Ask another administrator."),
    "last_administrator": Problem(
        409, "This is the last administrator who can sign in. Give another person that role first."
    ),
    "answer_gone": Problem(409, "The employee has deleted this conversation, and its sources are gone with it."),
    "feedback_no_answer": Problem(409, "This answer failed or was withheld, so there is nothing to rate."),
    "feedback_over": Problem(409, "This feedback was taken back, or is done already."),
    "feedback_temporary": Problem(409, "A temporary chat leaves no trace, so its answers cannot be rated."),
    "flag_taken": Problem(409, "{name} is reviewing this flag now. Take another one."),
    "flag_decided": Problem(409, "This flag has been decided already."),
    "flag_not_yours": Problem(
        403, "Somebody else has to decide this flag: you decided on it before, or on what it appeals against."
    ),
    "undo_over": Problem(409, "Only your own last decision can be undone, and only for ten minutes."),
    "provider_probe": Problem(502, "The identity provider could not be asked. {detail}"),
    "provider_in_use": Problem(
        409, "People have come from this issuer. Add another identity provider for another issuer."
    ),
    "last_way_in": Problem(
        409, "No administrator could sign in any more. Let one come in by another provider or by password first."
    ),
    "provider_url": Problem(400, "This is no address of an identity provider. {detail}"),
    "policy_state": Problem(409, "{policy} is in the state {now} and cannot be {then} next."),
    "policy_first": Problem(409, "No other version of this policy was active before {policy}."),
    "replays_running": Problem(409, "{limit} replays wait or run already. Wait for one of them, or cancel it."),
    "replay_right": Problem(403, "Whoever started this may not manage policies any more. You can resume it yourself."),
    "check_down": Problem(503, "A check could not look, three times. Resume the replay once it can."),
    "replay_over": Problem(409, "This replay is over already."),
    "replay_not_stopped": Problem(409, "Only a replay that was cancelled or failed can go on."),
    "flag_unclaimed": Problem(409, "Claim this flag before you decide it."),
    "words_missing": Problem(400, "Say in a few words why."),
    "already_reported": Problem(409, "You have reported this answer already. A reviewer looks at it."),
    "already_appealed": Problem(409, "You have appealed against this already. A reviewer looks at it."),
    "not_reportable": Problem(409, "There is no text of this answer that could be reported."),
    "not_withheld": Problem(409, "This answer is not withheld, so there is nothing to appeal against."),
    "appeal_over": Problem(409, "Nothing is kept of this answer any more, so nobody can look at it again."),
    "reading_own": Problem(403, "Somebody else has to decide this: you asked for it, or they are your own."),
    "reading_decided": Problem(409, "This has been decided already."),
}


class ChatappError(Exception):
    """Something that a user can be told in a sentence.

    `code` is stable and part of the API (RFC 9457 `code`); `params` fill the sentence of that code.
    Raises KeyError at construction when the code has no sentence.
    """

    def __init__(self, code: str, **params: Any) -> None:
        problem = PROBLEMS[code]
        self.code = code
        self.status = problem.status
        self.params = params
        self.message = problem.title.format(**params)
        super().__init__(self.message)
