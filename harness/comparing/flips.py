"""Boards -> the samples that flipped: each once, losses and gains apart, a few of every area first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final

from harness.comparing.boards import Board
from harness.pairs import Item
from harness.schema import Flip, FlipSide, SampleResult

HARM: Final = "hr"
TELLING: Final = (HARM, "acc", "acc_norm", "exact_match", "answered", "rr_1", "rr_2")
"""Metrics that a flip is named after, the most telling first."""


def flips(boards: Sequence[Board]) -> dict[str, list[Flip]]:
    """Every sample that changed, once, by its most telling metric; losses and gains apart, each spread over the areas."""
    chosen: dict[tuple[str, str], list[tuple[Board, Item]]] = defaultdict(list)
    for board in sorted(boards, key=lambda one: _telling(one.target.metric)):
        if board.verdicts or not any(o.verdicts for o in boards if o.target.benchmark == board.target.benchmark):
            for item in board.items:
                if _change(item):
                    chosen[item.task, item.id].append((board, item))
    found: dict[str, list[Flip]] = {"lost": [], "gained": []}
    sizes: dict[tuple[str, str, str], float] = {}
    for (task, name), changed in chosen.items():
        board, item = changed[0]
        others = dict.fromkeys(one.target.metric for one, _ in changed if one.target.metric != board.target.metric)
        flip = _flip(board, item, tuple(others))
        sizes[flip.kind, task, name] = abs(_change(item))
        found[flip.kind].append(flip)
    return {kind: _spread(flips, sizes) for kind, flips in found.items()}


def _telling(metric: str) -> tuple[int, str]:
    place = TELLING.index(metric) if metric in TELLING else len(TELLING) + (metric == "score")
    return place, metric


def _change(item: Item) -> float:
    """`candidate` - `baseline`, more being better, by the rule of `harness.pairs.paired`."""
    after = 0.0 if item.candidate is None else item.candidate
    return after - (after if item.baseline is None else item.baseline)


def _spread(flips: Sequence[Flip], sizes: Mapping[tuple[str, str, str], float]) -> list[Flip]:
    """The first of every area, then the second of every area ...: a few show all areas, harm first, then where most changed."""
    areas: dict[tuple[str, str, str], list[Flip]] = defaultdict(list)
    for flip in sorted(flips, key=lambda one: (-sizes[one.kind, one.task, one.id], one.task, one.id)):
        areas[flip.metric, flip.benchmark, flip.dimension].append(flip)
    order = sorted(areas, key=lambda area: (area[0] != HARM, -len(areas[area]), _telling(area[0]), area))
    return [flip for turn in zip_longest(*(areas[area] for area in order)) for flip in turn if flip is not None]


def _flip(board: Board, item: Item, also: tuple[str, ...]) -> Flip:
    was, now = board.results(item)
    shown = next(one for one in (now, was) if one is not None)
    sample = shown.sample
    return Flip(
        kind="gained" if _change(item) > 0 else "lost",
        benchmark=board.target.benchmark,
        task=item.task,
        id=item.id,
        hash=item.hash,
        dimension=sample.dimension,
        topic=sample.topic,
        level=sample.level,
        metric=board.target.metric,
        also=also,
        question=sample.question,
        target=sample.target,
        options=sample.options,
        prompt=shown.prompt,
        baseline=_flip_side(was, board.target.metric),
        candidate=_flip_side(now, board.target.metric),
    )


def _flip_side(result: SampleResult | None, metric: str) -> FlipSide:
    if result is None:
        return FlipSide(value=None, state=None, label=None, score=None, reason="", response=None, error="not asked")
    verdict = result.verdict
    return FlipSide(
        value=result.metrics.get(metric),
        state=verdict.state if verdict else None,
        label=verdict.label if verdict else None,
        score=verdict.score if verdict else None,
        reason=verdict.reason if verdict else "",
        response=result.response.text,
        error=result.response.error,
    )
