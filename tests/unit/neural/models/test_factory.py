"""The nets: names and shapes of their weights, and what they compute, against the same sums written out by hand."""

from __future__ import annotations

import pytest
import torch

from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.factory import build_model
from ktrdr.strategy.sections.model import ModelSpec
from support.inputs.nets import net_of, strategy_of


def test_an_mlp_names_its_layers_like_a_plain_sequential() -> None:
    shapes = {name: list(tensor.shape) for name, tensor in net_of("mlp").state_dict().items()}
    assert shapes == {
        "0.weight": [8, 3], "0.bias": [8], "3.weight": [4, 8], "3.bias": [4], "6.weight": [3, 4], "6.bias": [3],
    }  # fmt: skip


def test_an_mlp_computes_what_torchs_sequential_does() -> None:
    net = net_of("mlp")
    nn = torch.nn
    plain = nn.Sequential(
        nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(4, 3)
    ).eval()  # fmt: skip
    plain.load_state_dict(net.state_dict())
    inputs = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(inputs), plain(inputs))


def test_without_hidden_layers_an_mlp_is_one_linear_layer() -> None:
    net = build_model(ModelSpec("mlp", 0.0, hidden_layers=(), activation="relu"), 2, 1)
    assert list(net.state_dict()) == ["0.weight", "0.bias"]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("relu", 0.0), ("tanh", -0.761594), ("sigmoid", 0.268941), ("leaky_relu", -0.01)],
)  # f(-1): max(0, x), tanh, 1 / (1 + e), 0.01 x
def test_the_activation_is_the_named_one(activation: str, expected: float) -> None:
    net = build_model(ModelSpec("mlp", 0.0, hidden_layers=(1,), activation=activation), 1, 1).eval()
    ones = {name: torch.ones_like(tensor) if "weight" in name else torch.zeros_like(tensor)
            for name, tensor in net.state_dict().items()}  # fmt: skip
    net.load_state_dict(ones)
    assert net(torch.tensor([[-1.0]])).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3)])
def test_recurrent_weights_are_called_after_their_cell(kind: str, gates: int) -> None:
    spec = strategy_of(kind).model
    shapes = {name: list(tensor.shape) for name, tensor in build_model(spec, 3, 3).state_dict().items()}
    assert shapes[f"{kind}.weight_ih_l0"] == [gates * 6, 3]
    assert shapes["fc.weight"] == [3, 6]
    assert {name.split(".")[0] for name in shapes} == {kind, "fc"}
    assert f"{kind}.weight_hh_l{spec.num_layers - 1}" in shapes
    assert f"{kind}.weight_hh_l{spec.num_layers}" not in shapes


def test_a_recurrent_net_reads_the_last_hidden_state_of_the_last_layer() -> None:
    net = net_of("lstm")
    window = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    _, (hidden, _) = net.get_submodule("lstm")(window)
    assert torch.equal(net(window), net.get_submodule("fc")(hidden[-1]))


@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru"])
def test_dropout_acts_in_training_only(kind: str) -> None:
    net = net_of(kind)
    inputs = torch.rand(net.input_shape(64), generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(inputs), net(inputs))
    net.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert not torch.equal(net(inputs), net(inputs))


@pytest.mark.parametrize("kind", ["mlp", "lstm", "gru"])
def test_size_is_what_the_strategy_reckons(kind: str) -> None:
    net: BaseNeuralModel = net_of(kind)
    assert sum(weight.numel() for weight in net.parameters()) == strategy_of(kind).model.parameter_count(3, 3)
