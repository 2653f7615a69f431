"""The feature cache: the same bits with and without it, no stale hit, a bounded folder, and no trust in its files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import MemoryBars
from ktrdr.feature_pipeline import build
from ktrdr.feature_pipeline.assembly import Assembly
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.cache import key
from ktrdr.feature_pipeline.cache.folder import FeatureFolder
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import Span, Timeframe
from support.inputs.walks import walk_bars

FILE = load_strategy("v3_minimal").canonical()
MIB = 2**20


def with_raw_input(period: int = 14, overbought: int = 75) -> dict[str, Any]:
    """Returns a strategy file with degrees and a scaled raw column."""
    sets = {"indicator": "rsi_14", "oversold": [0, 25, 40], "overbought": [60, overbought, 100]}
    return {
        **FILE,
        "indicators": {"rsi_14": {"type": "rsi", "period": period}},
        "fuzzy_sets": {"rsi_momentum": sets},
        "nn_inputs": [*FILE["nn_inputs"], {"raw_indicator": "rsi_14", "normalization": "zscore"}],
    }


def features(file: dict[str, Any], bars: BarSeries, kept: FeatureFolder | None) -> FeatureMatrix:
    source = MemoryBars({Timeframe.H1: bars}, bars.symbol)
    return build_features(load_strategy(file), source, bars.symbol, Span(None, None), kept=kept)


def bits(matrix: FeatureMatrix) -> tuple[bytes, bytes, list[tuple[int, bytes]], dict[int, str]]:
    raw = [(column, values.tobytes()) for column, values in matrix.raw.items()]
    return matrix.values.tobytes(), matrix.stale.tobytes(), raw, dict(matrix.kinds)


@pytest.fixture
def folder(tmp_path: Path) -> FeatureFolder:
    return FeatureFolder(tmp_path / "features", 64 * MIB)


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    return walk_bars(600)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of columns that were computed, one for each time."""
    found: list[int] = []
    real = build.assemble

    def counted(*arguments: Any) -> Assembly:
        assembly = real(*arguments)
        found.append(assembly.values.shape[1])
        return assembly

    monkeypatch.setattr(build, "assemble", counted)
    return found


def test_features_from_the_cache_have_the_bits_of_computed_ones(
    folder: FeatureFolder, bars: BarSeries, computed: list[int]
) -> None:
    plain = features(with_raw_input(), bars, None)
    first = features(with_raw_input(), bars, folder)
    second = features(with_raw_input(), bars, folder)
    assert len(computed) == 2
    assert bits(plain) == bits(first) == bits(second)
    assert second.raw
    assert second.values.flags.c_contiguous


def test_whatever_decides_the_bits_is_another_entry(
    folder: FeatureFolder, bars: BarSeries, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bar, one period, one corner of a set, the code, a library: each is computed anew, with its own bits."""
    features(with_raw_input(), bars, folder)
    close = bars.close.copy()
    close[300] = (bars.high[300] + bars.low[300]) / 2
    others = [(with_raw_input(), replace(bars, close=close)), (with_raw_input(), bars.rows(0, 599))]
    others += [(with_raw_input(period=15), bars), (with_raw_input(overbought=76), bars)]
    for number, (file, series) in enumerate(others, start=2):
        assert bits(features(file, series, folder)) == bits(features(file, series, None))
        assert len(folder.sizes()) == number
    monkeypatch.setattr(key, "_code_hash", lambda: "a changed formula")
    features(with_raw_input(), bars, folder)
    monkeypatch.setattr(key, "_machine", lambda: {"talib": "another"})
    features(with_raw_input(), bars, folder)
    assert len(folder.sizes()) == 7
    assert len(computed) == 11


def test_a_name_of_a_feature_or_a_rule_is_no_other_entry(
    folder: FeatureFolder, bars: BarSeries, computed: list[int]
) -> None:
    file = with_raw_input()
    features(file, bars, folder)
    features(file | {"name": "another", "execution": {"commission": {"rate": 0.01}}}, bars, folder)
    assert len(computed) == 1


@pytest.mark.parametrize("place", [0, 35, 60, -1])
def test_a_damaged_entry_is_computed_anew(
    folder: FeatureFolder, bars: BarSeries, computed: list[int], place: int
) -> None:
    expected = bits(features(with_raw_input(), bars, folder))
    (file,) = folder.path.iterdir()
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert bits(features(with_raw_input(), bars, folder)) == expected
    assert len(computed) == 2
    file.write_bytes(file.read_bytes()[:-1])
    assert bits(features(with_raw_input(), bars, folder)) == expected
    assert len(computed) == 3


def test_an_entry_under_another_key_is_no_hit(folder: FeatureFolder, bars: BarSeries) -> None:
    features(with_raw_input(), bars, folder)
    (file,) = folder.path.iterdir()
    file.rename(file.with_name("0" * 64 + file.suffix))
    assert folder.read("0" * 64) is None


def test_the_folder_keeps_its_limit_and_what_was_used_last(bars: BarSeries, tmp_path: Path) -> None:
    features(with_raw_input(), bars, FeatureFolder(tmp_path, MIB))
    (entry,) = FeatureFolder(tmp_path, MIB).sizes()
    folder = FeatureFolder(tmp_path, 3 * entry)
    for period in (15, 16):
        features(with_raw_input(period), bars, folder)
    for age, file in enumerate(sorted(tmp_path.iterdir())):
        os.utime(file, (age, age))
    features(with_raw_input(14), bars, folder)  # used now
    features(with_raw_input(17), bars, folder)
    assert folder.sizes() == [entry] * 3
    assert {folder.read(name) is None for name in keys(bars, 14, 17)} == {False}


def keys(bars: BarSeries, *periods: int) -> list[str]:
    series = {Timeframe.H1: bars}
    return [key.feature_key(load_strategy(with_raw_input(period)), series, {}) for period in periods]


def test_an_entry_beyond_the_limit_and_a_folder_that_cannot_be_written_are_left_alone(
    bars: BarSeries, tmp_path: Path
) -> None:
    small = FeatureFolder(tmp_path / "small", 1_000)
    features(with_raw_input(), bars, small)
    assert not small.path.exists()
    (tmp_path / "file").write_text("no folder")
    blocked = FeatureFolder(tmp_path / "file", MIB)
    assert bits(features(with_raw_input(), bars, blocked)) == bits(features(with_raw_input(), bars, None))
    assert blocked.sizes() == []


def test_what_a_killed_process_began_goes_in_the_end(folder: FeatureFolder, bars: BarSeries) -> None:
    folder.path.mkdir()
    begun = folder.path / "half.part"
    begun.write_bytes(b"half")
    features(with_raw_input(), bars, folder)
    assert begun.exists()  # its writer may still be at it
    os.utime(begun, (time.time() - 7_200,) * 2)
    features(with_raw_input(15), bars, folder)
    assert not begun.exists()
    assert folder.clear() == 2
    assert list(folder.path.iterdir()) == []


PROCESS = """
import sys
from pathlib import Path
import numpy as np
from ktrdr.feature_pipeline.assembly import Assembly
from ktrdr.feature_pipeline.cache.folder import FeatureFolder
folder = FeatureFolder(Path(sys.argv[1]), 3_000_000)
found = 0
for turn in range(150):
    key = f"{turn * int(sys.argv[2]) % 5}" * 64
    wanted = np.full((1_000, 200), float(key[0]), np.float32)
    got = folder.read(key)
    found += got is not None
    assert got is None or got.values.tobytes() == wanted.tobytes()
    if turn % 3 == 0:
        folder.write(key, Assembly(wanted, np.zeros(1_000, bool), {}, {}))
    assert sum(folder.sizes()) <= 3 * 3_000_000
print(found)
"""


def test_processes_share_the_folder(tmp_path: Path) -> None:
    """Each reads, writes and removes the entries of the others; whatever one finds is whole."""
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    running = [
        subprocess.Popen([*command, str(step)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for step in (1, 2, 3)
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert int(out) > 0
    assert sum(FeatureFolder(tmp_path, 3_000_000).sizes()) <= 3_000_000 + 810_000
