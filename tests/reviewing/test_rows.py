"""Which rows of a data set people are shown, and in which order."""

from __future__ import annotations

from harness.reviewing.rows import queue
from harness.schema import DataRow
from tests.reviewing.made import turns


def data(number: int, **fields: object) -> DataRow:
    made = {"source": "s", "source_id": str(number), "messages": turns("问", f"答{number}"), "category": "Chat"}
    return DataRow(**{**made, **fields})  # type: ignore[arg-type]


def test_flagged_rows_and_a_sample_of_the_others_are_shown() -> None:
    rows = [data(number, flags={"perplexity": 0.4, "english": 0.9} if number % 10 == 0 else {}) for number in range(200)]
    found = queue(rows, sample=30)
    assert (found.rows, found.flagged, found.sampled, len(found.items)) == (200, 20, 30, 50)
    doubtful = next(item for item in found.items if item.id == "s/10")
    assert (doubtful.doubt, doubtful.reasons, doubtful.stratum) == (0.9, ("english 0.90", "perplexity 0.40"), "flagged")
    assert {item.stratum for item in found.items if not item.reasons} == {"30 of 180 without a flag"}


def test_the_sample_is_the_same_whatever_the_order_and_another_for_another_seed() -> None:
    rows = [data(number) for number in range(100)]
    chosen = {item.id for item in queue(rows, sample=10).items}
    assert chosen == {item.id for item in queue(rows[::-1], sample=10).items}
    assert chosen != {item.id for item in queue(rows, sample=10, seed=1).items}


def test_all_rows_can_be_shown() -> None:
    found = queue([data(1, flags={"x": 2.0}), data(2)], everything=True)
    assert [item.doubt for item in found.items] == [1.0, 0.0]
    assert {item.stratum for item in found.items} == {"all"}


def test_nothing_flagged_and_no_sample_is_an_empty_queue() -> None:
    assert queue([data(1)], sample=0).items == ()


def test_what_a_row_is_about_names_source_category_and_areas() -> None:
    assert queue([data(1, areas=("a/b", "c"))]).items[0].about == "s · Chat · a/b, c"
    assert queue([data(1, category="")]).items[0].about == "s"
