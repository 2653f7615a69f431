"""Inputs of a completed backtest, built again where they are not in memory, and only if they are still the run's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ktrdr.backtesting.identity import identity_parts
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.backtesting.inputs.model_bundle import choose_bundle
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.stored import StoredLedger
from ktrdr.backtesting.results import BacktestResults, RunInputs
from ktrdr.errors import ArgumentInvalid, IdentityMismatch


def run_inputs(result: BacktestResults, data_dir: Path | None = None) -> RunInputs:
    """Returns strategy, normalised features and net of a run.

    Args:
        result: a completed backtest: of this process, or one that a store has.
        data_dir: folder of bars and models of a stored run; by default ``KTRDR_DATA_DIR``, else one under the user's
            folder.

    Raises:
        IdentityMismatch: bars, strategy, net or numeric profile are not those of the run any more; ``part`` names one.
        ArgumentInvalid: the result was unpickled, and brought no inputs.
    """
    if result.inputs is not None:
        return result.inputs
    if not isinstance(result.source, StoredLedger):
        raise ArgumentInvalid("this result came without its inputs", where="result", expected="one of a store or a run")
    source = result.source
    facts = result.facts
    request = BacktestRequest.of_spec(source.store.get(source.operation_id).spec)
    config = request.config(int(facts["threads"]), model=str(facts["model"]), data_dir=data_dir)
    cache = FeatureCache(config)
    base = cache.raw().base
    first = int(base.timestamp[cache.raw().first_simulated])
    bundle = choose_bundle(config, start_ns=first, synthetic=base.provenance.synthetic)
    features = cache.of(bundle)
    found = {name: value.hex() for name, value in identity_parts(config, features, bundle)}
    _check(found, result.manifest["parts"], source.operation_id)
    return RunInputs(config.strategy, features, bundle)


def _check(found: Mapping[str, str], known: Mapping[str, str], operation_id: str) -> None:
    for name, value in found.items():
        if known.get(name) != value:
            raise IdentityMismatch(
                "an input of the run has changed",
                where=operation_id,
                part=name,
                found=value[:12],
                expected=str(known.get(name))[:12],
            )
