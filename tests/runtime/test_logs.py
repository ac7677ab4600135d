from pathlib import Path

import pytest

from chatapp.runtime.logs import LogTail, describe_if_serious, trim_log


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_reads_whole_new_lines_only(tmp_path: Path) -> None:
    log = tmp_path / "example.log"
    append(log, "old\n")
    tail = LogTail(log)
    append(log, "one\ntw")
    assert tail.read_lines() == ["one"]
    append(log, "o\n")
    assert tail.read_lines() == ["two"]


def test_goes_on_after_the_file_was_trimmed(tmp_path: Path) -> None:
    log = tmp_path / "example.log"
    append(log, "x" * 200 + "\n")
    tail = LogTail(log)
    writer = log.open("a")
    trim_log(log, max_bytes=100)
    assert (tmp_path / "example.log.1").read_text() == "x" * 200 + "\n"
    with writer:
        writer.write("after\n")
    assert tail.read_lines() == ["after"]
    assert log.read_text() == "after\n"


def test_a_small_file_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "example.log"
    append(log, "short\n")
    trim_log(log, max_bytes=100)
    assert log.read_text() == "short\n"
    assert not (tmp_path / "example.log.1").exists()


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "example.log"
    tail = LogTail(log)
    append(log, "ERROR \x1b[2J\x9b31mred\r\n")
    assert tail.read_serious_lines() == ["ERROR [2J31mred"]


def test_a_storm_is_summed_up(tmp_path: Path) -> None:
    log = tmp_path / "example.log"
    tail = LogTail(log)
    append(log, "ERROR again\n" * 50)
    lines = tail.read_serious_lines()
    assert len(lines) == 11
    assert lines[-1].startswith("40 more lines")


@pytest.mark.parametrize(
    "line,expected",
    [
        ('{"level": "info", "event": "ERROR in a name"}', None),
        ('{"level": "warning", "event": "slow"}', "warning: slow"),
        ("{'level': broken ERROR", "{'level': broken ERROR"),
        ("2026-01-01 [7] FATAL:  out of memory", "2026-01-01 [7] FATAL:  out of memory"),
        ("[error] request_finished code=503 request='GET /readyz'", None),
        ("terrors are not errors", None),
        ("", None),
    ],
)
def test_what_counts_as_serious(line: str, expected: str | None) -> None:
    assert describe_if_serious(line) == expected
