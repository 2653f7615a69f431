"""A fold of a walk-forward: its three parts, run here one after the other, or whole as a unit of another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from ktrdr._types import Json
from ktrdr.analysis.splits import Window
from ktrdr.analysis.walk_forward.plan import Plan
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.analysis.walk_forward.result import FoldRuns
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import ProgressBridge
from ktrdr.errors import DataTooShort, KtrdrError, LabelsEmpty, ProfileMismatch
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Capability, Operation
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.children import Parts, parent_of
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.claims import difference
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.folders import scratch
from ktrdr.settings import data_root
from ktrdr.time import iso
from ktrdr.training.run.result import TrainResult

_PARTS: Final = ("training", "in-sample", "test")
_KINDS: Final = ("training", "backtest")


def stages_of(number: int) -> Sequence[str]:
    """Returns the stages of a fold, in the order in which they run.

    >>> stages_of(2)
    ['fold 2 training', 'fold 2 in-sample', 'fold 2 test']
    """
    return [f"fold {number} {part}" for part in _PARTS]


def fold_runs(request: WalkForwardRequest, plan: Plan, number: int, parts: Parts) -> FoldRuns:
    """Returns the results of a fold's parts; those that have completed are read."""
    window = plan.windows[number - 1]
    in_training, in_sample, in_test = stages_of(number)
    try:
        training = parts.run(in_training, "training", request.training_of(window).to_spec())
    except (DataTooShort, LabelsEmpty) as error:
        raise _of_fold(error, number, window, request.folds) from None
    assert isinstance(training, TrainResult)
    model = training.model_id
    fitted = training.metadata.in_sample
    assert fitted is not None
    inside = parts.run(in_sample, "backtest", request.in_sample_of(fitted, model).to_spec())
    test = parts.run(in_test, "backtest", request.test_of(window, model).to_spec())
    return FoldRuns(window, training, cast("BacktestResults", inside), cast("BacktestResults", test))


def _of_fold(error: DataTooShort | LabelsEmpty, number: int, window: Window, folds: int) -> KtrdrError:
    """Returns the error of a fold's training, with the fold and its bars in its place."""
    span = f"{iso(window.train_from_ns)} to {iso(window.train_until_ns)}"
    what = f"fold {number} of {folds}, trained on {span}: {error.what}"
    hint = "give a longer range, fewer folds, a larger --train-share, or labels that are known sooner"
    return type(error)(**error.fields() | {"what": what, "hint": hint})


@dataclass(frozen=True, eq=False)
class FoldsHere:
    """The folds of a walk-forward as units of the process that owns it: saved on the way, and continued after a stop.

    Args:
        request: the walk-forward.
        plan: its windows.
        threads: torch threads of a unit.
        parts: the parts of the walk-forward.
    """

    request: WalkForwardRequest
    plan: Plan
    threads: int
    parts: Parts

    def unit(self, number: int) -> Sequence[FinishedPart]:
        """Runs the fold after so many others; returns no part, since its parts are stored already."""
        fold_runs(self.request, self.plan, number + 1, self.parts)
        return ()


@dataclass(frozen=True)
class FoldWork:
    """The folds of a walk-forward as units: each is run whole, in a database of its own, over the data folder of all.

    Args:
        spec: request of the walk-forward.
        plan: its windows.
        threads: torch threads of a unit.
        data_dir: bars and models; all processes read and write the same folder.
        capabilities: numbers that the parts must be computed with, by kind.
    """

    spec: Json
    plan: Plan
    threads: int
    data_dir: Path
    capabilities: Mapping[str, Capability]

    @classmethod
    def of(cls, operation: Operation, plan: Plan, data_dir: Path | None = None) -> FoldWork:
        """Returns the work of a walk-forward; its parts are computed with the numbers of this process."""
        folder = (data_dir or data_root()).resolve()
        able = {kind: kind_of(kind).capability() for kind in _KINDS}
        return cls(operation.spec, plan, operation.threads, folder, able)

    def unit(self, number: int) -> Sequence[FinishedPart]:
        """Returns the parts of the fold after so many others; raises ``ProfileMismatch`` on another kind of machine."""
        self._check_numbers()
        return self.finished(number, Token())

    def finished(self, number: int, token: Token, bridge: ProgressBridge | None = None) -> Sequence[FinishedPart]:
        """Returns the parts of the fold after so many others; ``Cancelled`` once the token asks to stop.

        The database that they are run in is gone afterwards, also if this process is killed.
        """
        stages = stages_of(number + 1)
        with scratch("ktrdr-fold-") as folder:
            store = Store.open(f"sqlite:///{folder / 'fold.db'}")
            try:
                claim = store.begin_here("walkforward", self.spec, Owner.me(), threads=self.threads)
                io = RunIO(store, token=token, data_dir=self.data_dir)
                with parent_of(claim, io, stages, whole=bridge) as (_, parts):
                    fold_runs(WalkForwardRequest.of_spec(self.spec), self.plan, number + 1, parts)
                return store.finished_parts(claim.operation.id)
            finally:
                store.close()

    def _check_numbers(self) -> None:
        for kind, expected in self.capabilities.items():
            found = kind_of(kind).capability()
            if found != expected:
                names = difference(expected.profile or {}, found.profile or {}) or ["semantics"]
                raise ProfileMismatch(
                    f"a node computes with another numeric profile: {names[0]}",
                    where="ray",
                    part=f"profile {names[0]}",
                    found=(found.profile or {}).get(names[0]),
                    expected=(expected.profile or {}).get(names[0]),
                    hint="give the cluster nodes of one kind, or leave --ray out",
                )
