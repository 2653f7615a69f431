"""Reads the source trees for the contract tests: files, imports, docstrings, comments, messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "ktrdr"
CORE = ROOT / "rust" / "core" / "src"
_USE = re.compile(r"^\s*(pub(?:\([a-z]+\))? )?use ((?:crate|super|self|[a-z_]+)::[^;]+);", re.M)
_PATH = re.compile(r"\b(?:crate|super)(?:::\w+)+")
_TESTS_OF_A_FILE = re.compile(r"#\[cfg\(test\)\]\nmod tests \{.*", re.S)


def python_files() -> list[Path]:
    """Returns every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def rust_files() -> list[Path]:
    """Returns every file of the core without those that hold only tests."""
    return [file for file in sorted(CORE.rglob("*.rs")) if file.stem != "tests"]


def module_of(file: Path) -> str:
    """Returns the dotted name of a Python file: ``ktrdr.data.bars``."""
    names = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(name for name in names if name != "__init__")


def python_imports() -> dict[str, set[str]]:
    """Returns the modules that each module imports, at any depth, except for type checkers alone."""
    modules = {module_of(file): file for file in python_files()}
    return {name: _imports(ast.parse(file.read_text()), set(modules)) - {name} for name, file in modules.items()}


def _imports(tree: ast.Module, modules: set[str]) -> set[str]:
    found = set()
    for node in _run_time(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & modules or {node.module}
    return found & modules


def _run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes below one, without the bodies of ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run_time(child)


def rust_imports() -> dict[str, set[str]]:
    """Returns the files of the core that each file names by a path; a re-exported name leads to the file it is from."""
    texts = {_rust_name(file): _TESTS_OF_A_FILE.sub("", file.read_text()) for file in rust_files()}
    doors = {name: _doors(name, text, texts) for name, text in texts.items()}
    edges: dict[str, set[str]] = {}
    for name, text in texts.items():
        code = re.sub(r"//.*", "", text)
        ours = set(_paths(name, code, texts))
        found = {_home(path, texts, doors) for path in ours}
        edges[name] = {one for one in found if one and one != name}
    return edges


def _rust_name(file: Path) -> str:
    """Returns the path of a file's module, ``engine::bar``; the crate's page is the empty name."""
    names = [name for name in file.relative_to(CORE).with_suffix("").parts if name not in {"mod", "lib"}]
    return "::".join(names)


def _doors(name: str, text: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Returns the names that a module re-exports, with the paths they come from."""
    doors = {}
    for public, path in _USE.findall(re.sub(r"//.*", "", text)):
        if public:
            for full in _expand(re.sub(r"\s+", "", path)):
                absolute = _absolute(name, full, texts)
                if absolute:
                    doors[full.split("::")[-1]] = absolute
    return doors


def _paths(name: str, code: str, texts: Mapping[str, str]) -> Iterator[str]:
    for public, path in _USE.findall(code):
        if not public:
            for full in _expand(re.sub(r"\s+", "", path)):
                absolute = _absolute(name, full, texts)
                if absolute:
                    yield absolute
    for path in _PATH.findall(_USE.sub("", code)):
        absolute = _absolute(name, path, texts)
        if absolute:
            yield absolute


def _expand(path: str) -> Iterator[str]:
    """Yields the single paths of ``a::{b, c::{d, e}}``."""
    head, brace, rest = path.partition("{")
    if not brace:
        yield re.sub(r"as\w+$", "", path) if " as " in path else path
        return
    depth = 0
    start = 0
    inner = rest[: rest.rindex("}")]
    for index, letter in enumerate(inner + ","):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            if inner[start:index]:
                yield from _expand(head + inner[start:index])
            start = index + 1


def _absolute(name: str, path: str, texts: Mapping[str, str]) -> str | None:
    """Returns a path from the crate's root, or none for a path into another crate."""
    here = name.split("::") if name else []
    first, *rest = path.split("::")
    if first == "crate":
        return "::".join(rest)
    if first == "self":
        return "::".join([*here, *rest])
    if first == "super":
        while rest and first == "super":
            here = here[:-1]
            first, *rest = rest
        return "::".join([*here, first, *rest])
    local = "::".join([*here, first])
    return "::".join([local, *rest]) if local in texts else None


def _home(path: str, texts: Mapping[str, str], doors: Mapping[str, Mapping[str, str]]) -> str | None:
    """Returns the module that a path ends in, through the re-exports on its way."""
    names = path.split("::")
    for cut in range(len(names), -1, -1):
        module = "::".join(names[:cut])
        if module in texts:
            rest = names[cut:]
            door = doors[module].get(rest[0]) if rest else None
            return _home("::".join([door, *rest[1:]]), texts, doors) if door else module
    return None


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Returns the groups of modules that import each other, directly or in a ring."""
    reach = {name: _reached(name, edges) for name in edges}
    groups = {tuple(sorted({name} | {one for one in reach[name] if name in reach[one]})) for name in edges}
    return sorted(list(group) for group in groups if len(group) > 1)


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen = set[str]()
    waiting = [start]
    while waiting:
        for other in edges[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    return seen
