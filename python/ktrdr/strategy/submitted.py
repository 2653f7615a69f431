"""The strategy of a stored request: its text as it was submitted, and the name that it was submitted by.

`StrategyRequest` is the part that requests of all kinds with a strategy have in common.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from ktrdr._types import Json
from ktrdr.config.difference import differences
from ktrdr.config.place import Place
from ktrdr.config.plain import plain
from ktrdr.config.stored import StoredRequest
from ktrdr.config.strict import checked
from ktrdr.errors import ConfigError, IdentityMismatch, KtrdrError
from ktrdr.strategy.library import find_strategy, read_strategy_file
from ktrdr.strategy.loader import load_strategy, parse_strategy
from ktrdr.strategy.schema import UNDECIDING, Strategy


@dataclass(frozen=True)
class StrategyText:
    """Text of a strategy, and the name it was found by; None for a path, a text or a mapping.

    >>> StrategyText.of("v3_minimal").name
    'v3_minimal'
    """

    text: str
    name: str | None = None

    @classmethod
    def of(cls, source: StrategySource, *, allow_path: bool = True) -> StrategyText:
        """Returns the text of a name, a path (where allowed) or a mapping; raises a ``ConfigError`` leaf."""
        if isinstance(source, StrategyText):
            return source
        if isinstance(source, Mapping):
            return cls(json.dumps(plain(source, Place("strategy")), ensure_ascii=False, indent=1))
        if isinstance(source, Path):
            return cls(read_strategy_file(source, str(source)))
        found = find_strategy(source, allow_path=allow_path)
        return cls(found.read(), None if found.source == "path" else found.name)

    def parse(self) -> Strategy:
        """Returns the strategy; raises a ``ConfigError`` leaf."""
        return _parsed(self.text, self.name or "strategy")

    def require_unchanged(self, undeciding: Collection[str]) -> None:
        """Passes if the name still means this text; a text, path or mapping always passes.

        Raises ``IdentityMismatch`` that names the first difference; ``found`` is the value in the file of today.

        Args:
            undeciding: sections that have no effect on the run's result, and may have changed.

        >>> StrategyText.of("v3_minimal").require_unchanged(("description",))
        """
        if self.name is None:
            return
        try:
            now = load_strategy(self.name, allow_path=False)
        except ConfigError as error:
            raise self._changed("the name no longer means a valid strategy", found=error.what) from None
        then = self.parse()
        if now.canonical_json(without=tuple(undeciding)) == then.canonical_json(without=tuple(undeciding)):
            return
        changed = (
            difference
            for difference in differences(now.canonical(), then.canonical())
            if difference[0].partition(".")[0] not in undeciding
        )
        path, found, expected = next(changed, ("the order of its keys", None, None))
        raise self._changed(f"{path} has changed since the run was submitted", found=found, expected=expected)

    def _changed(self, what: str, **facts: object) -> IdentityMismatch:
        hint = "resume with --stored to use the strategy as it was submitted"
        return IdentityMismatch(what, where=self.name or "", part="strategy", hint=hint, **facts)


StrategySource = str | Path | Mapping[str, Any] | StrategyText
"""A strategy as a caller gives it: a name or a path, a mapping, or a text that was read before."""


class StrategyRequest(StoredRequest):
    """Base of the requests that store a strategy. A subclass names it first, so that its two keys follow the others."""

    undeciding: ClassVar[Collection[str]] = UNDECIDING
    """Sections of the strategy that have no effect on the result, and may have changed since."""

    strategy_name: str | None = Field(
        description="name that the strategy was submitted by; None for a path, a text or a mapping"
    )
    strategy_text: str = Field(description="the strategy's file as it was when it was submitted")

    @classmethod
    def submit(
        cls, strategy: StrategySource, values: Mapping[str, Any], sections: Collection[str], *, allow_path: bool = True
    ) -> Self:
        """Returns the request of a strategy with these values, their ranges checked.

        Args:
            strategy: name, path, mapping or text.
            values: parameters of the request by name.
            sections: names of the values that are rules, as a mapping.
            allow_path: True if ``strategy`` may be a path.

        Raises:
            ConfigError: a leaf for a strategy that cannot be read, or rules that are no JSON.
            ArgumentInvalid: a parameter is outside its range.
        """
        source = StrategyText.of(strategy, allow_path=allow_path)
        rules = {name: values[name] for name in sections if isinstance(values.get(name), Mapping)}
        given = {name: plain(value, Place("request"), (name,)) for name, value in rules.items()}
        return checked(cls, {"strategy_name": source.name, "strategy_text": source.text, **values, **given})

    @property
    def submitted(self) -> StrategyText:
        """Returns the strategy's text under the name that it was submitted by."""
        return StrategyText(self.strategy_text, self.strategy_name)

    def check_name(self) -> None:
        """Passes if the name still means the stored strategy; a text, path or mapping always passes.

        Raises ``IdentityMismatch`` that names the first difference; ``found`` is the value in the file of today.
        """
        self.submitted.require_unchanged(self.undeciding)


@lru_cache(maxsize=64)
def _parsed(text: str, where: str) -> Strategy:
    """Returns the strategy of a text; a run asks for its own several times, and to read YAML takes 20 ms."""
    return parse_strategy(text, where)


@lru_cache(maxsize=64)
def known_strategy(text: str) -> Strategy | None:
    """Returns the strategy of a stored text; None for one that this version refuses. A list repeats few texts.

    >>> known_strategy("not a strategy") is None
    True
    """
    try:
        return parse_strategy(text)
    except KtrdrError:
        return None


def request_fields(spec: Json) -> dict[str, Any]:
    """Returns strategy, symbol, timeframe and dates of a stored spec as lists name them; None for what it lacks.

    >>> request_fields({"symbols": ["EURUSD", "GBPUSD"], "start": "2024-01-01"})["symbol"]
    'EURUSD, GBPUSD'
    """
    strategy = known_strategy(str(spec.get("strategy_text", "")))
    return {
        "strategy": spec.get("strategy_name") or (None if strategy is None else strategy.name),
        "symbol": spec.get("symbol") or ", ".join(map(str, spec.get("symbols") or ())) or None,
        "timeframe": spec.get("timeframe"),
        "start_date": spec.get("start"),
        "end_date": spec.get("end"),
    }


def request_title(fields: Mapping[str, Any], kind: str) -> str:
    """Returns strategy, symbol and timeframe of ``request_fields`` as a title; the kind where there is none of them.

    >>> request_title({"strategy": "walker", "symbol": "EURUSD", "timeframe": None}, "sweep")
    'walker EURUSD'
    """
    return " ".join(str(fields[name]) for name in ("strategy", "symbol", "timeframe") if fields[name]) or kind
