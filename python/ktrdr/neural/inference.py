"""Scores in fixed, zero-padded blocks on a grid from the first feature row.

A batch of one and a batch of thousands differ in the last bits; full blocks on one grid do not, under any
chunking and any later resume. Rows (or windows) with an undefined feature are fed as zeros and score NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ktrdr.neural.models.base_model import BaseNeuralModel

Matrix = NDArray[np.float32]


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch computes with ``count`` threads inside the block: part of a run's numeric profile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def iter_scores(model: BaseNeuralModel, features: Matrix, first_row: int = 0) -> Iterator[tuple[int, int, Matrix]]:
    """Blocks of scores from the one that holds ``first_row`` on: ``(low, high, [high - low, n_outputs, f32])``.

    ``features`` is ``[n_bars, n_features, f32]``. The first block is computed whole and cut to ``first_row``.
    """
    model.eval()
    rows, size = len(features), model.block_rows
    for start in range(first_row // size * size, rows, size):
        stop = min(start + size, rows)
        scores = _block(model, features, start, stop)
        low = max(start, first_row)
        yield low, stop, scores[low - start :]


def infer(model: BaseNeuralModel, features: Matrix) -> Matrix:
    """All scores, ``[n_bars, n_outputs, f32]``."""
    return np.concatenate([scores for _, _, scores in iter_scores(model, features)])


def infer_row(model: BaseNeuralModel, features: Matrix, row: int) -> Matrix:
    """The scores of one row, bit for bit as the block of the whole run gives them, ``[n_outputs, f32]``.

    ``features`` need only be defined for the row's window; the others are fed as zeros.
    """
    model.eval()
    size, length = model.block_rows, model.sequence_length
    block = torch.zeros((size, length, features.shape[1]))
    window = features[max(row - length + 1, 0) : row + 1]
    if len(window) < length or not np.isfinite(window).all():
        return np.full(_outputs(model), np.nan, np.float32)
    block[row % size] = torch.from_numpy(window)
    with torch.inference_mode():
        scores = model(block[:, 0] if length == 1 else block)
    single: Matrix = scores[row % size].numpy()
    return single


def _outputs(model: BaseNeuralModel) -> int:
    return int(list(model.parameters())[-1].shape[0])


def _block(model: BaseNeuralModel, features: Matrix, start: int, stop: int) -> Matrix:
    batch, undefined = _inputs(model, features, start, stop)
    with torch.inference_mode():
        scores: Matrix = model(batch).numpy()[: stop - start]
    if undefined is not None:
        scores[undefined] = np.nan
    return scores


def _inputs(model: BaseNeuralModel, features: Matrix, start: int, stop: int) -> tuple[Tensor, NDArray[np.bool_] | None]:
    size, length = model.block_rows, model.sequence_length
    before = length - 1
    low = max(start - before, 0)
    part = features[low:stop]
    # One sum tells whether anything is undefined: NaN survives addition.
    whole = stop - start == size and low == start - before and bool(np.isfinite(np.add.reduce(part, axis=None)))
    if whole:
        rows = torch.from_numpy(np.ascontiguousarray(part))
        return (rows if length == 1 else _windows(rows, length)), None
    padded = np.zeros((size + before, features.shape[1]), np.float32)
    offset = before - (start - low)
    padded[offset : offset + len(part)] = part
    bad = ~np.isfinite(padded).all(axis=1)
    bad[:offset] = True
    padded[bad] = 0.0
    undefined = _any_in_window(bad, length)[: stop - start]
    rows = torch.from_numpy(padded)
    if length == 1:
        return rows, undefined
    windows = _windows(rows, length).clone()
    windows[torch.from_numpy(_any_in_window(bad, length))] = 0.0
    return windows, undefined


def _windows(rows: Tensor, length: int) -> Tensor:
    """Overlapping windows ``[n, length, n_features]`` of rows ``[n + length - 1, n_features]``."""
    return rows.unfold(0, length, 1).transpose(1, 2)


def _any_in_window(bad: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    count = np.concatenate([[0], np.cumsum(bad)])
    found: NDArray[np.bool_] = count[length:] > count[:-length]
    return found
