"""Every way a bundle can be bad, by its code: one message, no host path, and no pickle that runs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from ktrdr.errors import ArgumentInvalid, ModelError, OutputNotWritable
from ktrdr.neural.bundle import ModelBundle, bundle_id, write_bundle
from ktrdr.neural.runtime import choose_device
from support.inputs.nets import net_of

State = dict[str, torch.Tensor]
RAW = [{"raw_indicator": "rsi_14", "timeframes": ["1h"], "normalization": "zscore"}]
SCALING = {"kind": "zscore", "shift": 50.0, "scale": 10.0, "low": 10.0, "high": 90.0}
WEIGHTS = "model.safetensors"
METADATA = "metadata_v3.json"


def state(**changes: torch.Tensor | None) -> State:
    names = {name.replace("_", "."): tensor for name, tensor in changes.items()}
    merged = dict(net_of("mlp").state_dict()) | names
    return {name: tensor for name, tensor in merged.items() if tensor is not None}


def put(path: Path, data: bytes) -> None:
    """Other weights, with their hash recorded: what is wrong is the content."""
    (path / WEIGHTS).write_bytes(data)
    edit(path, hashes={WEIGHTS: hashlib.sha256(data).hexdigest()})


def put_older(path: Path, data: bytes) -> None:
    (path / WEIGHTS).unlink()
    (path / "model.pt").write_bytes(data)
    edit(path, hashes={})


def edit(path: Path, **changes: Any) -> None:
    file = path / METADATA
    facts = {name: value for name, value in json.loads(file.read_text()).items() if name != "sha256"}
    file.write_text(json.dumps(facts | {"format_version": 3} | changes))


def drop(path: Path, key: str) -> None:
    file = path / METADATA
    file.write_text(
        json.dumps({name: value for name, value in json.loads(file.read_text()).items() if name not in (key, "sha256")})
    )
    if key != "format_version":
        edit(path)


def flip(path: Path, place: int) -> None:
    data = bytearray((path / WEIGHTS).read_bytes())
    data[place] ^= 1
    (path / WEIGHTS).write_bytes(data)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link(file: Path, target: Path) -> None:
    file.unlink()
    file.symlink_to(target)


def sparse(path: Path) -> None:
    os.truncate(path / WEIGHTS, (1 << 30) + 1)


def torch_saved(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def bomb() -> bytes:
    """A zip whose directory announces 2 GiB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data/0", bytes(1_000))
    data = bytearray(stream.getvalue())
    unpacked_size = data.index(b"PK\x01\x02") + 24
    data[unpacked_size : unpacked_size + 4] = (1 << 31).to_bytes(4, "little")
    return bytes(data)


INF = float("inf")
NAN_8 = torch.full((8,), float("nan"))
BAD: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "no directory": ("model_not_found", "", lambda path: path.rename(path.with_name("gone"))),
    "no weights": ("model_not_found", WEIGHTS, lambda path: (path / WEIGHTS).unlink()),
    "no metadata": ("model_not_found", METADATA, lambda path: (path / METADATA).unlink()),
    "no strategy": ("model_not_found", "config.json", lambda path: (path / "config.json").unlink()),
    "pickle for safetensors": ("model_format", "pickle", lambda path: put(path, torch_saved(state()))),
    "bare pickle for safetensors": ("model_format", "pickle", lambda path: put(path, pickle.dumps({"a": 1}, 4))),
    "empty weights": ("model_format", WEIGHTS, lambda path: put(path, b"")),
    "text for weights": ("model_format", WEIGHTS, lambda path: put(path, b"not a model, not at all")),
    "truncated weights": ("model_format", WEIGHTS, lambda path: put(path, save(state())[:-1])),
    "header over 1 MiB": (
        "model_format", "header", lambda path: put(path, ((1 << 20) + 1).to_bytes(8, "little") + b" " * (1 << 20)),
    ),
    "large header of notes": ("model_format", "header", lambda path: put(path, save(state(), {"x": "y" * (1 << 20)}))),
    "file over 1 GiB": ("model_format", "too large", sparse),
    "metadata changed": (
        "model_hash", METADATA,
        lambda path: (path / METADATA).write_text((path / METADATA).read_text().replace('"tiny"', '"tinx"')),
    ),
    "metadata without its hash": ("model_hash", METADATA, lambda path: edit(path, format_version=4)),
    "hashes emptied": ("model_hash", METADATA, lambda path: edit(path, format_version=4, hashes={}, sha256="0")),
    "metadata a pipe": ("model_format", "no regular file", lambda path: pipe(path / METADATA)),
    "strategy a pipe": ("model_format", "no regular file", lambda path: pipe(path / "config.json")),
    "weights a pipe": ("model_format", "no regular file", lambda path: pipe(path / WEIGHTS)),
    "weights without end": ("model_format", "leads out", lambda path: link(path / WEIGHTS, Path("/dev/zero"))),
    "weights elsewhere": (
        "model_format", "leads out",
        lambda path: link(path / WEIGHTS, Path(shutil.copy(path / WEIGHTS, path.parent / "weights"))),
    ),
    "metadata not JSON": ("model_format", METADATA, lambda path: (path / METADATA).write_text("{")),
    "metadata too deep": ("model_format", METADATA, lambda path: (path / METADATA).write_text("[" * 100_000)),
    "metadata a list": ("model_format", METADATA, lambda path: (path / METADATA).write_text("[]")),
    "metadata too large": ("model_format", "too large", lambda path: os.truncate(path / METADATA, (16 << 20) + 1)),
    "another version": ("model_format", "version", lambda path: edit(path, format_version=5)),
    "an older version": ("model_format", "version", lambda path: edit(path, format_version=2)),
    "key missing": ("model_format", "resolved_features", lambda path: drop(path, "resolved_features")),
    "key of another type": ("model_format", "training_symbols", lambda path: edit(path, training_symbols="EURUSD")),
    "unknown net": ("model_format", "transformer", lambda path: edit(path, model={"type": "transformer"})),
    "unknown timeframe": ("model_format", "7h", lambda path: edit(path, training_timeframes=["7h"])),
    "hash no text": ("model_format", "hashes", lambda path: edit(path, hashes={WEIGHTS: 5})),
    "hash of a file elsewhere": ("model_format", "hashes", lambda path: edit(path, hashes={"../../x": "00"})),
    "target scale of 0": ("model_format", "target_scale", lambda path: edit(path, target_scale=-1.0)),
    "scaling missing": ("model_format", "1h_rsi_14_raw", lambda path: edit(path, nn_inputs=RAW)),
    "scaling without a number": (
        "model_format", "1h_rsi_14_raw",
        lambda path: edit(path, nn_inputs=RAW, normalization_params={"1h_rsi_14_raw": SCALING | {"low": None}}),
    ),
    "scaling by 0": (
        "model_format", "1h_rsi_14_raw",
        lambda path: edit(path, nn_inputs=RAW, normalization_params={"1h_rsi_14_raw": SCALING | {"scale": 0}}),
    ),
    "tensor missing": ("model_shape", "3.bias", lambda path: put(path, save(state(**{"3_bias": None})))),
    "tensor too many": ("model_shape", "9.bias", lambda path: put(path, save(state(**{"9_bias": torch.ones(1)})))),
    "tensor misshapen": (
        "model_shape", "0.weight", lambda path: put(path, save(state(**{"0_weight": torch.ones(3, 8)}))),
    ),
    "tensor of another type": (
        "model_shape", "float64", lambda path: put(path, save(state(**{"0_bias": torch.ones(8, dtype=torch.float64)}))),
    ),
    "misshapen, hash not recorded": (
        "model_shape", "hash differs", lambda path: (path / WEIGHTS).write_bytes(save(state(**{"0_bias": None}))),
    ),
    "NaN weight": ("model_nonfinite", "0.bias", lambda path: put(path, save(state(**{"0_bias": NAN_8})))),
    "infinite weight": (
        "model_nonfinite", "6.bias", lambda path: put(path, save(state(**{"6_bias": torch.tensor([1.0, INF, 2.0])}))),
    ),
    "bit flipped": ("model_hash", WEIGHTS, lambda path: flip(path, -3)),
    "strategy changed": (
        "model_hash", "config.json",
        lambda path: (path / "config.json").write_text((path / "config.json").read_text() + " "),
    ),
    "older file no pickle": ("model_format", "model.pt", lambda path: put_older(path, b"not a pickle")),
    "older file empty": ("model_format", "model.pt", lambda path: put_older(path, b"")),
    "older file of a whole net": ("model_format", "model.pt", lambda path: put_older(path, torch_saved(net_of("mlp")))),
    "older file of a list": ("model_format", "list", lambda path: put_older(path, torch_saved([1, 2]))),
    "older file of numbers": ("model_format", "int", lambda path: put_older(path, torch_saved({"a": 1}))),
    "older file misshapen": (
        "model_shape", "0.bias", lambda path: put_older(path, torch_saved(state(**{"0_bias": torch.ones(2)}))),
    ),
    "older file not finite": (
        "model_nonfinite", "0.bias", lambda path: put_older(path, torch_saved(state(**{"0_bias": NAN_8}))),
    ),
    "older file that unpacks beyond 1 GiB": ("model_format", "unpacked", lambda path: put_older(path, bomb())),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_bundle_is_refused_with_its_code(name: str, written: Callable[..., Path], tmp_path: Path) -> None:
    code, part, spoil = BAD[name]
    path = written()
    spoil(path)
    with pytest.raises(ModelError) as caught:
        ModelBundle.load(path)
    message = str(caught.value)
    assert caught.value.code == code
    assert part in message
    assert bundle_id(path) in message
    assert str(tmp_path) not in message
    assert "\n" not in message


class Trap:
    """Unpickling this runs a command that creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("form", ["zip", "bare", "nested"])
@pytest.mark.parametrize("name", ["model.pt", WEIGHTS])
def test_a_malicious_pickle_does_not_run(form: str, name: str, written: Callable[..., Path], tmp_path: Path) -> None:
    target = tmp_path / "sprung"
    trap = Trap(target)
    payload = {
        "zip": lambda: torch_saved(trap),
        "bare": lambda: pickle.dumps(trap),
        "nested": lambda: torch_saved({"0.weight": torch.ones(8, 3), "0.bias": trap}),
    }[form]()
    path = written()
    (put_older if name == "model.pt" else put)(path, payload)
    with pytest.raises(ModelError) as caught:
        ModelBundle.load(path)
    assert caught.value.code == "model_format"
    assert not target.exists()
    pickle.loads(pickle.dumps(trap))
    assert target.exists(), "the trap itself works"


def test_every_single_flip_of_the_weights_is_noticed(written: Callable[..., Path]) -> None:
    path = written()
    whole = (path / WEIGHTS).read_bytes()
    for place in range(0, len(whole), 7):
        flip(path, place)
        with pytest.raises(ModelError):
            ModelBundle.load(path)
        (path / WEIGHTS).write_bytes(whole)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    from support.inputs.nets import draft_of

    (tmp_path / "tiny").write_text("a file where the folder should be")
    with pytest.raises(OutputNotWritable, match="models/tiny"):
        write_bundle(tmp_path / "tiny", draft_of())


@pytest.mark.parametrize("name", ["tpu9", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        choose_device(name)
    assert "cpu" in str(caught.value.expected)
