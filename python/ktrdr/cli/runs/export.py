"""Files of a completed run: every ledger as Parquet and CSV, metrics and manifest as JSON."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr.errors import OutputNotWritable

if TYPE_CHECKING:
    import polars as pl

    from ktrdr.operations.models import Result


def check_writable(folder: Path) -> None:
    """Makes the folder and checks that files can be written there; raises ``OutputNotWritable`` before any work."""
    probe = folder / f".probe-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise OutputNotWritable(f"cannot be written: {error.strerror}", where="--out", found=str(folder)) from None


def write_out(result: Result, tables: Iterable[tuple[str, pl.DataFrame]], folder: Path) -> list[str]:
    """Writes the result with its tables, and returns the names of the files."""
    written = []
    for name, frame in tables:
        frame.write_parquet(folder / f"{name}.parquet")
        frame.write_csv(folder / f"{name}.csv")
        written += [f"{name}.parquet", f"{name}.csv"]
    metrics = {"result_hash": result.result_hash, **result.summary}
    for name, value in (("metrics.json", metrics), ("manifest.json", result.manifest)):
        _write_json(folder / name, value)
        written.append(name)
    return written


def _write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, indent=2, allow_nan=False, default=str) + "\n")
