"""Audit of what the project depends on: licences, and holes that are known. ``make audit``

Licences are read where the packages lie, without a network. Holes are looked for by pip-audit and cargo-audit, where
these are installed and reach their data; where not, that is said, and does not count as a hole.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = frozenset(
    {"0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
     "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unicode-3.0", "Unlicense", "Zlib"}
)  # fmt: skip
"""Licences that ask for a notice at most; MPL-2.0 asks for the changes of its own files, and nobody changes them."""
ANSWERS: Mapping[str, tuple[str, str]] = {
    "docutils": (
        "BSD-2-Clause",
        "public domain and BSD by its COPYING.rst; the GPL is that of an Emacs mode it leaves out",
    ),
    "psycopg": ("MIT", "LGPL-3.0-only: imported as it is, and whoever installs ktrdr may replace it"),
    "psycopg-binary": ("MIT", "as psycopg"),
    "ta-lib": ("BSD-2-Clause", "no field; the file LICENSE of its wheel"),
}
"""Packages whose own words do not answer: the licence by which they are judged, and why."""
WORDS: Mapping[str, str] = {
    "Apache 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC", "MIT License": "MIT", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
"""Other words for a licence, in classifiers and in older fields."""
_TOKEN = re.compile(r"\(|\)|[^()\s]+")


def is_allowed(expression: str, allowed: Iterable[str] = ALLOWED) -> bool:
    """Returns True if an SPDX expression, or Cargo's older form with a slash, leaves a choice that is allowed.

    >>> is_allowed("(MIT OR GPL-3.0) AND Zlib"), is_allowed("MIT AND GPL-3.0"), is_allowed("MIT/Apache-2.0")
    (True, False, True)
    """
    joined = re.sub(r"(\S+) WITH (\S+)", r"\1_WITH_\2", expression.replace("/", " OR "))
    known = {name.replace(" WITH ", "_WITH_") for name in allowed}
    tokens = _TOKEN.findall(joined)
    try:
        return _any(tokens, known) and not tokens
    except IndexError:
        return False


def _any(tokens: list[str], known: set[str]) -> bool:
    found = _all(tokens, known)
    while tokens[:1] == ["OR"]:
        del tokens[0]
        found = _all(tokens, known) or found
    return found


def _all(tokens: list[str], known: set[str]) -> bool:
    found = _one(tokens, known)
    while tokens[:1] == ["AND"]:
        del tokens[0]
        found = _one(tokens, known) and found
    return found


def _one(tokens: list[str], known: set[str]) -> bool:
    token = tokens.pop(0)
    if token != "(":
        return token in known
    found = _any(tokens, known)
    return found and tokens.pop(0) == ")"


def licence_of(package: Distribution) -> str:
    """Returns the SPDX expression of an installed distribution; empty where its metadata do not say it."""
    facts = package.metadata
    if expression := facts.get("License-Expression"):
        return expression
    classified = [
        each.rpartition(" :: ")[2] for each in facts.get_all("Classifier") or () if each.startswith("License")
    ]
    named = [WORDS[words] for words in classified if words in WORDS]
    if named and len(named) == sum(words not in ("OSI Approved", "DFSG approved") for words in classified):
        return " AND ".join(named)
    stated = (facts.get("License") or "").strip()
    return WORDS.get(stated, stated) if len(stated) < 80 else ""


def python_licences() -> Iterator[tuple[str, str]]:
    """Yields name and licence of each installed distribution."""
    return ((package.metadata["Name"], licence_of(package)) for package in distributions())


def rust_licences() -> Iterator[tuple[str, str]]:
    """Yields name and licence of each crate that `Cargo.lock` names."""
    words = ["cargo", "metadata", "--format-version", "1", "--locked"]
    said = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    return ((package["name"], package["license"] or "") for package in json.loads(said.stdout)["packages"])


def refused(found: Iterable[tuple[str, str]]) -> list[str]:
    """Returns a line for each package whose licence is not allowed, or that does not say its licence."""
    lines = []
    for name, licence in found:
        judged, _ = ANSWERS.get(name.lower().replace("_", "-"), (licence, ""))
        if not is_allowed(judged):
            lines.append(f"{name}: {licence or 'no licence'}: neither allowed nor answered in scripts/audit.py")
    return lines


def python_holes(said: str) -> tuple[int, list[str]]:
    """Returns how many packages pip-audit has looked at, of those in its JSON, and a line for each known hole.

    It finds no hole where its index has no data, and calls that a success.
    """
    seen = [one for one in json.loads(said)["dependencies"] if "skip_reason" not in one]
    return len(seen), [f"{one['name']} {one['version']}: {hole['id']}" for one in seen for hole in one["vulns"]]


def rust_holes(said: str) -> tuple[int, list[str]]:
    """Returns how many crates cargo-audit has looked at, by its JSON, and a line for each known hole."""
    facts = json.loads(said)
    found = facts["vulnerabilities"]["list"]
    lines = [f"{one['package']['name']} {one['package']['version']}: {one['advisory']['id']}" for one in found]
    return int(facts["lockfile"]["dependency-count"]), lines


PROGRAMS: tuple[tuple[str, list[str], Callable[[str], tuple[int, list[str]]]], ...] = (
    ("pip-audit", ["--disable-pip", "--no-deps", "--format", "json", "-r", "requirements.lock"], python_holes),
    ("cargo-audit", ["audit", "--json"], rust_holes),
)
"""Programs that know holes, their arguments, and what reads their answer."""


def holes(name: str, arguments: list[str], read: Callable[[str], tuple[int, list[str]]]) -> list[str]:
    """Returns a line for each known hole; says so where the program, or its data, cannot be had."""
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        print(f"{name}: not installed, so nobody has looked for known holes there")
        return []
    said = subprocess.run([program, *arguments], check=False, cwd=ROOT, capture_output=True, text=True)
    try:
        seen, found = read(said.stdout)
    except (ValueError, KeyError, TypeError):
        seen = 0
        found = []
    if seen == 0:
        reason = (said.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"{name}: its data cannot be had, so nobody has looked for known holes there ({reason[:200]})")
    else:
        print(f"{name}: {seen} packages looked at, {len(found)} known holes")
    return found


def main() -> int:
    """Prints what was found; returns 1 for a licence that is not allowed, or a known hole."""
    faults: list[str] = []
    for room, packages in (("Python", list(python_licences())), ("Rust", list(rust_licences()))):
        lines = refused(packages)
        print(f"licences: {len(packages)} packages of {room}, {len(lines)} refused")
        faults += lines
    for program in PROGRAMS:
        faults += holes(*program)
    for line in faults:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
