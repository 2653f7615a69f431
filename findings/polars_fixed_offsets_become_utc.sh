#!/usr/bin/env bash
# polars 2.1.0: Python datetimes with a fixed offset become UTC without a word, also where the offsets are mixed; datetimes
# with a ZoneInfo keep their zone. So the same midnight, written as "+01:00" or as Europe/Berlin, makes two column types.
# Output seen: fixed offset UTC 2024-01-29 23:00:00+00:00; zone Europe/Berlin 2024-01-30 00:00:00+01:00.
# Expected by most: the offset stays (a fixed zone), or a refusal, since a column cannot say which of the two was meant.
# Why it matters here: a daily bar is stamped at midnight of its exchange. After the silent change its date is the day
# before, Monday becomes Sunday, and nothing in the frame shows it. ktrdr refuses daily stamps that are nobody's midnight.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" polars==2.1.0 tzdata==2025.2
PYTHONPATH=$folder python3 - <<'PY'
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl

assert pl.__version__ == "2.1.0", pl.__version__
fixed = pl.Series([datetime(2024, 1, 30, tzinfo=timezone(timedelta(hours=1)))])
mixed = pl.Series([datetime(2024, 1, 30, tzinfo=timezone(timedelta(hours=hours))) for hours in (1, 2)])
zone = pl.Series([datetime(2024, 1, 30, tzinfo=ZoneInfo("Europe/Berlin"))])
print("fixed offset", fixed.dtype.time_zone, fixed[0], "zone", zone.dtype.time_zone, zone[0])
found = [series.dtype.time_zone for series in (fixed, mixed, zone)]
sys.exit(0 if found == ["UTC", "UTC", "Europe/Berlin"] else f"the zones are now {found}")
PY
