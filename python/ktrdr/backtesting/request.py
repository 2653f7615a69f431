"""A backtest as it was asked for: all that an operation stores to run it, here or elsewhere, now or later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ktrdr.backtesting.config import INITIAL_CAPITAL, BacktestConfig, Rules
from ktrdr.config.difference import differences
from ktrdr.config.place import Place
from ktrdr.config.plain import plain
from ktrdr.errors import ConfigError, IdentityMismatch
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.library import find_strategy, read_strategy_file
from ktrdr.strategy.loader import load_strategy, parse_strategy
from ktrdr.strategy.rules import merge_rules
from ktrdr.strategy.schema import UNDECIDING


@dataclass(frozen=True)
class StrategyText:
    """A strategy as text, and the name it was found by; None for a path, a text or a mapping.

    >>> StrategyText.of("v3_minimal").name
    'v3_minimal'
    """

    text: str
    name: str | None = None

    @classmethod
    def of(cls, source: str | Path | Mapping[str, Any] | StrategyText, *, allow_path: bool = True) -> StrategyText:
        """Of a name, a path (where allowed) or a file's content as a mapping; raises a ``ConfigError`` leaf."""
        if isinstance(source, StrategyText):
            return source
        if isinstance(source, Mapping):
            return cls(json.dumps(plain(source, Place("strategy")), ensure_ascii=False, indent=1))
        if isinstance(source, Path):
            return cls(read_strategy_file(source, str(source)))
        found = find_strategy(source, allow_path=allow_path)
        return cls(found.read(), None if found.source == "path" else found.name)


@dataclass(frozen=True)
class BacktestRequest:
    """One backtest, as an operation's ``spec`` holds it; ``of`` has checked all that needs no bars.

    Args:
        strategy_name: the name it was submitted by, None for a path, a text or a mapping.
        strategy_text: the file as it was when it was submitted.
        model: a bundle's id or path; None chooses the newest that fits when the run first starts.
    """

    strategy_name: str | None
    strategy_text: str
    symbol: str
    timeframe: str
    start: str | None = None
    end: str | None = None
    initial_capital: float = INITIAL_CAPITAL
    execution: Rules = None
    decisions: Rules = None
    metrics: Rules = None
    model: str | None = None
    strict: bool = False
    resample: bool = False

    @classmethod
    def of(
        cls,
        strategy: str | Path | Mapping[str, Any] | StrategyText,
        symbol: str,
        timeframe: str,
        *,
        allow_path: bool = True,
        threads: int = DEFAULT_THREADS,
        **rest: Any,
    ) -> BacktestRequest:
        """From the arguments of ``ktrdr.backtest``; raises ``ConfigError`` leaves and ``ArgumentInvalid``.

        >>> BacktestRequest.of("v3_minimal", "EURUSD", "1h", start="2024-01-01").start
        '2024-01-01'
        """
        source = StrategyText.of(strategy, allow_path=allow_path)
        request = cls(source.name, source.text, symbol, timeframe, **rest)
        request.config(threads)
        return request

    @classmethod
    def of_spec(cls, spec: Mapping[str, Any]) -> BacktestRequest:
        """The request that `to_spec` wrote."""
        return cls(**spec)

    def to_spec(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def config(self, threads: int, model: str | None = None, data_dir: str | Path | None = None) -> BacktestConfig:
        """The run's configuration from the stored text; ``model`` is the bundle that the run was first started with."""
        return BacktestConfig.of(
            parse_strategy(self.strategy_text, self._shown), self.symbol, self.timeframe, start=self.start,
            end=self.end, data_dir=data_dir, initial_capital=self.initial_capital, execution=self.execution,
            decisions=self.decisions, metrics=self.metrics, model=model or self.model, threads=threads,
            strict=self.strict, resample=self.resample,
        )  # fmt: skip

    def forked(self, execution: Rules = None, decisions: Rules = None, model: str | None = None) -> BacktestRequest:
        """The same with rules merged over this request's own, and another model."""
        return replace(
            self,
            execution=merge_rules(self.execution or {}, execution or {}) or None,
            decisions=merge_rules(self.decisions or {}, decisions or {}) or None,
            model=model or self.model,
        )

    @property
    def _shown(self) -> str:
        return self.strategy_name or "strategy"

    def check_name(self) -> None:
        """Passes where the name still means the stored strategy; a text, path or mapping has nothing to compare with.

        Raises ``IdentityMismatch`` that names the first difference: ``found`` is what the name means now.
        """
        if self.strategy_name is None:
            return
        try:
            now = load_strategy(self.strategy_name, allow_path=False)
        except ConfigError as error:
            raise self._changed("the name means no valid strategy any more", found=error.what) from None
        then = parse_strategy(self.strategy_text, self._shown)
        if now.canonical_json(without=UNDECIDING) == then.canonical_json(without=UNDECIDING):
            return
        changed = (
            difference
            for difference in differences(now.canonical(), then.canonical())
            if difference[0].partition(".")[0] not in UNDECIDING
        )
        path, found, expected = next(changed, ("the order of its keys", None, None))
        raise self._changed(f"{path} has changed since the run was submitted", found=found, expected=expected)

    def _changed(self, what: str, **facts: object) -> IdentityMismatch:
        hint = "resume with --stored to go on with the strategy as it was submitted"
        return IdentityMismatch(what, where=self.strategy_name or "", part="strategy", hint=hint, **facts)
