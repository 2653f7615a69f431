"""Kinds whose requests and words are imported late: one rule for what a spec means, whichever kind it is of."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ktrdr.config.stored import StoredRequest
from ktrdr.errors import ArgumentInvalid, IdentityMismatch
from ktrdr.operations import KINDS
from ktrdr.operations.deferred import DeferredKind, Words
from ktrdr.operations.kind import Shown, kind_of
from ktrdr.operations.models import Claim, OpenedSnapshot, Outcome
from ktrdr.operations.running.io import RunIO

DEFERRED = [name for name in KINDS if isinstance(kind_of(name), DeferredKind)]


class Count(StoredRequest):
    count: int
    name: str = "same"

    def check(self) -> None:
        if self.count < 0:
            raise ArgumentInvalid("below none", where="count", found=self.count)

    def check_name(self) -> None:
        if self.name != "same":
            raise IdentityMismatch("another name", where=self.name, part="name")


class Printed:
    """Words of a kind; a module in the kinds of ktrdr."""

    def shown(self, spec: object, /) -> Shown:
        return Shown(f"title of {spec}")

    def figures(self, summary: object, /) -> dict[str, int]:
        return {"figures": len(str(summary))}

    def headline(self, manifest: object, /) -> str:
        return f"headline of {manifest}"


class CountKind(DeferredKind):
    name = "count"

    def request_class(self) -> type[Count]:
        return Count

    def words(self) -> Words:
        return Printed()

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:
        raise AssertionError("nothing runs it")

    def run(self, claim: Claim, io: RunIO) -> Outcome:
        raise AssertionError("nothing runs it")


def test_a_spec_is_checked_beyond_its_fields() -> None:
    kind = CountKind()
    assert kind.parse({"count": 3}) == Count(count=3)
    with pytest.raises(ArgumentInvalid, match="below none"):
        kind.parse({"count": -3})


def test_a_name_is_checked_apart_from_the_rest() -> None:
    kind = CountKind()
    kind.unchanged({"count": -3})
    with pytest.raises(IdentityMismatch, match="another name"):
        kind.unchanged({"count": 3, "name": "other"})


def test_what_lists_print_comes_from_its_words() -> None:
    kind = CountKind()
    assert kind.shown({"a": 1}) == Shown("title of {'a': 1}")
    assert kind.figures({"a": 1}) == {"figures": len("{'a': 1}")}
    assert kind.headline({"a": 1}) == "headline of {'a': 1}"


@pytest.mark.parametrize("name", DEFERRED)
def test_a_registered_kind_shows_a_spec_that_it_cannot_read(name: str) -> None:
    """A list must not fail for one row of a later version."""
    kind = kind_of(name)
    assert isinstance(kind, DeferredKind)
    assert isinstance(kind.shown({"later": True}), Shown)
    assert kind.figures({}) is not None
    assert issubclass(kind.request_class(), StoredRequest)


def test_a_kind_imports_no_models_and_no_columns() -> None:
    code = (
        "import sys; from ktrdr.operations.kind import kind_of; "
        f"[kind_of(name) for name in {DEFERRED}]; "
        "print([name for name in ('torch', 'polars', 'pydantic', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
