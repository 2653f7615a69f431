"""The page of two or more completed runs: equity over each other, metrics side by side, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Annotated

from fastapi import Query
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from ktrdr.analysis.comparison import daily_correlations
from ktrdr.analysis.side_by_side import SideBySide, best_of, side_by_side
from ktrdr.operations.kind import kind_of
from ktrdr.operations.store.store import Store
from ktrdr.simulation.metrics import names_by_kind, rate_text, value_text
from ktrdr.text import rule_text
from ktrdr.worker.access.middleware import PAGES
from ktrdr.worker.pages.parts.chart import Curve, curves_chart
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.result import Metric
from ktrdr.worker.pages.parts.route import router_of_pages
from ktrdr.worker.service import Parts

router = router_of_pages(PAGES)

_Reference = Annotated[str, Query(max_length=80)]


@router.get("/compare")
def compare(parts: Parts, id: Annotated[list[_Reference], Query()]) -> HTMLResponse:
    """Returns the comparison of the runs that the query names."""
    names = list(dict.fromkeys(parts.store.find_id(each) for each in id))
    found = side_by_side(parts.store, names)
    return page(
        "compare.html",
        runs=list(zip(ascii_uppercase, found.operations, found.titles, strict=False)),
        letters=list(ascii_uppercase[: len(names)]),
        chart=_growth(parts.store, found),
        differing=[(name, *map(rule_text, row)) for name, row in found.differing.items()],
        groups={group: [_row(found, name) for name in names] for group, names in names_by_kind(found.metrics).items()},
        alike=_alike(found),
        are_equal=found.has_equal_results,
    )


def _growth(store: Store, found: SideBySide) -> Markup:
    """Returns the growth of each equity since its first bar: runs of other capital and other years can be compared."""
    frames = [kind_of(operation.kind).equity(store, operation.id) for operation in found.operations]
    curves = [Curve.of(frame).growth() for frame in frames if frame is not None and not frame.is_empty()]
    if len(curves) < len(frames):
        return Markup("")
    ends = ", ".join(
        f"{letter} {rate_text(it.values[-1])}" for letter, it in zip(ascii_uppercase, curves, strict=False)
    )
    return curves_chart(curves, lambda rate: f"{100 * rate:.3g} %", f"Growth of equity: {ends}")


def _row(found: SideBySide, name: str) -> tuple[Metric, Sequence[tuple[str, bool]]]:
    """Returns a metric, and for each run its value and whether it is the best."""
    values = found.metrics[name]
    best = best_of(name, values)
    texts = [
        (value_text(name, value, reasons, digits=4), place in best)
        for place, (value, reasons) in enumerate(zip(values, found.undefined, strict=True))
    ]
    return Metric.of(name), texts


def _alike(found: SideBySide) -> Sequence[Sequence[str]]:
    """Returns how the days of each pair of runs go together; empty for runs without ledgers."""
    if found.curves is None:
        return ()
    rows = zip(ascii_uppercase, daily_correlations(found.curves), strict=False)
    return [(letter, *("-" if value is None else f"{value:.3f}" for value in row)) for letter, row in rows]
