"""Reading somebody's conversations: never without a reason, a second person, a limit of time and a trace."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.conversations.models import Conversation, Message
from chatapp.conversations.reading_models import Reading, ReadingGrant
from chatapp.conversations.readings import services
from chatapp.errors import ChatappError
from tests.people import PersonFactory
from tests.security.denials import one_denial

pytestmark = pytest.mark.django_db
ClientOf = Callable[[str], Client]
SECRET = "zanzibar-77"
REASON = "The works council asked about the incident of Tuesday."
HTMX = {"HX-Request": "true"}


@pytest.fixture
def audrey(db: None) -> User:
    return PersonFactory(username="audrey", roles=[Role.EMPLOYEE.value, Role.AUDITOR.value])


@pytest.fixture
def talk(alice: User) -> Conversation:
    conversation = Conversation.objects.create(owner=alice, title=f"About {SECRET}")
    question = Message.objects.create(conversation=conversation, role="user", text=f"What is {SECRET}?")
    Message.objects.create(conversation=conversation, parent=question, role="assistant", text=f"**{SECRET}** <script>")
    return conversation


@pytest.fixture
def grant(audrey: User, ada: User, talk: Conversation) -> ReadingGrant:
    asked = services.request_reading(user=audrey, person="alice", conversation_id=talk.pk, reason=REASON, minutes=30)
    return services.decide_reading(user=ada, grant_id=asked.pk, approve=True)


def url(grant: ReadingGrant, talk: Conversation) -> str:
    return f"/console/readings/{grant.pk}/{talk.pk}/"


def test_from_asking_to_reading_by_pages(
    client_of: ClientOf, audrey: User, ada: User, alice: User, talk: Conversation
) -> None:
    auditor, administrator, owner = client_of("audrey"), client_of("ada"), client_of("alice")
    form = {"person": "alice", "conversation": f"http://localhost/c/{talk.pk}/", "minutes": "60", "reason": REASON}
    assert auditor.post("/console/readings/ask/", form).status_code == 302
    asked = ReadingGrant.objects.get()
    assert auditor.get(url(asked, talk)).status_code == 404
    assert auditor.post(f"/console/readings/{asked.pk}/decide/", {"decision": "approve"}).status_code == 403
    assert "Who read" in owner.get("/settings/readings/").content.decode()
    assert REASON not in owner.get("/settings/readings/").content.decode()

    decided = administrator.post(f"/console/readings/{asked.pk}/decide/", {"decision": "approve"}, headers=HTMX)
    assert decided["HX-Redirect"] == "/console/readings/"
    assert administrator.get(url(asked, talk)).status_code == 404  # the approver does not read
    page = auditor.get(url(asked, talk)).content.decode()
    assert f"<strong>{SECRET}</strong>" in page
    assert f"What is {SECRET}?" in page
    assert "<script>" not in page.partition('data-testid="read-only"')[2].partition("</section>")[0]
    for part in ("composer", "regenerate", "textarea", "Edit"):
        assert part not in page

    told = owner.get("/settings/readings/").content.decode()
    assert all(part in told for part in ("audrey", "ada", REASON, f"About {SECRET}"))
    assert "audrey read this conversation" in owner.get(f"/c/{talk.pk}/").content.decode()
    assert "was-read" not in client_of("bob").get("/").content.decode()
    actions = list(AuditEvent.objects.filter(action__startswith="conversation.").order_by("at"))
    assert [(event.action, event.actor.username) for event in actions] == [
        ("conversation.reading_requested", "audrey"),
        ("conversation.reading_approved", "ada"),
        ("conversation.read_by_grant", "audrey"),
    ]
    assert (actions[-1].object_id, actions[-1].reason) == (str(talk.pk), REASON)
    assert SECRET not in str(list(AuditEvent.objects.values()))


def test_every_opening_is_written_down(client_of: ClientOf, grant: ReadingGrant, talk: Conversation) -> None:
    for count in (1, 2, 3):
        assert client_of("audrey").get(url(grant, talk)).status_code == 200
        assert Reading.objects.filter(grant=grant, conversation=talk).count() == count
        assert AuditEvent.objects.filter(action="conversation.read_by_grant").count() == count


def test_without_a_record_nothing_is_shown(
    client_of: ClientOf, grant: ReadingGrant, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise ChatappError("internal")

    monkeypatch.setattr(services, "record_event", broken)
    response = client_of("audrey").get(url(grant, talk))
    assert response.status_code == 500
    assert SECRET not in response.content.decode()
    assert not Reading.objects.exists()


@pytest.mark.parametrize("how", ["time", "revoked", "approver_gone", "role"])
def test_a_grant_ends(how: str, client_of: ClientOf, grant: ReadingGrant, talk: Conversation, ada: User) -> None:
    auditor = client_of("audrey")
    assert auditor.get(url(grant, talk)).status_code == 200
    if how == "time":
        ReadingGrant.objects.update(until=timezone.now() - timedelta(seconds=1))
    elif how == "revoked":
        assert client_of("ada").post(f"/console/readings/{grant.pk}/revoke/").status_code == 302
    elif how == "approver_gone":
        ada.delete()
    else:
        User.objects.filter(username="audrey").update(roles=[Role.EMPLOYEE.value, Role.REVIEWER.value])
    with one_denial(User.objects.get(username="audrey"), grant.pk):
        assert auditor.get(url(grant, talk)).status_code in {403, 404}
    assert Reading.objects.count() == 1


def test_nobody_decides_over_their_own_request_or_their_own_conversations(
    audrey: User, ada: User, alice: User, talk: Conversation
) -> None:
    alice.roles = [Role.EMPLOYEE.value, Role.ADMINISTRATOR.value]
    alice.save()
    asked = services.request_reading(user=audrey, person="alice", conversation_id=talk.pk, reason=REASON, minutes=5)
    for own in (audrey, alice):
        with pytest.raises(ChatappError) as refused:
            services.decide_reading(user=own, grant_id=asked.pk, approve=True)
        assert refused.value.code == "reading_own"
    with pytest.raises(IntegrityError, match="another_person_decides"), transaction.atomic():
        ReadingGrant.objects.update(decided_by=audrey, state="approved")
    services.decide_reading(user=ada, grant_id=asked.pk, approve=False)
    with pytest.raises(ChatappError) as refused:
        services.decide_reading(user=ada, grant_id=asked.pk, approve=True)
    assert refused.value.code == "reading_decided"


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "too short"},
        {"reason": "x" * 1001},
        {"minutes": "241"},
        {"minutes": "4"},
        {"minutes": "many"},
        {"person": "nobody"},
        {"person": "audrey", "scope": "person"},
        {"person": "bob"},
        {"conversation": "x"},
        {"conversation": str(uuid4())},
        {"person": "a\0"},
    ],
)
def test_a_request_that_is_not_whole_is_refused(
    change: dict[str, str], client_of: ClientOf, audrey: User, bob: User, talk: Conversation
) -> None:
    form = {"person": "alice", "conversation": str(talk.pk), "minutes": "60", "reason": REASON, **change}
    response = client_of("audrey").post("/console/readings/ask/", form)
    assert response.status_code == 400
    assert "could not be understood" in response.content.decode()
    assert not ReadingGrant.objects.exists()


def test_a_grant_covers_only_what_it_names(
    client_of: ClientOf, grant: ReadingGrant, talk: Conversation, alice: User, bob: User, ada: User, audrey: User
) -> None:
    other = Conversation.objects.create(owner=alice, title="Another")
    strangers = Conversation.objects.create(owner=bob, title="Of bob")
    for conversation in (other, strangers):
        assert client_of("audrey").get(url(grant, conversation)).status_code == 404
    whole = services.request_reading(user=audrey, person="alice", conversation_id=None, reason=REASON, minutes=30)
    services.decide_reading(user=ada, grant_id=whole.pk, approve=True)
    listed = client_of("audrey").get(f"/console/readings/{whole.pk}/").content.decode()
    assert "Another" in listed
    assert "Of bob" not in listed
    assert AuditEvent.objects.filter(action="conversation.listed_by_grant").count() == 1
    assert client_of("audrey").get(url(whole, other)).status_code == 200
    assert client_of("audrey").get(url(whole, strangers)).status_code == 404
    talk.delete()  # its grant does not become one for everything
    assert client_of("audrey").get(url(grant, other)).status_code == 404


def test_others_have_no_way_to_ask_decide_or_read(
    client_of: ClientOf, grant: ReadingGrant, talk: Conversation, mallory: User, mona: User, oscar: User
) -> None:
    form = {"person": "alice", "conversation": str(talk.pk), "minutes": "60", "reason": REASON}
    before = list(ReadingGrant.objects.values())
    for name, status in (("mallory", 404), ("mona", 403), ("oscar", 403), ("alice", 404)):
        client = client_of(name)
        assert client.get("/console/readings/").status_code == status
        assert client.get(f"/console/readings/{grant.pk}/").status_code == status
        assert client.get(url(grant, talk)).status_code == status
        assert client.post("/console/readings/ask/", form).status_code == status
        for act in ("decide", "revoke"):
            assert client.post(f"/console/readings/{grant.pk}/{act}/", {"decision": "approve"}).status_code == status
    assert list(ReadingGrant.objects.values()) == before
    assert "zanzibar" not in client_of("mallory").get("/settings/readings/").content.decode()


def test_the_list_takes_a_constant_number_of_queries(
    client_of: ClientOf, audrey: User, grant: ReadingGrant, talk: Conversation, django_assert_max_num_queries: Any
) -> None:
    for _ in range(25):
        services.request_reading(user=audrey, person="alice", conversation_id=talk.pk, reason=REASON, minutes=30)
    client = client_of("audrey")
    with django_assert_max_num_queries(9):
        assert client.get("/console/readings/").content.decode().count('data-testid="grant-row"') == 26
