"""Foreign files as tables: CSV as text with its line numbers, Parquet and Feather with their own types."""

from __future__ import annotations

import codecs
import csv
import os
import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from ktrdr._types import Stamps
from ktrdr.data.audit import PRICES
from ktrdr.data.headings import (
    STAMPS,
    Heading,
    choose,
    headings,
    marks_close,
    names_instruments,
    names_lengths,
    of_instrument,
    same_name,
    seconds_of,
    twins,
)
from ktrdr.data.imports.clock import placed
from ktrdr.data.imports.headers import EXTRAS, by_plain_name, choose_columns, volumes
from ktrdr.data.imports.numbers import points_may_group
from ktrdr.data.imports.text import Layout, layout_of
from ktrdr.data.store.files import check_rows
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataNotFound, DataParse, DataTimeframe
from ktrdr.text import one_line
from ktrdr.time import Timeframe

_TEXT = (".csv", ".txt", ".tsv", ".prn", ".dat")
_FEATHER = (".feather", ".arrow", ".ipc")
_SAMPLE_BYTES = 64 * 1_024
_MOST_REMARKS = 10
_LENGTHS = {length.seconds for length in Timeframe}
_PACKED = {
    b"PK\x03\x04": "a ZIP archive or a workbook",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "a workbook",
}
_MARKUP = re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<!|<html|<\?xml|<table|[{\[])")
_SUMMARY = re.compile(
    r"(?i)(?:(?:grand |sub)?totals?|sum(?:me)?|averages?|avg|mean|median|min(?:imum)?|max(?:imum)?|count|high|low"
    r"|gesamt|mittelwert|durchschnitt|moyenne|somme|promedio)[.:]?"
)
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?|")


@dataclass(frozen=True, eq=False)
class Table:
    """A file's columns under their own names, the fields of bars among them, and the place of each row.

    ``volumes`` and ``closes`` are the columns that may be the volume, and those named as closes of bars.
    ``instruments`` is True where the file names the instrument of its bars, or several.
    """

    file: str
    frame: pl.DataFrame
    fields: Mapping[str, str]
    volumes: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    first_line: int | None = None
    rows: Stamps | None = None
    lines: Stamps | None = None
    notes: tuple[str, ...] = ()
    instruments: bool = False

    def row(self, at: int) -> int:
        """Returns the row of the file, from 0, that came to lie at this place."""
        return at if self.rows is None else int(self.rows[at])

    def place(self, at: int) -> str:
        """Returns file and line of a row."""
        if self.first_line is None:
            return self.file
        return f"{self.file}: line {self.first_line + (self.row(at) if self.lines is None else int(self.lines[at]))}"

    def stamp(self, at: int) -> str:
        """Returns the stamp of a row as the file has it."""
        return " ".join(str(self.frame[self.fields[name]][at]) for name in STAMPS if name in self.fields)

    def cell(self, at: int, name: str) -> str:
        """Returns a cell as the file has it, on one line."""
        found = self.frame[name][at]
        return str(one_line("" if found is None else str(found).strip())) or "an empty cell"

    def placed(self, kept: Stamps | None = None) -> AbstractContextManager[None]:
        """Names line and row of the file in an error about a row of this table, or of those that were kept."""

        def at(row: int) -> int:
            return row if kept is None else int(kept[row])

        return placed(lambda row: self.place(at(row)), lambda row: self.row(at(row)))

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
    as_text: bool = False,
    length: Timeframe | None = None,
) -> Table:
    """Reads a CSV, Parquet or Feather file of bars; of several instruments in it only the one that is wanted.

    ``as_text`` leaves the cells of a text file as they are, for a user who names the marks of numbers; of bars of
    several lengths in one table those of ``length`` are taken.

    Raises ``DataNotFound``, ``DataEmpty``, ``DataParse``, ``ArgumentInvalid``.
    """
    mapping = mapping or {}
    kind = _kind_of(path)
    if kind in _TEXT:
        table = _read_text(path, mapping, wanted, skip_lines, as_text)
    else:
        frame, again, instrument = _one_instrument(read_binary(path), mapping, wanted, path.name)
        recognised = _recognised(frame, mapping, path.name, again)
        notes = _renamed(instrument, wanted)
        table = Table(path.name, frame, *recognised, notes=notes, instruments=instrument is not None)
    return _without_other_lengths(_without_others(table, mapping, wanted), length)


def read_plain(path: Path) -> pl.DataFrame:
    """Reads a file with a head of one line: CSV as text, Parquet and Feather with their own types.

    Raises as `read_table`, also for two columns of one name.
    """
    if _kind_of(path) not in _TEXT:
        return read_binary(path)
    layout, content, _ = _laid_out(path, 0)
    names, again = _distinct([str(name) for name in layout.names])
    for name in again.values():
        raise twins([name, name], name, path.name)
    return _without_blanks(_parsed(path, content, layout, dict.fromkeys(names, pl.String)))[0]


def _kind_of(path: Path) -> str:
    if not os.path.isfile(path):  # noqa: PTH113  (False for a name no file system takes)
        if os.path.isdir(path):  # noqa: PTH112  (as above)
            hint = "import its files one by one; --append joins those of one instrument"
            raise ArgumentInvalid("a folder is no file of bars", where=path.name, found="a folder", hint=hint)
        raise DataNotFound("no such file", where=path.name)
    kind = path.suffix.lower()
    with path.open("rb") as handle:
        head = handle.read(256)
    if packed := next((name for mark, name in _PACKED.items() if head.startswith(mark)), None):
        hint = "unpack it, or save its sheet as CSV, and import the file inside"
        raise ArgumentInvalid(f"the file is {packed}", where=path.name, found=kind or "no suffix", hint=hint)
    if kind in _TEXT and _MARKUP.match(head):
        raise DataParse(
            "the file is a web page or JSON, not a table", where=path.name, hint="download the table as CSV"
        )
    if kind not in (*_TEXT, ".parquet", *_FEATHER):
        expected = " ".join((*_TEXT, ".parquet", *_FEATHER))
        raise ArgumentInvalid("unknown kind of file", where=path.name, found=kind or "no suffix", expected=expected)
    return kind


def read_binary(path: Path) -> pl.DataFrame:
    """Reads a Parquet or Feather file; raises ``DataEmpty``, ``DataParse``."""
    try:
        if path.suffix.lower() == ".parquet":
            check_rows(path)
        frame = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_ipc(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from None
    except pl.exceptions.PanicException:  # is no Exception: polars stops at a Feather file with one name twice
        hint = "is it damaged, or has it two columns of one name?"
        raise DataParse("the file cannot be read", where=path.name, hint=hint) from None
    if frame.is_empty():
        raise DataEmpty("the file has no rows", where=path.name)
    return frame


def _one_instrument(
    frame: pl.DataFrame, mapping: Mapping[str, str], wanted: str, file: str
) -> tuple[pl.DataFrame, Mapping[str, str], str | None]:
    """Returns the columns of one instrument under their plain names, names that occur again, and its name if any."""
    parted = headings(frame.columns)
    if not _by_instrument(parted, frame.columns, mapping):
        return frame, {}, None
    kept, name = of_instrument(parted, wanted, file)
    columns = [frame.columns[one.index] for one in kept]
    names, again = _distinct([one.name for one in kept], [one.index for one in kept])
    return frame.select(columns).rename(dict(zip(columns, names, strict=True))), again, name


def _by_instrument(parted: Sequence[Heading], names: Sequence[Hashable], mapping: Mapping[str, str]) -> bool:
    """Returns True if names hold instruments, and the user maps none of those names."""
    return any(one.instrument is not None for one in parted) and not any(
        one.instrument is not None and str(names[one.index]) in mapping.values() for one in parted
    )


def _distinct(given: Sequence[str], places: Sequence[int] | None = None) -> tuple[list[str], dict[str, str]]:
    """Returns names that differ: a second one gets a number, and a mapping says which name it had."""
    names: list[str] = []
    again: dict[str, str] = {}
    for name, at in zip(given, places or range(len(given)), strict=True):
        if name in names:
            again[f"column_{at + 1}"] = name
        names.append(f"column_{at + 1}" if name in names else name)
    return names, again


def _recognised(
    frame: pl.DataFrame, mapping: Mapping[str, str], file: str, again: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """Returns the columns of the fields of bars, those that may be the volume, and those named as closes of bars."""
    fields = choose_columns(frame, mapping, file, again)
    closes = (name for name in frame.columns if marks_close(again.get(name, name)))
    return fields, tuple(volumes(frame, fields, mapping, file, again)), tuple(closes)


def _renamed(name: str | None, wanted: str) -> tuple[str, ...]:
    if name is None or not wanted or same_name(name, wanted):
        return ()
    return (f"warning: the file calls its instrument {name}",)


def _without_others(table: Table, mapping: Mapping[str, str], wanted: str) -> Table:
    """Returns the rows of one instrument of a long table, in which columns name the instrument of each row."""
    taken = {*table.fields.values(), *mapping.values()}
    names = [name for name in table.frame.columns if names_instruments(name) and name not in taken]
    known = [name for name in names if any(same_name(text, wanted) for text in _distinct_cells(table, name))]
    for name in (*known, *(other for other in names if other not in known)):
        instruments = _distinct_cells(table, name)
        chosen = choose(instruments, wanted, table.file)
        table = replace(table, instruments=table.instruments or bool(instruments))
        if len(instruments) > 1:
            table = table.take(_rows_with(table, name, {chosen}))
        elif not known:
            table = replace(table, notes=(*table.notes, *_renamed(chosen, wanted)))
    return table


def _without_other_lengths(table: Table, length: Timeframe | None) -> Table:
    """Returns the rows of one length of a table that holds bars of several, by a column that names them."""
    taken = {*table.fields.values()}
    for name in (name for name in table.frame.columns if names_lengths(name) and name not in taken):
        cells = _distinct_cells(table, name)
        if len(cells) < 2 or length is None or not {seconds_of(cell) for cell in cells} <= _LENGTHS:
            continue
        own = {cell for cell in cells if seconds_of(cell) == length.seconds}
        if not own:
            found = ", ".join(cells)
            raise DataTimeframe("no bars of this length", where=table.file, found=found, expected=length.value)
        table = table.take(_rows_with(table, name, own))
    return table


def _distinct_cells(table: Table, name: str) -> list[str]:
    column = table.frame[name].cast(pl.String).str.strip_chars()
    return [text for text in column.unique(maintain_order=True).to_list() if text]


def _rows_with(table: Table, name: str, cells: Collection[str | None]) -> Stamps:
    column = table.frame[name].cast(pl.String).str.strip_chars()
    return np.flatnonzero(column.is_in([cell for cell in cells if cell]).fill_null(False).to_numpy())


def _read_text(path: Path, mapping: Mapping[str, str], wanted: str, skip_lines: int, as_text: bool) -> Table:
    layout, content, notes = _laid_out(path, skip_lines)
    kept, names, again, instrument = _columns_of(layout, mapping, wanted, path.name)
    sample = pl.DataFrame(
        {names[at]: [cells[at] if at < len(cells) else "" for cells in layout.sample] for at in kept},
        schema={names[at]: pl.String for at in kept},
    )
    sample = _with_date(sample, path.name, again)
    fields, rivals, closes = _recognised(sample, mapping, path.name, again)
    numeric = () if as_text else _plain_columns(sample, fields, rivals)
    kinds = {name: pl.Float64 if name in numeric else pl.String for name in names}
    try:
        raw = _parsed(path, content, layout, kinds)
    except DataParse:
        raw = _parsed(path, content, layout, dict.fromkeys(names, pl.String))
    frame, lines = _without_blanks(_with_date(raw.select(names[at] for at in kept), path.name, again))
    frame, lines, remarks = _without_remarks(frame, lines, next(fields[name] for name in STAMPS if name in fields))
    if frame.is_empty():
        raise DataEmpty("the file has no rows", where=path.name)
    rows = (layout.skip + 1, None, lines)
    notes = (*notes, *_renamed(instrument, wanted), *remarks)
    return Table(path.name, frame, fields, rivals, closes, *rows, notes, instruments=instrument is not None)


def _columns_of(
    layout: Layout, mapping: Mapping[str, str], wanted: str, file: str
) -> tuple[list[int], list[str], Mapping[str, str], str | None]:
    """Returns the places of one instrument's columns, the names of all, names that occur again, and its name if any."""
    parted = headings(layout.names)
    if not _by_instrument(parted, layout.names, mapping):
        return [*range(len(parted))], *_distinct([str(name) for name in layout.names]), None
    chosen, instrument = of_instrument(parted, wanted, file)
    kept = [one.index for one in chosen]
    distinct, again = _distinct([one.name for one in chosen], kept)
    by_place = dict(zip(kept, distinct, strict=True))
    return kept, [by_place.get(at, f"column_{at + 1}\0") for at in range(len(parted))], again, instrument


def _with_date(frame: pl.DataFrame, file: str, again: Mapping[str, str]) -> pl.DataFrame:
    """Returns the frame with a column of dates where year, month and day have one each."""
    alike = by_plain_name(frame.columns, again)
    if not alike.keys() >= {"year", "month", "day"} or alike.keys() & {"date", "timestamp", "datetime"}:
        return frame
    for name in ("year", "month", "day"):
        if len(alike[name]) > 1:
            raise twins(alike[name], name, file)
    parts = [pl.col(alike[name][0]).str.strip_chars().str.pad_start(2, "0") for name in ("year", "month", "day")]
    return frame.with_columns(date=pl.concat_str(parts, separator="-"))


def _plain_columns(sample: pl.DataFrame, fields: Mapping[str, str], rivals: Sequence[str]) -> set[str]:
    """Returns the columns whose cells are plain numbers; none where commas or points may group digits."""
    numeric = {*(fields[one] for one in (*PRICES, *EXTRAS) if one in fields), *rivals}
    columns = [sample[name] for name in numeric]
    if any(column.str.contains(",", literal=True).any() for column in columns):
        return set()
    if points_may_group(columns, [sample[name] for name in rivals]):
        return set()
    return {name for name in numeric if all(_PLAIN_NUMBER.fullmatch(cell) for cell in sample[name])}


def _laid_out(path: Path, skip_lines: int) -> tuple[Layout, Path | bytes, tuple[str, ...]]:
    """Returns the layout of a text file, the file itself or its bytes as UTF-8 where they were changed, and a note."""
    notes: tuple[str, ...] = ()
    with path.open("rb") as handle:
        head = handle.read(_SAMPLE_BYTES)
    content: Path | bytes = path
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):  # MetaTrader writes UTF-16 now and then
        text = path.read_bytes().decode("utf-16", errors="replace")
        content = text.encode()
        sample = text[:_SAMPLE_BYTES]
    else:
        whole = len(head) < _SAMPLE_BYTES
        sample = head.decode("utf-8-sig", errors="replace")
        sample = sample if whole else sample.rpartition("\n")[0]
        if b"\r" in head and b"\n" not in head:
            content = path.read_bytes().replace(b"\r", b"\n")
        if not _is_utf8(head) and b"\0" not in head:
            text = path.read_bytes().decode("cp1252", errors="replace")
            content = text.encode()
            sample = text[:_SAMPLE_BYTES]
            notes = ("the text is not UTF-8 and was read as Windows-1252",)
    layout = layout_of(sample, skip_lines)
    if layout is None:
        raise DataEmpty("the file has no rows", where=path.name)
    if layout.separator == " ":
        content = re.sub(rb"[ \t]+", b" ", content if isinstance(content, bytes) else content.read_bytes())
    return layout, content, notes


def _is_utf8(head: bytes) -> bool:
    """Returns True for the beginning of a UTF-8 text, the last letter of which may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


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


def _without_remarks(
    frame: pl.DataFrame, lines: Stamps | None, stamp: str
) -> tuple[pl.DataFrame, Stamps | None, tuple[str, ...]]:
    """Returns the frame without the lines that pages put under their tables, and without repeated heads.

    A remark fills one cell only, or has a word such as ``Total`` where its stamp should be.
    """
    notes = []
    again = (frame[stamp].str.strip_chars() == stamp.strip()).fill_null(False)
    if again.any():
        notes.append(f"{int(again.sum())} repeated heads were left out")
        kept = np.flatnonzero(~again.to_numpy())
        frame = frame[kept]
        lines = kept if lines is None else lines[kept]
    for _ in range(_MOST_REMARKS):
        text = _remark(frame, stamp)
        if text is None:
            break
        frame = frame[:-1]
        lines = None if lines is None else lines[:-1]
        notes.append(f"the last line is no row and was left out: {text}")
    return frame, lines, tuple(notes)


def _remark(frame: pl.DataFrame, stamp: str) -> str | None:
    """Returns the text of a last line that is no row."""
    if frame.height < 2 or frame.width < 4:
        return None
    filled = [str(cell) for cell in frame.row(-1) if cell is not None]
    if len(filled) == 1:
        return filled[0] if re.search("[A-Za-z]{3}", filled[0]) else None
    dated = str(frame[stamp][-1] or "").strip()
    return dated if _SUMMARY.fullmatch(dated) else None


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
