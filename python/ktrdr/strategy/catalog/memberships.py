"""Membership functions: their names, parameters and rules. The Rust core computes them under the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MembershipSpec:
    """One membership function; ``check`` returns the message of a broken rule, None if there is none."""

    name: str
    parameter_names: tuple[str, ...]
    check: Callable[[tuple[float, ...]], str | None]


def _rising(parameters: tuple[float, ...]) -> str | None:
    return None if list(parameters) == sorted(parameters) else "parameters must not fall"


def _sigma_positive(parameters: tuple[float, ...]) -> str | None:
    return None if parameters[1] > 0 else "sigma must be above 0"


def _slope_nonzero(parameters: tuple[float, ...]) -> str | None:
    return None if parameters[1] != 0 else "slope must not be 0"


_ALL = (
    MembershipSpec("triangular", ("a", "b", "c"), _rising),
    MembershipSpec("trapezoidal", ("a", "b", "c", "d"), _rising),
    MembershipSpec("gaussian", ("mu", "sigma"), _sigma_positive),
    MembershipSpec("sigmoid", ("center", "slope"), _slope_nonzero),
)

MEMBERSHIPS: Mapping[str, MembershipSpec] = {spec.name: spec for spec in _ALL}
"""Every membership function by name."""
