"""Foreign files as tables: CSV as text with its line numbers, Parquet and Feather as they are."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ktrdr.data.imports.headers import is_header
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataNotFound, DataParse

_TEXT = (".csv", ".txt", ".tsv")
_FEATHER = (".feather", ".arrow", ".ipc")


@dataclass(frozen=True, eq=False)
class Table:
    """A file's columns under their own names; ``lines`` holds the line of each row of a text file."""

    file: str
    frame: pl.DataFrame
    lines: Callable[[], list[int]] | None = None

    def place(self, row: int) -> str:
        """Where a row stands: file and line."""
        return self.file if self.lines is None else f"{self.file}: line {self.lines()[row]}"


def read_table(path: Path) -> Table:
    """A CSV, Parquet or Feather file; raises ``DataNotFound``, ``DataEmpty``, ``DataParse``, ``ArgumentInvalid``."""
    if not os.path.isfile(path):  # noqa: PTH113  (False for a name no file system takes)
        raise DataNotFound("no such file", where=path.name)
    kind = path.suffix.lower()
    if kind in _TEXT:
        return _read_text(path)
    if kind not in (".parquet", *_FEATHER):
        expected = " ".join((*_TEXT, ".parquet", *_FEATHER))
        raise ArgumentInvalid("unknown kind of file", where=path.name, found=kind or "no suffix", expected=expected)
    try:
        frame = pl.read_parquet(path) if kind == ".parquet" else pl.read_ipc(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from None
    if frame.is_empty():
        raise DataEmpty("the file has no rows", where=path.name)
    return Table(path.name, frame)


def _read_text(path: Path) -> Table:
    lines = _decoded(path).splitlines()
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise DataEmpty("the file has no rows", where=path.name)
    separator = max("\t;,|", key=numbered[0][1].count)
    cells = [line.split(separator) for _, line in numbered[:3]]
    head, names = _head(cells)
    rows = numbered[head:]
    if not rows:
        raise DataEmpty("the file has no rows", where=path.name)
    try:
        frame = pl.read_csv(
            "\n".join([separator.join(f'"{name}"' for name in names), *(line for _, line in rows)]).encode(),
            separator=separator,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError as error:
        raise _uneven(path, rows, separator, len(names), error) from None
    return Table(path.name, frame, lambda: [number for number, _ in rows])


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # MetaTrader writes UTF-16 now and then
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataParse("the text is not UTF-8", where=f"{path.name}: line {line}") from None


def _head(cells: list[list[str]]) -> tuple[int, list[str]]:
    """How many lines stand above the rows, and the names of the columns."""
    names = [cell.strip().strip('"') for cell in cells[0]]
    if names[0] == "Price" and len(cells) == 3 and cells[1][0] == "Ticker":  # three lines of yfinance
        return 3, [cells[2][0].strip() or "Date", *names[1:]]
    if is_header(names):
        return 1, _distinct(names)
    return 0, [f"column_{index}" for index in range(1, len(names) + 1)]


def _distinct(names: list[str]) -> list[str]:
    return [name if names.index(name) == at and name else f"column_{at + 1}" for at, name in enumerate(names)]


def _uneven(
    path: Path, rows: list[tuple[int, str]], separator: str, width: int, error: pl.exceptions.PolarsError
) -> DataParse:
    for number, line in rows:
        found = len(next(csv.reader([line], delimiter=separator)))
        if found > width:
            where = f"{path.name}: line {number}"
            return DataParse("too many cells", where=where, found=found, expected=f"{width}, as the first line has")
    return _unreadable(path, error)


def _unreadable(path: Path, error: Exception) -> DataParse:
    return DataParse("the file cannot be read", where=path.name, found=str(error).partition("\n")[0])
