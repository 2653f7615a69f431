"""The catalogue's history of an indicator is the one that its columns show."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ktrdr.feature_pipeline.indicators.compute import FORMULAS, compute
from ktrdr.strategy.catalog.indicator import Indicator
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.catalog.parameter import Parameter
from ktrdr.time import Timeframe
from support.inputs import markets

BARS = markets.walk(5, 420, weekends=True, outages=20)
PER_DAY = 24


def values(parameter: Parameter) -> st.SearchStrategy[Any]:
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if parameter.kind == "int":
        return st.integers(int(parameter.low), 60)
    return st.floats(0.05, min(parameter.high, 3.0))


def params_of(indicator: Indicator) -> st.SearchStrategy[dict[str, Any]]:
    drawn = st.fixed_dictionaries({known.name: values(known) for known in indicator.parameters})
    return drawn.filter(lambda params: indicator.check(params) is None)


def test_every_indicator_of_the_catalogue_has_formulas_for_its_outputs() -> None:
    for type_, indicator in INDICATORS.items():
        given_names = {name for group in FORMULAS[type_] for name in group}
        assert given_names == {output.name for output in indicator.outputs}, type_


@pytest.mark.parametrize("family", ["momentum", "trend", "volatility", "volume"])
def test_a_family_has_its_formulas_in_the_file_of_its_name(family: str) -> None:
    declared = import_module(f"ktrdr.strategy.catalog.{family}").FAMILY
    formulas = import_module(f"ktrdr.feature_pipeline.indicators.{family}").FAMILY
    assert {indicator.type for indicator in declared} == set(formulas)


@pytest.mark.parametrize("type_", INDICATORS)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_lookback_is_the_first_defined_row_and_nothing_after_it_is_undefined(type_: str, data: st.DataObject) -> None:
    indicator = INDICATORS[type_]
    params = data.draw(params_of(indicator))
    found = compute(type_, params, BARS)
    for output in indicator.outputs:
        lookback = output.lookback(params, PER_DAY)
        assert lookback < len(BARS)
        column = found[output.name]
        assert np.isnan(column[:lookback]).all()
        assert np.isfinite(column[lookback:]).all()
        assert column.dtype == np.float64
        assert output.settle(params) >= 0
        assert (output.settle(params) == 0) or indicator.kind in ("recursive", "path_dependent")


@pytest.mark.parametrize("type_", INDICATORS)
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data(), rows=st.integers(0, 30))
def test_a_series_shorter_than_the_lookback_is_undefined_throughout(type_: str, data: st.DataObject, rows: int) -> None:
    indicator = INDICATORS[type_]
    params = data.draw(params_of(indicator))
    shortest = min(output.lookback(params, PER_DAY) for output in indicator.outputs)
    assume(rows <= shortest)
    for column in compute(type_, params, BARS.rows(0, rows)).values():
        assert column.shape == (rows,)
        assert np.isnan(column).all()


def test_periods_up_to_ten_thousand_are_taken() -> None:
    bars = markets.walk(6, 10_050)
    for type_ in ("sma", "ema", "wma", "roc", "atr", "rsi", "cci", "aroon", "donchianchannels", "mfi", "vwap"):
        column = next(iter(compute(type_, {"period": 10_000}, bars).values()))
        assert np.isfinite(column[10_000:]).all(), type_


@pytest.mark.parametrize(("timeframe", "undefined"), [(Timeframe.H4, 5), (Timeframe.D1, 0)])
def test_the_vwap_of_a_day_waits_for_a_whole_day_of_bars(timeframe: Timeframe, undefined: int) -> None:
    column = compute("vwap", {"period": 0}, markets.walk(7, 40, timeframe))[""]
    assert np.isnan(column[:undefined]).all()
    assert np.isfinite(column[undefined:]).all()
