"""A brief as one reading: all that it asks for and excludes, contradictions, and words without effect."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ktrdr.errors import BriefInvalid
from ktrdr.research.designer.base import refuse
from ktrdr.research.designer.grammar.reading.instruments import Instruments
from ktrdr.research.designer.grammar.reading.parameters import completed, parameters_of, too_many
from ktrdr.research.designer.grammar.reading.parts import (
    IndicatorWords,
    Part,
    PartKind,
    Rule,
    SymbolWords,
    TimeframeWords,
)
from ktrdr.research.designer.grammar.reading.scanner import scan
from ktrdr.research.designer.grammar.reading.sentences import Sentence, sentence_of
from ktrdr.research.designer.grammar.reading.spelling import Correction
from ktrdr.research.designer.grammar.reading.words import INDICATOR_PHRASES
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.time import Timeframe

ZIGZAG = "zigzag"
_UNITS = {"day": Timeframe.D1, "week": Timeframe.W1}
_ALIKE = 0.7
"""Likeness of two names, from 0 to 1, from which one may be meant by the other."""
_SHORTEST_INSIDE = 3
_MOST_NEAR = 3
_ONLY = frozenset({"only", "just", "solely", "exclusively", "alone"})
_ONE_OF = {
    "long_only": ("short_only", "both_ways"),
    "short_only": ("both_ways",),
    "single_frame": ("multi_frame",),
    "volatility_target": ("position",),
}


@dataclass(frozen=True)
class Wanted:
    """An indicator that the brief asks for.

    Args:
        params: parameters that the brief gives; the others are open.
        timeframes: timeframes that the brief binds it to; empty for all.
        words: the words that led to it.
    """

    type: str
    params: Mapping[str, float | int | str]
    low: float | None
    high: float | None
    timeframes: tuple[Timeframe, ...]
    words: str


@dataclass(frozen=True)
class Reading:
    """Everything that a brief says; whatever is empty is open."""

    indicators: tuple[Wanted, ...] = ()
    timeframes: tuple[Timeframe, ...] = ()
    base: Timeframe | None = None
    symbols: tuple[SymbolWords, ...] = ()
    styles: tuple[str, ...] = ()
    model: str | None = None
    labels: str | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)
    no_rules: frozenset[str] = frozenset()
    no_indicators: frozenset[str] = frozenset()
    no_timeframes: frozenset[Timeframe] = frozenset()
    no_symbols: frozenset[str] = frozenset()
    no_styles: frozenset[str] = frozenset()
    only: bool = False
    notes: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()

    def has(self, rule: str) -> bool:
        """Returns True if the brief has this rule."""
        return rule in self.rules


def read_brief(brief: str, symbols: Sequence[str]) -> Reading:
    """Returns the reading of a brief; raises ``BriefInvalid`` with every part that cannot be met.

    >>> reading = read_brief("RSI 7 on 5m without MACD, long only", ["EURUSD"])
    >>> [(one.type, dict(one.params)) for one in reading.indicators], sorted(reading.no_indicators)
    ([('rsi', {'period': 7})], ['macd'])
    """
    scanned = scan(brief, Instruments(symbols))
    sentence = sentence_of(scanned.parts)
    faults = [*_part_faults(sentence), *_unknown_faults(sentence), *_contradictions(sentence), *_nothing(sentence)]
    refuse(faults)
    rules = _rules(sentence)
    frames = _timeframes(sentence)
    return Reading(
        indicators=tuple(_wanted(sentence)),
        timeframes=frames,
        base=_base(sentence),
        symbols=tuple({words.symbol: words for words in sentence.kept(SymbolWords)}.values()),
        styles=tuple(dict.fromkeys(_texts(sentence, PartKind.STYLE))),
        model=next(iter(_texts(sentence, PartKind.MODEL)), None),
        labels=_labels(sentence, rules),
        rules=rules,
        no_rules=frozenset(rule.name for rule in sentence.refused(Rule)),
        no_indicators=frozenset(words.type for words in sentence.refused(IndicatorWords)),
        no_timeframes=frozenset(words.timeframe for words in sentence.refused(TimeframeWords) if words.timeframe),
        no_symbols=frozenset(words.symbol for words in sentence.refused(SymbolWords) if words.symbol),
        no_styles=frozenset(_texts(sentence, PartKind.STYLE, refused=True)),
        only=any(part.kind is PartKind.PLAIN and part.words.lower() in _ONLY for part in sentence.parts),
        notes=(
            *_notes(sentence, scanned.corrections),
            *_idle(sentence),
            *_weighed(sentence),
            *_counted_in_days(sentence, frames),
        ),
        idle=(*_idle(sentence), *_weighed(sentence), *_counted_in_days(sentence, frames)),
    )


def _timeframes(sentence: Sentence) -> tuple[Timeframe, ...]:
    """Returns the timeframes that a brief names; "a 200-day average" names daily bars where nothing else does."""
    named = [words.timeframe for words in sentence.kept(TimeframeWords) if words.timeframe is not None]
    counted = [_UNITS[words.unit] for words in sentence.kept(IndicatorWords) if words.unit]
    return tuple(dict.fromkeys(named or counted))


def _nothing(sentence: Sentence) -> Iterator[BriefInvalid]:
    """Yields the refusal of a brief that has unknown words and nothing else."""
    idle = (*sentence.unknown_styles, *sentence.without_effect)
    if idle and not any(part.value is not None for part in sentence.parts):
        hint = 'say what to trade, as in "RSI and Bollinger bands on 1h for EURUSD"'
        expected = "an indicator, a timeframe, a symbol, a style or a rule"
        yield BriefInvalid("no word is understood", where="brief", found=", ".join(idle), expected=expected, hint=hint)


def _rules(sentence: Sentence) -> dict[str, Rule]:
    """Returns the rules by name; of one that is mentioned twice the mention with a number."""
    rules: dict[str, Rule] = {}
    for rule in sentence.kept(Rule):
        if rule.value is not None or rule.name not in rules:
            rules[rule.name] = rule
    return rules


def _wanted(sentence: Sentence) -> Iterator[Wanted]:
    """Yields every indicator once for each set of parameters; bindings of equal ones are joined."""
    found: dict[tuple[str, tuple[tuple[str, float | int | str], ...]], Wanted] = {}
    for index, part in enumerate(sentence.parts):
        words = part.value
        if not isinstance(words, IndicatorWords) or index in sentence.negated:
            continue
        frames = sentence.bound.get(index, ())
        for params in parameters_of(words):
            key = (words.type, tuple(sorted(params.items())))
            earlier = found.get(key)
            joined = () if earlier and not (earlier.timeframes and frames) else frames
            if earlier and joined:
                joined = tuple(dict.fromkeys([*earlier.timeframes, *frames]))
            low = words.low if words.low is not None or earlier is None else earlier.low
            high = words.high if words.high is not None or earlier is None else earlier.high
            found[key] = Wanted(words.type, params, low, high, joined, part.words)
    yield from _said_once(found.values())


def _said_once(found: Iterable[Wanted]) -> Iterator[Wanted]:
    """Yields each indicator once: "RSI below 30 ... RSI 7" speaks of one, and the mention with numbers says more."""
    wanted = list(found)
    bare = {one.type: one for one in wanted if not one.params}
    numbered = {one.type for one in wanted if one.params}
    for one in wanted:
        other = bare.get(one.type)
        if other is None or other is one:
            if one.params or one.type not in numbered:
                yield one
        else:
            yield replace(
                one, low=other.low if one.low is None else one.low, high=other.high if one.high is None else one.high
            )


def _base(sentence: Sentence) -> Timeframe | None:
    return sentence.bases[0] if sentence.bases else None


def _texts(sentence: Sentence, kind: PartKind, *, refused: bool = False) -> Iterator[str]:
    for index, part in enumerate(sentence.parts):
        if part.kind is kind and isinstance(part.value, str) and (index in sentence.negated) == refused:
            yield part.value


def _labels(sentence: Sentence, rules: Mapping[str, Rule]) -> str | None:
    named = next(iter(_texts(sentence, PartKind.LABELS)), None)
    if named is None and "zigzag_threshold" in rules:
        return ZIGZAG
    return named


def _part_faults(sentence: Sentence) -> Iterator[BriefInvalid]:
    """Yields the parts that cannot be met whatever else the brief says."""
    for index, part in enumerate(sentence.parts):
        if index in sentence.negated:
            continue
        value = part.value
        if isinstance(value, TimeframeWords) and value.timeframe is None:
            yield BriefInvalid("unknown", where=f"timeframe {part.words}", hint=value.hint)
        elif isinstance(value, SymbolWords) and value.symbol is None:
            hint = f"{value.hint}; an indicator of that name is unknown too" if value.guessed else value.hint
            yield BriefInvalid("no bars", where=f"symbol {part.words}", hint=hint)
        elif isinstance(value, Rule) and (value.fault or value.name == "short_only"):
            what = value.fault or "no rule of a strategy refuses long positions"
            yield BriefInvalid(what, where=part.words)
        elif part.kind is PartKind.ABSENT:
            yield _absent(part)
        elif isinstance(value, IndicatorWords):
            yield from _indicator_faults(part, value)


def _absent(part: Part) -> BriefInvalid:
    if part.value == "model":
        return BriefInvalid("unknown", where=f"model {part.words}", expected="mlp, lstm or gru")
    return unknown_indicator(part.words)


def unknown_indicator(name: str) -> BriefInvalid:
    """Returns the refusal of an indicator that the catalogue lacks, with the nearest names.

    >>> print(unknown_indicator("bollinger-clouds"))
    indicator bollinger-clouds: unknown; did you mean bollingerbands? `ktrdr indicators` lists all
    """
    if name.lower().replace("-", "").replace(" ", "") == ZIGZAG:
        hint = 'it changes its past, so it is a source of labels: say "zigzag labels"'
        return BriefInvalid("no indicator", where=f"indicator {name}", hint=hint)
    words = re.findall(r"[a-z]+", name.lower())
    near = [INDICATOR_PHRASES[word] for word in words if word in INDICATOR_PHRASES]
    alike = difflib.get_close_matches(name.lower(), INDICATOR_PHRASES, cutoff=_ALIKE)
    long = [phrase for phrase in INDICATOR_PHRASES if len(phrase) >= _SHORTEST_INSIDE]
    inside = [phrase for phrase in long if any(phrase in word for word in words)]
    near += [INDICATOR_PHRASES[phrase] for phrase in (*alike, *inside)]
    asked = f"did you mean {', '.join(list(dict.fromkeys(near))[:_MOST_NEAR])}? " if near else ""
    return BriefInvalid("unknown", where=f"indicator {name}", hint=f"{asked}`ktrdr indicators` lists all")


def _indicator_faults(part: Part, words: IndicatorWords) -> Iterator[BriefInvalid]:
    known = INDICATORS[words.type]
    if too_many(words):
        expected = ", ".join(parameter.name for parameter in known.parameters) or "no parameter"
        yield BriefInvalid("too many numbers", where=f"indicator {part.words}", expected=expected)
        return
    for params in parameters_of(words):
        for parameter in known.parameters:
            value = params.get(parameter.name)
            if not isinstance(value, int | float):
                continue
            whole = parameter.kind != "int" or float(value).is_integer()
            if not whole or not parameter.low <= value <= parameter.high or (parameter.low_exclusive and value <= 0):
                kind = "a whole number" if parameter.kind == "int" else "a number"
                expected = f"{kind} from {parameter.low:g} to {parameter.high:g}"
                where = f"indicator {part.words}: {parameter.name}"
                yield BriefInvalid("out of range", where=where, found=value, expected=expected)
        if (message := known.check(completed(known, params))) is not None:
            yield BriefInvalid(message, where=f"indicator {part.words}")
    yield from _level_faults(part, words)


def _level_faults(part: Part, words: IndicatorWords) -> Iterator[BriefInvalid]:
    bounds = INDICATORS[words.type].outputs[0].bounds
    for level in (words.low, words.high):
        if level is None or bounds is None or not isinstance(bounds.high, int | float):
            continue
        if not bounds.low <= level <= bounds.high:
            what = f"{words.type} lies between {bounds.low:g} and {bounds.high:g}"
            yield BriefInvalid(what, where=part.words, found=level)


def _unknown_faults(sentence: Sentence) -> Iterator[BriefInvalid]:
    for words in sentence.unknown_indicators:
        yield unknown_indicator(words)
    for words in sentence.unknown_symbols:
        yield BriefInvalid("no bars", where=f"symbol {words}", hint="`ktrdr data list` shows the stored ones")


def _contradictions(sentence: Sentence) -> Iterator[BriefInvalid]:
    yield from _asked_and_excluded(sentence)
    yield from _two_values(sentence)
    names = {rule.name for rule in sentence.kept(Rule)}
    for one, others in _ONE_OF.items():
        for other in others:
            if one in names and other in names:
                yield BriefInvalid(f"contradicts {_spoken(other)}", where=_spoken(one))
    for kind, what in ((PartKind.MODEL, "net"), (PartKind.LABELS, "source of labels")):
        named = list(dict.fromkeys(_texts(sentence, kind)))
        if len(named) > 1:
            yield BriefInvalid(f"a strategy has one {what}", where=kind.value, found=" and ".join(named))
    frames = {words.timeframe for words in sentence.kept(TimeframeWords)}
    if "single_frame" in names and len(frames) > 1:
        yield BriefInvalid("contradicts the timeframes named", where="single timeframe", found=_names(frames))
    if len(set(sentence.bases)) > 1:
        yield BriefInvalid("two timeframes that signals are made on", where="timeframe", found=_names(sentence.bases))


def _two_values(sentence: Sentence) -> Iterator[BriefInvalid]:
    rules: dict[str, Rule] = {}
    for rule in sentence.kept(Rule):
        earlier = rules.setdefault(rule.name, rule)
        if earlier.value is None:
            rules[rule.name] = rule
        elif rule.value is not None and earlier != rule:
            found = f"{earlier.value:g} {earlier.unit} and {rule.value:g} {rule.unit}"
            yield BriefInvalid("given twice", where=_spoken(rule.name), found=found, expected="one value")


def _asked_and_excluded(sentence: Sentence) -> Iterator[BriefInvalid]:
    pairs: Sequence[tuple[str, Iterable[object], Iterable[object]]] = (
        (
            "indicator",
            [words.type for words in sentence.kept(IndicatorWords)],
            [words.type for words in sentence.refused(IndicatorWords)],
        ),
        (
            "timeframe",
            [words.timeframe for words in sentence.kept(TimeframeWords)],
            [words.timeframe for words in sentence.refused(TimeframeWords)],
        ),
        (
            "symbol",
            [words.symbol for words in sentence.kept(SymbolWords)],
            [words.symbol for words in sentence.refused(SymbolWords)],
        ),
        ("style", _texts(sentence, PartKind.STYLE), _texts(sentence, PartKind.STYLE, refused=True)),
        ("rule", [rule.name for rule in sentence.kept(Rule)], [rule.name for rule in sentence.refused(Rule)]),
    )
    for kind, asked, excluded in pairs:
        for value in sorted({str(one) for one in asked} & {str(one) for one in excluded}):
            yield BriefInvalid("asked for and excluded", where=f"{kind} {_spoken(value)}")


def _notes(sentence: Sentence, corrections: Iterable[Correction]) -> Iterator[str]:
    for one in corrections:
        yield f'"{one.written}" was read as "{one.read}".'
    for part in sentence.parts:
        if isinstance(part.value, SymbolWords) and part.value.others and part.value.symbol:
            others = ", ".join(part.value.others)
            yield f'"{part.words}" is {part.value.symbol} here; {others} would fit too.'


def _idle(sentence: Sentence) -> Iterator[str]:
    """Yields a sentence about the words that changed nothing."""
    for words in sentence.unknown_styles:
        yield f'The style "{words}" is not known, so it had no effect.'
    if sentence.without_effect:
        idle = ", ".join(f'"{words}"' for words in sentence.without_effect)
        yield f"These words of the brief had no effect: {idle}."


def _weighed(sentence: Sentence) -> Iterator[str]:
    """Yields a sentence about each level: a net learns what it means, no rule trades by it."""
    for index, part in enumerate(sentence.parts):
        words = part.value
        if (
            isinstance(words, IndicatorWords)
            and index not in sentence.negated
            and (words.low, words.high) != (None, None)
        ):
            yield f'"{part.words}" is an edge of a fuzzy set: the net weighs it, and no rule enforces it.'


def _counted_in_days(sentence: Sentence, frames: Sequence[Timeframe]) -> Iterator[str]:
    """Yields a sentence about each indicator in days that is computed on other bars."""
    for part in sentence.parts:
        if isinstance(part.value, IndicatorWords) and part.value.unit and _UNITS[part.value.unit] not in frames:
            yield f'"{part.words}" counts bars of {_names(frames)}, not {part.value.unit}s.'


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _names(frames: Iterable[Timeframe | None]) -> str:
    return " and ".join(dict.fromkeys(frame.value for frame in frames if frame is not None))
