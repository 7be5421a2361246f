"""Models at their stages -> slopes from parent to child."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.report.plots.drawing import CROWD, DASHES, FAINT, RULE, Dot, Svg, colour_of, ends_of, short, spacing, width_of


@dataclass(frozen=True)
class Step:
    """A model at its stage, 0-100."""

    name: str
    stage: int
    """Column, from 0."""
    value: float
    low: float | None = None
    high: float | None = None
    parent: str | None = None


def slopes(id: str, title: str, steps: Sequence[Step], stages: Sequence[str]) -> str:  # noqa: A002
    """What each stage of training did: models in the column of their stage, joined with what they were trained from.

    Args:
        id: unique on the page.
        title: what is shown.
        steps: models.
        stages: names of the columns; those behind the last model are left out.
    """
    shown = stages[: max((step.stage for step in steps), default=0) + 1]
    names = {step.name: f"{short(step.name)} {step.value:.1f}" for step in steps}
    low, high = ends_of([Dot(step.name, step.value, step.low, step.high) for step in steps], [])
    widest = max([width_of(name) for name in names.values()] + [80.0])
    left, gap = 36 + widest + 12, widest + 90
    top, tall = 44.0, max(200.0, 20.0 * _crowd(steps) + 60)
    frame = _Frame(Svg(left + gap * (len(shown) - 1) + widest + 18, top + tall + 16), left, gap, top, tall, low, high)
    _grid(frame, shown)
    _joints(frame, steps)
    for stage in range(len(shown)):
        here = [step for step in steps if step.stage == stage]
        for anchor, shift, placed in _beside(here, steps, last=stage == len(shown) - 1):
            _labels(frame, placed, names, anchor, shift)
    return frame.svg.whole(id, title, f"{title}. {_told(steps)}")


@dataclass(frozen=True)
class _Frame:
    """Where stages and values lie in a picture of slopes."""

    svg: Svg
    left: float
    gap: float
    top: float
    tall: float
    low: int
    high: int

    def x(self, stage: int) -> float:
        return self.left + self.gap * stage

    def y(self, value: float) -> float:
        return self.top + self.tall * (1 - (value - self.low) / (self.high - self.low))


def _grid(frame: _Frame, stages: Sequence[str]) -> None:
    for tick in range(frame.low, frame.high + 1, spacing(frame.low, frame.high)):
        frame.svg.line(30, frame.y(tick), frame.svg.width, frame.y(tick), RULE)
        frame.svg.text(26, frame.y(tick) + 4, str(tick), "end", FAINT)
    for place, stage in enumerate(stages):
        frame.svg.text(frame.x(place), 14, stage, "middle" if place else "end", FAINT)


def _joints(frame: _Frame, steps: Sequence[Step]) -> None:
    """Lines first, so that they lie below the dots."""
    svg, places = frame.svg, {step.name: step for step in steps}
    for number, step in enumerate(steps):
        parent = places.get(step.parent or "")
        if parent is not None:
            ends = (frame.x(parent.stage), frame.y(parent.value), frame.x(step.stage), frame.y(step.value))
            svg.line(*ends, colour_of(number), 2, DASHES[number % len(DASHES)])
    for number, step in enumerate(steps):
        if step.low is not None and step.high is not None:
            svg.line(frame.x(step.stage), frame.y(step.low), frame.x(step.stage), frame.y(step.high), colour_of(number), 2)
        svg.circle(frame.x(step.stage), frame.y(step.value), 4, colour_of(number))


Placed = tuple[Step, float]
"""A model, and how far below its dot its name is written."""


def _beside(here: Sequence[Step], steps: Sequence[Step], *, last: bool) -> Iterator[tuple[str, float, list[Placed]]]:
    """Where the names of one stage stand, so that no line of their own runs through them: anchor, shift from the dot, models.

    Left of the first column and right of the last. Between them: right of a model that nothing was trained from; else left, on
    the side of the line from its parent where that line is not.
    """
    values = {step.name: step.value for step in steps}
    parents = {step.parent for step in steps}
    ends = [step for step in here if step.name not in parents]
    if last and any(step.stage for step in here):
        yield "start", 9, [(step, 4) for step in here]
    elif not any(step.stage for step in here):
        yield "end", -9, [(step, 4) for step in here]
    else:
        yield "start", 9, [(step, 4) for step in ends]
        on = [step for step in here if step.name in parents]
        if len(on) <= CROWD:
            yield "end", -7, [(step, -7 if values.get(step.parent or "", 0) <= step.value else 17) for step in on]


def _labels(frame: _Frame, placed: Sequence[Placed], names: Mapping[str, str], anchor: str, shift: float) -> None:
    wanted = [frame.y(step.value) + below for step, below in placed]
    for (step, _), place in zip(placed, _apart(wanted, frame.top - 14, frame.top + frame.tall + 4), strict=True):
        frame.svg.text(frame.x(step.stage) + shift, place, names[step.name], anchor, halo=True)


def _told(steps: Sequence[Step]) -> str:
    places = {step.name: step for step in steps}
    found = []
    for step in steps:
        parent = places.get(step.parent or "")
        after = f" after {parent.name} {parent.value:.1f}" if parent else ""
        found.append(f"{step.name} {step.value:.1f}{after}")
    return f"Percent: {'; '.join(found)}."


def _crowd(steps: Sequence[Step]) -> int:
    """The most models at one stage."""
    return max((sum(other.stage == step.stage for other in steps) for step in steps), default=0)


def _apart(wanted: Sequence[float], low: float, high: float, least: float = 15.0) -> list[float]:
    """Heights moved as little as is needed to stand `least` apart, in the same order, between `low` and `high`."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    placed, edge = [0.0] * len(wanted), low
    for i in order:
        placed[i] = max(wanted[i], edge)
        edge = placed[i] + least
    edge = high
    for i in reversed(order):
        placed[i] = min(placed[i], edge)
        edge = placed[i] - least
    return placed
