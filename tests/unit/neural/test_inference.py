"""A row's score has the same bits however rows are cut, padded, resumed, fed one by one, or threaded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ktrdr.errors import InternalError
from ktrdr.neural.inference import infer_row, iter_scores
from ktrdr.neural.models.factory import build_model
from ktrdr.profile import BLOCK_ROWS
from ktrdr.strategy.sections.model import ModelSpec
from support.inputs.nets import all_scores, net_of

KINDS = ("mlp", "lstm", "gru")
ROWS = {"mlp": 9_000, "lstm": 700, "gru": 700}
LENGTH = {"mlp": 1, "lstm": 5, "gru": 5}


def features(kind: str, holes: bool = True) -> NDArray[np.float32]:
    values = np.random.default_rng(3).normal(size=(ROWS[kind], 3)).astype(np.float32)
    if holes:
        values[[10, 300, 301, 599], [0, 1, 2, 0]] = np.nan
    return values


def bits(scores: NDArray[np.float32]) -> list[int]:
    return np.ascontiguousarray(scores).view(np.int32).ravel().tolist()


@pytest.fixture(scope="module", params=KINDS)
def whole(request: pytest.FixtureRequest) -> tuple[str, NDArray[np.float32], NDArray[np.float32]]:
    kind: str = request.param
    values = features(kind)
    return kind, values, all_scores(net_of(kind), values)


def test_scores_are_the_nets_own(whole: tuple[str, NDArray[np.float32], NDArray[np.float32]]) -> None:
    """Row by row through the bare net: equal but for the last bits."""
    kind, values, scores = whole
    net = net_of(kind)
    length = LENGTH[kind]
    for row in (4, 5, 17, 255, 256, 500, ROWS[kind] - 1):
        window = torch.from_numpy(values[row - length + 1 : row + 1])
        with torch.inference_mode():
            expected = net(window if kind == "mlp" else window[None])[0].numpy()
        np.testing.assert_allclose(scores[row], expected, rtol=1e-5, atol=1e-6)


def test_undefined_rows_and_windows_score_nan_and_touch_no_other(
    whole: tuple[str, NDArray[np.float32], NDArray[np.float32]],
) -> None:
    kind, values, scores = whole
    length = LENGTH[kind]
    bad = {row + step for row in (10, 300, 301, 599) for step in range(length)} | set(range(length - 1))
    assert set(np.flatnonzero(np.isnan(scores).any(axis=1)).tolist()) == bad
    clean = all_scores(net_of(kind), features(kind, holes=False))
    good = sorted(set(range(len(values))) - bad)
    assert bits(scores[good]) == bits(clean[good])


def test_infinity_counts_as_undefined() -> None:
    values = features("mlp", holes=False)
    values[7, 1] = np.inf
    values[8, 1] = -np.inf
    scores = all_scores(net_of("mlp"), values)
    assert np.flatnonzero(np.isnan(scores[:, 0])).tolist() == [7, 8]


def test_values_that_overflow_only_in_their_sum_are_defined() -> None:
    net = build_model(ModelSpec("mlp", 0.0, hidden_layers=(2,), activation="sigmoid"), 3, 1).eval()
    assert np.isfinite(all_scores(net, np.full((4, 3), 3e38, np.float32))).all()


@settings(max_examples=15, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_any_cut_and_any_resume_gives_the_same_bits(kind: str, data: st.DataObject) -> None:
    values = features(kind)
    stop = data.draw(st.integers(1, len(values)))
    first = data.draw(st.integers(0, stop - 1))
    net = net_of(kind)
    expected = all_scores(net, values)[first:stop]
    assert bits(all_scores(net, values[:stop], first_row=first)[first:]) == bits(expected), "the future cut off"
    parts = list(iter_scores(net, values, first_row=first, stop_row=stop))
    assert [low for low, _, _ in parts] == [first, *(high for _, high, _ in parts[:-1])]
    assert parts[-1][1] == stop
    assert bits(np.concatenate([scores for _, _, scores in parts])) == bits(expected)


def test_blocks_lie_on_a_grid_from_row_0() -> None:
    spans = [(low, high) for low, high, _ in iter_scores(net_of("mlp"), features("mlp"), first_row=4_000)]
    assert spans == [(4_000, 4_096), (4_096, 8_192), (8_192, 9_000)]


def test_one_row_at_a_time_gives_the_same_bits(
    whole: tuple[str, NDArray[np.float32], NDArray[np.float32]],
) -> None:
    kind, values, scores = whole
    net = net_of(kind)
    length = LENGTH[kind]
    block = BLOCK_ROWS[kind]
    for row in (0, 3, 4, 9, 10, 12, 255, 256, 303, 304, 599, block - 1, block, block + 1, ROWS[kind] - 1):
        if row < len(values):
            window = values[max(row - length + 1, 0) : row + 1]
            assert bits(infer_row(net, window, row)) == bits(scores[row]), row


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_change_the_bits_and_are_put_back(kind: str) -> None:
    before = torch.get_num_threads()
    net = net_of(kind)
    values = features(kind)
    assert bits(all_scores(net, values, threads=1)) == bits(all_scores(net, values, threads=2))
    assert torch.get_num_threads() == before


def test_a_wide_net_has_the_same_bits_on_one_and_two_threads() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build_model(ModelSpec("mlp", 0.0, hidden_layers=(256, 64), activation="tanh"), 40, 3).eval()
    values = np.random.default_rng(0).normal(size=(5_000, 40)).astype(np.float32)
    assert bits(all_scores(net, values, threads=1)) == bits(all_scores(net, values, threads=2))


def test_where_the_matrix_lies_in_memory_does_not_matter() -> None:
    values = features("mlp")
    moved = np.zeros(values.size + 1, np.float32)[1:].reshape(values.shape)
    moved[:] = values
    net = net_of("mlp")
    assert bits(all_scores(net, moved)) == bits(all_scores(net, values))


def test_a_regression_is_scaled_back() -> None:
    net = net_of("mlp")
    values = features("mlp", holes=False)
    scaled = all_scores(net, values, scale=0.25)
    assert bits(scaled) == bits(all_scores(net, values) * np.float32(0.25))
    assert bits(infer_row(net, values[5:6], 5, scale=0.25)) == bits(scaled[5])


def test_no_rows_give_no_scores() -> None:
    assert all_scores(net_of("mlp"), np.empty((0, 3), np.float32)).shape == (0, 3)


def test_a_net_in_training_mode_is_refused() -> None:
    with pytest.raises(InternalError):
        all_scores(net_of("mlp").train(), features("mlp"))
