"""Metadata of a bundle, as frozen values; read and written without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ktrdr.config.place import Place
from ktrdr.errors import ConfigError, ModelFormat
from ktrdr.profile import BLOCK_ROWS
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import N_CLASSES
from ktrdr.strategy.sections.model import ModelSpec, model_section, resolve_model
from ktrdr.time import Span, Timeframe, iso

FORMAT_VERSION = 4
_READ_VERSIONS = (3, FORMAT_VERSION)
"""Version 3 is without the splits and the judgement in ``metrics.json``."""
_SCALING = ("scale", "shift", "low", "high")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class BundleMetadata:
    """Everything beside the weights that a run of the net needs.

    Args:
        feature_part: indicators, fuzzy_sets, nn_inputs, timeframes, model, output_format: a strategy must match them.
        timeframes: base first.
        training_span: first base stamp and the close of the last base bar of the training span.
        in_sample: train and validation rows up to the close of their last label's end bar.
        selection: test rows up to the close of their last label's end bar.
        label_ends: close of the last label's end bar of each split, ns UTC.
        normalization_params: fitted on the training rows, by feature name.
        target_scale: factor of a regression's outputs; 1 for classes.
        synthetic: True for synthetic training bars; None if an older bundle does not say.
        run: seed, threads, device, deterministic, torch build, CPU capability: all that decides the weights.
        hashes: sha256 of each other file of the bundle.
        identity: of the training: one ``hash`` over all that decided the net, and ``parts``, the hash of each input.
        result_hash: over the net as a run uses it: weights, features and their scaling.
        of_fold: True for the net of a fold of a walk-forward, which no run chooses by itself.
    """

    strategy_name: str
    strategy_version: str
    feature_part: Mapping[str, Any]
    model: ModelSpec
    output_type: str
    resolved_features: tuple[str, ...]
    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    training_span: Span | None = None
    in_sample: Span | None = None
    selection: Span | None = None
    label_ends: Mapping[str, int] = field(default_factory=dict)
    normalization_params: Mapping[str, Any] = field(default_factory=dict)
    target_scale: float = 1.0
    synthetic: bool | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)
    result_hash: str | None = None
    of_fold: bool = False

    @property
    def base_timeframe(self) -> Timeframe:
        """Returns the timeframe of the bars that the net decides on."""
        return self.timeframes[0]

    @property
    def n_outputs(self) -> int:
        """Returns the number of outputs: one for a regression, else one for each class."""
        return 1 if self.output_type == "regression" else N_CLASSES

    @property
    def sequence_length(self) -> int:
        """Returns the bars in the window of one decision: 1 for an MLP."""
        return self.model.sequence_length

    def later_than(self, start_ns: int) -> Span | None:
        """Returns the part of the training span that is later than an instant: bars a run from there must not know.

        None if every bar of the training had closed by then, and where ``training_span`` is None: nothing is known.

        Args:
            start_ns: stamp of the first bar that is to be traded or judged, ns UTC.
        """
        span = self.training_span
        if span is None or span.start_ns is None or span.end_ns is None or span.end_ns <= start_ns:
            return None
        return Span(max(span.start_ns, start_ns), span.end_ns)

    @property
    def inference_block(self) -> int:
        """Returns the rows of one forward pass."""
        return BLOCK_ROWS[self.model.type]

    def to_json(self) -> dict[str, Any]:
        """Returns the content of ``metadata_v3.json``."""
        part = self.feature_part
        return {
            "format_version": FORMAT_VERSION,
            "strategy_name": self.strategy_name,
            "strategy_version": self.strategy_version,
            **{key: part[key] for key in ("indicators", "fuzzy_sets", "nn_inputs", "model")},
            "resolved_features": list(self.resolved_features),
            "output_type": self.output_type,
            "model_type": self.model.type,
            "sequence_length": self.sequence_length,
            "inference_block": self.inference_block,
            "target_scale": self.target_scale,
            "normalization_params": dict(self.normalization_params),
            "training_symbols": list(self.symbols),
            "training_timeframes": [timeframe.value for timeframe in self.timeframes],
            "training_span": _span_json(self.training_span),
            "in_sample": _span_json(self.in_sample),
            "selection_span": _span_json(self.selection),
            "label_ends": {name: _stamp_json(stamp) for name, stamp in self.label_ends.items()},
            "synthetic": self.synthetic,
            "training_run": dict(self.run),
            "training_metrics": dict(self.metrics),
            "versions": dict(self.versions),
            "warnings": list(self.warnings),
            "hashes": dict(self.hashes),
            "identity": dict(self.identity),
            "result_hash": self.result_hash,
            "of_fold": self.of_fold,
        }


def doubts(metrics: Mapping[str, Any]) -> list[str]:
    """Returns a warning for each split on which the net is no better than always naming the commonest class.

    Args:
        metrics: of a bundle's metadata.

    >>> doubts({"test_accuracy": 0.4, "test_majority_share": 0.5, "validation_accuracy": 0.4})
    ['test: no better than always naming the commonest class or sign: 40.0 % right, against 50.0 %']
    """
    found = []
    for split in ("validation", "test"):
        right, commonest = (metrics.get(f"{split}_{name}") for name in ("accuracy", "majority_share"))
        if right is not None and commonest is not None and right <= commonest:
            what = "no better than always naming the commonest class or sign"
            found.append(f"{split}: {what}: {right:.1%} right, against {commonest:.1%}".replace("%", " %"))
    return found


def metadata_from_json(data: object, config: Callable[[], Any], where: str) -> BundleMetadata:
    """Returns the metadata of a bundle; ``ModelFormat`` names the key that is missing or wrong.

    Args:
        data: the content of ``metadata_v3.json``.
        config: reads ``config.json``, which older bundles need: their metadata do not describe the net.
        where: name of the file in errors.
    """
    if not isinstance(data, Mapping):
        raise ModelFormat("not a mapping", where=where, found=type(data).__name__)
    read = _Reader(data, where)
    version = read.optional("format_version", int)
    if version is not None and version not in _READ_VERSIONS:
        expected = " or ".join(map(str, _READ_VERSIONS))
        raise ModelFormat("a bundle of another version", where=where, found=version, expected=expected)
    try:
        return _current(read) if version is not None else _older(read, config())
    except ConfigError as error:
        raise ModelFormat(f"its strategy cannot be read: {error}", where=where) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFormat(f"not in the bundle's format: {error}", where=where) from None


def _current(read: _Reader) -> BundleMetadata:
    output_type = read.required("output_type", str)
    section = dict(read.required("model", dict))
    timeframes = read.required("training_timeframes", list)
    feature_part = {
        "indicators": read.required("indicators", dict),
        "fuzzy_sets": read.required("fuzzy_sets", dict),
        "nn_inputs": read.required("nn_inputs", list),
        "timeframes": timeframes,
        "model": section,
        "output_format": output_type,
    }
    place = Place(read.where, root=("model",))
    return BundleMetadata(
        strategy_name=read.required("strategy_name", str),
        strategy_version=read.required("strategy_version", str),
        feature_part=feature_part,
        model=resolve_model(model_section(section, place), output_type, place),
        output_type=output_type,
        resolved_features=tuple(map(str, read.required("resolved_features", list))),
        symbols=tuple(map(str, read.required("training_symbols", list))),
        timeframes=tuple(Timeframe(name) for name in timeframes),
        training_span=_span(read.optional("training_span", dict)),
        in_sample=_span(read.optional("in_sample", dict)),
        selection=_span(read.optional("selection_span", dict)),
        label_ends={name: int(stamp["ns"]) for name, stamp in read.mapping("label_ends").items()},
        normalization_params=_normalization(read, read.required("nn_inputs", list)),
        target_scale=_scale(read, read.required("target_scale", float)),
        synthetic=read.optional("synthetic", bool),
        run=read.mapping("training_run"),
        metrics=read.mapping("training_metrics"),
        versions=read.mapping("versions"),
        warnings=tuple(read.optional("warnings", list) or ()),
        hashes=_hashes(read),
        identity=read.mapping("identity"),
        result_hash=read.optional("result_hash", str),
        of_fold=read.optional("of_fold", bool) or False,
    )


def _older(read: _Reader, config: Any) -> BundleMetadata:
    """Returns the metadata of a bundle from before ``format_version``; its strategy holds the missing parts."""
    strategy = load_strategy(config, where="config.json")
    names = tuple(map(str, read.required("resolved_features", list)))
    if names != strategy.feature_names:
        raise ModelFormat("features differ from those of config.json", where=read.where)
    part = strategy.feature_part()
    return BundleMetadata(
        strategy_name=read.required("strategy_name", str),
        strategy_version=read.optional("strategy_version", str) or strategy.version,
        feature_part=part,
        model=strategy.model,
        output_type=strategy.output_format,
        resolved_features=names,
        symbols=tuple(map(str, read.required("training_symbols", list))),
        timeframes=tuple(Timeframe(name) for name in part["timeframes"]),
        normalization_params=_normalization(read, part["nn_inputs"]),
        target_scale=_scale(read, read.optional("target_scale", float) or 1.0),
        metrics=read.mapping("training_metrics"),
        hashes=_hashes(read),
    )


def _normalization(read: _Reader, inputs: Sequence[Any]) -> dict[str, Any]:
    """Returns the scaling of raw features, with every number that a run needs."""
    params = read.mapping("normalization_params")
    scaled = (entry for entry in inputs if entry.get("normalization", "none") != "none")
    for name in (f"{frame}_{entry['raw_indicator']}_raw" for entry in scaled for frame in entry["timeframes"]):
        known = params.get(name)
        numbers = [known.get(key) for key in _SCALING] if isinstance(known, Mapping) else []
        if not (numbers and all(map(_is_number, numbers)) and numbers[0] != 0):
            where = f"{read.where}: normalization_params.{name}"
            raise ModelFormat("no usable scaling", where=where, expected=f"{', '.join(_SCALING)}")
    return params


def _scale(read: _Reader, value: float) -> float:
    if not (_is_number(value) and value > 0):
        raise ModelFormat("out of range", where=f"{read.where}: target_scale", found=value, expected="above 0")
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _hashes(read: _Reader) -> dict[str, str]:
    """Returns hashes by file name; refuses a name that leads out of the bundle."""
    hashes = read.mapping("hashes")
    for name, value in hashes.items():
        if not isinstance(value, str) or Path(name).name != name:
            raise ModelFormat("not the hash of a file", where=f"{read.where}: hashes", found=name)
    return hashes


@dataclass(frozen=True)
class _Reader:
    """Reads keys of a JSON mapping and checks their types."""

    data: Mapping[str, Any]
    where: str

    def required(self, key: str, kind: type[_Value]) -> _Value:
        """Returns the value of a required key."""
        value = self.optional(key, kind)
        if value is None:
            raise ModelFormat("key is missing", where=f"{self.where}: {key}", expected=kind.__name__)
        return value

    def optional(self, key: str, kind: type[_Value]) -> _Value | None:
        """Returns the value of a key; None if it is absent or null."""
        value = self.data.get(key)
        fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if value is not None and (not fits or (isinstance(value, bool) and kind is not bool)):
            raise ModelFormat(
                "wrong type", where=f"{self.where}: {key}", found=type(value).__name__, expected=kind.__name__
            )
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """Returns the mapping of a key; empty if it is absent."""
        return self.optional(key, dict) or {}


def _stamp_json(stamp_ns: int) -> dict[str, Any]:
    return {"time": iso(stamp_ns), "ns": stamp_ns}


def _span_json(span: Span | None) -> dict[str, Any] | None:
    if span is None or span.start_ns is None or span.end_ns is None:
        return None
    return {"start": _stamp_json(span.start_ns), "end": _stamp_json(span.end_ns)}


def _span(data: Mapping[str, Any] | None) -> Span | None:
    return None if data is None else Span(int(data["start"]["ns"]), int(data["end"]["ns"]))
