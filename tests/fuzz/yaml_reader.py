"""Fuzzes the YAML reader and the strategy loader: an input is read, or refused with one of our errors on one line.

Run by hand, for as long as you like:

    make fuzz-yaml SECONDS=600
    python -m fuzz.yaml_reader --seconds 600 --seed 7      # in tests/

An input that breaks the promise is made smaller, written to ``found/`` and printed; the exit status is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time
from collections.abc import Callable
from pathlib import Path

from fuzz.yaml_inputs import damaged, grown
from ktrdr.config.yaml import decode, read_yaml
from ktrdr.errors import KtrdrError
from ktrdr.strategy.library import list_strategies
from ktrdr.strategy.loader import parse_strategy

HERE = Path(__file__).parent
SLOWEST_S = 10.0
"""The longest time one input may take; 256 KiB of YAML take about two seconds."""


def seeds() -> list[bytes]:
    """Returns the committed seeds and the built-in strategies."""
    own = [file.read_bytes() for file in sorted((HERE / "seeds" / "yaml").iterdir())]
    return own + [found.read().encode() for found in list_strategies() if found.source == "built-in"]


def problem_of(data: bytes) -> str | None:
    """Reads an input both ways; returns the promise that it breaks, None if it breaks none."""
    started_s = time.monotonic()
    for read in (read_yaml, parse_strategy):
        try:
            read(decode(data, "fuzz.yaml"), "fuzz.yaml")
        except KtrdrError as error:
            if str(error).count("\n") >= max(len(getattr(error, "faults", ())), 1):
                return f"{read.__name__}: a message over several lines: {error.code}"
        except Exception as error:  # any other exception is what this looks for
            return f"{read.__name__}: {type(error).__name__}: {error}"
    took_s = time.monotonic() - started_s
    return f"took {took_s:.1f} s" if took_s > SLOWEST_S else None


def smaller(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Returns the input without every part that it can lose and still fail."""
    width = max(len(data) // 2, 1)
    while True:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + width :]
            if fails(shorter):
                data = shorter
            else:
                at += width
        if width == 1:
            return data
        width = max(width // 2, 1)


def drawn(number: int, seed: int, known: list[bytes]) -> bytes:
    """Returns input ``number`` of a run; the same seed gives the same inputs."""
    draw = random.Random(f"{seed}-{number}")
    return grown(draw) if draw.random() < 0.4 else damaged(known, draw)


def main() -> int:
    """Reads inputs until the time is over; returns the exit status."""
    parser = argparse.ArgumentParser(description="Fuzz the YAML reader and the strategy loader.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    asked = parser.parse_args()
    known = seeds()
    number = 0
    end_s = time.monotonic() + asked.seconds
    while time.monotonic() < end_s:
        data = drawn(number, asked.seed, known)
        if (problem := problem_of(data)) is not None:
            return _report(data, problem, asked.seed, number)
        number += 1
    print(f"{number} inputs of seed {asked.seed}: each was read, or refused on one line")
    return 0


def _report(data: bytes, problem: str, seed: int, number: int) -> int:
    least = smaller(data, lambda part: problem_of(part) is not None)
    file = HERE / "found" / f"{hashlib.sha256(least).hexdigest()[:12]}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(least)
    print(f"input {number} of seed {seed}: {problem}\n{least!r}\nwritten to {file}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
