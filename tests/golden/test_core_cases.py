"""The fixture of cargo's golden test is what the reference says today."""

from __future__ import annotations

from golden.export_core_cases import PATH, exported


def test_the_fixture_is_current() -> None:
    text = exported()
    assert len(text) < 1_000_000
    assert PATH.read_text() == text, "run PYTHONPATH=tests python tests/golden/export_core_cases.py"
