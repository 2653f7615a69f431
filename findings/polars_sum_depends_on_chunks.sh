#!/usr/bin/env bash
# polars 2.1.0: the sum and the mean of a column of floats depend on how the column is cut into chunks, also for ten rows.
# Series.equals says that two columns are equal, and their sums differ in the last bits; rechunk() makes the sums equal again.
# Output seen: 10 rows equal, sum 4.508091164800865 in one chunk and 4.508091164800866 in two.
# Expected by most: equal columns have equal sums; the chunks are a detail of storage, made by concat, append or a reader.
# Why it matters here: a ledger that is read back in segments has other chunks than the same ledger of an uninterrupted
# run, so a figure derived from it differed between the two although every row was the same to the last bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" polars==2.1.0
PYTHONPATH=$folder python3 - <<'PY'
import random
import sys

import polars as pl

assert pl.__version__ == "2.1.0", pl.__version__
random.seed(1)
rows = [random.random() for _ in range(10)]
whole = pl.Series(rows)
pieces = pl.concat([pl.Series(rows[:3]), pl.Series(rows[3:])], rechunk=False)
print("equal columns:", whole.equals(pieces), "sums:", whole.sum(), pieces.sum())
again = pieces.rechunk().sum() == whole.sum()
differs = whole.equals(pieces) and whole.sum() != pieces.sum() and again
sys.exit(0 if differs else "equal columns have equal sums now")
PY
