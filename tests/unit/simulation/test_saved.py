"""A saved run is opened once, compared with its ledger once, and continued any number of times."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr import _core
from ktrdr.errors import ArgumentInvalid, IdentityMismatch, KtrdrError
from ktrdr.simulation.saved import SavedRun

N_BARS = 400
CUT = 250


def bars(n_bars: int = N_BARS) -> pl.DataFrame:
    close = 100 + np.cumsum(np.random.default_rng(3).normal(0, 1, N_BARS))[:n_bars]
    stamps = np.arange(n_bars, dtype=np.int64) * 3_600_000_000_000
    return pl.DataFrame({"timestamp": stamps, "open": close, "high": close + 1, "low": close - 1, "close": close})


SIGNALS = np.random.default_rng(4).integers(-1, 2, N_BARS).astype(np.int8)


@pytest.fixture
def part() -> ktrdr.Simulation:
    run = ktrdr.Simulation(bars(), SIGNALS)
    run.run(until=CUT)
    return run


def test_names_its_snapshot(part: ktrdr.Simulation) -> None:
    saved = SavedRun.of(part.snapshot(), part.ledger())
    opened = _core.Snapshot(part.snapshot())
    assert (saved.opened.bar, saved.opened.identity, saved.opened.lineage) == (CUT, opened.identity, opened.lineage)
    assert dict(opened.rows)["equity"] == CUT
    assert repr(saved) == "<SavedRun before bar 250>"
    assert not saved.forks_here
    assert SavedRun.of(opened, part.ledger(), opened.lineage).forks_here


def test_continuing_it_leaves_it_as_it_was(part: ktrdr.Simulation) -> None:
    """The core's run inside is copied: two continuations end alike, and a fork disturbs neither."""
    saved = SavedRun.of(part.snapshot(), part.ledger())
    series = part.cursor()._bars
    ends = []
    for _ in range(2):
        core = saved.over(series)
        core.advance(series, CUT, SIGNALS[CUT:], None, True)
        fork = saved.fork(core.rules, series)
        fork.advance(series, CUT, SIGNALS[CUT:], None, True)
        ends.append((core.equity, fork.equity, saved.core.next_bar))
    whole = ktrdr.simulate(bars(), SIGNALS)
    assert ends == [(whole.final_equity, whole.final_equity, CUT)] * 2


def test_its_ledger_is_compared(part: ktrdr.Simulation) -> None:
    ledger = part.ledger()
    with pytest.raises(IdentityMismatch) as caught:
        SavedRun.of(part.snapshot(), {**ledger, "fills": ledger["fills"][:-1]})
    assert caught.value.part == "ledger fills"
    with pytest.raises(ArgumentInvalid, match="the ledger written so far is needed"):
        SavedRun.of(part.snapshot(), None)


@pytest.mark.parametrize("form", [bytearray, memoryview, lambda blob: np.frombuffer(blob, np.uint8)])
def test_any_object_of_bytes_is_a_snapshot(part: ktrdr.Simulation, form: Any) -> None:
    blob = part.snapshot()
    for given in ((bars(), SIGNALS), ()):
        restored = ktrdr.Simulation.restore(form(blob), *given, ledger=part.ledger())
        assert restored.snapshot() == blob


@pytest.mark.parametrize(("value", "found"), [("text", "str"), (None, "NoneType"), (5, "int"), ([1], "list")])
def test_what_is_no_snapshot_and_no_ledger_is_refused(part: ktrdr.Simulation, value: Any, found: str) -> None:
    for given in ((bars(), SIGNALS), ()):
        with pytest.raises(ArgumentInvalid, match=f"blob: not a snapshot: found {found}, expected the bytes of one"):
            ktrdr.Simulation.restore(value, *given, ledger=part.ledger())
        if value is not None:
            with pytest.raises(ArgumentInvalid, match=f"ledger: not a ledger: found {found}, expected tables by name"):
                ktrdr.Simulation.restore(part.snapshot(), *given, ledger=value)


def test_fewer_bars_than_it_has_simulated_are_refused(part: ktrdr.Simulation) -> None:
    saved = SavedRun.of(part.snapshot(), part.ledger())
    few = ktrdr.Simulation(bars(CUT - 1), SIGNALS[: CUT - 1]).cursor()._bars
    for continued in (lambda: saved.over(few), lambda: saved.fork(saved.core.rules, few)):
        with pytest.raises(KtrdrError) as caught:
            continued()
        assert getattr(caught.value, "part", None) == "bars"
