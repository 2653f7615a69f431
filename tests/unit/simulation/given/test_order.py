"""Columns that bring row labels: put into the bars' order, or refused with how many and which."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import ktrdr
from ktrdr.errors import ArgumentInvalid, DataNoTimezone, DataParse, KtrdrError
from ktrdr.simulation.given.order import BarOrder
from ktrdr.time import Timeframe
from support.runs.signal_runs import HOUR_NS, RULES, START_NS, market, signals_for

ROWS = 60
INDEX = pd.date_range("2024-01-01", periods=ROWS, freq="h", tz="UTC")


def frame() -> pd.DataFrame:
    return market(ROWS).to_pandas().drop(columns="timestamp").set_index(INDEX)


def column() -> pd.Series:
    return pd.Series(signals_for(ROWS), index=INDEX)


def stamped(values: Any = None) -> pl.DataFrame:
    values = signals_for(ROWS) if values is None else values
    return pl.DataFrame({"timestamp": market(ROWS)["timestamp"], "signal": values})


def expected() -> str:
    return ktrdr.simulate(market(ROWS), signals_for(ROWS), **RULES).result_hash


def hash_of(bars: Any, signals: Any, **given: Any) -> str:
    return ktrdr.simulate(bars, signals, **RULES, **given).result_hash


SHUFFLED = np.random.default_rng(3).permutation(ROWS)
ORDERS: list[Callable[[], Any]] = [
    lambda: column()[::-1],
    lambda: column().iloc[SHUFFLED],
    lambda: column().iloc[SHUFFLED].tz_convert("America/New_York"),
    lambda: column().iloc[SHUFFLED].astype("Int8"),
    lambda: column().iloc[SHUFFLED].to_frame("signal"),
    lambda: column().iloc[SHUFFLED].rename_axis("Timestamp").reset_index(),
    lambda: stamped()[::-1],
    lambda: stamped()[SHUFFLED.tolist()],
    lambda: stamped()[SHUFFLED.tolist()].rename(str.title),
    stamped()[::-1].lazy,
    stamped()[SHUFFLED.tolist()].to_arrow,
    lambda: stamped()[::-1].to_arrow().combine_chunks().to_batches()[0],
    stamped()["signal"].to_arrow,
    lambda: stamped().select("signal").to_arrow(),
    lambda: stamped().to_arrow()["signal"],
    lambda: stamped()[::-1].with_columns(pl.from_epoch("timestamp", "ns").dt.replace_time_zone("UTC")),
]


@pytest.mark.parametrize("given", ORDERS)
@pytest.mark.parametrize("bars", [market(ROWS), frame(), market(ROWS).to_arrow()], ids=["polars", "pandas", "arrow"])
def test_the_same_stamps_in_another_order_are_put_in_order(bars: Any, given: Callable[[], Any]) -> None:
    assert hash_of(bars, given()) == expected()


@pytest.mark.parametrize("bars", [market(ROWS), frame()], ids=["polars", "pandas"])
@pytest.mark.parametrize("given", [lambda: column().reset_index(drop=True), lambda: column().to_numpy(),
                                   lambda: column().tolist(), lambda: pl.Series(signals_for(ROWS)),
                                   lambda: column().array, lambda: stamped().select("signal"), column])  # fmt: skip
def test_a_column_that_says_nothing_goes_by_position(bars: Any, given: Callable[[], Any]) -> None:
    assert hash_of(bars, given()) == expected()


def test_every_door_aligns_alike() -> None:
    bars = frame()
    turned = column()[::-1]
    sure = pd.Series(np.linspace(0, 1, ROWS), INDEX)
    rules = {**RULES, "metrics": {"periods_per_year": 252}}
    plain = ktrdr.simulate(bars, column().to_numpy(), sure.to_numpy(), **rules)
    run = ktrdr.Simulation(bars, turned, sure[::-1], **rules)
    run.run(until=20)
    again = ktrdr.Simulation.restore(run.snapshot(), bars, turned, sure.iloc[SHUFFLED], ledger=run.ledger())
    again.run()
    stream = ktrdr.SimulationStream(timeframe="1h", **rules)
    for low in range(0, ROWS, 7):
        part = slice(low, low + 7)
        stream.feed(bars.iloc[part], column().iloc[part][::-1], sure.iloc[part][::-1], last=low + 7 >= ROWS)
    hashes = {one.result().result_hash for one in (again, stream)}
    assert hashes == {plain.result_hash}
    with pytest.raises(ArgumentInvalid, match="not those of the bars"):
        ktrdr.Simulation.restore(run.snapshot(), bars, turned[:-1], ledger=run.ledger())


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: column().shift(freq="D"), "24 of 60 bars without a value, the first 2024-01-01T00:00:00Z and 24 values"),
    (lambda: column()[:-3], "3 of 60 bars without a value, the first 2024-01-03T09:00:00Z"),
    (lambda: pd.concat([column(), column().shift(freq="30D")[:2]]), "2 values without a bar"),
    (lambda: pd.concat([column(), column()[5:6]]), "stamps occur twice: found 1 stamps, the first 2024-01-01T05"),
    (lambda: pd.concat([column()[:-1], column()[5:6]]), "stamps occur twice"),
    (lambda: stamped()[1:], "1 of 60 bars without a value"),
    (lambda: pl.concat([stamped(), stamped()[:1]]), "stamps occur twice"),
    (lambda: stamped().with_columns(other=pl.lit(1)), "one column of values is needed: found signal, other"),
    (lambda: stamped().select("timestamp"), "one column of values is needed"),
    (lambda: column().reset_index(drop=True)[1:], "row labels"),
    (lambda: column().reset_index(drop=True)[:-1], "one value per bar"),
    (lambda: column().set_axis([f"row {row}" for row in range(ROWS)]), "row labels"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_what_does_not_fit_is_refused_with_how_many_and_which(given: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentInvalid, match="signals") as caught:
        hash_of(market(ROWS), given())
    assert message in str(caught.value)
    with pytest.raises(ArgumentInvalid, match="confidence") as caught:
        hash_of(market(ROWS), signals_for(ROWS), confidence=given())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "made",
    [
        lambda twice: twice,
        lambda twice: twice.lazy(),
        lambda twice: twice.to_pandas(),
        lambda twice: twice.to_arrow(),
        lambda twice: twice.to_arrow().rename_columns(["timestamp", "signal", "timestamp"]),
    ],
)
def test_two_columns_of_stamps_are_refused(made: Callable[[pl.DataFrame], Any]) -> None:
    twice = stamped().with_columns(Timestamp=pl.col("timestamp"))
    with pytest.raises(DataParse, match=r"signals: timestamp: two columns of one name.*case does not count"):
        hash_of(market(ROWS), made(twice))


def test_a_naive_index_is_refused_unless_it_is_that_of_the_bars() -> None:
    naive = column().tz_localize(None)
    with pytest.raises(DataNoTimezone, match="signals"):
        hash_of(market(ROWS), naive)
    with pytest.raises(DataNoTimezone, match="confidence: index: the stamps have no time zone"):
        hash_of(market(ROWS), signals_for(ROWS), confidence=naive)
    bars = frame().reset_index(names="timestamp").set_index(naive.index)
    assert hash_of(bars, naive) == expected()


def test_row_labels_of_the_bars_order_a_column() -> None:
    bars = frame().reset_index(names="timestamp").set_index(pd.Index([f"row {row}" for row in range(ROWS)]))
    labelled = column().set_axis(bars.index)
    assert hash_of(bars, labelled.iloc[SHUFFLED]) == expected()
    wrongs = (
        (labelled[2:], "2 of 60 bars without a value, the first row 0"),
        (labelled.rename({"row 3": "row 4"}), "row labels occur twice: found 1 labels, the first row 4"),
        (labelled.rename({"row 3": "x"}), "1 values without a bar, the first x"),
    )
    for wrong, message in wrongs:
        with pytest.raises(ArgumentInvalid) as caught:
            hash_of(bars, wrong)
        assert message in str(caught.value)


def test_bars_turned_round_keep_their_column_and_ask_about_another() -> None:
    """A file newest first, turned round: labels n-1 to 0."""
    bars = frame().reset_index(names="timestamp")[::-1].reset_index(drop=True)[::-1]
    own = pd.Series(signals_for(ROWS), bars.index)
    assert hash_of(bars, own) == expected()
    assert hash_of(bars, own.to_numpy()) == expected()
    with pytest.raises(ArgumentInvalid, match="in another order, or none"):
        hash_of(bars, own.sort_index())


def test_daily_columns_meet_bars_by_their_date() -> None:
    index = pd.date_range("2024-03-20", periods=20, freq="D", tz="Europe/Berlin")
    bars = market(20).to_pandas().drop(columns="timestamp").set_index(index)
    signals = pd.Series(signals_for(20), index)
    dates = signals.set_axis(index.tz_localize(None).tz_localize("UTC"))
    plain = ktrdr.simulate(bars, signals.to_numpy(), **RULES).result_hash
    for given in (signals[::-1], dates[::-1], pl.from_pandas(dates.rename_axis("timestamp").reset_index(name="s"))):
        assert ktrdr.simulate(bars, given, **RULES).result_hash == plain


def test_every_order_of_a_small_world() -> None:
    """Every order, every gap and every repetition of four stamps over three bars."""
    stamps = [START_NS + row * HOUR_NS for row in range(4)]
    order = BarOrder(None, np.array(stamps[:3]), Timeframe.H1)
    fitting = 0
    for length in range(5):
        for rows in permutations((0, 1, 2, 3, 0), length):
            given = pl.DataFrame({"timestamp": [stamps[row] for row in rows], "value": list(rows)},
                                 schema={"timestamp": pl.Int64, "value": pl.Int64})  # fmt: skip
            series = pd.Series(list(rows), pd.to_datetime([stamps[row] for row in rows], utc=True), dtype="int64")
            for one in (given, series):
                if sorted(rows) == [0, 1, 2]:
                    assert order.arrange("signals", one).tolist() == [0, 1, 2]
                    fitting += 1
                else:
                    with pytest.raises(KtrdrError):
                        order.arrange("signals", one)
    assert fitting == 2 * 2 * 6
