"""Activations of an MLP and their derivatives, into buffers that are there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch

_aten = torch.ops.aten

Forward = Callable[[torch.Tensor, torch.Tensor], object]
"""Takes sums before the activation and the buffer of its values; the two may be one."""
Backward = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], object]
"""Takes gradients of the values, changed in place, the sums and the values."""


def _relu(sums: torch.Tensor, values: torch.Tensor) -> object:
    return torch.clamp_min(sums, 0, out=values)


def _relu_back(gradients: torch.Tensor, sums: torch.Tensor, values: torch.Tensor) -> object:
    return _aten.threshold_backward.grad_input(gradients, values, 0, grad_input=gradients)


def _tanh(sums: torch.Tensor, values: torch.Tensor) -> object:
    return torch.tanh(sums, out=values)


def _tanh_back(gradients: torch.Tensor, sums: torch.Tensor, values: torch.Tensor) -> object:
    return _aten.tanh_backward.grad_input(gradients, values, grad_input=gradients)


def _sigmoid(sums: torch.Tensor, values: torch.Tensor) -> object:
    return torch.sigmoid(sums, out=values)


def _sigmoid_back(gradients: torch.Tensor, sums: torch.Tensor, values: torch.Tensor) -> object:
    return _aten.sigmoid_backward.grad_input(gradients, values, grad_input=gradients)


def _leaky_relu(sums: torch.Tensor, values: torch.Tensor) -> object:
    return _aten.leaky_relu.out(sums, 0.01, out=values)


def _leaky_relu_back(gradients: torch.Tensor, sums: torch.Tensor, values: torch.Tensor) -> object:
    return _aten.leaky_relu_backward.grad_input(gradients, sums, 0.01, False, grad_input=gradients)


WRITTEN: Final[Mapping[type[torch.nn.Module], tuple[Forward, Backward]]] = {
    torch.nn.ReLU: (_relu, _relu_back),
    torch.nn.Tanh: (_tanh, _tanh_back),
    torch.nn.Sigmoid: (_sigmoid, _sigmoid_back),
    torch.nn.LeakyReLU: (_leaky_relu, _leaky_relu_back),
}
"""Value and derivative of each activation of ``neural.models.mlp``."""
