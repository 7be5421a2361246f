"""labelled answers -> Agreement of judge and people, PeopleAgreement of people among themselves.

An answer that several people labelled counts once, shared by them. Tables are counts, as people gave them; raw agreement, kappa
and alpha weigh each answer by how many it stands for, because a sheet that holds every harmful verdict and a tenth of the rest
would otherwise speak of a benchmark that does not exist. Two labels of one answer are not two answers: no interval takes them so.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from itertools import combinations
from statistics import fmean
from typing import Final, Literal

from harness.auditing.answers import Answer, Board, Word
from harness.auditing.weighing import Labelled, Sampled
from harness.schema import Agreement, AuditKind, AuditRate, ClassAgreement, Interval, PeopleAgreement
from harness.stats.agreement import (
    Weights,
    bootstrap_kappas,
    cohen_kappa,
    confusion,
    fleiss_kappa,
    kappa_floor,
    krippendorff_alpha,
)
from harness.stats.intervals import clopper_pearson
from harness.stats.ppi import FEW, stratified

LEVELS: Final[Mapping[AuditKind, Literal["nominal", "ordinal", "interval"]]] = {
    "score": "interval",
    "refusal": "ordinal",
    "benign": "ordinal",
    "choice": "nominal",
}
BAND: Final = 10
"""Points of a band of scores, for weighted kappa."""
_TINY: Final = 1e-9
"""Sums of thirds are whole numbers within this."""


def agreement(sampled: Sampled, seed: int) -> Agreement | None:
    """Judge against people; None without labels."""
    board, items = sampled.board, sampled.items
    if not items:
        return None
    places = {name: place for place, name in enumerate(board.classes)}
    rows = [
        (item, places[board.class_of(word)], places[board.class_of(item.answer.word)], weight / len(item.words))
        for item, weight in zip(items, sampled.weights, strict=True)
        for word in item.words
    ]
    size = range(len(places))
    people, judge = [row[1] for row in rows], [row[2] for row in rows]
    table = confusion(people, judge, size, [row[3] for row in rows])
    raw = _raw(sampled)
    kappa = cohen_kappa(table)
    linear, quadratic = _scaled(sampled, "linear"), _scaled(sampled, "quadratic")
    level = LEVELS[board.kind]
    units = [(_scale(board, word), _scale(board, item.answer.word)) for item in items for word in item.words]
    return Agreement(
        items=len(items),
        raw=raw,
        classes=board.classes,
        table=tuple(tuple(int(n) for n in row) for row in confusion(people, judge, size)),
        by_class=tuple(_classes(board.classes, people, judge, [1 / len(row[0].words) for row in rows])),
        kappa=kappa,
        kappa_interval=None if kappa is None else _interval(rows, table, raw, kappa, seed),
        kappa_linear=linear,
        kappa_quadratic=quadratic,
        alpha=krippendorff_alpha(units, level, [row[3] for row in rows]),
        alpha_level=level,
    )


def people_agreement(sampled: Sampled) -> PeopleAgreement | None:
    """People against each other; None where no answer has two labels."""
    board = sampled.board
    shared = [item for item in sampled.items if len(item.words) > 1]
    if not shared:
        return None
    pairs = [(board.class_of(a), board.class_of(b)) for item in shared for a, b in combinations(item.words, 2)]
    level = LEVELS[board.kind]
    return PeopleAgreement(
        items=len(shared),
        raw=fmean(a == b for a, b in pairs),
        kappa=_people_kappa(board, shared),
        alpha=krippendorff_alpha([[_scale(board, word) for word in item.words] for item in shared], level),
        alpha_level=level,
    )


Row = tuple[Labelled, int, int, float]


def _raw(sampled: Sampled) -> AuditRate:
    board = sampled.board

    def same(answer: Answer, word: Word) -> float:
        return float(board.class_of(word) == board.class_of(answer.word))

    found = stratified([one for one in sampled.strata(same) if one.truth])
    interval = Interval(low=found.low, high=found.high, method=found.method)
    return AuditRate(value=found.value, interval=interval, n=found.n_labelled)


def _interval(rows: list[Row], table: tuple[tuple[float, ...], ...], raw: AuditRate, kappa: float, seed: int) -> Interval:
    """Bootstrap within strata; where fewer than `FEW` disagreements were seen, no higher than the least agreement allows."""
    strata: dict[Hashable, dict[str, list[tuple[int, int, float]]]] = {}
    for item, people, judge, weight in rows:
        strata.setdefault(item.stratum, {}).setdefault(item.answer.hash, []).append((people, judge, weight))
    found = bootstrap_kappas({name: list(items.values()) for name, items in strata.items()}, len(table), seed=seed)
    if math.fsum((people != judge) / len(item.words) for item, people, judge, _ in rows) >= FEW - _TINY:
        return found
    floor = kappa_floor(raw.interval.low, table)
    low = found.low if floor is None else min(found.low, floor)
    method = f"{found.method}; lower end by the bound of raw agreement"
    return Interval(low=min(low, kappa), high=max(found.high, kappa), method=method)


def _scaled(sampled: Sampled, weights: Weights) -> float | None:
    """Weighted kappa of degrees, or of bands of scores; None of letters, which have no order."""
    board = sampled.board
    if board.kind == "choice":
        return None
    rows = [
        (_step(board, word), _step(board, item.answer.word), weight / len(item.words))
        for item, weight in zip(sampled.items, sampled.weights, strict=True)
        for word in item.words
    ]
    steps = range(100 // BAND + 1) if board.kind == "score" else range(len(board.classes))
    return cohen_kappa(confusion([a for a, *_ in rows], [b for _, b, _ in rows], steps, [w for *_, w in rows]), weights)


def _step(board: Board, word: Word) -> int:
    return int((word.score or 0.0) // BAND) if board.kind == "score" else board.classes.index(board.class_of(word))


def _scale(board: Board, word: Word) -> Hashable:
    """The value on alpha's scale: the score, the degree, the letter."""
    return word.score if board.kind == "score" else word.degree if board.kind in ("refusal", "benign") else word.label


def _classes(names: tuple[str, ...], people: list[int], judge: list[int], shares: list[float]) -> list[ClassAgreement]:
    labels = list(zip(people, judge, shares, strict=True))
    found = []
    for place, name in enumerate(names):
        both = math.fsum(share for a, b, share in labels if a == b == place)
        theirs = math.fsum(share for a, _, share in labels if a == place)
        its = math.fsum(share for _, b, share in labels if b == place)
        found.append(
            ClassAgreement(
                name=name,
                people=people.count(place),
                judge=judge.count(place),
                recall=_share(both, theirs),
                precision=_share(both, its),
            )
        )
    return found


def _share(k: float, n: float) -> AuditRate | None:
    """Of answers, not of labels: two people's labels of one answer are no two answers. Parts are rounded away from the share."""
    if not n:
        return None
    least, most, of = math.floor(k + _TINY), math.ceil(k - _TINY), math.ceil(n - _TINY)
    low, high = clopper_pearson(least, of).low, clopper_pearson(most, max(most, math.floor(n + _TINY), 1)).high
    return AuditRate(value=k / n, interval=Interval(low=low, high=high, method="clopper-pearson"), n=of)


def _people_kappa(board: Board, shared: list[Labelled]) -> float | None:
    counts = [[[board.class_of(word) for word in item.words].count(name) for name in board.classes] for item in shared]
    sizes = {len(item.words) for item in shared}
    if len(sizes) > 1:
        return None
    if sizes == {2}:
        first = [board.class_of(item.words[0]) for item in shared]
        second = [board.class_of(item.words[1]) for item in shared]
        return cohen_kappa(confusion(first, second, board.classes))
    return fleiss_kappa(counts)
