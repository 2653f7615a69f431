"""Scenarios of a sweep: a value of each parameter, from a grid or a list, and the rules that they make."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr._types import Json
from ktrdr.config.merge import merge
from ktrdr.errors import ArgumentInvalid
from ktrdr.strategy.rules import CHOICES

Value = bool | int | float | str | None | Mapping[str, Any]
"""A value of a rule, as a strategy file has it."""
Grid = Mapping[str, Sequence[Value]]
"""The values of each parameter by its dotted name; every combination is a scenario."""
Choices = NDArray[np.int32]
RulesOf = Callable[[Json], Json]
"""Returns the rules in the core's form, of changes by section; raises a ``ConfigError`` leaf."""

SECTIONS: Final = ("execution", "decisions")
MOST_SCENARIOS: Final = 1_000_000
"""Their table takes a gigabyte."""
_LARGEST_WHOLE: Final = 2**63 - 1
"""Of a column of whole numbers."""


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Scenarios as places in the values of each parameter.

    Args:
        values: the distinct values of each parameter, by dotted name.
        places: for each scenario the place of its value in those of each parameter [n_scenarios, n_parameters, int32].

    >>> scenarios = Scenarios.of(grid={"execution.commission.rate": [0, 0.001], "execution.allow_short": [True, False]})
    >>> len(scenarios), scenarios.at(2)
    (4, {'execution.commission.rate': 0.001, 'execution.allow_short': True})
    """

    values: Mapping[str, Sequence[Value]]
    places: Choices

    @classmethod
    def of(cls, grid: Grid | None = None, scenarios: Sequence[Mapping[str, Value]] | None = None) -> Scenarios:
        """Returns the scenarios of a grid, in which the last parameter changes fastest, or those of a list.

        Raises ``ArgumentInvalid`` for names that are no rules of execution or decisions, and where nothing is given.
        """
        if (grid is None) == (scenarios is None):
            raise ArgumentInvalid("a sweep needs either a grid or a list of scenarios", where="grid, scenarios")
        if grid is not None:
            return cls._of_grid(grid)
        found = cls._of_list(scenarios or ())
        _check_names(tuple(found.values))
        return found

    @classmethod
    def _of_grid(cls, grid: Grid) -> Scenarios:
        values = values_of(grid)
        shape = [len(given) for given in values.values()]
        total = math.prod(shape)
        if not shape or total > MOST_SCENARIOS:
            expected = f"1 to {MOST_SCENARIOS:,} scenarios"
            hint = (
                "give values of a rule" if not shape else "thin it, or give trials: a study picks among its scenarios"
            )
            found = total if shape else "none"
            raise ArgumentInvalid("cannot be swept", where="grid", found=found, expected=expected, hint=hint)
        places = np.stack(np.unravel_index(np.arange(total), shape), axis=1).astype(np.int32)
        return cls(values, places)

    @classmethod
    def _of_list(cls, scenarios: Sequence[Mapping[str, Value]]) -> Scenarios:
        _check_list(scenarios)
        names = tuple(scenarios[0])
        known: dict[str, dict[str, int]] = {name: {} for name in names}
        values: dict[str, list[Value]] = {name: [] for name in names}
        places = np.empty((len(scenarios), len(names)), np.int32)
        for row, scenario in enumerate(scenarios):
            if scenario.keys() != known.keys():
                where = f"scenarios: scenario {row}"
                raise ArgumentInvalid(
                    "each scenario needs the same rules", where=where, found=sorted(scenario), expected=sorted(names)
                )
            for column, name in enumerate(names):
                value = _plain(scenario[name])
                place = known[name].setdefault(_text(name, value), len(values[name]))
                if place == len(values[name]):
                    values[name].append(value)
                places[row, column] = place
        _, firsts, inverse = np.unique(places, axis=0, return_index=True, return_inverse=True)
        again = np.flatnonzero(firsts[inverse.reshape(-1)] != np.arange(len(places)))
        if len(again):
            first = int(firsts[inverse.reshape(-1)[again[0]]])
            raise ArgumentInvalid("given twice", where=f"scenarios: scenario {again[0]}", found=f"scenario {first}")
        return cls(values, places)

    def __len__(self) -> int:
        return len(self.places)

    def at(self, row: int) -> dict[str, Value]:
        """Returns the value of each parameter of one scenario."""
        return {name: given[place] for (name, given), place in zip(self.values.items(), self.places[row], strict=True)}

    def frame(self, first: int, stop: int) -> pl.DataFrame:
        """Returns a column for each parameter; values of different types, and mappings, as JSON text.

        `value_of` turns a cell back into its value.
        """
        columns = zip(self.values.items(), self.places[first:stop].T, strict=True)
        return pl.DataFrame([_column(name, given).gather(places.tolist()) for (name, given), places in columns])

    def to_spec(self) -> dict[str, Any]:
        """Returns the scenarios as a JSON object, which `of_spec` reads."""
        return {"values": {name: list(given) for name, given in self.values.items()}, "places": self.places.tolist()}

    def compiled(self, rules_of: RulesOf) -> Compiled:
        """Returns the scenarios as the core takes them.

        Rules are made and checked once for each value, in the first scenario that has it. What several values together
        may break is found when a scenario is run.
        """
        columns = {name: column for column, name in enumerate(self.values)}
        groups: dict[str, list[int]] = {}
        for name in self.values:
            groups.setdefault(rule_of(name), []).append(columns[name])
        base = rules_of(nested(self.at(0)))
        changes = []
        choices = np.empty((len(self), len(groups)), np.int32)
        for group, (rule, members) in enumerate(groups.items()):
            _, firsts, inverse = np.unique(self.places[:, members], axis=0, return_index=True, return_inverse=True)
            made = (rules_of(nested(self.at(int(first)))) for first in firsts)
            changes.append([{_pointer(rule): _value_at(rules, rule)} for rules in made])
            choices[:, group] = inverse.reshape(-1)
        return Compiled(json.dumps(base, allow_nan=False), json.dumps(changes, allow_nan=False), choices)


@dataclass(frozen=True, eq=False)
class Compiled:
    """Scenarios as the core takes them.

    Args:
        rules: every rule, in the core's form.
        changes: for each rule that the scenarios change its values, each by its pointer into the rules; as JSON.
        choices: for each scenario the place of its value in those of each rule [n_scenarios, n_rules, int32].
    """

    rules: str
    changes: str
    choices: Choices

    @property
    def risk_free_rate(self) -> float:
        """Returns the annual rate, which is that of all scenarios."""
        return float(json.loads(self.rules)["metrics"]["risk_free_rate"])


def values_of(grid: Grid) -> dict[str, Sequence[Value]]:
    """Returns the distinct values of each parameter of a grid; raises ``ArgumentInvalid``."""
    if not isinstance(grid, Mapping):
        expected = "a mapping of rules by dotted name to their values"
        hint = "a list of mappings, one for each scenario, is `scenarios`"
        raise ArgumentInvalid("no grid", where="grid", found=type(grid).__name__, expected=expected, hint=hint)
    values: dict[str, Sequence[Value]] = {name: _distinct(name, given) for name, given in grid.items()}
    _check_names(tuple(values))
    return values


def rule_of(name: str) -> str:
    """Returns the rule that a parameter changes: a choice, such as sizing or an exit level, is one rule.

    >>> rule_of("execution.exits.stop_loss.rate"), rule_of("execution.commission.rate")
    ('execution.exits.stop_loss', 'execution.commission.rate')
    """
    keys = name.split(".")
    choice = next((at for at, key in enumerate(keys) if key in CHOICES), len(keys) - 1)
    return ".".join(keys[: choice + 1])


def nested(parameters: Mapping[str, Value]) -> dict[str, Any]:
    """Returns rules by section, of rules by dotted name.

    >>> nested({"execution.exits.stop_loss.rate": 0.01, "decisions.confidence_threshold": 0.6})
    {'execution': {'exits': {'stop_loss': {'rate': 0.01}}}, 'decisions': {'confidence_threshold': 0.6}}
    """
    rules: dict[str, Any] = {}
    for name, value in parameters.items():
        inner: Any = value
        for key in reversed(name.split(".")):
            inner = {key: inner}
        rules = merge(rules, inner)
    return rules


def flat(rules: Mapping[str, Any], section: str) -> dict[str, Value]:
    """Returns the rules of a section by dotted name, of rules by section: `nested` turned round.

    >>> flat({"execution": {"exits": {"stop_loss": {"atr": 2.0}}}}, "execution")
    {'execution.exits.stop_loss.atr': 2.0}
    """
    found: dict[str, Value] = {}
    for key, value in rules.get(section, {}).items():
        name = f"{section}.{key}"
        found |= flat({name: value}, name) if isinstance(value, Mapping) else {name: value}
    return found


def value_of(cell: object) -> Any:
    """Returns the value of a rule that a cell of a table holds: a mapping of its JSON text.

    >>> value_of('{"rate": 0.01}'), value_of("next_open"), value_of("null"), value_of(5)
    ({'rate': 0.01}, 'next_open', None, 5)
    """
    if not isinstance(cell, str):
        return cell
    try:
        # No word that a rule knows is JSON.
        return json.loads(cell)
    except ValueError:
        return cell


def _check_list(scenarios: Sequence[Mapping[str, Value]]) -> None:
    if not scenarios:
        raise ArgumentInvalid("needs one or more mappings of rules by dotted name", where="scenarios")
    for row, one in enumerate(scenarios):
        where = f"scenarios: scenario {row}"
        if not isinstance(one, Mapping):
            raise ArgumentInvalid("no mapping", where=where, found=one, expected="rules by dotted name")
        if not one:
            raise ArgumentInvalid("sets no rule", where=where, expected="one or more rules by dotted name")


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name.partition(".")[0] not in SECTIONS or not all(name.split(".")) or "." not in name:
            from ktrdr.strategy.rule_reference import section_hint

            raise ArgumentInvalid(
                "not a rule that can be swept",
                where="parameter",
                found=name,
                expected="execution.RULE or decisions.RULE",
                hint=section_hint(name, SECTIONS),
            )
    for name in names:
        inside = next((other for other in names if other.startswith(f"{name}.")), None)
        if inside is not None:
            raise ArgumentInvalid("set as a whole and in part", where=name, found=inside, hint="leave one of them out")


def _distinct(name: str, given: object) -> list[Value]:
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence | np.ndarray) or len(given) == 0:
        raise ArgumentInvalid("needs a list of values", where=name, found=given, expected="[value, ...]")
    plain = [_plain(value) for value in given]
    texts = sorted(_text(name, value) for value in plain)
    twice = next((one for one, other in pairwise(texts) if one == other), None)
    if twice is not None:
        raise ArgumentInvalid("a value is given twice", where=name, found=twice)
    return plain


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _text(name: str, value: object) -> str:
    try:
        # 1 and 1.0 are one value of a rule.
        same = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        return json.dumps(same, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentInvalid("not a value of a rule", where=name, found=repr(value)) from None


def _column(name: str, given: Sequence[Value]) -> pl.Series:
    kinds = {type(value) for value in given if value is not None}
    if kinds <= {int, float}:
        numbers = cast("Sequence[int | float | None]", given)
        if kinds == {int} and all(value is None or abs(value) <= _LARGEST_WHOLE for value in numbers):
            return pl.Series(name, numbers, pl.Int64)
        return pl.Series(name, [None if value is None else float(value) for value in numbers], pl.Float64)
    if kinds in ({bool}, {str}):
        return pl.Series(name, list(given))
    return pl.Series(name, [_text(name, value) for value in given], pl.String)


def _pointer(rule: str) -> str:
    return "/" + rule.replace(".", "/")


def _value_at(rules: Json, rule: str) -> Any:
    found: Any = rules
    for key in rule.split("."):
        found = found[key]
    return found
