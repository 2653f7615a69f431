#!/usr/bin/env bash
# polars 2.1.0: `read_csv(try_parse_dates=True)` takes about five times the CPU of reading the same column of ISO stamps
# as text and parsing it with `str.to_datetime` and a format. Seen: 1.6 s against 0.25 s for a million rows, the same
# values; naming the column's type in the schema (pl.Datetime) does not help.
# Expected by most: the reader that knows its dates is at least as quick as text and a second pass.
# Why it matters here: imports of bars are stamps and five numbers; with a format the whole import, audit and storing
# included, costs less than the reading of the file with dates parsed. Both are measured as CPU, least of three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/lib" polars==2.1.0
PYTHONPATH=$folder/lib python3 - "$folder/stamps.csv" <<'PY'
import sys, time
import polars as pl
assert pl.__version__ == "2.1.0", pl.__version__
path, form = sys.argv[1], "%Y-%m-%d %H:%M:%S"
minutes = pl.select((1_500_000_000 + 60 * pl.int_range(1_000_000)).alias("t")).to_series()
(minutes * 1_000).cast(pl.Datetime("ms")).dt.strftime(form).to_frame().write_csv(path)
def least(read):
    found = []
    for _ in range(3):
        begin = time.process_time()
        column = read()
        found.append(time.process_time() - begin)
    return min(found), column
by_reader, first = least(lambda: pl.read_csv(path, try_parse_dates=True)["t"])
by_format, second = least(lambda: pl.read_csv(path, infer_schema=False)["t"].str.to_datetime(form, time_unit="us"))
assert first.equals(second)
print(f"try_parse_dates {by_reader:.2f} s, text and format {by_format:.2f} s: {by_reader / by_format:.1f} times")
sys.exit(0 if by_reader > 2 * by_format else "the reader is no longer twice as slow")
PY
