"""The report of a backtest: warnings, metrics, chart, trades in parts, costs, trade list, conventions, manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ktrdr._types import JsonObject
from ktrdr._version import __version__
from ktrdr.backtesting.breakdown import by_direction, by_exit_reason, by_hour, by_weekday
from ktrdr.backtesting.job.sections import remarks
from ktrdr.backtesting.job.stored import StoredLedger
from ktrdr.backtesting.results import BacktestResults
from ktrdr.report import figures, tables
from ktrdr.report.chart import OVERVIEW_ROWS, chart_data, price_decimals
from ktrdr.report.columns import chart_frame
from ktrdr.report.evidence import Part, evidence
from ktrdr.report.library import ATTRIBUTION, SITE, chart_library
from ktrdr.report.market import Market, market_of
from ktrdr.report.overview import overview
from ktrdr.report.page import asset, render
from ktrdr.report.reasons import reasons
from ktrdr.simulation.metrics import rate_text, value_text
from ktrdr.simulation.result import RunResult
from ktrdr.strategy.in_force import in_force_text
from ktrdr.text import counted

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """A small chart under a heading."""

    title: str
    drawing: Markup
    caption: str


def backtest_report(result: RunResult, data_dir: Path | None = None, *, explain: bool = False) -> str:
    """Returns the page of a finished backtest, or of a run from arrays; equal runs give equal pages.

    Args:
        result: fresh or stored.
        data_dir: folder of the bars of a stored run; by default ``KTRDR_DATA_DIR``, else one under the user's folder.
        explain: whether the page says why each trade was entered and left; needs torch and the run's net.
    """
    from markupsafe import Markup

    script = "\n".join((chart_library(), asset("sort.js"), asset("report.js")))
    market = market_of(result, data_dir)
    frame = chart_frame(result, market)
    drawn = chart_data(result, market, frame)
    parts = _trade_parts(result, price_decimals(result, market))
    listed = [row.number for row in parts["trades"].rows]
    why, why_note = reasons(result, listed, data_dir) if explain else ({}, "")
    return render(
        "backtest.html",
        script=script,
        data=drawn | {"why": why},
        why_note=why_note,
        version=__version__,
        attribution=ATTRIBUTION,
        site=SITE,
        **_head(result),
        **_chart_words(result, drawn, market),
        **parts,
        overview=Markup(overview(result, frame, drawn["decimals"]["price"])),
        headline=tables.headline(result),
        months=tables.months(result),
        costs=tables.group_of_metrics(result, "costs"),
        cost_lines=_cost_lines(result),
        evidence=evidence(result, market),
        metrics=tables.all_metrics(result),
        conventions=tables.flat(result.conventions),
        manifest=tables.flat(_manifest(result)),
    )


def _head(result: RunResult) -> JsonObject:
    facts = result.facts if isinstance(result, BacktestResults) else {}
    title = " ".join(str(facts[name]) for name in ("strategy", "symbol", "timeframe") if name in facts)
    times = result.equity["time"]
    span = "" if times.is_empty() else f"{times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} UTC"
    parts = [
        span,
        counted(times.len(), "bar"),
        f"model {facts['model']}" if "model" in facts else "",
    ]
    operation, note = _operation(result)
    return {
        "title": title or f"Simulation {result.conventions['timeframe']}",
        "subtitle": ", ".join(part for part in (*parts, operation, f"result {result.result_hash[:12]}") if part),
        "note": note,
        "warnings": result.warnings,
        "remarks": [line for section in remarks(result) for line in section.lines]
        if isinstance(result, BacktestResults)
        else [in_force_text(result.in_force)],
    }


def _operation(result: RunResult) -> tuple[str, str]:
    """Returns id and note of the operation that the result is of; empty for a result outside of a store."""
    source = result.source
    if not isinstance(source, StoredLedger):
        return "", ""
    return source.operation_id, source.store.get(source.operation_id).note or ""


def _manifest(result: RunResult) -> JsonObject:
    found = {"result_hash": result.result_hash}
    if not isinstance(result, BacktestResults):
        return found
    # Conventions and warnings have their places on the page.
    return found | {key: value for key, value in result.manifest.items() if key not in ("conventions", "warnings")}


def _chart_words(result: RunResult, drawn: JsonObject, market: Market) -> JsonObject:
    without = f"Drawn without candles: {market.reason}." if market.bars is None else ""
    if market.bars is not None and "hold" not in drawn["overview"] and result.metrics["benchmark_return"] is not None:
        without = "Buy and hold is not drawn: the run was continued under other rules."
    sampling = ""
    if drawn["every"] > 1:
        sampling = (
            f"Long run: the overview has at most {OVERVIEW_ROWS:,} candles of {drawn['every']:,} bars each. "
            "A trade from the list opens its single bars, where it is among those with the largest net profit or loss."
        )
    return {"chart_note": without, "sampling": sampling}


def _trade_parts(result: RunResult, decimals: int) -> JsonObject:
    trades = result.trades
    listed = tables.trade_list(tables.listed(trades), decimals)
    note = ""
    if trades.height > len(listed.rows):
        note = (
            f"List and chart have {len(listed.rows):,} of {trades.height:,} trades, "
            "those with the largest net profit or loss. "
            "`ktrdr backtest show ID --trades --out FOLDER` writes all of them."
        )
    named = {
        "Long and short": by_direction(result),
        "Reasons of exit": by_exit_reason(result),
        "Weekday of entry (UTC)": by_weekday(result),
        "Hour of entry (UTC)": by_hour(result),
    }
    parts = [Part(title, tables.parts_of(frame)) for title, frame in named.items()]
    reasons = sorted({row.reason for row in listed.rows})
    filters = [
        {"label": "Side", "name": "side", "choices": ("long", "short")},
        {"label": "Outcome", "name": "outcome", "choices": ("won", "lost")},
        {"label": "Reason", "name": "reason", "choices": reasons},
    ]
    drawings = [] if trades.is_empty() else list(_figures(trades, named["Hour of entry (UTC)"]))
    return {"trades": listed, "trade_note": note, "parts": parts, "filters": filters, "figures": drawings}


def _figures(trades: pl.DataFrame, hours: pl.DataFrame) -> Iterator[Figure]:
    from markupsafe import Markup

    returns = trades["return_rate"].to_numpy()
    held = trades["bars_held"].to_numpy().astype(np.float64)
    drawing = figures.histogram(returns, _percent, "Number of trades by return")
    middle = f"median {rate_text(float(np.median(returns)))}, best {rate_text(returns.max())}"
    yield Figure("Return of a trade", Markup(drawing), f"{middle}, worst {rate_text(returns.min())}")
    drawing = figures.histogram(held, _count, "Number of trades by bars held", whole=True)
    longest = f"median {np.median(held):g} bars, longest {held.max():,.0f}"
    yield Figure("Holding time in bars", Markup(drawing), longest)
    worst = trades["mae_rate"].to_numpy()
    best = trades["mfe_rate"].to_numpy()
    won = (trades["net_pnl"] > 0).to_list()
    drawing = figures.scatter(worst, best, won, _percent, "Best against worst price while held")
    caption = "across: largest loss while held (MAE); up: largest gain (MFE); a ring is a trade that lost"
    yield Figure("Excursions", Markup(drawing), caption)
    names = [str(hour) for hour in hours["hour"].to_list()]
    drawing = figures.columns(names, hours["net_profit"].to_list(), _money, "Net profit by hour of entry")
    yield Figure("Net profit by hour of entry", Markup(drawing), "UTC, account currency")


def _cost_lines(result: RunResult) -> list[str]:
    trades = result.trades
    if trades.is_empty():
        return []
    paid = float(trades.select(pl.sum_horizontal("commission", "financing", "slippage", "spread").sum()).item())
    gross = float(trades["gross_pnl"].sum())
    before = gross + float(trades.select(pl.sum_horizontal("slippage", "spread").sum()).item())
    return [
        f"Closed trades made {value_text('net_profit', before)} before all costs and paid "
        f"{value_text('net_profit', paid)}; {value_text('net_profit', before - paid)} is left."
    ]


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _money(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == 0 else f"{value:.2g}"
