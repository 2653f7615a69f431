"""Requests and results of walk-forwards as lists, pages and the command line print them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ktrdr._types import Json
from ktrdr.operations.kind import Section, Shown
from ktrdr.operations.models import Result
from ktrdr.simulation.metrics import listed, rate_text, value_text
from ktrdr.strategy.submitted import request_fields, request_title
from ktrdr.text import counted, dates_text

_OVERALL = ("psr", "minimum_track_record", "profitable_folds", "sharpe_in_sample", "degradation", "efficiency")


def shown(spec: Json) -> Shown:
    """Returns strategy, symbol, timeframe, dates and folds; a spec of a later version as far as it can be read."""
    fields = request_fields(spec)
    detail = ", ".join(filter(None, (dates_text(fields["start_date"], fields["end_date"]), _folds(spec))))
    return Shown(request_title(fields, "walk-forward"), detail, fields)


def _folds(spec: Json) -> str:
    count = spec.get("folds")
    sort = "anchored" if spec.get("anchored") else "rolling"
    return "" if count is None else counted(count, f"{sort} fold")


def figures(summary: Json) -> dict[str, float | int | None]:
    """Returns total return and Sharpe ratio of the joined tests."""
    return listed(summary.get("metrics", {}))


def headline(manifest: Json) -> str:
    """Returns strategy, symbol, and number and sort of folds."""
    run = f"{manifest['strategy']} on {manifest['symbol']} {manifest['timeframe']}"
    return f"walk-forward of {run}: {_folds(manifest)}, each trained on bars before its test"


def remarks(result: Result) -> list[Section]:
    """Returns the folds as a table, and what is left of the in-sample result."""
    summary = result.summary
    whole = {**{name: summary["metrics"].get(name) for name in _OVERALL[:2]}, **summary}
    data = {name: whole[name] for name in _OVERALL}
    return [
        Section(
            "folds",
            summary["folds"],
            headings=(
                "fold",
                "test from",
                "until",
                "model",
                "in-sample sharpe",
                "sharpe",
                "return",
                "drawdown",
                "trades",
            ),
            rows=[_row(fold) for fold in summary["folds"]],
        ),
        Section("out_of_sample", data, lines=_lines(data, len(summary["folds"]))),
    ]


def _row(fold: Mapping[str, Any]) -> tuple[str, ...]:
    test = fold["test"]
    return (
        str(fold["fold"]),
        fold["test_from"][:10],
        fold["test_until"][:10],
        fold["model"],
        value_text("sharpe", fold["in_sample"]["sharpe"], digits=3),
        value_text("sharpe", test["sharpe"], digits=3),
        value_text("total_return", test["total_return"]),
        value_text("max_drawdown", test["max_drawdown"]),
        value_text("trades", test["trades"]),
    )


def _lines(data: Mapping[str, Any], folds: int) -> list[str]:
    profitable = round(data["profitable_folds"] * folds)
    lines = [f"{profitable} of {folds} folds profitable"]
    if data["psr"] is not None:
        lines.append(f"probability that the true Sharpe ratio is above 0: {rate_text(data['psr'])}")
    if data["minimum_track_record"] is not None:
        lines.append(f"95 % would need {data['minimum_track_record']:,.0f} daily returns")
    if data["degradation"] is not None:
        before = value_text("sharpe", data["sharpe_in_sample"], digits=3)
        change = data["degradation"]
        lines.append(
            f"in-sample Sharpe ratio {before}, {abs(change):.3g} {'lower' if change > 0 else 'higher'} out of sample"
        )
    if data["efficiency"] is not None:
        lines.append(f"out of sample {rate_text(data['efficiency'])} of the in-sample daily return")
    return lines
