"""Errors that ktrdr raises on purpose: one tree, one stable ``code`` per leaf.

    KtrdrError
    ├── DataError (ValueError)        bars and files of bars                data.py
    ├── ConfigError (ValueError)      strategy files and rules              config.py
    ├── ModelError (ValueError)       model bundles                         model.py
    ├── TrainingError (ValueError)    labels, rows, divergence              model.py
    ├── SimulationError (ValueError)  orders that cannot be priced          simulation.py
    ├── SnapshotError (ValueError)    snapshots, refused resumes            simulation.py
    ├── OperationError (ValueError)   operations in a wrong state           operation.py
    ├── StorageError (RuntimeError)   the database of operations            operation.py
    ├── ResearchError (ValueError)    briefs, and designers of strategies   research.py
    ├── RequestError (ValueError)     calls of the HTTP service             request.py
    ├── UsageError (ValueError)       arguments of a call or a command      request.py
    ├── ProcessorUnsupported          an older processor than the core's    base.py
    ├── NumericState (RuntimeError)   settings that would change results    base.py
    ├── ClusterFailed (RuntimeError)  a cluster that computes units         operation.py
    ├── Cancelled                     a run that was asked to stop          base.py
    └── InternalError (RuntimeError)  a bug in ktrdr                        base.py

A message says what is wrong, where, what was found, what was expected and what to do. Each part is also a field, so
a program need not read prose. ``LookupError`` or ``FileNotFoundError`` is a further base where a Python user would
already catch it. Exit codes of the command line are in ``cli/exits.py``, statuses of the HTTP service in
``worker/statuses.py``.

>>> error = DataPriceRange("price must be positive", symbol="EURUSD", row=3, field="low", found=-1.0)
>>> str(error)
'EURUSD: row 3: low: price must be positive: found -1.0'
>>> error.code
'data_price_range'
"""

from __future__ import annotations

# A star keeps a new leaf in one file: every public class of a family is a name of this package.
from ktrdr.errors.base import *  # noqa: F403
from ktrdr.errors.config import *  # noqa: F403
from ktrdr.errors.data import *  # noqa: F403
from ktrdr.errors.model import *  # noqa: F403
from ktrdr.errors.operation import *  # noqa: F403
from ktrdr.errors.request import *  # noqa: F403
from ktrdr.errors.research import *  # noqa: F403
from ktrdr.errors.simulation import *  # noqa: F403
