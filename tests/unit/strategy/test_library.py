"""The file that a strategy's name leads to, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.errors import ConfigNotFound, OutputNotWritable
from ktrdr.strategy.library import copy_strategy, find_strategy, list_strategies
from ktrdr.strategy.loader import load_strategy

BUILTIN = {
    "mean_reversion_momentum_v1", "v3_minimal", "v3_multi_timeframe", "rsi_bollinger_mtf_v1",
    "forward_return_regression_v1", "trend_lstm_v1", "breakout_gru_v1",
}  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An own folder and a ./strategies, both empty."""
    own = tmp_path / "own"
    here = tmp_path / "work" / "strategies"
    own.mkdir()
    here.mkdir(parents=True)
    monkeypatch.setenv("KTRDR_STRATEGIES_DIR", str(own))
    monkeypatch.chdir(here.parent)
    return own, here


def test_the_places_are_searched_in_order(folders: tuple[Path, Path]) -> None:
    own, here = folders
    assert find_strategy("v3_minimal").source == "built-in"
    (here / "v3_minimal.yaml").write_text("here")
    assert find_strategy("v3_minimal").source == "./strategies"
    (own / "v3_minimal.yml").write_text("own")
    assert find_strategy("v3_minimal").source == "KTRDR_STRATEGIES_DIR"
    (here.parent / "v3_minimal").write_text("path")
    assert find_strategy("v3_minimal", allow_path=True).source == "path"
    assert find_strategy("v3_minimal").read() == "own"


def test_a_name_is_listed_once_with_the_place_that_wins(folders: tuple[Path, Path]) -> None:
    (folders[1] / "v3_minimal.yaml").write_text("here")
    (folders[1] / "not a name.yaml").write_text("skipped")
    listed = {found.name: found.source for found in list_strategies()}
    assert set(listed) == BUILTIN
    assert listed["v3_minimal"] == "./strategies"


@pytest.mark.parametrize("name", ["../v3_minimal", "..", "", "a/b", "%2e%2e", "v3_minimal\0", "v3_minimal\n", "a" * 65])
def test_a_name_that_is_no_name_touches_no_file(name: str, folders: tuple[Path, Path]) -> None:
    (folders[1].parent / "v3_minimal.yaml").write_text("outside")
    with pytest.raises(ConfigNotFound) as caught:
        find_strategy(name)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigNotFound):
        find_strategy(name, allow_path=True)


def test_a_symlink_out_of_the_folder_is_not_followed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (folders[0] / "leak.yaml").symlink_to(tmp_path / "secret")
    (folders[0] / "real.yaml").write_text("inside")
    (folders[0] / "twin.yaml").symlink_to(folders[0] / "real.yaml")
    with pytest.raises(ConfigNotFound):
        find_strategy("leak")
    assert "leak" not in {found.name for found in list_strategies()}
    assert find_strategy("twin").read() == "inside"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigNotFound) as caught:
        load_strategy("v3_minimall")
    assert caught.value.code == "config_not_found"
    assert "v3_minimal" in caught.value.hint


def test_a_copy_is_for_editing_and_never_overwrites(folders: tuple[Path, Path]) -> None:
    target = copy_strategy("v3_minimal")
    assert target == Path("strategies/v3_minimal.yaml")
    assert find_strategy("v3_minimal").source == "./strategies"
    assert load_strategy("v3_minimal").name == "v3_minimal"
    with pytest.raises(OutputNotWritable):
        copy_strategy("v3_minimal")
    with pytest.raises(ConfigNotFound):
        copy_strategy("no_such")


def test_a_copy_into_a_new_folder(tmp_path: Path) -> None:
    assert copy_strategy("trend_lstm_v1", tmp_path / "new").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritable):
        copy_strategy("trend_lstm_v1", tmp_path / "file")


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_the_built_in_strategies_load_without_warnings(name: str) -> None:
    strategy = load_strategy(name)
    assert strategy.name == name
    assert strategy.warnings == ()
    assert strategy.symbols == ("EURUSD",)
    assert strategy.training.seed is not None


def test_the_built_in_strategies_cover_the_kinds() -> None:
    loaded = {name: load_strategy(name) for name in BUILTIN}
    assert {strategy.model.type for strategy in loaded.values()} == {"mlp", "lstm", "gru"}
    assert [name for name, strategy in loaded.items() if strategy.output_format == "regression"] == [
        "forward_return_regression_v1"
    ]
    assert [frame.value for frame in loaded["v3_multi_timeframe"].timeframes] == ["1h", "4h", "1d"]
    assert [frame.value for frame in loaded["rsi_bollinger_mtf_v1"].timeframes] == ["5m", "1h"]
    assert loaded["mean_reversion_momentum_v1"].base_timeframe.value == "1h"


def test_the_examples_load() -> None:
    examples = Path(__file__).resolve().parents[3] / "examples"
    files = sorted(examples.glob("*.yaml"))
    assert files
    for file in files:
        load_strategy(file)
