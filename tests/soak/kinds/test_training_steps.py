"""The step of an MLP beside the plain one: many drawn trainings, one and two threads, all instruction sets of torch."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from ktrdr.training.steps.make import make_step
from support.source_tree import ROOT
from support.steps import Drawn, different, outcome, plain_step

DRAWS = 150
SIZES = (1, 5, 40, 333, 2_500)
ALONE = f"""
import sys
sys.path[:0] = [{str(ROOT / "tests")!r}]
from soak.kinds.test_training_steps import draw
import torch
assert torch.backends.cpu.get_cpu_capability() == sys.argv[1]
draw(range(2_000_000, 2_000_000 + {DRAWS}), 1)
"""

pytestmark = pytest.mark.soak


def draw(seeds: range, threads: int) -> None:
    """Every seed is a net and a training of its own."""
    for seed in seeds:
        drawn = Drawn.of(random.Random(seed), SIZES)
        pair = [outcome(drawn, make, threads=threads) for make in (plain_step, make_step)]
        assert different(*pair) == [], (seed, drawn)


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_agree(threads: int) -> None:
    draw(range(threads * 1_000_000, threads * 1_000_000 + DRAWS), threads)


@pytest.mark.parametrize("capability", ["AVX2", "DEFAULT"])
def test_steps_agree_on_other_instruction_sets(capability: str) -> None:
    environment = os.environ | {"ATEN_CPU_CAPABILITY": capability.lower()}
    subprocess.run([sys.executable, "-c", ALONE, capability], env=environment, check=True, timeout=500)
