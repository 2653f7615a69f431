"""Exit codes: the nearest class of the table decides."""

from __future__ import annotations

import pytest

from ktrdr import errors
from ktrdr.cli.exits import exit_code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.UsageError, 2),
        (errors.ArgumentInvalid, 2),
        (errors.BodyTooLarge, 2),
        (errors.ConfigNotFound, 3),
        (errors.DataNotFound, 3),
        (errors.ModelNotFound, 3),
        (errors.LabelsEmpty, 3),
        (errors.FillPrice, 3),
        (errors.NotFound, 3),
        (errors.AlreadyRunning, 4),
        (errors.ProfileMismatch, 4),
        (errors.StorageUnavailable, 5),
        (errors.InternalError, 6),
        (errors.KtrdrError, 6),
        (errors.Cancelled, 130),
    ],
)
def test_exit_code(kind: type[errors.KtrdrError], code: int) -> None:
    assert exit_code(kind("it broke")) == code
