"""The stated bound of a key, in worlds where the truth is known; and where it cannot hold."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("scipy.stats")
BENCH = Path(__file__).parents[2] / "bench"
TIMES = 120


@pytest.fixture(autouse=True)
def _bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"area": 0.1},
        {"accuracy": 0.85, "shared": 0.85, "audit": 100},
        {"sizes": ((2, 300),), "accuracy": 0.9, "shared": 0.75, "audit": 200, "peek": 0.02},
        {"accuracy": 0.85, "shared": 0.85, "misread": 0.9, "assumed": 0.06},
    ],
    ids=["dossier", "errors in one area", "shared errors", "stopped early", "people misread too"],
)
def test_the_stated_bound_holds_in_95_percent_of_worlds(changed: dict[str, object]) -> None:
    from keysim import World, worlds

    from harness.stats.intervals import clopper_pearson

    made = list(worlds(World("", **changed), TIMES, seed=7))  # type: ignore[arg-type]
    held = sum(one.error <= one.bound for one in made)
    assert clopper_pearson(held, TIMES).high >= 0.95
    assert held / TIMES >= 0.95


def test_the_dossiers_figures_come_out() -> None:
    from keysim import World, worlds

    made = list(worlds(World("", audit=300), 60, seed=1))
    assert sum(one.majority for one in made) / 60 == pytest.approx(0.049, abs=0.004)
    assert sum(one.reviewed for one in made) / 60 == pytest.approx(320, abs=15)
    assert sum(one.bound for one in made) / 60 == pytest.approx(0.0175, abs=0.002)


def test_no_count_sees_what_people_and_voters_misread_alike() -> None:
    from keysim import World, worlds

    for changed in ({"accuracy": 0.85, "shared": 0.85, "misread": 0.9}, {"hard": 0.1, "people": 0.05, "audit": 1190}):
        made = list(worlds(World("", **changed), 40))  # type: ignore[arg-type]
        assert sum(one.error <= one.bound for one in made) / 40 < 0.5


def test_the_bounds_of_two_strata_may_be_added_up() -> None:
    from keyexact import least_of_pairs

    least, pairs = least_of_pairs()
    assert pairs > 1000
    assert least >= 0.95


def test_whoever_stops_when_it_looks_well_claims_falsely_unless_the_bound_allows_for_it() -> None:
    from keyexact import false_claims

    from harness.stats.keys import most_errors, most_errors_anytime

    assert false_claims(most_errors, 300, 0.02, range(8, 11)) > 0.06
    assert false_claims(most_errors_anytime, 300, 0.02, range(7, 12)) <= 0.05
