"""``ktrdr data import``: what a person reads of an import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LINES = ["timestamp,open,high,low,close", *(f"2024-01-01T{hour:02}:00:00Z,10,11,9,10" for hour in range(24))]
LENGTHS = ("5m", "4h", "1d")


def test_made_up_bars_that_leave_are_named(ktrdr: Callable[..., Any], folder: Path) -> None:
    file = folder.parent / "bars.csv"
    file.write_text("\n".join(LINES))
    ktrdr("data sample")
    said = ktrdr(f"data import {file} --symbol EURUSD --timeframe 1h")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[1] == "replaced EURUSD 1h (synthetic)"
    removed = [f"removed EURUSD {length} (synthetic): no made-up bars stay beside real ones" for length in LENGTHS]
    assert lines[2:5] == removed
    again = ktrdr(f"data import {file} --symbol EURUSD --timeframe 1h --replace --json").object
    assert (again["replaced"], again["removed"]) == (["EURUSD 1h"], [])


IMPORT = "--symbol AAA --timeframe 1h"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (f"{IMPORT} --tz Mars", "--tz: unknown time zone: found Mars"),
        (f"{IMPORT} --stamps end", "--stamps: unknown kind of stamps: found end"),
        (f"{IMPORT} --skip-lines -1", "--skip-lines: cannot be negative"),
        (f"{IMPORT} --session-end 5pm", "--session-end: not the end of a session"),
        (f"{IMPORT} --map close=Last", "--map close: no such column in the file: found Last"),
        (f"{IMPORT} --map close", "--map: cannot be read: found close, expected field=COLUMN"),
        (
            f"{IMPORT} --map close=open --map close=high",
            "--map close: set twice: found open, high, expected one column",
        ),
        ("--symbol A/B --timeframe 1h", "--symbol: not a symbol"),
        ("--symbol AAA --timeframe 7h", "--timeframe: unknown timeframe"),
    ],
)
def test_an_option_that_cannot_be_is_named_as_it_was_typed(
    ktrdr: Callable[..., Any], folder: Path, options: str, message: str
) -> None:
    file = folder.parent / "bars.csv"
    file.write_text("\n".join(LINES))
    said = ktrdr(f"data import {file} {options}")
    assert said.is_error("argument_invalid", 2)
    assert f"argument_invalid: {message}" in said.err


def test_an_argument_that_is_no_option_keeps_its_name(ktrdr: Callable[..., Any], folder: Path) -> None:
    file = folder.parent / "bars.doc"
    file.write_text("\n".join(LINES))
    assert "argument_invalid: bars.doc: unknown kind of file" in ktrdr(f"data import {file} {IMPORT}").err


def test_a_folder_of_files_is_named(ktrdr: Callable[..., Any], folder: Path) -> None:
    said = ktrdr(f"data import {folder.parent} {IMPORT}")
    assert said.is_error("argument_invalid", 2)
    assert "a folder is no file of bars" in said.err and "--append joins" in said.err


def test_one_gap_and_one_change_are_no_plurals(ktrdr: Callable[..., Any], folder: Path) -> None:
    file = folder.parent / "bars.csv"
    file.write_text("\n".join([*LINES[:5], LINES[4], *LINES[6:]]))
    said = ktrdr(f"data import {file} {IMPORT} --repair drop").out
    assert ", 1 gap, no volume; 23 added\nrepaired: 1 change\n" in said


def test_a_cell_in_which_a_mark_parts_no_thousands_is_named(ktrdr: Callable[..., Any], folder: Path) -> None:
    file = folder.parent / "bars.csv"
    rows = ("1,10;1,20;1,05;1,15;4.011", "1,15;1,20;1,05;1,15;12", "1,15;1.20;1,05;1,15;7")
    lines = [f"2024-01-02T{hour:02}:00:00Z;{cells}" for hour, cells in enumerate(rows)]
    file.write_text("\n".join(["time;open;high;low;close;volume", *lines]))
    said = ktrdr(f"data import {file} {IMPORT} --decimal ,")
    assert said.is_error("data_parse", 3)
    assert "bars.csv: line 4: row 2: high: the cell is no number: found 1.20, expected a number with , for" in said.err
    assert ktrdr("data list --json").object["series"] == []


def test_the_bars_of_friday_and_monday_are_appended(ktrdr: Callable[..., Any], folder: Path) -> None:
    file = folder.parent / "bars.csv"
    for days, append in (("10 11 12", ""), ("12 15", "--append"), ("15 16", "--append")):
        lines = [f"2024-01-{day},10,11,9,10" for day in days.split()]
        file.write_text("\n".join(["date,open,high,low,close", *lines]))
        said = ktrdr(f"data import {file} --symbol AAA --timeframe 1d {append}")
        assert said.code == 0, said.err
    assert "AAA 1d: 5 bars, 2024-01-10T00:00:00Z to 2024-01-16T00:00:00Z, 1 gap" in said.out
