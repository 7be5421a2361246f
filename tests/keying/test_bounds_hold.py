"""The stated bound of a key, in worlds where the truth is known; and where it cannot hold."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("scipy.stats")
BENCH = Path(__file__).parents[2] / "bench"
TIMES = 300


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
        {"misread": 0.3, "assumed": 0.01},
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

    made = list(worlds(World("", accuracy=0.85, shared=0.85, misread=0.9), 60))
    assert sum(one.error <= one.bound for one in made) / 60 < 0.5
