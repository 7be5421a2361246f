"""StudyResult -> headings, tables and lines, written once for a terminal, for markdown and for a page.

A factor's block is a block of BELLE's Table 2 (arXiv 2304.07854): what was trained on, what came of it, and how surely it differs
from the block's first line. Means stand on the outcome's own scale, differences are points with + for better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from harness.report.blocks import Block, Heading, Lines, Table
from harness.report.differences import signed
from harness.report.sections import TITLES
from harness.report.text import interval_text, one_line
from harness.schema.study import ArmRun, ArmScore, ContrastResult, Study, StudyArm, StudyResult
from harness.stats.claim import p_text

NAME: Final = 30
"""Columns of a name."""
NAMED: Final = 6
"""Differences that a sentence names."""
MARKS: Final = {"higher": " ▲", "lower": " ▼", "not shown": "", "descriptive": " °"}
"""Verdict -> what stands behind a difference."""
_ABSENT: Final = "–"


@dataclass(frozen=True)
class Fitting:
    """A table that a narrow terminal shows in parts."""

    table: Table
    narrower: tuple[int, ...]
    """Columns that give way, in this order."""
    parts: tuple[tuple[int, ...], ...] = ()
    """If it is still too wide: the columns behind the first, one table each."""


Part = Block | Fitting


def head(result: StudyResult) -> Iterator[Part]:
    """Title, what was compared, what is proven."""
    study = result.study
    yield Heading(study.title or study.name, 1)
    seeds = ", ".join(map(str, study.seeds))
    yield Lines(
        (
            f"study {study.name} · culture {study.culture} · base {one_line(study.base, 60)} · "
            f"seed{'s' if len(study.seeds) > 1 else ''} {seeds} · judge {one_line(study.judge, 60)}",
        )
    )
    named = [one for one in result.contrasts if not _of_block(one)] or list(result.contrasts)
    for word, verdicts in (("shown", ("higher", "lower")), ("not shown", ("not shown",)), ("descriptive", ("descriptive",))):
        if found := [one for one in named if one.verdict in verdicts]:
            yield Lines((f"{word}: {_listed(found)}",), strong=word == "shown")


def arms(result: StudyResult) -> Iterator[Part]:
    """What each arm is, and what it cost."""
    yield Heading("Arms")
    columns = ["arm", "trained on", "vocabulary", "runs", "rows", "tokens", "vocabulary size", "tokens a line"]
    rows = [_arm_row(result.study, arm, runs) for arm, runs in _by_arm(result).items()]
    empty = [place for place in range(2, len(columns)) if all(row[place] in ("", _ABSENT) for row in rows)]
    if len({row[2] for row in rows}) == 1:
        empty.append(2)
    kept = [place for place in range(len(columns)) if place not in empty]
    table = Table(tuple(columns[p] for p in kept), tuple(tuple(row[p] for p in kept) for row in rows), left=2)
    yield Fitting(table, tuple(reversed(range(2, len(kept)))))
    about = tuple(f"{arm}: {its.about}" for arm, its in result.study.arms.items() if its.about)
    if about:
        yield Lines(about)


def scores(result: StudyResult, outcome: str) -> Fitting:
    """One outcome of every arm: mean with its interval, spread between runs, each run."""
    found = [score for score in result.scores if score.outcome == outcome]
    rows = tuple(
        (
            one_line(score.arm, NAME),
            percent(score.mean),
            interval_text(score.interval, "acc"),
            _ABSENT if score.sd is None else f"{100 * score.sd:.1f}",
            " ".join(percent(value) for value in score.values),
        )
        for score in found
    )
    return Fitting(Table(("arm", "mean", "95%", "sd of runs", "runs"), rows), (4, 3))


def factors(result: StudyResult) -> Iterator[Part]:
    """The factor table: one block for each factor, and the contrasts that the study names for it."""
    names = _factor_names(result.study)
    if names:
        yield Heading("Factors")
    for factor in names:
        yield Heading(factor, 3)
        yield _factor(result, factor)
        if found := [one for one in result.contrasts if one.factor == factor and not _of_block(one)]:
            yield _contrasts(found, [f"{one.name} · {one.outcome}" for one in found])
            yield _formulas(found)


def contrasts(result: StudyResult) -> Iterator[Part]:
    """The contrasts of interference, and those that the study names and no factor's block has."""
    names = _factor_names(result.study)
    found = [one for one in result.contrasts if one.factor not in names]
    if not found:
        return
    words = ["Interference"] * bool(result.study.interference) + ["Contrasts"] * bool(result.study.contrasts)
    yield Heading(" and ".join(words).capitalize() or "Contrasts")
    for outcome in dict.fromkeys(one.outcome for one in found):
        its = [one for one in found if one.outcome == outcome]
        yield Heading(outcome_title(result.study, outcome), 3)
        yield _contrasts(its, [one.name for one in its])
    yield _formulas(found)


def trade_offs(result: StudyResult) -> Iterator[Part]:
    """Change of knowledge and of safety together, as numbers."""
    base = result.study.interference.base if result.study.interference else ""
    for knowledge, safety in pairs(result):
        found = [one for one in result.trade_offs if (one.knowledge, one.safety) == (knowledge, safety)]
        rows = tuple(
            (
                one_line(one.name, NAME) + (MARKS["descriptive"] if one.descriptive else ""),
                f"{signed(one.centre[0])} ± {100 * one.radius * math.sqrt(one.covariance[0]):.1f}",
                f"{signed(one.centre[1])} ± {100 * one.radius * math.sqrt(one.covariance[2]):.1f}",
            )
            for one in found
        )
        yield Heading(f"Both together: {knowledge} and {safety}, against {base}", 3)
        yield Fitting(Table(("arm", knowledge, safety), rows), (), ((1,), (2,)))


def notes(result: StudyResult) -> Iterator[Part]:
    """What a reader must know."""
    if result.notes:
        yield Heading("Notes")
        yield Lines(tuple(one_line(note, 400) for note in result.notes))


def legend(result: StudyResult) -> Iterator[Part]:
    """How to read the tables."""
    yield Heading("How to read this")
    lines = [
        "Percent. Means: with the 95% interval over training runs and items. Differences: points, + is better (where less is "
        "better the complement is compared), on the items that every run has a value for.",
        "▲ ▼: shown, p at most 0.05 by Holm over all differences of the outcome's family; no mark: not shown, which is not 'the "
        "same'; °: fewer than three training runs an arm, no claim; †: the arms differ in another factor too.",
        "MDE80: the smallest true difference that so many runs and items with this spread show in 80 of 100 studies.",
    ]
    if macro := [one_line(name, NAME) for name, one in result.study.outcomes.items() if one.aggregation == "macro"]:
        lines.append(f"Macro: the mean of the dimensions' means, each counting alike ({', '.join(macro)}).")
    if result.trade_offs:
        lines.append("±: the ends of an ellipse that holds both changes with 95%; the spread between runs is that of all arms.")
    yield Lines(tuple(lines))


def pairs(result: StudyResult) -> list[tuple[str, str]]:
    """Knowledge and safety outcomes that are looked at together."""
    return list(dict.fromkeys((one.knowledge, one.safety) for one in result.trade_offs))


def outcome_title(study: Study, name: str) -> str:
    """`harm: demo_risk/DI HR, macro, less is better`."""
    one = study.outcomes[name]
    where = one.benchmark + (f"/{'+'.join(one.dimensions)}" if one.dimensions else "")
    metric = TITLES.get(one.metric, one.metric.replace("_", " "))
    how = ", macro" if one.aggregation == "macro" else ""
    return one_line(f"{name}: {where} {metric}{how}{', less is better' if one.ceiling else ''}", 120)


def percent(share: float) -> str:
    """`46.8`."""
    return f"{100 * share:.1f}".replace("-0.0", "0.0")


def formula(weights: Mapping[str, float]) -> str:
    """`KS - K - S + base`."""
    terms = []
    for arm, weight in weights.items():
        size = "" if abs(weight) == 1 else f"{abs(weight):g} "
        terms.append(f"{'-' if weight < 0 else '+'} {size}{one_line(arm, NAME)}")
    return " ".join(terms).removeprefix("+ ")


def _by_arm(result: StudyResult) -> dict[str, list[ArmRun]]:
    return {arm: [run for run in result.runs if run.arm == arm] for arm in result.study.arms}


def _arm_row(study: Study, name: str, runs: Sequence[ArmRun]) -> tuple[str, ...]:
    arm = study.arms[name]
    sizes = [run.vocabulary for run in runs if run.vocabulary]
    lines = [run.tokens_per_line for run in runs if run.tokens_per_line is not None]
    return (
        one_line(name, NAME),
        " → ".join(one_line(phase, NAME) for phase in arm.phases) or "nothing",
        one_line(arm.vocabulary, NAME),
        str(len(runs)),
        _rows(runs),
        _tokens(runs),
        f"{max(sizes):,}" if sizes else _ABSENT,
        f"{fmean(lines):.1f}" if lines else _ABSENT,
    )


def _rows(runs: Sequence[ArmRun]) -> str:
    return f"{fmean(run.rows for run in runs):,.0f}" if runs and any(run.rows for run in runs) else _ABSENT


def _tokens(runs: Sequence[ArmRun]) -> str:
    """`52 k`, `1.2 M`: of one run, on average."""
    known = [run.tokens for run in runs if run.tokens]
    if not known:
        return _ABSENT
    mean = fmean(known)
    return f"{mean / 1e6:,.1f} M" if mean >= 1e6 else f"{mean / 1e3:,.0f} k" if mean >= 1e3 else f"{mean:.0f}"


def _factor(result: StudyResult, factor: str) -> Fitting:
    """Level, arm, rows, tokens, then mean, interval and difference of each outcome."""
    block = {name: arm for name, arm in result.study.arms.items() if factor in arm.factors}
    first = next(iter(block))
    outcomes = list(result.study.outcomes)
    columns = ["level", "arm", "rows", "tokens"]
    for outcome in outcomes:
        columns += [one_line(outcome, NAME), "95%", "± first"]
    runs = _by_arm(result)
    rows = []
    for name, arm in block.items():
        row = [one_line(arm.factors[factor], NAME), one_line(name, NAME), _rows(runs[name]), _tokens(runs[name])]
        for outcome in outcomes:
            row += _compared(result, name, first, outcome, factor)
        rows.append(tuple(row))
    behind = [4 + 3 * place for place in range(len(outcomes))]
    narrower = (3, 2, *(place + 1 for place in behind), *((1,) if _levels_tell(block, factor) else ()))
    return Fitting(Table(tuple(columns), tuple(rows), left=2), narrower, tuple((p, p + 1, p + 2) for p in behind))


def _levels_tell(block: Mapping[str, StudyArm], factor: str) -> bool:
    return len({arm.factors[factor] for arm in block.values()}) == len(block)


def _compared(result: StudyResult, name: str, first: str, outcome: str, factor: str) -> list[str]:
    score = _score(result, name, outcome)
    cells = [percent(score.mean), interval_text(score.interval, "acc")] if score else [_ABSENT, ""]
    found = next((one for one in result.contrasts if one.outcome == outcome and _pair(one) == (name, first)), None)
    if found is None:
        return [*cells, "" if name == first else _ABSENT]
    other = "†" if differs_elsewhere(result.study.arms[first], result.study.arms[name], factor) else ""
    return [*cells, f"{signed(found.value)}{MARKS[found.verdict]}{other}"]


def differs_elsewhere(first: StudyArm, arm: StudyArm, factor: str) -> bool:
    """Whether two arms differ in another factor than this one: their difference is then not this factor's alone."""
    names = {*first.factors, *arm.factors} - {factor}
    return any(first.factors.get(name) != arm.factors.get(name) for name in names)


def _pair(one: ContrastResult) -> tuple[str, str] | None:
    """(arm, first) of a plain difference."""
    used = {arm: weight for arm, weight in one.weights.items() if weight}
    if sorted(used.values()) != [-1.0, 1.0]:
        return None
    return next(arm for arm in used if used[arm] > 0), next(arm for arm in used if used[arm] < 0)


def _score(result: StudyResult, arm: str, outcome: str) -> ArmScore | None:
    return next((one for one in result.scores if (one.arm, one.outcome) == (arm, outcome)), None)


def _contrasts(found: Sequence[ContrastResult], names: Sequence[str]) -> Fitting:
    rows = tuple(
        (
            one_line(name, 60),
            f"{signed(one.value)}{MARKS[one.verdict]}",
            f"{signed(one.interval.low)} to {signed(one.interval.high)}",
            p_text(one.p),
            p_text(one.p_holm),
            f"{100 * one.mde80:.1f}",
            f"{one.df:.0f}",
            f"{one.n:,}",
            one.verdict,
        )
        for name, one in zip(names, found, strict=True)
    )
    columns = ("contrast", "difference", "95%", "p", "p for all", "MDE80", "df", "n", "verdict")
    return Fitting(Table(columns, rows, words=frozenset({8})), (6, 7, 8, 3, 5, 4, 2))


def _formulas(found: Sequence[ContrastResult]) -> Lines:
    return Lines(tuple(f"{name}: {formula(weights)}" for name, weights in {one.name: one.weights for one in found}.items()))


def _factor_names(study: Study) -> dict[str, None]:
    return dict.fromkeys(name for arm in study.arms.values() for name in arm.factors)


def _of_block(one: ContrastResult) -> bool:
    """Whether it is a line of a factor's block against the first, which no study has to name."""
    arms_ = _pair(one)
    return arms_ is not None and bool(one.factor) and one.name == f"{one.factor}: {arms_[0]} - {arms_[1]}"


def _listed(found: Sequence[ContrastResult]) -> str:
    """`harm: order +30.4, phasing +3.8; knowledge: order +0.3`."""
    outcomes: dict[str, list[str]] = {}
    for one in found[:NAMED]:
        outcomes.setdefault(one_line(one.outcome, NAME), []).append(f"{one_line(one.name, 60)} {signed(one.value)}")
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(f"{outcome}: {', '.join(its)}" for outcome, its in outcomes.items()) + more
