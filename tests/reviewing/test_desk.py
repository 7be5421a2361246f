"""The queue: who is offered what, what is hidden from whom, and how it is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.reviewing.claims import LASTS
from harness.reviewing.desk import Desk
from harness.reviewing.store import Review
from tests.reviewing.made import question, review, row, said, turns


def through(desk: Desk, who: str, tab: str, action: str = "accept") -> list[str]:
    """Decide all that is offered."""
    seen = []
    while (item := desk.next(who, tab, seen[-1] if seen else None)) is not None:
        desk.decide(said(desk.review, item.id, action, who))  # type: ignore[arg-type]
        seen.append(item.id)
    return seen


def test_the_queue_goes_from_the_most_doubtful_to_the_least(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [row(number) for number in (3, 1, 2)]))
    assert through(desk, "ann", "t") == ["src/1", "src/2", "src/3"]


def test_what_was_skipped_comes_again(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [row(1), row(2)]))
    first = desk.next("ann", "t")
    assert first is not None
    second = desk.next("ann", "t", first.id)
    assert second is not None
    desk.decide(said(desk.review, second.id))
    again = desk.next("ann", "t", second.id)
    assert again is not None
    assert again.id == first.id


@pytest.mark.parametrize("servers", [1, 2])
def test_two_people_at_once_share_what_one_has_to_decide(tmp_path: Path, servers: int) -> None:
    made = review(tmp_path, [row(number) for number in range(6)])
    desks = [Desk(made)] if servers == 1 else [Desk(made), Desk(Review(tmp_path))]
    ann, bo = desks[0], desks[-1]
    seen: list[str] = []
    for _ in range(3):
        mine, theirs = ann.next("ann", "t1"), bo.next("bo", "t2")
        assert mine is not None
        assert theirs is not None
        ann.decide(said(made, mine.id, who="ann"))
        bo.decide(said(made, theirs.id, who="bo"))
        seen += [mine.id, theirs.id]
    assert sorted(seen) == sorted(made.items)
    assert ann.next("ann", "t1") is None


def test_a_claim_ends_by_itself_and_a_pulse_renews_it(tmp_path: Path) -> None:
    now = [1000.0]
    desk = Desk(review(tmp_path, [row(1)]), now=lambda: now[0])
    assert desk.next("ann", "t1") is not None
    assert desk.next("bo", "t2") is None
    now[0] += LASTS - 1
    desk.held("src/1", "ann", "t1")
    now[0] += LASTS - 1
    assert desk.next("bo", "t2") is None
    now[0] += 2
    found = desk.next("bo", "t2")
    assert found is not None
    assert found.id == "src/1"


def test_two_tabs_of_one_person_are_shown_two_items(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [row(1), row(2)], people=2))
    one, other = desk.next("ann", "t1"), desk.next("ann", "t2")
    assert one is not None
    assert other is not None
    assert one.id != other.id


def test_a_tab_that_is_gone_keeps_nothing_from_its_person(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [row(1)]))
    assert desk.next("ann", "t1") is not None
    assert desk.next("ann", "t2") is not None
    assert desk.next("bo", "t3") is None
    desk.held(None, "ann", "t1")
    desk.held(None, "ann", "t2")
    assert desk.next("bo", "t3") is not None


def test_with_two_people_each_decides_what_is_drawn_for_both_and_a_share_of_the_rest(tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(90)], people=2, overlap=0.3)
    both = [name for name, item in made.items.items() if made.wanted(item) == 2]
    assert 10 < len(both) < 45
    desk = Desk(made)
    mine = through(desk, "ann", "t1")
    assert len(mine) == 90
    theirs = through(desk, "bo", "t2")
    assert theirs == both
    assert {one.state for one in made.outcomes().values()} == {"agreed"}


def test_nobody_sees_another_persons_decision(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)], people=2)
    made.append(said(made, "src/1", "edit", "bo", messages=turns("问", "SECRET-EDIT"), note="SECRET-NOTE"))
    shown = Desk(made).next("ann", "t")
    assert shown is not None
    assert "SECRET" not in shown.model_dump_json()
    assert '"bo"' not in shown.model_dump_json()
    assert "SECRET" not in Desk(made).listing("ann", "all").model_dump_json()


def test_what_must_not_be_known_of_a_label_is_not_shown(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [question(1)]))
    shown = desk.next("ann", "t")
    assert shown is not None
    assert "SECRET" not in shown.model_dump_json()
    assert shown.doubt is None
    assert desk.progress("ann").bands == ()
    assert desk.listing("ann").items[0].doubt is None


def test_an_adjudicator_sees_only_what_is_split_and_no_names(tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(8)], people=2)
    for name in made.items:
        made.append(said(made, name, "accept", "ann"))
    for name in list(made.items)[:6]:
        made.append(said(made, name, "reject", "bo"))
    made.append(said(made, "src/6", "accept", "bo"))
    desk = Desk(made, adjudicate=True)
    assert desk.listing("cy").total == 6
    orders = set()
    for item in desk.listing("cy").items:
        shown = desk.show(item.id, "cy", "t")
        assert [voice.name for voice in shown.voices] == ["A", "B"]
        assert "ann" not in shown.model_dump_json()
        orders.add(tuple(voice.action for voice in shown.voices))
    assert orders == {("accept", "reject"), ("reject", "accept")}, "A is not the same person in every item"
    assert through(desk, "cy", "t") == [f"src/{number}" for number in range(6)]
    states = [one.state for one in made.outcomes().values()]
    assert (states.count("adjudicated"), states.count("agreed"), states.count("open")) == (6, 1, 1)


def test_a_later_decision_in_another_tab_is_told(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [row(1)]))
    first, second = desk.show("src/1", "ann", "t1"), desk.show("src/1", "ann", "t2")
    assert desk.decide(said(desk.review, "src/1", "reject"), second.written).replaced is None
    saved = desk.decide(said(desk.review, "src/1", "accept"), first.written)
    assert saved.replaced is not None
    assert saved.replaced.action == "reject"
    assert desk.review.outcomes()["src/1"].decision == desk.review.decisions()[-1]


def test_lists_are_paged_filtered_and_in_the_queues_order(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [row(number) for number in range(120)]))
    desk.decide(said(desk.review, "src/3", "flag"))
    desk.decide(said(desk.review, "src/5", note="why"))
    page = desk.listing("ann", "open", start=50)
    assert (page.total, page.start, len(page.items)) == (118, 50, 50)
    assert [one.id for one in desk.listing("ann", "mine").items] == ["src/3", "src/5"]
    assert [one.id for one in desk.listing("ann", "flagged").items] == ["src/3"]
    assert [one.id for one in desk.listing("ann", "noted").items] == ["src/5"]
    assert desk.listing("ann", "all", source="a").total == 60
    assert dict(page.sources) == {"a": 60, "b": 60}
    beside = desk.beside("src/3", 1, "ann", "t", "mine")
    assert beside is not None
    assert beside.id == "src/5"
    assert desk.beside("src/5", 1, "ann", "t", "mine") is None


def test_progress_counts_mine_all_and_by_doubt(tmp_path: Path) -> None:
    desk = Desk(review(tmp_path, [row(1, doubt=0.9), row(2, doubt=0.3), row(3, doubt=0.1)], people=2))
    desk.decide(said(desk.review, "src/1", seconds=4))
    desk.decide(said(desk.review, "src/2", seconds=8))
    desk.decide(said(desk.review, "src/1", "accept", "bo"))
    found = desk.progress("ann")
    assert (found.mine, found.open, found.settled, found.items, found.seconds) == (2, 1, 1, 3, 6)
    assert [(band.name, band.done, band.items) for band in found.bands] == [("75–100%", 1, 1), ("25–50%", 1, 1), ("0–25%", 0, 1)]


def test_counts_that_are_kept_up_to_date_are_those_counted_anew(tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(12)], people=2, overlap=0.5)
    desk = Desk(made)
    for number, (who, action) in enumerate(
        [("ann", "accept"), ("bo", "reject"), ("ann", "withdraw"), ("ann", "flag"), ("bo", "accept")] * 6
    ):
        desk.progress("ann")
        made.append(said(made, f"src/{number % 7}", action, who))  # type: ignore[arg-type]
        for person in ("ann", "bo"):
            assert desk.progress(person) == Desk(made).progress(person)


def test_what_was_decided_last_can_be_taken_back_after_a_new_start(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1), row(2)])
    desk = Desk(made)
    assert desk.last("ann") is None
    desk.decide(said(made, "src/2", "reject"))
    desk.decide(said(made, "src/2", "accept"))
    found = Desk(made).last("ann")
    assert found is not None
    assert (found[0], found[1] and found[1].action) == ("src/2", "reject")
    desk.decide(said(made, "src/2", "withdraw"))
    assert Desk(made).last("ann") is None


def test_an_unknown_item_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no item '../../etc/passwd'"):
        Desk(review(tmp_path, [row(1)])).show("../../etc/passwd", "ann", "t")
