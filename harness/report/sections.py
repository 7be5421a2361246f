"""RunRecord -> sections of rows and facts, the same for every format: what is shown, not how it looks.

One section is one benchmark (two, if it mixes questions that have an answer with risky requests). Its rows are the dimensions,
topics or levels, then the averages. Metrics that make the result come first and carry their interval; others follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal

from harness.report.text import count, duration, interval_text, is_share, moment, number, one_line
from harness.schema import Coverage, KeyRef, RunRecord, Score

By = Literal["dimension", "topic", "level"]

TITLES: Final = {
    "acc": "ACC",
    "acc_norm": "ACC norm",
    "exact_match": "exact match",
    "score": "mean score",
    "rating": "rating",
    "rating_wo_others": "rating w/o others",
    "rr_1": "RR-1",
    "rr_2": "RR-2",
    "hr": "HR",
    "answered": "answered",
    "invalid": "invalid",
    "unjudged": "unjudged",
    "acc_always_a": "always A",
    "acc_always_b": "always B",
    "acc_chance": "chance",
    "zh_share": "zh share",
    "script_share": "own script",
}
"""Metric -> as shown, in the order shown; metrics of plug-ins come by name after those that make the result."""

BASELINES: Final = ("acc_always_a", "acc_always_b", "acc_chance")
_ANSWERS: Final = ("acc", "acc_norm", "exact_match", "score", "rating", "rating_wo_others")
_REQUESTS: Final = ("rr_1", "rr_2", "hr", "answered")
SHOWN: Final = 8
"""Dimensions that a warning lists."""
_LEVELS: Final = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Column:
    """A metric of a section."""

    metric: str
    title: str
    main: bool
    """Makes the result: shown with its interval, and always."""
    overall: str
    """Its micro average, for where the column itself has no room."""


@dataclass(frozen=True)
class Row:
    """A dimension, topic or level, or an average over all."""

    name: str
    n: str
    """Samples behind the first main metric."""
    values: dict[str, str]
    """Metric -> number."""
    intervals: dict[str, str]
    average: bool


@dataclass(frozen=True)
class Section:
    """One table and what must stand beside it."""

    title: str
    by: By
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    facts: tuple[str, ...]
    """Coverage, key, baselines: one line each."""
    warnings: tuple[str, ...]


def sections(record: RunRecord, by: By = "dimension") -> tuple[Section, ...]:
    """The tables of a run, in the order of its scores."""
    scores = [score for score in record.scores if score.subset == "all"]
    names = dict.fromkeys([*record.benchmarks, *(score.benchmark for score in scores)])
    return tuple(
        _section(record, name, by, part) for name in names for part in _by_kind([s for s in scores if s.benchmark == name])
    )


def _by_kind(scores: list[Score]) -> list[list[Score]]:
    """Questions and risky requests apart, since each has its own n; metrics over both together have no place then."""
    metrics = {score.metric for score in scores}
    if not (metrics & {*_ANSWERS} and metrics & {*_REQUESTS}):
        return [scores]
    questions = {*_ANSWERS, *BASELINES, "invalid"}
    return [[s for s in scores if s.metric in questions], [s for s in scores if s.metric in _REQUESTS]]


def headline(record: RunRecord) -> tuple[str, ...]:
    """What was asked of whom, when, by what: short lines."""
    model, usage, made = record.model, record.usage, record.provenance
    stage = f" · {model.stage}" if model.stage else ""
    lineage = f"{stage}{f' after {one_line(model.parent)}' if model.parent else ''}"
    commit = f" ({made.git_commit[:7]}{', changed' if made.git_dirty else ''})" if made.git_commit else ""
    tokens = f" · {record.tokens.prompt + record.tokens.completion:,} tokens" if record.tokens else ""
    judge = f"judge {one_line(made.judge)}{_chosen(record)}" if made.judge else "no judge"
    return (
        f"{model.backend} · {one_line(model.source)}{lineage}",
        f"run {one_line(record.id)}{f' · judged again from {one_line(record.parent)}' if record.parent else ''}",
        f"{moment(usage.started)} · {duration(usage.seconds)}{tokens} · {judge} · harness {one_line(made.harness)}{commit}",
    )


def _chosen(record: RunRecord) -> str:
    """` by rubric upstream`, where a run was judged by other rubrics than its tasks' own (`--rubric`).

    The version of such a task reads `1.0@6b57e75b by NAME@4ea28a7e, …`; rubrics of one choice share the beginning of their name.
    """
    found = [version.partition(" by ")[2] for version in record.provenance.tasks.values()]
    names = sorted({one.partition("@")[0] for chosen in found if chosen for one in chosen.split(", ")})
    if not names:
        return ""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(names[0], names[-1], strict=False))
    shared = "".join(one for one, _ in alike).rstrip("_")
    return f" by rubric {one_line(shared or ', '.join(names), 60)}"


def alarms(record: RunRecord) -> tuple[str, ...]:
    """Why these numbers must not be compared or quoted, unless the record's notes say it already."""
    said = " ".join(record.notes).lower()
    found = []
    if not record.comparable and "not comparable" not in said:
        found.append(
            f"not comparable: only the first {count(record.limit, 'sample')} of each task" if record.limit else "not comparable"
        )
    if not record.complete and "incomplete" not in said:
        found.append("incomplete: responses or verdicts are missing")
    return tuple(found)


def legend(record: RunRecord) -> str:
    """How the numbers are to be read."""
    plain = sorted({s.metric for s in record.scores if s.metric != "score" and not is_share(s.metric, s.value)})
    itself = f" ({', '.join(one_line(metric.replace('_', ' ')) for metric in plain)}: the value itself)" if plain else ""
    return f"Percent (mean score: points of 100) with 95% interval{itself}; n: samples behind the first metric."


def _section(record: RunRecord, name: str, by: By, scores: list[Score]) -> Section:
    overall = {score.metric: score for score in scores if score.scope == "overall" and score.aggregation == "micro"}
    columns = tuple(_columns(scores, overall))
    mains = [column.metric for column in columns if column.main] or [column.metric for column in columns]
    covered = [c for c in record.coverage if name in (c.benchmark, c.task)]
    facts = [*_coverage_facts(covered), *_key_facts(record, name, covered)]
    if "acc" in mains:
        facts += _sure_facts(record, name)
    return Section(
        title=one_line(name),
        by=by,
        columns=columns,
        rows=tuple(_rows(by, mains, scores)),
        facts=tuple(facts),
        warnings=tuple(_warnings(scores)),
    )


def _columns(scores: list[Score], overall: dict[str, Score]) -> Iterable[Column]:
    present = {score.metric for score in scores}
    other = sorted(present.difference(TITLES))
    mains = present.intersection((*_ANSWERS, *_REQUESTS)) or set(other)
    for metric in [*(metric for metric in TITLES if metric in mains), *other, *(m for m in TITLES if m in present - mains)]:
        known = overall.get(metric)
        title = TITLES.get(metric, one_line(metric.replace("_", " ")))
        yield Column(metric, title, metric in mains, number(known.value, metric) if known else "")


def _rows(by: By, mains: list[str], scores: list[Score]) -> Iterable[Row]:
    names = dict.fromkeys(score.name for score in scores if score.scope == by)
    for name in sorted(names, key=_LEVELS.index) if set(names) <= set(_LEVELS) else names:
        yield _row(one_line(name, 40), mains, [s for s in scores if s.scope == by and s.name == name], False)
    for how in ("micro", "macro"):
        average = [s for s in scores if s.scope == "overall" and s.aggregation == how]
        if average:
            yield _row(f"overall, {how}", mains, average, True)


def _row(name: str, mains: list[str], scores: list[Score], average: bool) -> Row:
    by_metric = {score.metric: score for score in scores}
    first = next((by_metric[metric] for metric in mains if metric in by_metric), None)
    return Row(
        name=name,
        n=f"{first.n:,}" if first else "",
        values={metric: number(score.value, metric) for metric, score in by_metric.items()},
        intervals={metric: interval_text(score.interval, metric) for metric, score in by_metric.items()},
        average=average,
    )


def _coverage_facts(covered: list[Coverage]) -> list[str]:
    if not any(c.n for c in covered):
        return []
    asked, replies, judged = (sum(getattr(c, field) for c in covered) for field in ("n", "responses", "judged"))
    parts = [f"{asked:,} asked"]
    if replies < asked:
        parts.append(f"{replies:,} with a reply")
    parts.append("all judged" if judged == asked else f"{judged:,} judged ({math.floor(1000 * judged / asked) / 10}%)")
    keyed = [c.keyed for c in covered if c.keyed is not None]
    if keyed and sum(keyed) < asked:
        parts.append(f"{sum(keyed):,} with a usable key")
    for name in ("contested", "invalid", "unjudged"):
        total = sum(getattr(c, name) for c in covered)
        if total:
            parts.append(f"{total:,} {name}")
    return [" · ".join(parts)]


def _key_facts(record: RunRecord, name: str, covered: list[Coverage]) -> list[str]:
    keys: dict[str, KeyRef] = record.provenance.keys
    found = [keys[benchmark] for benchmark in dict.fromkeys([name, *(c.benchmark for c in covered)]) if benchmark in keys]
    return [
        f"key {one_line(key.version)} · {one_line(key.provenance)} · {'reviewed' if key.reviewed else 'not reviewed'}"
        + (f" · at least {key.min_confidence} confidence" if key.min_confidence else "")
        for key in found
    ]


def _sure_facts(record: RunRecord, name: str) -> list[str]:
    """ACC over keys of high confidence alone, unless all are."""
    place = (name, "overall", "micro", "acc")
    found = {s.subset: s for s in record.scores if (s.benchmark, s.scope, s.aggregation, s.metric) == place}
    sure, every = found.get("high_confidence"), found.get("all")
    if sure is None or (every is not None and every.n == sure.n):
        return []
    interval = interval_text(sure.interval, "acc")
    return [f"high-confidence keys only: ACC {number(sure.value, 'acc')}{f' [{interval}]' if interval else ''}, n {sure.n:,}"]


def _warnings(scores: list[Score]) -> Iterable[str]:
    """Where an answer given without reading does as well: the ACC there says nothing."""
    best: dict[str, tuple[float, str]] = {}
    for score in scores:
        if score.metric in BASELINES and score.scope == "dimension":
            best[score.name] = max(best.get(score.name, (0.0, "")), (score.value, score.metric))
    beaten = []
    for score in scores:
        if score.metric == "acc" and score.scope == "dimension" and score.name in best and score.interval:
            value, metric = best[score.name]
            if score.interval.low <= value:
                beaten.append(f"{one_line(score.name, 20)} ({TITLES[metric]} {number(value, metric)})")
    if beaten:
        more = f" and {len(beaten) - SHOWN} more" if len(beaten) > SHOWN else ""
        yield f"ACC is not clearly above answering without reading: {', '.join(beaten[:SHOWN])}{more}"
