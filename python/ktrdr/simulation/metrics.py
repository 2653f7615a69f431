"""The core's catalogue of metrics as people read it: groups, labels, and values with their units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ktrdr import _core

_LISTED = ("total_return", "sharpe")
_MONEY_DECIMALS = 2
_RATE_DECIMALS = 2


def names_by_kind(names: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Returns names of metrics by group, in the catalogue's order of groups; groups without a name are left out.

    Args:
        names: the metrics to group; None takes every metric. A name that the catalogue lacks comes last, under "other".

    >>> names_by_kind(["sharpe", "trades", "final_equity", "sum"])
    {'result': ['final_equity'], 'returns': ['sharpe'], 'trades': ['trades'], 'other': ['sum']}
    """
    groups: dict[str, list[str]] = {kind: [] for kind in (*_core.METRIC_KINDS, "other")}
    for name in _core.METRICS if names is None else names:
        groups[_core.METRICS[name]["kind"] if name in _core.METRICS else "other"].append(name)
    return {kind: found for kind, found in groups.items() if found}


def headline_names() -> list[str]:
    """Returns the metrics that a person must see after every run, group by group.

    >>> headline_names()[:3]
    ['cagr', 'exposure', 'final_equity']
    """
    return [name for group in names_by_kind().values() for name in group if _core.METRICS[name]["headline"]]


def listed(metrics: Mapping[str, float | int | None]) -> dict[str, float | int | None]:
    """Returns the metrics by which a list tells runs apart, those that there are.

    >>> listed({"trades": 91, "total_return": -0.003})
    {'total_return': -0.003}
    """
    return {name: metrics[name] for name in _LISTED if name in metrics}


def label(name: str) -> str:
    """Returns the name of a metric as text.

    >>> label("max_drawdown")
    'max drawdown'
    """
    return name.replace("_", " ")


def value_text(name: str, value: float | None, undefined: Mapping[str, str] | None = None, digits: int = 6) -> str:
    """Returns a value with the unit of its metric: money with two decimals, a rate in per cent.

    Args:
        name: the metric; one that the catalogue lacks is a plain number.
        value: None where it is undefined.
        undefined: reasons by name, shown beside an undefined value.
        digits: significant digits of a number without a unit.

    >>> value_text("net_profit", -299.164), value_text("win_rate", 0.36264), value_text("sharpe", -0.667105, digits=3)
    ('-299.16', '36.26 %', '-0.667')
    >>> value_text("payoff", None, {"payoff": "no_losses"}), value_text("payoff", None)
    ('- (no_losses)', '-')
    """
    if value is None:
        return f"- ({undefined[name]})" if undefined and name in undefined else "-"
    unit = _core.METRICS[name]["unit"] if name in _core.METRICS else None
    if unit == "money":
        return f"{round(value, _MONEY_DECIMALS) + 0.0:,.{_MONEY_DECIMALS}f}"
    if unit == "rate":
        return rate_text(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def rate_text(rate: float) -> str:
    """Returns a fraction in per cent; -0 is 0.

    >>> rate_text(-0.000001), rate_text(0.25)
    ('0.00 %', '25.00 %')
    """
    return f"{round(100 * rate, _RATE_DECIMALS) + 0.0:.{_RATE_DECIMALS}f} %"
