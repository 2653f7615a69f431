"""Hooks for Schemathesis, in its own environment: half of all starts can be run, half of all ids are known.

Most generated bodies are refused, since a strategy has to be a strategy, and generated ids are nobody's. The
strategy, and the ids of completed operations, are files of the working folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import schemathesis

_SPAN = {"symbol": "EURUSD", "timeframe": "1h", "start_date": "2024-01-20", "end_date": "2024-03-01", "threads": 1}
_FILE = Path("strategy.yaml").read_text()
_COMPLETED = Path("operations.txt").read_text().split()
_TRAINING = {"strategy_yaml": _FILE, "end_date": "2024-03-01", "device": "cpu", "threads": 1}
_BODIES: dict[str, dict[str, Any]] = {
    "/backtests/start": {"strategy_yaml": _FILE, **_SPAN},
    "/trainings/start": _TRAINING,
    "/walk-forwards/start": {**_TRAINING, "symbol": "EURUSD", "timeframe": "1h", "folds": 1},
    "/paper/start": {"strategy_yaml": _FILE, "symbol": "EURUSD", "timeframe": "1h", "feed": "mine", "threads": 1},
    "/research/start": {"brief": "EURUSD hourly, RSI", "model": "grammar", "threads": 1},
}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A body that can be run, for every second one that was drawn; the draw decides which."""
    good = _BODIES.get(context.operation.path)
    return body if good is None or len(repr(body)) % 2 else dict(good)


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """The id of a completed operation, in every second place for an id."""
    drawn = repr(path_parameters)
    if not path_parameters or "operation_id" not in path_parameters or len(drawn) % 2:
        return path_parameters
    return {**path_parameters, "operation_id": _COMPLETED[sum(map(ord, drawn)) % len(_COMPLETED)]}
