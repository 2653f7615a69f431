"""Exit codes of the command line: one table, by family of error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ktrdr import errors

EXIT_CODES: Final[Mapping[type[errors.KtrdrError], int]] = {
    errors.RequestError: 2,
    errors.UsageError: 2,
    errors.ConfigError: 3,
    errors.DataError: 3,
    errors.ModelError: 3,
    errors.NotFound: 3,
    errors.ResearchError: 3,
    errors.SimulationError: 3,
    errors.TrainingError: 3,
    errors.OperationError: 4,
    errors.SnapshotError: 4,
    errors.ClusterFailed: 5,
    errors.StorageError: 5,
    errors.KtrdrError: 6,
    errors.LookaheadFound: 7,
    errors.Cancelled: 130,
}


def exit_code(error: errors.KtrdrError) -> int:
    """Returns the exit code of the nearest class of ``error`` that the table names.

    >>> exit_code(errors.DataEmpty("no bars")), exit_code(errors.NotFound("no such operation"))
    (3, 3)
    """
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
