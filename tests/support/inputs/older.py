"""Bundles as other programs and other machines leave them: `model.pt`, with the tags of a device that is not here."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file

_KEPT = (
    "strategy_name",
    "strategy_version",
    "indicators",
    "fuzzy_sets",
    "nn_inputs",
    "resolved_features",
    "training_symbols",
    "training_timeframes",
    "training_metrics",
    "output_type",
    "normalization_params",
    "target_scale",
)


def on_device(data: bytes, tag: str) -> bytes:
    """The same file of torch.save with another device's tag on every storage, as a machine that has one writes it."""
    cpu = b"X" + len("cpu").to_bytes(4, "little") + b"cpu"
    other = b"X" + len(tag).to_bytes(4, "little") + tag.encode()
    source = io.BytesIO(data)
    target = io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as after:
        for entry in before.infolist():
            content = before.read(entry)
            if entry.filename.endswith("data.pkl"):
                assert cpu in content
                content = content.replace(cpu, other)
            after.writestr(entry.filename, content)
    return target.getvalue()


def with_pickle(path: Path, data: bytes) -> Path:
    """The bundle with these bytes as `model.pt` in the place of its safetensors, and metadata of version 3."""
    (path / "model.safetensors").unlink()
    (path / "model.pt").write_bytes(data)
    facts = json.loads((path / "metadata_v3.json").read_text()) | {"format_version": 3}
    del facts["sha256"], facts["hashes"]["model.safetensors"]
    (path / "metadata_v3.json").write_text(json.dumps(facts))
    return path


def older(path: Path, data: bytes) -> Path:
    """The bundle as an older program left it: `model.pt`, metadata without hashes or a description of the net."""
    with_pickle(path, data)
    full = json.loads((path / "metadata_v3.json").read_text())
    (path / "metadata_v3.json").write_text(json.dumps({"model_name": "tiny_v1"} | {key: full[key] for key in _KEPT}))
    return path


def pickled(path: Path, tag: str) -> bytes:
    """The weights of a bundle as a machine with that device saves them."""
    stream = io.BytesIO()
    torch.save(load_file(path / "model.safetensors"), stream)
    return on_device(stream.getvalue(), tag)
