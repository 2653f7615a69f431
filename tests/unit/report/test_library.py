"""The chart library: one known file of an installed package, or an error that says what to do."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError

import pytest

from ktrdr.errors import LibraryMissing
from ktrdr.report import library


@pytest.fixture(autouse=True)
def fresh() -> None:
    library.chart_library.cache_clear()


def test_the_file_is_the_one_that_is_known() -> None:
    text = library.chart_library()
    assert hashlib.sha256(text.encode()).hexdigest() == library.SHA256
    assert "Lightweight Charts™ v5.1.0" in text[:200]
    assert "Apache License 2.0" in text[:300]
    assert "</script" not in text


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "SHA256", "0" * 64)
    with pytest.raises(LibraryMissing, match=r"not the chart library .* found 756b0ba9f589, expected 000000000000"):
        library.chart_library()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(library, "distribution", absent)
    with pytest.raises(LibraryMissing, match=r"^litecharts: not installed; pip install 'ktrdr\[report\]'$"):
        library.chart_library()
