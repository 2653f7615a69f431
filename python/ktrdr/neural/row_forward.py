"""Scores of one live row by a short block of rows, where that has the bits of the padded block.

A padded block computes thousands of rows for the one that is wanted. A short block takes a tenth of the time or less,
but other shapes may use other kernels, which add in another order. Kernels are chosen by a block's shape, and a row is
summed by its slot in it; the values play no part. So every slot of the padded block is compared with short blocks once,
on this machine, with this net and these threads. One bit that differs, and the padded block is used.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from ktrdr.neural.inference import Scores, forward, zeros
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.runtime import run_state
from ktrdr.profile import DEFAULT_THREADS

SHORT_ROWS = 16
"""Rows of a short block. It divides the padded ones, so a row keeps its place among 16 neighbours: kernels work on
panels of rows, and in many shapes the sum of a row depends on its place in its panel."""
_DRAWS = 4
_SEED = 0


class RowForward:
    """A net that scores one row after another, with the bits that the whole matrix gives.

    Args:
        model: a net in eval mode on the CPU.
        threads: torch threads of each call.
        scale: factor of a regression's output.
    """

    def __init__(self, model: BaseNeuralModel, *, threads: int = DEFAULT_THREADS, scale: float = 1.0) -> None:
        self._model = model
        self._threads = threads
        self._scale = scale
        with run_state(threads):
            is_same = short_block_is_same(model, SHORT_ROWS)
            self.block_rows = SHORT_ROWS if is_same else model.block_rows
            self._buffer = zeros(model, self.block_rows)

    def score(self, window: NDArray[np.float32], row: int) -> Scores:
        """Returns the score [n_outputs, float32] of one row; NaN where a feature of its window is undefined.

        Args:
            window: the last ``sequence_length`` rows of features up to this one [sequence_length, n_features, float32];
                fewer at the start of the matrix.
            row: this row's number from the anchor on: it decides the slot in the block.
        """
        model = self._model
        if len(window) < model.sequence_length or not np.isfinite(window).all():
            return np.full(model.n_outputs, np.nan, np.float32)
        slot = row % self.block_rows
        values = self._buffer.numpy()
        values[slot] = window if model.windowed else window[-1]
        with run_state(self._threads):
            scores = forward(model, self._buffer, self._scale)
        values[slot] = 0.0
        return cast(Scores, scores[slot])


def short_block_is_same(model: BaseNeuralModel, rows: int) -> bool:
    """Returns True if blocks of so many rows give every slot of the padded block the same bits.

    Draws that are dense and normal find another order of addition sooner than features do, many of which are 0 or 1.
    """
    generator = torch.Generator().manual_seed(_SEED)
    for _ in range(_DRAWS):
        whole = torch.randn(model.input_shape(model.block_rows), generator=generator)
        parts = [forward(model, whole[first : first + rows]) for first in range(0, len(whole), rows)]
        if np.concatenate(parts).tobytes() != forward(model, whole).tobytes():
            return False
    return True
