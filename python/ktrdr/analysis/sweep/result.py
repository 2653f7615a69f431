"""The result of a sweep: a row for each scenario, and the best of them with the doubt that so many trials cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr._lazy import require
from ktrdr._types import Floats
from ktrdr.analysis.statistics.overfitting import probability_of_overfitting
from ktrdr.analysis.statistics.sharpe import Moments, deflated_sharpe, ratios_of
from ktrdr.analysis.sweep.scenarios import value_of
from ktrdr.disk import write_page
from ktrdr.errors import ArgumentInvalid
from ktrdr.operations.registry import report_of
from ktrdr.simulation.metrics import label, rate_text, value_text
from ktrdr.text import counted

if TYPE_CHECKING:
    import altair as alt

_SHOWN: Final = ("sharpe", "total_return", "max_drawdown", "trades")


@dataclass(frozen=True)
class Best:
    """The best scenario of a sweep by one metric.

    Args:
        scenario: its number.
        parameters: its values by dotted name, as ``scenarios`` takes them; of whole numbers whole ones.
        metrics: every metric; None where undefined.
        dsr: probability that its true Sharpe ratio is above that of the best of so many trials without skill; None
            where it has no ratio.
        pbo: probability that the choice is overfitted; None under ten comparable scenarios.
        trials: number of scenarios that it was chosen from.
    """

    scenario: int
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float | int | None]
    dsr: float | None
    pbo: float | None
    trials: int


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult:
    """Every scenario of a sweep.

    Args:
        table: for each scenario its number, its parameters by dotted name, every metric (null where undefined), and
            ``error`` where its rules cannot be traded.
        blocks: number, sum and sum of squares of its daily returns in 16 blocks [n_scenarios, 16, 3, float64].
        parameters: dotted names of the rules that were swept.
        periods_per_year: factor of annual figures.
        risk_free_rate: annual.
        warnings: one line for each thing to mind about the inputs.
    """

    table: pl.DataFrame
    blocks: Floats
    parameters: tuple[str, ...]
    periods_per_year: float
    risk_free_rate: float
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.table.height

    def __repr__(self) -> str:
        failed = self.table["error"].count()
        more = f", {failed:,} that cannot be traded" if failed else ""
        found = self._row_of_best("sharpe")
        ratio = "none" if found is None else f"{self.table['sharpe'][found]:.2f}"
        return f"<SweepResult: {counted(len(self), 'scenario')}{more}, best sharpe {ratio}>"

    def best(self, metric: str = "sharpe") -> Best:
        """Returns the best scenario by a metric, the first of equals, with DSR and PBO over all scenarios.

        Raises ``ArgumentInvalid`` for a metric without a better direction, and where no scenario has a value.
        """
        row = self._row_of_best(metric)
        if row is None:
            raise ArgumentInvalid("no scenario has a value", where="metric", found=metric)
        values = self.table.row(row, named=True)
        metrics = {name: values[name] for name in sorted(_core.METRICS)}
        moments = Moments.of_metrics(metrics, self.periods_per_year)
        return Best(
            scenario=values["scenario"],
            parameters={name: value_of(values[name]) for name in self.parameters},
            metrics=metrics,
            dsr=None if moments is None else deflated_sharpe(moments, self._sharpes),
            pbo=self.pbo,
            trials=len(self),
        )

    @cached_property
    def pbo(self) -> float | None:
        """Returns the probability that the choice by Sharpe ratio is overfitted; None under ten comparable scenarios.

        Scenarios that have no block sums, such as those that lost everything, are left out.
        """
        whole = self.blocks[~np.isnan(self.blocks).any(axis=(1, 2))]
        return probability_of_overfitting(whole, (1 + self.risk_free_rate) ** (1 / self.periods_per_year) - 1)

    def heat_map(self, metric: str = "sharpe", rows: str | None = None, columns: str | None = None) -> pl.DataFrame:
        """Returns the best value of a metric for each pair of two parameters, one row for each value of ``rows``.

        Args:
            metric: one that has a better direction.
            rows, columns: dotted names of parameters; by default the first two of the sweep.
        """
        down, across = self._axes(rows, columns)
        better = pl.col(metric).max() if better_of(metric) == "higher" else pl.col(metric).min()
        cells = self.table.group_by(down, across, maintain_order=True).agg(better)
        return cells.sort(across).pivot(across, index=down, values=metric).sort(down)

    def plot(self, metric: str = "sharpe", rows: str | None = None, columns: str | None = None) -> alt.Chart:
        """Returns a chart of `heat_map`; raises ``LibraryMissing`` without the extra ``ktrdr[plot]``."""
        require("altair")
        import altair as alt

        down, across = self._axes(rows, columns)
        wide = self.heat_map(metric, down, across)
        cells = wide.unpivot(index=down, variable_name="across", value_name="value").rename({down: "down"})
        # Names of its own: dots in a name would be read as a path into the data.
        chart = alt.Chart(cells).mark_rect()
        placed = chart.encode(
            alt.X("across:O").title(across).sort(list(wide.columns[1:])),
            alt.Y("down:O").title(down).sort("descending"),
            alt.Color("value:Q").title(label(metric)).scale(scheme="redyellowgreen"),
        )
        drawn: alt.Chart = placed.properties(width=480, height=320)
        return drawn

    def report(self, path: str | Path) -> Path:
        """Writes heat maps, doubt, neighbours and scenarios as one HTML file that needs no network; returns its path.

        Raises ``LibraryMissing`` without the extra ``ktrdr[report]``, and ``OutputNotWritable``.
        """
        return write_page(report_of("sweep")(self), Path(path))

    def _axes(self, rows: str | None, columns: str | None) -> tuple[str, str]:
        given = [name for name in (rows, columns) if name is not None]
        rest = [name for name in self.parameters if name not in given]
        found = [name if name is not None else rest.pop(0) if rest else None for name in (rows, columns)]
        down, across = found
        if down is None or across is None or down == across or not {down, across} <= set(self.parameters):
            names = ", ".join(self.parameters)
            expected = f"two of {names}" if len(self.parameters) > 1 else f"a sweep of two rules: this one has {names}"
            raise ArgumentInvalid(
                "a heat map needs two parameters", where="rows, columns", found=given, expected=expected
            )
        return down, across

    @property
    def _sharpes(self) -> Sequence[float | None]:
        """Returns the Sharpe ratio of each scenario, per period."""
        ratios: Sequence[float | None] = ratios_of(self.table, self.periods_per_year).to_list()
        return ratios

    def _row_of_best(self, metric: str) -> int | None:
        better = better_of(metric)
        column = self.table[metric]
        return column.arg_min() if better == "lower" else column.arg_max()

    def _repr_html_(self) -> str:
        """Returns the best scenarios as a table of a notebook, under the doubt about the first of them."""
        if self._row_of_best("sharpe") is None:
            return f"<p>{escape(repr(self))}</p>"
        best = self.best()
        doubt = ", ".join(
            f"{name} {'-' if value is None else rate_text(value)}"
            for name, value in (("DSR", best.dsr), ("PBO", best.pbo))
        )
        top = self.table.sort("sharpe", descending=True, nulls_last=True).head(10)
        names = ("scenario", *self.parameters, *_SHOWN)
        head = "".join(f"<th>{escape(label(name))}</th>" for name in names)
        rows = "".join(f"<tr>{''.join(_cell(name, row[name]) for name in names)}</tr>" for row in top.to_dicts())
        title = f"{len(self):,} scenarios; the best by Sharpe ratio beside so many trials: {doubt}"
        return f"<p>{escape(title)}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def better_of(metric: str) -> str:
    """Returns the better direction of a metric, ``higher`` or ``lower``; ``ArgumentInvalid`` for one without."""
    if metric not in _core.METRICS or _core.METRICS[metric]["better"] == "none":
        known = ", ".join(sorted(name for name, facts in _core.METRICS.items() if facts["better"] != "none"))
        raise ArgumentInvalid("no metric by which one scenario is better", where="metric", found=metric, expected=known)
    return str(_core.METRICS[metric]["better"])


def _cell(name: str, value: Any) -> str:
    shown = (
        value_text(name, value, digits=3)
        if name in _core.METRICS
        else f"{value:g}"
        if isinstance(value, float)
        else value
    )
    return f"<td>{escape(str(shown))}</td>"
