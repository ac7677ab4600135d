"""The benchmark's readers count each token once, wherever the network cuts."""

import time

import pytest

from benchmarks.streams.figures import beginning, delivery
from benchmarks.streams.product import Person
from benchmarks.streams.readers import ApiReader, Reading
from benchmarks.streams.table import lines
from chatapp.inference.testing import ScriptedModel

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def stamped(tokens: int) -> bytes:
    model = ScriptedModel()
    stream = model.submit(f"stamps=1 rate=5000 tokens={tokens}", max_tokens=tokens + 1)
    text = "".join(stream)
    model.close()
    return text.encode()


@pytest.mark.parametrize("size", [1, 2, 7, 20, 21, 22, 1000])
async def test_a_stream_cut_anywhere_is_read_whole(size: int) -> None:
    reader = ApiReader(Person("key", "session"), "any")
    data = HEAD + stamped(50)
    for start in range(0, len(data), size):
        reader.data_received(data[start : start + size])
    assert (reader.reading.tokens, len(reader.reading.lags), reader.reading.received) == (50, 50, len(data))
    assert all(-1 <= lag < 60_000 for lag in reader.reading.lags)


def test_what_comes_again_is_counted_once_and_what_is_missing_shows() -> None:
    reading, text = Reading(asked=time.time(), acknowledged=time.time()), stamped(40)
    reading.take(text[: len(text) // 2])
    reading.take(text)
    assert (reading.tokens, len(reading.lags)) == (40, 40)
    figures = delivery([reading, Reading(refused="503")], offered=40)
    assert (figures["delivered_share"], figures["refused"]) == (0.5, 1)


def test_a_part_in_which_all_were_refused_is_no_bar_that_was_held() -> None:
    refused = [Reading(asked=1.0, refused="OSError")]
    table = "\n".join(lines({"burst": {"api": beginning(refused)}}))
    assert "not measured" in table
    assert "held" not in table


async def test_a_refusal_is_noted() -> None:
    reader = ApiReader(Person("key", "session"), "any")
    reader.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    assert reader.reading.refused.startswith("HTTP/1.1 503")
