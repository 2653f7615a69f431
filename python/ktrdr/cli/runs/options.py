"""Options that several commands share: those of a new run, and rules by ``--set``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import Parameter

from ktrdr.errors import ArgumentInvalid, ConfigError, UsageError

if TYPE_CHECKING:
    from ktrdr.backtesting.inputs.parameters import BacktestOptions

SECTIONS = ("execution", "decisions", "metrics")
_FLAGGED = (
    *("start", "end", "model", "initial_capital", "threads", "seed", "device"),
    *("trials", "sampler", "metric", "grid", "ray", "folds", "train_share"),
)


def _whole(_type: object, tokens: Sequence[Any]) -> int:
    # The parser's own conversion would round 1.5 to 2.
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'unable to convert "{text}" into int') from None


Whole = Annotated[int, Parameter(converter=_whole)]
"""A whole number on the command line."""

Flag = Annotated[bool, Parameter(negative="", show_default=False)]
"""An option without a value."""

OperationId = Annotated[str, Parameter(help="Its id, the start of it, or latest.")]
"""An operation of the database, or of the worker that is asked."""

AskedWorker = Annotated[str | None, Parameter(help="Ask the worker of that address.")]
"""A worker that answers in place of this machine's database."""

RayAddress = Annotated[
    str | None, Parameter(help="Run its scenarios or folds on the Ray cluster of that address; HOST:PORT or auto.")
]
"""A cluster that computes the units of a run; needs the extra ``cluster``."""

QueueWorker = Annotated[str | None, Parameter(help="Queue it at the worker of that address.")]
"""A worker that runs in place of this process."""

Note = Annotated[str | None, Parameter(help="A note shown in `operations list`.")]
"""Words by which a person tells an operation from others."""

# Each is one fact that several commands have in their help.
StrategyName = Annotated[str, Parameter(help="A strategy's name or path.")]
Symbol = Annotated[str, Parameter(help="Instrument to trade.")]
BaseTimeframe = Annotated[str, Parameter(help="The strategy's base timeframe.")]
Threads = Annotated[Whole, Parameter(help="Torch threads.")]
SlotThreads = Annotated[
    Whole | None, Parameter(help="Torch threads; by default 2, on a worker those that its slots leave.")
]
Resample = Annotated[Flag, Parameter(help="Make a missing timeframe from a finer one.")]

AsSubmitted = Annotated[
    Flag, Parameter(help="Resume with the strategy as submitted, even if its name now means another one.")
]
"""Skips the check that a strategy's name still means what it meant."""

Out = Annotated[Path | None, Parameter(name=("--out", "-o"))]
"""The file of a report."""

Settings = Annotated[tuple[str, ...], Parameter(name="--set", negative="", consume_multiple=False, show_default=False)]
"""Rules, each given as ``--set SECTION.key=value``."""


@Parameter(name="*")
@dataclass(frozen=True)
class RunOptions:
    """Options of a new run, beside strategy, symbol, timeframe and threads.

    Names and help follow `ktrdr.backtesting.inputs.parameters`. None means the default.
    """

    start_date: str | None = None
    "First date or instant that may be simulated."

    end_date: str | None = None
    "Last date (that whole day), or the instant before which the run ends."

    model: str | None = None
    "A bundle's id or path; by default the strategy's newest net on this symbol's bars, never one of a fold."

    capital: float | None = None
    "Initial capital in account currency; by default 100,000."

    commission: float | None = None
    "Commission rate: a fraction of notional."

    slippage: float | None = None
    "Slippage rate: a fraction of price."

    settings: Settings = ()
    "A rule, as execution.x=y; may be given many times."

    strict: Flag = False
    "Refuse bars that the model was fitted or selected on, and a model that knows later ones."

    resample: Flag = False
    "Make a missing timeframe from a finer one."

    def parameters(self) -> BacktestOptions:
        """Returns the parameters that were given, by their names in a request."""
        from ktrdr.backtesting.inputs.parameters import OTHER_NAMES

        own = {option: name for name, option in OTHER_NAMES["command line"].items()}
        given = {option.name: getattr(self, option.name) for option in fields(self)}
        rules = rules_of(given.pop("settings"), commission=given.pop("commission"), slippage=given.pop("slippage"))
        given["model"] = _model(self.model)
        named = {own.get(option, option): value for option, value in given.items() if value is not None}
        return cast("BacktestOptions", named | rules)

    def given(self) -> list[str]:
        """Returns the flags of the options that were given."""
        given = [option.name for option in fields(self) if getattr(self, option.name) != option.default]
        return [flag_of(name) for name in given]


NO_OPTIONS = RunOptions()
"""A new run for which no option was given."""


def flag_of(option: str) -> str:
    """Returns the flag of an option.

    >>> flag_of("start_date"), flag_of("settings")
    ('--start-date', '--set')
    """
    return "--set" if option == "settings" else f"--{option.replace('_', '-')}"


def refuse_both(ray: str | None, worker: str | None) -> str | None:
    """Returns the address of a cluster; raises ``UsageError`` where a worker is named too."""
    if ray is not None and worker is not None:
        raise UsageError("a worker runs all units itself", found="--ray", expected="--ray or --worker")
    return ray


@contextmanager
def naming_flags() -> Iterator[None]:
    """Replaces the name of a parameter by its flag in an ``ArgumentInvalid`` raised inside."""
    from ktrdr.backtesting.inputs.parameters import OTHER_NAMES

    flags = {name: flag_of(OTHER_NAMES["command line"].get(name, name)) for name in _FLAGGED}
    try:
        yield
    except ArgumentInvalid as error:
        if error.where not in flags:
            raise
        raise ArgumentInvalid(**error.fields() | {"where": flags[error.where]}) from None


def rules_of(
    settings: Sequence[str],
    *,
    sections: Sequence[str] = SECTIONS,
    commission: float | None = None,
    slippage: float | None = None,
) -> dict[str, dict[str, Any]]:
    """Returns rules by section; values are YAML 1.2 scalars or flow mappings. Raises ``ArgumentInvalid``.

    >>> rules_of(["execution.exits.stop_loss.rate=0.01"], slippage=0.0)
    {'execution': {'exits': {'stop_loss': {'rate': 0.01}}, 'slippage': {'rate': 0.0}}}
    """
    rules: dict[str, dict[str, Any]] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key.split(".")[0] not in sections or "" in key.split(".") or "." not in key:
            from ktrdr.strategy.rule_reference import section_hint

            expected = f"SECTION.key=value with SECTION {'one of ' if len(sections) > 1 else ''}{', '.join(sections)}"
            hint = section_hint(key, sections)
            raise ArgumentInvalid("cannot be read", where="--set", found=setting, expected=expected, hint=hint)
        _put(rules, key, _value(text, setting))
    for name, rate in (("commission", commission), ("slippage", slippage)):
        if rate is not None:
            _put(rules, f"execution.{name}.rate", rate)
    return rules


def _value(text: str, setting: str) -> Any:
    from ktrdr.config.yaml import read_yaml

    try:
        return read_yaml(f"value: {text}", "--set").data["value"]
    except (ConfigError, KeyError, TypeError):
        raise ArgumentInvalid("the value cannot be read", where="--set", found=setting) from None


def _put(rules: dict[str, Any], key: str, value: object) -> None:
    *path, last = key.split(".")
    inner = rules
    for name in path:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ArgumentInvalid("set as a whole and in part", where="--set", found=key)
    if last in inner:
        raise ArgumentInvalid("set twice", where="--set", found=key)
    inner[last] = value


def _model(given: str | None) -> str | None:
    """Returns a path in absolute form, so that a later resume finds it; an id stays as it is."""
    if given == "":
        raise ArgumentInvalid("must not be empty", where="--model", found="''", expected="an id or a path")
    return os.path.realpath(given) if given is not None and os.path.isdir(given) else given  # noqa: PTH112 (any length)
