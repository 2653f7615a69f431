"""The error tree keeps its promises: unique codes, known exits, one line, every code produced by a test."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from ktrdr.cli.exits import exit_code
from ktrdr.errors import KtrdrError, all_errors, from_code
from ktrdr.worker.statuses import http_status

TESTS = Path(__file__).resolve().parents[1]
EXITS = {2, 3, 4, 5, 6, 7, 130}


@pytest.mark.parametrize(("code", "kind"), all_errors().items())
def test_each_leaf_has_an_exit_and_a_status(code: str, kind: type[KtrdrError]) -> None:
    assert re.fullmatch(r"[a-z_]+", code)
    assert exit_code(kind("it broke")) in EXITS
    assert 400 <= http_status(kind("it broke")) < 600
    assert kind.__doc__


@pytest.mark.parametrize("kind", all_errors().values())
def test_an_error_survives_a_process_boundary_as_one_line(kind: type[KtrdrError]) -> None:
    error = kind("it broke", where="a.yaml", found=1, expected="2", hint="mend it")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error) == "a.yaml: it broke: found 1, expected 2; mend it"
    assert "\n" not in str(error)


def test_an_unknown_code_from_the_core_is_our_fault() -> None:
    assert exit_code(from_code("no_such_code", "x")) == 6


def test_a_field_nobody_declared_is_refused() -> None:
    with pytest.raises(TypeError, match="roww"):
        all_errors()["data_empty"]("x", roww=1)


def test_every_code_is_produced_by_a_test() -> None:
    """A code named in no other test is a code nobody has seen happen."""
    text = "\n".join(file.read_text() for file in TESTS.rglob("test_*.py") if file != Path(__file__))
    unseen = [code for code, kind in all_errors().items() if code not in text and kind.__name__ not in text]
    assert unseen == []
