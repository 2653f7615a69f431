"""The seeds of the YAML fuzz target, and a few hundred inputs of it, in every test run."""

from __future__ import annotations

import pytest

from fuzz import yaml_reader
from fuzz.yaml_reader import drawn, problem_of, seeds, smaller

KNOWN = seeds()


@pytest.mark.parametrize("data", KNOWN, ids=range(len(KNOWN)))
def test_a_seed_is_read_or_refused(data: bytes) -> None:
    assert problem_of(data) is None


def test_drawn_inputs_are_read_or_refused() -> None:
    for number in range(300):
        data = drawn(number, 1, KNOWN)
        assert problem_of(data) is None, data


def test_a_broken_reader_is_found_and_its_input_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target must be able to fail: a reader that trips over one character is caught."""

    def broken(text: str, where: str) -> None:
        if "%" in text:
            raise IndexError("off the end")

    broken.__name__ = "broken"
    monkeypatch.setattr(yaml_reader, "read_yaml", broken)
    found = next(data for number in range(300) if problem_of(data := drawn(number, 1, KNOWN)) is not None)
    assert smaller(found, lambda part: problem_of(part) is not None) == b"%"
