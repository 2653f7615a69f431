"""The windows of a walk-forward, fixed when it first starts: a resume under other bars is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ktrdr import _core
from ktrdr._types import Stamps
from ktrdr.analysis.splits import Window, walk_forward_windows
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.data.resample import Resampling
from ktrdr.errors import ArgumentInvalid, IdentityMismatch, SnapshotCorrupt
from ktrdr.feature_pipeline.window import rows_in_span
from ktrdr.strategy.history import needs

VERSION = 1


@dataclass(frozen=True)
class Plan:
    """The windows of a walk-forward, with the hash of every input; also its own opened snapshot.

    Args:
        windows: one for each fold.
        inputs: hash of each input by name, as hex.
    """

    windows: tuple[Window, ...]
    inputs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: WalkForwardRequest, threads: int, data_dir: Path | None) -> Plan:
        """Returns the plan that the stored bars of today give.

        Raises ``DataError`` leaves, and ``ArgumentInvalid`` for more folds than bars.
        """
        found = request.inputs(data_dir)
        source = Resampling(found.source) if request.resample else found.source
        base = found.strategy.base_timeframe
        symbol = request.symbol
        stamps = source.stamps(symbol, base)
        rows = rows_in_span(stamps, found.span, symbol, base)
        asked = stamps[rows.first : rows.stop]
        windows = _windows(asked, request)
        # The last window ends one nanosecond after its last stamp; requests name instants by the second.
        windows = (*windows[:-1], windows[-1]._replace(test_until_ns=int(asked[-1]) + base.ns))
        end_ns = int(asked[-1]) + base.ns
        inputs = {"request": _hash_of(request, threads)}
        for timeframe, need in needs(found.strategy).items():
            if need.load_bars > 0 or timeframe == base:
                every = source.stamps(symbol, timeframe) + timeframe.ns
                stop = int(np.searchsorted(every, end_ns, side="right"))
                inputs[f"bars {symbol} {timeframe.value}"] = source.rows(symbol, timeframe, 0, stop).content_hash()
        return cls(tuple(windows), tuple(inputs.items()))

    @classmethod
    def read(cls, snapshot: bytes) -> Plan:
        """Returns the plan of a snapshot; raises ``SnapshotCorrupt``."""
        try:
            facts: dict[str, Any] = json.loads(snapshot)
            windows = tuple(Window(*map(int, window)) for window in facts["windows"])
            found = cls(windows, tuple((str(name), str(value)) for name, value in facts["inputs"]))
        except (ValueError, KeyError, TypeError):
            raise SnapshotCorrupt("not the plan of a walk-forward") from None
        if facts.get("version") != VERSION or facts.get("identity") != found.identity.hex():
            raise SnapshotCorrupt("the plan of a walk-forward is damaged")
        return found

    def require_same(self, now: Plan, operation_id: str) -> None:
        """Passes if the inputs of today are those of the plan; ``IdentityMismatch`` names the first that differs."""
        today = dict(now.inputs)
        for name, value in self.inputs:
            if today.get(name) != value:
                raise IdentityMismatch(
                    f"{name} has changed since the walk-forward began",
                    where=operation_id,
                    part=name.partition(" ")[0],
                    hint=f"`ktrdr operations restart {operation_id}` runs all folds on the bars of today",
                )

    @property
    def identity(self) -> bytes:
        """Returns the 32 bytes that stand for all inputs."""
        return bytes(_core.content_hash([json.dumps([self.inputs, self.windows]).encode()]))

    @property
    def bar(self) -> int:
        """Returns 0: bars are counted by the parts."""
        return 0

    @property
    def lineage(self) -> bytes:
        """Returns the hash of the snapshot."""
        return bytes(_core.content_hash([self.encoded()]))

    def encoded(self) -> bytes:
        """Returns the plan as bytes."""
        facts = {"version": VERSION, "identity": self.identity.hex(), "windows": self.windows, "inputs": self.inputs}
        return json.dumps(facts).encode()


def _windows(stamps: Stamps, request: WalkForwardRequest) -> tuple[Window, ...]:
    try:
        return walk_forward_windows(stamps, request.folds, train_share=request.train_share, anchored=request.anchored)
    except ArgumentInvalid as error:
        named = "folds" if error.where == "n_windows" else error.where
        raise ArgumentInvalid(**error.fields() | {"where": named}) from None


def _hash_of(request: WalkForwardRequest, threads: int) -> str:
    strategy = json.loads(request.submitted.parse().canonical_json(without=request.undeciding))
    parameters = request.model_dump(exclude={"strategy_name", "strategy_text"})
    text = json.dumps([strategy, parameters, threads], sort_keys=True)
    return bytes(_core.content_hash([text.encode()])).hex()
