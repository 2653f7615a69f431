"""The protocol of a designer, and the values that go in and come out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import yaml

from ktrdr._types import Json, JsonObject
from ktrdr.control import CancellationToken, NeverCancelled
from ktrdr.errors import BriefInvalid
from ktrdr.research.designer.market import Market
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Timeframe

MAX_BRIEF_CHARACTERS = 4_000
"""Characters of a brief; a longer one is refused, not cut."""

_WIDTH = 110


@dataclass(frozen=True)
class Usage:
    """The cost of a design.

    Args:
        calls: questions to a language model that it answered, which are paid for.
        retries: further requests that the service refused, because it was overloaded.

    >>> (Usage(1, 0, 900, 400, 0.0029) + Usage(1, 2, 100, 50, 0.0004)).tokens
    1450
    """

    calls: int = 0
    retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Returns the tokens read and written."""
        return self.input_tokens + self.output_tokens

    @property
    def shown(self) -> str:
        """Returns calls, tokens and cost as a message names them.

        >>> Usage(1, 0, 900, 400, 0.0029).shown
        '1 call, 1,300 tokens and $0.0029'
        """
        calls = f"{self.calls} call{'' if self.calls == 1 else 's'}"
        return f"{calls}, {self.tokens:,} tokens and ${self.cost_usd:.4f}"

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.retries + other.retries,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )

    def to_dict(self) -> JsonObject:
        """Returns the usage, JSON-ready; ``of`` reads it."""
        return {
            "calls": self.calls,
            "retries": self.retries,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": self.cost_usd,
        }

    @classmethod
    def of(cls, facts: Json) -> Usage:
        """Returns the usage that ``to_dict`` wrote."""
        return cls(**facts)


@dataclass(frozen=True)
class Design:
    """A validated strategy, and the way it came about.

    Args:
        strategy: the content of its file, as plain values.
        designer: ``grammar``, ``given``, or the id of a language model.
        explanation: sentences that say which words of the brief led to what.
        usage: calls, tokens and cost.
        resample: True where a timeframe is not stored, so that the run makes it from finer bars.
        warnings: those sentences that a user must see before the result: words without effect, and choices for them.
    """

    strategy: Json
    designer: str
    explanation: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    resample: bool = False
    warnings: tuple[str, ...] = ()

    @cached_property
    def loaded(self) -> Strategy:
        """Returns the strategy, validated; raises a ``ConfigError`` leaf."""
        return load_strategy(self.strategy, where="design")

    @property
    def name(self) -> str:
        """Returns the name of the strategy."""
        return self.loaded.name

    @property
    def symbols(self) -> tuple[str, ...]:
        """Returns the symbols in the order of the strategy."""
        return self.loaded.symbols

    @property
    def symbol(self) -> str:
        """Returns the first symbol."""
        return self.loaded.symbols[0]

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """Returns every timeframe, in the order of the strategy."""
        return self.loaded.timeframes

    @property
    def base_timeframe(self) -> Timeframe:
        """Returns the timeframe that the strategy decides in."""
        return self.loaded.base_timeframe

    @property
    def text(self) -> str:
        """Returns the strategy as the text of a YAML file, the explanation above it as comments."""
        lines = [line for sentence in self.explanation for line in textwrap.wrap(_harmless(sentence), _WIDTH - 2)]
        head = "".join(f"# {line}\n" for line in lines)
        body = yaml.safe_dump(dict(self.strategy), sort_keys=False, default_flow_style=None, width=_WIDTH)
        return f"{head}\n{body}" if head else str(body)

    def to_dict(self) -> JsonObject:
        """Returns the design, JSON-ready; ``of`` reads it."""
        return {
            "strategy": dict(self.strategy),
            "designer": self.designer,
            "explanation": list(self.explanation),
            "usage": self.usage.to_dict(),
            "resample": self.resample,
            "warnings": list(self.warnings),
        }

    @classmethod
    def of(cls, facts: Json) -> Design:
        """Returns the design that ``to_dict`` wrote; raises a ``ConfigError`` leaf for a strategy with a fault."""
        design = cls(
            strategy=facts["strategy"],
            designer=facts["designer"],
            explanation=tuple(facts["explanation"]),
            usage=Usage.of(facts["usage"]),
            resample=facts["resample"],
            warnings=tuple(facts["warnings"]),
        )
        _ = design.loaded
        return design


class Journal(Protocol):
    """The answers that a design has paid for: kept outside the process, so that a killed one asks for none twice."""

    def answers(self) -> Sequence[Json]:
        """Returns the answers so far, in order."""

    def add(self, answer: Json) -> None:
        """Keeps one more answer; it is saved when this returns."""


class Unkept:
    """A journal that lasts as long as its process.

    >>> journal = Unkept()
    >>> journal.add({"text": "{}"})
    >>> journal.answers()
    [{'text': '{}'}]
    """

    def __init__(self) -> None:
        self._answers: list[Json] = []

    def answers(self) -> Sequence[Json]:
        """Returns the answers so far, in order."""
        return list(self._answers)

    def add(self, answer: Json) -> None:
        """Keeps one more answer."""
        self._answers.append(answer)


@dataclass(frozen=True)
class Ask:
    """Everything that a designer is given.

    Args:
        brief: the task in the user's words.
        seed: equal seeds give equal designs, where the designer is deterministic.
        market: the stored series, as far as a designer may know them.
        journal: keeps paid answers.
        token: asked between two steps, and while a language model is waited for.
    """

    brief: str
    seed: int
    market: Market
    journal: Journal = field(default_factory=Unkept)
    token: CancellationToken = field(default_factory=NeverCancelled)


class Designer(Protocol):
    """Turns a brief into a validated strategy.

    Args:
        name: ``grammar``, ``given``, or the id of a language model.
    """

    @property
    def name(self) -> str:
        """Returns ``grammar``, ``given``, or the id of a language model."""

    def design(self, ask: Ask) -> Design:
        """Returns a design that has been validated.

        Raises ``BriefInvalid`` for a part of the brief that cannot be met, ``Cancelled``, and for a language model
        ``DesignFailed``, ``DesignBudget``, ``DesignerUnavailable`` and ``ModelKeyMissing``.
        """


def _harmless(text: str) -> str:
    """Returns text without the characters that would end a comment or steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def check_brief(brief: object) -> str:
    """Returns a brief that has words; raises ``BriefInvalid``.

    >>> check_brief(" RSI on 1h ")
    'RSI on 1h'
    """
    text = brief.strip() if isinstance(brief, str) else ""
    if not any(sign.isalnum() for sign in text):
        hint = 'say what to trade, as in "RSI and Bollinger bands on 1h for EURUSD"'
        raise BriefInvalid("has no words", where="brief", hint=hint)
    if len(text) > MAX_BRIEF_CHARACTERS:
        found = f"{len(text)} characters"
        raise BriefInvalid("too long", where="brief", found=found, expected=f"at most {MAX_BRIEF_CHARACTERS}")
    return text


def refuse(faults: Sequence[BriefInvalid]) -> None:
    """Raises one ``BriefInvalid`` that lists every part; passes without any."""
    if faults:
        first = faults[0]
        fields: dict[str, Any] = {**first.fields(), "parts": [str(fault) for fault in faults]}
        raise BriefInvalid(**fields)
