"""Structure of the trees: no import circle, small folders, a reason for a tiny file, unit tests beside their source."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.source_tree import CORE, PACKAGE, ROOT, circles, python_imports, rust_imports

MOST_FILES = 12
SHORT_LINES = 30
PAGES = {"__init__.py", "mod.rs", "lib.rs", "conftest.py"}
"""A folder's own page: it lists the folder and does not count as one of its files."""
TREES = ["python/ktrdr", "rust", "tests", "benches", "scripts"]
UNIT = ROOT / "tests" / "unit"
SHORT = {
    "python/ktrdr/_types.py": "the type aliases of every room",
    "python/ktrdr/_version.py": "the version, read only when somebody asks for it",
    "python/ktrdr/neural/numeric_profile.py": "the part of the profile that asks torch",
    "python/ktrdr/backtesting/backtest_worker.py": "public path of the worker, which lives in backtesting/job",
    "python/ktrdr/cli/commands/strategies.py": "one command group, one file",
    "python/ktrdr/cli/commands/workers.py": "one command group, one file",
    "python/ktrdr/cli/completion.py": "one command, one file; it reads the program itself",
    "python/ktrdr/cli/progress.py": "progress by the output mode of a call, above the room that draws it",
    "python/ktrdr/config/merge.py": "one rule for rules and training keys",
    "python/ktrdr/config/difference.py": "one rule with users in three rooms",
    "python/ktrdr/data/origin.py": "one rule with users in three rooms",
    "python/ktrdr/feature_pipeline/indicators/formula.py": "the type that every indicator file shares",
    "python/ktrdr/training/job/stored.py": "the file of its name beside that of backtests",
    "python/ktrdr/operations/store/migrations/versions/v0002_segments_as_they_are.py": "one migration, one file",
    "python/ktrdr/operations/store/migrations/versions/v0003_any_kind.py": "one migration, one file",
    "python/ktrdr/operations/store/migrations/versions/v0004_notes.py": "one migration, one file",
    "python/ktrdr/operations/store/migrations/versions/v0005_trials.py": "one migration, one file",
    "python/ktrdr/operations/store/migrations/versions/v0006_request_seals.py": "one migration, one file",
    "python/ktrdr/operations/store/migrations/versions/v0008_trials_in_rows.py": "one migration, one file",
    "python/ktrdr/operations/store/migrations/versions/v0010_unit_leases.py": "one migration, one file",
    "python/ktrdr/training/model_storage.py": "public path of the model storage, which lives in neural",
    "python/ktrdr/training/sources/forward_return.py": "one label source, one file",
    "python/ktrdr/worker/routes/backtests.py": "one noun of routes, one file",
    "python/ktrdr/worker/routes/studies/sweeps.py": "one noun of routes, one file",
    "python/ktrdr/worker/routes/trainings.py": "one noun of routes, one file",
    "python/ktrdr/worker/routes/studies/walk_forwards.py": "one noun of routes, one file",
    "rust/py/src/hash.rs": "one function of the door, one file",
    "rust/core/tests/snapshot_versions.rs": "frozen snapshots, one test target",
}
NO_SOURCE = {
    "data/test_errors.py": "every refusal of the room in one table",
    "feature_pipeline/indicators/test_errors.py": "every refusal of the room in one table",
    "neural/test_errors.py": "every refusal of the room in one table",
    "strategy/test_errors.py": "every refusal of the room in one table",
    "backtesting/test_fork.py": "forks go through config, engine and snapshot",
    "cli/test_answers.py": "objects of every command against their schema, cli/answers.json",
    "cli/test_bad_inputs.py": "every bad input through the whole command line",
    "cli/test_control.py": "interrupt, progress and output together",
    "data/imports/test_foreign_files.py": "files of other programs, through the whole import",
    "feature_pipeline/indicators/test_golden.py": "indicators against values by hand",
    "feature_pipeline/indicators/test_lookback.py": "the catalogue's history against every indicator",
    "feature_pipeline/indicators/test_talib.py": "indicators against TA-Lib itself",
    "feature_pipeline/indicators/test_talipp.py": "indicators against an independent library",
    "simulation/test_views.py": "a result for other libraries, over ledger and equity curve",
    "operations/store/test_queue.py": "cost of a long queue, over claims and reads",
    "operations/store/test_races.py": "many owners at once, over claims and saves",
}


def own_files() -> Iterator[Path]:
    """Yields the source files of every tree."""
    for tree in TREES:
        for file in sorted((ROOT / tree).rglob("*")):
            if file.suffix in {".py", ".rs", ".sh"} and "target" not in file.parts:
                yield file.relative_to(ROOT)


def test_no_circle_of_python_files() -> None:
    assert circles(python_imports()) == []


def test_no_circle_of_rust_files() -> None:
    assert circles(rust_imports()) == []


def test_no_circle_of_rust_folders() -> None:
    """A file of the crate itself (``error.rs``) is no folder and may name any room."""
    folders = {file.parent.name for file in CORE.glob("*/mod.rs")}
    rooms: dict[str, set[str]] = {name: set() for name in folders}
    for name, others in rust_imports().items():
        mine = name.split("::")[0]
        if mine in folders:
            rooms[mine] |= {other.split("::")[0] for other in others} & folders - {mine}
    assert circles(rooms) == []


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_the_readers_of_imports_find_known_edges() -> None:
    """A reader that finds nothing would make every check above pass."""
    assert "ktrdr.errors" in python_imports()["ktrdr.data.bars"]
    assert sum(map(len, rust_imports().values())) > 80
    assert CORE.is_dir() and PACKAGE.is_dir()


def test_no_folder_has_more_than_twelve_files() -> None:
    count = Counter(str(file.parent) for file in own_files() if file.name not in PAGES)
    assert {folder: files for folder, files in count.items() if files > MOST_FILES} == {}


def test_the_package_is_formatted_throughout() -> None:
    assert [str(file) for file in PACKAGE.rglob("*.py") if "fmt: skip" in file.read_text()] == []


def side_by_side(source: str) -> list[int]:
    """Returns the lines that assign several values at once although none of them is a target's old value."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                names = [ast.unparse(target) for target in targets]
                read = {ast.unparse(part) for value in values for part in ast.walk(value) if isinstance(part, ast.expr)}
                if len(targets) == len(values) and not read & set(names):
                    found.append(node.lineno)
    return found


def test_two_assignments_are_two_lines() -> None:
    """A swap and an unpacking need a tuple; constants and attributes side by side only save a line."""
    python = [file for file in own_files() if file.suffix == ".py"]
    assert [f"{file}:{line}" for file in python for line in side_by_side((ROOT / file).read_text())] == []


def test_an_assignment_side_by_side_is_seen() -> None:
    assert side_by_side("a, b = 1, 2\na, b = b, a\na, b = pair\nself.a, self.b = x, y\na, (b, c) = 1, two") == [1, 4, 5]


def test_a_short_file_has_a_reason() -> None:
    short = {
        str(file)
        for file in own_files()
        if file.parts[0] in {"python", "rust"}
        and file.name not in PAGES
        and len((ROOT / file).read_text().splitlines()) < SHORT_LINES
    }
    assert short - set(SHORT) == set()


def test_the_exceptions_are_still_needed() -> None:
    assert [file for file in SHORT if len((ROOT / file).read_text().splitlines()) >= SHORT_LINES] == []
    assert [test for test in NO_SOURCE if not (UNIT / test).exists() or source_of(Path(test))] == []


def source_of(test: Path) -> Path | None:
    """Returns the file that a unit test, by its path below ``tests/unit``, is named after; None where there is none."""
    name = test.with_name(test.name.removeprefix("test_"))
    places = (PACKAGE / name, PACKAGE / name.with_name(f"_{name.name}"), ROOT / "tests" / name)
    return next((file for file in places if file.exists()), None)


def test_the_source_of_a_test_is_found() -> None:
    assert source_of(Path("data/test_bars.py")) == PACKAGE / "data" / "bars.py"
    assert source_of(Path("data/test_errors.py")) is None


@pytest.mark.parametrize("file", sorted(UNIT.rglob("test_*.py")), ids=lambda file: str(file.relative_to(UNIT)))
def test_a_unit_test_lies_beside_its_source(file: Path) -> None:
    place = file.relative_to(UNIT)
    assert source_of(place) or str(place) in NO_SOURCE
