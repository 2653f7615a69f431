"""Spans of time as users write them."""

from __future__ import annotations

from datetime import date

import pytest

from ktrdr.errors import ArgumentInvalid
from ktrdr.time import Span, iso

FEBRUARY_NS = Span.parse(None, "2024-02-01T00:00Z").end_ns


@pytest.mark.parametrize("end", ["2024-01-31", " 2024-01-31 ", "20240131", "2024-W05-3", "2024W053", date(2024, 1, 31)])
def test_a_bare_end_date_includes_its_day_however_it_is_written(end: str | date) -> None:
    assert Span.parse("2024-01-01", end).end_ns == FEBRUARY_NS


@pytest.mark.parametrize("end", ["2024-02-01T00", "2024-02-01 00:00", "20240201T0000", "2024-02-01T02:00+02:00"])
def test_an_instant_is_not_included(end: str) -> None:
    assert Span.parse("2024-01-01", end).end_ns == FEBRUARY_NS


def test_a_year_no_stamp_reaches_is_an_open_end() -> None:
    span = Span.parse("0001-01-01", "9999-12-31")
    assert (span.start_ns, span.end_ns) == (-(2**63), 2**63 - 1)


@pytest.mark.parametrize("text", ["", "today", "2024-02-30", "2024-1-31", "1e9", "2024-01-01T25:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ArgumentInvalid, match="not a date"):
        Span.parse(text, None)


def test_what_is_no_moment_at_all_is_refused() -> None:
    with pytest.raises(ArgumentInvalid, match="start: not a date or an instant: found 5"):
        Span.parse(5, None)  # type: ignore[arg-type]


def test_a_start_keeps_its_offset() -> None:
    start_ns = Span.parse("2024-01-01T00:00+02:00", None).start_ns
    assert start_ns is not None
    assert iso(start_ns) == "2023-12-31T22:00:00Z"
