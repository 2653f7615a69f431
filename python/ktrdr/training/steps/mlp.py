"""The step of an MLP on the CPU, written out: what autograd does, into buffers that are used again for every batch.

The same functions of torch run on the same shapes in the same order as in ``plain``, so the weights have the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ktrdr.neural.models.mlp import MLP
from ktrdr.training.steps.activations import WRITTEN
from ktrdr.training.steps.dropout import DropoutFactors
from ktrdr.training.steps.gradients import LossGradient
from ktrdr.training.steps.update import FlatUpdate


class MLPStep:
    """Learns batches with an ``MLP`` on the CPU.

    Args:
        model: the net.
        table: features of all symbols [rows, n_features, float32].
        loss: with its derivative.
        optimizer: Adam, AdamW or SGD of the net's weights.
        clip: greatest norm of all gradients together.
    """

    def __init__(
        self,
        model: MLP,
        table: torch.Tensor,
        loss: LossGradient,
        optimizer: torch.optim.Optimizer,
        clip: float,
    ) -> None:
        self._table = table
        self._loss = loss
        self._update = FlatUpdate(optimizer, clip)
        self._net = _Net.of(model, self._update)
        self._passes: dict[int, _Pass] = {}

    def begin(self) -> None:
        """Takes weights, moments and learning rate as net and optimizer have them."""
        with torch.no_grad():
            self._update.load()

    @torch.no_grad()
    def batch(self, last: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> tuple[float, float]:
        """Learns a batch; returns its mean loss and the sum of its weights."""
        passing = self._passes.get(len(last))
        if passing is None:
            passing = self._passes[len(last)] = _Pass(self._net, len(last))
        weighed = weight.sum()
        outputs = passing.forward(self._table[last])
        lost, gradients = self._loss(outputs, target, weight, weighed)
        value = float(lost)
        if math.isfinite(value):
            passing.backward(gradients)
            self._update.apply()
        return value, float(weighed)

    def settle(self) -> None:
        """Gives weights and moments back to net and optimizer."""
        with torch.no_grad():
            self._update.store()


@dataclass(frozen=True)
class _Layer:
    """Weights and gradients of one layer, as views.

    Args:
        transposed: ``weight`` as ``torch.nn.Linear`` multiplies by it.
    """

    weight: torch.Tensor
    transposed: torch.Tensor
    bias: torch.Tensor
    by_weight: torch.Tensor
    by_bias: torch.Tensor


@dataclass(frozen=True)
class _Net:
    """The layers of an MLP, the last one apart."""

    hidden: tuple[_Layer, ...]
    last: _Layer
    activation: type[torch.nn.Module]
    dropout: DropoutFactors | None

    @classmethod
    def of(cls, model: MLP, update: FlatUpdate) -> _Net:
        """Returns the layers over the vectors of an update."""
        views = zip(
            update.weights[::2], update.weights[1::2], update.gradients[::2], update.gradients[1::2], strict=True
        )
        *hidden, last = [_Layer(weight, weight.t(), bias, *gradients) for weight, bias, *gradients in views]
        _, activation, dropout, *_ = model.children()
        assert isinstance(dropout, torch.nn.Dropout)
        return cls(tuple(hidden), last, type(activation), DropoutFactors(dropout.p) if dropout.p else None)


class _Pass:
    """The way through the net and back for batches of one size, with its buffers."""

    def __init__(self, net: _Net, rows: int) -> None:
        self._net = net
        self._activate, self._derive = WRITTEN[net.activation]
        widths = [len(layer.bias) for layer in net.hidden]
        self._sums = [torch.empty(rows, width) for width in widths]
        self._values = [torch.empty(rows, width) for width in widths]
        self._gradients = [torch.empty(rows, width) for width in widths]
        self._outputs = torch.empty(rows, len(net.last.bias))
        self._kept = [torch.empty(rows, width) for width in widths] if net.dropout else self._values
        self._drawn = torch.empty(rows * sum(widths) if net.dropout else 0)
        pieces = torch.split(self._drawn, [rows * width for width in widths]) if net.dropout else ()
        self._factors = [piece.view(rows, -1) for piece in pieces]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Returns the outputs of a batch [rows, n_outputs], in a buffer."""
        if self._net.dropout is not None:
            self._net.dropout.fill(self._drawn)  # in the order in which the layers take them
        self._inputs = inputs = features
        for place, layer in enumerate(self._net.hidden):
            torch.addmm(layer.bias, inputs, layer.transposed, out=self._sums[place])
            self._activate(self._sums[place], self._values[place])
            inputs = self._kept[place]
            if self._factors:
                torch.mul(self._values[place], self._factors[place], out=inputs)
        last = self._net.last
        return torch.addmm(last.bias, inputs, last.transposed, out=self._outputs)

    def backward(self, gradients: torch.Tensor) -> None:
        """Fills the gradients of all weights from those of the outputs of ``forward``."""
        layer = self._net.last
        for place in range(len(self._net.hidden) - 1, -1, -1):
            torch.mm(gradients.t(), self._kept[place], out=layer.by_weight)
            torch.sum(gradients, 0, out=layer.by_bias)
            gradients = torch.mm(gradients, layer.weight, out=self._gradients[place])
            if self._factors:
                gradients.mul_(self._factors[place])
            self._derive(gradients, self._sums[place], self._values[place])
            layer = self._net.hidden[place]
        torch.mm(gradients.t(), self._inputs, out=layer.by_weight)
        torch.sum(gradients, 0, out=layer.by_bias)
