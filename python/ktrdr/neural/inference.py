"""Computes scores in fixed blocks, so that a row's score has the same bits for every way to cut the rows.

A batch of one and a batch of thousands differ in the last bits. So every forward pass has the same shape: a full block
on a grid that starts at row 0 of the feature matrix, the last one padded with zeros. A row keeps its slot in its block.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from ktrdr.errors import InternalError
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.runtime import run_state
from ktrdr.profile import DEFAULT_THREADS

Scores = NDArray[np.float32]
_Fill = Callable[[NDArray[np.float32], int, NDArray[np.float32]], NDArray[np.bool_] | None]
"""Fills a block with rows of a matrix from one on, and returns a mask of the undefined ones."""

_HELD_SECONDS = 0.05
"""Time for which blocks are computed before torch's state is put back and the caller is given them.

To set and check the state takes as long as two small blocks. A longer time would delay a cancellation.
"""


def iter_scores(
    model: BaseNeuralModel,
    values: NDArray[np.float32],
    *,
    first_row: int = 0,
    stop_row: int | None = None,
    threads: int = DEFAULT_THREADS,
    scale: float = 1.0,
) -> Iterator[tuple[int, int, Scores]]:
    """Yields (lo, hi, scores of rows lo..hi) block by block.

    Args:
        model: a net in eval mode on the CPU.
        values: the feature matrix [n_bars, n_features, float32] from its anchor on.
        first_row: the first row wanted; its whole block is computed.
        stop_row: one beyond the last row wanted.
        threads: torch threads inside the loop.
        scale: factor of a regression's outputs.

    Scores are [hi - lo, n_outputs, float32], NaN where a feature of the row or its window is undefined.
    """
    stop = len(values) if stop_row is None else min(stop_row, len(values))
    rows = model.block_rows
    fill: _Fill = partial(_window_block, _undefined_rows(values)) if model.windowed else _row_block
    buffer = zeros(model, rows)
    # the grid begins at row 0 whatever row is wanted first, so that a row always has the same slot
    start = first_row // rows * rows
    while start < stop:
        found: list[tuple[int, int, Scores]] = []
        with run_state(threads):  # put back before the caller sees the blocks
            until = time.monotonic() + _HELD_SECONDS
            while start < stop and (not found or time.monotonic() < until):
                undefined = fill(values, start, buffer.numpy())
                scores = forward(model, buffer, scale)
                if undefined is not None:
                    scores[undefined] = np.nan
                lo = max(start, first_row)
                hi = min(start + rows, stop)
                found.append((lo, hi, scores[lo - start : hi - start]))
                start += rows
        yield from found


def infer_row(
    model: BaseNeuralModel,
    window: NDArray[np.float32],
    row: int,
    *,
    threads: int = DEFAULT_THREADS,
    scale: float = 1.0,
) -> Scores:
    """Returns the score [n_outputs, float32] of one row, with the bits that the whole matrix gives.

    Args:
        model: a net in eval mode on the CPU.
        window: the last ``sequence_length`` rows of features up to this one [sequence_length, n_features, float32];
            fewer at the start of the matrix.
        row: this row's number from the anchor on: it decides the slot in the block.
        threads: torch threads for the call.
        scale: factor of a regression's output.
    """
    if len(window) < model.sequence_length or not np.isfinite(window).all():
        return np.full(model.n_outputs, np.nan, np.float32)
    slot = row % model.block_rows
    buffer = zeros(model, model.block_rows)
    buffer.numpy()[slot] = window if model.windowed else window[-1]
    with run_state(threads):
        return cast(Scores, forward(model, buffer, scale)[slot])


def zeros(model: BaseNeuralModel, rows: int) -> torch.Tensor:
    """Returns a block of that many rows of zeros on the CPU, float32 whatever torch's defaults are.

    Windows lie in memory step after step, as recurrent layers read them: those would copy another order first.
    """
    rows_first = model.input_shape(rows)
    in_memory = (rows_first[1], rows_first[0], rows_first[2]) if model.windowed else rows_first
    block = torch.zeros(in_memory, dtype=torch.float32, device="cpu")
    return block.transpose(0, 1) if model.windowed else block


def forward(model: BaseNeuralModel, buffer: torch.Tensor, scale: float = 1.0) -> Scores:
    """Returns the scores [rows, n_outputs, float32] of a block; raises ``InternalError`` for a net in training."""
    if model.training:
        raise InternalError("inference with a net in training mode")
    with torch.inference_mode():
        scores = model(buffer)
        if scale != 1.0:
            scores = scores * scale
    return cast(Scores, scores.numpy())


def _row_block(values: NDArray[np.float32], start: int, buffer: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Fills the buffer with rows from ``start`` on; returns a mask of the undefined ones, None if all are defined."""
    rows = values[start : start + len(buffer)]
    count = len(rows)
    buffer[:count] = rows
    buffer[count:] = 0.0
    if _all_finite(buffer):
        return None
    undefined = _undefined_rows(buffer)
    buffer[undefined] = 0.0
    return undefined


def _window_block(
    bad: NDArray[np.bool_], values: NDArray[np.float32], start: int, buffer: NDArray[np.float32]
) -> NDArray[np.bool_] | None:
    """Fills the buffer with the windows that end at rows from ``start`` on; returns a mask of the undefined ones.

    ``bad`` marks the undefined rows of ``values``. Rows before the first whole window are undefined too.
    """
    length = buffer.shape[1]
    first = max(start - length + 1, 0)
    rows = values[first : start + len(buffer)]
    bad_rows = bad[first : start + len(buffer)]
    lead = first - (start - length + 1)  # rows that the first windows lack
    count = min(len(values) - start, len(buffer))
    if lead:
        rows = np.concatenate([np.zeros((lead, buffer.shape[2]), np.float32), rows])
    step, item = rows.strides
    # sliding_window_view checks its axes for as long as the copy takes
    windows = np.lib.stride_tricks.as_strided(rows, (count, *buffer.shape[1:]), (step, step, item), writeable=False)
    np.copyto(buffer[:count], windows)
    buffer[count:] = 0.0
    if lead == 0 and not bad_rows.any():
        return None
    bad_rows = np.concatenate([np.ones(lead, np.bool_), bad_rows])
    undefined = np.zeros(len(buffer), np.bool_)
    undefined[:count] = np.lib.stride_tricks.sliding_window_view(bad_rows, length).any(axis=1)
    buffer[undefined] = 0.0
    return undefined


def _undefined_rows(block: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.logical_not(np.asarray(np.isfinite(block).all(axis=1), np.bool_))


def _all_finite(block: NDArray[np.float32]) -> bool:
    """Returns True only if every value is finite, by one pass over a block in cache.

    A NaN or an infinity survives in the sum. A sum that overflows is False too and costs a closer look.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.add.reduce(block, axis=None)))
