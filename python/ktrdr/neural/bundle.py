"""Model bundles: reads and writes the directory that holds a net and its metadata. No other file knows the format.

model.safetensors   weights, on the CPU        metadata_v3.json   what a run must know, hashes of the others
features.json       names, count, warm-up      config.json        the whole strategy
metrics.json        the training's history, its splits and a judgement of the net
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ktrdr._lazy import require
from ktrdr._types import Json
from ktrdr.disk import open_regular, sync, write_synced
from ktrdr.errors import ModelError, ModelFormat, ModelHash, ModelNotFound, OutputNotWritable
from ktrdr.neural.metadata import FORMAT_VERSION, BundleMetadata, metadata_from_json
from ktrdr.profile import DEFAULT_THREADS

if TYPE_CHECKING:
    import torch

    from ktrdr.neural.models.base_model import BaseNeuralModel

WEIGHTS = "model.safetensors"
OLDER_WEIGHTS = "model.pt"
METADATA = "metadata_v3.json"
FEATURES = "features.json"
CONFIG = "config.json"
METRICS = "metrics.json"
WRITING = ".writing-"
"""Start of the name of a folder in which a bundle is written; a process that was killed leaves it behind."""
_MAX_JSON_BYTES = 16 << 20
_OWN_HASH = "sha256"
_HASHED = frozenset({WEIGHTS, FEATURES, CONFIG, METRICS})
_VERSION = re.compile(r"(?P<timeframe>\w+)_v(?P<number>[1-9][0-9]{0,8})")


@dataclass(frozen=True)
class ModelBundle:
    """A trained net, ready for inference on the CPU, with its metadata.

    Args:
        path: the bundle's directory.
        metadata: the training of the net, and its inputs.
        model: the net in eval mode, its weights frozen.
        weights_sha256: hash of the file of weights.
        metadata_sha256: hash of the metadata file.
    """

    path: Path
    metadata: BundleMetadata
    model: BaseNeuralModel
    weights_sha256: str
    metadata_sha256: str

    def __repr__(self) -> str:
        facts = self.metadata
        return f"<ModelBundle {self.id}: {facts.model.type}, {len(facts.resolved_features)} features>"

    @classmethod
    def load(cls, path: str | Path) -> ModelBundle:
        """Reads a bundle that was trained on any device; raises a ``ModelError`` leaf that names file and tensor."""
        folder = Path(path)
        metadata, metadata_sha256 = _metadata(folder)
        model, weights_sha256 = _model(folder, metadata)
        for name, recorded in metadata.hashes.items():
            if name not in (WEIGHTS, OLDER_WEIGHTS):
                _check_hash(name, _sha256(_read_small(folder, name)), recorded, folder)
        return cls(folder, metadata, model, weights_sha256, metadata_sha256)

    @property
    def id(self) -> str:
        """Returns strategy and version, as ``--model`` takes it."""
        return bundle_id(self.path)

    def iter_scores(
        self,
        values: NDArray[np.float32],
        *,
        first_row: int = 0,
        stop_row: int | None = None,
        threads: int = DEFAULT_THREADS,
    ) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        """Yields scores block by block, a regression's as returns; see ``ktrdr.neural.inference.iter_scores``."""
        from ktrdr.neural.inference import iter_scores

        scale = self.metadata.target_scale
        return iter_scores(self.model, values, first_row=first_row, stop_row=stop_row, threads=threads, scale=scale)


@dataclass(frozen=True)
class BundleDraft:
    """Content of a bundle before it is written; the writer fills in the hashes."""

    metadata: BundleMetadata
    state: Mapping[str, torch.Tensor]
    features: Mapping[str, Any]
    config: Mapping[str, Any]
    history: Mapping[str, Any]


def bundle_id(path: Path) -> str:
    """Returns ``strategy/timeframe_vN``, the name of a bundle in messages, without the machine's folders.

    >>> bundle_id(Path("/data/models/trend/1h_v3"))
    'trend/1h_v3'
    """
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name


def version_of(path: Path) -> tuple[str, int] | None:
    """Returns timeframe and number of a version directory; None for any other name.

    >>> version_of(Path("1h_v3"))
    ('1h', 3)
    """
    found = _VERSION.fullmatch(path.name)
    return None if found is None else (found["timeframe"], int(found["number"]))


def read_metadata(path: str | Path) -> BundleMetadata:
    """Returns a bundle's metadata, without loading torch; raises a ``ModelError`` leaf."""
    return _metadata(Path(path))[0]


def read_config(path: str | Path) -> dict[str, Any]:
    """Returns the strategy of a bundle as a mapping; raises ``ModelNotFound`` or ``ModelFormat``."""
    folder = Path(path)
    config = _parse_json(_read_small(folder, CONFIG), folder, CONFIG)
    if not isinstance(config, dict):
        raise ModelFormat("not a mapping", where=_where(folder, CONFIG), found=type(config).__name__)
    return config


def read_history(path: str | Path) -> tuple[Mapping[str, Any], ...]:
    """Returns the figures of each epoch of a bundle's training; raises as `read_metrics` does."""
    return tuple(read_metrics(path)["epochs"])


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Returns the content of ``metrics.json``; raises ``ModelNotFound``, ``ModelFormat`` or ``ModelHash``.

    A bundle of version 4 has ``splits`` and ``judged`` beside ``best_epoch`` and ``epochs``.
    """
    folder = Path(path)
    data = _read_small(folder, METRICS)
    _check_hash(METRICS, _sha256(data), read_metadata(folder).hashes.get(METRICS), folder)
    metrics = _parse_json(data, folder, METRICS)
    epochs = metrics.get("epochs") if isinstance(metrics, dict) else None
    if not isinstance(epochs, list) or not all(isinstance(entry, dict) for entry in epochs):
        raise ModelFormat("no figures of epochs", where=_where(folder, METRICS), expected="epochs: a list of mappings")
    return dict(metrics)


def changed_files(path: str | Path, metadata: BundleMetadata) -> list[str]:
    """Returns the names of a bundle's files that are missing, or not as the training wrote them; needs no torch.

    Args:
        path: the bundle's directory.
        metadata: of the bundle; it has the hash of each other file. ``read_metadata`` has checked its own.
    """
    return [name for name, recorded in metadata.hashes.items() if _hash_of_file(Path(path) / name) != recorded]


def write_bundle(folder: Path, draft: BundleDraft) -> Path:
    """Writes a bundle as the next free version in the strategy's folder and returns its directory.

    It is written beside under a hidden name, synced, then renamed: renaming onto a version that exists fails, so the
    rename is the claim, and a reader never sees half a bundle. Raises ``OutputNotWritable``.
    """
    partial = folder / f"{WRITING}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        partial.mkdir(parents=True)
        try:
            for name, data in _files(draft).items():
                write_synced(partial / name, data)
            sync(partial)
            final = _claim(partial, folder, draft.metadata.base_timeframe.value)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync(folder)
    except OSError as error:
        raise OutputNotWritable(f"a model cannot be written: {error.strerror}", where=f"models/{folder.name}") from None
    return final


def _files(draft: BundleDraft) -> dict[str, bytes]:
    from safetensors.torch import save

    metadata = draft.metadata
    note = {"model_type": metadata.model.type, "strategy_name": metadata.strategy_name}
    contents = {
        WEIGHTS: save({name: t.contiguous() for name, t in draft.state.items()}, {"ktrdr": _compact(note)}),
        FEATURES: _json_bytes(draft.features),
        CONFIG: _json_bytes(draft.config),
        METRICS: _json_bytes(draft.history),
    }
    hashes = {name: _sha256(data) for name, data in contents.items()}
    return contents | {METADATA: _signed(replace(metadata, hashes=hashes).to_json())}


def _signed(facts: Json) -> bytes:
    """Returns the metadata file: its last entry is the hash of the file in which that entry is empty."""
    blank = _json_bytes({**facts, _OWN_HASH: ""})
    return _json_bytes({**facts, _OWN_HASH: _sha256(blank)})


def _check_own_hash(data: bytes, parsed: object, folder: Path) -> None:
    """Raises ``ModelHash`` for metadata that were changed after they were written.

    Metadata of version 4 have a hash, and one of each other file: so one hash covers the whole bundle. Those of older
    versions need none.
    """
    facts = parsed if isinstance(parsed, dict) else {}
    recorded = facts.get(_OWN_HASH)
    hashes = facts.get("hashes")
    sealed = isinstance(recorded, str) and isinstance(hashes, dict) and hashes.keys() >= _HASHED
    if facts.get("format_version") == FORMAT_VERSION and not sealed:
        raise ModelHash(
            "the metadata do not vouch for the bundle",
            where=_where(folder, METADATA),
            expected=f"{_OWN_HASH}, and hashes of {', '.join(sorted(_HASHED))}",
            hint="train the model again",
        )
    if isinstance(recorded, str):
        blank = data.replace(f'"{_OWN_HASH}": "{recorded}"'.encode(errors="replace"), f'"{_OWN_HASH}": ""'.encode())
        _check_hash(METADATA, _sha256(blank), recorded, folder)


def _claim(partial: Path, folder: Path, timeframe: str) -> Path:
    taken = [version_of(path) for path in folder.iterdir()]
    number = max((found[1] for found in taken if found and found[0] == timeframe), default=0)
    while True:
        number += 1
        final = folder / f"{timeframe}_v{number}"
        try:
            partial.rename(final)
        except OSError:
            if not final.exists():
                raise
        else:
            return final


def _metadata(folder: Path) -> tuple[BundleMetadata, str]:
    if not os.path.isdir(folder):  # noqa: PTH112  (False for a name no file system takes)
        raise ModelNotFound("no such model", where=bundle_id(folder), hint="`ktrdr models list` lists them")
    data = _read_small(folder, METADATA)
    parsed = _parse_json(data, folder, METADATA)
    _check_own_hash(data, parsed, folder)
    return metadata_from_json(parsed, lambda: read_config(folder), _where(folder, METADATA)), _sha256(data)


def _model(folder: Path, metadata: BundleMetadata) -> tuple[BaseNeuralModel, str]:
    """Returns the net and the hash of its file.

    The hash is checked last: for a damaged file the error says what is damaged.
    """
    require("torch", "safetensors")
    import torch

    from ktrdr.neural.models.factory import build_model
    from ktrdr.neural.runtime import run_state
    from ktrdr.neural.weights import check_tensors, parse_safetensors, parse_state_dict, read_bounded

    # Only older bundles have older weights: in a new one they would take the place of those that it vouches for.
    older = WEIGHTS not in metadata.hashes and not (folder / WEIGHTS).exists() and (folder / OLDER_WEIGHTS).exists()
    name, parse = (OLDER_WEIGHTS, parse_state_dict) if older else (WEIGHTS, parse_safetensors)
    where = _where(folder, name)
    data = read_bounded(folder / name, folder, where)
    sha256 = _sha256(data)
    recorded = metadata.hashes.get(name)
    with (
        run_state(),
        torch.device("meta"),
    ):  # no memory, and no random numbers drawn for weights that are replaced at once
        model = build_model(metadata.model, len(metadata.resolved_features), metadata.n_outputs)
    try:
        state = parse(data, where)
        check_tensors(state, model, where)
    except ModelError as error:
        if recorded is not None and sha256 != recorded:
            error = type(error)(**error.fields() | {"hint": "its hash differs from the recorded one too"})
        raise error from None
    _check_hash(name, sha256, recorded, folder)
    model.load_state_dict(dict(state), assign=True)
    return model.eval().requires_grad_(False), sha256


def _check_hash(name: str, sha256: str, recorded: str | None, folder: Path) -> None:
    if recorded is not None and sha256 != recorded:
        raise ModelHash(
            "the file is not the one that was written",
            where=_where(folder, name),
            found=f"sha256 {sha256[:16]}...",
            expected=f"{recorded[:16]}...",
            hint="train the model again",
        )


def _where(folder: Path, name: str) -> str:
    return f"{bundle_id(folder)}/{name}"


def _read_small(folder: Path, name: str) -> bytes:
    try:
        with open_regular(folder / name, folder) as stream:
            data = stream.read(_MAX_JSON_BYTES + 1)
    except FileNotFoundError:
        raise ModelNotFound("file is missing", where=_where(folder, name)) from None
    except OSError as error:
        raise ModelFormat(f"cannot be read: {error.strerror}", where=_where(folder, name)) from None
    if len(data) > _MAX_JSON_BYTES:
        raise ModelFormat("file too large", where=_where(folder, name), expected=f"<= {_MAX_JSON_BYTES} bytes")
    return data


def _parse_json(data: bytes, folder: Path, name: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelFormat(f"not JSON: {str(error)[:200]}", where=_where(folder, name)) from None


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _hash_of_file(file: Path) -> str | None:
    """Returns the sha256 of a file, read in parts; None where it cannot be read."""
    try:
        with open_regular(file, file.parent) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
