"""The loss of a batch and its derivative by the outputs: cross entropy written out, any other loss by autograd."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from ktrdr.training.losses import RowLoss

_aten = torch.ops.aten
_EACH_ROW = 0  # torch's number for no reduction
_NO_CLASS = -100  # the class that torch leaves out by default; no row has it

LossGradient = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Takes outputs [rows, n_outputs], targets, weights and the sum of the weights of a batch.

Returns sum(weight x loss) / sum(weight), and its derivative [rows, n_outputs].
"""


def cross_entropy_gradient(
    outputs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, weighed: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the weighted cross entropy of a batch and its derivative, as a ``LossGradient``."""
    logs = torch.log_softmax(outputs, 1)
    lost = (functional.nll_loss(logs, target, reduction="none") * weight).sum() / weighed
    by_rows = weighed.reciprocal() * weight
    by_logs = _aten.nll_loss_backward(by_rows, logs, target, None, _EACH_ROW, _NO_CLASS, weighed)
    return lost, _aten._log_softmax_backward_data.out(by_logs, logs, 1, logs.dtype, out=by_logs)


def traced_gradient(loss: RowLoss) -> LossGradient:
    """Returns the ``LossGradient`` of any loss; autograd goes from the loss to the outputs only."""

    def gradient(
        outputs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, weighed: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            lost = (loss(leaf, target) * weight).sum() / weighed
        return lost.detach(), torch.autograd.grad(lost, leaf)[0]

    return gradient
