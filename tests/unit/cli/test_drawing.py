"""Lines and tables at a terminal of any width, and in a pipe."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable

from ktrdr.cli.drawing import Table, _fitting, _wrapped, table_lines
from support.process.terminal import PACKAGES, at_terminal

SENTENCE = (
    "warning: the bars of 2024 were seen by the training, so the result says little about other years of that market"
)
COMMAND = "KTRDR_DATA_DIR=/data/demo ktrdr backtest show backtest_5a3caf32b37fa9cc --out march"
ROW = ("forward_return_regression_v1", "refused because of a reason that takes many words to explain", "1,234.50")
DRAWS = f"""
import sys
from ktrdr.cli.drawing import Table, draw_line, draw_table
draw_line({SENTENCE!r})
draw_line("to see it again: {COMMAND}")
draw_line("  an indented line")
draw_line("")
draw_line("usage: no such flag; did you mean --json?", sys.stderr, colour="red")
draw_table(Table(("name", "why", "equity"), [{ROW!r}]))
"""
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("columns", [24, 47, 80, 200])
def test_no_word_is_cut(columns: int) -> None:
    seen = at_terminal([sys.executable, "-c", DRAWS], columns=columns)
    assert seen.code == 0, seen.text
    text = ESCAPE.sub("", seen.text)
    words = set(text.split())
    for word in (*SENTENCE.split(), *" ".join(ROW).split()):
        assert word in words
    assert COMMAND in text
    assert "\n  an indented line\n\n" in text
    prose = text[: text.index("to see")].splitlines()
    assert all(len(line) <= columns for line in prose)
    assert len(prose) == -(-len(SENTENCE) // columns) or columns < 80


def test_colours_are_for_terminals() -> None:
    seen = at_terminal([sys.executable, "-c", DRAWS])
    assert "\x1b[33mwarning:\x1b[0m the bars" in seen.text
    assert "\x1b[31musage:\x1b[0m no such flag" in seen.text


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_may_have_no_colours(plain: dict[str, str]) -> None:
    seen = at_terminal([sys.executable, "-c", DRAWS], environment=plain)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", seen.text)
    assert "warning: the bars" in seen.text


def test_a_pipe_gets_lines_as_they_are() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DRAWS], env={"PYTHONPATH": str(PACKAGES)}, capture_output=True, text=True
    )
    assert run.stdout.startswith(f"{SENTENCE}\nto see it again: {COMMAND}\n  an indented line\n\n")
    assert run.stderr == "usage: no such flag; did you mean --json?\n"
    assert "   ".join(ROW) in run.stdout
    assert "\x1b" not in run.stdout + run.stderr


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 60)), min_size=1, max_size=6), st.integers(1, 120))
def test_a_column_keeps_its_longest_word(columns: Sequence[tuple[int, int]], room: int) -> None:
    words = [word for word, _ in columns]
    whole = [word + more for word, more in columns]
    widths = _fitting(words, whole, room)
    assert all(least <= width <= most for least, width, most in zip(words, widths, whole, strict=True))
    assert sum(widths) <= max(room, sum(words))
    assert sum(widths) == sum(whole) or sum(widths) >= room


@given(st.lists(st.text("ab:-", min_size=1, max_size=12), min_size=1), st.integers(1, 40))
def test_wrapping_moves_words_and_changes_none(words: list[str], width: int) -> None:
    line = " ".join(words)
    wrapped = _wrapped(line, width)
    assert wrapped.split() == line.split()
    assert all(len(part) <= width or " " not in part for part in wrapped.split("\n"))


WORDS = st.lists(st.text("ab-", min_size=1, max_size=5), min_size=1, max_size=4).map(" ".join)
CELLS = st.lists(WORDS, max_size=3).map("\n".join)


def by_rich(table: Table, room: int) -> list[str]:
    """The lines of the same table, drawn by rich in columns of the same widths."""
    columns = list(zip(table.headings, *table.rows, strict=True))
    words = [max((cell_len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    whole = [max((cell_len(line) for cell in column for line in cell.split("\n")), default=1) for column in columns]
    edges = 2 + 3 * (len(columns) - 1)
    widths = _fitting(words, whole, room - edges)
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(table.headings))
    for heading, width in zip(table.headings, widths, strict=True):
        drawn.add_column(heading, width=width)
    for row in table.rows:
        drawn.add_row(*row)
    console = Console(file=io.StringIO(), width=sum(widths) + edges, markup=False, highlight=False)
    with console.capture() as drawing:
        console.print(drawn)
    return [line.rstrip() for line in drawing.get().split("\n")[:-1]]


@given(
    st.integers(1, 3).flatmap(lambda count: st.lists(st.tuples(*[CELLS] * count), max_size=4)),
    st.sampled_from(["", "equity"]),
    st.sampled_from([10, 20, 10_000]),
)
def test_a_table_has_the_lines_of_a_rich_table(rows: list[tuple[str, ...]], heading: str, room: int) -> None:
    table = Table((heading,) * (len(rows[0]) if rows else 1), rows)
    head, body = table_lines(table, room)
    assert [*head, *body] == by_rich(table, room)


def test_wide_characters_take_two_columns() -> None:
    _, body = table_lines(Table(("", ""), [("漢字", "x"), ("abc", "y")]), 80)
    assert body == [" 漢字   x", " abc    y", ""]
