"""HTTP statuses: the nearest class of the table decides."""

from __future__ import annotations

import pytest

from ktrdr import errors
from ktrdr.worker.statuses import http_status


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.JsonInvalid, 400),
        (errors.AuthRequired, 401),
        (errors.HostNotAllowed, 403),
        (errors.DataNotFound, 404),
        (errors.ModelNotFound, 404),
        (errors.NotFound, 404),
        (errors.Cancelled, 409),
        (errors.AlreadyRunning, 409),
        (errors.IdentityMismatch, 409),
        (errors.IdempotencyConflict, 409),
        (errors.BodyTooLarge, 413),
        (errors.ContentType, 415),
        (errors.QuotaExceeded, 429),
        (errors.ConfigNotFound, 422),
        (errors.RequestInvalid, 422),
        (errors.LabelsEmpty, 422),
        (errors.KtrdrError, 500),
        (errors.AccountingIdentity, 500),
        (errors.WorkerUnreachable, 502),
        (errors.DatabaseTooNew, 503),
    ],
)
def test_http_status(kind: type[errors.KtrdrError], status: int) -> None:
    assert http_status(kind("it broke")) == status
