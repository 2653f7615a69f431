"""No feature of a bar uses what is known only after that bar has closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from property.feature_checks import CHECKS, WORLDS, World, cutting_the_future_off_changes_nothing


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param]()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Callable[[World], None], world: World) -> None:
    check(world)


def test_five_hundred_cuts_and_every_boundary(world: World) -> None:
    cutting_the_future_off_changes_nothing(world, cuts=500, every=1)
