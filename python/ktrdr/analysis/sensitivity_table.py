"""The reaction of a run to costs and delay as a table for people, and as data for programs."""

from __future__ import annotations

from collections.abc import Mapping

from ktrdr.analysis.sensitivity import Metrics, Sensitivity
from ktrdr.operations.kind import Section
from ktrdr.simulation.metrics import headline_names, label, value_text

_DIGITS = 4
_HOW = "The recorded signals are traded again over the same bars under the changed rules."


def sensitivity_section(found: Sensitivity) -> Section:
    """Returns the headline metrics of each case that differ, and the costs at which the profit ends.

    >>> section = sensitivity_section(Sensitivity({0: {}, 1: {}}, {}, 0.002, 1.8))
    >>> section.headings
    ('signals traded', 'the run', '1 bar later', 'twice the costs')
    >>> sensitivity_section(Sensitivity({0: {}}, {}, None, 1.8)).lines[0]
    'The profit ends at 1.8 times the costs of the run.'
    """
    later = {f"{delay} bar{'s' * (delay > 1)} later": metrics for delay, metrics in found.delays.items() if delay}
    cases = {"the run": found.delays[0], **later, "twice the costs": found.double_costs}
    data = {
        "delays": {str(delay): _headline(metrics) for delay, metrics in found.delays.items()},
        "double_costs": _headline(found.double_costs),
        "break_even_rate": found.break_even_rate,
        "break_even_multiple": found.break_even_multiple,
    }
    return Section(
        "sensitivity",
        data,
        lines=(_break_even(found), _HOW),
        headings=("signals traded", *cases),
        rows=tuple(_rows(cases)),
    )


def _headline(metrics: Metrics) -> dict[str, float | None]:
    return {name: metrics[name] for name in headline_names() if name in metrics}


def _rows(cases: Mapping[str, Metrics]) -> list[tuple[str, ...]]:
    """Returns a row for each headline metric that is not the same in every case."""
    shown = {name: [metrics.get(name) for metrics in cases.values()] for name in headline_names()}
    return [
        (label(name), *(value_text(name, value, digits=_DIGITS) for value in values))
        for name, values in shown.items()
        if len(set(values)) > 1
    ]


def _break_even(found: Sensitivity) -> str:
    rate = found.break_even_rate
    multiple = found.break_even_multiple
    if rate is None and multiple is None:
        return "No break-even: without costs the run has no profit, or its profit never ends."
    parts = [
        "" if rate is None else f"at {100 * rate:.4f} % of each fill, in place of commission, slippage and spread",
        "" if multiple is None else f"at {multiple:.3g} times the costs of the run",
    ]
    return f"The profit ends {', and '.join(part for part in parts if part)}."
