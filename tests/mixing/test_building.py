"""Rows and reasons of a mix, from pools made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from harness.errors import Refused
from harness.mixing.building import Built, Stock, build
from harness.mixing.plan import Plan, Replay, WeakArea
from harness.mixing.pools import Pool, Taught
from harness.mixing.reasons import measured
from harness.schema import Message, State
from tests.mixing.made import finding


def pool(name: str, size: int) -> Pool:
    turns = (Message(role="user", content=name), Message(role="assistant", content="!"))
    return Pool(name, [Taught(turns, name, str(n)) for n in range(size)], size)


def stock(**sizes: int) -> Stock:
    return Stock({name: pool(name, size) for name, size in sizes.items()}, {name: {name: 1.0} for name in sizes})


def area(name: str, value: float, *sources: str, state: State = "weak", n: int = 48) -> WeakArea:
    return WeakArea(name, state, (finding(name, value, 0.6, n=n, state=state),), sources)


def made(weak: list[WeakArea], replay: Mapping[str, tuple[float, tuple[tuple[str, ...], ...]]] = {}) -> Plan:
    parts = tuple(Replay(name, share, sources, "as asked") for name, (share, sources) in replay.items())
    return Plan("knowledge", tuple(weak), parts, ("first note",))


FOUR = [area("b/A", 0.1, "a"), area("b/B", 0.3, "b"), area("b/C", 0.4, "c"), area("b/D", 0.4, "d")]
ENGLISH = {"en": (0.25, (("e",),))}


def rows_of(built: Built) -> dict[str, int]:
    return {share.area: share.rows for share in built.shares}


def test_shares_by_shortfall_with_the_replay_that_was_asked_for() -> None:
    built = build(made(FOUR, ENGLISH), stock(a=900, b=900, c=900, d=900, e=900), rows=1000, seed=1)
    # Shortfalls 0.5 0.3 0.2 0.2 of 1.2; 0.9 of it in proportion, 0.1 evenly; of 750 rows
    assert rows_of(built) == {"b/A": 300, "b/B": 188, "b/C": 131, "b/D": 131, "en": 250}
    assert Counter(row.area for row in built.rows) == rows_of(built)
    assert {share.area: share.kind for share in built.shares} == {
        **dict.fromkeys(["b/A", "b/B", "b/C", "b/D"], "weak"),
        "en": "replay",
    }
    assert sum(share.share for share in built.shares) == pytest.approx(1)
    assert built.notes == ("first note",)


def test_every_share_says_why() -> None:
    worse = [area("b/A", 0.0, "a"), *FOUR[1:]]
    built = build(made(worse, ENGLISH), stock(a=900, b=20, c=900, d=900, e=900), rows=1000, seed=1)
    reasons = {share.area: share.reason for share in built.shares}
    assert reasons["b/A"] == "weak: acc 0.0 of 60.0 (−60.0); 46% of the shortfalls; capped at 40% of the weak part"
    assert reasons["b/B"] == "weak: acc 30.0 of 60.0 (−30.0); 23% of the shortfalls; its sources hold 107 rows too few"
    assert reasons["b/C"].startswith("weak: acc 40.0 of 60.0 (−20.0); 15% of the shortfalls; ")
    assert reasons["b/C"].endswith(" rows more, which others' sources do not hold")
    assert reasons["en"] == "keeps en: 25% of the rows, as asked"


def test_a_share_says_how_many_different_rows_there_are_and_how_often_each_occurs() -> None:
    built = build(made(FOUR[:1], ENGLISH), stock(a=250, e=900), rows=1000, seed=1)
    first = built.shares[0]
    assert (first.rows, first.available, first.repeats) == (750, 250, 3.0)
    assert set(Counter(row.source_id for row in built.rows if row.area == "b/A").values()) == {3}
    assert built.notes == ("first note", "one weak area: a limit of 40% an area cannot hold, so there is none")


def test_no_row_occurs_more_than_four_times_and_what_is_missing_goes_to_the_others() -> None:
    built = build(made(FOUR), stock(a=10, b=900, c=900, d=900), rows=1000, seed=1)
    assert rows_of(built)["b/A"] == 40
    assert sum(rows_of(built).values()) == 1000
    assert max(Counter((row.source, row.source_id) for row in built.rows).values()) == 4
    assert max(rows_of(built).values()) <= 401


def test_when_all_are_used_up_the_mix_is_smaller_and_the_replay_keeps_its_share() -> None:
    built = build(made(FOUR, ENGLISH), stock(a=10, b=20, c=15, d=30, e=900), rows=1000, seed=1)
    assert rows_of(built) == {"b/A": 40, "b/B": 80, "b/C": 60, "b/D": 120, "en": 100}
    assert built.shares[-1].share == pytest.approx(0.25)
    assert built.notes[-1].startswith("400 rows instead of 1,000: the sources of the weak areas give 300 of 750 rows")


def test_two_areas_have_no_limit_and_the_mix_says_so() -> None:
    built = build(made([area("b/A", 0.0, "a"), area("b/B", 0.5, "b")]), stock(a=900, b=900), rows=100, seed=1)
    assert rows_of(built) == {"b/A": 82, "b/B": 18}
    assert "2 weak areas: a limit of 40% an area cannot hold, so there is none" in built.notes


def test_a_replay_that_runs_out_is_said_and_leaves_the_weak_part_as_it_is() -> None:
    built = build(made(FOUR, ENGLISH), stock(a=900, b=900, c=900, d=900, e=5), rows=1000, seed=1)
    assert rows_of(built)["en"] == 20
    assert sum(rows_of(built).values()) == 770
    assert "replay of en is 2.6% of the rows, not 25.0%: the sources of the replay are used up" in built.notes


def test_a_replayed_benchmark_is_spread_evenly_over_its_dimensions() -> None:
    built = build(made(FOUR[:1], {"b2": (0.4, (("c",), ("d",)))}), stock(a=900, c=900, d=900), rows=100, seed=1)
    assert Counter(row.source for row in built.rows if row.area == "b2") == {"c": 20, "d": 20}
    assert built.shares[1].reason == "keeps b2: 40% of the rows, as asked, evenly over 2 dimensions"


def test_a_source_of_two_parts_is_cut_between_them_and_every_row_of_it_used_alike() -> None:
    shared = [area("b/A", 0.2, "a"), area("b/B", 0.2, "a"), area("b/C", 0.2, "c")]
    built = build(made(shared, {"en": (0.25, (("a",),))}), stock(a=300, c=900), rows=400, seed=1)
    used = Counter(row.source_id for row in built.rows if row.source == "a")
    assert sum(used.values()) == 300
    assert max(used.values()) == 1
    assert rows_of(built) == {"b/A": 100, "b/B": 100, "b/C": 100, "en": 100}


def test_an_area_with_two_sources_takes_from_both_alike() -> None:
    built = build(made([area("b/A", 0.2, "a", "c")]), stock(a=900, c=900), rows=100, seed=1)
    assert Counter(row.source for row in built.rows) == {"a": 50, "c": 50}
    assert built.shares[0].sources == ("a", "c")
    assert built.shares[0].available == 1800


def test_intervals_hold_the_shares_where_there_are_items_enough() -> None:
    built = build(made(FOUR, ENGLISH), stock(a=900, b=900, c=900, d=900, e=900), rows=1000, seed=1)
    for share in built.shares[1:4]:
        assert share.low is not None
        assert share.high is not None
        assert 0 < share.low < share.share < share.high < 0.75 * 0.41
    assert (built.shares[-1].low, built.shares[-1].high) == (None, None)
    few = build(made([*FOUR[:3], area("b/D", 0.4, "d", n=9)]), stock(a=900, b=900, c=900, d=900), rows=1000, seed=1)
    assert {share.low for share in few.shares} == {None}


def test_the_same_seed_gives_the_same_rows_and_another_one_another_order() -> None:
    sizes = {"a": 900, "b": 900, "c": 900, "d": 900, "e": 900}
    one, two = (build(made(FOUR, ENGLISH), stock(**sizes), rows=200, seed=7) for _ in range(2))
    assert one == two
    other = build(made(FOUR, ENGLISH), stock(**sizes), rows=200, seed=8)
    assert rows_of(other) == rows_of(one)
    assert [row.area for row in other.rows] != [row.area for row in one.rows]
    assert [row.area for row in one.rows] != sorted(row.area for row in one.rows)


def test_a_ceiling_and_the_score_of_guessing_are_named() -> None:
    assert measured(finding("b/A", 0.39, 0.3, metric="hr", ceiling=True)) == "hr 39.0, at most 30.0 (+9.0)"
    assert measured(finding("b/A", 0.6, 0.75, chance=0.5)) == "acc 60.0 of 75.0 (−15.0; guessing 50.0)"


def test_undecided_areas_say_so() -> None:
    built = build(made([area("b/A", 0.5, "a", state="undecided")]), stock(a=90), rows=10, seed=1)
    assert built.shares[0].reason == "undecided: acc 50.0 of 60.0 (−10.0); 100% of the shortfalls"


def test_sources_that_hold_nothing_are_a_no() -> None:
    with pytest.raises(Refused, match="the sources of b/A hold no row that may be learnt from"):
        build(made([area("b/A", 0.1, "a")]), stock(a=0), rows=10, seed=1)
