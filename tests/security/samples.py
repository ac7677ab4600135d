"""One of each thing that addresses name, and people of every role, for tests that walk all ways in."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from chatapp.accounts import services as accounts
from chatapp.accounts.models import AuditEvent, IdentityProvider, Role, User
from chatapp.accounts.services import create_api_key
from chatapp.conversations import services as conversations
from chatapp.conversations.models import Generation
from chatapp.evaluation.models import Alert, Comparison, GateRun
from chatapp.inference.models import AnswerOutcome, Budget, ModelVersion, Provider, Rollout, Route, Worker, WorkerOrder
from chatapp.moderation.checks import Finding
from chatapp.moderation.models import Action, Flag, Replay, Severity, Stage
from chatapp.moderation.services import create_policy_version, give_feedback, notify_employee, record_exchange
from chatapp.retrieval.models import Chunk, Collection, Connector, Document, DocumentStatus, EmbeddingIndex, IndexState
from chatapp.retrieval.services import add_golden_question, create_collection, run_evaluation, upload_document
from tests.people import PersonFactory

BLOCK = {"kind": "pattern", "stage": "output", "action": "block", "severity": "high", "patterns": ["BLOCKME"]}
_GATE = {"collections": [], "judge": "", "serving": "", "seconds": 60, "streams": 0, "worker": ""}
_SLUGS = {"roles/": "triager", "sign-in/": "company"}
TRIAGER = ["moderation.review_flag"]


@dataclass
class Persona:
    name: str
    user: User | None
    page: Client = field(init=False)
    api: Client = field(init=False)

    def __post_init__(self) -> None:
        self.page, self.api = Client(raise_request_exception=False), Client(raise_request_exception=False)
        if self.user is not None:
            self.page.force_login(self.user, backend="django.contrib.auth.backends.ModelBackend")
            _, raw = create_api_key(user=self.user)
            self.api = Client(headers={"Authorization": f"Bearer {raw}"}, raise_request_exception=False)


def make_personas(owner: User) -> list[Persona]:
    """Nobody, the owner of what `Samples` holds, and one of each role who owns nothing and is in no group."""
    people = [Persona("nobody", None), Persona("owner", owner)]
    for role in Role:
        user = PersonFactory(username=f"only-{role.value}", roles=[role.value], groups=())
        people.append(Persona(role.value, user))
    administrator = people[-1].user
    assert administrator is not None
    accounts.create_custom_role(actor=administrator, slug="triager", name="Triager", permissions=TRIAGER)
    triager = PersonFactory(username="only-triager", groups=())
    accounts.set_roles(user=triager, roles=["employee", "triager"], actor=None)
    return [*people, Persona("triager", triager)]


@dataclass
class Samples:
    """All that has an owner is `owner`'s; the collection is open to the owner's group."""

    owner: User
    ids: dict[str, Any] = field(default_factory=dict)
    chunk: Chunk = field(init=False)

    def __post_init__(self) -> None:
        version = ModelVersion.objects.create(
            name="scripted", provider=Provider.SCRIPTED, context_tokens=100_000, state="evaluated"
        )
        Route.objects.create(name=Route.DEFAULT, version=version)
        generation = conversations.post_message(
            user=self.owner, text="rate=2000 tokens=5", message_id=uuid4(), conversation_id=None
        )
        Generation.objects.filter(pk=generation.pk).update(collections=[])
        AnswerOutcome.objects.create(
            generation_id=generation.pk, user_id=self.owner.pk, version=version, status="complete"
        )
        maker = PersonFactory(username="maker", roles=["administrator"], groups=())
        collection = create_collection(user=maker, slug="plans", name="Plans", groups={"engineering": "owner"})
        question = add_golden_question(user=self.owner, collection=collection, text="What is the plan?", sources=[])
        index = EmbeddingIndex.objects.create(model="sample", dimensions=3, state=IndexState.READY)
        evaluation = run_evaluation(collection=collection, index=index, actor=self.owner)
        IdentityProvider.objects.create(slug="company", kind="oidc", name="Company", url="http://127.0.0.1:9/")
        policy = create_policy_version(user=None, name="company", checks=[BLOCK], activate=False)
        now = timezone.now()
        self.ids = {
            "alert_id": _alert().pk,
            "comparison_id": (comparison := _comparison(version)).pk,
            "rollout_id": _rollout(comparison).pk,
            "run_id": GateRun.objects.create(version=version, state="complete", marks={}, setup=_GATE).pk,
            "conversation_id": generation.message.conversation_id,
            "worker_name": (worker := _worker()).pk,
            "order_id": WorkerOrder.objects.create(worker=worker.pk, kind="drain", deadline=now).pk,
            "message_id": generation.message_id,
            "generation_id": generation.pk,
            "version_id": version.pk,
            "name": version.name,
            "flag_id": (flag := self._flag()).pk,
            "feedback_id": give_feedback(user=self.owner, generation_id=flag.exchange_id, is_positive=False)[0].pk,
            "notice_id": notify_employee(user=self.owner, generation_id=generation.pk, text="It was read.").pk,
            "policy_id": policy.pk,
            "replay_id": Replay.objects.create(policy=policy, since=now, until=now).pk,
            "slug": collection.slug,
            "number": 1,
            "document_id": self._document(collection).pk,
            "chunk_id": self.chunk.pk,
            "question_id": question.pk,
            "evaluation_id": evaluation.pk,
            "connector_id": Connector.objects.create(collection=collection, kind="web", name="Site").pk,
            "user_id": self.owner.pk,
            "budget_id": Budget.objects.create(subject="everyone", unit="tokens", period="day", hard=10**9).pk,
            "event_id": AuditEvent.objects.latest("at").pk,
            "group_id": self.owner.groups.get(name="engineering").pk,
        }

    def address(self, template: str, kwargs: dict[str, Any]) -> str | None:
        """None when some name stands for nothing here."""
        ids = {**self.ids, **kwargs}
        ids["slug"] = next((slug for place, slug in _SLUGS.items() if place in template), ids["slug"])
        if template.endswith("/answers"):  # Of an evaluation that is a gate.
            ids["evaluation_id"] = ids["run_id"]
        parts = []
        for part in template.split("/"):
            name = part.strip("<>{}").rpartition(":")[2] if part.startswith(("<", "{")) else None
            if name is not None and name not in ids:
                return None
            parts.append(str(ids[name]) if name is not None else part)
        return "/" + "/".join(parts).lstrip("/")

    def named(self, value: Any) -> Any:
        """The id that a name stands for; anything else as it is."""
        return str(self.ids[value]) if isinstance(value, str) and value in self.ids else value

    def _flag(self) -> Flag:
        exchange = record_exchange(
            generation_id=uuid4(),
            user=self.owner,
            question="What is it?",
            answer="This answer was withheld.",
            original="the secret plan",
            sources=[],
            model_version="small",
            policy_version="company@1",
            findings=[Finding("", "words", Stage.OUTPUT, Action.BLOCK, Severity.HIGH, ((4, 10),))],
        )
        return Flag.objects.get(exchange=exchange)

    def _document(self, collection: Collection) -> Document:
        """Ready, with one version of one passage, as if a worker had read it."""
        document = upload_document(
            user=self.owner, collection=collection, name="plan.md", data=b"The plan.", media_type="text/markdown"
        )
        version = document.versions.get()
        self.chunk = Chunk.objects.create(version=version, collection=collection, ordinal=0, text="The plan.")
        Document.objects.filter(pk=document.pk).update(status=DocumentStatus.READY, current=version)
        return document


def _alert() -> Alert:
    figures = {"value": 0.5, "baseline": 0.01, "high": 0.1, "answers": 20, "users": 9}
    return Alert.objects.create(kind="spike", metric="errors", route="default", seen_at=timezone.now(), **figures)


def _worker() -> Worker:
    now = timezone.now()
    return Worker.objects.create(name="inference@sample:1", kind="inference", started_at=now, seen_at=now)


def _comparison(version: ModelVersion) -> Comparison:
    other = ModelVersion.objects.create(
        name="other", provider=Provider.SCRIPTED, context_tokens=100_000, state="evaluated"
    )
    return Comparison.objects.create(
        first=version, second=other, questions_from="list", audience="reviewers", votes_wanted=1, state="open"
    )


def _rollout(comparison: Comparison) -> Rollout:
    """Over, so that it holds up nobody who changes the route."""
    return Rollout.objects.create(
        route_id=Route.DEFAULT,
        kind="canary",
        baseline=comparison.first,
        candidate=comparison.second,
        state="ended",
        stages=[{"share": 100, "min_answers": 0, "min_minutes": 0}],
        stage_started_at=timezone.now(),
        finished_at=timezone.now(),
    )
