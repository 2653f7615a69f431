"""Foreign files as tables: CSV as text with its line numbers, Parquet and Feather with their own types."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from ktrdr._types import Stamps
from ktrdr.data.audit import PRICES
from ktrdr.data.headings import Heading, choose, headings, names_instruments, of_instrument, same_name
from ktrdr.data.imports.headers import EXTRAS, choose_columns, volumes
from ktrdr.data.imports.text import Layout, layout_of
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataNotFound, DataParse

_TEXT = (".csv", ".txt", ".tsv", ".prn", ".dat")
_FEATHER = (".feather", ".arrow", ".ipc")
_SAMPLE_BYTES = 64 * 1_024
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?|")


@dataclass(frozen=True, eq=False)
class Table:
    """A file's columns under their own names, the fields of bars among them, and the place of each row."""

    file: str
    frame: pl.DataFrame
    fields: Mapping[str, str]
    volumes: tuple[str, ...] = ()
    first_line: int | None = None
    rows: Stamps | None = None
    lines: Stamps | None = None
    notes: tuple[str, ...] = ()

    def row(self, at: int) -> int:
        """Returns the row of the file, from 0, that came to lie at this place."""
        return at if self.rows is None else int(self.rows[at])

    def place(self, at: int) -> str:
        """Returns file and line of a row."""
        if self.first_line is None:
            return self.file
        return f"{self.file}: line {self.first_line + (self.row(at) if self.lines is None else int(self.lines[at]))}"

    def take(self, kept: Stamps) -> Table:
        """Returns the table of some rows."""
        rows = kept if self.rows is None else self.rows[kept]
        lines = None if self.lines is None else self.lines[kept]
        return replace(self, frame=self.frame[kept], rows=rows, lines=lines)

    def turned_round(self) -> Table:
        """Returns the table from its last row to its first."""
        backwards = np.arange(len(self.frame))[::-1]
        rows = backwards if self.rows is None else self.rows[::-1]
        lines = None if self.lines is None else self.lines[::-1]
        note = "the file is newest first: its rows were turned round"
        return replace(self, frame=self.frame.reverse(), rows=rows, lines=lines, notes=(*self.notes, note))


def read_table(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    wanted: str = "",
    skip_lines: int = 0,
) -> Table:
    """Reads a CSV, Parquet or Feather file of bars; of several instruments in it only the one that is wanted.

    Raises ``DataNotFound``, ``DataEmpty``, ``DataParse``, ``ArgumentInvalid``.
    """
    mapping = mapping or {}
    kind = _kind_of(path)
    if kind in _TEXT:
        table = _read_text(path, mapping, wanted, skip_lines)
    else:
        frame, notes = _one_instrument(read_binary(path), mapping, wanted, path.name)
        fields = choose_columns(frame, mapping, path.name)
        table = Table(path.name, frame, fields, tuple(volumes(frame, fields, mapping)), notes=notes)
    return _without_others(table, mapping, wanted)


def read_plain(path: Path) -> pl.DataFrame:
    """Reads a file with a head of one line: CSV as text, Parquet and Feather with their own types."""
    if _kind_of(path) not in _TEXT:
        return read_binary(path)
    layout, content = _laid_out(path, 0)
    names = [str(name) for name in layout.names]
    return _without_blanks(_parsed(path, content, layout, dict.fromkeys(names, pl.String)))[0]


def _kind_of(path: Path) -> str:
    if not os.path.isfile(path):  # noqa: PTH113  (False for a name no file system takes)
        raise DataNotFound("no such file", where=path.name)
    kind = path.suffix.lower()
    if kind not in (*_TEXT, ".parquet", *_FEATHER):
        expected = " ".join((*_TEXT, ".parquet", *_FEATHER))
        raise ArgumentInvalid("unknown kind of file", where=path.name, found=kind or "no suffix", expected=expected)
    return kind


def read_binary(path: Path) -> pl.DataFrame:
    """Reads a Parquet or Feather file; raises ``DataEmpty``, ``DataParse``."""
    try:
        frame = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_ipc(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from None
    if frame.is_empty():
        raise DataEmpty("the file has no rows", where=path.name)
    return frame


def _one_instrument(
    frame: pl.DataFrame, mapping: Mapping[str, str], wanted: str, file: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Returns the columns of one instrument under their plain names."""
    parted = headings(frame.columns)
    if not _by_instrument(parted, frame.columns, mapping):
        return frame, ()
    kept, name = of_instrument(parted, wanted, file)
    columns = [frame.columns[one.index] for one in kept]
    return frame.select(columns).rename(dict(zip(columns, _distinct(kept), strict=True))), _renamed(name, wanted)


def _by_instrument(parted: Sequence[Heading], names: Sequence[Hashable], mapping: Mapping[str, str]) -> bool:
    """Returns True if names hold instruments, and the user maps none of those names."""
    return any(one.instrument is not None for one in parted) and not any(
        one.instrument is not None and str(names[one.index]) in mapping.values() for one in parted
    )


def _distinct(kept: Sequence[Heading]) -> list[str]:
    seen: set[str] = set()
    names = []
    for one in kept:
        names.append(one.name if one.name not in seen else f"column_{one.index + 1}")
        seen.add(one.name)
    return names


def _renamed(name: str | None, wanted: str) -> tuple[str, ...]:
    if name is None or not wanted or same_name(name, wanted):
        return ()
    return (f"warning: the file calls its instrument {name}",)


def _without_others(table: Table, mapping: Mapping[str, str], wanted: str) -> Table:
    """Returns the rows of one instrument of a long table, in which a column names the instrument of each row."""
    taken = {*table.fields.values(), *mapping.values()}
    for name in (name for name in table.frame.columns if names_instruments(name) and name not in taken):
        column = table.frame[name].cast(pl.String).str.strip_chars()
        instruments = [text for text in column.unique(maintain_order=True).to_list() if text]
        chosen = choose(instruments, wanted, table.file)
        if len(instruments) > 1:
            kept = np.flatnonzero((column == chosen).fill_null(False).to_numpy())
            return table.take(kept)
        table = replace(table, notes=(*table.notes, *_renamed(chosen, wanted)))
    return table


def _read_text(path: Path, mapping: Mapping[str, str], wanted: str, skip_lines: int) -> Table:
    layout, content = _laid_out(path, skip_lines)
    parted = headings(layout.names)
    notes: tuple[str, ...] = ()
    if not _by_instrument(parted, layout.names, mapping):
        names = [str(name) for name in layout.names]
        kept = list(range(len(names)))
    else:
        chosen, instrument = of_instrument(parted, wanted, path.name)
        kept, notes = [one.index for one in chosen], _renamed(instrument, wanted)
        names = [f"column_{at + 1}\0" for at in range(len(parted))]
        for one, name in zip(chosen, _distinct(chosen), strict=True):
            names[one.index] = name
    sample = pl.DataFrame(
        {names[at]: [cells[at] if at < len(cells) else "" for cells in layout.sample] for at in kept},
        schema={names[at]: pl.String for at in kept},
    )
    fields = choose_columns(sample, mapping, path.name)
    rivals = volumes(sample, fields, mapping)
    numeric = {*(fields[one] for one in (*PRICES, *EXTRAS) if one in fields), *rivals}
    plain = {name for name in numeric if all(_PLAIN_NUMBER.fullmatch(cell) for cell in sample[name])}
    kinds = {name: pl.Float64 if name in plain else pl.String for name in names}
    try:
        raw = _parsed(path, content, layout, kinds)
    except DataParse:
        raw = _parsed(path, content, layout, dict.fromkeys(names, pl.String))
    frame, lines = _without_blanks(raw.select(names[at] for at in kept))
    frame, lines, remark = _without_remark(frame, lines)
    if frame.is_empty():
        raise DataEmpty("the file has no rows", where=path.name)
    return Table(path.name, frame, fields, tuple(rivals), layout.skip + 1, None, lines, (*notes, *remark))


def _laid_out(path: Path, skip_lines: int) -> tuple[Layout, Path | bytes]:
    """Returns the layout of a text file, and the file itself or its bytes as UTF-8 where they had to be changed."""
    with path.open("rb") as handle:
        head = handle.read(_SAMPLE_BYTES)
    content: Path | bytes = path
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):  # MetaTrader writes UTF-16 now and then
        text = path.read_bytes().decode("utf-16", errors="replace")
        content, sample = text.encode(), text[:_SAMPLE_BYTES]
    else:
        whole = len(head) < _SAMPLE_BYTES
        sample = head.decode("utf-8-sig", errors="replace")
        sample = sample if whole else sample.rpartition("\n")[0]
        if b"\r" in head and b"\n" not in head:
            content = path.read_bytes().replace(b"\r", b"\n")
    layout = layout_of(sample, skip_lines)
    if layout is None:
        raise DataEmpty("the file has no rows", where=path.name)
    if layout.separator == " ":
        content = re.sub(rb"[ \t]+", b" ", content if isinstance(content, bytes) else content.read_bytes())
    return layout, content


def _parsed(path: Path, content: Path | bytes, layout: Layout, kinds: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    try:
        return pl.read_csv(
            content,
            separator=layout.separator,
            has_header=False,
            skip_lines=layout.skip,
            schema=dict(kinds),
        )
    except pl.exceptions.PolarsError as error:
        raise _uneven(path, layout, len(kinds), error) from None


def _without_blanks(frame: pl.DataFrame) -> tuple[pl.DataFrame, Stamps | None]:
    """Returns the frame without blank lines, and the line of each row where there were some."""
    if all(column.null_count() for column in frame.get_columns()):
        blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
        if blank.any():
            return frame.filter(~blank), np.flatnonzero(~blank.to_numpy())
    return frame, None


def _without_remark(frame: pl.DataFrame, lines: Stamps | None) -> tuple[pl.DataFrame, Stamps | None, tuple[str, ...]]:
    """Returns the frame without a last line that fills one cell only, as pages put under their tables."""
    if frame.height < 2 or frame.width < 4 or sum(cell is not None for cell in frame.row(-1)) > 1:
        return frame, lines, ()
    text = next(str(cell) for cell in frame.row(-1) if cell is not None)
    if not re.search("[A-Za-z]{3}", text):
        return frame, lines, ()
    return frame[:-1], None if lines is None else lines[:-1], (f"the last line is no row and was left out: {text}",)


def _uneven(path: Path, layout: Layout, width: int, error: pl.exceptions.PolarsError) -> DataParse:
    with path.open("rb") as handle:
        for number, line in enumerate(handle, 1):
            try:
                text = line.decode("utf-8-sig")
            except UnicodeDecodeError:
                if b"\0" in line:
                    break
                return DataParse("the text is not UTF-8", where=f"{path.name}: line {number}")
            if number <= layout.skip or layout.separator == " ":
                continue
            found = len(next(csv.reader([text], delimiter=layout.separator), []))
            if found > width:
                where = f"{path.name}: line {number}"
                return DataParse("too many cells", where=where, found=found, expected=f"{width}, as the first line has")
    return _unreadable(path, error)


def _unreadable(path: Path, error: Exception) -> DataParse:
    return DataParse("the file cannot be read", where=path.name, found=str(error).partition("\n")[0])
