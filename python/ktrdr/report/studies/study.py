"""A page of parts: tables, pictures, heat maps and sentences under headings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ktrdr._version import __version__
from ktrdr.operations.kind import Section
from ktrdr.report.page import render
from ktrdr.report.tables import Cell, Grid, number
from ktrdr.simulation.metrics import label, names_by_kind, value_text

if TYPE_CHECKING:
    from markupsafe import Markup

    from ktrdr.report.studies.sweep.heat_map import HeatMap

_NUMERIC = frozenset("0123456789-+.,%e ")


@dataclass(frozen=True)
class StudyPart:
    """A part of a page.

    Args:
        title: its heading.
        table: under the heading; None without one.
        drawings: pictures, in order.
        lines: sentences below.
        maps: heat maps, of which a reader chooses one; the first is shown.
        sorts: whether the headings of the table sort its rows.
    """

    title: str
    table: Grid | None = None
    drawings: tuple[Markup, ...] = ()
    lines: tuple[str, ...] = ()
    maps: tuple[HeatMap, ...] = ()
    sorts: bool = False


def study_page(
    title: str, subtitle: str, warnings: Sequence[str], parts: Iterable[StudyPart], *, script: str = ""
) -> str:
    """Returns the page as one HTML text; equal content gives an equal page."""
    return render(
        "study.html",
        script=script,
        data=None,
        version=__version__,
        title=title,
        subtitle=subtitle,
        warnings=list(warnings),
        parts=list(parts),
    )


def part_of(section: Section) -> StudyPart:
    """Returns a section of a result, as the command line prints it, as a part of a page.

    >>> part_of(Section("folds", [], headings=("fold", "sharpe"), rows=(("1", "0.5"),))).table.headings[1].kind
    'number'
    """
    words = section.name.replace("_", " ")
    title = words[:1].upper() + words[1:]
    if not section.headings or not section.rows:
        return StudyPart(title, lines=tuple(section.lines))
    columns = list(zip(*section.rows, strict=True))
    numeric = [all(_is_number(cell) for cell in column) for column in columns]
    headings = [number(name) if right else Cell(name) for name, right in zip(section.headings, numeric, strict=True)]
    rows = [
        [number(cell) if right else Cell(cell) for cell, right in zip(row, numeric, strict=True)]
        for row in section.rows
    ]
    return StudyPart(title, Grid(headings, rows), lines=tuple(section.lines))


def parts_of(sections: Iterable[Section]) -> list[StudyPart]:
    """Returns the parts of sections that have something to show; one without a name belongs to the part before it."""
    found: list[StudyPart] = []
    for section in sections:
        part = part_of(section)
        if part.table is None and not part.lines:
            continue
        found.append(part)
    return found


def metric_grid(metrics: Mapping[str, float | int | None], undefined: Mapping[str, str]) -> Grid:
    """Returns metrics by group of the core's catalogue."""
    rows = [
        (Cell(group), Cell(label(name)), number(value_text(name, metrics[name], undefined)))
        for group, names in names_by_kind(metrics).items()
        for name in names
    ]
    return Grid((Cell("group"), Cell("metric"), number("value")), rows)


def _is_number(text: str) -> bool:
    return bool(text) and set(text) <= _NUMERIC
