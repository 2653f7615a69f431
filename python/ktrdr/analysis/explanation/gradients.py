"""Integrated gradients: how much each input adds to a score, beside an input where nothing is special.

(Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017.) The gradient of the score is integrated
on the straight line from the baseline to the input. The parts add up to the difference of the two scores; that is
checked.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ktrdr._types import Floats, RowNumbers
from ktrdr.errors import InternalError
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.runtime import run_state

TOLERANCE: Final = 1e-3
"""Greatest gap between the sum of the parts and the difference of the scores: absolute, and relative above 0.01."""
_SMALL: Final = 0.01
_STRETCH_SHARE: Final = 0.02
_MOST_HALVINGS: Final = 30
_NODES: Final = 8
_POINTS: Final = 16_384


class Attributions(NamedTuple):
    """Parts of a score.

    Args:
        parts: of each row and input, summed over the bars of a window [rows, n_features, float64].
        differences: score of the row less that of the baseline [rows, float64].
    """

    parts: Floats
    differences: Floats


class _Stretches(NamedTuple):
    """Pieces of the lines from the baseline to inputs: row, begin and width of each, as shares of its line."""

    row: RowNumbers
    begin: Floats
    width: Floats

    def take(self, chosen: NDArray[np.bool_]) -> _Stretches:
        return _Stretches(self.row[chosen], self.begin[chosen], self.width[chosen])

    def halves(self) -> _Stretches:
        half = self.width / 2
        return _Stretches(np.tile(self.row, 2), np.concatenate([self.begin, self.begin + half]), np.tile(half, 2))

    def pieces(self) -> Iterator[_Stretches]:
        count = -(-len(self.row) * (_NODES + 2) // _POINTS)
        columns = (np.array_split(column, count) for column in self)
        return (_Stretches(*piece) for piece in zip(*columns, strict=True))


def attribute(
    model: BaseNeuralModel,
    inputs: NDArray[np.float32],
    baseline: NDArray[np.float32],
    outputs: RowNumbers,
    *,
    most_halvings: int = _MOST_HALVINGS,
) -> Attributions:
    """Returns the part of each input in one score of each row.

    A copy of the net computes in float64 on one thread. A net of ReLUs has kinks on the line: a stretch whose parts do
    not add up is halved until they do.

    Args:
        model: a net in eval mode on the CPU.
        inputs: rows [rows, n_features] or windows [rows, sequence_length, n_features], finite.
        baseline: an input without a message [n_features].
        outputs: number of the score of each row [rows, int64].
        most_halvings: of a stretch.

    Raises:
        InternalError: the parts of a row do not add up to the difference of its scores.
    """
    rows = len(inputs)
    parts = np.zeros((rows, inputs.shape[-1]))
    with run_state(threads=1):
        line = _Line(copy.deepcopy(model).double(), inputs, baseline, outputs)
        differences = line.differences()
        allowed = TOLERANCE * np.clip(np.abs(differences), _SMALL, 1.0)
        left = _Stretches(np.arange(rows), np.zeros(rows), np.ones(rows))
        for halvings in range(most_halvings + 1):
            open_pieces = []
            for piece in left.pieces():
                found, gap = line.integrated(piece)
                done = (gap <= _STRETCH_SHARE * allowed[piece.row]) | (halvings == most_halvings)
                np.add.at(parts, piece.row[done], found[done])
                open_pieces.append(piece.take(~done))
            left = _Stretches(*map(np.concatenate, zip(*open_pieces, strict=True))).halves()
            if not len(left.row):
                break
    _check(parts, differences, allowed)
    return Attributions(parts, differences)


def _check(parts: Floats, differences: Floats, allowed: Floats) -> None:
    wrong = np.flatnonzero(~(np.abs(parts.sum(axis=1) - differences) <= allowed))
    if len(wrong):
        row = int(wrong[0])
        raise InternalError(
            "the parts of a score do not add up",
            where=f"row {row}",
            found=f"{parts[row].sum():.6g}",
            expected=f"{differences[row]:.6g}",
        )


class _Line:
    """A net on the lines from the baseline to inputs."""

    def __init__(
        self, net: BaseNeuralModel, inputs: NDArray[np.float32], baseline: NDArray[np.float32], outputs: RowNumbers
    ) -> None:
        self._net = net
        self._ends = torch.from_numpy(inputs).double()
        self._start = torch.from_numpy(baseline).double().expand_as(self._ends)
        self._outputs = torch.from_numpy(outputs)
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        # The ends of a stretch have no weight: they give the difference of its scores.
        self._places = torch.from_numpy(np.concatenate([[0.0], (nodes + 1) / 2, [1.0]]))
        self._weights = torch.from_numpy(np.concatenate([[0.0], weights / 2, [0.0]]))

    def differences(self) -> Floats:
        """Returns the score of each input less that of the baseline."""
        with torch.no_grad():
            ends, start = (self._scores(at, self._outputs) for at in (self._ends, self._start))
        found: Floats = (ends - start).numpy()
        return found

    def integrated(self, piece: _Stretches) -> tuple[Floats, Floats]:
        """Returns the parts of stretches [n, n_features], and how far their sums miss the differences of the scores."""
        row = torch.from_numpy(piece.row)
        way = (self._ends - self._start)[row]
        shape = (len(self._places), *(1 for _ in self._ends.shape))
        begin, width = (torch.from_numpy(column)[:, None] for column in (piece.begin, piece.width))
        along = (begin + width * self._places).T.reshape(len(self._places), len(row), *shape[2:])
        points = (self._start[row] + along * way).flatten(0, 1).requires_grad_()
        scores = self._scores(points, self._outputs[row].repeat(len(self._places)))
        (gradient,) = torch.autograd.grad(scores.sum(), points)
        parts = torch.tensordot(self._weights, gradient.view(len(self._places), *way.shape), dims=1) * way
        parts = parts * torch.from_numpy(piece.width).view(-1, *(1 for _ in shape[2:]))
        if parts.dim() > 2:
            parts = parts.sum(dim=1)
        ends = scores.detach().view(len(self._places), -1)
        return parts.numpy(), (parts.sum(dim=1) - (ends[-1] - ends[0])).abs().numpy()

    def _scores(self, points: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self._net(points)
        return scores.gather(1, outputs[:, None])[:, 0]
