"""Samples -> what a benchmark is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.figures import _lengths, figures, reference
from harness.errors import DataError
from harness.schema import Sample

TITLES = {"t_a": "Alpha", "t_b": "Beta"}


def sample(number: int, question: str, dimension: str = "A", topic: str | None = None, **more: object) -> Sample:
    return Sample.model_validate(
        {"id": str(number), "hash": f"{number:016x}", "question": question, "dimension": dimension, "topic": topic, **more}
    )


ROWS = {
    "t_a": [sample(1, "ab", topic="x", target="four"), sample(2, "abcd", topic="y"), sample(3, "abcdef", topic="y")],
    "t_b": [sample(4, "a" * 10, "B", target="A", options={"A": "yes", "B": "no"})],
}


def test_dimensions_and_topics_are_counted_with_their_lengths() -> None:
    found = figures("t", "Tea", ROWS, TITLES)
    assert [(p.name, p.title, p.n, p.share, p.question) for p in found.dimensions] == [
        ("A", "Alpha", 3, 0.75, 4),
        ("B", "Beta", 1, 0.25, 10),
    ]
    assert [(p.name, p.within, p.n) for p in found.topics] == [("y", "A", 2), ("x", "A", 1)]
    assert (found.n, found.tasks, found.questions.most, found.questions.median) == (4, ("t_a", "t_b"), 10, 5)


def test_a_letter_of_an_option_is_no_reference_text() -> None:
    found = figures("t", "Tea", ROWS, TITLES)
    assert (found.dimensions[0].references, found.dimensions[0].reference) == (1, 4)
    assert (found.dimensions[1].references, found.dimensions[1].reference) == (0, None)
    assert found.references is not None
    assert found.references.n == 1
    assert reference(ROWS["t_b"][0]) == ""
    assert figures("t", "", {"t_b": ROWS["t_b"]}, TITLES).references is None


def test_a_word_belongs_to_the_dimension_where_it_has_the_largest_share() -> None:
    rows = [sample(n, "kettle", "A") for n in range(10)] + [sample(10 + n, "kettle", "B") for n in range(4)]
    rows += [sample(20 + n, "saucer", "A") for n in range(10)]
    found = figures("t", "", {"t": rows}, {"t": "t"})
    assert {one.word: one.most for one in found.words} == {"kettle": "B", "saucer": "A"}


def test_nothing_cannot_be_counted() -> None:
    with pytest.raises(DataError, match="'t' has no item"):
        figures("t", "", {"t": []}, {"t": "t"})


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_every_length_stands_in_its_bin_and_bins_are_few(lengths: list[int]) -> None:
    found = _lengths(lengths)
    assert sum(found.counts) == found.n == len(lengths)
    assert len(found.edges) == len(found.counts) + 1 <= 29
    assert list(found.edges) == sorted(set(found.edges))
    for place, count in enumerate(found.counts):
        assert count == sum(found.edges[place] <= length < found.edges[place + 1] for length in lengths)
