"""Settings and fixtures of every test: hypothesis, time limits, the folder of real market bars."""

from __future__ import annotations

import gc
import os

# Several processes share the cores, here and in the programs that tests start. Threads of torch that wait must sleep:
# by default they spin, and take three quarters of all processor time. Read when torch is loaded, so before it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

pytest_plugins = ["support.database.databases"]
# No deadline: a busy machine is no bug. No shrinking: it has kept `make test` busy for 92 seconds. What failed stays in
# .hypothesis, and `pytest --hypothesis-profile soak THE_TEST` shrinks it.
settings.register_profile(
    "quick", deadline=None, max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target]
)
settings.register_profile("soak", deadline=None, max_examples=1_000)
settings.load_profile("quick")
_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the garbage collector away from what is collected: 700,000 objects that live as long as the process.

    Looking through them took a quarter of the collection, and half a second at each full pass of a test.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lifts the time limit from the soak: its tests run for as long as their seeds take."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Returns the folder of real market bars; skips the test where there is none."""
    folder = Path(os.environ.get("KTRDR_REAL_DATA", _DEFAULT))
    if not (folder / "GOOG_1d.parquet").exists():
        pytest.skip(f"no real market bars at {folder} (set KTRDR_REAL_DATA)")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the tables of a soak, whichever process has counted."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, text in report.user_properties:
                    if name == "table":
                        terminalreporter.write_line(str(text))
