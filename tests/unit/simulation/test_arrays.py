"""The door for whole arrays: inputs it takes, inputs it refuses, and runs cut at any bar."""

from __future__ import annotations

import gc
import pickle
import struct
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import ktrdr
from ktrdr.data.bars import BarSeries
from ktrdr.errors import (
    AccountingIdentity,
    ArgumentInvalid,
    DataDuplicate,
    DataEmpty,
    DataNonfinite,
    DataNoTimezone,
    DataOhlcOrder,
    DataPriceRange,
    DataTimeframe,
    DataTimeUnit,
    DataTooShort,
    DataUnsorted,
    FillPrice,
    IdentityMismatch,
    KtrdrError,
    SnapshotCorrupt,
    SnapshotInconsistent,
    SnapshotTooNew,
    from_code,
)
from ktrdr.time import Timeframe, iso
from support.runs.blake3 import blake3
from support.runs.signal_runs import HOUR_NS, RULES, START_NS, market, signals_for


def whole(**given: Any) -> Any:
    return ktrdr.simulate(market(), signals_for(), **RULES, **given)


# what it takes


def test_polars_arrow_and_pandas_give_the_same_run() -> None:
    bars = market()
    signals = signals_for()
    stamped = bars.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    athens = stamped.with_columns(pl.col("timestamp").dt.convert_time_zone("Europe/Athens"))
    table = stamped.to_arrow()
    frame = stamped.to_pandas().set_index("timestamp").rename(columns=str.title)
    frame = frame.rename(columns={"Conversion_Rate": "conversion_rate"})
    assert isinstance(frame.index, pd.DatetimeIndex)
    hashes = {ktrdr.simulate(given, signals, **RULES).result_hash for given in (bars, stamped, athens, table, frame)}
    assert hashes == {whole().result_hash}


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("year", [1600, 2400])
def test_a_year_that_nanoseconds_do_not_hold_is_refused(unit: Any, year: int) -> None:
    flat = dict.fromkeys(("open", "high", "low", "close"), [10.0] * 3)
    stamps = np.datetime64(f"{year}-01-02T00:00", unit) + np.arange(3) * np.timedelta64(1, "h")
    zoned = pd.DatetimeIndex(stamps).tz_localize("UTC")
    polars = pl.DataFrame({"timestamp": pl.Series(stamps).dt.replace_time_zone("UTC"), **flat})
    for bars in (pd.DataFrame(flat, index=zoned), polars, polars.to_arrow()):
        with pytest.raises(DataTimeUnit, match=f"cannot be counted in nanoseconds: found {year}-01-02"):
            ktrdr.simulate(bars, [0, 0, 0])


def test_the_number_of_threads_changes_no_bit_and_no_error() -> None:
    bars = 600_000  # blocks enough for several threads, of stamps too
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 5e-4, bars)))
    stamps = START_NS + HOUR_NS // 60 * np.arange(bars)
    frame = pl.DataFrame({"timestamp": stamps, "open": walk, "high": walk, "low": walk, "close": walk})
    signals = np.random.default_rng(4).choice(np.array([-1, 0, 0, 0, 1], np.int8), bars)
    results = [ktrdr.simulate(frame, signals, threads=threads) for threads in (1, 2, 5, None)]
    assert len({(result.result_hash, result.final_equity) for result in results}) == 1
    broken = frame.with_columns(pl.when(pl.int_range(bars) == 444_444).then(0.0).otherwise("low").alias("low"))
    for threads in (1, 2, 5):
        with pytest.raises(DataPriceRange, match="444444"):
            ktrdr.simulate(broken, signals, threads=threads)
    with pytest.raises(ArgumentInvalid, match="threads"):
        ktrdr.simulate(frame, signals, threads=0)


def test_signals_are_cast_only_without_loss() -> None:
    bars = market()
    signals = signals_for()
    expected = whole().result_hash
    for given in (signals.tolist(), signals.astype(np.float64), signals.astype(np.int64), pl.Series(signals)):
        assert ktrdr.simulate(bars, given, **RULES).result_hash == expected
    for refused in (
        signals + 0.5,
        signals.astype(np.int64) + 256,
        signals.astype(str),
        np.full(300, np.nan),
        signals[None],
    ):
        with pytest.raises(ArgumentInvalid):
            ktrdr.simulate(bars, refused, **RULES)


def test_no_confidence_is_certainty_and_nan_is_undefined() -> None:
    certain = whole(confidence=np.ones(300))
    assert certain.result_hash == whole().result_hash
    undefined = whole(confidence=np.full(300, np.nan, np.float32))
    assert (undefined.metrics["undefined_bars"], len(undefined.fills)) == (300, 0)


def test_the_caller_s_arrays_stay_as_they_are() -> None:
    bars = market()
    signals = signals_for()
    before = (bars.clone(), signals.copy())
    ktrdr.simulate(bars, signals, **RULES)
    assert bars.equals(before[0])
    assert np.array_equal(signals, before[1])


# what it refuses


def changed(row: int, **values: float) -> pl.DataFrame:
    bars = market().with_row_index("row")
    edits = [pl.when(pl.col("row") == row).then(pl.lit(v)).otherwise(pl.col(k)).alias(k) for k, v in values.items()]
    return bars.with_columns(edits).drop("row")


def naive_frame() -> pd.DataFrame:
    frame = market().to_pandas().drop(columns="timestamp")
    return frame.set_index(pd.date_range("2024", periods=300, freq="h"))


BAD_BARS: list[tuple[type[KtrdrError], pl.DataFrame, dict[str, Any]]] = [
    (DataEmpty, market().head(0), {}),
    (DataTooShort, market(), {"warmup_bars": 300}),
    (DataNonfinite, changed(7, close=float("nan")), {"row": 7, "field": "close"}),
    (DataNonfinite, changed(7, high=float("inf")), {"row": 7, "field": "high"}),
    (DataNonfinite, changed(7, conversion_rate=float("nan")), {"row": 7, "field": "conversion_rate"}),
    (DataPriceRange, changed(7, low=0.0), {"row": 7, "field": "low"}),
    (DataPriceRange, changed(7, conversion_rate=-1.0), {"row": 7, "field": "conversion_rate"}),
    (DataOhlcOrder, changed(7, high=1.0), {"row": 7, "field": "high"}),
    (DataDuplicate, changed(7, timestamp=START_NS + 6 * HOUR_NS), {"row": 7, "field": "timestamp"}),
    (DataUnsorted, changed(7, timestamp=START_NS + 5 * HOUR_NS), {"row": 7, "field": "timestamp"}),
    (DataTimeframe, changed(7, timestamp=START_NS + 7 * HOUR_NS - 1), {"row": 7, "field": "timestamp"}),
    (DataTimeframe, market(), {"timeframe": "5m"}),
    (DataTimeframe, market(), {"timeframe": "4h"}),
    (DataTimeUnit, market().with_columns(pl.col("timestamp") // 1_000_000), {}),
    (DataNoTimezone, market().with_columns(pl.col("timestamp").cast(pl.Datetime("ns"))), {}),
    (DataNoTimezone, naive_frame(), {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "bars", "about"), BAD_BARS, ids=lambda value: getattr(value, "code", ""))
def test_bad_bars_are_refused_with_row_and_field(kind: type[KtrdrError], bars: Any, about: dict[str, Any]) -> None:
    given = {key: about[key] for key in ("timeframe", "warmup_bars") if key in about}
    with pytest.raises(kind) as caught:
        ktrdr.simulate(bars, signals_for(len(bars)), **RULES, **given)
    assert caught.value.code == kind.code
    for key in ("row", "field"):
        if key in about:
            assert getattr(caught.value, key) == about[key]


def test_a_bar_that_is_a_nanosecond_early_is_refused_with_that_distance() -> None:
    early = changed(7, timestamp=START_NS + 7 * HOUR_NS - 1)
    with pytest.raises(
        DataTimeframe, match=r"overlap: found .*, 3599.999999999 s after the bar before, expected 3600 s"
    ):
        ktrdr.simulate(early, signals_for(len(early)))
    with pytest.raises(DataTimeframe, match=r"not the timeframe: found 3599.999999999 s, expected 1h"):
        ktrdr.simulate(early[6:8], [0, 0], timeframe="1h")


def test_broken_bars_are_named_before_what_follows_from_them() -> None:
    broken = market().with_columns(
        low=pl.when(pl.int_range(pl.len()).is_in([7, 250])).then(-1.0).otherwise(pl.col("low")),
        volume=pl.lit(1.0),
    )
    for signals, more in (
        (signals_for(299), {}),
        (signals_for(), {"warmup_bars": -1}),
        (signals_for(), {"timeframe": "4h"}),
    ):
        with pytest.raises(DataPriceRange) as caught:
            ktrdr.simulate(broken, signals, **more)
        assert caught.value.row == 7
        assert "250" in str(caught.value.to_dict()), "the error lists every broken row"


def test_a_broken_volume_is_refused_although_the_core_reads_none() -> None:
    for volume in (-1.0, float("nan"), float("inf")):
        column = pl.when(pl.int_range(pl.len()) == 9).then(volume).otherwise(5.0)
        with pytest.raises(KtrdrError) as caught:
            ktrdr.simulate(market().with_columns(volume=column), signals_for())
        assert (getattr(caught.value, "row", None), getattr(caught.value, "field", None)) == (9, "volume")


def test_stamps_that_fall_far_behind_are_refused_as_unsorted() -> None:
    stamps = market()["timestamp"].to_list()
    stamps[150] = stamps[0] - 10**15
    with pytest.raises(DataUnsorted) as caught:
        ktrdr.simulate(market().with_columns(timestamp=pl.Series(stamps)), signals_for())
    assert caught.value.row == 150


def test_frames_keep_their_values_after_the_run_is_gone() -> None:
    result = whole()
    fills = result.fills
    trades = result.trades
    digest = result.result_hash
    before = (fills.to_dicts(), trades.to_dicts())
    del result
    gc.collect()
    again = [whole() for _ in range(5)]
    assert (fills.to_dicts(), trades.to_dicts()) == before
    assert {run.result_hash for run in again} == {digest}


def test_the_ledger_of_an_ended_run_cannot_be_written() -> None:
    run = ktrdr.Simulation(market(), signals_for(), **RULES)
    run.run(until=200)
    # A run that has not ended gives copies.
    run._core.table("equity")["equity"][0] = 0.0
    assert run.equity_now > 0 and run._core.table("equity")["equity"][0] > 0
    run.run()
    with pytest.raises(ValueError, match="read-only"):
        run._core.table("equity")["equity"][0] = 0.0


BAD_ARGUMENTS: list[dict[str, Any]] = [
    {"signals": np.full(300, 2, np.int8)},
    {"signals": signals_for(299)},
    {"confidence": np.full(300, 1.5)},
    {"confidence": np.full(300, -0.1)},
    {"confidence": np.ones(299)},
    {"confidence": ["high"] * 300},
    {"initial_capital": 0.0},
    {"initial_capital": float("inf")},
    {"initial_capital": float("nan")},
    {"initial_capital": "lots"},
    {"warmup_bars": -1},
    {"warmup_bars": 1.5},
    {"timeframe": "7h"},
    {"execution": {"exits": {"stop_loss": {"atr": 2.0}}}},
]


@pytest.mark.parametrize("given", BAD_ARGUMENTS, ids=" ".join)
def test_bad_arguments_are_refused(given: dict[str, Any]) -> None:
    arguments = {"bars": market(), "signals": signals_for(), **given}
    with pytest.raises(ArgumentInvalid):
        ktrdr.simulate(**arguments)


@pytest.mark.parametrize("symbol", [None, ["x"], 1, b"x"])
def test_a_symbol_is_text(symbol: Any) -> None:
    series = BarSeries.from_frame(market(9), "X", Timeframe.H1)
    doors = [
        lambda: ktrdr.simulate(market(9), [0] * 9, symbol=symbol),
        lambda: ktrdr.simulate(series, [0] * 9, symbol=symbol),
        lambda: ktrdr.Simulation(market(9), [0] * 9, symbol=symbol),
        lambda: ktrdr.SimulationStream(timeframe="1h", metrics={"periods_per_year": 252}, symbol=symbol),
        lambda: ktrdr.sweep(market(9), [0] * 9, grid={"execution.exits.max_holding_bars": [1, 2]}, symbol=symbol),
    ]
    for door in doors:
        with pytest.raises(ArgumentInvalid, match=r"symbol: a name is needed: found .*, expected text"):
            door()


def test_one_bar_needs_its_timeframe() -> None:
    with pytest.raises(ArgumentInvalid, match="timeframe"):
        ktrdr.simulate(market(1), [0])
    assert ktrdr.simulate(market(1), [0], timeframe="1h").final_equity == 100_000.0


def test_a_fill_below_nothing_is_an_error_with_its_bar() -> None:
    execution = {"slippage": {"ticks": 1_000}, "instrument": {"tick_size": 1.0}}
    with pytest.raises(FillPrice) as caught:
        ktrdr.simulate(market(), signals_for(), execution=execution, decisions=RULES["decisions"])
    assert caught.value.row is not None
    assert caught.value.code == "fill_price"


def test_errors_of_the_core_survive_a_pickle() -> None:
    with pytest.raises(DataPriceRange) as caught:
        ktrdr.simulate(changed(7, low=0.0), signals_for())
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert isinstance(from_code("accounting_identity", "x"), AccountingIdentity)


# what it gives


def test_frames_have_their_schemas() -> None:
    result = whole(symbol="EURUSD")
    time = pl.Datetime("ns", "UTC")
    assert result.fills.schema["time"] == time
    assert result.trades.columns == [
        "trade_id", "symbol", "direction", "entry_bar", "entry_time", "entry_price", "exit_bar", "exit_time",
        "exit_price", "quantity", "gross_pnl", "commission", "financing", "net_pnl", "slippage", "spread",
        "return_rate", "bars_held", "hours_held", "mfe", "mae", "mfe_rate", "mae_rate", "entry_confidence",
        "exit_confidence", "stop_price", "target_price", "exit_reason",
    ]  # fmt: skip
    assert result.fills.columns == [
        "bar", "time", "symbol", "trade_id", "side", "quantity", "price", "reference_price", "commission",
        "slippage", "spread", "reason",
    ]  # fmt: skip
    assert result.equity.schema == pl.Schema(
        {"bar": pl.Int64, "time": time, **dict.fromkeys(("equity", "cash", "quantity", "drawdown"), pl.Float64)}
    )
    assert result.refused.columns == ["bar", "time", "side", "quantity", "reason"]
    assert result.trades["exit_confidence"].null_count() > 0
    assert set(result.fills["symbol"]) == {"EURUSD"}


def test_the_equity_frame_is_the_replay_of_the_fills() -> None:
    result = whole()
    bars = market()
    held = 0.0
    drawdown = 0.0
    fills = {bar: rows for (bar,), rows in result.fills.group_by("bar", maintain_order=True)}
    peak = 100_000.0
    for row in result.equity.iter_rows(named=True):
        for fill in fills.get(row["bar"], pl.DataFrame()).iter_rows(named=True):
            held = held + fill["side"] * fill["quantity"]
            held = 0.0 if abs(held) < 1e-6 else held
        close = bars["close"][row["bar"]]
        rate = bars["conversion_rate"][row["bar"]]
        peak = max(peak, row["equity"])
        drawdown = max(drawdown, (peak - row["equity"]) / peak)
        assert row["quantity"] == pytest.approx(held)
        assert row["cash"] + held * close * rate == pytest.approx(row["equity"])
        assert row["drawdown"] == pytest.approx((peak - row["equity"]) / peak)
    assert drawdown == pytest.approx(result.metrics["max_drawdown"])


def test_undefined_metrics_say_why() -> None:
    result = ktrdr.simulate(market(5), [0] * 5)
    assert result.metrics["sharpe"] is None
    assert result.undefined["sharpe"] == "too_few_returns"
    assert result.undefined["win_rate"] == result.undefined["break_even_bps"] == "no_trades"
    assert {name for name, value in result.metrics.items() if value is None} == set(result.undefined)
    assert result.metrics["trades"] == 0 and result.blocks is None


def test_conventions_travel_and_flattery_is_named() -> None:
    plain = whole()
    assert plain.conventions["fill"] == "next_open" and not plain.conventions["optimistic"] and plain.warnings == ()
    borrowed = ktrdr.simulate(market(), signals_for(), execution={"fill": "this_close", "margin": {"max_leverage": 5}})
    assert borrowed.conventions["optimistic"]
    assert any("max_leverage" in line for line in borrowed.warnings) and any(
        "this_close" in line for line in borrowed.warnings
    )
    touched = ktrdr.simulate(market(), signals_for(), execution={"intrabar": "optimistic"})
    line = "execution.intrabar is optimistic: a bar that touches stop and target fills the target (optimistic)"
    assert touched.conventions["optimistic"] and touched.warnings == (line,)
    assert ktrdr.simulate(market(), signals_for(), execution={"intrabar": "ohlc"}).warnings == ()


def encoded_result(result: Any) -> bytes:
    """The canonical bytes of a result, written from the description of the hash."""
    data = b"ktrdr-result-1"
    for frame in (result.fills, result.trades, result.equity.select("time", "equity")):
        data += struct.pack("<Q", len(frame))
        for name, kind in frame.schema.items():
            nullable = name in ("exit_confidence", "stop_price", "target_price")
            column = frame[name]
            if nullable:
                data += bytes(column.is_not_null().cast(pl.UInt8).to_list())
            data += b"".join(encoded(value, kind) for value in values_of(column, kind))
    data += struct.pack("<Q", len(result.metrics))
    for name, value in sorted(result.metrics.items()):
        data += struct.pack("<I", len(name)) + name.encode() + bytes([value is not None])
        data += struct.pack("<d", (value or 0.0) + 0.0)
    return data


def values_of(column: pl.Series, kind: Any) -> list[Any]:
    if isinstance(kind, pl.Enum):
        return column.to_physical().to_list()
    if isinstance(kind, pl.Datetime):
        return column.dt.timestamp("ns").to_list()
    return column.to_list() if kind == pl.String else column.fill_null(0).to_list()


def encoded(value: Any, kind: Any) -> bytes:
    if isinstance(kind, pl.Enum) or kind == pl.Int8:
        return struct.pack("<b", value)
    if kind == pl.String:
        return struct.pack("<I", len(value.encode())) + value.encode()
    code = {pl.Float64: "<d", pl.Float32: "<f"}.get(type(kind), "<q")
    return struct.pack(code, value + 0.0 if "q" not in code else value)


def test_the_result_hash_is_that_of_the_described_bytes() -> None:
    assert blake3(b"") == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    result = ktrdr.simulate(market(60), signals_for(60), symbol="ÆX", **RULES)
    assert len(result.trades) > 2
    assert result.result_hash == blake3(encoded_result(result))


# cut anywhere


def begun(until: int, **given: Any) -> Any:
    part = ktrdr.Simulation(market(), signals_for(), **RULES, **given)
    part.run(until=until)
    return part


@pytest.mark.parametrize("bar", [0, 1, 5, 150, 299, 300])
def test_a_run_continues_from_its_bytes(bar: int) -> None:
    part = begun(bar)
    again = ktrdr.Simulation.restore(part.snapshot(), market(), signals_for(), ledger=part.ledger())
    assert again.next_bar == bar
    again.run()
    assert again.result().result_hash == whole().result_hash
    assert again.result().equity.equals(whole().equity)


def test_a_snapshot_does_not_depend_on_how_it_was_reached() -> None:
    straight = begun(200)
    halting = begun(50)
    halting.snapshot()
    halting.run(until=200)
    assert straight.snapshot() == halting.snapshot()
    assert len(straight.snapshot()) <= 4_096


def test_more_bars_than_before_are_welcome() -> None:
    part = ktrdr.Simulation(market()[:200], signals_for()[:200], metrics={"periods_per_year": 252}, **RULES)
    part.run(until=150)
    again = ktrdr.Simulation.restore(part.snapshot(), market(), signals_for(), ledger=part.ledger())
    again.run()
    expected = ktrdr.simulate(market(), signals_for(), metrics={"periods_per_year": 252}, **RULES)
    assert again.result().result_hash == expected.result_hash


@pytest.mark.parametrize("until", [None, 150, 151])
def test_a_restored_run_without_a_new_bar_says_what_to_do(until: int | None) -> None:
    part = begun(150)
    given = market()[:150], signals_for()[:150]
    again = ktrdr.Simulation.restore(part.snapshot(), *given, ledger=part.ledger())
    with pytest.raises(ArgumentInvalid, match=r"bars: every bar given .*: found 150; restore .*result\(partial=True\)"):
        again.run(until)
    again.run(until=149)
    assert again.result(partial=True).fills.equals(part.result(partial=True).fills)


def test_a_fork_names_the_bar_that_does_not_follow_its_parent() -> None:
    part = begun(150)
    early = market().with_columns(pl.col("timestamp") - 24 * HOUR_NS)
    with pytest.raises(DataUnsorted) as caught:
        ktrdr.Simulation.restore(part.snapshot(), early, signals_for(), ledger=part.ledger(), execution={})
    assert caught.value.row == 150
    assert caught.value.found == iso(int(early["timestamp"][150]))


def test_changed_inputs_are_refused_by_name() -> None:
    part = begun(150)
    blob = part.snapshot()
    ledger = part.ledger()
    bars = market()
    signals = signals_for()
    flipped = signals.copy()
    flipped[149] = (flipped[149] + 2) % 3 - 1
    later = signals.copy()
    later[150:] = 0
    moved = bars.with_columns(
        pl.when(pl.col("timestamp") == START_NS).then(99.9).otherwise(pl.col("open")).alias("open")
    )
    fewer = {**ledger, "fills": ledger["fills"][:-1]}
    cases = [
        ("bars", moved, signals, ledger),
        ("signals", bars, flipped, ledger),
        ("ledger fills", bars, signals, fewer),
    ]
    for name, some_bars, some_signals, some_ledger in cases:
        with pytest.raises(IdentityMismatch) as caught:
            ktrdr.Simulation.restore(blob, some_bars, some_signals, ledger=some_ledger)
        assert caught.value.part == name
    ktrdr.Simulation.restore(blob, bars, later, ledger=ledger).run()
    with pytest.raises(ArgumentInvalid, match="ledger"):
        ktrdr.Simulation.restore(blob, bars, signals)
    with pytest.raises(IdentityMismatch):
        ktrdr.Simulation.restore(blob, bars[:100], signals[:100], ledger=ledger)


def test_damaged_bytes_are_refused() -> None:
    part = begun(150)
    blob = part.snapshot()
    ledger = part.ledger()
    for damaged in (b"", blob[:-1], blob + b"\0", blob[:20] + bytes([blob[20] ^ 1]) + blob[21:]):
        with pytest.raises(SnapshotCorrupt):
            ktrdr.Simulation.restore(damaged, market(), signals_for(), ledger=ledger)


def crc32c(data: bytes) -> bytes:
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
    return struct.pack("<I", rest ^ 0xFFFFFFFF)


HEADER_BYTES = 456


@pytest.mark.parametrize(
    ("offset", "value", "kind"),
    [(8, struct.pack("<H", 2), SnapshotTooNew), (10, struct.pack("<H", 3), SnapshotTooNew),
     (44, struct.pack("<Q", 151), SnapshotInconsistent), (412, struct.pack("<Q", 2**60), SnapshotCorrupt)],
)  # fmt: skip
def test_a_header_with_a_good_checksum_can_still_be_wrong(offset: int, value: bytes, kind: type[KtrdrError]) -> None:
    part = begun(150)
    blob = part.snapshot()
    head = blob[:offset] + value + blob[offset + len(value) : HEADER_BYTES - 4]
    forged = head + crc32c(head) + blob[HEADER_BYTES:]
    with pytest.raises(kind) as caught:
        ktrdr.Simulation.restore(forged, market(), signals_for(), ledger=part.ledger())
    assert caught.value.code in {"snapshot_too_new", "snapshot_inconsistent", "snapshot_corrupt"}


def test_other_rules_make_a_fork() -> None:
    part = begun(150)
    free = {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}}
    fork = ktrdr.Simulation.restore(part.snapshot(), market(), signals_for(), ledger=part.ledger(), execution=free)
    fork.run()
    result = fork.result()
    before = whole()
    assert result.conventions["forked_from_bar"] == 150
    assert result.fills.filter(pl.col("bar") < 150).equals(before.fills.filter(pl.col("bar") < 150))
    assert result.fills.filter(pl.col("bar") >= 150)["commission"].sum() == 0
    assert result.conventions["costs"]["financing"]["long_rate"] == 0.02
    parent = begun(150)
    child = ktrdr.Simulation.restore(parent.snapshot(), market(), signals_for(), ledger=parent.ledger(), execution={})
    assert child.snapshot() != parent.snapshot()


def test_a_partial_result_marks_what_is_open_and_stays_as_it_was() -> None:
    part = begun(150)
    with pytest.raises(ArgumentInvalid, match="last bar"):
        part.result()
    early = part.result(partial=True)
    assert early.partial and (early.open_position is None) == (early.equity["quantity"][-1] == 0)
    expected = (len(part.result(partial=True).equity), part.result(partial=True).result_hash)
    part.run()
    assert (len(early.equity), early.result_hash) == expected
    assert not part.result().partial


def test_the_largest_snapshot_fits_into_four_kibibytes() -> None:
    sizing = {"kind": "volatility_target", "annual": 0.2, "window": 128}
    execution = {**RULES["execution"], "sizing": sizing}
    part = ktrdr.Simulation(market(), signals_for(), decisions=RULES["decisions"], execution=execution, symbol="EURUSD")
    part.run(until=299)
    assert len(part.snapshot()) <= 4_096
    again = ktrdr.Simulation.restore(part.snapshot(), market(), signals_for(), ledger=part.ledger())
    again.run()
    part.run()
    assert again.result().result_hash == part.result().result_hash
