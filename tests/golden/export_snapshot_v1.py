"""Writes one snapshot of version 1 with everything in use, and what it holds, for cargo's tests.

Run once, when the version was frozen; a later version gets a file of its own and leaves these as they are.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ktrdr import _core
from support.runs.snapshots import busy_run

DATA = Path(__file__).resolve().parents[2] / "rust" / "core" / "tests" / "data"


def main() -> None:
    run, parts = busy_run(np.random.default_rng(5), 400, window=5, parts=3)
    blob = run.snapshot(parts)
    (DATA / "snapshot_v1.bin").write_bytes(blob)
    (DATA / "snapshot_v1.json").write_text(json.dumps(json.loads(_core.Snapshot(blob).to_json()), indent=1) + "\n")


if __name__ == "__main__":
    main()
