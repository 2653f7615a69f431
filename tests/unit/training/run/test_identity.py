"""The first input that differs is named, and a machine that differs is another error than inputs that do."""

from __future__ import annotations

import pytest
import torch

from ktrdr.errors import IdentityMismatch, ProfileMismatch
from ktrdr.training.run.identity import TrainingIdentity, result_hash
from support.inputs.nets import draft_of, net_of

PARTS = {"bars EURUSD 1h": "aa" * 32, "training": "bb" * 32, "seed": "cc" * 32, "profile": "dd" * 32}


def test_equal_parts_pass() -> None:
    identity = TrainingIdentity(PARTS)
    identity.require_equal(dict(reversed(PARTS.items())))
    assert identity.hash == TrainingIdentity(dict(PARTS)).hash
    with pytest.raises(IdentityMismatch):
        identity.require_equal(PARTS | {"seed": "ee" * 32})


@pytest.mark.parametrize("part", ["bars EURUSD 1h", "training", "seed"])
def test_the_first_part_that_differs_is_named(part: str) -> None:
    with pytest.raises(IdentityMismatch) as caught:
        TrainingIdentity(PARTS | {part: "ee" * 32, "profile": "ff" * 32}).require_equal(PARTS, "training_1")
    error = caught.value
    assert type(error) is IdentityMismatch
    assert (error.part, error.found, error.expected) == (part, "ee" * 8, PARTS[part][:16])
    assert "training_1" in str(error) and "restart" in str(error)


def test_a_part_that_is_new_or_gone_differs() -> None:
    more = PARTS | {"context gdp": "ee" * 32}
    for now, then in ((PARTS, more), (more, PARTS)):
        with pytest.raises(IdentityMismatch, match="context gdp"):
            TrainingIdentity(now).require_equal(then)


def test_another_machine_is_another_profile() -> None:
    with pytest.raises(ProfileMismatch):
        TrainingIdentity(PARTS | {"profile": "ee" * 32}).require_equal(PARTS)


def test_the_hash_depends_on_every_part() -> None:
    hashes = {TrainingIdentity(PARTS | {name: "ee" * 32}).hash for name in PARTS}
    assert len(hashes | {TrainingIdentity(PARTS).hash}) == len(PARTS) + 1


def test_the_result_is_the_net_and_nothing_else() -> None:
    from dataclasses import replace

    metadata = draft_of().metadata
    weights = net_of("mlp").state_dict()
    found = result_hash(metadata, weights)
    assert found == result_hash(replace(metadata, strategy_name="other", warnings=("a",), metrics={"a": 1}), weights)
    changed = {name: tensor.clone() for name, tensor in weights.items()}
    changed["0.bias"][0] = torch.nextafter(changed["0.bias"][0], torch.tensor(1e9))
    assert found != result_hash(metadata, changed)
    for other in (
        replace(metadata, target_scale=2.0),
        replace(metadata, normalization_params={"x": {"scale": 2.0}}),
        replace(metadata, resolved_features=metadata.resolved_features[::-1]),
    ):
        assert found != result_hash(other, weights)
