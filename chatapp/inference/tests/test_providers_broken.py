"""Upstreams that break off, or send what is no answer (fault cases F27 and F28)."""

import threading

import pytest
import structlog

from chatapp.inference.tests.fake_provider import (
    DONE,
    KEY,
    Exchange,
    ask,
    chunk,
    event,
    hello,
    streaming,
    usage,
)
from chatapp.inference.tests.provider_trouble import SECRET_PROMPT, answering, failure, model_at


def test_e12_an_answer_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    for respond in (streaming(chunk("Half "), done=False), streaming(chunk("Half "), DONE, done=False)):
        error, text, _ = failure(respond)
        assert (str(error), text) == ("The provider's answer broke off.", "Half ")


def test_a_missing_mark_of_the_end_is_forgiven_once_the_reason_was_told() -> None:
    def hanging(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.write(event(chunk("All.", finish="stop")) + event(usage(3, 1)))
        exchange.wait_until_client_leaves()

    with model_at(streaming(chunk("All.", finish="stop"), done=False)) as (model, server):
        assert "".join(ask(model)) == "All."
        server.respond = hanging
        stream = ask(model)
        assert "".join(stream) == "All."
        assert stream.usage.prompt_tokens == 3


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "text/plain"])
def test_e12_what_is_no_event_stream_is_not_read_as_one(content_type: str) -> None:
    error, _, _ = failure(answering(200, b"data: {}\n\n", headers={"content-type": content_type}))
    assert str(error) == "The provider did not send an event stream."


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {not json\n\n",
        b"data: \xff\xfe\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        event({**chunk("x"), "choices": 7}),
        event({**chunk("x"), "choices": [None]}),
        event({**chunk("x"), "choices": [{"delta": {"content": {"html": 1}}}]}),
        event({"error": {"message": f"{KEY} {SECRET_PROMPT}", "code": "x"}}),
    ],
)
def test_e12_nonsense_in_the_stream_ends_it_with_the_text_kept(bad: bytes) -> None:
    _, text, _ = failure(streaming(chunk("Half "), bad, chunk("more", finish="stop")))
    assert text == "Half "


@pytest.mark.parametrize(
    "odd",
    [
        b": comment\n\n",
        b"\n\n\n",
        b"event: ping\ndata: {}\n\n",
        b'event: nobody-knows\ndata: {"type": "x", "choices": []}\n\n',
        b"data: [1, 2]\n\n",
        b"data: null\n\n",
        event({**chunk(), "choices": [{"index": 0, "delta": None, "finish_reason": None}]}),
        event({**usage(1, 1), "usage": {"prompt_tokens": -5, "completion_tokens": 10**12}}),
        event(usage(10**6, 1)),  # more than was asked, by which a person's budget would be used up
        event(usage(1, 10**6)),
        event({**chunk(""), "model": ["\x1b[2J"], "id": 7, "created": "then"}),
    ],
)
def test_e12_what_nobody_knows_between_the_events_is_passed_over(odd: bytes) -> None:
    with model_at(streaming(odd, chunk("a"), odd, chunk(finish="stop"), odd)) as (model, _):
        stream = ask(model)
        assert "".join(stream) == "a"
        assert 0 <= stream.usage.prompt_tokens < 100
        assert 0 <= stream.usage.completion_tokens < 100


def test_e12_markup_stays_text_and_controls_are_taken_out() -> None:
    words = ["<script>alert(1)</script>", "\x1b[2J\x00\x01fernet:x\x85", "a\ud800b", "tab\tline\n"]
    with model_at(hello(*words)) as (model, _):
        text = "".join(ask(model))
    assert text == "<script>alert(1)</script>[2Jfernet:xa?btab\tline\n"
    text.encode()


@pytest.mark.parametrize("border", [b"\n\n", b"\r\n\r\n"])
def test_events_may_be_cut_anywhere(border: bytes) -> None:
    whole = b"".join(
        part.replace(b"\n\n", border)
        for part in [event(chunk("Gr\u00fc\u00dfe ")), event(chunk("\U0001f642", finish="stop")), DONE]
    )

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        for at in range(len(whole)):
            exchange.write(whole[at : at + 1])
        exchange.end_stream()

    with model_at(respond) as (model, _):
        assert "".join(ask(model)) == "Gr\u00fc\u00dfe \U0001f642"


def test_e12_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    sent = 0

    def respond(exchange: Exchange) -> None:
        nonlocal sent
        exchange.open_stream()
        exchange.write(event(chunk("Half ")) + b"data: ")
        while sent < 100_000_000:
            exchange.write(b"x" * 65_536)
            sent += 65_536

    error, text, _ = failure(respond)
    assert (str(error), text) == ("The provider sent more than an answer can be.", "Half ")
    assert sent < 20_000_000


def test_e12_an_answer_without_end_is_cut_at_what_its_tokens_can_hold() -> None:
    left = threading.Event()

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        try:
            while True:
                exchange.write(event(chunk("blah " * 20)))
        finally:
            left.set()

    with model_at(respond) as (model, _):
        stream = ask(model, max_tokens=10)
        assert 100 < len("".join(stream)) <= 10 * 16 + 1_000
        assert stream.finish_reason == "length"
        assert left.wait(20)


def test_a_compressed_body_is_not_unpacked() -> None:
    error, _, _ = failure(answering(200, b"\x1f\x8b", headers={"content-encoding": "gzip"}))
    assert "compressed" in str(error)


def test_e12_another_models_name_is_logged_once_and_clean() -> None:
    odd = {**chunk("a"), "model": "other\x1b[2J" + "x" * 500}
    with (
        model_at(streaming(odd, odd, chunk(finish="stop")), model="asked-model") as (model, _),
        structlog.testing.capture_logs() as logs,
    ):
        assert "".join(ask(model)) == "aa"
    (line,) = [
        entry for entry in logs if entry["event"] == "provider_model_differs" and entry["answered"].startswith("other")
    ]
    assert len(line["answered"]) <= 100
    assert "\x1b" not in line["answered"]
