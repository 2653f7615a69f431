"""Every code of bad bars, strategies, models and trainings, reached from the command line: one line, exit 3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.store.repository import Repository
from ktrdr.time import Timeframe
from support.inputs import worlds

HEADER = "timestamp,open,high,low,close,volume"
GOOD = [f"2024-01-01T{hour:02}:00:00Z,10,11,9,10,5" for hour in range(24)]
IMPORT = "data import bars.csv --symbol EURUSD --timeframe 1h"
RUN = "backtest run walker.yaml EURUSD 1h --start-date 2024-01-20 --end-date 2024-02-20"
TRAIN = "train walker.yaml EURUSD 1h --start-date 2024-01-01 --end-date 2024-02-20"


def refused(said: Any, code: str, exit_code: int = 3) -> str:
    """The message, once it is clear that the call failed as it should."""
    assert said.code == exit_code, (said.out, said.err)
    assert said.object["error"]["code"] == code
    message = said.object["error"]["message"]
    assert "\n" not in message
    assert "Traceback" not in said.err
    assert said.err.splitlines()[-1].startswith(f"{code}: ")
    return str(message)


def rows(*changes: tuple[int, str]) -> list[str]:
    """The good rows with some of them exchanged."""
    lines = list(GOOD)
    for row, line in changes:
        lines[row] = line
    return lines


@pytest.mark.parametrize(
    ("lines", "command", "code", "says"),
    [
        ([], IMPORT, "data_empty", ""),
        (rows((3, "2024-01-01T03:00:00Z,10,11,nan,10,5")), IMPORT, "data_nonfinite", "low"),
        (rows((3, "2024-01-01T03:00:00Z,10,inf,9,10,5")), IMPORT, "data_nonfinite", "high"),
        (rows((3, "2024-01-01T03:00:00Z,10,9,11,10,5")), IMPORT, "data_ohlc_order", ""),
        (rows((3, "2024-01-01T03:00:00Z,10,11,9,12,5")), IMPORT, "data_ohlc_order", ""),
        (rows((3, GOOD[2])), IMPORT, "data_duplicate", ""),
        (rows((3, GOOD[4]), (4, GOOD[3])), IMPORT, "data_unsorted", ""),
        ([line.replace("Z,", ",") for line in GOOD], IMPORT, "data_no_timezone", "--tz"),
        (
            [*(f"{1_704_067_200 + 3_600 * n},10,11,9,10,5" for n in range(9)), "1704099600000,10,11,9,10,5"],
            IMPORT, "data_time_unit", "",
        ),
        (rows((3, "2024-01-01T03:00:00Z,0,11,0,10,5")), IMPORT, "data_price_range", ""),
        (rows((3, "2024-01-01T03:00:00Z,10,11,-9,10,5")), IMPORT, "data_price_range", "low"),
        (GOOD, IMPORT.replace("1h", "5m"), "data_timeframe", "5m"),
        (rows((3, "2024-01-01T03:00:00Z,10,eleven,9,10,5")), IMPORT, "data_parse", "line 5"),
        (
            [f"2024-11-03 {hour:02}:00,10,11,9,10,5" for hour in (0, 1, 2, 3)],
            f"{IMPORT} --tz America/New_York", "data_ambiguous_time", "01:00",
        ),
    ],
)  # fmt: skip
def test_bad_files_of_bars(ktrdr: Callable, lines: Iterable[str], command: str, code: str, says: str) -> None:
    Path("bars.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    assert says in refused(ktrdr(f"{command} --json"), code)
    assert ktrdr("data list --json").object == {"series": []}


def test_a_missing_file_and_a_series_that_is_there(ktrdr: Callable) -> None:
    refused(ktrdr(f"{IMPORT} --json"), "data_not_found")
    Path("bars.csv").write_text("\n".join([HEADER, *GOOD]) + "\n")
    assert ktrdr(IMPORT).code == 0
    assert "--replace" in refused(ktrdr(f"{IMPORT} --json"), "data_exists")
    assert ktrdr(f"{IMPORT} --replace").code == 0


def test_broken_rows_are_shown_as_a_table(ktrdr: Callable) -> None:
    broken = rows((3, "2024-01-01T03:00:00Z,10,9,11,10,5"), (7, "2024-01-01T07:00:00Z,10,11,-1,10,5"))
    Path("bars.csv").write_text("\n".join([HEADER, *broken]) + "\n")
    said = ktrdr(IMPORT)
    assert said.code == 3
    assert all(name in said.out for name in ("row", "field", "value", "rule"))
    assert "data_ohlc_order" in said.out
    assert "data_price_range" in said.out
    mended = ktrdr(f"{IMPORT} --repair drop")
    assert mended.code == 0
    assert "repaired: " in mended.out
    assert "22 bars" in mended.out


def test_a_damaged_series_does_not_hide_the_others(ktrdr: Callable, folder: Path) -> None:
    folder.mkdir()
    store(folder, worlds.frame(50))
    (folder / "BROKEN_1h.parquet").write_text("no Parquet")
    listed = ktrdr("data list --json")
    assert listed.code == 0
    assert [(one["symbol"], one.get("problem", {}).get("code")) for one in listed.object["series"]] == [
        ("BROKEN", "data_parse"),
        ("EURUSD", None),
    ]
    checked = ktrdr("data check")
    assert checked.code == 3
    assert "BROKEN 1h: unreadable" in checked.out
    assert "EURUSD 1h: 50 real bars" in checked.out


def store(folder: Path, bars: pl.DataFrame, timeframe: str = "1h", *, synthetic: bool = False) -> None:
    """Puts bars into the data folder."""
    series = BarSeries.from_frame(bars, "EURUSD", Timeframe(timeframe), Provenance(synthetic=synthetic))
    Repository(folder).store(series)


def write(strategy: dict[str, Any]) -> None:
    """Puts the strategy beside the caller."""
    Path("walker.yaml").write_text(yaml.safe_dump(strategy, sort_keys=False))


@pytest.fixture
def world(folder: Path) -> Path:
    """A data folder with bars and an untrained net for ``walker.yaml``."""
    folder.mkdir()
    write(worlds.strategy())
    store(folder, worlds.frame(1_400))
    worlds.untrained(folder, worlds.strategy())
    return folder


def test_the_world_is_whole(ktrdr: Callable, world: Path) -> None:
    said = ktrdr(f"{RUN} --json")
    assert said.code == 0
    assert set(said.object) == {
        "operation_id", "status", "result_hash", "metrics", "warnings", "trades", "note", "in_force",
        "scaled_benchmark",
    }  # fmt: skip
    assert said.object["status"] == "completed"
    assert said.object["trades"] > 0


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("short", "data_too_short", "need"),
        ("none in range", "data_empty", "2024"),
        ("no series", "data_not_found", "EURUSD 4h"),
        ("mixed", "data_mixed", "synthetic"),
        ("lookahead", "data_lookahead", ""),
        ("no volume", "data_no_volume", "volume"),
        ("volume of zeros", "data_no_volume", "volume"),
    ],
)
def test_bars_a_run_cannot_use(ktrdr: Callable, folder: Path, kind: str, code: str, says: str) -> None:
    folder.mkdir()
    bars = worlds.frame(1_400)
    strategy = worlds.strategy()
    line = RUN
    if kind == "short":
        bars = worlds.frame(30)
        line = RUN.replace("01-20", "01-01")
    if kind == "none in range":
        line = RUN.replace("2024", "2031")
    if kind in ("no series", "mixed", "lookahead"):
        strategy = worlds.strategy("mtf")
    if kind in ("mixed", "lookahead"):
        early = pl.col("timestamp").dt.offset_by("-20h" if kind == "lookahead" else "0h")
        store(folder, worlds.bars(1_400, "mtf")["4h"].with_columns(early), "4h", synthetic=kind == "mixed")
    if "volume" in kind:
        strategy["indicators"]["range"] = {"type": "mfi", "period": 5}
        bars = bars.drop("volume") if kind == "no volume" else bars.with_columns(volume=pl.lit(0.0))
    store(folder, bars)
    write(strategy)
    assert says in refused(ktrdr(f"{line} --json"), code)


CONFIGS: list[tuple[str, str, str]] = [
    ("execution:\n  exits: {stop_los: {rate: 0.1}}", "config_unknown_key", "stop_loss"),
    ("name: again", "config_duplicate_key", "name"),
    ("scope: &a x\ndeployment: *a", "config_alias", ""),
    (f"scope: {'[' * 20}{']' * 20}", "config_too_deep", ""),
    ("scope: !!python/object:os.system x", "config_tag", ""),
    ("version: [3]", "config_type", "version"),
    ("execution: {commission: {rate: .nan}}", "config_nonfinite", "execution.commission.rate"),
    ("execution: {commission: {rate: 1e999}}", "config_nonfinite", "execution.commission.rate"),
    ("execution: {commission: {rate: 2}}", "config_range", "execution.commission.rate"),
    ("---\nname: second", "config_document", ""),
]


@pytest.mark.parametrize(("more", "code", "says"), CONFIGS)
def test_bad_strategy_files(ktrdr: Callable, more: str, code: str, says: str) -> None:
    write({key: value for key, value in worlds.strategy().items() if key not in ("version",)})
    file = Path("walker.yaml")
    file.write_text(file.read_text() + more + "\n")
    message = refused(ktrdr("validate walker.yaml --json"), code)
    assert says in message
    assert message.startswith("walker.yaml:")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"indicators": {"rsi_7": {"type": "rsi", "period": 14.5}}}, "config_type"),
        ({"indicators": {"rsi_7": {"type": "zigzag"}}}, "config_range"),
        ({"fuzzy_sets": {"rsi_level": {"indicator": "rsi_7", "low": [50, 20, 0]}}}, "config_fuzzy"),
        ({"fuzzy_sets": {"rsi_level": {"indicator": "rsi_8", "low": [0, 20, 50]}}}, "config_reference"),
        ({"nn_inputs": [{"fuzzy_set": "trend"}, {"fuzzy_set": "trend"}]}, "config_duplicate_feature"),
        ({"nn_inputs": None}, "config_type"),
    ],
)
def test_bad_parts_of_a_strategy(ktrdr: Callable, change: dict[str, Any], code: str) -> None:
    file = worlds.strategy()
    for section, value in change.items():
        merged = isinstance(value, dict)
        file[section] = file[section] | value if merged else value
    write(file)
    refused(ktrdr("validate walker.yaml --json"), code)


def test_a_strategy_that_lacks_a_section_or_is_not_there(ktrdr: Callable) -> None:
    write({key: value for key, value in worlds.strategy().items() if key != "nn_inputs"})
    assert "nn_inputs" in refused(ktrdr("validate walker.yaml --json"), "config_missing")
    refused(ktrdr("validate nowhere.yaml --json"), "config_not_found")
    Path("latin.yaml").write_bytes(b"name: caf\xe9\n")
    refused(ktrdr("validate latin.yaml --json"), "config_document")


def break_bundle(bundle: Path, how: str) -> None:
    """Damages a bundle in one way."""
    import torch
    from safetensors.torch import load, save_file

    weights = bundle / "model.safetensors"
    metadata = bundle / "metadata_v3.json"
    facts = json.loads(metadata.read_text()) | {"format_version": 3}  # which vouches for no file
    facts["hashes"].pop("model.safetensors")
    del facts["sha256"]
    tensors = load(weights.read_bytes())  # mapping the file would crash when it is written again
    if how == "hash":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(bytes(data))
        return
    if how == "missing":
        weights.unlink()
        return
    metadata.write_text(json.dumps(facts))
    if how == "pickle":
        torch.save(tensors, weights)
        return
    if how == "nonfinite":
        tensors["0.weight"][0, 0] = float("nan")
    if how == "misshapen":
        tensors["0.weight"] = tensors["0.weight"][:, 1:].contiguous()
    if how == "lacking":
        del tensors["0.bias"]
    if how == "extra":
        tensors["9.bias"] = torch.zeros(1)
    save_file(tensors, weights)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("hash", "model_hash"),
        ("missing", "model_not_found"),
        ("pickle", "model_format"),
        ("nonfinite", "model_nonfinite"),
        ("misshapen", "model_shape"),
        ("lacking", "model_shape"),
        ("extra", "model_shape"),
    ],
)
def test_bundles_a_run_cannot_use(ktrdr: Callable, world: Path, how: str, code: str) -> None:
    break_bundle(world / "models" / "walker_mlp" / "1h_v1", how)
    refused(ktrdr(f"{RUN} --json"), code)


def test_the_only_bundle_is_damaged(ktrdr: Callable, world: Path) -> None:
    with (world / "models" / "walker_mlp" / "1h_v1" / "metadata_v3.json").open("a") as file:
        file.write(" ")
    assert "damaged: walker_mlp/1h_v1 (model_hash)" in refused(ktrdr(f"{RUN} --json"), "model_not_found")


def test_models_that_do_not_fit(ktrdr: Callable, world: Path) -> None:
    assert "walker_mlp/1h_v1" in refused(ktrdr(f"{RUN} --model walker_mlp/1h_v7 --json"), "model_not_found")
    refused(ktrdr(f"{RUN} --model ../../etc --json"), "model_not_found")
    write(worlds.strategy(model={"type": "mlp", "architecture": {"hidden_layers": [5]}}))
    assert "hidden_layers" in refused(ktrdr(f"{RUN} --json"), "model_feature_mismatch")


def test_strict_refuses_the_trainings_own_bars(ktrdr: Callable, world: Path) -> None:
    assert ktrdr(f"{TRAIN} --seed 1").code == 0
    said = ktrdr(f"{RUN} --json")
    assert said.code == 0
    assert any(line.startswith("in_sample_bars") for line in said.object["warnings"])
    refused(ktrdr(f"{RUN} --strict --json"), "model_in_sample")


@pytest.mark.parametrize(
    ("training", "code"),
    [
        ({"labels": {"source": "regime"}}, "label_not_supported"),
        ({"labels": {"source": "zigzag", "zigzag_threshold": 0.9}}, "labels_empty"),
        ({"learning_rate": 1e30, "optimizer": "sgd", "epochs": 3, "gradient_clip": 1e30}, "training_diverged"),
    ],
)
def test_trainings_that_cannot_be(ktrdr: Callable, world: Path, training: dict[str, Any], code: str) -> None:
    write(worlds.strategy(training=worlds.strategy()["training"] | training))
    refused(ktrdr(f"{TRAIN} --json"), code)
    assert [model["id"] for model in ktrdr("models --json").object["models"]] == ["walker_mlp/1h_v1"]


def test_a_fill_at_no_price(ktrdr: Callable, world: Path) -> None:
    spread = "execution.spread.half=5"
    refused(ktrdr(f"{RUN} --set {spread} --json"), "fill_price")


def test_places_that_cannot_be_written_are_found_before_the_run(ktrdr: Callable, world: Path) -> None:
    assert ktrdr("strategies copy v3_minimal").code == 0
    refused(ktrdr("strategies copy v3_minimal --json"), "output_not_writable", 2)
    write(worlds.strategy(name="other"))
    (world / "models" / "other").write_text("in the way")
    refused(ktrdr(f"{TRAIN} --json"), "output_not_writable", 2)
    Path("strategies").rename("elsewhere")
    Path("strategies").write_text("in the way")
    refused(ktrdr("strategies copy v3_minimal --json"), "output_not_writable", 2)


def test_devices_and_times_that_are_not_there(ktrdr: Callable, world: Path) -> None:
    refused(ktrdr(f"{TRAIN} --device warp --json"), "argument_invalid", 2)
    refused(ktrdr(f"{TRAIN} --seed -1 --json"), "argument_invalid", 2)


def test_stored_bars_that_go_bad_are_named_by_check(ktrdr: Callable, world: Path) -> None:
    assert ktrdr("data check --json").code == 0
    frame = pl.read_parquet(world / "EURUSD_1h.parquet")
    frame.with_columns(low=np.where(np.arange(len(frame)) == 7, np.nan, frame["low"])).write_parquet(
        world / "EURUSD_1h.parquet"
    )
    said = ktrdr("data check --json")
    assert said.code == 3
    assert said.object["series"][0]["violations"][0] == {
        "row": 7,
        "field": "low",
        "value": "nan",
        "rule": "data_nonfinite",
    }
    refused(ktrdr(f"{RUN.replace('01-20', '01-03')} --json"), "data_nonfinite")
