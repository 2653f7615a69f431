"""Import of two million rows of ISO CSV beside ``polars.read_csv`` with dates parsed: CPU seconds and peak memory.

Run with ``python -m benches.imports``. Each measurement is a process of its own, so that peaks do not mix. The stored
bars are compared with the made ones; a refused file must be refused within ten seconds.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ROWS = 2_000_000
_CPU_RATIO = 1.5
_MEMORY_RATIO = 2.0
_REFUSED_SECONDS = 10.0


def make(folder: Path, rows: int) -> None:
    """Writes the same bars oldest first and newest first, and a file in which every bar is broken."""
    random = np.random.default_rng(1)
    close = np.round(1.1 + np.cumsum(random.normal(0, 1e-5, rows)), 5)
    opened = np.append(1.1, close[:-1])
    stamps = pl.Series(1_500_000_000 // 60 * 60 + 60 * np.arange(rows)).cast(pl.Int64) * 1_000
    frame = pl.DataFrame(
        {
            "timestamp": stamps.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d %H:%M:%S"),
            "open": opened,
            "high": np.round(np.maximum(opened, close) + 1e-5, 5),
            "low": np.round(np.minimum(opened, close) - 1e-5, 5),
            "close": close,
            "volume": random.integers(1, 999, rows),
        }
    )
    frame.write_csv(folder / "iso.csv")
    frame.reverse().write_csv(folder / "newest.csv")
    frame.with_columns(high=pl.col("low") - 1.0).write_csv(folder / "bad.csv")


def reference(path: Path) -> dict[str, float]:
    """Reads the file with polars alone."""
    frame = pl.read_csv(path, try_parse_dates=True)
    return {"rows": frame.height, "close": float(frame["close"].sum())}


def imported(path: Path) -> dict[str, float]:
    """Imports the file and reads back what was stored."""
    from ktrdr.data.imports.importer import import_file
    from ktrdr.data.store.repository import Repository
    from ktrdr.errors import DataError

    with tempfile.TemporaryDirectory() as folder:
        try:
            report = import_file(path, Repository(Path(folder)), symbol="EURUSD", timeframe="1m", tz="UTC")
        except DataError as error:
            return {"rows": 0, "close": 0.0, "listed": len(error.table or [])}
        return {"rows": len(report.series), "close": float(report.series.close.sum())}


def measured(what: str, path: Path) -> dict[str, float]:
    """Runs one measurement in its own process."""
    done = subprocess.run([sys.executable, "-m", "benches.imports", what, str(path)], check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(name: str, file: Path) -> None:
    """Reads a file once, in a process that does nothing else, and prints what it found and took."""
    begin = time.perf_counter()
    found = {"reference": reference, "imported": imported}[name](file)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    wall = time.perf_counter() - begin
    peak_mb = usage.ru_maxrss / 1_024
    print(json.dumps({**found, "cpu": cpu, "wall": wall, "peak_mb": peak_mb}))


def main() -> None:
    """Prints the ratios and checks them."""
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
        return
    rows = ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, rows)
        for file in ("iso.csv", "newest.csv"):
            base = measured("reference", folder / file)
            mine = measured("imported", folder / file)
            assert mine["rows"] == base["rows"] == rows
            assert abs(mine["close"] - base["close"]) < 1e-6 * abs(base["close"])
            cpu = mine["cpu"] / base["cpu"]
            memory = mine["peak_mb"] / base["peak_mb"]
            print(f"{file}: CPU {mine['cpu']:.2f} s = {cpu:.2f}x, peak {mine['peak_mb']:.0f} MB = {memory:.2f}x")
            assert cpu <= _CPU_RATIO, "more CPU than allowed"
            assert memory <= _MEMORY_RATIO, "more memory than allowed"
        refused = measured("imported", folder / "bad.csv")
        size_mb = (folder / "bad.csv").stat().st_size / 2**20
        times = f"{refused['wall']:.2f} s, {refused['cpu']:.2f} s of CPU"
        print(f"bad.csv ({size_mb:.0f} MB): refused in {times}, peak {refused['peak_mb']:.0f} MB")
        assert refused["listed"] == 20
        assert refused["cpu"] < _REFUSED_SECONDS  # a busy machine is no fault of the import


if __name__ == "__main__":
    main()
