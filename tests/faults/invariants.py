"""The ten invariants, each asserted from the database and from what pages show. `I8` and others wait: they settle."""

from tests.faults.client import TERMINAL, wait
from tests.faults.person import Answer, Person, Sent
from tests.faults.scene import Scene
from tests.faults.watching import Shown, numbers_in

STATES = {"queued", "answering", *TERMINAL}
MAX_CONNECTIONS = 60
_SETTLE_SECONDS = 90
_REAPER_SECONDS = 45
_LOST_LEASE = """
    SELECT id FROM conversations_generation
    WHERE status = 'answering' AND lease_until < now() - make_interval(secs => %s)
       OR status IN ('queued', 'answering') AND deadline_at < now() - make_interval(secs => %s)
       OR status NOT IN ('queued', 'answering') AND lease_until IS NOT NULL
"""
_QUESTION = "SELECT text FROM conversations_message WHERE id = %s AND role = 'user'"
_QUESTIONS = "SELECT count(*) FROM conversations_message WHERE conversation_id = %s AND role = 'user'"
_ANSWERS = "SELECT message_id, user_id FROM conversations_generation WHERE id = %s"
_CHILDREN = """
    SELECT count(*) FROM conversations_message m LEFT JOIN conversations_generation g ON g.message_id = m.id
    WHERE m.parent_id = %s AND m.role = 'assistant' AND g.id IS NULL
"""
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_USER = "SELECT id FROM accounts_user WHERE username = %s"


def i1_stored_once(scene: Scene) -> None:
    """I1 each acknowledged user message is in Postgres once."""
    for person, sent in scene.all_sent():
        assert scene.stack.rows(_QUESTION, sent.question) == [(sent.text,)]
        asked = {other.question for other in person.sent if other.conversation == sent.conversation}
        assert scene.stack.rows(_QUESTIONS, sent.conversation) == [(len(asked),)]


def i2_one_whole_answer(scene: Scene) -> None:
    """I2 at most one assistant message per generation; its text has no repeated and no missing span."""
    for _, sent in scene.all_sent():
        assert [str(row[0]) for row in scene.stack.rows(_ANSWERS, sent.generation)] == [sent.answer]
        assert scene.stack.rows(_CHILDREN, sent.question) == [(0,)]
        numbers = numbers_in(scene.wait_status(sent, *TERMINAL)["text"])
        assert numbers == list(range(len(numbers)))


def i3_nothing_overdue(scene: Scene) -> None:
    """I3 no generation is non-terminal past its deadline plus the reaper period; no spinner without a live one."""
    wait(_SETTLE_SECONDS, lambda: not scene.stack.rows(_LOST_LEASE, _REAPER_SECONDS, _REAPER_SECONDS))
    for person, sent in scene.all_sent():
        state = scene.stored(sent)["status"]
        assert {answer.status for answer in _reload(person, sent)} <= {state}


def i4_page_equals_database(scene: Scene) -> None:
    """I4 what the page shows after a reload equals what it showed live and equals the database."""
    for person, sent in scene.all_sent():
        stored = numbers_in(scene.wait_status(sent, *TERMINAL)["text"])
        _wait_ended(sent.shown)
        assert sent.shown.numbers == stored
        for answer in _reload(person, sent):
            assert answer.numbers == stored
        for page in person.pages:
            if shown := page.answers.get(sent.generation):
                _wait_ended(shown)
                assert shown.numbers == stored


def i5_nothing_seen_is_lost(scene: Scene) -> None:
    """I5 text lost from view is at most one checkpoint interval."""
    for person, sent in scene.all_sent():
        stored = len(numbers_in(scene.stored(sent)["text"]))
        seen = max(page.longest.get(sent.generation, 0) for page in person.pages)
        assert seen - stored <= scene.allowed_loss, f"{seen} tokens were seen, {stored} are kept"


def i6_everything_is_given_back(scene: Scene) -> None:
    """I6 engine slots, leases, temporary files, sockets and database connections return to baseline."""
    wait(_SETTLE_SECONDS, lambda: scene.count_busy_slots() == 0)
    assert scene.stack.rows("SELECT 1 FROM conversations_generation WHERE status = 'answering'") == []
    wait(_SETTLE_SECONDS, lambda: scene.stack.rows(_CONNECTIONS)[0][0] <= MAX_CONNECTIONS)


def i7_only_the_owner(scene: Scene) -> None:
    """I7 no frame reached anyone but the owner."""
    for person, sent in scene.all_sent():
        owner = scene.stack.rows(_USER, person.name)[0][0]
        assert scene.stack.rows(_ANSWERS, sent.generation)[0][1] == owner
    if scene.alice.sent:
        peeked = scene.mallory.page.watch(scene.alice.sent[0].generation)
        wait(_SETTLE_SECONDS, lambda: peeked.errors)
        assert (set(peeked.errors), peeked.markup, peeked.states) == ({"not_found"}, "", [])
    for person in scene.people:
        assert [page.foreign for page in person.pages if page.foreign] == []


def i8_a_plain_word(scene: Scene) -> None:
    """I8 the user saw a plain state word (queued n / answering / interrupted, retry / stopped / failed: reason)."""
    for person, sent in scene.all_sent():
        _wait_ended(sent.shown)
        state = scene.stored(sent)["status"]
        assert set(sent.shown.states) <= STATES
        assert sent.shown.states[-1] == state
        for answer in _reload(person, sent):
            assert ('data-testid="answer-notice"' in answer.markup) == (state != "complete")
            assert ('data-testid="retry"' in answer.markup) == (state in {"interrupted", "failed"})


def i9_counted(scene: Scene, *kinds: str) -> None:
    """I9 an audit row or metric records the fault's class."""
    wait(_SETTLE_SECONDS, lambda: all(scene.has_counted(kind) for kind in kinds))


def i10_the_next_message_works(scene: Scene) -> None:
    """I10 the next message works without repair by hand."""
    sent = scene.alice.send("rate=500 tokens=5")
    assert numbers_in(scene.wait_status(sent, "complete")["text"]) == list(range(5))
    wait(_SETTLE_SECONDS, lambda: sent.shown.final)
    assert sent.shown.numbers == list(range(5))


def _wait_ended(shown: Shown) -> None:
    wait(_SETTLE_SECONDS, lambda: shown.ended)


def _reload(person: Person, sent: Sent) -> list[Answer]:
    """The answer on the page as loaded anew; none when another sibling is shown there."""
    answers: list[Answer] = wait(_SETTLE_SECONDS, lambda: person.read(sent.conversation))
    return [answer for answer in answers if answer.generation == sent.generation]
