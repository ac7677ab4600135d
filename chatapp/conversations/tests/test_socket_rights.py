"""A socket ends with its session, its account and its rights, told or not."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chatapp.accounts import services as accounts
from chatapp.accounts.models import SignIn, User
from chatapp.accounts.selectors.standings import load_standings
from chatapp.conversations import events
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.sockets import watch
from chatapp.conversations.tests.conftest import Ask, Start
from chatapp.conversations.tests.sockets import closes, in_database, opened, sign_in, socket_of, subscribe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis loses whatever is told to the pages."""
    monkeypatch.setattr(events, "_tell_pages", lambda *_, **__: None)


def demote(ada: User) -> None:
    accounts.set_roles(user=ada, roles=["employee"], actor=None)


def disable(ada: User) -> None:
    accounts.disable_user(user=ada, actor=None, reason="left")


def change_password(ada: User) -> None:
    ada.set_password("another-long-password")
    ada.save(update_fields=["password"])


@pytest.fixture
def second_administrator(bob: User) -> None:
    accounts.set_roles(user=bob, roles=["administrator"], actor=None)


@pytest.mark.parametrize("act", [disable, User.delete, change_password], ids=["disabled", "deleted", "new password"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "unheard"])
async def test_b01_a_socket_of_a_closed_account_ends(
    act: Callable[[User], Any], told: bool, ada: User, second_administrator: None, request: Any
) -> None:
    if not told:
        request.getfixturevalue("unheard")
    client = await in_database(sign_in)(ada)
    socket = await opened(client)
    began = time.monotonic()
    await in_database(act)(await User.objects.aget(pk=ada.pk))
    await closes(socket, 4401)
    assert time.monotonic() - began < 5
    assert not await (await in_database(socket_of)(client)).connect()


@pytest.mark.parametrize("told", [True, False], ids=["told", "unheard"])
async def test_b01_a_socket_knows_its_users_rights_anew(
    told: bool, ada: User, second_administrator: None, request: Any
) -> None:
    if not told:
        request.getfixturevalue("unheard")
    socket = await opened(await in_database(sign_in)(ada))
    consumer_user = next(iter(watch.get_watch()._looked_at)).user
    await in_database(demote)(await User.objects.aget(pk=ada.pk))
    async with asyncio.timeout(5):
        while "administrator" in consumer_user.roles:  # noqa: ASYNC110 (no event says so)
            await asyncio.sleep(0.05)
    assert consumer_user.roles == ["employee"]
    await socket.disconnect()


async def test_b03_signing_out_in_another_tab_ends_this_sessions_sockets_and_no_others(alice: User) -> None:
    tab, other_device = await in_database(sign_in)(alice), await in_database(sign_in)(alice)
    mine, second, elsewhere = await opened(tab), await opened(tab), await opened(other_device)
    await in_database(tab.post)("/accounts/logout/")
    await closes(mine, 4401)
    await closes(second, 4401)
    assert await elsewhere.is_silent(watch.LOOK_SECONDS + 0.5)
    await elsewhere.send('{"type": "ping"}')
    assert (await elsewhere.next_frame())["type"] == "pong"
    await elsewhere.disconnect()


def expire(settings: Any) -> None:
    old = timezone.now() - timedelta(seconds=settings.SESSION_ABSOLUTE_SECONDS + 1)
    SignIn.objects.update(started_at=old)


def rest(settings: Any) -> None:
    SignIn.objects.update(last_seen_at=timezone.now() - timedelta(seconds=settings.SESSION_IDLE_SECONDS + 1))


def flush(_: Any) -> None:
    Session.objects.all().delete()


def end_at_the_provider(_: Any) -> None:
    """What a back-channel logout does in the end."""
    accounts.end_sign_ins(sign_ins=SignIn.objects.select_related("user"), actor=None, reason="back-channel logout")


@pytest.mark.parametrize("end", [expire, rest, flush, end_at_the_provider])
async def test_b03_an_idle_socket_ends_with_its_session(end: Callable[[Any], None], alice: User, settings: Any) -> None:
    socket = await opened(await in_database(sign_in)(alice))
    await in_database(end)(settings)
    await closes(socket, 4401)


async def test_b03_no_token_follows_the_end_of_the_session(alice: User, ask: Ask, slot: Start, unheard: None) -> None:
    generation = await in_database(ask)(alice, "rate=50 tokens=2000")
    client = await in_database(sign_in)(alice)
    socket = await opened(client)
    await subscribe(socket, generation)
    await asyncio.to_thread(slot)
    while (await socket.next_frame())["type"] != "text":
        pass
    await in_database(flush)(None)
    frames = await closes(socket, 4401)
    assert {frame["type"] for frame in frames} <= {"text", "status"}
    assert (await Generation.objects.aget()).status == Status.ANSWERING
    await in_database(events.publish_stop)(generation.id)
    await in_database(Generation.objects.update)(stop_requested=True)


async def test_b01_a_frame_after_the_end_does_nothing(
    alice: User, ask: Ask, unheard: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame itself asks when what is known of the session is too old: here nothing else looks."""
    monkeypatch.setattr(watch.Watch, "_look_again_and_again", lambda _: asyncio.sleep(0))
    generation = await in_database(ask)(alice)
    socket = await opened(await in_database(sign_in)(alice))
    await in_database(disable_quietly)(alice)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0)
    await socket.send(json.dumps({"type": "stop", "generation": str(generation.id)}))
    assert await closes(socket, 4401) == []
    assert (await Generation.objects.aget()).status == Status.QUEUED


def disable_quietly(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


async def test_all_sockets_of_a_process_cost_one_query(alice: User, bob: User) -> None:
    clients = [await in_database(sign_in)(user) for user in (alice, alice, bob, bob)]
    sockets = [await opened(client) for client in clients]

    def look() -> int:
        with CaptureQueriesContext(connection) as queries:
            load_standings([str(client.session.session_key) for client in clients])
        return sum("accounts_signin" in query["sql"] for query in queries)

    assert await in_database(look)() == 1
    asked: list[int] = []
    watched = list(watch.get_watch()._looked_at)
    assert len(watched) == 4

    def counted(keys: Any) -> Any:
        asked.append(len(keys))
        return load_standings(keys)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "load_standings", counted)
        await watch.get_watch().look(watched)
    assert asked == [4]
    for socket in sockets:
        await socket.disconnect()
