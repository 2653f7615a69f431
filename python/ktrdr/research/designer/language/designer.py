"""The designer that asks a language model, at most three times, within its budget."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from ktrdr._lazy import require
from ktrdr._types import JsonObject
from ktrdr.errors import BriefInvalid, Cancelled, DesignBudget, DesignFailed, ModelKeyMissing
from ktrdr.research.designer.base import Ask, Design, Usage, check_brief
from ktrdr.research.designer.grammar.reading.brief import read_brief
from ktrdr.research.designer.language.answers import Answer, content_of
from ktrdr.research.designer.language.bounds import bounded
from ktrdr.research.designer.language.budget import Budget
from ktrdr.research.designer.language.models import price_of
from ktrdr.research.designer.language.prompt import again, answer_schema, instructions, question
from ktrdr.research.designer.language.service import Service
from ktrdr.settings import model_dollars, model_key, model_tokens, model_url
from ktrdr.strategy.loader import load_strategy
from ktrdr.text import one_line

MOST_TRIES = 3
"""Answers that are asked for until one is a valid strategy."""

_MOST_SHOWN = 20_000


@dataclass(frozen=True)
class LanguageModel:
    """Designs through a language model. What it writes can only become a strategy file within bounds.

    Args:
        model: id of the model.
        service: the service to ask; by default that of the settings.
        budget: tokens and dollars; by default those of the settings.
    """

    model: str
    service: Service | None = None
    budget: Budget | None = None

    @property
    def name(self) -> str:
        """Returns the id of the model."""
        return self.model

    def design(self, ask: Ask) -> Design:
        """Returns a design that has been validated.

        A valid strategy that leaves out what the brief names is asked for again, and taken if no better one comes.

        Raises ``BriefInvalid`` without words or bars, ``ModelKeyMissing``, ``DesignBudget``, ``DesignFailed`` after
        three answers with faults or one refusal, ``DesignerUnavailable`` and ``Cancelled``.
        """
        brief = _brief_of(ask)
        service = self.service or configured(self.model)
        budget = self.budget or Budget(model_tokens(), model_dollars())
        asked = question(brief, ask.market, ask.seed)
        answers = [Answer.of(facts) for facts in ask.journal.answers()][:MOST_TRIES]
        faults: list[str] = []
        valid: tuple[JsonObject, Answer] | None = None
        for number in range(MOST_TRIES):
            if number == len(answers):
                words = asked if number == 0 else f"{asked}\n\n{_again(answers[-1], faults)}"
                try:
                    answers.append(_paid(words, service, budget, answers, ask))
                except DesignBudget:
                    if valid is None:
                        raise
                    break
            strategy, faults = _judged(answers[number], ask)
            if strategy is not None:
                valid = (strategy, answers[number])
                faults = list(_omissions(strategy, ask))
            if answers[number].declined or (strategy is not None and not faults):
                break
        if valid is None:
            raise _failed(self.model, answers, faults)
        return self._design(*valid, ask, service, _total(answers))

    def _design(self, strategy: JsonObject, answer: Answer, ask: Ask, service: Service, used: Usage) -> Design:
        lines = (*content_of(answer.text).explanation, *_remarks(strategy, ask, service, used))
        warnings = tuple(_omissions(strategy, ask))
        return Design(strategy, self.model, lines, used, _resample(strategy, ask), warnings)


def _brief_of(ask: Ask) -> str:
    """Returns the brief; raises ``BriefInvalid`` where it has no words, or no bars are stored."""
    brief = check_brief(ask.brief)
    if not ask.market.series():
        raise BriefInvalid("no bars are stored", where="symbol", hint="`ktrdr data import` brings bars in")
    return brief


def configured(model: str) -> Service:
    """Returns the service that the settings name; raises ``ModelKeyMissing`` and ``LibraryMissing``."""
    key = model_key()
    if key is None:
        hint = "set KTRDR_MODEL_KEY or ANTHROPIC_API_KEY, or use -m grammar, which needs neither key nor network"
        raise ModelKeyMissing("no key for the language model", where=f"model {model}", hint=hint)
    require("pydantic_ai", "anthropic", extra="research")
    return Service(model, key, model_url(), price_of(model))


def _paid(words: str, service: Service, budget: Budget, answers: Sequence[Answer], ask: Ask) -> Answer:
    """Returns the next answer, kept in the journal; raises ``DesignBudget`` before a call that could cost too much."""
    if ask.token.is_cancelled():
        raise Cancelled("the design was stopped", where="design")
    used = _total(answers)
    characters = len(words) + len(instructions()) + len(json.dumps(answer_schema()))
    allowed = budget.allowance(used, characters, service.price)
    answer = service.ask(words, allowed, ask.token, used.calls)
    ask.journal.add(answer.to_json())
    return answer


def _again(answer: Answer, faults: Sequence[str]) -> str:
    return again("" if answer.cut_off else answer.text[:_MOST_SHOWN], faults)


def _judged(answer: Answer, ask: Ask) -> tuple[JsonObject | None, list[str]]:
    """Returns the strategy of an answer; None and every fault where it cannot be used."""
    if answer.declined:
        return None, ["the model declined to answer"]
    if answer.cut_off:
        return None, [f"the answer was cut off after {answer.usage.output_tokens:,} tokens: write a shorter strategy"]
    content = content_of(answer.text)
    if content.strategy is None:
        return None, [content.fault]
    strategy, faults = bounded(content.strategy, ask.market, ask.seed)
    return (None, faults) if faults else (strategy, [])


def _total(answers: Sequence[Answer]) -> Usage:
    return reduce(add, (answer.usage for answer in answers), Usage())


def _resample(strategy: JsonObject, ask: Ask) -> bool:
    loaded = load_strategy(strategy)
    return any(
        one.made_from is not None and one.symbol in loaded.symbols and one.timeframe in loaded.timeframes
        for one in ask.market.series()
    )


def _omissions(strategy: JsonObject, ask: Ask) -> Iterator[str]:
    """Yields a sentence for the indicators, timeframes and symbols of the brief that the strategy does not use."""
    loaded = load_strategy(strategy)
    try:
        reading = read_brief(ask.brief, [one.symbol for one in ask.market.series()])
    except BriefInvalid:
        return  # a remark says so; the model may have met it in another way
    types = {use.type for use in loaded.indicators.values()}
    missing = [wanted.type for wanted in reading.indicators if wanted.type not in types]
    missing += [frame.value for frame in reading.timeframes if frame not in loaded.timeframes]
    missing += [words.symbol for words in reading.symbols if words.symbol and words.symbol not in loaded.symbols]
    if missing:
        yield f"The brief seems to name {', '.join(dict.fromkeys(missing))}, which the strategy does not use."


def _remarks(strategy: JsonObject, ask: Ask, service: Service, used: Usage) -> Iterator[str]:
    """Yields what a reader must know: parts of the brief that cannot be met or are left out, and the cost."""
    try:
        read_brief(ask.brief, [one.symbol for one in ask.market.series()])
    except BriefInvalid as error:
        yield f"A part of the brief cannot be met: {one_line(error.what)} ({one_line(error.where)})."
    yield from _omissions(strategy, ask)
    price = "" if service.price.known else ", at the price of the dearest model, since its own is not known"
    yield f"{service.model} took {used.shown}{price}."


def _failed(model: str, answers: Sequence[Answer], faults: Sequence[str]) -> DesignFailed:
    used = _total(answers)
    shown = "; ".join(faults[:3]) + ("; ..." if len(faults) > 3 else "")
    tried = f"{len(answers)} answer{'' if len(answers) == 1 else 's'}"
    return DesignFailed(
        f"no valid strategy in {tried}, the last one: {shown}",
        where=f"model {model}",
        hint=f"it took {used.shown}; try again, another model, or -m grammar",
        calls=used.calls,
        parts=list(faults),
    )
