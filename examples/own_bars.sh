#!/usr/bin/env bash
# Bars from a file of your own: a broker's clock, a bad row, and what the import says about it.
set -euo pipefail
export KTRDR_DATA_DIR=${KTRDR_DATA_DIR:-$(mktemp -d)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Two days of hourly bars as a broker exports them: no zone, and one high below its close.
python - > "$folder/acme.csv" <<'END'
print("Date,Time,Open,High,Low,Close,Volume")
for hour in range(48):
    price = 100 + (hour % 12) / 10
    high = price - 1 if hour == 30 else price + 0.5
    print(f"2024.03.{4 + hour // 24:02},{hour % 24:02}:00,{price},{high},{price - 0.5},{price + 0.2:.1f},{900 + hour}")
END

# Without --tz the clock is unknown, so the file is refused. Exit code 3 means bad input.
ktrdr data import "$folder/acme.csv" --symbol ACME --timeframe 1h && exit 1 || test $? = 3

# MetaTrader's clock is New York plus seven hours. The bad row is listed, and the file still refused.
clock=America/New_York+7h
ktrdr data import "$folder/acme.csv" --symbol ACME --timeframe 1h --tz $clock && exit 1 || test $? = 3

# Repair is explicit: drop leaves the row out, clip would widen high and low.
ktrdr data import "$folder/acme.csv" --symbol ACME --timeframe 1h --tz $clock --repair drop --replace
ktrdr data check ACME
ktrdr data resample ACME 4h
ktrdr data list
