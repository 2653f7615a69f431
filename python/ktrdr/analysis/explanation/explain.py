"""Why a backtest traded: each entry and exit with its inputs in words, and the part of each in the net's score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.analysis.explanation.decision import Decision, Explanation, Input
from ktrdr.analysis.explanation.gradients import attribute
from ktrdr.analysis.explanation.inputs import run_inputs
from ktrdr.analysis.explanation.words import FeatureWords, feature_words, strongest
from ktrdr.backtesting.decision_function import DecisionFunction
from ktrdr.backtesting.results import BacktestResults, RunInputs
from ktrdr.errors import ArgumentInvalid
from ktrdr.feature_pipeline.resolver import resolve_columns

OUTPUTS: Final = ("buy", "hold", "sell")
"""Names of a classification's scores, in the net's order."""
_SIGNALS: Final = {1: "buy", 0: "hold", -1: "sell"}


def explain(result: BacktestResults, trades: Sequence[int] | None = None, data_dir: Path | None = None) -> Explanation:
    """Returns why a backtest entered and left its trades.

    The inputs of the run are in memory, or are built again and must still have the run's identity. A fill at the next
    open was decided at the close before it; an exit by a rule shows what the net said at the last close before.

    Args:
        result: a completed backtest.
        trades: numbers of the trades to explain; all by default.
        data_dir: folder of bars and models of a stored run.

    Raises:
        IdentityMismatch: an input of the run has changed.
        ArgumentInvalid: the result brought no inputs, or has no such trade.
        InternalError: attributions do not add up to the difference of the scores within 1e-3.
    """
    inputs = run_inputs(result, data_dir)
    events = list(_events(result, trades, inputs.features.first_simulated))
    names = inputs.features.names
    values = inputs.features.values
    mean = np.nanmean(values[inputs.features.first_simulated :], axis=0, dtype=np.float64)
    baseline: NDArray[np.float32] = np.asarray(mean, np.float32)
    known = dict(zip(names, baseline.tolist(), strict=True))
    if not events:
        return Explanation((), known)
    bars = np.array([event.bar for event in events])
    net = _Net.of(inputs)
    scores = _scores(inputs, bars, int(result.facts["threads"]))
    signals, _ = net.decide.batch(scores)
    chosen = signals.astype(np.int64) * 0 if net.scale is not None else 1 - signals.astype(np.int64)
    parts, differences = attribute(inputs.bundle.model, _windows(inputs, bars), baseline, chosen)
    times = dict(result.equity.select("bar", "time").iter_rows())
    made = (
        net.decision(event, times[event.bar], scores[row], values[event.bar], parts[row], float(differences[row]))
        for row, event in enumerate(events)
    )
    return Explanation(tuple(made), known)


@dataclass(frozen=True)
class _Event:
    """An entry or an exit, and the bar whose close was decided on."""

    trade: int
    name: str
    cause: str
    bar: int


def _events(result: BacktestResults, trades: Sequence[int] | None, first_bar: int) -> Iterator[_Event]:
    """Yields the entries and exits of trades; one whose decision lies before the first simulated bar has none."""
    frame = result.trades
    if trades is not None:
        if missing := sorted(set(trades) - set(frame["trade_id"].to_list())):
            raise ArgumentInvalid(
                "no such trade", where="trades", found=missing[0], expected=f"0 to {frame.height - 1}"
            )
        frame = frame.filter(pl.col("trade_id").is_in(list(trades)))
    before = 0 if result.conventions["fill"] == "this_close" else 1
    columns = ("trade_id", "entry_bar", "exit_bar", "exit_reason")
    for trade, entry_bar, exit_bar, reason in frame.select(columns).iter_rows():
        # A rule closes inside a bar: the net was last asked at the close before.
        late = before if reason == "signal" else 1
        found = (_Event(trade, "entry", "signal", entry_bar - before), _Event(trade, "exit", reason, exit_bar - late))
        yield from (event for event in found if event.bar >= first_bar)


def _scores(inputs: RunInputs, bars: NDArray[np.int64], threads: int) -> NDArray[np.float32]:
    """Returns the scores of bars with the bits of the run [n, n_outputs, float32]."""
    blocks = [scores for _, _, scores in inputs.bundle.iter_scores(inputs.features.values, threads=threads)]
    return np.concatenate(blocks)[bars]


def _windows(inputs: RunInputs, bars: NDArray[np.int64]) -> NDArray[np.float32]:
    """Returns the input of the net at bars: rows, or windows that end there."""
    model = inputs.bundle.model
    values = inputs.features.values
    if not model.windowed:
        return values[bars]
    rows = bars[:, None] + np.arange(1 - model.sequence_length, 1)
    found: NDArray[np.float32] = values[rows]
    return found


@dataclass(frozen=True)
class _Net:
    """The decision rules of a run, the words of its features, and the return of one unit of a regression's output."""

    decide: DecisionFunction
    words: tuple[FeatureWords, ...]
    scale: float | None

    @classmethod
    def of(cls, inputs: RunInputs) -> _Net:
        decide = DecisionFunction.of(inputs.strategy, inputs.bundle)
        words = feature_words(inputs.strategy, resolve_columns(inputs.strategy))
        scale = None if decide.output_format == "classification" else inputs.bundle.metadata.target_scale
        return cls(decide, words, scale)

    def decision(
        self,
        event: _Event,
        time: datetime,
        scores: NDArray[np.float32],
        values: NDArray[np.float32],
        parts: Floats,
        difference: float,
    ) -> Decision:
        """Returns one decision: what the net said, by how much, and why."""
        signals, confidence = self.decide.batch(scores[None, :])
        signal = _SIGNALS[int(signals[0])]
        unit = 1.0 if self.scale is None else self.scale
        if self.scale is None:
            odds = np.exp(scores.astype(np.float64) - float(scores.max()))
            said = dict(zip(OUTPUTS, (odds / odds.sum()).tolist(), strict=True))
            threshold = self._threshold
            expected = None
            margin = float(confidence[0]) - threshold
        else:
            said = {}
            threshold = self.decide.edge
            expected = float(scores[0])
            margin = abs(expected) - threshold
        inputs = [
            Input(word.feature, word.at(value), value, part * unit)
            for word, value, part in zip(self.words, values.tolist(), parts.tolist(), strict=True)
        ]
        inputs.sort(key=lambda one: -abs(one.attribution))
        return Decision(
            trade=event.trade,
            event=event.name,
            cause=event.cause,
            bar=event.bar,
            time=time,
            signal=signal,
            probabilities=said,
            predicted_return=expected,
            threshold=threshold,
            margin=margin,
            score=signal if self.scale is None else "return",
            difference=difference * unit,
            state=tuple(strongest(self.words, values.tolist())),
            inputs=tuple(inputs),
        )

    @property
    def _threshold(self) -> float:
        return float(self.decide.decisions.confidence_threshold)
