"""Language of the sources: plain summaries, no riddles, no private dialect. CONTRIBUTING.md has the rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.prose import (
    Prose,
    comments,
    docstrings,
    messages,
    names,
    page,
    pages,
    python_sources,
    room_of,
    rust_docs,
    rust_prose,
    rust_sources,
    script_comments,
    scripts,
)
from support.source_tree import ROOT

RIDDLES = re.compile(r"(What|Whether|Which|How|Where|Who)\b")
BANNED = re.compile(
    r"\b(go(es|ing)? on|went on|stands|stood|(is|are|was|were) told|look(s|ed)? after|one a bar|of their own)\b"
)
FEWEST_WORDS = 4
THIS = Path(__file__).resolve()
"""This file, which names the banned phrases."""


def by_room(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Returns the files of each folder."""
    rooms: dict[str, list[Path]] = {}
    for file in files:
        rooms.setdefault(room_of(file), []).append(file)
    return rooms


PYTHON_ROOMS = by_room(python_sources())
RUST_ROOMS = by_room(rust_sources())


def bad_summaries(pieces: Iterable[Prose]) -> list[str]:
    """Returns the summaries that are a riddle or hardly there, with their places."""
    return [
        f"{piece.place} {piece.summary.splitlines()[0]}"
        for piece in pieces
        if piece.text.strip() and (RIDDLES.match(piece.summary) or len(piece.summary.split()) < FEWEST_WORDS)
    ]


def banned(pieces: Iterable[Prose]) -> list[str]:
    """Returns the pieces that use a banned phrase, with their places."""
    found = []
    for piece in pieces:
        hit = BANNED.search(" ".join(piece.text.split()))
        if hit:
            found.append(f"{piece.place} {hit[0]}")
    return found


def may_hold_a_phrase(file: Path) -> bool:
    """Returns False where no line, comment or name of a file can have a banned phrase: most need no closer look."""
    words = re.sub(r"[\"'#/!_\s]+", " ", file.read_text())
    return BANNED.search(words) is not None


@pytest.mark.parametrize("room", PYTHON_ROOMS)
def test_summaries_of_python(room: str) -> None:
    for file in PYTHON_ROOMS[room]:
        assert bad_summaries(docstrings(file)) == []


@pytest.mark.parametrize("room", PYTHON_ROOMS)
def test_phrases_of_python(room: str) -> None:
    for file in PYTHON_ROOMS[room]:
        if file != THIS and may_hold_a_phrase(file):
            assert banned([*messages(file), *comments(file), *names(file)]) == []


@pytest.mark.parametrize("room", RUST_ROOMS)
def test_summaries_of_rust(room: str) -> None:
    for file in RUST_ROOMS[room]:
        assert bad_summaries(rust_docs(file)) == []


@pytest.mark.parametrize("room", RUST_ROOMS)
def test_phrases_of_rust(room: str) -> None:
    for file in RUST_ROOMS[room]:
        if may_hold_a_phrase(file):
            assert banned(rust_prose(file)) == []


@pytest.mark.parametrize("name", [str(file.relative_to(ROOT)) for file in scripts()])
def test_phrases_of_scripts(name: str) -> None:
    assert banned(script_comments(ROOT / name)) == []


@pytest.mark.parametrize("name", [str(file.relative_to(ROOT)) for file in pages()])
def test_phrases_of_the_pages(name: str) -> None:
    assert banned(page(ROOT / name)) == []


@pytest.mark.parametrize(
    "text",
    ["What a run costs.", "Whether it is open.\n\nMore.", "Bar.", "Inside gross."],
)
def test_a_bad_summary_is_seen(text: str) -> None:
    assert bad_summaries([Prose("here", text)])


@pytest.mark.parametrize("text", ["the run goes\n    on", "he is told", "a comment that stands here"])
def test_a_banned_phrase_is_seen(text: str) -> None:
    assert banned([Prose("here", text)])


def test_a_name_is_read_as_words() -> None:
    file = ROOT / "tests" / "contract" / "test_language.py"
    assert any(piece.text == "test a name is read as words" for piece in names(file))


def test_every_tree_is_read() -> None:
    """A tree that is not read would pass."""
    assert {"ktrdr/data", "tests/unit/data", "benches", "scripts"} <= set(PYTHON_ROOMS)
    assert {"rust/core/src/engine", "rust/core/tests", "rust/testkit/src"} <= set(RUST_ROOMS)
    assert {"Makefile", "scripts/preflight.sh"} <= {str(file.relative_to(ROOT)) for file in scripts()}


def test_plain_prose_passes() -> None:
    plain = [Prose("here", "Returns the commission of one fill."), Prose("here", "Undefined values, with a reason.")]
    assert bad_summaries(plain) == banned(plain) == []
