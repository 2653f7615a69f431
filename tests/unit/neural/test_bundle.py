"""Bundles come back as they were written, from any device, and are claimed by one writer each."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ktrdr.errors import ModelNotFound
from ktrdr.neural.bundle import ModelBundle, bundle_id, read_config, read_metadata, write_bundle
from ktrdr.strategy.loader import load_strategy
from support.inputs.nets import all_scores, draft_of, net_of, strategy_of
from support.inputs.older import older, on_device

Written = Callable[..., Path]
VALUES = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru"])
def test_what_was_written_is_read(kind: str, written: Written) -> None:
    path = written(kind)
    bundle = ModelBundle.load(path)
    assert bundle.id == "tiny/1h_v1"
    assert {file.name for file in path.iterdir()} == {
        "model.safetensors", "metadata_v3.json", "features.json", "config.json", "metrics.json",
    }  # fmt: skip
    for name, tensor in net_of(kind).state_dict().items():
        assert torch.equal(bundle.model.state_dict()[name], tensor)
    scores = np.concatenate([part for _, _, part in bundle.iter_scores(VALUES)])
    assert np.array_equal(scores, all_scores(net_of(kind), VALUES), equal_nan=True)


def test_a_loaded_net_is_frozen_and_draws_no_random_numbers(written: Written) -> None:
    path = written("lstm")
    before = torch.get_rng_state()
    bundle = ModelBundle.load(path)
    assert torch.equal(torch.get_rng_state(), before)
    assert not bundle.model.training
    assert not any(weight.requires_grad for weight in bundle.model.parameters())
    assert {weight.device.type for weight in bundle.model.parameters()} == {"cpu"}


@pytest.mark.parametrize("kind", ["mlp", "lstm"])
def test_metadata_come_back_whole(kind: str, written: Written) -> None:
    path = written(kind)
    metadata = read_metadata(path)
    draft = draft_of(kind)
    files = ("model.safetensors", "features.json", "config.json", "metrics.json")
    assert metadata.hashes == {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in files}
    for name in metadata.__dataclass_fields__:
        if name != "hashes":
            assert getattr(metadata, name) == getattr(draft.metadata, name), name
    assert read_config(path) == draft.config
    assert load_strategy(read_config(path)).feature_part() == metadata.feature_part
    assert json.loads((path / "metrics.json").read_text()) == draft.history


def test_metadata_are_written_under_their_public_names(written: Written) -> None:
    data = json.loads((written("lstm") / "metadata_v3.json").read_text())
    wanted = {
        "strategy_name": "tiny", "output_type": "classification", "model_type": "lstm", "sequence_length": 5,
        "inference_block": 256, "target_scale": 1.0, "training_symbols": ["EURUSD"], "training_timeframes": ["1h"],
        "resolved_features": ["1h_rsi_low", "1h_rsi_mid", "1h_rsi_high"],
    }  # fmt: skip
    assert {key: data[key] for key in wanted} == wanted


def test_metadata_need_no_torch(written: Written) -> None:
    code = f"""
import sys
from ktrdr.neural.bundle import read_metadata, read_config, ModelBundle
from ktrdr.neural.match import require_same_features
from ktrdr.strategy.loader import load_strategy
path = {str(written())!r}
require_same_features(load_strategy(read_config(path)), read_metadata(path))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_regressions_scores_are_in_returns(written: Written) -> None:
    path = written()
    file = path / "metadata_v3.json"
    facts = json.loads(file.read_text())
    del facts["sha256"]
    file.write_text(json.dumps(facts | {"target_scale": 0.5, "format_version": 3}))
    scores = np.concatenate([part for _, _, part in ModelBundle.load(path).iter_scores(VALUES)])
    assert np.array_equal(scores, all_scores(net_of("mlp"), VALUES) * np.float32(0.5))


def test_equal_nets_give_equal_files(written: Written) -> None:
    first = written()
    second = written()
    assert (first.name, second.name) == ("1h_v1", "1h_v2")
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes(), file.name


def test_versions_continue_after_the_highest(written: Written, tmp_path: Path) -> None:
    (tmp_path / "models" / "tiny" / "1h_v7").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "4h_v9").mkdir()
    assert written().name == "1h_v8"


def test_writers_at_once_get_a_version_each(tmp_path: Path) -> None:
    paths: list[Path] = []
    draft = draft_of()
    writers = [threading.Thread(target=lambda: paths.append(write_bundle(tmp_path / "tiny", draft))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(path.name for path in paths) == [f"1h_v{number}" for number in range(1, 9)]
    assert not [path for path in (tmp_path / "tiny").iterdir() if path.name.startswith(".")]
    for path in paths:
        ModelBundle.load(path)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_bundle(
            tmp_path / "tiny", draft_of().__class__(**{**draft_of().__dict__, "history": {"loss": float("nan")}})
        )
    assert list((tmp_path / "tiny").iterdir()) == []


def saved(kind: str = "mlp", **options: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(net_of(kind).state_dict(), stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru"])
@pytest.mark.parametrize("tag", ["cpu", "mps", "mps:0", "cuda", "cuda:0", "cuda:3"])
def test_weights_saved_on_a_device_load_without_it(kind: str, tag: str, written: Written) -> None:
    data = saved(kind)
    bundle = ModelBundle.load(older(written(kind), data if tag == "cpu" else on_device(data, tag)))
    for name, tensor in net_of(kind).state_dict().items():
        assert torch.equal(bundle.model.state_dict()[name], tensor)
    assert bundle.metadata.symbols == ("EURUSD",)
    assert bundle.metadata.synthetic is None


@pytest.mark.parametrize(("is_older", "calls"), [(True, 1), (False, 0)])
def test_weights_are_read_once_and_onto_the_cpu(
    is_older: bool, calls: int, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = older(written(), on_device(saved(), "mps")) if is_older else written()
    found: list[dict[str, object]] = []
    own = torch.load

    def noting(*arguments: object, **options: object) -> object:
        found.append(options)
        return own(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(torch, "load", noting)
    ModelBundle.load(path)
    assert found == [{"map_location": "cpu", "weights_only": True}] * calls


def test_the_tag_is_really_in_the_file() -> None:
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(io.BytesIO(on_device(saved(), "cuda:0")), weights_only=True)


def test_the_oldest_format_of_torch_loads_too(written: Written) -> None:
    bundle = ModelBundle.load(older(written(), saved(_use_new_zipfile_serialization=False)))
    for name, tensor in net_of("mlp").state_dict().items():
        assert torch.equal(bundle.model.state_dict()[name], tensor)


def test_model_pt_beside_metadata_of_an_older_version_loads(written: Written) -> None:
    path = written()
    (path / "model.safetensors").unlink()
    (path / "model.pt").write_bytes(saved())
    with pytest.raises(ModelNotFound, match=r"model\.safetensors"):  # for which these metadata vouch
        ModelBundle.load(path)
    file = path / "metadata_v3.json"
    facts = json.loads(file.read_text())
    del facts["sha256"], facts["hashes"]["model.safetensors"]
    file.write_text(json.dumps(facts | {"format_version": 3}))
    bundle = ModelBundle.load(path)
    for name, tensor in net_of("mlp").state_dict().items():
        assert torch.equal(bundle.model.state_dict()[name], tensor)


class Trap:
    """Unpickling this would create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_model_full_pt_is_never_read(written: Written, tmp_path: Path) -> None:
    path = written()
    (path / "model_full.pt").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    ModelBundle.load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_strategy_without_decisions_has_their_defaults(written: Written) -> None:
    path = older(written(), saved())
    config = json.loads((path / "config.json").read_text())
    del config["decisions"]
    (path / "config.json").write_text(json.dumps(config))
    bundle = ModelBundle.load(path)
    assert bundle.metadata.output_type == "classification"
    assert bundle.metadata.feature_part == strategy_of().feature_part()


def test_ids_hide_the_machines_folders() -> None:
    assert bundle_id(Path("/home/someone/data/models/trend/4h_v12")) == "trend/4h_v12"
