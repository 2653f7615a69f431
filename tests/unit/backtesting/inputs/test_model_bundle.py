"""The choice of a run's net, and the bars of the run that it has seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.model_bundle import ModelBundle, choose_bundle
from ktrdr.errors import KtrdrError
from ktrdr.time import Span, Timeframe
from support.inputs import worlds

HOUR_NS = worlds.HOUR_NS
FIRST_NS = worlds.FIRST_NS


def choose(
    folder: Path, symbol: str = "EURUSD", synthetic: bool = False, start_ns: int = FIRST_NS, **arguments: Any
) -> ModelBundle:
    config = BacktestConfig.of(worlds.strategy(), symbol, "1h", data_dir=folder, **arguments)
    return choose_bundle(config, start_ns=start_ns, synthetic=synthetic)


def test_the_newest_of_the_strategy_for_symbol_and_provenance(tmp_path: Path) -> None:
    file = worlds.strategy()
    for facts in ({}, {}, {"symbols": ("USDJPY",)}, {"synthetic": True}):
        worlds.untrained(tmp_path, file, **facts)
    assert choose(tmp_path).id == "walker_mlp/1h_v2"
    assert choose(tmp_path, "USDJPY").id == "walker_mlp/1h_v3"
    assert choose(tmp_path, synthetic=True).id == "walker_mlp/1h_v4"
    with pytest.raises(KtrdrError) as caught:
        choose(tmp_path, "GBPUSD")
    assert caught.value.code == "model_not_found"
    assert "walker_mlp/1h_v1" in str(caught.value)


def test_version_ten_is_newer_than_version_nine(tmp_path: Path) -> None:
    for _ in range(10):
        worlds.untrained(tmp_path, worlds.strategy())
    assert choose(tmp_path).id == "walker_mlp/1h_v10"


def test_a_named_model_by_id_by_path_and_as_it_is(tmp_path: Path) -> None:
    for _ in range(2):
        worlds.untrained(tmp_path, worlds.strategy())
    first = tmp_path / "models" / "walker_mlp" / "1h_v1"
    assert choose(tmp_path, model="walker_mlp/1h_v1").path == first
    assert choose(tmp_path, model=str(first)).path == first
    assert choose(tmp_path, "GBPUSD", model=first).path == first
    bundle = ModelBundle.load(first)
    assert choose(tmp_path, model=bundle) is bundle
    with pytest.raises(KtrdrError, match="1h_v2") as caught:
        choose(tmp_path, model="walker_mlp/1h_v3")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (
            {"indicators": worlds.strategy()["indicators"] | {"rsi_7": {"type": "rsi", "period": 8}}},
            "indicators.rsi_7.period",
        ),
        ({"model": {"type": "mlp", "architecture": {"hidden_layers": [9]}}}, "model.architecture.hidden_layers"),
    ],
)
def test_other_features_or_another_net_are_refused(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    worlds.untrained(tmp_path, worlds.strategy())
    config = BacktestConfig.of(worlds.strategy(**change), "EURUSD", "1h", data_dir=tmp_path)
    with pytest.raises(KtrdrError) as caught:
        choose_bundle(config, start_ns=FIRST_NS, synthetic=False)
    assert caught.value.code == "model_feature_mismatch"
    assert where in str(caught.value)


def test_other_decisions_and_execution_are_the_given_files(tmp_path: Path) -> None:
    worlds.untrained(tmp_path, worlds.strategy())
    changed = worlds.strategy(decisions={"confidence_threshold": 0.9}, execution={"fill": "this_close"})
    config = BacktestConfig.of(changed, "EURUSD", "1h", data_dir=tmp_path)
    assert choose_bundle(config, start_ns=FIRST_NS, synthetic=False).id == "walker_mlp/1h_v1"


def test_one_trained_on_earlier_bars_only_comes_before_newer_ones(tmp_path: Path) -> None:
    ends = (50, 100, 101, None, 200)  # versions 1 to 5; the fourth does not say
    for end in ends:
        span = None if end is None else Span(FIRST_NS, FIRST_NS + end * HOUR_NS)
        worlds.untrained(tmp_path, worlds.strategy(), training_span=span)
    for start, version in ((200, 5), (199, 3), (101, 3), (100, 2), (99, 1), (50, 1), (49, 5)):
        assert choose(tmp_path, start_ns=FIRST_NS + start * HOUR_NS).id == f"walker_mlp/1h_v{version}", start
    assert choose(tmp_path, model="walker_mlp/1h_v5").id == "walker_mlp/1h_v5"  # a named one is never replaced


def test_an_earlier_one_of_other_features_gives_no_way_out(tmp_path: Path) -> None:
    other = worlds.strategy(model={"type": "mlp", "architecture": {"hidden_layers": [9]}})
    worlds.untrained(tmp_path, other, training_span=Span(FIRST_NS, FIRST_NS + HOUR_NS))
    worlds.untrained(tmp_path, worlds.strategy(), training_span=Span(FIRST_NS, FIRST_NS + 9 * HOUR_NS))
    assert choose(tmp_path, start_ns=FIRST_NS + 2 * HOUR_NS).id == "walker_mlp/1h_v2"


@pytest.fixture
def trained_until(tmp_path: Path) -> Callable[[int, int], Path]:
    """A folder whose net was fitted on the first bars and tested on the next."""

    def make(fitted: int, tested: int) -> Path:
        end = FIRST_NS + fitted * HOUR_NS
        last = FIRST_NS + (fitted + tested) * HOUR_NS
        worlds.untrained(
            tmp_path, worlds.strategy(), training_span=Span(FIRST_NS, last), in_sample=Span(FIRST_NS, end),
            selection=Span(end, last),
        )  # fmt: skip
        return tmp_path

    return make


def run(config_of: Callable[..., BacktestConfig], folder: Path, **arguments: Any) -> Any:
    return BacktestingEngine(config_of(data_dir=folder, n_bars=600, start="2024-01-10", **arguments)).run()


def test_bars_the_net_has_seen_are_counted(
    trained_until: Callable[[int, int], Path], config_of: Callable[..., BacktestConfig]
) -> None:
    results = run(config_of, trained_until(300, 50))
    start = 9 * 24  # 2024-01-10 00:00 is bar 216 of hourly bars from the 1st
    assert results.in_sample_bars == 300 - start
    assert results.manifest["selection_span"] == ["2024-01-13T12:00:00Z", "2024-01-15T13:00:00Z"]
    assert any("in_sample_bars: 84" in line for line in results.warnings)


def test_strict_refuses_seen_bars(
    trained_until: Callable[[int, int], Path], config_of: Callable[..., BacktestConfig]
) -> None:
    folder = trained_until(100, 150)  # only test rows reach into the run
    selected = "34 of its bars in the selection of the net"
    later = "training on bars after its start, 2024-01-10T00:00:00Z to 2024-01-11"
    with pytest.raises(KtrdrError, match=f"{selected}, {later}") as caught:
        run(config_of, folder, strict=True)
    assert caught.value.code == "model_in_sample"


def test_strict_accepts_bars_after_the_training(
    trained_until: Callable[[int, int], Path], config_of: Callable[..., BacktestConfig]
) -> None:
    results = run(config_of, trained_until(100, 116), strict=True)  # the last one ends where the run starts
    assert results.in_sample_bars == 0
    assert results.manifest["selection_span"] is None
    assert results.manifest["trained_on_later_data"] is None
    assert not any("trained_on_later_data" in line for line in results.warnings)


@pytest.fixture
def knowing(tmp_path: Path, config_of: Callable[..., BacktestConfig]) -> Callable[..., Any]:
    """Runs bars 216 to 599 with a net of a training span in bars, none of whose rows is among them."""

    def make(first: int, stop: int, *, symbol: str = "EURUSD", **arguments: Any) -> Any:
        span = Span(FIRST_NS + first * HOUR_NS, FIRST_NS + stop * HOUR_NS)
        worlds.untrained(tmp_path, worlds.strategy(), symbols=(symbol,), training_span=span)
        return run(config_of, tmp_path, model="walker_mlp/1h_v1", **arguments)

    return make


@pytest.mark.parametrize(
    ("first", "stop", "symbol", "dates"),
    [
        (0, 217, "EURUSD", ["2024-01-10T00:00:00Z", "2024-01-10T01:00:00Z"]),  # one bar beyond the run's start
        (1_000, 1_500, "EURUSD", ["2024-02-11T16:00:00Z", "2024-03-03T12:00:00Z"]),  # wholly after the run
        (0, 1_500, "USDJPY", ["2024-01-10T00:00:00Z", "2024-03-03T12:00:00Z"]),  # another market's future
    ],
)
def test_a_net_that_knows_later_bars_is_flagged_with_the_dates(
    knowing: Callable[..., Any], first: int, stop: int, symbol: str, dates: list[str]
) -> None:
    results = knowing(first, stop, symbol=symbol)
    assert results.manifest["trained_on_later_data"] == dates
    assert results.in_sample_bars == 0
    (warning,) = [line for line in results.warnings if line.startswith("trained_on_later_data")]
    assert f"{dates[0]} to {dates[1]}" in warning


@pytest.mark.parametrize(("first", "stop", "symbol"), [(0, 217, "EURUSD"), (1_000, 1_500, "USDJPY")])
def test_strict_refuses_a_net_that_knows_later_bars(
    knowing: Callable[..., Any], first: int, stop: int, symbol: str
) -> None:
    with pytest.raises(KtrdrError, match="training on bars after its start, 2024-") as caught:
        knowing(first, stop, symbol=symbol, strict=True)
    assert caught.value.code == "model_in_sample"


def test_a_run_takes_the_net_trained_before_its_own_start(
    tmp_path: Path, config_of: Callable[..., BacktestConfig]
) -> None:
    for stop in (216, 300):
        worlds.untrained(tmp_path, worlds.strategy(), training_span=Span(FIRST_NS, FIRST_NS + stop * HOUR_NS))
    assert run(config_of, tmp_path, strict=True).manifest["model"] == "walker_mlp/1h_v1"
    earlier = BacktestingEngine(config_of(data_dir=tmp_path, n_bars=600, start="2024-01-09")).run()
    assert earlier.manifest["model"] == "walker_mlp/1h_v2"  # both know its future, the newest is taken


def test_strict_refuses_a_net_that_does_not_say(config_of: Callable[..., BacktestConfig]) -> None:
    with pytest.raises(KtrdrError, match="no word of the bars") as caught:
        BacktestingEngine(config_of(n_bars=600, strict=True)).run()
    assert caught.value.code == "model_in_sample"


def test_a_symbol_it_was_not_trained_on_is_flagged(config_of: Callable[..., BacktestConfig]) -> None:
    results = BacktestingEngine(config_of(symbol="GBPUSD", model="walker_mlp/1h_v1", n_bars=600)).run()
    assert results.manifest["symbol_not_in_training"] is True
    assert any(line.startswith("symbol_not_in_training") for line in results.warnings)
    assert results.manifest["timeframe"] == Timeframe.H1
