"""Named administrators come in by password when nobody else may, and nobody misses it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from structlog.testing import capture_logs

from chatapp.accounts.metrics import BREAK_GLASS_LOGINS, SIGN_INS
from chatapp.accounts.models import AuditEvent, BreakGlassAlarm, Role, SignInPolicy, User
from chatapp.accounts.services.break_glass import (
    acknowledge_alarm,
    appoint_break_glass,
    raise_break_glass_alarm,
    revoke_break_glass,
)
from chatapp.accounts.tests.saml_case import make_provider
from chatapp.accounts.tests.saml_case import sign_in as sign_in_by_saml
from chatapp.errors import ChatappError

LOGIN = "/accounts/login/"
PASSWORD = "correct-horse-battery-staple"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def sign_in(name: str, password: str = PASSWORD) -> Client:
    client = Client()
    client.post(LOGIN, {"login": name, "password": password})
    return client


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def actions() -> set[str]:
    return set(AuditEvent.objects.values_list("action", flat=True))


@pytest.fixture
def glass(ada: User) -> User:
    appoint_break_glass(user=ada, actor=None, reason="the provider may be away")
    return ada


@pytest.fixture
def restricted(db: None) -> None:
    SignInPolicy.objects.create(local_login=SignInPolicy.LocalLogin.BREAK_GLASS_ONLY)


def test_only_named_administrators_come_in_by_password(restricted: None, glass: User, alice: User) -> None:
    assert is_signed_in(sign_in("ada"))
    assert not is_signed_in(sign_in("alice"))


def test_who_is_no_administrator_any_more_has_no_way_in(restricted: None, glass: User) -> None:
    User.objects.filter(pk=glass.pk).update(roles=[Role.EMPLOYEE])
    assert not is_signed_in(sign_in("ada"))


def test_the_alarm_is_raised_wherever_somebody_may_look(glass: User, alice: User) -> None:
    before = BREAK_GLASS_LOGINS._value.get()
    with capture_logs() as logs:
        assert is_signed_in(sign_in("ada"))
        sign_in("alice")
        sign_in("ada", "wrong")
    assert [line["user"] for line in logs if line["event"] == "break_glass_sign_in"] == ["ada"]
    assert [line["log_level"] for line in logs if line["event"] == "break_glass_sign_in"] == ["warning"]
    assert BREAK_GLASS_LOGINS._value.get() == before + 1
    assert "session.break_glass" in actions()
    assert BreakGlassAlarm.objects.get().user == glass


def test_sign_ins_are_counted_by_method_and_outcome(glass: User, client: Client) -> None:
    def count(method: str, outcome: str) -> float:
        return float(SIGN_INS.labels(method=method, outcome=outcome)._value.get())

    before = {pair: count(*pair) for pair in (("local", "ok"), ("local", "failed"), ("saml", "ok"))}
    sign_in("ada")
    sign_in("ada", "wrong")
    make_provider()
    sign_in_by_saml(client)
    assert {pair: count(*pair) - value for pair, value in before.items()} == dict.fromkeys(before, 1.0)


class Receiver:
    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.arrived = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()
                receiver.arrived.set()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alarm"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_the_alarm_is_sent_elsewhere(
    glass: User, receiver: Receiver, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.ALARM_WEBHOOK_URL = receiver.url
    with django_capture_on_commit_callbacks(execute=True):
        raise_break_glass_alarm(user=glass, address="203.0.113.7")
    assert receiver.arrived.wait(10)
    assert len(receiver.got) == 1
    sent = receiver.got[0]
    assert (sent["event"], sent["user"], sent["address"]) == ("break_glass_sign_in", "ada", "203.0.113.7")


def test_administrators_see_it_until_one_says_that_it_was_meant(glass: User, oscar: User) -> None:
    client = sign_in("ada")
    page = client.get("/console/sign-in/").content.decode()
    assert "ada signed in by password" in page
    other = Client()
    other.force_login(oscar, backend=BACKEND)
    assert "signed in by password" not in other.get("/console/models/").content.decode()
    alarm = BreakGlassAlarm.objects.get()
    client.post(f"/console/sign-in/alarms/{alarm.pk}/acknowledge/")
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == glass
    assert "signed in by password" not in client.get("/console/sign-in/").content.decode()
    assert "session.break_glass_acknowledged" in actions()


def test_nobody_else_acknowledges(glass: User, oscar: User, mallory: User) -> None:
    alarm = raise_break_glass_alarm(user=glass, address=None)
    for user, status in ((mallory, 404), (oscar, 403)):
        client = Client()
        client.force_login(user, backend=BACKEND)
        assert client.post(f"/console/sign-in/alarms/{alarm.pk}/acknowledge/").status_code == status
        with pytest.raises(ChatappError, match="may not"):
            acknowledge_alarm(actor=user, alarm_id=alarm.pk)
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is None
    with pytest.raises(ChatappError):
        acknowledge_alarm(actor=glass, alarm_id=alarm.pk + 1)


def test_only_administrators_with_a_password_are_named(ada: User, alice: User, mallory: User) -> None:
    with pytest.raises(ChatappError):
        appoint_break_glass(user=alice, actor=None)
    with pytest.raises(ChatappError):
        appoint_break_glass(user=ada, actor=mallory)
    ada.set_unusable_password()
    ada.save()
    with pytest.raises(ChatappError):
        appoint_break_glass(user=ada, actor=None)
    assert not User.objects.filter(is_break_glass=True).exists()


def test_the_last_way_in_is_not_taken_away(restricted: None, glass: User) -> None:
    with pytest.raises(ChatappError) as caught:
        revoke_break_glass(user=glass, actor=None)
    assert caught.value.code == "last_way_in"
    assert User.objects.get(pk=glass.pk).is_break_glass


def run(*arguments: str, stdin: str = "", monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", StringIO(stdin))
    out = StringIO()
    call_command("break_glass", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_names_sets_a_password_unlocks_and_revokes(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="16 characters"):
        run("ada", "--set-password", stdin="short\n", monkeypatch=monkeypatch)
    run("ada", "--set-password", "--reason", "drill", stdin="a much longer password\n", monkeypatch=monkeypatch)
    assert run() == "ada\n"
    assert is_signed_in(sign_in("ada", "a much longer password"))
    for _ in range(10):
        sign_in("ada")
    assert not is_signed_in(sign_in("ada", "a much longer password"))
    run("ada", "--unlock")
    assert is_signed_in(sign_in("ada", "a much longer password"))
    run("ada", "--revoke")
    assert run() == ""
    assert {"user.break_glass_granted", "user.password_set", "user.unlocked", "user.break_glass_revoked"} <= actions()
    assert "longer password" not in str(list(AuditEvent.objects.values()))


def test_the_command_says_what_is_wrong(alice: User) -> None:
    with pytest.raises(CommandError, match="no such user"):
        run("nobody")
    with pytest.raises(CommandError, match="administrator"):
        run("alice")


def test_the_form_is_folded_where_passwords_are_for_the_few(restricted: None, client: Client) -> None:
    assert "password-fold" not in client.get(LOGIN).content.decode()
    make_provider()
    page = client.get(LOGIN).content.decode()
    assert "Administrators: sign in with a password" in page
    assert "Continue with Works" in page
