"""TA-Lib without pandas in the processes of ktrdr's own, and with it in everybody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr.operations.models import Status
from support.process.processes import Place, furnish

WITHOUT = """
import sys, threading
import numpy as np
from ktrdr.startup.lean_talib import load_talib_without_pandas
columns = np.arange(20.0)
"""


def python(code: str, *arguments: str, start: str = WITHOUT) -> str:
    """Runs code in a process of its own; returns what it printed."""
    run = subprocess.run(
        [sys.executable, "-c", start + code, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_library_leaves_talib_as_it_is() -> None:
    """A user's own columns of pandas go into TA-Lib beside ktrdr, in a notebook or a service."""
    python(
        """
import ktrdr
from ktrdr import backtest, features, simulate, train
import ktrdr.feature_pipeline.indicators.trend, ktrdr.operations.pool.child, ktrdr.cli.app
import pandas, talib
assert type(talib.SMA(pandas.Series(columns), 3)) is pandas.Series
"""
    )


def test_talib_comes_without_pandas_and_pandas_can_be_used_all_the_same() -> None:
    """Polars, which TA-Lib imports, looks for pandas once and remembers the answer."""
    python(
        """
load_talib_without_pandas()
load_talib_without_pandas()
import talib
assert "pandas" not in sys.modules and "pyarrow" not in sys.modules
mean = talib.SMA(columns, 3)
import polars, pandas
assert polars.Series([1.0, 2.0]).to_pandas().sum() == 3.0
assert polars.from_pandas(pandas.DataFrame({"a": [1.0, 2.0]}))["a"].sum() == 3.0
assert type(talib.SMA(polars.Series(columns), 3)) is polars.Series
import importlib
again = importlib.reload(talib)
assert np.array_equal(again.SMA(columns, 3), mean, equal_nan=True)
"""
    )


def test_the_indicators_have_the_bits_that_they_have_with_pandas() -> None:
    indicators = """
import hashlib, talib
from talib import stream
walk = np.cumsum(np.random.default_rng(1).normal(size=500)) + 100
bands, handle = talib.BBANDS(walk, 20), stream.RSI(walk[:100], 14)
print(hashlib.sha256(np.concatenate([*bands, talib.RSI(walk, 14), [handle.update(walk[100])]])).hexdigest())
print("pandas" in sys.modules)
"""
    without, absent = python("load_talib_without_pandas()" + indicators).split()
    usual, present = python(indicators).split()
    assert without == usual
    assert (absent, present) == ("False", "True")


@pytest.mark.parametrize("first", ["import pandas", "import talib, pandas"])
def test_what_was_imported_before_stays_as_it_is(first: str) -> None:
    python(
        f"""
{first}
load_talib_without_pandas()
import talib
assert type(talib.SMA(pandas.Series(columns), 3)) is pandas.Series
"""
    )


def test_another_thread_finds_pandas_at_that_very_moment() -> None:
    """Deep inside the import of TA-Lib, before its extension looks for pandas too."""
    python(
        """
found = []
def look():
    import pandas
    found.append(pandas.Series([1.0]).sum())
def meanwhile(event, details):
    if event == "import" and details[0] == "talib._ta_lib" and not found:
        assert "pandas" not in sys.modules
        other = threading.Thread(target=look)
        other.start()
        other.join()
load_talib_without_pandas()
sys.addaudithook(meanwhile)
import talib
assert found == [1.0]
assert talib.SMA(columns, 3)[-1] == 18.0
"""
    )


def test_many_threads_that_import_both_at_once_have_both() -> None:
    python(
        """
load_talib_without_pandas()
sys.setswitchinterval(1e-5)
failed = []
def look(number):
    try:
        barrier.wait()
        if number % 2:
            import pandas
            assert pandas.Series([1.0]).sum() == 1.0
        else:
            import talib
            assert talib.SMA(columns, 3)[-1] == 18.0
    except BaseException as error:
        failed.append(repr(error))
barrier = threading.Barrier(8)
threads = [threading.Thread(target=look, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert failed == []
"""
    )


def test_a_talib_that_fails_to_load_leaves_pandas_to_be_found(tmp_path: Path) -> None:
    (tmp_path / "talib.py").write_text("raise RuntimeError('broken')")
    python(
        """
sys.path.insert(0, sys.argv[1])
load_talib_without_pandas()
try:
    import talib
except RuntimeError:
    import pandas
    assert pandas.Series([1.0]).sum() == 1.0
else:
    raise AssertionError
""",
        str(tmp_path),
    )


CHILD = """
import gc, os, runpy, sys
usual, leave = gc.get_threshold(), os._exit
def end(code):
    print("talib" in sys.modules, "pandas" in sys.modules, gc.get_threshold() == usual, gc.get_freeze_count() > 100_000)
    sys.stdout.flush()
    leave(code)
os._exit = end
sys.argv = ["child", "worker", str(os.getppid())]
runpy.run_module("ktrdr.operations.pool.child", run_name="__main__", alter_sys=True)
"""


def test_a_child_of_a_worker_runs_a_backtest_without_pandas(tmp_path: Path) -> None:
    """Its collector waits too, until the run begins."""
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'operations.db'}")
    furnish(tmp_path, 1_500)
    store = place.store()
    operation = place.submit(store)
    run = subprocess.run(
        [sys.executable, "-c", CHILD], env=place.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert store.get(operation.id).status is Status.COMPLETED, run.stderr
    assert run.stdout.split() == ["True", "False", "True", "True"]
    store.close()
