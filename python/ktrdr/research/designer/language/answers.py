"""Answers of a language model: what a journal keeps of one, and the mapping that it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ktrdr._types import Json, JsonObject
from ktrdr.research.designer.base import Usage
from ktrdr.text import repeated

MOST_CHARACTERS = 60_000
"""Characters of an answer that is read; a longer one is a fault."""

_MOST_SENTENCES = 8
_MOST_OF_A_SENTENCE = 300


@dataclass(frozen=True)
class Answer:
    """One answer that was paid for.

    Args:
        text: JSON as the model wrote it, or prose.
        cut_off: True if it reached its limit of tokens.
        declined: True if the model refused to answer.
        usage: of this call.
    """

    text: str
    cut_off: bool
    declined: bool
    usage: Usage

    def to_json(self) -> JsonObject:
        """Returns the answer as a journal keeps it."""
        return {
            "text": self.text,
            "cut_off": self.cut_off,
            "declined": self.declined,
            "usage": self.usage.to_dict(),
        }

    @classmethod
    def of(cls, facts: Json) -> Answer:
        """Returns the answer that ``to_json`` wrote."""
        return cls(facts["text"], facts["cut_off"], facts["declined"], Usage.of(facts["usage"]))


@dataclass(frozen=True)
class Content:
    """The mapping of an answer, or the reason why there is none; ``explanation`` is the model's, made harmless."""

    strategy: JsonObject | None
    explanation: tuple[str, ...] = ()
    fault: str = ""


def content_of(text: str) -> Content:
    """Returns the strategy in an answer: the input of its tool, or the one JSON object in its text.

    >>> content_of('Here: {"strategy": {"name": "x"}}').strategy
    {'name': 'x'}
    >>> content_of("I cannot").fault
    'the answer holds no JSON object'
    >>> content_of('{"name": "x", "name": "y"}').fault
    "the answer gives 'name' twice in one object: give it once"
    """
    if len(text) > MOST_CHARACTERS:
        return Content(None, fault=f"the answer is longer than {MOST_CHARACTERS:,} characters")
    first = text.find("{")
    last = text.rfind("}")
    if first < 0 or last < first:
        return Content(None, fault="the answer holds no JSON object")
    try:
        found = json.loads(text[first : last + 1], object_pairs_hook=_object)
    except _TwiceError as error:
        return Content(None, fault=f"the answer gives {harmless(str(error), 80)} twice in one object: give it once")
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else harmless(str(error), 200)
        return Content(None, fault=f"the answer is not JSON: {what}")
    inner = found.get("strategy", found)
    if not isinstance(inner, dict):
        return Content(None, fault="strategy: not a mapping")
    sentences = found.get("explanation") if inner is not found else None
    return Content(inner, _sentences(sentences))


class _TwiceError(ValueError):
    """A name that one object of an answer gives twice: the last value would be taken without a word."""


def _object(pairs: list[tuple[str, Json]]) -> JsonObject:
    if (name := repeated(name for name, _ in pairs)) is not None:
        raise _TwiceError(repr(name))
    return dict(pairs)


def harmless(text: str, most: int = _MOST_OF_A_SENTENCE) -> str:
    """Returns text on one line without control characters, escapes of a terminal or changes of direction, cut.

    >>> harmless("plain" + chr(27) + "[31m red" + chr(0x202e) + chr(10) + "end")
    'plain[31m red end'
    """
    plain = "".join(" " if sign.isspace() else sign for sign in text if sign.isprintable() or sign.isspace())
    line = " ".join(plain.split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _sentences(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    texts = [harmless(one) for one in value[:_MOST_SENTENCES] if isinstance(one, str)]
    return tuple(text for text in texts if text)
