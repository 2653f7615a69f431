"""``ktrdr validate``: checks a strategy file and prints what it needs."""

from __future__ import annotations

from ktrdr.cli.output import CommandResult, Table
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.summary import Summary, summarize


def validate(file: str, /) -> CommandResult:
    """Check a strategy file and print what it needs.

    Parameters
    ----------
    file
        A path, or the name of a strategy.
    """
    summary = summarize(load_strategy(file))
    return CommandResult(_data(summary), _shown(summary))


def _data(summary: Summary) -> dict[str, object]:
    return {
        "name": summary.name,
        "valid": True,
        "features": list(summary.features),
        "parameters": summary.parameters,
        "model_file_bytes": summary.model_file_bytes,
        "block_seconds": summary.block_seconds,
        "warmup_bars": {timeframe.value: need.need_bars for timeframe, need in summary.needs.items()},
        "load_bars": {timeframe.value: need.load_bars for timeframe, need in summary.needs.items()},
        "warnings": [notice.to_dict() for notice in summary.notices],
    }


def _shown(summary: Summary) -> list[str | Table]:
    warmup = ", ".join(f"{need.need_bars} bars of {timeframe.value}" for timeframe, need in summary.needs.items())
    rows = [
        ("features", str(len(summary.features))),
        ("parameters", f"{summary.parameters:,}"),
        ("model file", f"{summary.model_file_bytes:,} bytes"),
        ("inference", f"about {summary.block_seconds:.2g} s a block"),
        ("warm-up", warmup),
    ]
    names = [f"  {name}" for name in summary.features]
    return [
        f"{summary.name}: valid",
        Table(("", ""), rows),
        "features:",
        *names,
        *(f"warning: {notice.placed}" for notice in summary.notices),
    ]
