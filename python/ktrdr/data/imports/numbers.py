"""Numbers as people write them: decimal commas, thousands, currency signs, cells that say that nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ktrdr._types import Floats
from ktrdr.data.imports.clock import Place
from ktrdr.errors import ArgumentInvalid, DataParse

_NOTHING = ("", "nan", "null", "none", "na", "n/a", "#n/a", "-", "--", ".")
_TOLERATED = "a number, or one of: an empty cell, nan, null, none, NA, N/A, -"
_MARKS = (".", ",")
_SPACES = ("space", " ", "'", "_")
_BLANKS = " \t$€£¥₹₩₽\u00a0\u202f"
_GROUP_MARKS = " '\u2019\u00a0\u202f\u2009"
_SHORT = r"^\d{1,3}$"
_MISPLACED = "?"  # what a cell becomes that a misplaced mark makes unreadable


def _groups(marks: str) -> str:
    """Returns the expression of a whole number in groups of three digits; with commas lakh count, as 12,34,567."""
    groups = rf"[1-9][0-9]{{0,2}}(?:[{marks}][0-9]{{3}})+"
    return rf"(?:{groups}|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}})" if marks == "," else groups


_GROUPED = rf"^[+-]?{_groups(_GROUP_MARKS)}(?:[.,]\d+)?$"
_POINTED = rf"^{_groups('.')}$"


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The marks with which a file writes numbers: that of decimals, and that of thousands if there is one.

    >>> NumberFormat(",", ".").read(pl.Series(["1.327,50", "-"])).tolist()
    [1327.5, nan]
    """

    decimal: str = "."
    thousands: str | None = None

    def read(self, text: pl.Series, *, most_lost: float = 0) -> Floats:
        """Returns the numbers of a column; NaN where a cell says that nothing is known.

        Raises ``ValueError`` with the row of a cell that is no number, where more than ``most_lost`` cells are none.
        """
        cells = _bare(text)
        small = cells.str.to_lowercase()
        cells = self._ungrouped(cells.set(small.is_in(_NOTHING), None))
        if self.decimal != ".":
            cells = cells.str.replace_all(self.decimal, ".", literal=True)
        values = cells.cast(pl.Float64, strict=False)
        lost = values.is_null() & cells.is_not_null()
        if lost.any():
            values, lost = _with_suffix(cells, values)
        if lost.sum() > most_lost:
            raise ValueError(int(lost.arg_max() or 0))
        return np.ascontiguousarray(values.fill_null(np.nan).to_numpy())

    def _ungrouped(self, cells: pl.Series) -> pl.Series:
        """Returns cells without marks of thousands; a cell in which they part no groups of digits is no number then."""
        # A point beside decimal commas is judged, too, whatever parts thousands: the cast would take it for decimals.
        marks = {self.thousands or ".", "."} - {self.decimal}
        if not marks or not (marked := cells.str.contains(f"[{''.join(marks)}]")).any():
            return cells
        misplaced = marked & ~cells.str.contains(self._grammar())
        if self.thousands is not None:
            cells = cells.str.replace_all(self.thousands, "", literal=True)
        return cells.set(misplaced, _MISPLACED) if misplaced.any() else cells

    def _grammar(self) -> str:
        """Returns the expression of a number with these marks, its exponent, and the suffix of a volume."""
        whole = "[0-9]*" if self.thousands is None else rf"(?:{_groups(self.thousands)}|[0-9]*)"
        return rf"^[+-]?{whole}(?:[{self.decimal}][0-9]*)?(?:[eE][+-]?[0-9]+)?\s*[KMBkmb]?$"

    @property
    def expected(self) -> str:
        """Returns the cells that can be read, in words."""
        if self == NumberFormat():
            return _TOLERATED
        grouped = f" and {_named(self.thousands)} between groups of three digits" if self.thousands else ""
        return _TOLERATED.replace("a number", f"a number with {self.decimal} for decimals{grouped}", 1)


def _named(mark: str) -> str:
    return "a space" if mark == " " else mark


def _bare(text: pl.Series) -> pl.Series:
    """Returns cells without currency signs, and without the blanks and apostrophes that can only group digits."""
    cells = text.str.strip_chars(_BLANKS)
    grouped = cells.str.contains(_GROUPED)
    return cells.str.replace_all(f"[{_GROUP_MARKS}]", "").zip_with(grouped, cells) if grouped.any() else cells


def _with_suffix(cells: pl.Series, values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Reads ``1.5M`` and ``12K``, as pages of prices write volumes."""
    parts = cells.str.to_uppercase().str.extract_groups(r"^([\d.]+)\s*([KMB])$").struct
    factor = parts[1].replace_strict({"K": 1e3, "M": 1e6, "B": 1e9}, default=None, return_dtype=pl.Float64)
    values = values.fill_null(parts[0].cast(pl.Float64, strict=False) * factor)
    return values, values.is_null() & cells.is_not_null()


def number_format(
    columns: Sequence[pl.Series],
    decimal: str | None,
    thousands: str | None,
    where: str,
    volumes: Sequence[pl.Series] = (),
) -> NumberFormat:
    """Returns how the columns write numbers: as the caller says, or as the cells show; ``volumes`` are among them.

    Raises ``ArgumentInvalid`` for marks that cannot be, ``DataParse`` where ``1,327`` may mean either.
    """
    if decimal is not None and decimal not in _MARKS:
        raise ArgumentInvalid("unknown mark", where="decimal", found=decimal, expected=". or ,")
    if thousands is not None and thousands not in (*_MARKS, *_SPACES):
        raise ArgumentInvalid("unknown mark", where="thousands", found=thousands, expected=", or . or ' or space")
    if thousands is not None and thousands == decimal:
        raise ArgumentInvalid("one mark cannot mean both", where="thousands", found=thousands)
    thousands = " " if thousands == "space" else thousands
    if decimal is not None or thousands is not None:
        return _completed(decimal, thousands)
    return _from_cells(columns, volumes, where)


def points_may_group(columns: Sequence[pl.Series], volumes: Sequence[pl.Series]) -> bool:
    """Returns True where every cell may be a whole number with points between its thousands, volumes among them.

    Prices alone do not count: yen have three decimals.
    """
    cells = [_bare(column) for column in columns]
    fits = all(((cell.str.contains(_POINTED)) | cell.str.contains(_SHORT) | (cell == "")).all() for cell in cells)
    return fits and any(_bare(volume).str.contains(_POINTED).any() for volume in volumes)


def _completed(decimal: str | None, thousands: str | None) -> NumberFormat:
    if decimal is None:
        return NumberFormat("," if thousands == "." else ".", thousands)
    if thousands is None:
        return NumberFormat(decimal, "." if decimal == "," else ",")
    return NumberFormat(decimal, thousands)


def _from_cells(columns: Sequence[pl.Series], volumes: Sequence[pl.Series], where: str) -> NumberFormat:
    texts = [_bare(column) for column in columns if column.dtype == pl.String]
    if len(texts) == len(columns) and points_may_group(texts, volumes):
        cells = pl.concat(list(volumes))
        raise DataParse(
            "a point may part decimals or thousands",
            where=where,
            found=str(cells.filter(_bare(cells).str.contains(_POINTED))[0]),
            hint="say which: --decimal . or --thousands .",
        )
    if not any(text.str.contains(",", literal=True).any() for text in texts):
        return NumberFormat()
    points = _evidence(texts, ".", ",")
    commas = _evidence(texts, ",", ".")
    points |= any(column.dtype.is_float() and bool((column % 1 != 0).any()) for column in columns)
    if points and not commas:
        return NumberFormat(".", ",")
    if commas and not points:
        return NumberFormat(",", ".")
    example = next(
        text.filter(text.str.contains(",", literal=True))[0] for text in texts if text.str.contains(",").any()
    )
    raise DataParse(
        "a comma may part decimals or thousands",
        where=where,
        found=str(example),
        hint="say which: --decimal , or --thousands ,",
    )


def _evidence(texts: Sequence[pl.Series], decimal: str, other: str) -> bool:
    """Returns True if some cell can be read only with that mark of decimals."""
    mark, group = (rf"\{one}" for one in (decimal, other))
    only = rf"\d{group}\d{{3}}{mark}\d|^[+-]?\d*{mark}(?:\d{{1,2}}|\d{{4,}})$|\d{group}\d{{3}}{group}\d{{3}}"
    return any(bool(text.str.contains(only).any()) for text in texts)


def read_column(
    column: pl.Series, name: str, form: NumberFormat, file: str, place: Place, *, most_lost: float = 0
) -> Floats:
    """Returns a column as float64, NaN for at most ``most_lost`` cells that are no number.

    Raises ``DataParse`` with the place of a cell that is none.
    """
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        try:
            return form.read(column, most_lost=most_lost)
        except ValueError as error:
            row = int(error.args[0])
            raise DataParse(
                "the cell is no number",
                where=place(row),
                row=row,
                field=name,
                found=str(column[row]),
                expected=form.expected,
                hint="--repair drop leaves the row out",
            ) from None
    if not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise DataParse("the column is not numeric", where=file, field=name, found=str(column.dtype))
    values = column.cast(pl.Float64)
    values = values.fill_null(np.nan) if values.null_count() else values
    return np.ascontiguousarray(values.to_numpy())
