"""Assessments as a kind of operation: the last part of a cycle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ktrdr._types import Json, JsonObject
from ktrdr.analysis.doubt import logged_beside, trials_among
from ktrdr.analysis.sensitivity import Sensitivity, sensitivity
from ktrdr.analysis.statistics.sharpe import Moments
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.store.repository import Repository
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.numeric_profile import machine_profile
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations.kind import Kind, Shown
from ktrdr.operations.models import Capability, Claim, Outcome
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Recorder
from ktrdr.operations.running.save_point import StateSavePoint
from ktrdr.operations.running.session import recorded
from ktrdr.research.assessment import Evidence, assess
from ktrdr.research.evidence import in_sample_results, moments_of
from ktrdr.research.gates import Gate
from ktrdr.research.job.request import AssessmentRequest
from ktrdr.research.job.state import JsonState, begun, hash_of, open_state
from ktrdr.strategy.loader import parse_strategy
from ktrdr.strategy.schema import Strategy

_STEPS = 2


class AssessmentKind(Kind):
    """Assessments of a strategy that was trained and mostly backtested; the spec is an `AssessmentRequest`."""

    name = "assessment"

    def capability(self) -> Capability:
        """Returns the numeric profile, since it trades the bars of the fit; imports torch."""

        return Capability(machine_profile())

    def parse(self, spec: Json) -> AssessmentRequest:
        """Returns the request of a spec; raises ``ArgumentInvalid``."""
        return AssessmentRequest.of_spec(spec)

    def unchanged(self, spec: Json) -> None:
        """Passes: the cycle has asked for its parts."""

    def shown(self, spec: Json) -> Shown:
        """Returns the model whose strategy is judged."""
        return Shown(f"assessment of {spec.get('model') or 'a strategy without a net'}")

    def headline(self, manifest: Json) -> str:
        """Returns the verdict and its reason."""
        return f"{manifest['assessment']['verdict']}: {manifest['assessment']['reason']}"

    def open_snapshot(self, snapshot: bytes) -> JsonState:
        """Returns the numbers that are known so far; raises a ``SnapshotError`` leaf."""
        return open_state(snapshot)

    def run(self, claim: Claim, io: RunIO) -> Outcome:
        """Collects the evidence, each step saved, and judges it."""
        with recorded(claim, io) as recorder:
            work = _Assessment(claim, io, recorder)
            assessment = assess(work.evidence()).to_dict()
            result = Outcome(
                result_hash=f"sha256:{hash_of(assessment).hex()}",
                identity=work.identity().hex(),
                summary={"verdict": assessment["verdict"], "figures": assessment["figures"]},
                manifest={"assessment": assessment},
                warnings=claim.notices,
            )
            recorder.complete(result)
        return result


@dataclass
class _Assessment:
    """One assessment at work; steps that a checkpoint holds are not repeated."""

    claim: Claim
    io: RunIO
    recorder: Recorder

    def __post_init__(self) -> None:
        self._state: JsonState = begun(self.claim)

    @cached_property
    def request(self) -> AssessmentRequest:
        return AssessmentRequest.of_spec(self.claim.operation.spec)

    @cached_property
    def strategy(self) -> Strategy:
        return parse_strategy(self.request.strategy_text, "strategy")

    @cached_property
    def bundle(self) -> ModelBundle | None:
        if self.request.model is None:
            return None
        storage = ModelStorage(Repository(self.io.data_dir).models_dir)
        return ModelBundle.load(storage.find(self.request.model).path)

    @cached_property
    def backtest(self) -> BacktestResults | None:
        name = self.request.backtest
        return None if name is None else stored_results(self.io.store, name)

    def identity(self) -> bytes:
        """Returns one hash over all that decides the verdict; the ids of model and operation do not."""
        spec = self.claim.operation.spec
        inputs = {name: value for name, value in spec.items() if name not in ("model", "backtest")}
        of_backtest = None if self.backtest is None else self.backtest.identity
        weights = None if self.bundle is None else self.bundle.weights_sha256
        return hash_of([inputs, weights, of_backtest])

    def evidence(self) -> Evidence:
        """Returns the numbers of the verdict. Without a backtest the gates alone decide."""
        gates = [Gate.of(facts) for facts in self.request.gates]
        found = self.backtest
        if found is None:
            return Evidence(gates, facts=self._facts())
        inside = self._step("in_sample", self._in_sample)
        reaction = self._step("reaction", self._reaction)
        # Up to its own trial: later ones must not change the verdict of a cycle that is resumed.
        trials = trials_among(found, logged_beside(self.io.store, found, upto=self.request.backtest))
        return Evidence(
            gates,
            in_sample=None if inside["moments"] is None else Moments(**inside["moments"]),
            out_of_sample=moments_of(found),
            metrics=found.metrics,
            trial_sharpes=trials.sharpes,
            pbo=trials.pbo,
            profit_at_twice_costs=reaction["profit_at_twice_costs"],
            profit_one_bar_later=reaction["profit_one_bar_later"],
            break_even_multiple=reaction["break_even_multiple"],
            periods_per_year=found.conventions["periods_per_year"],
            facts=self._facts(),
        )

    def _step(self, name: str, compute: Any) -> JsonObject:
        """Returns what a step gives, and saves it unless a checkpoint has it."""
        known = self._state.state
        if name not in known:
            known = {**known, name: compute()}
            self._state = replace(self._state, bar=len(known), state=known)
            self.recorder.progress.report("assessment", len(known), _STEPS, {})
            self.recorder.reach(StateSavePoint(self._state), stops=True)
        found: JsonObject = known[name]
        return found

    def _in_sample(self) -> JsonObject:
        assert self.bundle is not None
        found = in_sample_results(
            self.strategy,
            self.bundle,
            self.request.symbol,
            data_dir=self.io.data_dir,
            threads=self.claim.operation.threads,
            resample=self.request.resample,
            bridge=self.recorder.progress,
            token=self.io.token,
        )
        moments = None if found is None else moments_of(found)
        return {"moments": None if moments is None else vars(moments)}

    def _reaction(self) -> JsonObject:
        """Trades the signals of the backtest again at other costs and later."""
        assert self.backtest is not None
        spec = self.io.store.get(self.request.backtest or "").spec
        config = BacktestRequest.of_spec(spec).config(self.claim.operation.threads, data_dir=self.io.data_dir)
        found: Sensitivity = sensitivity(self.backtest, FeatureCache(config).raw(self.recorder.progress).base)
        return {
            "profit_at_twice_costs": found.double_costs["net_profit"],
            "profit_one_bar_later": found.delays[1]["net_profit"],
            "break_even_multiple": found.break_even_multiple,
        }

    def _facts(self) -> JsonObject:
        strategy = self.strategy
        metrics = {} if self.bundle is None else self.bundle.metadata.metrics
        longer = [frame.value for frame in strategy.timeframes if frame > strategy.base_timeframe]
        return {
            "symbol": self.request.symbol,
            "timeframe": strategy.base_timeframe.value,
            "longer_timeframe": min(longer, default=None),
            "indicators": sorted({indicator.type for indicator in strategy.indicators.values()}),
            "test_accuracy": metrics.get("test_accuracy"),
            "majority_share": metrics.get("test_majority_share"),
        }


KIND = AssessmentKind()
