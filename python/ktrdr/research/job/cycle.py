"""The cycle: design, training, backtest, assessment, each a part; gates between them decide if the next one runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ktrdr._types import JsonObject
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.data.resample import Resampling
from ktrdr.data.store.repository import Repository
from ktrdr.errors import ConfigRange, DataTooShort, LabelsEmpty, TrainingDiverged
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations.models import Claim, Outcome, Result
from ktrdr.operations.running.children import Parts, parent_of
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Recorder
from ktrdr.operations.running.save_point import StateSavePoint
from ktrdr.research.evidence import selection_rows
from ktrdr.research.gates import Gate, backtest_gate, training_gate, untrained_gate
from ktrdr.research.job.design import Designed
from ktrdr.research.job.request import AssessmentRequest, ResearchRequest
from ktrdr.research.job.state import begun, hash_of
from ktrdr.strategy.loader import parse_strategy
from ktrdr.strategy.submitted import StrategyText
from ktrdr.time import Span, iso
from ktrdr.training.job.request import TrainingRequest

STAGES: Final = ("design", "training", "backtest", "assessment")
_SEED_BYTES: Final = 8
_UNTRAINABLE: Final = (LabelsEmpty, TrainingDiverged, DataTooShort, ConfigRange)
"""Errors of a training that say what strategy and bars together do not hold; the request itself is in order."""


def run_cycle(claim: Claim, io: RunIO) -> Outcome:
    """Runs a claimed cycle to its end, from the newest checkpoints of itself and of its parts."""
    with parent_of(claim, io, STAGES) as (recorder, parts):
        result = _Cycle(claim, io, recorder, parts).run()
        recorder.complete(result)
    return result


@dataclass
class _Cycle:
    """One cycle at work."""

    claim: Claim
    io: RunIO
    recorder: Recorder
    parts: Parts

    def __post_init__(self) -> None:
        self._state = begun(self.claim)

    def run(self) -> Outcome:
        request = ResearchRequest.of_spec(self.claim.operation.spec)
        design = self.parts.run("design", "design", request.to_spec())
        designed = Designed.of(design)
        self.recorder.record_start()
        parts: dict[str, Result] = {"design": design}
        gates = [self._train(designed, request, parts)]
        model = None if "training" not in parts else str(parts["training"].summary["model"])
        if gates[0].passed:
            assert model is not None
            parts["backtest"] = self.parts.run("backtest", "backtest", _backtest(designed, model))
            gates.append(backtest_gate(parts["backtest"].summary["metrics"]))
        asked = AssessmentRequest(
            strategy_text=designed.text,
            symbol=designed.design.symbol,
            model=model,
            resample=designed.design.resample,
            gates=[gate.to_dict() for gate in gates],
            backtest=self._ids()["backtest"] if "backtest" in parts else None,
        )
        parts["assessment"] = self.parts.run("assessment", "assessment", asked.to_spec())
        return self._outcome(designed, gates, parts)

    def _train(self, designed: Designed, request: ResearchRequest, parts: dict[str, Result]) -> Gate:
        """Returns the judgement of the training, and adds its result to the parts where it gave a net."""
        asked = _training(designed, request)
        try:
            training = self.parts.run("training", "training", asked)
        except _UNTRAINABLE as error:
            refusal = untrained_gate(error)
            return self._gate("training", lambda: refusal)
        parts["training"] = training
        model = str(training.summary["model"])
        return self._gate("training", lambda: self._judge_training(designed, model, training.result_hash))

    def _gate(self, name: str, judge: Callable[[], Gate]) -> Gate:
        """Returns the judgement of a gate, and saves it unless the checkpoint has it."""
        known = self._state.state
        if name not in known:
            known = {**known, name: judge().to_dict()}
            self._state = replace(self._state, bar=len(known), state=known)
            self.recorder.reach(StateSavePoint(self._state), stops=True)
        return Gate.of(known[name])

    def _judge_training(self, designed: Designed, model: str, result_hash: str) -> Gate:
        repository = Repository(self.io.data_dir)
        rows = selection_rows(
            parse_strategy(designed.text, "design"),
            ModelBundle.load(ModelStorage(repository.models_dir).find(model).path),
            Resampling(repository) if designed.design.resample else repository,
            designed.design.symbol,
            threads=self.claim.operation.threads,
            resample=designed.design.resample,
            bridge=self.recorder.progress,
            token=self.io.token,
        )
        seed = int.from_bytes(hash_of(result_hash)[:_SEED_BYTES], "little")
        return training_gate(rows.signals, rows.returns, seed=seed, given=rows.given)

    def _ids(self) -> dict[str, str]:
        """Returns the operations of the stages so far, by name."""
        mine = self.claim.operation.id
        return {part.stage or part.kind: part.id for part in self.io.store.parts([mine]).get(mine, [])}

    def _outcome(self, designed: Designed, gates: list[Gate], done: dict[str, Result]) -> Outcome:
        """Returns the result of the cycle; ids of operations and numbers of bundles are no part of its hash."""
        assessment = done["assessment"].manifest["assessment"]
        training = done.get("training")
        backtest = done.get("backtest")
        facts = [gate.to_dict() for gate in gates]
        decided = [assessment, facts, {name: result.result_hash for name, result in done.items()}]
        return Outcome(
            result_hash=f"sha256:{hash_of(decided).hex()}",
            identity=hash_of({name: result.identity for name, result in done.items()}).hex(),
            summary={
                "verdict": assessment["verdict"],
                "metrics": {} if backtest is None else backtest.summary["metrics"],
                "undefined": {} if backtest is None else backtest.summary["undefined"],
                "figures": assessment["figures"],
            },
            manifest={
                "operation": self.claim.operation.id,
                "brief": self.claim.operation.spec["brief"],
                "designer": designed.design.designer,
                "strategy": parse_strategy(designed.text, "design").name,
                "strategy_text": designed.text,
                "file": designed.file,
                "explanation": list(designed.design.explanation),
                "usage": designed.design.usage.to_dict(),
                "symbol": designed.design.symbol,
                "timeframes": [frame.value for frame in designed.design.timeframes],
                "spans": designed.spans.to_dict(),
                "model": None if training is None else training.summary["model"],
                "gates": facts,
                "assessment": assessment,
                "parts": self._ids(),
            },
            warnings=tuple(dict.fromkeys(line for result in done.values() for line in result.warnings)),
        )


def _training(designed: Designed, request: ResearchRequest) -> JsonObject:
    start, end = _ends(designed.spans.train)
    spec: JsonObject = TrainingRequest.of(
        StrategyText(designed.text),
        designed.design.symbols,
        start=start,
        end=end,
        seed=request.seed,
        resample=designed.design.resample,
    ).to_spec()
    return spec


def _backtest(designed: Designed, model: str) -> JsonObject:
    """Returns the request of the backtest; ``strict`` refuses any bar that the net has seen, whatever the spans say."""
    start, end = _ends(designed.spans.evaluation)
    spec: JsonObject = BacktestRequest.of(
        StrategyText(designed.text),
        designed.design.symbol,
        designed.design.base_timeframe.value,
        start=start,
        end=end,
        model=model,
        resample=designed.design.resample,
        strict=True,
    ).to_spec()
    return spec


def _ends(span: Span) -> tuple[str, str]:
    assert span.start_ns is not None
    assert span.end_ns is not None
    return iso(span.start_ns), iso(span.end_ns)
