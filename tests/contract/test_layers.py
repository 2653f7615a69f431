"""The house rule: a module imports only from a lower layer or from its own folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ktrdr

PACKAGE = Path(ktrdr.__file__).parent
LAYERS = {
    "__init__": 0, "_core": 0, "_lazy": 0, "_processor": 0, "_types": 0, "_version": 0, "errors": 0,
    "arguments": 0, "control": 0, "disk": 0, "numerics": 0, "profile": 0, "progress": 0, "settings": 0, "text": 0,
    "startup": 0, "time": 0,
    "config": 1,
    "strategy": 2, "data": 2,
    "operations": 3, "feature_pipeline": 3,
    "neural": 4, "simulation": 4,
    "training": 5, "backtesting": 5,
    "decision": 6, "analysis": 6,
    "research": 7, "report": 7,
    "worker": 8,
    "cli": 9,
}  # fmt: skip
TORCH_FROM_LAYER = 4
LAZY_STRING = re.compile(r"^(ktrdr(?:\.\w+)+):\w+$")
LAZY_PAGES = {"ktrdr", "ktrdr.operations"}
"""The ``__init__`` files whose lazy names (and registered kinds) may point upward; nothing else may."""


def part(module: str) -> str:
    """The room a dotted module lives in: the first name under ``ktrdr``."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    relative = file.relative_to(PACKAGE.parent).with_suffix("")
    names = [name for name in relative.parts if name != "__init__"]
    return ".".join(names)


def edges(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module named by an import, at any depth, or by a lazy "module:name" string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the layer"
            module = node.module or ""
            yield node.lineno, module
            if module == "ktrdr":
                yield from ((node.lineno, f"ktrdr.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and LAZY_STRING.match(node.value):
            yield node.lineno, node.value


def reaches_up(mine: str, other: str) -> bool:
    """Layer 0 is one room; above it a neighbour on the same layer is as far as one above."""
    return mine != other and LAYERS[other] >= max(LAYERS[mine], 1)


def violations(module: str, source: str) -> list[str]:
    mine = part(module)
    found = []
    found_edges = list(edges(ast.parse(source)))
    named = {target for _, target in found_edges if module in LAZY_PAGES and LAZY_STRING.match(target)}
    lazy = named | {target.partition(":")[0] for target in named}  # a type checker needs the import as well
    lazy |= {f"ktrdr.{name}" for name in ktrdr.PACKAGES if module == "ktrdr"}
    for line, target in found_edges:
        if target in lazy:
            continue
        other = target.partition(":")[0]
        if other == "torch" or other.startswith("torch."):
            if LAYERS[mine] < TORCH_FROM_LAYER:
                found.append(f"{module}:{line} imports torch below layer {TORCH_FROM_LAYER}")
        elif other.split(".")[0] == "ktrdr" and reaches_up(mine, part(other)):
            found.append(f"{module}:{line} (layer {LAYERS[mine]}) reaches {other} (layer {LAYERS[part(other)]})")
    return found


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_no_import_against_the_layers(file: Path) -> None:
    assert violations(name_of(file), file.read_text()) == []


def test_every_room_has_a_layer() -> None:
    assert {part(name_of(file)) for file in modules()} <= set(LAYERS)


@pytest.mark.parametrize(
    "source",
    [
        "from ktrdr.backtesting import engine",
        "def f():\n    import ktrdr.cli.app",
        "from ktrdr import backtesting",
        "call('ktrdr.report:write')",
        "import torch",
    ],
)
def test_a_forbidden_edge_is_seen(source: str) -> None:
    assert violations("ktrdr.feature_pipeline.matrix", source)


def test_a_lazy_name_points_upward_from_a_page_alone() -> None:
    source = "KINDS = {'backtest': 'ktrdr.backtesting.job.kind:KIND'}"
    assert violations("ktrdr.operations", source) == []
    assert violations("ktrdr.operations.kind", source)
    assert violations("ktrdr.operations", "from ktrdr.backtesting import engine")


@pytest.mark.parametrize("room", ["backtesting", "simulation"])
def test_a_backtest_knows_nothing_of_decision(room: str) -> None:
    for file in (PACKAGE / room).rglob("*.py"):
        assert not any("ktrdr.decision" in target for _, target in edges(ast.parse(file.read_text()))), file


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for file in modules():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > 60:
                    long.append(f"{file.name}:{node.lineno} {node.name} {lines}")
    assert long == []


def test_the_door_between_the_languages_stays_thin() -> None:
    """Under 600 lines of code; what Python's help shows of it (the doc comments) does not count."""
    door = Path(__file__).resolve().parents[2] / "rust" / "py"
    lines = (line.strip() for file in door.rglob("*.rs") for line in file.read_text().splitlines())
    assert sum(bool(line) and not line.startswith("//") for line in lines) < 600
