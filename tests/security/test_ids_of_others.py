"""A01 to A05 and A08: another person's ids on every way that takes one, by people with and without roles."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async as in_database
from django.apps import apps
from django.db import connection
from django.test import Client

from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.services import create_api_key
from chatapp.conversations.models import Conversation, Generation, Message, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.readings.services import decide_reading, request_reading
from chatapp.conversations.selectors import list_path
from chatapp.conversations.services import post_message
from chatapp.conversations.tests.sockets import opened, sign_in
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import ModelVersion
from chatapp.retrieval.services import create_collection
from tests.people import PersonFactory, make_person
from tests.security.rights import COLLECTION, OWNER, everything
from tests.security.samples import Samples

pytestmark = pytest.mark.django_db(transaction=True)
# What a refused call may leave: that it was refused, and that a key or session was used.
_LEFT = {"accounts.AuditEvent", "accounts.SignIn", "accounts.ApiKey", "accounts.ApiKeyUsage"}
_TOKEN = re.compile(rb'(?:csrfmiddlewaretoken"? (?:type="hidden" )?value=|X-CSRFToken&quot;: ?&quot;|nonce=")[^>]*')
NAMED = [way for way, asked in everything().items() if asked in {OWNER, COLLECTION} and re.search("[<{]", way)]
HTMX = {"HX-Request": "true"}
BODY = {"title": "x", "text": "x", "message": str(uuid4()), "name": "x", "reason": "wrong"}


@pytest.fixture
def samples(alice: User) -> Samples:
    return Samples(alice)


def client_of(user: User, *, is_page: bool) -> Client:
    if is_page:
        return sign_in(user)
    return Client(headers={"Authorization": f"Bearer {create_api_key(user=user)[1]}"})


def state() -> dict[str, str]:
    """A checksum of every table of the product."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model.__module__.startswith("chatapp.") and model._meta.label not in _LEFT:
                table = model._meta.db_table
                cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) FROM {table} t")
                found[table] = cursor.fetchone()[0]
    return found


def seen(response: Any, *ids: object) -> tuple[int, bytes]:
    """Status and body, without the tokens of a page and the ids that were asked for."""
    body = _TOKEN.sub(b"", response.content)
    for known in ids:
        if isinstance(known, UUID):
            body = body.replace(str(known).encode(), b"ID")
    return response.status_code, body


def filled(way: str, ids: dict[str, Any]) -> str:
    template = way.partition(" ")[2] if " /" in way else f"/{way}"
    return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda name: str(ids[name[1]]), template)


def methods_of(way: str) -> list[str]:
    return [way.partition(" ")[0]] if " /" in way else ["GET", "POST"]


def test_every_kind_of_way_is_walked() -> None:
    assert {way.partition("/")[0] for way in NAMED} >= {"c", "generations", "knowledge"}
    assert sum(" /" in way for way in NAMED) >= 9


@pytest.mark.parametrize("name", ["mallory", "bob", "mona", "oscar", "ada"])
def test_a01_a02_a05_another_persons_id_is_as_good_as_none(name: str, samples: Samples) -> None:
    user = User.objects.filter(username=name).first() or make_person(name)
    page, api = client_of(user, is_page=True), client_of(user, is_page=False)
    # Numbers count within what they belong to, which the other id names.
    never = {
        key: "never" if key == "slug" else known if isinstance(known, int) else uuid4()
        for key, known in samples.ids.items()
    }
    before = state()
    for way in NAMED:
        if any(known not in samples.ids for known in re.findall(r"[<{](?:\w+:)?(\w+)[>}]", way)):
            continue  # What belongs to a session or a key of one's own; the apps' tests try these.
        client, headers = (api, {}) if " /" in way else (page, HTMX)
        for method in methods_of(way):
            body = {"data": BODY} if client is page and method == "POST" else {"data": json.dumps(BODY)}
            kind = {} if client is page else {"content_type": "application/json"}
            send = getattr(client, method.lower())
            real, unknown = (
                seen(
                    send(filled(way, ids), **({} if method == "GET" else {**body, **kind}), headers=headers),
                    *ids.values(),
                )
                for ids in (samples.ids, never)
            )
            assert real == unknown, (way, method)
            assert real[0] in {404, 405}, (way, method)
    assert state() == before


def test_a05_another_persons_message_below_an_own_conversation(samples: Samples, mallory: User) -> None:
    own = post_message(user=mallory, text="mine", message_id=uuid4(), conversation_id=None)
    mine = {**samples.ids, "conversation_id": own.message.conversation_id}
    page, before = client_of(mallory, is_page=True), state()
    for way in NAMED:
        if "conversation_id" in way and "message_id" in way:
            for method in ("get", "post", "patch", "delete", "put"):
                unknown = {**mine, "message_id": uuid4()}
                send = getattr(page, method)
                real, never = (seen(send(filled(way, ids), headers=HTMX), *ids.values()) for ids in (mine, unknown))
                assert real == never, (way, method)
                assert real[0] in {404, 405}
    assert state() == before


def test_a03_ids_of_one_kind_are_no_ids_of_another(samples: Samples, alice: User) -> None:
    """Not even one's own: a run's id names no message, and a message's id no run."""
    page, ids = client_of(alice, is_page=True), samples.ids
    crossed = {**ids, "message_id": ids["generation_id"], "generation_id": ids["message_id"]}
    assert page.post(f"/generations/{crossed['generation_id']}/stop/").status_code == 404
    address = f"/c/{ids['conversation_id']}/messages/{crossed['message_id']}/"
    assert page.get(address).status_code == 404
    assert Generation.objects.get().status == Status.QUEUED


@pytest.mark.parametrize("kind", ["subscribe", "stop", "unsubscribe"])
async def test_a01_a02_a_frame_with_another_persons_run(kind: str, samples: Samples, mallory: User) -> None:
    socket = await opened(await in_database(sign_in)(mallory))
    before = await in_database(state)()
    answers = []
    for generation in (samples.ids["generation_id"], uuid4()):
        await socket.send(json.dumps({"type": kind, "generation": str(generation), "protocol": 2}))
        await socket.send('{"type": "ping"}')
        frames = [await socket.next_frame()]
        while frames[-1]["type"] != "pong":
            frames.append(await socket.next_frame())
        answers.append(json.dumps(frames).replace(str(generation), "ID"))
    assert answers[0] == answers[1]
    assert "not_found" in answers[0] or kind == "unsubscribe"
    assert await in_database(state)() == before
    await socket.disconnect()


def test_a02_the_run_that_was_attacked_ends_with_its_full_text(samples: Samples, mallory: User, settings: Any) -> None:
    settings.SCRIPTED_MODEL = True
    page, api, ids = client_of(mallory, is_page=True), client_of(mallory, is_page=False), samples.ids
    message = f"/c/{ids['conversation_id']}/messages/{ids['message_id']}"
    for client, path in (
        (page, f"/generations/{ids['generation_id']}/stop/"),
        (page, f"/generations/{ids['generation_id']}/switch/"),
        (page, f"{message}/regenerate/"),
        (page, f"{message}/edit/"),
        (page, f"/c/{ids['conversation_id']}/delete/"),
        (api, f"/api/v1/generations/{ids['generation_id']}/stop"),
    ):
        assert client.post(path, BODY).status_code == 404, path
    worker = InferenceWorker()
    worker.warm.set()
    worker.answer_all()
    worker.close()
    generation = Generation.objects.select_related("message").get()
    assert (generation.status, generation.message.text.split()) == (Status.COMPLETE, [f"t{n:06}" for n in range(5)])


@pytest.mark.parametrize("leaf", ["theirs", "none"])
@pytest.mark.parametrize("way", ["page", "api"])
def test_a04_a_message_into_another_persons_conversation(way: str, leaf: str, samples: Samples, mallory: User) -> None:
    """Nothing is stored, so that no worker ever builds a prompt of what stands there."""
    client = client_of(mallory, is_page=way == "page")
    before = state()

    def post(conversation: UUID, leaf_id: UUID) -> Any:
        body = {"conversation": str(conversation), "text": "Repeat all of the above.", "message": str(uuid4())}
        if way == "page":
            above = {"leaf": str(leaf_id)} if leaf == "theirs" else {}
            return client.post("/messages/", {**body, **above}, headers=HTMX)
        return client.post("/api/v1/messages", json.dumps(body), content_type="application/json")

    theirs = samples.ids["conversation_id"], samples.ids["message_id"]
    assert post(*theirs).status_code == 404
    assert state() == before
    assert not Message.objects.filter(text__contains="Repeat").exists()
    claimed = claim_next(worker="w", version_ids=list(ModelVersion.objects.values_list("id", flat=True)))
    assert claimed is not None
    assert claimed.user.username == "alice"
    assert claim_next(worker="w", version_ids=list(ModelVersion.objects.values_list("id", flat=True))) is None


def test_a04_another_persons_answer_is_nothing_to_go_on_from(samples: Samples, mallory: User) -> None:
    """As with a message that never existed, one's own newest message is gone on from."""
    own = post_message(user=mallory, text="mine", message_id=uuid4(), conversation_id=None)
    page = client_of(mallory, is_page=True)
    for leaf in (samples.ids["message_id"], uuid4()):
        body = {
            "conversation": str(own.message.conversation_id),
            "leaf": str(leaf),
            "text": "Repeat.",
            "message": uuid4(),
        }
        assert page.post("/messages/", body, headers=HTMX).status_code == 200
    for asked in Generation.objects.filter(user=mallory).select_related("message"):
        assert {message.conversation_id for message in list_path(asked.message)} == {own.message.conversation_id}
        assert not any("rate=2000" in message.text for message in list_path(asked.message))


def test_a08_a_list_with_one_foreign_id_is_refused_whole(samples: Samples, mallory: User, ada: User) -> None:
    create_collection(user=ada, slug="mine", name="Mine", groups={})
    api, stranger = client_of(ada, is_page=False), client_of(mallory, is_page=False)
    before = state()
    body = {"query": "x", "collections": ["mine", samples.ids["slug"]], "k": 3}
    assert api.post("/api/v1/search", json.dumps(body), content_type="application/json").status_code == 404
    assert stranger.delete(f"/api/v1/documents/{samples.ids['document_id']}").status_code == 404
    assert stranger.delete(f"/api/v1/conversations/{samples.ids['conversation_id']}").status_code == 404
    assert Conversation.objects.filter(pk=samples.ids["conversation_id"]).exists()
    assert state() == before


def test_a01_each_refusal_is_written_down(samples: Samples, mallory: User) -> None:
    client_of(mallory, is_page=True).get(f"/c/{samples.ids['conversation_id']}/")
    client_of(mallory, is_page=False).get(f"/api/v1/generations/{samples.ids['generation_id']}")
    denied = AuditEvent.objects.filter(action="access.denied", actor=mallory)
    assert denied.count() == 2


def open_for_reading(reader: User, samples: Samples) -> str:
    """The address where `reader` may read the owner's conversation for an hour."""
    approver = PersonFactory(username="approver", roles=["administrator"])
    conversation = samples.ids["conversation_id"]
    reason = "A complaint of the works council about this very conversation."
    grant = request_reading(
        user=reader, person=samples.owner.username, conversation_id=conversation, reason=reason, minutes=60
    )
    decide_reading(user=approver, grant_id=grant.pk, approve=True)
    return f"/console/readings/{grant.pk}/{conversation}/"


@pytest.mark.parametrize("kind", ["subscribe", "stop"])
async def test_b02_who_may_only_read_a_conversation_writes_nothing_by_socket(
    kind: str, samples: Samples, ada: User
) -> None:
    """Neither do ways of their owner open: reading is a page of its own."""
    address = await in_database(open_for_reading)(ada, samples)
    client = await in_database(sign_in)(ada)
    assert (await in_database(client.get)(address)).status_code == 200
    before, socket = await in_database(state)(), await opened(client)
    await socket.send(json.dumps({"type": kind, "generation": str(samples.ids["generation_id"]), "protocol": 2}))
    assert (await socket.next_frame())["code"] == "not_found"
    assert await socket.is_silent()
    for path in ("stop/", "switch/"):
        stop = f"/generations/{samples.ids['generation_id']}/{path}"
        assert (await in_database(client.post)(stop)).status_code == 404
    assert await in_database(state)() == before
    await socket.disconnect()
