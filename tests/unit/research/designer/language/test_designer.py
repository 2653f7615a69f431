"""The language model's designer against a double of the messages API on a socket: answers, faults, budget and calls."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from ktrdr._types import Json
from ktrdr.cli.exits import exit_code
from ktrdr.errors import (
    ArgumentInvalid,
    BriefInvalid,
    Cancelled,
    DesignBudget,
    DesignerUnavailable,
    DesignFailed,
    KtrdrError,
    ModelKeyMissing,
)
from ktrdr.research.designer.base import Ask, Design, Journal, Unkept
from ktrdr.research.designer.language.budget import Budget
from ktrdr.research.designer.language.designer import LanguageModel, configured
from ktrdr.research.designer.language.models import Price, price_of
from ktrdr.research.designer.language.service import Service
from ktrdr.settings import SETTINGS
from ktrdr.strategy.loader import parse_strategy
from support.research.market import FakeMarket
from support.research.messages_api import (
    OVERLOADED,
    MessagesApi,
    Reply,
    blocks_answer,
    messages_api,
    refusal,
    text_answer,
    tool_answer,
)

MODEL = "claude-haiku-5-5"
BRIEF = "RSI on 1h for EURUSD"
SECRET = "sk-the-secret-of-a-user"
GOOD: dict[str, Any] = {
    "name": "by_a_model",
    "training_data": {
        "symbols": {"mode": "single", "symbol": "EURUSD"},
        "timeframes": {"mode": "single", "timeframe": "1h"},
    },
    "indicators": {"rsi_14": {"type": "rsi", "period": 14}},
    "fuzzy_sets": {"level": {"indicator": "rsi_14", "low": [0, 20, 40], "middle": [30, 50, 70], "high": [60, 80, 100]}},
    "nn_inputs": [{"fuzzy_set": "level"}],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [16]}},
    "training": {"labels": {"source": "zigzag", "zigzag_threshold": 0.005}, "epochs": 20},
}
ANSWER = tool_answer({"strategy": GOOD, "explanation": ["RSI says when a market is stretched."]})
INVALID = tool_answer({"strategy": {**GOOD, "indicators": {"rsi_14": {"type": "rsi", "periods": 14}}}})


def changed(**sections: Any) -> dict[str, Any]:
    return copy.deepcopy(GOOD) | sections


def designer(api: MessagesApi, *, budget: Budget | None = None, retries: int = 4) -> LanguageModel:
    service = Service(MODEL, SECRET, api.url, price_of(MODEL), retries=retries, pause_seconds=0.01, timeout_seconds=20)
    return LanguageModel(MODEL, service, budget or Budget(200_000, 1.0))


def run(*replies: Reply, budget: Budget | None = None, journal: Journal | None = None) -> tuple[Design, MessagesApi]:
    with messages_api(*replies) as api:
        made = designer(api, budget=budget).design(Ask(BRIEF, 11, FakeMarket(), journal or Unkept()))
    return made, api


def failure(*replies: Reply, budget: Budget | None = None, retries: int = 4) -> tuple[KtrdrError, MessagesApi]:
    with messages_api(*replies) as api, pytest.raises(KtrdrError) as caught:
        designer(api, budget=budget, retries=retries).design(Ask(BRIEF, 11, FakeMarket()))
    assert SECRET not in str(caught.value) and SECRET not in str(caught.value.to_dict())
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    return caught.value, api


def words_of(request: Json) -> str:
    return str(request["messages"][0]["content"][0]["text"])


def test_a_good_answer_becomes_a_strategy() -> None:
    made, api = run(ANSWER)
    assert (made.name, made.designer, made.symbol) == ("by_a_model", MODEL, "EURUSD")
    assert made.explanation[0] == "RSI says when a market is stretched."
    assert (made.usage.calls, made.usage.retries, made.usage.tokens) == (1, 0, 2_000)
    assert made.usage.cost_usd == pytest.approx(price_of(MODEL).of(1_200, 800))
    assert made.loaded.training.seed == 11
    assert parse_strategy(made.text).canonical() == made.loaded.canonical()
    assert len(api.requests) == 1 and api.headers[0]["authorization"] == f"Bearer {SECRET}"


def test_the_model_is_given_its_answer_form_and_no_other_tool() -> None:
    _, api = run(ANSWER)
    request = api.requests[0]
    assert [tool["name"] for tool in request["tools"]] == ["strategy"]
    assert request["tool_choice"]["type"] == "any"
    assert "EURUSD 1h: " in words_of(request) and BRIEF in words_of(request)
    assert "mcp_servers" not in request


def test_an_invalid_answer_is_corrected_by_its_faults() -> None:
    made, api = run(INVALID, ANSWER)
    assert (made.usage.calls, len(api.requests), made.usage.tokens) == (2, 2, 4_000)
    assert "unknown parameter" in words_of(api.requests[1]) and "period" in words_of(api.requests[1])
    assert '"periods"' not in words_of(api.requests[0])


def test_three_invalid_answers_are_the_end() -> None:
    error, api = failure(INVALID, INVALID, INVALID, ANSWER)
    assert isinstance(error, DesignFailed) and error.code == "design_failed" and exit_code(error) == 3
    assert (error.calls, len(api.requests)) == (3, 3)
    assert any("unknown parameter" in part for part in error.parts or ())
    assert "it took 3 calls, 6,000 tokens and $" in str(error) and "in 3 answers, the last one: " in str(error)


def test_an_overloaded_service_is_asked_again() -> None:
    made, api = run(OVERLOADED, refusal(429, "rate_limit_error", "slow", **{"retry-after": "0.01"}), ANSWER)
    assert (made.usage.calls, made.usage.retries, made.usage.tokens, len(api.requests)) == (1, 2, 2_000, 3)


@pytest.mark.parametrize(
    "reply", [OVERLOADED, refusal(503, "api_error"), Reply(None, hangs=True), Reply({"type": "x"})]
)
def test_a_service_that_stays_away_is_the_end(reply: Reply) -> None:
    error, api = failure(*[reply] * 9, retries=2)
    assert isinstance(error, DesignerUnavailable) and error.code == "designer_unavailable"
    assert len(api.requests) == 3 and "after 3 requests" in str(error)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refusal(401, "authentication_error", "invalid x-api-key"), "check KTRDR_MODEL_KEY"),
        (refusal(403, "permission_error"), "may not use this model"),
        (refusal(404, "not_found_error", "model: x"), "name another model"),
        (refusal(400, "invalid_request_error", "bad \x1b[2J schema"), "400 bad [2J schema"),
    ],
)
def test_a_refusal_that_stays_is_not_repeated(reply: Reply, said: str) -> None:
    error, api = failure(reply, ANSWER)
    assert isinstance(error, DesignerUnavailable) and said in str(error)
    assert (len(api.requests), error.status) == (1, reply.status)


def test_a_cut_off_answer_is_asked_again_without_its_half() -> None:
    half = tool_answer({"strategy": {"name": "half_a_name"}}, stop="max_tokens")
    made, api = run(half, ANSWER)
    assert (made.usage.calls, len(api.requests)) == (2, 2)
    assert "cut off after 800 tokens" in words_of(api.requests[1]) and "half_a_name" not in words_of(api.requests[1])
    error, api = failure(half, half, half)
    assert isinstance(error, DesignFailed) and len(api.requests) == 3 and "cut off" in str(error)


def test_a_cut_off_answer_is_not_used_though_it_is_whole() -> None:
    error, _ = failure(*[tool_answer({"strategy": GOOD}, stop="max_tokens")] * 3)
    assert isinstance(error, DesignFailed)


def test_json_in_prose_is_an_answer_too() -> None:
    made, _ = run(text_answer("Here it is:\n```json\n" + json.dumps({"strategy": GOOD}) + "\n```"))
    assert made.name == "by_a_model"


@pytest.mark.parametrize(
    "reply",
    [
        text_answer("I would rather not."),
        text_answer('{"strategy": [1, 2]}'),
        text_answer("{" * 5_000),
        text_answer('{"a": ' * 4_000 + "1" + "}" * 4_000),
        text_answer('{"strategy": {"name": "' + "x" * 70_000 + '"}}'),
        tool_answer({"strategy": {"name": "../../etc/passwd"}}),
        tool_answer({"strategy": changed(name="x; rm -rf ~")}),
        tool_answer({"strategy": changed(name="\x1b[2Jclear")}),
        tool_answer({"strategy": changed(training={"epochs": 10**9})}),
        tool_answer({"strategy": changed(training={"epochs": 5_000})}),
        tool_answer({"strategy": changed(model={"type": "mlp", "architecture": {"hidden_layers": [4_096] * 8}})}),
        tool_answer({"strategy": changed(execution={"commission": {"rate": 0}})}),
        tool_answer({"strategy": changed(execution={"fill": "this_close"})}),
        tool_answer({"strategy": changed(context_data=[{"provider": "file:///etc/passwd"}])}),
        tool_answer({"strategy": changed(training_data=GOOD["training_data"] | {"end_date": "2030-01-01"})}),
        tool_answer({"strategy": changed(indicators={"rsi_14": {"type": "rsi", "data_source": "../../x"}})}),
        tool_answer({"strategy": changed(**{"\x1b[31mkey": 1})}),
        tool_answer({"strategy": changed(training={"learning_rate": "1e-3"})}),
    ],
)
def test_hostile_text_is_a_fault_and_nothing_else(reply: Reply) -> None:
    error, api = failure(reply, reply, reply)
    assert isinstance(error, DesignFailed) and len(api.requests) == 3
    assert len(str(error)) < 2_500


def test_hostile_prose_around_a_good_strategy_is_made_harmless() -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07 \u202eevil\n# name: other\r" + "long " * 500
    reply = tool_answer({"strategy": changed(description=hostile), "explanation": [hostile] * 15})
    made, _ = run(reply)
    assert all(line.isprintable() for line in made.text.splitlines())
    assert max(map(len, made.explanation)) <= 300 and len(made.explanation) < 12
    assert made.loaded.description is not None and made.loaded.description.isprintable()
    assert parse_strategy(made.text).name == "by_a_model"


def test_a_call_of_another_tool_beside_the_answer_does_nothing() -> None:
    blocks = [
        {"type": "tool_use", "id": "toolu_0", "name": "bash", "input": {"command": "touch /tmp/owned"}},
        {"type": "tool_use", "id": "toolu_1", "name": "strategy", "input": {"strategy": GOOD}},
    ]
    made, api = run(blocks_answer(blocks))
    assert (made.name, len(api.requests)) == ("by_a_model", 1)
    error, _ = failure(*[blocks_answer(blocks[:1])] * 3)
    assert isinstance(error, DesignFailed)


def test_costs_dates_and_seed_are_not_the_models_to_choose() -> None:
    made, _ = run(
        tool_answer({"strategy": changed(training={"seed": 1}, execution={"exits": {"stop_loss": {"atr": 2}}})})
    )
    rules = made.loaded.execution
    assert (rules.commission.rate, rules.slippage.rate) == (2e-5, 2e-5)
    assert rules.exits.stop_loss is not None
    assert (made.loaded.training.seed, made.loaded.span) == (11, None)


def test_a_budget_that_is_spent_ends_before_the_next_call() -> None:
    error, api = failure(INVALID, ANSWER, budget=Budget(14_000, 1.0))
    assert isinstance(error, DesignBudget) and error.code == "design_budget" and exit_code(error) == 3
    assert (len(api.requests), error.calls) == (1, 1)
    assert "2,000 tokens" in str(error) and "KTRDR_MODEL_TOKENS" in str(error)


def test_a_budget_that_is_too_small_allows_no_call() -> None:
    error, api = failure(ANSWER, budget=Budget(200_000, 0.001))
    assert isinstance(error, DesignBudget) and not api.requests
    assert "$0.001" in str(error) and "KTRDR_MODEL_DOLLARS" in str(error)


def test_an_answer_may_be_as_long_as_the_budget_allows() -> None:
    _, api = run(ANSWER, budget=Budget(16_000, 1.0))
    assert 2_000 <= api.requests[0]["max_tokens"] < 12_000
    price = Price(0.0, 100.0)
    assert Budget(10**6, 0.5).allowance(run(ANSWER)[0].usage, 100, price) < 5_000


def test_a_killed_design_pays_for_no_answer_twice() -> None:
    journal = Unkept()
    with messages_api(INVALID, *[refusal(400, "invalid_request_error")]) as api, pytest.raises(DesignerUnavailable):
        designer(api).design(Ask(BRIEF, 11, FakeMarket(), journal))
    assert len(journal.answers()) == 1
    made, api = run(ANSWER, journal=journal)
    whole, _ = run(INVALID, ANSWER)
    assert len(api.requests) == 1 and made.to_dict() == whole.to_dict()
    again, api = run(journal=journal)
    assert not api.requests and again.to_dict() == whole.to_dict()


def test_a_cancelled_design_stops_while_it_waits() -> None:
    class Later:
        def __init__(self) -> None:
            self.asked = threading.Event()

        def is_cancelled(self) -> bool:
            return bool(api.requests)

    begin = time.monotonic()
    with messages_api(Reply({}, delay_seconds=30)) as api, pytest.raises(Cancelled):
        designer(api).design(Ask(BRIEF, 11, FakeMarket(), Unkept(), Later()))
    assert time.monotonic() - begin < 20


def test_a_refusal_of_the_model_is_not_paid_for_twice() -> None:
    error, api = failure(text_answer("no", stop="refusal"), ANSWER)
    assert isinstance(error, DesignFailed) and "declined to answer" in str(error)
    assert (len(api.requests), error.calls) == (1, 1) and "in 1 answer," in str(error)


BOTH: dict[str, Any] = {"rsi_14": {"type": "rsi", "period": 14}, "trend": {"type": "adx", "period": 14}}
READS = [{"fuzzy_set": "level"}, {"raw_indicator": "trend.adx", "normalization": "zscore"}]


def test_what_the_brief_names_and_the_strategy_lacks_is_asked_for() -> None:
    whole = tool_answer({"strategy": changed(indicators=BOTH, nn_inputs=READS)})
    with messages_api(ANSWER, whole) as api:
        made = designer(api).design(Ask("ADX and RSI on 1h for EURUSD", 11, FakeMarket()))
    assert len(api.requests) == made.usage.calls == 2
    assert "The brief seems to name adx, which the strategy does not use." in words_of(api.requests[1])
    assert not any("does not use" in line for line in made.explanation)
    assert {use.type for use in made.loaded.indicators.values()} == {"adx", "rsi"}


@pytest.mark.parametrize("replies", [(ANSWER,) * 3, (ANSWER, INVALID, INVALID)])
def test_what_the_brief_names_and_the_strategy_lacks_is_said(replies: tuple[Reply, ...]) -> None:
    with messages_api(*replies) as api:
        made = designer(api).design(Ask("MACD and RSI on 1h and 4h for EURUSD", 11, FakeMarket()))
    assert len(api.requests) == made.usage.calls == 3
    said = "The brief seems to name macd, 4h, which the strategy does not use."
    assert said in made.explanation and made.warnings == (said,)


def test_a_budget_that_is_spent_keeps_the_valid_strategy() -> None:
    with messages_api(ANSWER, ANSWER) as api:
        made = designer(api, budget=Budget(14_000, 1.0)).design(Ask("MACD and RSI on 1h for EURUSD", 11, FakeMarket()))
    assert (len(api.requests), made.name) == (1, "by_a_model")


def test_symbols_without_bars_and_volume_that_is_not_there_are_faults() -> None:
    no_bars = changed(training_data={**GOOD["training_data"], "symbols": {"mode": "single", "symbol": "NVDA"}})
    error, _ = failure(*[tool_answer({"strategy": no_bars})] * 3)
    assert "no 1h bars of NVDA" in str(error)
    volume = changed(indicators={"rsi_14": {"type": "mfi"}})
    with messages_api(*[tool_answer({"strategy": volume})] * 3) as api, pytest.raises(DesignFailed, match="volume"):
        designer(api).design(Ask(BRIEF, 11, FakeMarket(without_volume=("EURUSD",))))


def test_without_words_or_bars_nobody_is_asked() -> None:
    with messages_api(ANSWER) as api:
        for ask in (Ask(" . ", 1, FakeMarket()), Ask(BRIEF, 1, FakeMarket({}))):
            with pytest.raises(BriefInvalid):
                designer(api).design(ask)
        assert not api.requests


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    """An environment without any setting of ktrdr or of the service."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in (*(setting.name for setting in SETTINGS), "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_a_key_the_error_says_what_to_set(no_settings: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelKeyMissing) as caught:
        LanguageModel(MODEL).design(Ask(BRIEF, 1, FakeMarket()))
    assert exit_code(caught.value) == 2 and caught.value.code == "model_key_missing"
    assert "set KTRDR_MODEL_KEY or ANTHROPIC_API_KEY" in str(caught.value)


def test_the_settings_name_key_address_and_budget(no_settings: pytest.MonkeyPatch) -> None:
    no_settings.setenv("ANTHROPIC_API_KEY", "usual")
    assert (configured(MODEL).key, configured(MODEL).url) == ("usual", "https://api.anthropic.com")
    no_settings.setenv("KTRDR_MODEL_KEY", SECRET)
    no_settings.setenv("KTRDR_MODEL_DOLLARS", "0.0001")
    assert configured(MODEL).key == SECRET and SECRET not in repr(configured(MODEL))
    with messages_api(ANSWER) as api:
        no_settings.setenv("KTRDR_MODEL_URL", api.url)
        with pytest.raises(DesignBudget):
            LanguageModel(MODEL).design(Ask(BRIEF, 1, FakeMarket()))
        no_settings.setenv("KTRDR_MODEL_DOLLARS", "1")
        assert LanguageModel(MODEL).design(Ask(BRIEF, 1, FakeMarket())).name == "by_a_model"
        no_settings.setenv("KTRDR_MODEL_TOKENS", "-5")
        with pytest.raises(ArgumentInvalid, match="KTRDR_MODEL_TOKENS: must be a number of tokens above 0"):
            LanguageModel(MODEL).design(Ask(BRIEF, 1, FakeMarket()))


def test_a_model_without_a_known_price_says_so() -> None:
    with messages_api(ANSWER) as api:
        service = Service("claude-unheard-of-9", SECRET, api.url, price_of("claude-unheard-of-9"))
        made = LanguageModel("claude-unheard-of-9", service, Budget(200_000, 5.0)).design(Ask(BRIEF, 1, FakeMarket()))
    assert "at the price of the dearest model" in made.explanation[-1]


def test_the_client_is_loaded_by_the_first_question_alone() -> None:
    code = (
        "import sys, ktrdr.research.designer.choice as choice; choice.designer_of('haiku');"
        "print(sorted({'pydantic_ai', 'anthropic', 'httpx2'} & sys.modules.keys()))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert shown.stdout == "[]\n"
