"""Reads the prose of the sources for the contract tests: summaries, docstrings, comments, messages, pages."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from support.source_tree import ROOT, python_files

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


@lru_cache(maxsize=4)
def _nodes(file: Path) -> list[ast.AST]:
    """Returns the nodes of a Python file; the readers below ask for the same file in turn."""
    return list(ast.walk(ast.parse(file.read_text())))


def docstrings(file: Path) -> Iterator[Prose]:
    """Yields the docstrings of a Python file: module, classes, functions, and strings below an assignment."""
    for node in _nodes(file):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for child in node.body:
                text = child.value.value if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) else 0
                if isinstance(text, str):
                    yield Prose(f"{file.relative_to(ROOT)}:{child.lineno}", text)


def messages(file: Path) -> Iterator[Prose]:
    """Yields every string of a Python file that holds more than one word, docstrings among them."""
    for node in _nodes(file):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield Prose(f"{file.relative_to(ROOT)}:{node.lineno}", node.value)


def comments(file: Path) -> Iterator[Prose]:
    """Yields the comments of a Python file; lines that follow each other are one comment."""
    last = -1
    first = 0
    text = ""
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1 and text:
                yield Prose(f"{file.relative_to(ROOT)}:{first}", text)
                text = ""
            if not text:
                first = token.start[0]
            text = f"{text} {token.string.lstrip('# ')}"
            last = token.start[0]
    if text:
        yield Prose(f"{file.relative_to(ROOT)}:{first}", text)


def names(file: Path) -> Iterator[Prose]:
    """Yields the names that a Python file gives to functions, classes and variables, as words."""
    for node in _nodes(file):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                pass
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                pass
            case _:
                continue
        yield Prose(f"{file.relative_to(ROOT)}:{node.lineno}", name.strip("_").replace("_", " "))


def script_comments(file: Path) -> Iterator[Prose]:
    """Yields the comments of a shell script, a Makefile or a file in YAML or TOML, one line at a time."""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        _, mark, text = line.partition("#")
        if mark:
            yield Prose(f"{file.relative_to(ROOT)}:{number}", text)


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
    """Returns the Rust files: core, binding, testkit, tests and benches."""
    return sorted(file for file in (ROOT / "rust").rglob("*.rs") if "target" not in file.parts)


def python_sources() -> list[Path]:
    """Returns the Python files: the package, tests, benches, scripts and examples."""
    trees = ("tests", "benches", "scripts", "examples")
    return sorted([*python_files(), *(file for tree in trees for file in (ROOT / tree).rglob("*.py"))])


def scripts() -> list[Path]:
    """Returns shell scripts, findings, workflows and files of settings."""
    named = [ROOT / name for name in ("Makefile", "Dockerfile", "docker-compose.sandbox.yml", "pyproject.toml")]
    trees = [*(ROOT / "scripts").rglob("*.sh"), *(ROOT / "findings").glob("*.sh")]
    return sorted([*named, *trees, *(ROOT / ".github").rglob("*.yml"), *(ROOT / "examples").glob("*.yaml")])
