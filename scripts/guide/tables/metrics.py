"""Tables of the metrics, the reasons for undefined ones, and the columns of the ledger, from the core's catalogue."""

from __future__ import annotations

from scripts.guide.markdown import code, plain, table

from ktrdr import _core

_UNITS = {
    "money": "account currency",
    "rate": "fraction",
    "ratio": "number",
    "bars": "bars",
    "count": "count",
    "bps": "basis points",
}
_TYPES = {"time": "datetime, ns, UTC", "reason": "exit reason", "refusal": "refusal", "decision": "decision"}
_NULL = {
    "too_few_returns": "fewer than 10 daily returns",
    "equity_not_positive": "equity was 0 or below on some day",
    "zero_volatility": "daily returns do not vary",
    "zero_downside": "no daily return is below the risk-free rate",
    "no_drawdown": "equity never fell below an earlier peak",
    "not_recovered": "equity has not come back to its peak",
    "no_trades": "no round trip was closed; for `break_even_bps`: nothing was filled",
    "no_wins": "no trade ended with a profit",
    "no_losses": "no trade ended with a loss",
    "too_few_trades": "fewer than two trades",
    "zero_deviation": "all trades have the same result",
    "needs_ledger": "the run kept no ledger, as in a sweep",
    "too_short": "fewer than two simulated bars",
    "overflow": "a float cannot hold the value",
}


def metrics(kind: str) -> str:
    """Returns the table of one group of metrics."""
    rows = [
        (code(name), _UNITS[one["unit"]], {"none": ""}.get(one["better"], one["better"]), plain(one["definition"]))
        for name, one in _core.METRICS.items()
        if one["kind"] == kind
    ]
    return table(("metric", "unit", "better", "definition"), rows)


def reasons() -> str:
    """Returns the table of the reasons for which a metric is undefined; every reason of the core must have a line."""
    return table(("reason", "meaning"), [(code(name), _NULL[name]) for name in _core.UNDEFINED])


def ledger(name: str) -> str:
    """Returns the table of the columns of one table of the ledger."""
    rows = [
        (code(column), _TYPES.get(kind, kind), "may be null" if null else "")
        for column, kind, null in _core.LEDGER_SCHEMA[name]
    ]
    return table(("column", "type", ""), rows)
