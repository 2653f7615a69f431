"""Scenarios as trials: each is the backtest that it would be alone, so that equal rules are one trial."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.analysis.statistics.sharpe import ratios_of
from ktrdr.analysis.sweep.chunks import BLOCK_SHAPE, Chunk
from ktrdr.analysis.sweep.scenarios import SECTIONS, Choices, Compiled
from ktrdr.backtesting.engine import Scored
from ktrdr.backtesting.identity import Parts, hash_of_rules
from ktrdr.operations.models import Trial

FIGURES: Final = BLOCK_SHAPE[0] * BLOCK_SHAPE[1]
SCHEMA: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "identity": pl.Binary,
    "sharpe": pl.Float64,
    "blocks": pl.Array(pl.Float64, FIGURES),
}
"""Columns of trials in rows: identity [32 bytes], Sharpe ratio per period, sums in blocks as `Chunk` has them."""


class Identities:
    """The identity of the backtest that each scenario is.

    Args:
        parts: of the backtest under the rules that all scenarios share.
        rules: the same rules by section, as a backtest's identity takes them.
        compiled: the scenarios.
    """

    def __init__(self, parts: Parts, rules: Mapping[str, Any], compiled: Compiled) -> None:
        self._parts = parts
        self._rules = json.loads(json.dumps({**rules, **_sections(rules, json.loads(compiled.rules))}))
        self._changes: list[list[dict[str, Any]]] = json.loads(compiled.changes)
        sections = [next(iter(values[0])).split("/")[1] for values in self._changes]
        self._columns = {name: [at for at, one in enumerate(sections) if one == name] for name in SECTIONS}

    def of(self, rows: Choices) -> list[bytes]:
        """Returns the identities of scenarios by their choices [n_scenarios, n_rules, int32]."""
        hashes = {name: list(self._hashes(name, rows)) for name in SECTIONS}
        return [
            _core.identity(tuple((name, hashes[name][row] if name in hashes else value) for name, value in self._parts))
            for row in range(len(rows))
        ]

    def _hashes(self, section: str, rows: Choices) -> Iterator[bytes]:
        """Yields the hash of one section of each scenario's rules; equal sections are hashed once."""
        columns = self._columns[section]
        known: dict[tuple[int, ...], bytes] = {}
        for chosen in map(tuple, rows[:, columns].tolist()):
            if chosen not in known:
                for column, place in zip(columns, chosen, strict=True):
                    for pointer, value in self._changes[column][place].items():
                        _set(self._rules, pointer, value)
                known[chosen] = hash_of_rules(self._rules[section])
            yield known[chosen]


@dataclass(frozen=True, eq=False)
class TrialsOf:
    """The scenarios of a sweep as the log of trials keeps them.

    Args:
        scored: the backtest that all scenarios share.
        identities: of the scenarios.
        periods_per_year: factor of annual figures.
    """

    scored: Scored
    identities: Identities
    periods_per_year: float

    def of(self, chunk: Chunk) -> Trial:
        """Returns the scenarios of a chunk."""
        config = self.scored.config
        base = self.scored.features.base
        table = chunk.table
        assert chunk.choices is not None
        identities = self.identities.of(chunk.choices)
        ratios = ratios_of(table, self.periods_per_year)
        blocks = chunk.blocks.reshape(table.height, FIGURES)
        best = table["sharpe"].arg_max()
        return Trial(
            symbol=config.symbol,
            timeframe=config.timeframe.value,
            from_ns=int(base.timestamp[self.scored.features.first_simulated]),
            until_ns=int(base.timestamp[-1]) + config.timeframe.ns,
            facts={
                "strategy": config.strategy.name,
                "strategy_hash": dict(self.scored.parts)["strategy"].hex(),
                "model": self.scored.bundle.id,
                "periods_per_year": self.periods_per_year,
                "scenarios": table.height,
                "metrics": {} if best is None else table.select(sorted(_core.METRICS)).row(best, named=True),
            },
            rows=_encoded(identities, ratios, blocks),
        )


def rows_of(trial: Trial) -> pl.DataFrame:
    """Returns the trials that were logged together, with the columns of `SCHEMA`."""
    assert trial.rows is not None
    return pl.read_ipc(io.BytesIO(trial.rows))


def _encoded(identities: Sequence[bytes], ratios: pl.Series, blocks: np.ndarray[Any, Any]) -> bytes:
    rows = pl.DataFrame({"identity": identities, "sharpe": ratios, "blocks": blocks}, schema=SCHEMA)
    buffer = io.BytesIO()
    rows.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def _sections(rules: Mapping[str, Any], compiled: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the rules of the core in the place of those that a backtest's identity has beside others."""
    return {name: {**rules[name], **compiled[name]} for name in SECTIONS}


def _set(rules: dict[str, Any], pointer: str, value: object) -> None:
    *path, last = pointer.strip("/").split("/")
    inner = rules
    for key in path:
        inner = inner[key]
    inner[last] = value
