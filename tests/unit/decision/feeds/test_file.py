"""A file that grows: half a line waits, damaged lines are named, a replaced file is read anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.decision.feeds.base import Line
from ktrdr.decision.feeds.file import FileFeed
from ktrdr.errors import DataParse

HEAD = "timestamp,open,high,low,close\n"


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars"


def test_half_a_line_waits_for_its_end(path: Path) -> None:
    feed = FileFeed(path)
    assert feed.take(0) == [] and feed.state == "no such file yet"
    append(path, HEAD + "2024-01-01T00:00:00Z,1,2,")
    assert feed.take(0) == []
    append(path, "1,2\n2024-01-01T01")
    assert [line.values for line in feed.take(0)] == [
        {"timestamp": "2024-01-01T00:00:00Z", "open": "1", "high": "2", "low": "1", "close": "2"}
    ]
    append(path, ":00:00Z,1,2,1,2\nend\n")
    assert [line.ends for line in feed.take(0)] == [False, True]


def test_json_lines(path: Path) -> None:
    append(path, b'\xef\xbb\xbf{"timestamp": 1}\r\n\n{"end": true}\n[1]\n{"open"\n')
    assert list(FileFeed(path).take(0)) == [
        Line({"timestamp": 1}, "line 1"),
        Line(None, "line 3", ends=True),
        Line(None, "line 4", "not a JSON object"),
        Line(None, "line 5", "not JSON"),
    ]


def test_a_json_line_that_gives_a_name_twice_is_refused_and_the_others_are_read(path: Path) -> None:
    twice = ('{"timestamp": 1, "close": 1, "close": 2}', '{"x": {"a": 1, "a": 2}}', '{"end": true, "end": false}')
    append(path, "\n".join((*twice, '{"timestamp": 2, "close": 1}')) + "\n")
    *refused, read = FileFeed(path).take(0)
    assert read == Line({"timestamp": 2, "close": 1}, "line 4")
    assert [(line.values, line.ends, line.where) for line in refused] == [(None, False, f"line {n}") for n in (1, 2, 3)]
    advice = "expected one; write each name once"
    assert [line.fault for line in refused] == [
        f"close: two values of one name: found 1, 2, {advice}",
        f"a: two values of one name: found 1, 2, {advice}",
        f"end: two values of one name: found True, False, {advice}",
    ]


def test_damaged_lines_of_a_table(path: Path) -> None:
    append(path, HEAD.encode() + b"1,2\n\xff\n" + b"x" * 70_000)
    faults = [line.fault for line in FileFeed(path).take(0)]
    assert faults == ["2 cells under 5 names", "not UTF-8", "longer than 64 KiB"]


@pytest.mark.parametrize(
    "head",
    [
        "date,open,high,low,close",
        "timestamp;open;high;low;close",
        "1704067200,1,1,1,1",
        "[1]",
        "timestamp,open,high,low",
    ],
)
def test_a_first_line_that_names_no_columns_is_refused_with_what_is_expected(path: Path, head: str) -> None:
    append(path, f"{head}\n1,1,1,1,1\n")
    expected = r"bars, line 1: .*these lack .*expected timestamp,open,high,low,close"
    with pytest.raises(DataParse, match=expected):
        FileFeed(path).take(0)


@pytest.mark.parametrize("head", ["timestamp,open,high,low,close,Close", "timestamp,open,high,low,close,note,NOTE"])
def test_two_columns_of_one_name_are_refused(path: Path, head: str) -> None:
    append(path, f"{head}\n1,1,1,1,1,2,3\n")
    with pytest.raises(DataParse, match=r"bars, line 1: (close|note): two columns of one name: found .*rename one"):
        FileFeed(path).take(0)


def test_a_file_that_was_written_anew_and_is_longer_now_is_read_from_its_beginning(path: Path) -> None:
    append(path, HEAD + "1,1,1,1,1\n" * 3)
    feed = FileFeed(path)
    assert len(feed.take(0)) == 3
    with path.open("r+") as file:  # as log rotation by copy and truncate does
        file.truncate()
        file.write(HEAD + "2,2,2,2,2\n" * 9)
    found = feed.take(0) + feed.take(0)
    assert [(line.values or {}).get("timestamp") for line in found] == ["2"] * 9
    append(path, "3,3,3,3,3\n")
    assert [(line.values or {}).get("timestamp") for line in feed.take(0)] == ["3"]
    feed.close()


@pytest.mark.parametrize("how", ["another file", "cut"])
def test_a_replaced_file_is_read_anew(path: Path, how: str) -> None:
    append(path, HEAD + "1,1,1,1,1\n" * 3)
    feed = FileFeed(path)
    assert len(feed.take(0)) == 3
    if how == "cut":
        path.write_text(HEAD + "2,1,1,1,1\n")
    else:
        other = path.with_suffix(".new")
        other.write_text(HEAD + "2,1,1,1,1\n")
        other.rename(path)
    found = feed.take(0) or feed.take(0)
    assert [(line.values or {})["timestamp"] for line in found] == ["2"]
    feed.close()
