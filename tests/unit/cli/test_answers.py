"""The objects that ``--json`` prints have the shapes that their schema promises; no command is left out.

Those of a walk-forward and of a research are checked where such runs are made: `tests/integration/kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ktrdr._version import __version__
from ktrdr.cli.catalog import COMMANDS, Group
from support.answers import SCHEMA, checked
from support.inputs import worlds
from support.process.processes import furnish

Ktrdr = Callable[..., Any]
SPAN = "EURUSD 1h --start-date 2024-01-20 --end-date 2024-02-20"
RUN = f"backtest run walker.yaml {SPAN}"
LINES = (
    "doctor", "strategies list", "strategies copy v3_minimal", "indicators", "indicators rsi", "rules", "schema",
    "completion bash", "validate walker.yaml", "data list", "data check", "data resample EURUSD 4h",
    "data delete EURUSD 4h --yes", "models list", "models show walker_mlp/1h_v1", "models report walker_mlp/1h_v1",
    "data cache", "data cache --clear", "workers list", f"{RUN} --report run.html", f"{RUN} --commission 0",
    "operations list", "operations show latest", "operations note latest x", "operations follow latest",
    "backtest show latest --trades --sensitivity --out ledgers", "backtest explain latest 0", "backtest report latest",
    "operations delete latest --yes", f"train walker.yaml {SPAN} --set training.epochs=1", "operations report latest",
    f"sweep walker.yaml {SPAN} --grid decisions.confidence_threshold=0.4,0.6", "operations list --limit 1",
)  # fmt: skip
FAILING = ("validate nowhere.yaml", "operations show nothing", "backtest show", "paper status")


def shapes_of(line: str) -> list[str]:
    """The shapes of the command that a line calls."""
    words = line.split()
    found: list[str] = SCHEMA["commands"].get(" ".join(words[:2])) or SCHEMA["commands"][words[0]]
    return found


def names() -> Iterator[str]:
    for noun, entry in COMMANDS.items():
        yield from (f"{noun} {verb}" for verb in entry.commands) if isinstance(entry, Group) else (noun,)


def test_every_command_has_a_shape_and_every_shape_a_command() -> None:
    # A worker serves until it is stopped, and prints no object.
    assert set(SCHEMA["commands"]) == set(names()) - {"worker"}
    used = {shape for shapes in SCHEMA["commands"].values() for shape in shapes} | {"error", "decision"}
    assert used == set(SCHEMA["$defs"])
    assert SCHEMA["version"] == ".".join(__version__.split(".")[:2])


def test_answers_have_their_shapes(ktrdr: Ktrdr, folder: Path) -> None:
    furnish(folder, 1_500, ("mlp",))
    Path("walker.yaml").write_text(yaml.safe_dump(worlds.strategy("mlp"), sort_keys=False))
    for line in LINES:
        said = ktrdr(f"{line} --json")
        assert said.code == 0, (line, said.err)
        shapes = shapes_of(line)
        last = shapes[-1] if line == "indicators rsi" else shapes[0]
        checked(said.object, last)
    runs = [one["operation_id"] for one in ktrdr("operations list --json").object["operations"]]
    assert len(runs) == 3


@pytest.mark.parametrize("line", FAILING)
def test_failures_have_one_shape(ktrdr: Ktrdr, folder: Path, line: str) -> None:
    said = ktrdr(f"{line} --json")
    assert said.code != 0
    checked(said.object, "error")
