"""The strategy of a stored request: its text as it was submitted, and the name that it was submitted by."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ktrdr.config.difference import differences
from ktrdr.config.place import Place
from ktrdr.config.plain import plain
from ktrdr.errors import ConfigError, IdentityMismatch, KtrdrError
from ktrdr.strategy.library import find_strategy, read_strategy_file
from ktrdr.strategy.loader import load_strategy, parse_strategy
from ktrdr.strategy.schema import Strategy


@dataclass(frozen=True)
class StrategyText:
    """Text of a strategy, and the name it was found by; None for a path, a text or a mapping.

    >>> StrategyText.of("v3_minimal").name
    'v3_minimal'
    """

    text: str
    name: str | None = None

    @classmethod
    def of(cls, source: str | Path | Mapping[str, Any] | StrategyText, *, allow_path: bool = True) -> StrategyText:
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
        return parse_strategy(self.text, self.name or "strategy")

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
