"""The examples in the docstrings of the package give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "python"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for path in (PACKAGE / "ktrdr").rglob("*.py")
    if ">>> " in path.read_text()
)


def _names_the_package(found: object, name: str) -> bool:
    return isinstance(found, type) and found.__module__ == name.rpartition(".")[0]


@pytest.mark.parametrize("name", MODULES)
def test_every_example_gives_what_it_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    # An error says that its module is the package, so the search through its file passes it over.
    passed_over = [found for found in vars(module).values() if _names_the_package(found, name)]
    tests = [test for place in (module, *passed_over) for test in finder.find(place, name, module)]
    runner = doctest.DocTestRunner(verbose=False)
    for test in tests:
        runner.run(test)
    assert runner.failures == 0, capsys.readouterr().out
    assert runner.tries > 0


def test_a_wrong_example_is_found() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda _: None).failed == 1
