"""Map and lists of CONTRIBUTING.md: every room is on the map, and each task names every file that changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.source_tree import CORE, PACKAGE, ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
MAP = TEXT[TEXT.index("## The map") : TEXT.index("## Commands")]
TASKS = dict(re.findall(r"^### (A new [^\n]*)\n(.*?)(?=^##)", TEXT, re.M | re.S))
SHIPPED = ["python/ktrdr", "rust/core/src", "rust/py/src", "rust/testkit/src", "tests/reference", "tests/support/runs"]
NAMED = {
    "A new indicator", "A new metric", "A new command", "A new error", "A new exit rule", "A new membership function",
    "A new label source", "A new HTTP route", "A new operation kind", "A new sizing rule",
}  # fmt: skip


def rooms(folder: Path) -> set[str]:
    """Returns the folders directly below one that hold sources."""
    return {path.name for path in folder.iterdir() if path.is_dir() and any(path.rglob("*.[pr][ys]"))}


def examples_of(task: str) -> list[str]:
    """Returns the words that the first sentence of a task tells a reader to look for."""
    return re.findall(r"`(\w+)`", re.split("[.;]", task.strip())[0])


def listed(task: str) -> list[str]:
    return re.findall(r"^- `([^`]+)`", task, re.M)


def mentions(word: str) -> set[str]:
    """Returns the shipped files, and those that tests draw their runs from, that name a word."""
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    found = set()
    for tree in SHIPPED:
        for file in (ROOT / tree).rglob("*"):
            if file.suffix in {".py", ".rs", ".pyi"} and pattern.search(file.read_text()):
                found.add(str(file.relative_to(ROOT)))
    return found


def test_every_python_room_is_on_the_map_with_its_layer() -> None:
    table = (ROOT / "tests" / "contract" / "test_layers.py").read_text()
    rows = re.findall(r"^\| (\d) \| (.*?) \|", MAP, re.M)
    drawn = {name: layer for layer, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert rooms(PACKAGE) <= set(drawn)
    for name, layer in drawn.items():
        assert (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists(), name
        assert f'"{name}": {layer}' in table, name


def test_every_room_of_the_core_is_on_the_map() -> None:
    rows = MAP[MAP.index("`rust/core/src`") : MAP.index("`tests/unit`")]
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.M)) == rooms(CORE)


def test_every_folder_of_tests_is_on_the_map() -> None:
    drawn = set(re.findall(r"`tests/(\w+)`", MAP))
    assert rooms(ROOT / "tests") <= drawn


def test_the_ten_tasks_are_there() -> None:
    assert set(TASKS) == NAMED


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_names_files_that_exist(name: str) -> None:
    paths = listed(TASKS[name])
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_names_every_file_that_knows_its_example(name: str) -> None:
    words = examples_of(TASKS[name])
    assert words
    for word in words:
        found = mentions(word)
        assert found, word
        assert found - set(listed(TASKS[name])) == set(), word


def named_files(text: str) -> set[str]:
    """Returns the files and folders of this tree that a page names by their whole path."""
    trees = "python|rust|tests|scripts|benches|findings|docs|examples"
    return set(re.findall(rf"`((?:{trees})/[\w./-]*\w)/?`", text))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "DESIGN.md"])
def test_a_page_names_files_that_exist(page: str) -> None:
    found = named_files((ROOT / page).read_text())
    assert found
    assert [path for path in sorted(found) if not (ROOT / path).exists()] == []


def test_a_file_that_has_moved_is_seen() -> None:
    assert named_files("`rust/core/src/turn.rs`, `tests/model`, `make test`, tests/unit") == {
        "rust/core/src/turn.rs",
        "tests/model",
    }


def test_a_file_that_is_not_listed_is_seen() -> None:
    assert "python/ktrdr/strategy/rules.py" in mentions("max_holding_bars")
    assert mentions("no_such_word_anywhere") == set()


def test_glossary_is_sorted() -> None:
    words = re.findall(r"^\| ([a-z -]+) \| ", TEXT[TEXT.index("## Glossary") :], re.M)[1:]
    assert words == sorted(words)
