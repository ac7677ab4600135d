"""A figure that leaves its band opens an alert, is told, and closes by itself."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from smtplib import SMTPException
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.evaluation import services
from chatapp.evaluation.models import Alert, AlertDelivery, ChannelKind, DeliveryEvent, DeliveryState
from chatapp.evaluation.services import deliveries
from chatapp.evaluation.services.channels import announce_alert
from chatapp.evaluation.tests.outcomes import answered
from chatapp.inference.models import AnswerOutcome, ModelVersion, Provider, Route
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def version() -> ModelVersion:
    version = ModelVersion.objects.create(name="large", provider=Provider.SCRIPTED, context_tokens=4096)
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


@pytest.fixture
def people() -> list[User]:
    return User.objects.bulk_create(User(username=f"p{number}") for number in range(12))


@pytest.fixture
def usual(version: ModelVersion, people: list[User]) -> None:
    """A day on which one answer of fifty fails."""
    for hours in range(2, 7):
        answered(people, version, each=4, ago=hours * HOUR, first_token_seconds=0.4)
        answered(people[:1], version, ago=hours * HOUR, status="failed", first_token_seconds=0.4)


def opened() -> list[tuple[str, str, str]]:
    return [(a.metric, a.route, str(a.version or "")) for a in Alert.objects.filter(closed_at=None)]


class TestSpikes:
    @pytest.mark.usefixtures("usual")
    @pytest.mark.parametrize(
        "metric, columns, of_version",
        [
            ("errors", {"status": "failed"}, ""),
            ("errors", {"is_fallback": True}, ""),
            ("empty", {"is_cut": True}, "large"),
            ("refusals", {"is_refusal": True}, "large"),
            ("flags", {"flags": 1}, "large"),
            ("thumbs_down", {"thumb": -1}, "large"),
            ("first_token", {"first_token_seconds": 3.0}, "large"),
        ],
    )
    def test_each_figure_opens_one_alert_within_minutes(
        self, version: ModelVersion, people: list[User], metric: str, columns: dict[str, Any], of_version: str
    ) -> None:
        answered(people, version, each=2, **columns)
        assert services.watch_answers() == 1
        assert opened() == [(metric, "default", of_version)]
        assert services.watch_answers() == 0
        alert = Alert.objects.get()
        assert (alert.value, alert.answers, alert.users) == (1.0, 24, 12)
        assert alert.baseline < (alert.high or 0.0) < 0.5

    @pytest.mark.usefixtures("usual")
    def test_what_is_usual_opens_none(self, version: ModelVersion, people: list[User]) -> None:
        answered(people, version, each=4, first_token_seconds=0.4)
        answered(people[:1], version, status="failed")
        assert services.watch_answers() == 0

    @pytest.mark.usefixtures("usual")
    def test_three_failures_at_night_wake_nobody(self, version: ModelVersion, people: list[User]) -> None:
        answered(people[:3], version, status="failed")
        assert services.watch_answers() == 0

    @pytest.mark.usefixtures("usual")
    def test_one_person_however_unlucky_wakes_nobody(self, version: ModelVersion, people: list[User]) -> None:
        answered(people, version)
        answered(people[:1], version, each=40, status="failed")
        assert services.watch_answers() == 0

    @pytest.mark.usefixtures("usual")
    def test_trials_and_answers_out_of_the_cache_do_not_count(self, version: ModelVersion, people: list[User]) -> None:
        answered(people, version, each=2, status="failed", is_trial=True)
        answered(people, version, each=2, status="failed", is_cached=True)
        assert services.watch_answers() == 0

    def test_without_a_day_before_only_what_no_one_takes_for_ordinary_counts(
        self, version: ModelVersion, people: list[User]
    ) -> None:
        answered(people, version, is_refusal=True)
        answered(people, version, each=4)
        assert services.watch_answers() == 0
        answered(people, version, each=9, status="failed")
        assert services.watch_answers() == 1

    @pytest.mark.usefixtures("usual")
    def test_it_stays_while_it_is_out_and_closes_when_it_was_calm_for_long_enough(
        self, version: ModelVersion, people: list[User]
    ) -> None:
        answered(people, version, each=2, status="failed")
        services.watch_answers()
        Alert.objects.update(seen_at=timezone.now() - timedelta(minutes=6))
        services.watch_answers()
        assert opened()
        AnswerOutcome.objects.filter(status="failed").update(created_at=timezone.now() - timedelta(minutes=6))
        answered(people, version, each=2)
        services.watch_answers()
        assert opened()  # It was seen just now.
        Alert.objects.update(seen_at=timezone.now() - timedelta(minutes=6))
        services.watch_answers()
        assert (opened(), Alert.objects.count()) == ([], 1)

    @pytest.mark.usefixtures("usual")
    def test_when_nobody_asks_any_more_it_stays_for_an_hour(self, version: ModelVersion, people: list[User]) -> None:
        answered(people, version, each=2, ago=timedelta(minutes=4), status="failed")
        services.watch_answers()
        AnswerOutcome.objects.filter(status="failed").update(created_at=timezone.now() - timedelta(minutes=30))
        Alert.objects.update(seen_at=timezone.now() - timedelta(minutes=30))
        services.watch_answers()
        assert opened()
        Alert.objects.update(seen_at=timezone.now() - timedelta(minutes=61))
        services.watch_answers()
        assert not opened()

    @pytest.mark.usefixtures("usual")
    def test_the_look_is_one_statement(
        self, version: ModelVersion, people: list[User], django_assert_num_queries: Any
    ) -> None:
        other = ModelVersion.objects.create(name="other", provider=Provider.SCRIPTED, context_tokens=4096)
        answered(people, version)
        answered(people, other, route="other")
        with django_assert_num_queries(2):  # the figures, and what is open
            services.watch_answers()


class TestDrift:
    def weeks(self, version: ModelVersion, people: list[User], **columns: Any) -> None:
        """Three ordinary weeks, and then one like this."""
        for day in range(1, 28):
            usual = {"first_token_seconds": 0.5, "duration_seconds": 2.5, "cited": 2, "supported": 2, "sources": 3}
            answered(people, version, each=2, ago=day * DAY, **(usual | (columns if day < 7 else {})))

    def test_a_week_like_the_first_is_none(self, version: ModelVersion, people: list[User]) -> None:
        self.weeks(version, people)
        assert services.watch_weeks() == 0

    @pytest.mark.parametrize(
        "metric, columns, side",
        [("refusals", {"is_refusal": True}, "high"), ("support", {"supported": 1}, "low")],
    )
    def test_a_worse_week_is_told_once_and_closes_with_a_good_one(
        self, version: ModelVersion, people: list[User], metric: str, columns: dict[str, Any], side: str
    ) -> None:
        self.weeks(version, people, **columns)
        assert services.watch_weeks() == 1
        alert = Alert.objects.get()
        assert (alert.kind, alert.metric, getattr(alert, side) is not None) == ("drift", metric, True)
        assert services.watch_weeks() == 0
        AnswerOutcome.objects.update(is_refusal=False, supported=2)
        services.watch_weeks()
        assert opened() == []

    def test_a_slower_week_of_few_people_is_no_proof(self, version: ModelVersion, people: list[User]) -> None:
        for day in range(1, 28):
            answered(people[:3], version, each=9, ago=day * DAY, first_token_seconds=5.0 if day < 7 else 0.5)
        assert services.watch_weeks() == 0

    def test_it_closes_when_the_version_serves_no_longer(self, version: ModelVersion, people: list[User]) -> None:
        for day in range(1, 28):
            answered(people, version, each=2, ago=day * DAY, is_refusal=day < 7)
        assert services.watch_weeks() == 1
        Route.objects.update(
            version=ModelVersion.objects.create(name="next", provider=Provider.SCRIPTED, context_tokens=4096)
        )
        services.watch_weeks()
        assert opened() == []


class TestAcknowledging:
    @pytest.fixture
    def alert(self, version: ModelVersion) -> Alert:
        return Alert.objects.create(
            kind="spike", metric="errors", route="default", value=0.5, baseline=0.01, high=0.1, answers=20, users=9,
            seen_at=timezone.now(),
        )  # fmt: skip

    def test_the_first_name_stays_and_the_note_may_change(self, alert: Alert, oscar: User, ada: User) -> None:
        services.acknowledge_alert(user=oscar, alert=alert, note="The provider is down.")
        services.acknowledge_alert(user=ada, alert=alert, note="It is back.")
        alert.refresh_from_db()
        assert (alert.acknowledged_by, alert.note, alert.is_open) == (oscar, "It is back.", True)
        assert AuditEvent.objects.filter(action="evaluation.alert_acknowledged").count() == 2

    def test_who_may_not_is_refused(self, alert: Alert, alice: User) -> None:
        with pytest.raises(ChatappError) as caught:
            services.acknowledge_alert(user=alice, alert=alert)
        assert caught.value.code == "forbidden"


class TestDelivery:
    @pytest.fixture
    def receiver(self, settings: Any) -> Iterator[Receiver]:
        settings.ALERT_ALLOWED_HOSTS = {"127.0.0.1"}
        receiver = Receiver()
        yield receiver
        receiver.close()

    @pytest.fixture(autouse=True)
    def _mail_server(self, settings: Any) -> None:
        settings.EMAIL_HOST = "mail.example.com"

    @pytest.fixture
    def alert(self, version: ModelVersion, people: list[User], usual: None) -> Alert:
        """Opened by the look, after the channels were added."""
        answered(people, version, each=2, status="failed")
        services.watch_answers()
        return Alert.objects.get()

    def test_a_webhook_gets_signed_json_once_for_each_event(
        self, oscar: User, receiver: Receiver, version: ModelVersion, people: list[User], usual: None
    ) -> None:
        _channel, secret = services.add_channel(user=oscar, kind="webhook", address=receiver.url)
        answered(people, version, each=2, status="failed")
        services.watch_answers()
        assert (services.deliver_alerts(), services.deliver_alerts()) == (1, 0)
        headers, body = receiver.requests[0]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = hmac.new(b64decode(secret.removeprefix("whsec_")), signed, sha256).digest()
        assert headers["webhook-signature"] == f"v1,{b64encode(expected).decode()}"
        told = json.loads(body)
        assert (told["type"], told["data"]["metric"], told["data"]["route"]) == ("alert.opened", "errors", "default")
        assert told["data"]["text"].startswith("Failed and interrupted answers, the route default: 100.0 % in the last")

    def test_what_does_not_arrive_is_tried_again_and_in_the_end_given_up(
        self, oscar: User, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        channel, secret = services.add_channel(user=oscar, kind="webhook", address=receiver.url)
        services.try_channel(user=oscar, channel=channel)
        receiver.status = 500
        for tries in range(1, deliveries.MAX_TRIES + 1):
            assert services.deliver_alerts() == 0
            row = AlertDelivery.objects.get()
            assert (row.tries, row.problem) == (tries, "It answered with status 500.")
            pause = row.next_try_at - timezone.now()
            assert pause > deliveries.FIRST_PAUSE * 2 ** (tries - 1) - timedelta(seconds=20)
            AlertDelivery.objects.update(next_try_at=timezone.now())
        assert (row.state, services.deliver_alerts()) == (DeliveryState.FAILED, 0)
        assert secret not in caplog.text

    def test_one_that_cannot_even_be_tried_keeps_no_other_waiting(self, oscar: User, receiver: Receiver) -> None:
        """A label of a name has 63 characters at most; Python's look-up of a longer one is no OSError."""
        for address in (f"https://{'a' * 64}.example.com/", receiver.url):
            channel, _secret = services.add_channel(user=oscar, kind="webhook", address=address)
            services.try_channel(user=oscar, channel=channel)
        assert services.deliver_alerts() == 1
        assert AlertDelivery.objects.get(state=DeliveryState.WAITING).problem.startswith("It was not reached")

    def test_each_is_taken_when_it_is_sent_so_that_slow_places_are_told_once(
        self, oscar: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        channel, _secret = services.add_channel(user=oscar, kind="webhook", address=receiver.url)
        for _ in range(3):
            services.try_channel(user=oscar, channel=channel)
        taken: list[int] = []

        def note(_: AlertDelivery) -> None:
            taken.append(AlertDelivery.objects.filter(next_try_at__gt=timezone.now()).count())

        monkeypatch.setattr(deliveries, "_post", note)
        assert (services.deliver_alerts(), taken) == (3, [1, 2, 3])
        monkeypatch.setattr(deliveries, "SECONDS", 0.0)
        services.try_channel(user=oscar, channel=channel)
        assert services.deliver_alerts() == 0  # Its turn is over; the next one sends it.

    def test_a_mail_says_what_it_is_and_what_to_do_first(self, oscar: User, alert: Alert) -> None:
        services.add_channel(user=oscar, kind="mail", address="ops@example.com")
        announce_alert(alert, DeliveryEvent.OPENED)
        assert services.deliver_alerts() == 1
        message = mail.outbox[0]
        assert (message.subject, message.to) == (
            "Chatapp alert: Failed and interrupted answers on default", ["ops@example.com"],
        )  # fmt: skip
        assert "Look at Workers" in message.body

    def test_a_mail_server_that_refuses_is_tried_again(self, oscar: User, monkeypatch: pytest.MonkeyPatch) -> None:
        channel, _ = services.add_channel(user=oscar, kind="mail", address="ops@example.com")
        services.try_channel(user=oscar, channel=channel)

        def refuse(*_: Any) -> None:
            raise SMTPException("550 a secret of the server")

        monkeypatch.setattr(deliveries, "send_mail", refuse)
        assert services.deliver_alerts() == 0
        assert AlertDelivery.objects.get().problem == "The mail server did not take it (SMTPException)."

    @pytest.mark.parametrize(
        "kind, address",
        [
            ("pigeon", "x"),
            ("mail", "no address"),
            ("mail", "a@b.example\nBcc: c@d.example"),
            ("webhook", "http://127.0.0.1:9/"),
            ("webhook", "http://169.254.169.254/latest/"),
            ("webhook", "ftp://example.com/"),
            ("webhook", "https://user:pw@example.com/"),
            ("webhook", ""),
            ("webhook", "https://example.com/\0"),
        ],
    )
    def test_places_that_cannot_be_are_refused(self, oscar: User, kind: str, address: str) -> None:
        with pytest.raises(ChatappError) as caught:
            services.add_channel(user=oscar, kind=kind, address=address)
        assert caught.value.code == "invalid"

    def test_without_a_mail_server_no_mail_is_promised(self, oscar: User, settings: Any) -> None:
        settings.EMAIL_HOST = ""
        with pytest.raises(ChatappError, match="MAIL_HOST"):
            services.add_channel(user=oscar, kind="mail", address="ops@example.com")

    def test_the_audit_log_names_no_secret_of_an_address(self, oscar: User) -> None:
        services.add_channel(
            user=oscar, kind="webhook", address="https://chat.example.com:8443/hooks/T0/s3cret?k=s3cret"
        )
        event = AuditEvent.objects.get(action="evaluation.alert_channel_changed")
        assert event.detail["address"] == "https://chat.example.com:8443/…"

    def test_strangers_add_and_remove_none(self, oscar: User, alice: User) -> None:
        channel, _ = services.add_channel(user=oscar, kind="mail", address="ops@example.com")
        with pytest.raises(ChatappError, match="may not"):
            services.add_channel(user=alice, kind="mail", address="x@example.com")
        for change in (services.remove_channel, services.try_channel):
            with pytest.raises(ChatappError, match="may not"):
                change(user=alice, channel=channel)
        with pytest.raises(ChatappError) as caught:
            services.add_channel(user=oscar, kind=ChannelKind.MAIL, address="ops@example.com")
        assert caught.value.code == "exists"

    def test_a_channel_that_is_off_gets_nothing(self, oscar: User, version: ModelVersion, people: list[User]) -> None:
        channel, _ = services.add_channel(user=oscar, kind="mail", address="ops@example.com")
        services.set_channel_enabled(user=oscar, channel=channel, enabled=False)
        answered(people, version, each=9, status="failed")
        services.watch_answers()
        assert (Alert.objects.count(), AlertDelivery.objects.count()) == (1, 0)
