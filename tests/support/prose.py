"""Reads the prose of the sources for the contract tests: summaries, docstrings, comments, messages, pages."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.source_tree import CORE, ROOT, python_files

_DOC_LINES = re.compile(r"((?:^[ \t]*//[/!][^\n]*\n)+)", re.M)
_CODE = re.compile(r"```.*?```|`[^`]*`", re.S)
_FENCE = re.compile(r"```.*?(```|\Z)", re.S)


@dataclass(frozen=True)
class Prose:
    """A piece of text with its place: a docstring, comment, message or page."""

    place: str
    text: str

    @property
    def summary(self) -> str:
        """Returns the first sentence or paragraph."""
        return re.split(r"\n\s*\n", self.text.strip())[0].strip()


def room_of(file: Path) -> str:
    """Returns the folder of a file below the package or below ``rust``."""
    return str(file.parent.relative_to(ROOT)).removeprefix("python/")


def docstrings(file: Path) -> Iterator[Prose]:
    """Yields the docstrings of a Python file: module, classes, functions, and strings below an assignment."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for child in node.body:
                text = child.value.value if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) else 0
                if isinstance(text, str):
                    yield Prose(f"{file.relative_to(ROOT)}:{child.lineno}", text)


def messages(file: Path) -> Iterator[Prose]:
    """Yields every string of a Python file that holds more than one word, docstrings among them."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield Prose(f"{file.relative_to(ROOT)}:{node.lineno}", node.value)


def comments(file: Path) -> Iterator[Prose]:
    """Yields the comments of a Python file; lines that follow each other are one comment."""
    last, first, text = -1, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1 and text:
                yield Prose(f"{file.relative_to(ROOT)}:{first}", text)
                text = ""
            if not text:
                first = token.start[0]
            text, last = f"{text} {token.string.lstrip('# ')}", token.start[0]
    if text:
        yield Prose(f"{file.relative_to(ROOT)}:{first}", text)


def rust_docs(file: Path) -> Iterator[Prose]:
    """Yields the doc comments of a Rust file, each without its marks."""
    source = file.read_text()
    for block in _DOC_LINES.finditer(source):
        line = source.count("\n", 0, block.start()) + 1
        text = re.sub(r"^[ \t]*//[/!] ?", "", block[1], flags=re.M)
        yield Prose(f"{file.relative_to(ROOT)}:{line}", text)


def rust_prose(file: Path) -> Iterator[Prose]:
    """Yields comments and strings of a Rust file line by line, each joined with the next."""
    lines = [re.sub(r"^\s*//[/!]? ?", "", line) for line in file.read_text().splitlines()]
    for number, line in enumerate(lines):
        follows = lines[number + 1] if number + 1 < len(lines) else ""
        yield Prose(f"{file.relative_to(ROOT)}:{number + 1}", f"{line.strip()} {follows.split(' ')[0]}")


def page(file: Path) -> Iterator[Prose]:
    """Yields the paragraphs of a page without its code."""
    text = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), file.read_text())
    line = 1
    for paragraph in re.split(r"(\n\s*\n)", text):
        yield Prose(f"{file.relative_to(ROOT)}:{line}", _CODE.sub("", paragraph))
        line += paragraph.count("\n")


def pages() -> list[Path]:
    """Returns every page of the repository that people read."""
    inside = [ROOT / name for name in ("docs", "benches", "tests", "rust", "findings", "examples")]
    found = [file for folder in inside for file in folder.rglob("*.md") if "target" not in file.parts]
    return sorted([*ROOT.glob("*.md"), *found])


def rust_sources() -> list[Path]:
    """Returns the Rust files that ship: the core and the binding."""
    return sorted([*CORE.rglob("*.rs"), *(ROOT / "rust" / "py" / "src").rglob("*.rs")])


def python_sources() -> list[Path]:
    """Returns the Python files that ship."""
    return python_files()
