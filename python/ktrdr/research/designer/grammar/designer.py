"""The grammar designer: a brief is read, completed from the seed, built and validated, without a network."""

from __future__ import annotations

from ktrdr.errors import BriefInvalid, ConfigError, InternalError
from ktrdr.research.designer.base import Ask, Design, check_brief
from ktrdr.research.designer.grammar.build import build
from ktrdr.research.designer.grammar.draw import Draw
from ktrdr.research.designer.grammar.plan import make_plan
from ktrdr.research.designer.grammar.reading.brief import read_brief
from ktrdr.strategy.history import needs
from ktrdr.strategy.sections.grammar import MAX_FEATURES

NAME = "grammar"


class Grammar:
    """Designs offline: equal briefs, seeds and markets give equal strategies."""

    @property
    def name(self) -> str:
        """Returns the name of this designer, ``grammar``."""
        return NAME

    def design(self, ask: Ask) -> Design:
        """Returns a design that has been validated; raises ``BriefInvalid``."""
        brief = check_brief(ask.brief)
        symbols = list(dict.fromkeys(one.symbol for one in ask.market.series()))
        reading = read_brief(brief, symbols)
        draw = Draw(ask.seed)
        plan = make_plan(reading, ask.market, draw)
        strategy, lines = build(plan, reading, ask.market, draw, ask.seed)
        sentences = (*plan.sentences, *lines)
        warnings = (*plan.choice.defaults, *reading.idle)
        design = Design(strategy, NAME, sentences, resample=plan.choice.resample, warnings=warnings)
        _check(design, ask)
        return design


def _check(design: Design, ask: Ask) -> None:
    """Raises ``BriefInvalid`` where the brief asks for too much, and reports a bug for any other fault."""
    try:
        strategy = design.loaded
    except ConfigError as error:
        if "too many features" in str(error) or "indicators" in str(error.path):
            expected = f"at most {MAX_FEATURES} features of at most 64 indicators"
            raise BriefInvalid("too many together", where="indicators and timeframes", expected=expected) from None
        raise InternalError("the grammar built a strategy with a fault", found=str(error)) from error
    bars = {(one.symbol, one.timeframe): one.bars for one in ask.market.series()}
    for timeframe, need in needs(strategy).items():
        have = min(bars[symbol, timeframe] for symbol in strategy.symbols)
        if 2 * need.need_bars > have:
            what = f"the indicators need {need.need_bars} bars of {timeframe.value} before the first decision"
            hint = "name a finer timeframe or shorter periods"
            where = f"timeframe {timeframe.value}"
            raise BriefInvalid(what, where=where, found=f"{have} bars", expected="twice as many", hint=hint)
