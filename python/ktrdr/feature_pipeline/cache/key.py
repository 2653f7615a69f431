"""The identity of assembled features: bars, definition, libraries, instruction set and code that decide their bits."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import ktrdr
from ktrdr import _core
from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.external import External
from ktrdr.feature_pipeline.resolver import FeatureColumn, resolve_columns
from ktrdr.profile import column_profile
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Timeframe

_CODE = ("feature_pipeline", "strategy/catalog", "numerics.py")
"""Sources that decide the bits of a feature, below the package; the core is among them by its file."""


def feature_key(strategy: Strategy, series: Mapping[Timeframe, BarSeries], external: Mapping[str, External]) -> str:
    """Returns a name for the features of these series, as hex; other features have another name.

    Args:
        strategy: the features, in column order.
        series: the loaded bars, by timeframe.
        external: the external series, by id.
    """
    facts = {
        "base": strategy.base_timeframe.value,
        "bars": {timeframe.value: bars.content_hash() for timeframe, bars in series.items()},
        "context": {
            id_: bytes(_core.content_hash([one.context.known_ns, one.context.values])).hex()
            for id_, one in external.items()
        },
        "columns": [_definition(column) for column in resolve_columns(strategy)],
        "machine": _machine(),
        "code": _code_hash(),
    }
    return bytes(_core.content_hash([json.dumps(facts, allow_nan=False).encode()])).hex()


def _definition(column: FeatureColumn) -> list[Any]:
    """Returns all of a column that decides its values; names do not."""
    timeframe = column.series.timeframe
    grade = None if column.membership is None else [column.membership.kind, list(column.membership.parameters)]
    return [
        None if timeframe is None else timeframe.value,
        column.series.context,
        column.use.type,
        sorted(column.use.params.items()),
        column.output,
        grade,
        column.normalization,
    ]


@cache
def _machine() -> dict[str, Any]:
    """Returns libraries and instruction sets, and the C library, whose functions of a number are not exact."""
    names = getattr(os, "confstr_names", {})
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in names else platform.version()
    return column_profile() | {"machine": platform.machine(), "system": platform.system(), "libc": libc}


@cache
def _code_hash() -> str:
    """Returns a hash over the files that compute features: a changed formula never finds what an older one made."""
    package = Path(ktrdr.__file__).parent
    files = [file for name in _CODE for file in _sources(package / name)]
    parts = [part for file in [*files, Path(_core.__file__)] for part in (file.name.encode(), file.read_bytes())]
    return bytes(_core.content_hash(parts)).hex()


def _sources(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("*.py"))
