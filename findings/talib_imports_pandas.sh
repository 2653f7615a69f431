#!/usr/bin/env bash
# TA-Lib for Python 0.8.2: `import talib` imports pandas and polars wherever they are installed, before any of their
# objects is passed in. Seen: both are in sys.modules after the import; it took 3.0 s, 2.9 s of them in the two.
# Expected by most: a wrapper of a C library that is called with numpy arrays imports numpy alone.
# Why it matters here: start-up. Every program that computes one indicator pays for two data frame libraries, and
# ktrdr reads frames of both kinds but needs neither pandas nor its tenth of a second (warm) to trade.
# Putting an empty module under the name pandas during the import avoids it and races with other threads: do not. ktrdr's
# own processes refuse pandas to the thread that loads TA-Lib: python/ktrdr/startup/lean_talib.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" TA-Lib==0.8.2 pandas==3.1.1 polars==2.1.0 numpy==2.4.6
PYTHONPATH=$folder python3 - <<'PY'
import sys
import talib, numpy
assert talib.__version__ == "0.8.2", talib.__version__
talib.SMA(numpy.arange(5.0), 2)
found = [name for name in ("pandas", "polars") if name in sys.modules]
print("imported beside numpy:", found)
sys.exit(0 if found == ["pandas", "polars"] else "TA-Lib no longer imports both")
PY
