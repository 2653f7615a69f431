"""Signals in, ledger out: the Python side of the core's simulation, without strategies or models.

* `arrays.py`: `simulate` and `Simulation`, over whole columns.
* `stream.py`: `SimulationStream`, fed bar by bar, for runs of unknown length.
* `blocks.py`: `BlockRun`, the backtest engine's run over bars at hand, with signals in blocks.
* `_run.py`: the core handle that these three share.
* `given/`: columns of signals from callers, in the order of the bars; entries and exits become signals.
* `inputs.py`, `columns.py`: other values from callers, checked once, and the columns a run reads.
* `ledger.py`, `cursor.py`, `equity_curve.py`: tables of a run as frames, whole or only the new rows.
* `result.py`: `RunResult`, the one shape of a result.
"""
