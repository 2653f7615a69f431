#!/usr/bin/env bash
# skfolio 1.12.2: expected_max_sharpe_ratio takes a fractional, effective number of trials from 1 on, and is negative between
# 1 and 1.28, without a bound as the number comes down to 1. One trial gives 0; 1.0001 trials give -1.38 deviations.
# Output seen: benchmark 0.000 at 1, -0.484 at 1.05, -0.117 at 1.2, 0.520 at 2; probability 0.541 of one trial, 0.740 of 1.05.
# Expected by most: more trials never lower the bar; between 1 and 2 it lies between 0 and 0.56, the mean of the larger of two.
# Why it matters here: an effective number near 1 is what clusters of nearly equal trials give. A correction for selection
# then raises the probability that it should lower. ktrdr counts whole trials, from two on, and gives 0 for one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" skfolio==1.12.2 numpy==2.4.6
PYTHONPATH=$folder python3 - <<'PY'
import sys
from importlib.metadata import version

import numpy as np
from skfolio.measures import expected_max_sharpe_ratio, probabilistic_sharpe_ratio

assert version("skfolio") == "1.12.2", version("skfolio")
counts = (1, 1.05, 1.2, 2)
bars = [expected_max_sharpe_ratio(n, 1.0) for n in counts]
returns = np.random.default_rng(1).normal(0.0004, 0.01, 500)
chances = [probabilistic_sharpe_ratio(returns, expected_max_sharpe_ratio(n, 0.05)) for n in counts[:2]]
print("benchmark", *(f"{bar:.3f} at {n}" for n, bar in zip(counts, bars)))
print(f"probability {chances[0]:.3f} of one trial, {chances[1]:.3f} of 1.05")
sys.exit(0 if bars[1] < bars[2] < 0 == bars[0] and chances[1] > chances[0] else "more trials no longer lower the bar")
PY
