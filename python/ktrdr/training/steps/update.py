"""Clipping and optimizer over one flat vector of all weights, with the bits of torch's loops over tensors.

A weight's new value depends on its own gradient, moments and value alone. So one call over all weights does what one
call for each tensor does: ten calls for a batch instead of seventy. Only norms are taken tensor by tensor, as by torch.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate

import torch

_NORM_EPSILON = 1e-6  # of torch.nn.utils.clip_grad_norm_
_ALIGNED = 16  # values of 64 bytes: torch's own tensors start at such an address, and MKL's last bits may depend on it


class FlatUpdate:
    """Clips gradients and updates weights as an optimizer of torch would.

    Weights and the optimizer's state are copied in before an epoch and copied back after it, so ``state_dict`` of both
    is true between epochs.

    Args:
        optimizer: Adam, AdamW or SGD without momentum, over float32 on the CPU.
        clip: greatest norm of all gradients together.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, clip: float) -> None:
        (self._group,) = optimizer.param_groups
        self._optimizer = optimizer
        self._owners: list[torch.nn.Parameter] = list(self._group["params"])
        self._clip = clip
        self._places = _aligned_places([owner.numel() for owner in self._owners])
        self._weights = torch.zeros(self._places[-1])
        self._gradients = torch.zeros_like(self._weights)
        self._means = torch.zeros_like(self._weights)
        self._squares = torch.zeros_like(self._weights)
        self._scratch = torch.empty_like(self._weights)
        self._steps = 0.0
        self._is_loaded = False
        self.weights = self._parts(self._weights)
        self.gradients = self._parts(self._gradients)
        self._norms = torch.empty(len(self._owners))
        self._norm_of = list(zip(self.gradients, self._norms.unbind(), strict=True))
        self._norm = torch.empty(())
        vectors = (self._weights, self._gradients, self._means, self._squares, self._scratch)
        self._slabs = [vectors] if _same_alone() else list(zip(*map(self._parts, vectors), strict=True))
        self._apply = self._sgd if isinstance(optimizer, torch.optim.SGD) else self._adam

    def load(self) -> None:
        """Copies weights and state in."""
        (self._group,) = self._optimizer.param_groups  # loading a state gives an optimizer new groups
        self._is_loaded = True
        torch._foreach_copy_(self.weights, [owner.detach() for owner in self._owners])
        states = [self._optimizer.state.get(owner) for owner in self._owners]
        if self._apply == self._sgd:
            return
        for state, mean, square in zip(states, self._parts(self._means), self._parts(self._squares), strict=True):
            if state:
                mean.copy_(state["exp_avg"])
                square.copy_(state["exp_avg_sq"])
                self._steps = float(state["step"])

    def store(self) -> None:
        """Copies weights and state back, as far as there are any."""
        if not self._is_loaded:
            return
        self._optimizer.zero_grad()
        self._optimizer.step()  # without gradients it only tells a scheduler that steps have been taken
        for owner, weights in zip(self._owners, self.weights, strict=True):
            owner.detach().copy_(weights)
        if self._steps == 0:  # of SGD, or before the first batch
            return
        for owner, mean, square in zip(self._owners, self._parts(self._means), self._parts(self._squares), strict=True):
            self._optimizer.state[owner] = {
                "step": torch.tensor(self._steps),
                "exp_avg": mean.clone(),
                "exp_avg_sq": square.clone(),
            }

    def apply(self) -> None:
        """Clips ``gradients`` and updates ``weights`` by them."""
        for gradient, norm in self._norm_of:
            torch.linalg.vector_norm(gradient, out=norm)
        torch.linalg.vector_norm(self._norms, out=self._norm)
        share = self._clip / (self._norm + _NORM_EPSILON)
        if not float(share) >= 1.0:  # a product with 1 changes nothing; a NaN spreads
            self._gradients.mul_(share)
        self._apply()

    def _adam(self) -> None:
        group = self._group
        rate = group["lr"]
        decay = group["weight_decay"]
        beta1, beta2 = group["betas"]
        self._steps += 1.0
        step_size = rate / (1 - beta1**self._steps)
        correction = (1 - beta2**self._steps) ** 0.5
        for weights, gradients, means, squares, scratch in self._slabs:
            if decay and group["decoupled_weight_decay"]:
                weights.mul_(1 - rate * decay)
            elif decay:
                gradients.add_(weights, alpha=decay)
            means.lerp_(gradients, 1 - beta1)
            squares.mul_(beta2).addcmul_(gradients, gradients, value=1 - beta2)
            torch.sqrt(squares, out=scratch)
            weights.addcdiv_(means, scratch.div_(correction).add_(group["eps"]), value=-step_size)

    def _sgd(self) -> None:
        rate = self._group["lr"]
        decay = self._group["weight_decay"]
        for weights, gradients, *_ in self._slabs:
            if decay:
                gradients.add_(weights, alpha=decay)
            weights.add_(gradients, alpha=-rate)

    def _parts(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """Returns views of a vector in the shapes of the weights."""
        return [
            vector[place : place + owner.numel()].view(owner.shape)
            for place, owner in zip(self._places[:-1], self._owners, strict=True)
        ]


def _aligned_places(sizes: list[int]) -> list[int]:
    """Returns the place of each part in a vector of aligned parts, and the vector's length at the end."""
    return list(accumulate((-(-size // _ALIGNED) * _ALIGNED for size in sizes), initial=0))


@cache
def _same_alone() -> bool:
    """Returns True if a value has the same bits alone as in the middle of a vector.

    torch runs through a vector in full registers and through its rest value by value. Where the two round differently,
    one call over all weights would not do what a call for each tensor does.
    """
    generator = torch.Generator().manual_seed(1)
    one, two = (torch.randn(131, generator=generator) for _ in range(2))

    def changed(part: slice) -> list[torch.Tensor]:
        first = one[part]
        second = two[part]
        moved = first.lerp(second, 0.1)
        squares = second.abs().mul_(0.999).addcmul_(first, first, value=0.001)
        divisor = torch.sqrt(squares).div_(0.03).add_(1e-8)
        return [moved, squares, divisor, first.addcdiv(moved, divisor, value=-1e-3), first.add(second, alpha=1e-4)]

    alone = [torch.cat(values) for values in zip(*(changed(slice(at, at + 1)) for at in range(131)), strict=True)]
    return all(torch.equal(found, wanted) for found, wanted in zip(changed(slice(None)), alone, strict=True))
