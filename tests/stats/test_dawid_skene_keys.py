"""EM of Dawid & Skene: right about independent voters, and far too sure of voters who err together."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from harness.stats.dawid_skene import Vote, one_coin


def test_independent_voters_accuracies_are_found() -> None:
    draw = random.Random(1)
    skill = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.65, "e": 0.6}
    truth = [draw.choice("AB") for _ in range(1500)]
    votes: list[list[Vote]] = [
        [(name, t if draw.random() < right else {"A": "B", "B": "A"}[t]) for name, right in skill.items()] for t in truth
    ]
    shares, found = one_coin(votes, [("A", "B")] * len(truth))
    assert found == {name: pytest.approx(right, abs=0.05) for name, right in skill.items()}
    assert fmean(max(share, key=lambda a: share[a]) == t for share, t in zip(shares, truth, strict=True)) > 0.9


def test_the_posterior_of_voters_who_err_together_is_no_confidence() -> None:
    draw = random.Random(2)
    votes: list[list[Vote]] = []
    for _ in range(1000):
        trap = draw.random() < 0.05
        votes.append([(v, "B" if trap or draw.random() < 0.03 else "A") for v in range(5)])
    shares, _ = one_coin(votes, [("A", "B")] * 1000)
    fooled = [share for share, cast in zip(shares, votes, strict=True) if all(answer == "B" for _, answer in cast)]
    assert fooled
    assert all(share["B"] > 0.99 for share in fooled)


def test_more_options_spread_the_doubt() -> None:
    shares, _ = one_coin([[("a", "A"), ("b", "B")], [], [("a", "A"), ("b", "A")]], ["AB", "ABCD", "ABCD"])
    assert shares[0]["A"] == pytest.approx(0.5)
    assert shares[1] == dict.fromkeys("ABCD", 0.25)
    assert shares[2]["A"] > 0.9


def test_a_vote_for_what_is_no_option_is_an_error() -> None:
    with pytest.raises(ValueError, match="'C', which is none of A, B"):
        one_coin([[("a", "C")]], ["AB"])
