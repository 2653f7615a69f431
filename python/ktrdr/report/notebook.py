"""The face of a result in a notebook: warnings, headline metrics, equity and drawdown as one piece of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ktrdr.report.columns import chart_frame
from ktrdr.report.market import Market
from ktrdr.report.overview import overview
from ktrdr.report.tables import Metric, headline
from ktrdr.simulation.result import RunResult

_COLUMNS = 4


def shown(result: RunResult) -> str:
    """Returns what a notebook shows of a result. It reads no bars and needs no extra.

    >>> import polars as pl
    >>> from ktrdr import simulate
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(4)], "open": [10.0, 10, 11, 12],
    ...                      "high": [12.0] * 4, "low": [10.0] * 4, "close": [10.0, 11, 12, 12]})
    >>> "<svg" in shown(simulate(bars, [1, 0, 0, 0]))
    True
    """
    warnings = "".join(f"<li>⚠ {escape(line)}</li>" for line in result.warnings)
    rows = [row for group, metrics in headline(result).items() for row in _rows(group, metrics)]
    picture = overview(result, chart_frame(result, Market(None)), 0)
    head = f"<p>{escape(repr(result))}</p>"
    return f"{head}{f'<ul>{warnings}</ul>' if warnings else ''}<table>{''.join(rows)}</table>{picture}"


def _rows(group: str, metrics: Sequence[Metric]) -> Iterator[str]:
    """Yields the rows of a group, which its first row names."""
    cells = [f"<td>{escape(one.label)}</td><td><b>{escape(one.text)}</b></td>" for one in metrics]
    for first in range(0, len(cells), _COLUMNS):
        name = "" if first else escape(group)
        yield f"<tr><th>{name}</th>{''.join(cells[first : first + _COLUMNS])}</tr>"
