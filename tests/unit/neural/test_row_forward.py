"""One live row has the bits of the whole matrix, by a short block where that is proven and else by the padded one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ktrdr.errors import InternalError
from ktrdr.neural import row_forward
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.factory import build_model
from ktrdr.neural.row_forward import SHORT_ROWS, RowForward
from ktrdr.strategy.sections.model import ModelSpec
from support.inputs.nets import all_scores, net_of

LENGTH = 4
WIDE = {"hidden_size": 64, "num_layers": 2, "sequence_length": LENGTH}
ODD = {"hidden_size": 50, "num_layers": 1, "sequence_length": LENGTH}
SPECS = {
    "mlp": (ModelSpec("mlp", 0.0, hidden_layers=(64, 32), activation="relu"), 12),
    # The place of a row in its panel decides the sums of this one.
    "mlp of odd width": (ModelSpec("mlp", 0.0, hidden_layers=(7, 3), activation="tanh"), 5),
    "lstm": (ModelSpec("lstm", 0.0, **WIDE), 12),
    "lstm of odd width": (ModelSpec("lstm", 0.0, **ODD), 5),
    "gru": (ModelSpec("gru", 0.0, **WIDE), 3),
}


def drawn(name: str) -> BaseNeuralModel:
    spec, n_features = SPECS[name]
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return build_model(spec, n_features, 3).eval()


def require_same(net: BaseNeuralModel, live: RowForward) -> None:
    block = net.block_rows
    length = net.sequence_length
    values = np.random.default_rng(1).normal(size=(block + 40, net.n_features)).astype(np.float32)
    values[block + 20, 0] = np.nan
    expected = all_scores(net, values, threads=1)
    rows = [*range(48), *range(block - 33, block + 40)]
    for row in rows:
        found = live.score(values[max(row - length + 1, 0) : row + 1], row)
        assert found.tobytes() == expected[row].tobytes(), row


@pytest.mark.parametrize("name", SPECS)
def test_a_row_has_the_bits_of_the_matrix(name: str) -> None:
    net = drawn(name)
    require_same(net, RowForward(net, threads=1))


@pytest.mark.parametrize("name", ["mlp", "lstm"])
def test_a_short_block_with_other_bits_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Products of a single row use another kernel, with other sums.
    monkeypatch.setattr(row_forward, "SHORT_ROWS", 1)
    net = drawn(name)
    live = RowForward(net, threads=1)
    assert live.block_rows == net.block_rows
    require_same(net, live)


def test_one_differing_slot_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    net = drawn("mlp")
    real = row_forward.forward

    def other(model: BaseNeuralModel, buffer: torch.Tensor, scale: float = 1.0) -> np.ndarray:
        scores = real(model, buffer, scale).copy()
        if len(scores) == model.block_rows:
            scores[4_095] = np.nextafter(scores[4_095], np.float32(1))
        return scores

    monkeypatch.setattr(row_forward, "forward", other)
    assert RowForward(net, threads=1).block_rows == net.block_rows


def test_the_nets_of_the_benches_use_short_blocks_here() -> None:
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("the kernels of other processors may need the padded block")
    assert {RowForward(drawn(name), threads=1).block_rows for name in ("mlp", "lstm")} == {SHORT_ROWS}


def test_a_regression_is_scaled() -> None:
    net = net_of("mlp")
    values = np.random.default_rng(2).normal(size=(9, net.n_features)).astype(np.float32)
    expected = all_scores(net, values) * np.float32(0.25)
    assert RowForward(net, threads=1, scale=0.25).score(values[8:9], 8).tobytes() == expected[8].tobytes()


def test_a_net_in_training_mode_is_refused() -> None:
    with pytest.raises(InternalError):
        RowForward(build_model(SPECS["mlp"][0], 3, 3))
