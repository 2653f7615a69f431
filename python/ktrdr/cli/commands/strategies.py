"""``ktrdr strategies``: lists the strategies that a name finds, and copies a built-in one for editing."""

from __future__ import annotations

from ktrdr.cli.output import CommandResult, Table
from ktrdr.strategy.library import copy_strategy, list_strategies


def list_all() -> CommandResult:
    """List the strategies a name finds."""
    found = list_strategies()
    rows = [(one.name, one.source) for one in found]
    data = {"strategies": [{"name": name, "source": source} for name, source in rows]}
    return CommandResult(data, [Table(("name", "from"), rows)])


def copy(name: str, /) -> CommandResult:
    """Copy a built-in strategy to ./strategies.

    Parameters
    ----------
    name
        A built-in strategy.
    """
    file = copy_strategy(name)
    return CommandResult({"name": name, "file": str(file)}, [f"{file}: yours to edit"])
