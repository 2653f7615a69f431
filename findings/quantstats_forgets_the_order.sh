#!/usr/bin/env bash
# quantstats 0.0.86: a series in another order gets the figures of the order that was asked for first. Its statistics keep
# the prepared returns of a call under the sum of the hashes of the rows, and a sum does not know the order of its terms.
# Output seen: prices with the newest first have a Sharpe ratio of -9.32. Sorted by date they have -9.32 too, but 9.75 in a
# new process. The longest losing streak is 7 in each of 20 shuffles of 250 returns; without their dates it is 5 to 10.
# Expected by most: a statistic is a function of what is passed to it. The cache is not in its documentation; the comments
# in its key are about series that were mistaken for each other (issue 543, since mended), not about their order.
# Why it matters here: a permutation test by Series.sample(frac=1), which moves the dates with the returns, finds that no
# shuffle differs from the strategy. A frame that is sorted after the first look stays wrong. ktrdr hashes rows in order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" quantstats==0.0.86 pandas==3.1.1 numpy==2.4.6
export MPLCONFIGDIR=$folder
PYTHONPATH=$folder python3 - <<'PY'
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
import quantstats as qs

assert version("quantstats") == "0.0.86", version("quantstats")
prices = [100.0, 104.0, 101.0, 107.0, 110.0, 108.0, 115.0]
newest_first = pd.Series(prices, index=pd.bdate_range("2024-01-01", periods=7)).iloc[::-1]
backward, forward = qs.stats.sharpe(newest_first), qs.stats.sharpe(newest_first.sort_index())
program = (
    "import pandas as pd, quantstats as qs\n"
    f"print(qs.stats.sharpe(pd.Series({prices}, index=pd.bdate_range('2024-01-01', periods=7))))"
)
alone = float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
print(f"Sharpe ratio: newest first {backward:.2f}, sorted {forward:.2f}, sorted in a new process {alone:.2f}")

returns = pd.Series(np.random.default_rng(1).normal(0.0005, 0.01, 250), index=pd.bdate_range("2024-01-01", periods=250))
shuffles = [returns.sample(frac=1, random_state=seed) for seed in range(20)]
dated = {int(qs.stats.consecutive_losses(shuffle)) for shuffle in shuffles}
plain = {int(qs.stats.consecutive_losses(shuffle.reset_index(drop=True))) for shuffle in shuffles}
print("longest losing streaks of 20 shuffles: with dates", sorted(dated), "without", sorted(plain))
same = backward == forward < 0 < alone and len(dated) == 1 < len(plain)
sys.exit(0 if same else "the order of a series counts now")
PY
