"""Stored series: read lazily, described by a sidecar, whole or not there at all."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ktrdr.data.audit import PRICES
from ktrdr.data.bars import BarSeries
from ktrdr.data.check import check_series
from ktrdr.data.resample import Resampling, resample
from ktrdr.data.sample import sample_bars, write_sample
from ktrdr.data.store import files
from ktrdr.data.store.repository import BarSource, MemoryBars, Repository, check_symbol, data_root
from ktrdr.data.store.shelf import delete_series, list_series, resample_series
from ktrdr.errors import ArgumentInvalid, DataChanged, DataError, DataExists, DataNotFound, DataParse, OutputNotWritable
from ktrdr.time import Timeframe


@pytest.mark.parametrize(
    "symbol", ["", "a/b", "..", ".hidden", "a b", "_a", "-x", "é", "x" * 33, "a\x00", "a\n", "%2e%2e"]
)
def test_a_name_is_checked_before_it_touches_the_file_system(symbol: str, repository: Repository) -> None:
    with pytest.raises(ArgumentInvalid):
        check_symbol(symbol)
    for call in (repository.stamps, repository.load, repository.delete, repository.has):
        with pytest.raises(ArgumentInvalid):
            call(symbol, Timeframe.H1)
    with pytest.raises(ArgumentInvalid):
        delete_series(repository, symbol)
    with pytest.raises(ArgumentInvalid):
        repository.context(symbol + "/")


def test_a_symlink_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    inside = Repository(tmp_path / "inside")
    outside = Repository(tmp_path / "outside")
    for repository in (inside, outside):
        repository.root.mkdir()
        write_sample(repository)
    context = pl.DataFrame({"timestamp": [0], "value": [1.0]})
    context.write_parquet(outside.root / "CONTEXT-rate.parquet")
    for name in ("EURUSD_1h.parquet", "EURUSD_4h.json", "CONTEXT-rate.parquet"):
        (inside.root / name).unlink(missing_ok=True)
        (inside.root / name).symlink_to(outside.root / name)
    assert not inside.has("EURUSD", Timeframe.H1)
    assert ("EURUSD", Timeframe.H1) not in inside.names()
    assert inside.sidecar("EURUSD", Timeframe.H4) == {}
    with pytest.raises(DataNotFound):
        inside.load("EURUSD", Timeframe.H1)
    with pytest.raises(DataNotFound):
        inside.context("rate")
    (inside.root / "TWIN_1d.parquet").symlink_to(inside.root / "EURUSD_1d.parquet")
    assert inside.has("TWIN", Timeframe.D1)


def test_rows_are_those_of_the_series(repository: Repository, walk: Callable[..., BarSeries]) -> None:
    series = walk(500)
    repository.store(series)
    assert np.array_equal(repository.stamps("EURUSD", Timeframe.H1), series.timestamp)
    part = repository.rows("EURUSD", Timeframe.H1, 100, 130)
    assert part.content_hash() == series.rows(100, 130).content_hash()
    assert repository.rows("EURUSD", Timeframe.H1, 490, 10_000).content_hash() == series.rows(490, 500).content_hash()
    assert part.provenance == series.provenance


def test_a_slice_over_a_gap_keeps_its_timeframe(repository: Repository, walk: Callable[..., BarSeries]) -> None:
    frame = walk(200).to_frame()
    holed = frame.filter((pl.int_range(pl.len()) < 50) | (pl.int_range(pl.len()) >= 98))
    repository.store(BarSeries.from_frame(holed, "EURUSD", Timeframe.H1))
    assert len(repository.rows("EURUSD", Timeframe.H1, 49, 51)) == 2


def test_a_file_that_changes_is_read_again(repository: Repository, walk: Callable[..., BarSeries]) -> None:
    repository.store(walk(10))
    first = repository.stamps("EURUSD", Timeframe.H1)
    assert repository.stamps("EURUSD", Timeframe.H1) is first
    repository.store(walk(20))
    assert len(repository.stamps("EURUSD", Timeframe.H1)) == 20


def test_an_imported_series_is_read_once_for_a_run_and_again_after_a_change(
    repository: Repository, walk: Callable[..., BarSeries], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns that were compared with the hash of the import are those that the run gets."""
    read: list[Path] = []

    def scan(file: Path) -> pl.LazyFrame:
        read.append(file)
        return pl.read_parquet(file).lazy()

    repository.store(walk(100))
    monkeypatch.setattr(pl, "scan_parquet", scan)
    expected = walk(100).rows(20, 100).content_hash()
    repository.stamps("EURUSD", Timeframe.H1)
    once = len(read)
    assert repository.rows("EURUSD", Timeframe.H1, 20, 100).content_hash() == expected
    assert len(read) == once
    assert repository.rows("EURUSD", Timeframe.H1, 20, 100).content_hash() == expected
    assert len(read) > once
    repository.stamps("EURUSD", Timeframe.H1)
    repository.store(walk(100, seed=2))
    assert repository.rows("EURUSD", Timeframe.H1, 20, 100).content_hash() != expected


def test_stamps_in_other_units_are_the_same_instants(repository: Repository, walk: Callable[..., BarSeries]) -> None:
    series = walk(10)
    repository.root.mkdir()
    for unit in ("us", "ms"):
        frame = series.to_frame().with_columns(pl.col("timestamp").dt.cast_time_unit(unit))
        frame.write_parquet(repository.path("EURUSD", Timeframe.H1))
        assert repository.load("EURUSD", Timeframe.H1).content_hash() == series.content_hash()


def test_a_sidecar_says_where_bars_come_from(repository: Repository, walk: Callable[..., BarSeries]) -> None:
    file = repository.store(walk(10, synthetic=True), notes={"repaired_values": 3})
    facts = json.loads(file.with_suffix(".json").read_text())
    assert facts["synthetic"] is True
    assert facts["content_hash"] == walk(10).content_hash()
    assert facts["repaired_values"] == 3
    assert repository.provenance("EURUSD", Timeframe.H1).synthetic
    file.with_suffix(".json").write_text("{")
    with pytest.raises(DataError, match="not a JSON object") as caught:
        repository.provenance("EURUSD", Timeframe.H1)
    assert caught.value.code == "data_parse"


@pytest.mark.parametrize("limit_bytes", [50, 1_500])
def test_a_write_that_fails_leaves_what_was_there(
    limit_bytes: int, repository: Repository, walk: Callable[..., BarSeries]
) -> None:
    repository.store(walk(10))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))  # as a full disk would
    try:
        with pytest.raises(OutputNotWritable, match=r"EURUSD_1h.* cannot be written"):
            repository.store(walk(2_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert repository.load("EURUSD", Timeframe.H1).content_hash() == walk(10).content_hash()
    assert not [file for file in repository.root.iterdir() if file.name.startswith(".")]


def test_a_folder_that_cannot_be_made_is_named_before_anything_else(
    tmp_path: Path, walk: Callable[..., BarSeries]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritable, match="no data folder"):
        Repository(tmp_path / "file" / "data").store(walk(3))


def test_the_data_folder_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "here"))
    assert data_root() == Repository().root == tmp_path / "here"
    monkeypatch.delenv("KTRDR_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_root() == tmp_path / "ktrdr"


class TestContext:
    """An external series: one value, known from its timestamp on."""

    def put(self, repository: Repository, stamps: list[int], values: list[float]) -> None:
        repository.root.mkdir()
        moments = pl.Series(stamps).cast(pl.Datetime("ms", "UTC"))
        pl.DataFrame({"timestamp": moments, "value": values}).write_parquet(repository.root / "CONTEXT-us_10y.parquet")

    def test_it_is_read(self, repository: Repository) -> None:
        self.put(repository, [1_704_672_000_000, 1_704_758_400_000], [-0.5, 4])
        stamps, values = repository.context("us_10y")
        assert stamps.tolist() == [1_704_672_000_000_000_000, 1_704_758_400_000_000_000]
        assert values.tolist() == [-0.5, 4.0]
        assert repository.names() == []

    @pytest.mark.parametrize(
        ("stamps", "values", "code"),
        [([1_704_672_000_000] * 2, [1.0, 2.0], "data_parse"), ([1_704_672_000_000], [float("nan")], "data_nonfinite")],
    )
    def test_it_must_be_in_order_and_finite(
        self, repository: Repository, stamps: list[int], values: list[float], code: str
    ) -> None:
        self.put(repository, stamps, values)
        with pytest.raises(DataError, match=r"CONTEXT-us_10y.parquet") as caught:
            repository.context("us_10y")
        assert caught.value.code == code

    @pytest.mark.parametrize(
        ("column", "code"),
        [
            (pl.Series("timestamp", [date(2024, 1, 8)]), "data_no_timezone"),
            (pl.Series("timestamp", [1_704_672_000_000]), "data_time_unit"),
            (pl.Series("value", ["1"]), "data_parse"),
        ],
    )
    def test_columns_of_a_wrong_type_are_named_with_the_file(
        self, repository: Repository, column: pl.Series, code: str
    ) -> None:
        self.put(repository, [1_704_672_000_000], [1.0])
        file = repository.root / "CONTEXT-us_10y.parquet"
        pl.read_parquet(file).with_columns(column).write_parquet(file)
        with pytest.raises(DataError, match=r"CONTEXT-us_10y.parquet") as caught:
            repository.context("us_10y")
        assert caught.value.code == code


class TestMemoryBars:
    """Frames in place of stored series."""

    def test_they_are_a_source_of_bars(self, walk: Callable[..., BarSeries]) -> None:
        hours = walk(48)
        days = walk(5, Timeframe.D1)
        source: BarSource = MemoryBars.of({"1h": hours.to_frame(), "1d": days}, "EURUSD")
        assert np.array_equal(source.stamps("EURUSD", Timeframe.H1), hours.timestamp)
        assert source.rows("EURUSD", Timeframe.D1, 1, 3).content_hash() == days.rows(1, 3).content_hash()
        with pytest.raises(DataNotFound):
            source.stamps("GBPUSD", Timeframe.H1)
        with pytest.raises(DataNotFound):
            source.context("us10y")

    def test_a_name_that_is_not_the_bars_is_refused(self, walk: Callable[..., BarSeries]) -> None:
        with pytest.raises(ArgumentInvalid, match="another timeframe"):
            MemoryBars.of({"4h": walk(5)}, "EURUSD")


class TestResampling:
    """Groups stand on the UTC grid, and a bar that has not ended is not made."""

    def test_by_hand(self, walk: Callable[..., BarSeries]) -> None:
        base = walk(11)  # eight hours are two whole bars; the last three begin a third
        made = resample(base, Timeframe.H4)
        assert len(made) == 2
        assert made.open.tolist() == [base.open[0], base.open[4]]
        assert made.high.tolist() == [base.high[:4].max(), base.high[4:8].max()]
        assert made.low.tolist() == [base.low[:4].min(), base.low[4:8].min()]
        assert made.close.tolist() == [base.close[3], base.close[7]]
        assert made.volume is not None
        assert made.volume.tolist() == [1 + 2 + 3 + 4, 5 + 6 + 7 + 8]
        assert made.provenance.resampled_from is Timeframe.H1

    @pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.D1, Timeframe.W1])
    def test_the_grid_is_utcs(self, timeframe: Timeframe, walk: Callable[..., BarSeries]) -> None:
        base = walk(24 * 30, start_ns=1_704_672_000_000_000_000 - 5 * Timeframe.H1.ns)
        made = resample(base, timeframe)
        anchor = 4 * Timeframe.D1.ns if timeframe is Timeframe.W1 else 0  # 1970-01-05 was a Monday
        assert ((made.timestamp - anchor) % timeframe.ns == 0).all()
        assert made.close_ns[-1] <= base.close_ns[-1] < made.close_ns[-1] + timeframe.ns
        assert np.array_equal(made.close[:-1], base.close[np.searchsorted(base.close_ns, made.close_ns[:-1])])

    def test_in_two_steps_it_is_the_same(self, walk: Callable[..., BarSeries]) -> None:
        base = walk(24 * 21)
        once = resample(base, Timeframe.D1)
        assert resample(resample(base, Timeframe.H4), Timeframe.D1).content_hash() == once.content_hash()

    def test_columns_as_of_the_close_are_the_last_ones(self, walk: Callable[..., BarSeries]) -> None:
        frame = (
            walk(8).to_frame().with_columns(half_spread=pl.int_range(8) / 8, conversion_rate=pl.int_range(1, 9) * 1.0)
        )
        made = resample(BarSeries.from_frame(frame, "EURUSD", Timeframe.H1), Timeframe.H4)
        assert made.half_spread is not None
        assert made.half_spread.tolist() == [3 / 8, 7 / 8]
        assert made.conversion_rate is not None
        assert made.conversion_rate.tolist() == [4.0, 8.0]

    def test_only_longer_bars_can_be_made(self, walk: Callable[..., BarSeries]) -> None:
        with pytest.raises(ArgumentInvalid, match="longer"):
            resample(walk(10), Timeframe.H1)
        with pytest.raises(DataError, match="no whole bar") as caught:
            resample(walk(3), Timeframe.H4)
        assert caught.value.code == "data_empty"

    def test_a_source_makes_what_is_missing_from_the_whole_series(self, walk: Callable[..., BarSeries]) -> None:
        hours = walk(24 * 10)
        minutes = walk(4 * 24 * 10, Timeframe.M15, seed=2)
        source = Resampling(MemoryBars.of({"1h": hours, "15m": minutes}, "EURUSD"))
        days = resample(minutes, Timeframe.D1)
        assert np.array_equal(source.stamps("EURUSD", Timeframe.D1), days.timestamp)
        assert source.rows("EURUSD", Timeframe.D1, 3, 6).content_hash() == days.rows(3, 6).content_hash()
        assert source.rows("EURUSD", Timeframe.H1, 0, 5).provenance.resampled_from is None
        with pytest.raises(DataNotFound, match="EURUSD 5m"):
            source.stamps("EURUSD", Timeframe.M5)
        with pytest.raises(DataNotFound):
            source.context("us10y")

    def test_stored_under_its_name(self, repository: Repository, walk: Callable[..., BarSeries]) -> None:
        repository.store(walk(100))
        made = resample_series(repository, "EURUSD", "4h")
        assert repository.provenance("EURUSD", Timeframe.H4).resampled_from is Timeframe.H1
        assert repository.load("EURUSD", Timeframe.H4).content_hash() == made.content_hash()
        with pytest.raises(DataExists, match="--replace"):
            resample_series(repository, "EURUSD", "4h")
        resample_series(repository, "EURUSD", "4h", replace=True)
        assert resample_series(repository, "EURUSD", "1d", source="4h").provenance.resampled_from is Timeframe.H4
        with pytest.raises(ArgumentInvalid):
            resample_series(repository, "EURUSD", "1h", source="4h")
        with pytest.raises(DataNotFound):
            resample_series(repository, "GBPUSD", "4h")


class TestShelf:
    """Lists of stored series, and their deletion."""

    def test_the_list(self, repository: Repository, walk: Callable[..., BarSeries]) -> None:
        assert list_series(repository) == []
        repository.store(walk(24, synthetic=True))
        repository.store(walk(3, Timeframe.D1))
        (repository.root / "CONTEXT-x_1h.parquet").write_bytes(b"")
        (repository.root / "notes_7h.parquet").write_bytes(b"")
        lines = [line.to_dict() for line in list_series(repository)]
        assert [(line["timeframe"], line["rows"], line["synthetic"]) for line in lines] == [
            ("1h", 24, True),
            ("1d", 3, False),
        ]
        assert lines[0]["first"] == "2024-01-08T00:00:00Z"
        assert lines[0]["last"] == "2024-01-08T23:00:00Z"

    def test_delete(self, repository: Repository, walk: Callable[..., BarSeries]) -> None:
        for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1):
            repository.store(walk(10, timeframe))
        assert delete_series(repository, "EURUSD", "4h") == [("EURUSD", Timeframe.H4)]
        assert len(delete_series(repository, "EURUSD")) == 2
        assert list(repository.root.iterdir()) == []
        with pytest.raises(DataNotFound):
            delete_series(repository, "EURUSD")


class TestCheck:
    """The audit of a stored series finds all there is, in one report."""

    def test_a_sound_series(self, repository: Repository, walk: Callable[..., BarSeries]) -> None:
        repository.store(walk(50))
        report = check_series(repository, "EURUSD", "1h")
        assert (report.rows, report.gaps, list(report.violations), report.problems, report.warnings) == (
            50,
            0,
            [],
            (),
            (),
        )
        assert json.loads(json.dumps(report.to_dict()))["volume"] is True

    def test_gaps_and_jumps_are_counted(self, repository: Repository, walk: Callable[..., BarSeries]) -> None:
        frame = walk(50).to_frame()
        late = pl.int_range(pl.len()) >= 30
        quarter = (pl.when(late).then(pl.col(name) / 4).otherwise(name).alias(name) for name in PRICES)
        split = frame.with_columns(quarter)
        split = split.filter(~pl.int_range(pl.len()).is_between(10, 12))
        repository.store(BarSeries.from_frame(split, "EURUSD", Timeframe.H1))
        report = check_series(repository, "EURUSD", "1h")
        assert (report.gaps, report.longest_gap_hours) == (1, 4.0)
        assert [(jump.row, round(jump.rate, 2)) for jump in report.jumps] == [(27, -0.75)]
        assert report.problems == ()

    def test_every_broken_rule_is_listed(self, repository: Repository, walk: Callable[..., BarSeries]) -> None:
        frame = walk(10).to_frame()
        row = pl.int_range(pl.len())
        broken = frame.with_columns(
            pl.when(row == 3).then(float("nan")).otherwise("open").alias("open"),
            pl.when(row == 6).then(9.0).otherwise("low").alias("low"),
            pl.when(row == 8).then(pl.col("timestamp").shift(1)).otherwise("timestamp").alias("timestamp"),
        )
        repository.root.mkdir()
        broken.write_parquet(repository.path("EURUSD", Timeframe.H1))
        report = check_series(repository, "EURUSD", "1h")
        assert [(one.row, one.field, one.rule) for one in report.violations] == [
            (3, "open", "data_nonfinite"), (6, "high", "data_ohlc_order"), (6, "low", "data_ohlc_order"),
            (8, "timestamp", "data_duplicate"),
        ]  # fmt: skip
        assert [problem.code for problem in report.problems] == ["data_duplicate"]
        assert "no sidecar" in report.warnings[0]

    def test_a_file_changed_after_its_import_is_seen(
        self, repository: Repository, walk: Callable[..., BarSeries]
    ) -> None:
        file = repository.store(walk(10))
        walk(10, seed=2).to_frame().write_parquet(file)
        assert [problem.code for problem in check_series(repository, "EURUSD", "1h").problems] == ["data_changed"]
        with pytest.raises(DataChanged, match="import the series again"):
            Repository(repository.root).rows("EURUSD", Timeframe.H1, 0, 5)
        file.with_suffix(".json").unlink()  # nobody has said what the bars should be
        assert len(repository.load("EURUSD", Timeframe.H1)) == 10


def test_a_file_of_a_hundred_million_rows_is_refused_before_it_is_read(repository: Repository) -> None:
    """Equal rows take no room in Parquet; in memory they would take all of it."""
    repository.root.mkdir(exist_ok=True)
    file = repository.path("EURUSD", Timeframe.M1)
    piece = pl.DataFrame({"timestamp": pl.repeat(0, 1_000, dtype=pl.Int64, eager=True)})
    piece.write_parquet(file)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(DataParse, match="too many rows: found 1,000"):
        patch.setattr(files, "MAX_ROWS", 999)
        repository.stamps("EURUSD", Timeframe.M1)


class TestSample:
    """Made-up bars that look like a market."""

    def test_they_are_the_same_on_every_call(self) -> None:
        assert sample_bars().content_hash() == sample_bars().content_hash()

    def test_they_look_like_a_market(self, repository: Repository) -> None:
        series = write_sample(repository)
        assert [one.timeframe.value for one in series] == ["5m", "1h", "4h", "1d"]
        assert all(repository.provenance("EURUSD", one.timeframe).synthetic for one in series)
        base = series[0]
        assert np.array_equal(base.close, np.round(base.close, 5))
        assert 0.9 < base.low.min() < base.high.max() < 1.3
        assert base.has_volume
        hour_of_week = (base.timestamp // Timeframe.H1.ns + 72) % 168  # Monday 00:00 is 0
        assert not (((hour_of_week >= 118) & (hour_of_week < 166)).any())
        moves = np.abs(np.diff(np.log(base.close)))
        hours = base.timestamp[1:] // Timeframe.H1.ns % 24
        assert moves[(hours > 12) & (hours < 17)].mean() > 1.5 * moves[hours < 4].mean()
        days = np.log(series[3].high / series[3].low)
        assert np.corrcoef(days[:-1], days[1:])[0, 1] > 0.2
        sundays = series[3].timestamp // Timeframe.D1.ns % 7 == 3
        assert sundays.sum() == 157
        assert check_series(repository, "EURUSD", "1h").problems == ()

    def test_the_sample_may_be_written_again(self, repository: Repository) -> None:
        first = write_sample(repository)[0].content_hash()
        assert write_sample(repository)[0].content_hash() == first
