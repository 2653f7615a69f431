"""``ktrdr sweep``: backtests a strategy under many rules, here, and judges the best of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ktrdr._lazy import require
from ktrdr.arguments import check_threads
from ktrdr.cli.output import CommandResult
from ktrdr.cli.runs.options import (
    NO_OPTIONS,
    BaseTimeframe,
    Note,
    Out,
    RayAddress,
    RunOptions,
    StrategyName,
    Symbol,
    Whole,
    naming_flags,
    refuse_both,
)
from ktrdr.errors import ArgumentInvalid, ConfigError
from ktrdr.profile import DEFAULT_THREADS

if TYPE_CHECKING:
    from ktrdr.analysis.sweep.request import SweepRequest
    from ktrdr.operations.units.local import Units

_DIGITS = 12
_SLACK = 1e-9
_MOST_VALUES = 1_000_000
_RANGE = "first:last:step"
_OF_NO_RANGE = re.compile(r"[{'\"]")

Grids = Annotated[tuple[str, ...], Parameter(name="--grid", negative="", consume_multiple=False, show_default=False)]


def sweep(
    strategy: StrategyName,
    symbol: Symbol,
    timeframe: BaseTimeframe,
    /,
    *,
    grid: Grids,
    trials: Whole | None = None,
    sampler: Literal["tpe", "random"] | None = None,
    seed: Whole | None = None,
    metric: str | None = None,
    options: RunOptions = NO_OPTIONS,
    threads: Whole | None = None,
    note: Note = None,
    out: Out = None,
    ray: RayAddress = None,
    worker: str | None = None,
) -> CommandResult:
    """Backtest a strategy under many rules, and judge the best of them.

    Parameters
    ----------
    grid
        Values of a rule, as execution.x=0,0.1 or decisions.y=0.4:0.9:0.05.
    trials
        Make it a study: ask a sampler so many times for a scenario; one given again is neither run nor counted again.
    sampler
        Of a study: tpe (by default) prefers what did well, random draws.
    seed
        Of the sampler; by default 0.
    metric
        Metric that a study seeks; by default sharpe.
    threads
        Torch threads of the scoring; by default 2, on a worker those that its slots leave.
    out
        Write the table of scenarios to this Parquet or CSV file.
    worker
        Queue it at the worker of that address.
    """
    from ktrdr.analysis.sweep.request import SweepRequest
    from ktrdr.analysis.sweep.study.chunks import units_for
    from ktrdr.analysis.sweep.study.parameters import StudyOptions

    if worker is None:
        require("torch", "safetensors", *(["optuna"] if trials is not None else []))
    if out is not None:
        _check_out(out, worker)
    with naming_flags():
        here = check_threads(DEFAULT_THREADS if threads is None else threads)
        study = StudyOptions(trials=trials, sampler=sampler, seed=seed, metric=metric)
        request = SweepRequest.of(strategy, symbol, timeframe, grid=grid_of(grid), **study, **options.parameters())
        units = units_for(refuse_both(ray, worker), request.study())
    if worker is None:
        return _here(request, here, note, out, units)
    from ktrdr.cli.runs import client
    from ktrdr.worker.client import WorkerClient

    return client.queued(WorkerClient(worker).sweep(client.start_body(request, threads, note)), worker)


def grid_of(given: Sequence[str]) -> dict[str, list[Any]]:
    """Returns the values of each rule; ``a:b:step`` has a + i step, up to b; of whole numbers only whole ones.

    Raises ``ArgumentInvalid``.

    >>> grid_of(["decisions.confidence_threshold=0.5:0.6:0.05", "execution.fill=next_open,this_close"])
    {'decisions.confidence_threshold': [0.5, 0.55, 0.6], 'execution.fill': ['next_open', 'this_close']}
    """
    grid: dict[str, list[Any]] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name or not text:
            expected = f"RULE=a,b,c or RULE={_RANGE}"
            raise ArgumentInvalid("cannot be read", where="--grid", found=one, expected=expected)
        if name in grid:
            raise ArgumentInvalid("set twice", where="--grid", found=name)
        grid[name] = _range(one, text) if ":" in text and not _OF_NO_RANGE.search(text) else _list(one, text)
    return grid


def _range(given: str, text: str) -> list[int | float]:
    try:
        first, last, step = _numbers(text.split(":"))
        count = (last - first) / step
        steps = int(count + _SLACK / abs(step)) if count >= -_SLACK else -1
    except (ValueError, OverflowError, ZeroDivisionError):
        steps = -1
    if steps < 0:
        expected = f"{_RANGE}, numbers with a step that leads from the first to the last"
        raise ArgumentInvalid("not a range", where="--grid", found=given, expected=expected)
    if steps >= _MOST_VALUES:
        found = f"{steps + 1:,} in {given}"
        raise ArgumentInvalid("too many values", where="--grid", found=found, expected=f"at most {_MOST_VALUES:,}")
    return [round(first + place * step, _DIGITS) for place in range(steps + 1)]


def _numbers(parts: Sequence[str]) -> Sequence[int | float]:
    """Returns whole numbers if all parts are: a rule may take no others."""
    try:
        return [int(part) for part in parts]
    except ValueError:
        return [float(part) for part in parts]


def _list(given: str, text: str) -> list[Any]:
    from ktrdr.config.yaml import read_yaml

    try:
        values: list[Any] = read_yaml(f"values: [{text}]", "--grid").data["values"]
    except (ConfigError, KeyError, TypeError):
        raise ArgumentInvalid("the values cannot be read", where="--grid", found=given) from None
    return values


def _check_out(path: Path, worker: str | None) -> None:
    if worker is not None:
        expected = f"GET {worker.rstrip('/')}/operations/ID/scenarios once it has completed"
        raise ArgumentInvalid("a worker writes no file here", where="--out", found=path.name, expected=expected)
    if path.suffix not in (".parquet", ".csv"):
        raise ArgumentInvalid(
            "the kind of file is not known", where="--out", found=path.name, expected=".parquet or .csv"
        )
    from ktrdr.disk import check_page

    check_page(path)


def _here(request: SweepRequest, threads: int, note: str | None, out: Path | None, units: Units) -> CommandResult:
    from ktrdr.analysis.sweep.foreground import begin
    from ktrdr.cli.runs.foreground import in_foreground
    from ktrdr.operations.store.store import Store

    store = Store.open()
    answer = in_foreground(lambda _: begin(store, request, threads=threads, note=note), store, units=units)
    if out is None or answer.failure is not None:
        return answer
    return _written(answer, store, out)


def _written(answer: CommandResult, store: Any, out: Path) -> CommandResult:
    from dataclasses import replace

    from ktrdr.operations.kind import kind_of

    table = kind_of("sweep").table(store, answer.data["operation_id"], "scenarios")
    if out.suffix == ".csv":
        table.write_csv(out)
    else:
        table.write_parquet(out)
    return replace(answer, data={**answer.data, "out": str(out)}, shown=[*answer.shown, f"scenarios {out}"])
