"""``ktrdr train``: trains a strategy's net into a model bundle."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from ktrdr.cli.interrupt import Interrupt
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.progress import progress
from ktrdr.cli.runs.options import Whole
from ktrdr.profile import DEFAULT_THREADS


def train(
    strategy: str,
    symbol: str | None = None,
    timeframe: str | None = None,
    /,
    *,
    start_date: str | None = None,
    end_date: str | None = None,
    seed: Whole | None = None,
    device: str = "auto",
    threads: Whole = DEFAULT_THREADS,
    resample: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> CommandResult:
    """Train a strategy's net into a model bundle.

    Parameters
    ----------
    strategy
        A strategy's name or path.
    symbol
        By default the strategy's own symbols.
    timeframe
        By default the strategy's base timeframe.
    start_date
        First date of the training span; by default the strategy's.
    end_date
        Last date, included; by default the strategy's.
    seed
        Of the random generator; by default the strategy's.
    device
        auto, cpu, cuda or mps.
    threads
        Torch threads.
    resample
        Make a missing timeframe from a finer one.
    """
    from ktrdr.training.train import train as train_net

    with Interrupt() as token, progress() as bridge:
        result = train_net(
            strategy,
            symbol,
            timeframe,
            start=start_date,
            end=end_date,
            seed=seed,
            device=device,
            threads=threads,
            resample=resample,
            bridge=bridge,
            cancellation_token=token,
        )
    return trained(result)


def trained(result: Any) -> CommandResult:
    """Returns what ``ktrdr train`` prints."""
    data = {
        "operation_id": None,
        "status": "completed",
        "model": result.model_id,
        "metrics": dict(result.metrics),
        "warnings": list(result.warnings),
    }
    rows = [(name, _shown(value)) for name, value in result.metrics.items()]
    notes = [f"warning: {warning}" for warning in result.warnings]
    return CommandResult(data, [f"model {result.model_id}", Table(("metric", "value"), rows), *notes])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(f"{key} {_shown(part)}" for key, part in value.items()) if isinstance(value, dict) else str(value)
