"""What is written to the tables, and what happens with wrong keys, moved ciphertexts and rotation."""

from collections.abc import Iterator
from copy import copy
from io import StringIO
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from chatapp.accounts.models import User
from chatapp.conversations.models import Conversation
from chatapp.encryption import FERNET_MARK, MARK, DecryptionError, decrypt, encrypt
from chatapp.inference.models import Endpoint, ModelVersion, Provider
from chatapp.moderation.models import Exchange
from chatapp.privacy.checks import check_data_keys
from chatapp.privacy.models import DataKey
from chatapp.privacy.selectors.keys import stored_keys
from chatapp.privacy.services import rotation
from chatapp.privacy.services.keys import replace_data_keys, wrap_keys_anew

pytestmark = pytest.mark.django_db
COLUMN = "conversations_conversation.title"


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    """What a test made is rolled back; the next one finds the cache as it was."""
    names = ("_open", "_active", "_read_at")
    before = {name: copy(getattr(stored_keys, name)) for name in names}
    yield
    for name, value in before.items():
        setattr(stored_keys, name, value)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.privacy.management.commands.rotate_keys.time.sleep", lambda _: None)


def raw(table: str, column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return [row[0] for row in cursor.fetchall()]


def rotate(*arguments: str) -> str:
    said = StringIO()
    call_command("rotate_keys", *arguments, stdout=said)
    return said.getvalue()


def test_text_is_stored_under_the_data_key_of_its_purpose(alice: User) -> None:
    Conversation.objects.create(owner=alice, title="Plans for spring")
    Exchange.objects.create(generation_id=uuid4(), user=alice, question="q", answer="a", original="taken away")
    keys = {key.purpose: key.id for key in DataKey.objects.all()}
    (title,), (original,) = raw("conversations_conversation", "title"), raw("moderation_exchange", "original")
    assert title.startswith(f"{MARK}{keys['messages']}:")
    assert original.startswith(f"{MARK}{keys['withheld']}:")
    assert "spring" not in title
    assert Conversation.objects.get().title == "Plans for spring"
    assert Exchange.objects.get().original == "taken away"


def test_the_same_text_is_never_the_same_ciphertext() -> None:
    assert encrypt("a", purpose="messages", column=COLUMN) != encrypt("a", purpose="messages", column=COLUMN)


def test_a_ciphertext_that_was_moved_to_another_column_is_refused(alice: User) -> None:
    Exchange.objects.create(generation_id=uuid4(), user=alice, question="q", answer="secret", original="")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE moderation_exchange SET question = answer")
    with pytest.raises(DecryptionError):
        Exchange.objects.get()


def test_a_ciphertext_that_was_changed_is_refused() -> None:
    stored = encrypt("secret", purpose="messages", column=COLUMN)
    with pytest.raises(DecryptionError):
        decrypt(stored[:-6] + ("AAAAA=" if not stored.endswith("AAAAA=") else "BBBBB="), column=COLUMN)


def test_what_was_written_before_there_were_data_keys_is_read(settings: Settings) -> None:
    old = FERNET_MARK + Fernet(settings.FIELD_ENCRYPTION_KEYS[0]).encrypt(b"long ago").decode()
    assert decrypt(old, column=COLUMN) == "long ago"


def test_a_missing_key_is_named_at_the_start_and_no_garbage_is_read(settings: Settings, alice: User) -> None:
    Conversation.objects.create(owner=alice, title="Plans")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    stored_keys.forget()
    found = check_data_keys(databases=["default"])
    assert {problem.id for problem in found} == {"privacy.E001"}
    assert "not in FIELD_ENCRYPTION_KEYS" in found[0].msg
    with pytest.raises(DecryptionError):
        Conversation.objects.get()


def test_rotation_brings_everything_under_new_keys(settings: Settings, alice: User) -> None:
    version = ModelVersion.objects.create(name="m", provider=Provider.OPENAI_COMPATIBLE, context_tokens=10)
    Endpoint.objects.create(version=version, url="https://models.example.com", key="sk-key")
    for number in range(5):
        Conversation.objects.create(owner=alice, title=f"Title {number}")
    old = {key.id for key in DataKey.objects.all()}
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_ENCRYPTION_KEYS]
    said = rotate()
    assert f"{len(old)} data keys wrapped" in said
    assert "6 texts encrypted anew" in said
    assert not {key.id for key in DataKey.objects.all()} & old
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]  # The old one is not needed any more.
    stored_keys.forget()
    assert sorted(Conversation.objects.values_list("title", flat=True)) == [f"Title {number}" for number in range(5)]
    assert Endpoint.objects.get().key == "sk-key"
    assert "All text is as the settings want it." in rotate("--check")


def test_a_rotation_that_was_broken_off_goes_on(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        Conversation.objects.create(owner=alice, title=f"Title {number}")
    replace_data_keys()
    stored_keys.refresh()
    monkeypatch.setattr(rotation, "BATCH", 2)

    def break_off(column: str, count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.encrypt_anew(report=break_off)
    assert rotation.count_stale() == {COLUMN: 3}
    with pytest.raises(CommandError):
        rotate("--check")
    assert rotation.encrypt_anew(report=lambda *_: None) == 3
    assert rotation.count_stale() == {}


def test_a_text_that_is_written_meanwhile_stands(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = Conversation.objects.create(owner=alice, title="Old")
    replace_data_keys()
    stored_keys.refresh()

    def write_first(stored: str, *, column: str) -> str:
        Conversation.objects.filter(id=conversation.id).update(title="New")
        return decrypt(stored, column=column)

    monkeypatch.setattr(rotation, "decrypt", write_first)
    assert rotation.encrypt_anew(report=lambda *_: None) == 0
    assert Conversation.objects.get().title == "New"


def test_turned_on_later_the_command_encrypts_old_rows(settings: Settings, alice: User) -> None:
    settings.ENCRYPT_MESSAGES = False
    Conversation.objects.create(owner=alice, title="Plain")
    assert raw("conversations_conversation", "title") == ["Plain"]
    settings.ENCRYPT_MESSAGES = True
    assert rotation.count_stale() == {COLUMN: 1}
    rotate("--keep-data-keys")
    assert raw("conversations_conversation", "title")[0].startswith(MARK)
    settings.ENCRYPT_MESSAGES = False
    rotate("--keep-data-keys")
    assert raw("conversations_conversation", "title") == ["Plain"]


def test_wrapping_twice_changes_nothing() -> None:
    wrap_keys_anew()
    assert wrap_keys_anew() == 0
