"""Shape and language of the Rust sources, beyond what test_language.py reads in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.source_tree import CORE, ROOT

RUST = ROOT / "rust"
MOST_NAMES = 40
FEWEST_EXAMPLES = 10
COMMENT_SHARE = {"": (0.02, 0.05), "engine/fast": (0.03, 0.06)}
"""Least and largest share of `//` lines among the lines of code, by folder of the core."""
DOCUMENTED_FUNCTION = re.compile(
    r"((?:^[ \t]*///[^\n]*\n)+)(?:^[ \t]*#\[[^\n]*\n)*^[ \t]*(?:pub(?:\([a-z]+\))? )?(?:const )?fn (\w+)", re.M
)
SIDE_BY_SIDE = re.compile(r"^ *(?:let )?\([^()\n]*,[^()\n]*\) = \(.*\);$", re.M)
"""An assignment of several values at once; a pattern with parentheses of its own may refuse, so it is another thing."""
VERB = re.compile(r"[A-Z][a-z]+s\b")


def sources() -> Iterator[Path]:
    """Yields every Rust file below ``rust`` but build output."""
    yield from (file for file in sorted(RUST.rglob("*.rs")) if "target" not in file.parts)


def shipped(file: Path) -> str:
    """Returns the text of a file without its unit tests."""
    return re.split(r"#\[cfg\(test\)\]\nmod tests \{", file.read_text())[0]


def shipped_files() -> list[Path]:
    """Returns the files of the core, the binding and the testkit, without unit tests."""
    folders = [CORE, RUST / "py" / "src", RUST / "testkit" / "src"]
    return [file for folder in folders for file in sorted(folder.rglob("*.rs")) if file.name != "tests.rs"]


def no_verbs(text: str) -> list[str]:
    """Returns the documented functions whose summary does not begin with a verb."""
    found = []
    for docs, name in DOCUMENTED_FUNCTION.findall(text):
        summary = docs.strip().removeprefix("///").strip()
        if not VERB.match(summary):
            found.append(f"{name}: {summary.splitlines()[0]}")
    return found


@pytest.mark.parametrize("file", shipped_files(), ids=lambda file: str(file.relative_to(RUST)))
def test_a_function_says_what_it_does(file: Path) -> None:
    getters = {"symbol", "rules", "next_bar", "last_ns", "ended", "equity", "row_counts", "position", "open_gross"}
    getters |= {"timeframe_ns", "warmup_bars", "initial_capital", "marks_digest"}
    properties = getters if file.name == "simulation.rs" and "py" in file.parts else set()
    assert [line for line in no_verbs(shipped(file)) if line.split(":")[0] not in properties] == []


def test_unrelated_values_are_not_assigned_in_one_statement() -> None:
    """Tests and benches too."""
    found = {str(file.relative_to(RUST)): SIDE_BY_SIDE.findall(file.read_text()) for file in sources()}
    assert {file: lines for file, lines in found.items() if lines} == {}


def test_modules_are_private() -> None:
    """The public names of the core are one list in its ``lib.rs``; the testkit shows its one room."""
    allowed = {"rust/testkit/src/lib.rs"}
    public = {str(file.relative_to(ROOT)) for file in sources() if re.search(r"^\s*pub mod ", file.read_text(), re.M)}
    assert public <= allowed


def test_the_core_has_few_public_names() -> None:
    exports = re.findall(r"^pub use [^;]+;", (CORE / "lib.rs").read_text(), re.M)
    names = [name for export in exports for name in re.sub(r"^.*::\{?|[};]", "", export).split(",") if name.strip()]
    assert 0 < len(names) <= MOST_NAMES


def test_no_source_depends_on_the_build() -> None:
    """No module by path, and no constant that is another one under test."""
    for file in sources():
        assert not re.search(r"#\[path|cfg!\(test\)", file.read_text()), file


def test_examples_run() -> None:
    examples = sum(shipped(file).count("/// ```\n") // 2 for file in shipped_files())
    assert examples >= FEWEST_EXAMPLES


@pytest.mark.parametrize("folder", COMMENT_SHARE)
def test_comments_say_why_here_and_there(folder: str) -> None:
    comments = code = 0
    for file in sorted((CORE / folder).rglob("*.rs")):
        if file.name == "tests.rs":
            continue
        for line in shipped(file).splitlines():
            text = line.strip()
            is_doc = text.startswith(("///", "//!"))
            comments += text.startswith("//") and not is_doc
            code += bool(text) and not text.startswith("//")
    least, most = COMMENT_SHARE[folder]
    assert least <= comments / code <= most


def test_a_bad_function_is_seen() -> None:
    assert no_verbs("/// The row.\n#[must_use]\npub fn row(&self) -> Row {}\n") == ["row: The row."]
    assert no_verbs("/// Returns the row.\npub fn row(&self) -> Row {}\n") == []


def test_an_assignment_side_by_side_is_seen() -> None:
    lines = [
        "let (mut low, high) = (0.0, f(1.0));",
        "    (world.low[0], high) = (0.0, 1.0);",
        "let (low, high) = range();",
        "let (Some(low), high) = (found, 1.0) else {",
    ]
    assert [bool(SIDE_BY_SIDE.search(line)) for line in lines] == [True, True, False, False]
