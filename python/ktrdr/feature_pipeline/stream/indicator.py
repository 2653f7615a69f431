"""An indicator of the catalogue, one bar after another: TA-Lib's streams, or the whole column anew."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ktrdr._types import Floats
from ktrdr.data.growing import GrowingBars
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.feature_pipeline.indicators.corrections import MOVEMENTS, ranged
from ktrdr.feature_pipeline.indicators.formula import Params
from ktrdr.feature_pipeline.stream.handles import STREAMED, Handle, Values, inputs_of
from ktrdr.strategy.catalog.indicator import Output
from ktrdr.strategy.catalog.indicators import INDICATORS, defaults


class _Tail(Columns):
    """The last two bars of a series whose whole column of volume was checked before."""

    @property
    def volume(self) -> Floats:
        """Returns the volume, also where both bars have none."""
        assert self.given_volume is not None
        return self.given_volume


def tail_of(bars: GrowingBars, back: int = 1) -> Columns:
    """Returns a bar and the one before it as columns: all that a stream and a judgement of movement read.

    Args:
        bars: the series.
        back: 1 for the last bar, 2 for the one before it.
    """
    return _Tail.of_bars(bars.last(back + 1).rows(0, 2))


class IndicatorStream:
    """One indicator over a series that grows.

    Args:
        type: a type of the catalogue.
        params: by canonical name; defaults stand for the others.
        outputs: names of the outputs wanted.
        bars: the series so far; more rows than the lookback of every output.
    """

    def __init__(self, type: str, params: Mapping[str, Any], outputs: Collection[str], bars: GrowingBars) -> None:
        known = INDICATORS[type]
        self._bars = bars
        self._type = known.type
        self._params: Params = defaults(known) | dict(params)
        self._wanted = [output for output in known.outputs if output.name in outputs]
        columns = Columns.of_bars(bars.bars)
        self._streams = [
            _Stream(names, handle, columns, self._params)
            for names, handle in STREAMED.get(self._type, {}).items()
            if set(names).intersection(outputs)
        ]
        self._corrections = {output.name: _Correction(output, columns, self._params) for output in self._wanted}

    @property
    def streamed(self) -> bool:
        """Returns True where TA-Lib's streams are used."""
        return bool(self._streams)

    def push(self, tail: Columns) -> dict[str, float]:
        """Returns the outputs at the bar that was just appended to the series; ``tail`` is `tail_of` it."""
        if not self.streamed:
            names = [output.name for output in self._wanted]
            columns = compute(self._type, self._params, Columns.of_bars(self._bars.bars), names)
            return {name: float(column[-1]) for name, column in columns.items()}
        found: dict[str, float] = {}
        for stream in self._streams:
            found |= stream.push(tail, self._params)
        return {name: correct.push(tail, found[name]) for name, correct in self._corrections.items()}


class _Stream:
    """An open stream of TA-Lib with the names of its outputs."""

    def __init__(self, names: tuple[str, ...], handle: Handle, columns: Columns, params: Params) -> None:
        self._names = names
        self._handle = handle
        inputs = [np.ascontiguousarray(values) for values in inputs_of(handle.fields, columns, params)]
        self._open = handle.opens(*inputs, **handle.keywords(params))

    def push(self, tail: Columns, params: Params) -> dict[str, float]:
        """Returns the outputs by name at the last bar."""
        inputs = [float(values[-1]) for values in inputs_of(self._handle.fields, tail, params)]
        values: Values = self._handle.values(self._open.update(*inputs))
        return dict(zip(self._names, values, strict=True))


class _Correction:
    """The rules of `indicators.corrections` for one output: neutral where nothing moves, then inside the bounds."""

    def __init__(self, output: Output, columns: Columns, params: Params) -> None:
        self._neutral = output.neutral
        self._bounds = None if output.bounds is None else output.bounds.of(params)
        self._params = params
        self._reach = output.reach(params)
        self._row = len(columns) - 1
        self._moved_at = 0
        if output.neutral is not None:
            moves = np.flatnonzero(MOVEMENTS[output.neutral.without](columns, params))
            self._moved_at = int(moves[-1]) if len(moves) else 0

    def push(self, tail: Columns, value: float) -> float:
        """Returns the value at the last bar, corrected; NaN stays NaN."""
        self._row += 1
        if self._neutral is not None:
            if MOVEMENTS[self._neutral.without](tail, self._params)[-1]:
                self._moved_at = self._row
            if self._is_still(tail, self._neutral.without) and not math.isnan(value):
                value = self._neutral.value
        if self._bounds is not None:
            low, high = self._bounds
            value = low if value < low else high if value > high else value
        return value

    def _is_still(self, tail: Columns, without: str) -> bool:
        still = self._row - self._moved_at >= min(self._row, self._reach)
        return still and not (without == "bars" and bool(ranged(tail)[-1]))
