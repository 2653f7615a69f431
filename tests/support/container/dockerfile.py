"""The Dockerfile as data: its stages, their instructions, and the files that the build is shown."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its ``--options``, and the words after them."""

    name: str
    options: dict[str, str]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next; an unnamed one bears its number."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        """The instructions of that name, in order."""
        return [one for one in self.instructions if one.name == name]

    def last(self, name: str) -> Instruction:
        """The instruction of that name that counts."""
        return self.all(name)[-1]


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    found: list[tuple[str, str, list[Instruction]]] = []
    for one in _instructions(text):
        if one.name == "FROM":
            name = one.words[2] if len(one.words) == 3 else str(len(found))
            found.append((name, one.words[0], []))
        else:
            found[-1][2].append(one)
    return [Stage(name, base, tuple(inside)) for name, base, inside in found]


def _instructions(text: str) -> Iterator[Instruction]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", lines).splitlines():
        if line.strip():
            name, rest = line.split(maxsplit=1)
            options = re.match(r"(--\S+\s+)*", rest)
            assert options is not None
            words = rest[options.end() :].removeprefix("CMD ")
            given = (option.removeprefix("--").partition("=") for option in options.group().split())
            split = json.loads(words) if words.startswith("[") else shlex.split(words)
            yield Instruction(name, {key: value for key, _, value in given}, tuple(split))


def context_files(root: Path = ROOT) -> list[Path]:
    """Returns the files that ``.dockerignore`` leaves, relative to the root; the last pattern that matches decides."""
    patterns = [line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    kept = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    found = []
    for folder, below, names in os.walk(root):
        here = Path(folder).relative_to(root)
        below[:] = [name for name in below if any(_related(here / name, Path(one)) for one in kept)]
        found += [here / name for name in names if _is_kept(here / name, patterns)]
    return sorted(found)


def _related(folder: Path, kept: Path) -> bool:
    return kept.is_relative_to(folder) or folder.is_relative_to(kept)


def _is_kept(path: Path, patterns: list[str]) -> bool:
    kept = True
    for pattern in patterns:
        if re.fullmatch(_regex(pattern.removeprefix("!")), path.as_posix()):
            kept = pattern.startswith("!")
    return kept


def _regex(pattern: str) -> str:
    """A pattern matches a path, or a folder with all below it."""
    inside = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
    return f"{inside}(/.*)?"
