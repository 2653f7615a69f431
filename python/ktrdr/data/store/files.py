"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from ktrdr.disk import sync
from ktrdr.errors import DataParse, OutputNotWritable

MAX_ROWS = 50_000_000
"""Three years of bars of two seconds; twenty years of bars of one minute are a fifth of it."""


def check_rows(file: Path) -> None:
    """Passes if a Parquet file has no more rows than bars can have; ``DataParse`` for others, before they are read.

    A file of some megabytes can unpack to any number of equal rows.
    """
    rows = pl.scan_parquet(file).select(pl.len()).collect().item()
    if rows > MAX_ROWS:
        raise DataParse("too many rows", where=file.name, found=f"{rows:,}", expected=f"at most {MAX_ROWS:,}")


def appear(files: Mapping[Path, Callable[[Path], object]]) -> None:
    """Writes each file by a temporary neighbour: all are filled and synced, then put in their places.

    Raises ``OutputNotWritable`` where the folder cannot be written or the disk is full; then no file has changed.
    """
    parts = {file: file.with_name(f".{file.name}.{os.getpid()}.part") for file in files}
    try:
        for file, write in files.items():
            _fill(parts[file], write, file.name)
        for file, part in parts.items():
            part.replace(file)
            sync(file.parent)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _fill(part: Path, write: Callable[[Path], object], name: str) -> None:
    try:
        write(part)
        sync(part)
    except OSError as error:
        raise OutputNotWritable("cannot be written", where=name, found=error.strerror or "an error") from None
    except pl.exceptions.PolarsError as error:
        found = str(error).rpartition("error: ")[2]
        raise OutputNotWritable("cannot be written", where=name, found=found) from None
