"""Requests and results of backtests as lists print them."""

from __future__ import annotations

from ktrdr._types import Json
from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.backtesting.inputs.config import with_rules
from ktrdr.backtesting.inputs.request import SECTIONS
from ktrdr.errors import KtrdrError
from ktrdr.operations.kind import Change, Shown, changes
from ktrdr.simulation.metrics import listed
from ktrdr.strategy.rules import flat_rules
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.submitted import known_strategy, request_fields, request_title
from ktrdr.text import dates_text


def shown(spec: Json) -> Shown:
    """Returns strategy, symbol, timeframe, dates, and the rules that differ from the strategy's file.

    A spec that this version cannot read is shown as far as it can be read.
    """
    strategy = known_strategy(str(spec.get("strategy_text", "")))
    fields = request_fields(spec)
    changed = {} if strategy is None else _changes(spec, strategy)
    return Shown(request_title(fields, "backtest"), _detail(spec), fields, changed)


def figures(summary: Json) -> dict[str, float | int | None]:
    """Returns total return and Sharpe ratio of a result."""
    return listed(summary.get("metrics", {}))


def headline(manifest: Json) -> str:
    """Returns strategy, symbol, span, model and origin of a completed backtest."""
    run = (
        f"{manifest['strategy']} on {manifest['symbol']} {manifest['timeframe']}, "
        f"{manifest['first_simulated']} to {manifest['last_simulated']}, model {manifest['model']}"
    )
    forked = manifest.get("forked_from")
    return run if forked is None else f"{run}, forked from {forked['operation']} at bar {forked['bar']}"


def _detail(spec: Json) -> str:
    start = spec.get("start")
    end = spec.get("end")
    capital = spec.get("initial_capital", INITIAL_CAPITAL)
    span = dates_text(start, end)
    money = "" if capital == INITIAL_CAPITAL else f"capital {capital:,.10g}"
    return ", ".join(filter(None, (span, money)))


def _changes(spec: Json, strategy: Strategy) -> dict[str, Change]:
    given = {section: spec[section] for section in SECTIONS if spec.get(section)}
    if not given:
        return {}
    try:
        changed = with_rules(strategy, given)
    except KtrdrError:
        return {}
    return changes(*(flat_rules({name: each.canonical()[name] for name in SECTIONS}) for each in (changed, strategy)))
