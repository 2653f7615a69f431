"""Stored chunks of a sweep: one hash for equal values, and column types that a resumed sweep keeps."""

from __future__ import annotations

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.analysis.sweep.chunks import BLOCK_SHAPE, Chunk
from ktrdr.analysis.sweep.saved import continued, decoded, encoded, hash_of

NAME = "execution.exits.max_holding_bars"


def chunk(first: int, bars: pl.Series) -> Chunk:
    numbers = pl.Series("scenario", range(first, first + len(bars)), pl.Int64)
    metrics = [pl.Series(name, [0.5] * len(bars)) for name in sorted(_core.METRICS)]
    table = pl.DataFrame([numbers, bars.alias(NAME), *metrics, pl.Series("error", [None] * len(bars), pl.String)])
    return Chunk(first, table, np.zeros((len(bars), *BLOCK_SHAPE)))


def test_whole_numbers_are_read_back_as_they_were_stored() -> None:
    found = decoded(3, encoded(chunk(3, pl.Series([1, None]))))
    assert found.table.schema[NAME] == pl.Int64
    assert found.table[NAME].to_list() == [1, None]


def test_whole_numbers_have_the_hash_of_equal_floats() -> None:
    """Hashes of results from before columns of whole numbers stay comparable."""
    whole = hash_of([chunk(0, pl.Series([1, None])), chunk(2, pl.Series([5]))])
    assert whole == hash_of([chunk(0, pl.Series([1.0, None])), chunk(2, pl.Series([5.0]))])
    assert whole != hash_of([chunk(0, pl.Series([1, None])), chunk(2, pl.Series([6]))])


def test_a_sweep_keeps_the_column_types_that_it_was_begun_with() -> None:
    before = [chunk(0, pl.Series([1.0, 2.0]))]
    assert continued(chunk(2, pl.Series([5])), before).table.schema[NAME] == pl.Float64
    assert continued(chunk(2, pl.Series([5])), []).table.schema[NAME] == pl.Int64
