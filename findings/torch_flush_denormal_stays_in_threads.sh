#!/usr/bin/env bash
# torch 2.13.0: set_flush_denormal(False) does not reach the threads that were started while flushing was on.
# Flush on, one parallel operation (its threads start), flush off: those threads still turn tiny numbers into 0.
# Output seen with two threads: 1,000,000 tiny values, 500,000 of them 0 after flushing was switched off again.
# Expected by most: False is the state of before, and a result does not depend on what else the process did earlier.
# Why it matters here: a net's scores are part of a run that must repeat bit for bit. A library that switches flushing
# on for a moment changes them for the rest of the process, so ktrdr looks for such threads and refuses to run.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" torch==2.13.0 numpy==2.4.6
PYTHONPATH=$folder python3 - <<'PY'
import sys

import torch

assert torch.__version__.startswith("2.13.0"), torch.__version__
if not torch.set_flush_denormal(True):
    sys.exit("this processor cannot flush denormals")
torch.set_num_threads(2)
tiny = torch.full((1_000_000,), 1e-39)
tiny.mul(1.0)  # starts the threads
torch.set_flush_denormal(False)
lost = int((torch.full((1_000_000,), 1e-39).mul(1.0) == 0).sum())
print(f"{lost:,} of 1,000,000 tiny values are 0 after flushing was switched off")
sys.exit(0 if 0 < lost < 1_000_000 else "the switch reaches all threads now")
PY
