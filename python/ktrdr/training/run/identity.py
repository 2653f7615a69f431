"""The identity of a training: named parts, each with its hash. Trainings of one identity make one net."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ktrdr import _core
from ktrdr.errors import IdentityMismatch, ProfileMismatch
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.strategy.schema import Strategy

if TYPE_CHECKING:
    import torch

SEMANTICS: Final = 1
"""Version of the rules by which a training's inputs become weights; raised with every change of a weight's bits."""

_PROFILE = "profile"


@dataclass(frozen=True)
class TrainingIdentity:
    """All that decides a net, as named hashes; paths, names and file times are not among them.

    Args:
        parts: BLAKE3 of each input as hex, by name, in a fixed order.
    """

    parts: Mapping[str, str]

    @classmethod
    def of(
        cls, strategy: Strategy, symbols: Sequence[str], matrices: Sequence[FeatureMatrix], run: Mapping[str, Any]
    ) -> TrainingIdentity:
        """Returns the identity of a training.

        Args:
            strategy: as it is trained.
            symbols: trained on, in order.
            matrices: features of each symbol.
            run: seed, threads, device and what else of the machine decides the bits.
        """
        rules = strategy.training.canonical()
        rules.pop("seed", None)  # the run has the seed in force
        profile = {name: value for name, value in run.items() if name != "seed"}
        facts = {
            "strategy": strategy.feature_part() | {"context_data": [dict(entry) for entry in strategy.context_data]},
            "training": rules,
            "symbols": list(symbols),
            "rows": [[len(one.base), one.start_row, one.first_simulated] for one in matrices],
            "synthetic": [one.base.provenance.synthetic for one in matrices],
            "seed": run["seed"],
            "semantics": SEMANTICS,
            _PROFILE: profile,
        }
        bars = {
            f"bars {one.base.symbol} {timeframe.value}": series.content_hash()
            for one in matrices
            for timeframe, series in one.series.items()
        }
        bars |= {
            f"context {one.base.symbol} {name}": _hex([context.known_ns, context.values])
            for one in matrices
            for name, context in one.context.items()
        }
        return cls(bars | {name: _hex([_text(value)]) for name, value in facts.items()})

    @property
    def hash(self) -> str:
        """Returns one hash over all parts, as hex."""
        return _core.identity(tuple((name, bytes.fromhex(value)) for name, value in self.parts.items())).hex()

    def require_equal(self, started: Mapping[str, str], where: str = "") -> None:
        """Passes if a training was started with these inputs.

        Args:
            started: the parts that it was started with.
            where: name of the training in errors.

        Raises:
            IdentityMismatch: they differ; ``part`` names the first that does.
            ProfileMismatch: only the machine, the device or the threads do.
        """
        names = dict.fromkeys((*started, *self.parts))
        changed = [name for name in names if started.get(name) != self.parts.get(name)]
        if not changed:
            return
        part = changed[0]
        leaf = ProfileMismatch if changed == [_PROFILE] else IdentityMismatch
        raise leaf(
            f"{part} is not what the training was started with",
            where=where,
            part=part,
            found=self.parts.get(part, "nothing")[:16],
            expected=started.get(part, "nothing")[:16],
            hint="restart it with `ktrdr operations restart`",
        )


def result_hash(metadata: BundleMetadata, weights: Mapping[str, torch.Tensor]) -> str:
    """Returns one hash over a net as a run uses it: weights, features and their scaling; BLAKE3 as hex.

    Args:
        metadata: of its bundle.
        weights: by name, on the CPU.
    """
    facts = {
        "features": list(metadata.resolved_features),
        "model": dict(metadata.feature_part["model"]),
        "normalization": dict(metadata.normalization_params),
        "output_type": metadata.output_type,
        "target_scale": metadata.target_scale,
        "weights": [[name, list(tensor.shape), str(tensor.dtype)] for name, tensor in weights.items()],
    }
    return _hex([_text(facts), *(tensor.contiguous().numpy() for tensor in weights.values())])


def _hex(buffers: list[Any]) -> str:
    return bytes(_core.content_hash(buffers)).hex()


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
