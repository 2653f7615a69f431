"""Replays of made-up bars through the parts of live trading, beside the backtest over the same bars."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from websockets.sync.server import ServerConnection, serve

import ktrdr
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.bars import BarSeries
from ktrdr.decision.engine import DecisionEngine
from ktrdr.time import Timeframe
from support.inputs import worlds

EXECUTION: Mapping[str, Any] = {
    "exits": {"stop_loss": {"atr": 2.0}, "take_profit": {"rate": 0.01}, "max_holding_bars": 30}
}
METRICS: Mapping[str, Any] = {"periods_per_year": 252}
OPEN_END = {"close_at_end": False}


def furnished(folder: Path, kind: str = "mlp", *, seed: int | None = None, **changes: Any) -> Mapping[str, Any]:
    """A strategy of ``worlds`` with a net in that folder; the strategy as a mapping."""
    folder.mkdir(parents=True, exist_ok=True)
    file = worlds.strategy(kind, execution=dict(EXECUTION), metrics=dict(METRICS), **changes)
    worlds.untrained(folder, file, seed=worlds.SEEDS[kind] if seed is None else seed)
    return file


def expected(folder: Path, file: Mapping[str, Any], kind: str, n_bars: int, **rest: Any) -> BacktestResults:
    """The backtest over the first bars of a walk, which does not close its last position."""
    bars = worlds.bars(n_bars, kind)
    return ktrdr.backtest(file, "EURUSD", "1h", bars=bars, data_dir=folder, execution=OPEN_END, threads=1, **rest)


def base_bars(n_bars: int) -> BarSeries:
    """The base bars of that walk."""
    return BarSeries.from_frame(worlds.frame(n_bars), "EURUSD", Timeframe.H1)


def engine(folder: Path, file: Mapping[str, Any], run: str = "run", **rest: Any) -> DecisionEngine:
    """An engine before its first bar."""
    config = BacktestConfig.of(file, "EURUSD", "1h", data_dir=folder, execution=OPEN_END, threads=1, **rest)
    return DecisionEngine(run, config)


def csv_of(frame: pl.DataFrame) -> str:
    """Bars as a feed's CSV, head included."""
    return frame.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv()


def json_bars(frame: pl.DataFrame) -> list[str]:
    """Bars as JSON lines."""
    timed = frame.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return [json.dumps(row) for row in timed.to_dicts()]


class BarServer:
    """A WebSocket that sends bars after the stamp it is asked for, and cuts the connection after each of some bars.

    Args:
        frame: all bars.
        cuts: numbers of bars; the connection is cut before each of them, once.
    """

    def __init__(self, frame: pl.DataFrame, cuts: tuple[int, ...] = ()) -> None:
        self._stamps = frame["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").to_list()
        self._messages = json_bars(frame)
        self._cuts = set(cuts)
        self.asked: list[str | None] = []

    def __call__(self, connection: ServerConnection) -> None:
        """Answers the subscription of one connection."""
        after = json.loads(connection.recv())["subscribe"]["after"]
        self.asked.append(after)
        first = 0 if after is None else self._stamps.index(after) + 1
        for number in range(first, len(self._messages)):
            if number in self._cuts:
                self._cuts.discard(number)
                connection.close_socket()
                return
            connection.send(self._messages[number])
        connection.send('{"end": true}')

    @property
    def cuts_left(self) -> int:
        """The number of cuts that have not happened."""
        return len(self._cuts)


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    """Serves a handler on a free port of this machine; yields its address."""
    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.socket.getsockname()[1]
        try:
            yield f"ws://127.0.0.1:{port}"
        finally:
            server.shutdown()
            thread.join()
