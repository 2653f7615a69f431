"""Requests and results of cycles as lists, pages and the command line print them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten

from ktrdr._types import Json
from ktrdr.operations.kind import Section, Shown
from ktrdr.operations.models import Result
from ktrdr.research.assessment import FIGURES
from ktrdr.research.designer.base import Usage
from ktrdr.research.gates import Gate, measures
from ktrdr.research.strategy_file import strategies_folder
from ktrdr.settings import data_root
from ktrdr.simulation.metrics import label, listed, value_text
from ktrdr.text import dates_text

_TITLE_CHARACTERS = 72
_STAGES = ("design", "training", "backtest", "assessment")
_PARTS = ("strengths", "weaknesses", "suggestions", "hypotheses")


def shown(spec: Json) -> Shown:
    """Returns brief, designer and dates of a cycle's request; of one that cannot be read as far as it can."""
    title = shorten(str(spec.get("brief", "")), _TITLE_CHARACTERS, placeholder=" ...")
    start = spec.get("start")
    end = spec.get("end")
    span = dates_text(start, end)
    seed = "" if spec.get("seed") is None else f"seed {spec['seed']}"
    names = ("brief", "designer", "start", "end")
    fields = {name: None if spec.get(name) is None else str(spec[name]) for name in names}
    return Shown(title, ", ".join(filter(None, (str(spec.get("designer", "")), span, seed))), fields)


def figures(summary: Json) -> Mapping[str, float | int | None]:
    """Returns total return and Sharpe ratio of the backtest, and the deflated Sharpe ratio; none without a backtest."""
    found = listed(summary.get("metrics", {}))
    return {**found, "dsr": summary["figures"]["dsr"]} if found else {}


def headline(manifest: Json) -> str:
    """Returns the verdict, and its reason."""
    assessment = manifest["assessment"]
    return f"{assessment['verdict']}: {assessment['reason']}"


def remarks(result: Result) -> list[Section]:
    """Returns stages, gates with reasons, strategy file, and the commands that continue."""
    found = result.manifest
    assessment = found["assessment"]
    gates = [
        f"{gate['name']} gate {'passed' if gate['passed'] else 'failed'}: {gate['reason']}" for gate in found["gates"]
    ]
    spans = found["spans"]
    stages = tuple((stage, found["parts"].get(stage, "not run"), _did(stage, found)) for stage in _STAGES)
    return [
        Section("verdict", assessment["verdict"]),
        Section("reason", assessment["reason"]),
        Section("stages", dict(found["parts"]), headings=("stage", "operation", ""), rows=stages),
        Section(
            "gates", list(found["gates"]), gates, ("gate", "measure", "found", "needed"), _measured(found["gates"])
        ),
        Section("spans", dict(spans), lines=_spans(spans)),
        Section("strategy", found["strategy"]),
        Section("strategy_file", _file(found), lines=_file_lines(found)),
        Section("model", found["model"]),
        Section("usage", dict(found["usage"]), lines=_usage(found)),
        Section("assessment", dict(assessment), lines=_judged(assessment)),
        Section("", None, lines=[f"next: {command}" for command in _next(found)]),
    ]


def sections(result: Result) -> list[Section]:
    """Returns the figures of the verdict, the explanation of the design, and what to try next."""
    found = result.manifest
    assessment = found["assessment"]
    known = assessment["figures"]
    rows = tuple((label(name), value_text(name, known[name])) for name in FIGURES)
    return [
        Section("explanation", list(found["explanation"]), lines=found["explanation"]),
        Section("", None, headings=("figure", "value"), rows=rows),
        *(Section("", None, lines=[f"{name}: {line}" for line in assessment[name]]) for name in _PARTS[2:]),
    ]


def _measured(gates: Sequence[Json]) -> list[tuple[str, ...]]:
    """Returns a row for each thing that a gate has measured."""
    return [(gate["name"], *row) for gate in gates for row in measures(Gate.of(gate))]


def _judged(assessment: Json) -> Sequence[str]:
    """Returns strengths and weaknesses; the gates have their lines already."""
    return [line for name in _PARTS[:2] for line in assessment[name] if " gate " not in line]


def _did(stage: str, found: Json) -> str:
    words: dict[str, str] = {
        "design": f"strategy {found['strategy']}, by {found['designer']}",
        "training": "no net could be trained" if found["model"] is None else f"model {found['model']}",
        "backtest": "completed" if "backtest" in found["parts"] else "the training gate failed",
        "assessment": found["assessment"]["verdict"],
    }
    return words[stage]


def _spans(spans: Json) -> list[str]:
    train_from, train_until = spans["train"]
    from_, until = spans["evaluation"]
    return [f"trained on bars from {train_from} to {train_until}, evaluated on bars from {from_} to {until}"]


def _file(found: Json) -> str | None:
    """Returns the path of the strategy file as this process reaches it; None for a strategy that was given."""
    return None if found["file"] is None else str(strategies_folder(data_root()) / found["file"])


def _file_lines(found: Json) -> list[str]:
    file = _file(found)
    return [f"strategy: {found['strategy']}, as given" if file is None else f"strategy file: {_short(file)}"]


def _short(file: str) -> str:
    """Returns a path relative to the working folder, where that is shorter."""
    relative: str = os.path.relpath(file)
    return relative if len(relative) < len(file) and not relative.startswith("..") else str(Path(file))


def _usage(found: Json) -> list[str]:
    usage = Usage.of(found["usage"])
    return [f"{found['designer']}: {usage.shown}"] if usage.calls else []


def _next(found: Json) -> Iterator[str]:
    parts = found["parts"]
    yield f"ktrdr operations report {found['operation']}"
    if "backtest" in parts:
        yield f"ktrdr backtest show {parts['backtest']}"
    elif found["model"] is not None:
        yield f"ktrdr models show {found['model']}"
    if found["file"] is not None:
        yield f"ktrdr validate {found['strategy']}"
    yield from (f'ktrdr research "{hypothesis}"' for hypothesis in found["assessment"]["hypotheses"][:1])
