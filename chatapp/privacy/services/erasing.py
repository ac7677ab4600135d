"""What an erasure does, kind by kind. Each step may be done again: one that was broken off goes on."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db import transaction

from chatapp.accounts.lockout import stand_in_for
from chatapp.accounts.models import ApiKey, ProvisionedUser, RateLimit, ServiceAccount, SignIn, User
from chatapp.accounts.services.audit import forget_actor
from chatapp.conversations.models import (
    CachedAnswer,
    Conversation,
    ConversationSummary,
    Generation,
    Message,
    Source,
)
from chatapp.conversations.services import remove_conversation, remove_reruns_of
from chatapp.evaluation.models import (
    Alert,
    AlertChannel,
    ChannelKind,
    Comparison,
    GateMarks,
    GateRun,
    Volunteer,
    Vote,
)
from chatapp.inference.models import (
    AnswerOutcome,
    Budget,
    BudgetNotice,
    DailyUse,
    Download,
    PilotMember,
    Rollout,
    RolloutStep,
    ShadowOutcome,
    SideWork,
    WorkerOrder,
)
from chatapp.inference.usage.services import forget_person
from chatapp.moderation.models import (
    Exchange,
    Feedback,
    Flag,
    Notice,
    PolicyChange,
    PolicyVersion,
    Replay,
    Rerun,
    Verdict,
)
from chatapp.privacy.models import DataExport
from chatapp.privacy.services.exports import remove_export
from chatapp.privacy.sql import find_mentions
from chatapp.retrieval.models import (
    Collection,
    Connector,
    Document,
    DocumentVersion,
    Evaluation,
    GoldenQuestion,
    IngestionParty,
    SyncRun,
)

# Passages of company documents are no data of one person; reading all of them would take hours.
NOT_SCANNED = frozenset(
    {"retrieval_chunk", "retrieval_searchentry", "retrieval_synceditem", "retrieval_termstatistics"}
)
KEPT = (
    "Audit events stay, under the id that this receipt names; the name has left them.",
    "Documents of company collections stay, without the name of who uploaded them.",
    "Counts of tokens and cost stay, and belong to nobody.",
    "Backups hold what they held until they are overwritten: see docs/privacy.md.",
)


def erase_data(person: User) -> dict[str, int]:
    """How many rows of each kind were removed, or lost the person."""
    removed = _count_conversations(person)
    for conversation_id in list(Conversation.objects.filter(owner=person).values_list("id", flat=True)):
        with transaction.atomic():
            conversation = Conversation.objects.select_for_update().filter(id=conversation_id).first()
            if conversation is not None:
                remove_conversation(conversation)
    with transaction.atomic():
        removed |= _erase_reviews(person) | _detach(person) | _erase_access(person)
        for export in DataExport.objects.filter(user=person):
            remove_export(export)
            removed["exports"] = removed.get("exports", 0) + 1
        removed["audit_events_without_name"] = forget_actor(user=person)
        _anonymize(person)
    return {kind: count for kind, count in removed.items() if count}


def verify_erased(person: User, known: list[str]) -> dict[str, Any]:
    """What a scan finds afterwards: rows that still belong to the person, and rows that still name them."""
    rows = {
        "conversations": Conversation.objects.filter(owner=person).count(),
        "generations": Generation.objects.filter(user=person).count(),
        "exchanges": Exchange.objects.filter(user=person).count(),
        "api_keys": ApiKey.objects.filter(user=person).count(),
        "sign_ins": SignIn.objects.filter(user=person).count(),
        "exports": DataExport.objects.filter(user=person).count(),
        "usage": sum(used.objects.filter(user=person).count() for used in (AnswerOutcome, SideWork, DailyUse)),
        "identities": SocialAccount.objects.filter(user=person).count(),
    }
    mentions = {word_number: find_mentions(word, without=NOT_SCANNED) for word_number, word in enumerate(known, 1)}
    found: dict[str, int] = {}
    for tables in mentions.values():
        for table, count in tables.items():
            found[table] = found.get(table, 0) + count
    return {"left": {kind: n for kind, n in rows.items() if n}, "rows_that_name_them": found, "kept": list(KEPT)}


def _count_conversations(person: User) -> dict[str, int]:
    of_person = {"message__conversation__owner": person}
    return {
        "conversations": Conversation.objects.filter(owner=person).count(),
        "messages": Message.objects.filter(conversation__owner=person).count(),
        "generations_and_live_streams": Generation.objects.filter(**of_person).count(),
        "sources": Source.objects.filter(**of_person).count(),
        "cached_answers": CachedAnswer.objects.filter(**of_person).count(),
        "summaries": ConversationSummary.objects.filter(upto__conversation__owner=person).count(),
    }


def _erase_reviews(person: User) -> dict[str, int]:
    """Withheld text and excerpts of flags go with the exchanges that they are part of."""
    exchanges = Exchange.objects.filter(user=person)
    counts = {
        "exchanges_with_withheld_text": exchanges.count(),
        "flags_with_excerpts": Flag.objects.filter(exchange__in=exchanges).count(),
        "verdicts": Verdict.objects.filter(exchange__in=exchanges).count(),
        "feedback": Feedback.objects.filter(user=person).count(),
        "notices": Notice.objects.filter(user=person).count(),
        "reruns_of_questions": remove_reruns_of(person=person),
    }
    Rerun.objects.filter(asked_by=person).delete()
    Feedback.objects.filter(user=person).delete()
    Notice.objects.filter(user=person).delete()
    exchanges.delete()
    return counts


def _detach(person: User) -> dict[str, int]:
    """What belongs to the company stays, and does not name the person any more."""
    return {
        "usage_rows_without_person": forget_person(person=person)
        + ShadowOutcome.objects.filter(user=person).update(user=None),
        "votes_without_voter": Vote.objects.filter(voter=person).update(voter=None, reason=""),
        "comparisons_without_starter": Comparison.objects.filter(started_by=person).update(started_by=None),
        "budgets_without_setter": Budget.objects.filter(updated_by=person).update(updated_by=None),
        "orders_to_workers_without_person": WorkerOrder.objects.filter(actor=person).update(actor=None),
        "alerts_without_person": Alert.objects.filter(acknowledged_by=person).update(acknowledged_by=None, note=""),
        "alert_channels_without_person": AlertChannel.objects.filter(created_by=person).update(created_by=None),
        "alert_addresses": _forget_address(person),
        "documents_without_uploader": Document.objects.filter(created_by=person).update(created_by=None),
        "versions_without_uploader": DocumentVersion.objects.filter(created_by=person).update(created_by=None),
        "documents_that_nobody_waits_for": Document.objects.filter(queued_for=person.pk).update(queued_for=None),
        "golden_questions_without_author": GoldenQuestion.objects.filter(created_by=person).update(created_by=None),
        "evaluations_without_starter": Evaluation.objects.filter(started_by=person).update(started_by=None),
        "rollouts_without_starter": Rollout.objects.filter(started_by=person).update(started_by=None),
        "steps_of_rollouts_without_person": RolloutStep.objects.filter(actor=person).update(actor=None),
        "gates_without_starter": GateRun.objects.filter(started_by=person).update(started_by=None),
        "gate_marks_without_person": GateMarks.objects.filter(set_by=person).update(set_by=None),
        "downloads_of_models_without_starter": Download.objects.filter(started_by=person).update(started_by=None),
        "replays_without_starter": Replay.objects.filter(created_by=person).update(created_by=None),
        "policy_changes_without_actor": PolicyChange.objects.filter(actor=person).update(actor=None),
        "policies_without_maker": PolicyVersion.objects.filter(created_by=person).update(created_by=None),
        "connectors_without_maker": Connector.objects.filter(created_by=person).update(created_by=None),
        "syncs_without_person": SyncRun.objects.filter(started_by=person).update(started_by=None),
        "collections_without_maker": Collection.objects.filter(created_by=person).update(created_by=None),
        "service_accounts_without_owner": ServiceAccount.objects.filter(owner=person).update(owner=None),
    }


def _forget_address(person: User) -> int:
    """Alerts are mailed there no longer. Before the account forgets its own address."""
    if not person.email:
        return 0
    own = AlertChannel.objects.filter(kind=ChannelKind.MAIL, address__iexact=person.email)
    return own.delete()[0]


def _erase_access(person: User) -> dict[str, int]:
    typed = [name for name in (person.username, person.email) if name]
    names = {"username__in": [*typed, *map(stand_in_for, typed)]}
    rows: dict[str, Any] = {
        "api_keys": ApiKey.objects.filter(user=person),
        "sign_ins": SignIn.objects.filter(user=person),
        "identities": SocialAccount.objects.filter(user=person),
        "e_mail_addresses": EmailAddress.objects.filter(user=person),
        "offers_to_compare": Volunteer.objects.filter(user=person),
        "trials_of_new_models": PilotMember.objects.filter(user=person),
        "budgets": Budget.objects.filter(user=person),
        "notices_of_budgets": BudgetNotice.objects.filter(user=person),
        "limits": RateLimit.objects.filter(user=person),
        "turns_of_ingestion": IngestionParty.objects.filter(pk=person.pk),
        "failed_sign_ins": AccessAttempt.objects.filter(**names),
        "sign_in_log": AccessLog.objects.filter(**names),
        "failure_log": AccessFailureLog.objects.filter(**names),
        "provisioning": ProvisionedUser.objects.filter(user=person),
    }
    return {kind: found.delete()[0] for kind, found in rows.items()}


def _anonymize(person: User) -> None:
    """The row stays as what audit events and decisions point at; nobody can sign in with it."""
    person.username = f"erased-{person.pk.hex[:16]}"
    person.first_name = person.last_name = person.email = ""
    person.roles, person.own_roles, person.permissions = [], [], []
    person.is_active = person.is_staff = person.is_superuser = person.is_break_glass = False
    person.last_login = None
    person.set_unusable_password()
    person.save()
    person.groups.clear()
    person.user_permissions.clear()
