"""Text of a user in messages, and the nearest valid name."""

from __future__ import annotations

import pytest

from ktrdr.text import nearest, nearest_names, one_line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "'two\\nlines'"),
        ("\x1b[31m", "'\\x1b[31m'"),
        ("a" * 81, "a" * 77 + "..."),
        (12, 12),
        (None, None),
    ],
)
def test_one_line(value: object, shown: object) -> None:
    assert one_line(value) == shown


def test_nearest_ignores_case_and_keeps_the_spelling_of_the_known_name() -> None:
    assert nearest("MAXLEVERAGE", ["MaxLeverage", "maintenance"]) == "did you mean MaxLeverage?"


def test_nearest_shows_the_text_of_a_name() -> None:
    assert nearest("hiden_size", ["hidden_size"], {"hidden_size": "architecture.hidden_size"}) == (
        "did you mean architecture.hidden_size?"
    )


def test_nothing_near_is_no_hint() -> None:
    assert nearest("zzz", ["rsi", "macd"]) == ""
    assert nearest_names("zzz", ["rsi", "macd"]) == []


def test_the_nearest_come_first_and_are_limited() -> None:
    assert nearest_names("trend_1", ["trend_2", "trend_1a", "other", "trend"], at_most=2) == ["trend_1a", "trend_2"]
