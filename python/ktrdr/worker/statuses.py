"""Statuses of the HTTP service: one table, by family of error or by error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ktrdr import errors

HTTP_STATUSES: Final[Mapping[type[errors.KtrdrError], int]] = {
    errors.HttpInvalid: 400,
    errors.JsonInvalid: 400,
    errors.AuthRequired: 401,
    errors.HostNotAllowed: 403,
    errors.DataNotFound: 404,
    errors.ModelNotFound: 404,
    errors.NotFound: 404,
    errors.Cancelled: 409,
    errors.IdempotencyConflict: 409,
    errors.OperationError: 409,
    errors.SnapshotError: 409,
    errors.BodyTooLarge: 413,
    errors.ContentType: 415,
    errors.QuotaExceeded: 429,
    errors.ConfigError: 422,
    errors.DataError: 422,
    errors.ModelError: 422,
    errors.RequestError: 422,
    errors.ResearchError: 422,
    errors.SimulationError: 422,
    errors.TrainingError: 422,
    errors.UsageError: 422,
    errors.KtrdrError: 500,
    errors.Busy: 503,
    errors.ClusterFailed: 502,
    errors.DesignerUnavailable: 502,
    errors.WorkerUnreachable: 502,
    errors.StorageError: 503,
}


def http_status(error: errors.KtrdrError) -> int:
    """Returns the status of the nearest class of ``error`` that the table names.

    >>> http_status(errors.DataEmpty("no bars")), http_status(errors.DataNotFound("no such series"))
    (422, 404)
    """
    return next(HTTP_STATUSES[kind] for kind in type(error).__mro__ if kind in HTTP_STATUSES)
