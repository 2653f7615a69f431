"""``ktrdr data``: list, check, sample, resample, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from ktrdr.cli.confirm import Yes, asks, confirm
from ktrdr.cli.output import CommandResult, Table
from ktrdr.data.check import CheckReport, check_series
from ktrdr.data.sample import write_sample
from ktrdr.data.store.repository import Repository
from ktrdr.data.store.shelf import delete_series, list_series, named_series, resample_series
from ktrdr.errors import DataError, DataNotFound, KtrdrError
from ktrdr.text import some_of

_MOST_ROWS = 20


def list_series_command() -> CommandResult:
    """List the stored series."""
    stored = list_series(Repository())
    rows = [
        (
            one.symbol,
            one.timeframe.value,
            f"{one.rows:,}",
            one.first or "-",
            one.last or "-",
            _kind(one.synthetic) if one.problem is None else "unreadable",
            one.source,
        )
        for one in stored
    ]
    table = Table(("symbol", "timeframe", "rows", "first", "last", "bars", "source"), rows)
    nothing = "no series yet: `ktrdr data import` brings bars in, `ktrdr data sample` makes some up"
    notes = [_problem_line(one.problem) for one in stored if one.problem is not None]
    return CommandResult({"series": [one.to_dict() for one in stored]}, [table, *notes] if rows else [nothing])


def check(symbol: str | None = None, timeframe: str | None = None, /) -> CommandResult:
    """Audit stored series; exit code 3 where one cannot be used.

    Parameters
    ----------
    symbol
        By default all.
    timeframe
        By default all of the symbol.
    """
    repository = Repository()
    names = [name for name in repository.names() if symbol in (None, name[0]) and timeframe in (None, name[1].value)]
    if not names:
        stored = some_of((f"{name} {length.value}" for name, length in repository.names()), f"{symbol} {timeframe}")
        raise DataNotFound("no such series", symbol=symbol, timeframe=timeframe, expected=f"a stored one: {stored}")
    data: list[dict[str, Any]] = []
    shown: list[str | Table] = []
    problems: list[KtrdrError] = []
    for name, length in names:
        try:
            report = check_series(repository, name, length)
        except DataError as error:  # the others are audited all the same
            data.append({"symbol": name, "timeframe": length.value, "problems": [error.to_dict()]})
            shown += [f"{name} {length.value}: unreadable", _problem_line(error)]
            problems.append(error)
        else:
            data.append(report.to_dict())
            shown += _report(report)
            problems += report.problems
    return CommandResult({"series": data}, shown, problems[0] if problems else None)


def sample() -> CommandResult:
    """Write a seeded synthetic EURUSD: 5m, 1h, 4h and 1d of 2022 to 2024; it never replaces real bars."""
    written = write_sample(Repository())
    names = [f"{one.symbol} {one.timeframe.value}" for one in written]
    lines = [f"{name}: {len(one):,} synthetic bars" for name, one in zip(names, written, strict=True)]
    return CommandResult({"written": names, "synthetic": True}, lines)


def resample(
    symbol: str,
    timeframe: str,
    /,
    *,
    source: Annotated[str | None, Parameter(name="--from")] = None,
    replace: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> CommandResult:
    """Make a longer timeframe from a stored series.

    Parameters
    ----------
    symbol
        Whose bars.
    timeframe
        What to make.
    source
        The timeframe to make it from; by default the finest whose bars fit.
    replace
        Replace a real series of that timeframe.
    """
    made = resample_series(Repository(), symbol, timeframe, source=source, replace=replace)
    origin = made.provenance.resampled_from
    data = {
        "symbol": made.symbol,
        "timeframe": made.timeframe.value,
        "rows": len(made),
        "resampled_from": None if origin is None else origin.value,
    }
    return CommandResult(
        data, [f"{made.symbol} {made.timeframe.value}: {len(made):,} bars made from {data['resampled_from']}"]
    )


def delete(symbol: str, timeframe: str | None = None, /, *, yes: Yes = False) -> CommandResult:
    """Delete a stored series; on a terminal it asks first.

    Parameters
    ----------
    symbol
        Whose bars.
    timeframe
        By default all of the symbol.
    """
    repository = Repository()
    if asks(yes=yes):
        names = named_series(repository, symbol, timeframe)
        confirm(f"delete {', '.join(f'{name} {length.value}' for name, length in names)}?")
    gone = [f"{name} {length.value}" for name, length in delete_series(repository, symbol, timeframe)]
    return CommandResult({"deleted": gone}, [f"deleted {name}" for name in gone])


def _report(report: CheckReport) -> list[str | Table]:
    head = (
        f"{report.symbol} {report.timeframe.value}: {report.rows:,} {_kind(report.synthetic)} bars, "
        f"{report.first} to {report.last}, {report.gaps} gaps (longest {report.longest_gap_hours:g} h), "
        f"{'with' if report.has_volume else 'no'} volume"
    )
    broken = [(str(one.row), one.field, one.value, one.rule) for one in report.violations]
    jumps = [(str(jump.row), jump.time, f"{100 * jump.rate:+.1f} %") for jump in report.jumps]
    return [
        head,
        *_table(("row", "field", "value", "rule"), broken),
        *_table(("row", "opens at", "from the close before (a split?)"), jumps),
        *(_problem_line(problem) for problem in report.problems),
        *(f"warning: {warning}" for warning in report.warnings),
    ]


def _problem_line(problem: KtrdrError) -> str:
    return f"problem: {problem.code}: {problem}"


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str | Table]:
    if not rows:
        return []
    more = [f"... and {len(rows) - _MOST_ROWS} more"] if len(rows) > _MOST_ROWS else []
    return [Table(headings, rows[:_MOST_ROWS]), *more]


def _kind(synthetic: bool) -> str:
    return "synthetic" if synthetic else "real"
