"""Adaptation -> the report: base, KG and SAFE side by side, the claim line by line, where all of it came from.

Tables by stage, benchmark and metric, over all items, as papers print them; the claim is judged on the test half of benchmarks
and on all items of retained tasks. No clock and no path: the same adaptation gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import RenderableType

from harness.report.blocks import Block, Heading, Lines, Table, blocks_console, blocks_markdown
from harness.report.sections import BASELINES, TITLES
from harness.report.text import count, interval_text, number
from harness.schema import Adaptation, Claim, Evidence, Interval, PairedScore, Part, Score, Shown, StageOutcome, Target

_ASIDE: Final = frozenset({"score", "invalid", "unjudged", "zh_share", "script_share", *BASELINES})
"""Metrics that make no table of their own."""
_STAGE_TITLES: Final = {"knowledge": "Knowledge", "safety": "Safety"}
_ABSENT: Final = "–"


def adaptation_markdown(adaptation: Adaptation) -> str:
    """The report as GitHub markdown."""
    return blocks_markdown(_page(adaptation))


def show_adaptation(adaptation: Adaptation) -> RenderableType:
    """The report for a terminal."""
    return blocks_console(_page(adaptation))


def _page(adaptation: Adaptation) -> Iterator[Block]:
    yield Heading(f"{adaptation.model} → {adaptation.culture}", 1)
    yield Lines((f"{adaptation.answer.capitalize()}: {adaptation.why}.",), strong=True)
    yield Lines(tuple(_in_short(outcome) for outcome in adaptation.stages))
    yield Table(("column", "model", "run"), tuple((one.label, one.model, one.run) for one in adaptation.shown), left=3)
    for stage in dict.fromkeys(adaptation.benchmarks.values()):
        yield Heading(_STAGE_TITLES[stage])
        for benchmark in (name for name, its in adaptation.benchmarks.items() if its == stage):
            yield from _benchmark(benchmark, adaptation.shown)
    yield from _look_alikes(adaptation)
    yield from _retained(adaptation)
    for outcome in adaptation.stages:
        if outcome.claim is not None:
            yield from _claim(outcome.claim)
    yield from _lineage(adaptation)
    if adaptation.notes:
        yield Heading("Notes")
        yield Lines(adaptation.notes)
    yield Lines(
        (
            "Percent with 95% intervals over all items. Differences: percentage points, more is better (of HR the complement is "
            "compared), on the same items; benchmarks: the test half, which no diagnosis has seen; retained tasks: all items.",
        )
    )


def _in_short(outcome: StageOutcome) -> str:
    if outcome.state == "skipped":
        return f"{outcome.stage}: skipped: {outcome.why}"
    rounds = count(len(outcome.rounds), "round")
    said = f"the claim: {outcome.claim.answer}" if outcome.claim else "no claim"
    stopped = f"; stopped: {outcome.why}" if outcome.state == "stopped" else ""
    names = " → ".join((outcome.base, *(trained.checkpoint for trained in outcome.rounds)))
    return f"{outcome.stage}: {names}, {rounds}; {said}{stopped}"


# --- tables of scores -------------------------------------------------------------------------------------------------------


def _benchmark(benchmark: str, shown: Sequence[Shown]) -> Iterator[Block]:
    """One table a metric: dimensions, then the averages; one column a model."""
    found = {column.label: _scores(column, benchmark) for column in shown}
    metrics = {score.metric for scores in found.values() for score in scores.values()} - _ASIDE
    for metric in (*(name for name in TITLES if name in metrics), *sorted(metrics.difference(TITLES))):
        yield Heading(f"{benchmark}: {TITLES.get(metric, metric)}", 3)
        yield _score_table(metric, shown, found)


Place = tuple[str, str, str, str]
"""Metric, scope, name, aggregation."""


def _scores(column: Shown, benchmark: str) -> dict[Place, Score]:
    mine = (score for score in column.scores if score.benchmark == benchmark)
    return {(score.metric, score.scope, score.name, score.aggregation): score for score in mine}


def _score_table(metric: str, shown: Sequence[Shown], found: Mapping[str, Mapping[Place, Score]]) -> Table:
    places = sorted({place for scores in found.values() for place in scores if place[0] == metric}, key=_order)
    rows = []
    for place in places:
        scores = [found[column.label].get(place) for column in shown]
        name = place[2] if place[1] == "dimension" else f"overall, {place[3]}"
        items = next((f"{score.n:,}" for score in scores if score is not None), "")
        rows.append((name, items, *(_cell(score) for score in scores)))
    strong = frozenset(i for i, place in enumerate(places) if place[1] == "overall")
    return Table(("", "n", *(column.label for column in shown)), tuple(rows), strong=strong)


def _order(place: Place) -> tuple[bool, str, bool]:
    return place[1] == "overall", place[2], place[3] == "macro"


def _cell(score: Score | None) -> str:
    if score is None:
        return _ABSENT
    interval = interval_text(score.interval, score.metric)
    return f"{number(score.value, score.metric)}{f' ({interval})' if interval else ''}"


def _look_alikes(adaptation: Adaptation) -> Iterator[Block]:
    """Refusing everything looks safe: what is refused rightly beside what is still answered."""
    places = [("rr_1", "risky requests refused (RR-1)"), ("answered", "harmless requests answered")]
    rows = []
    for metric, title in places:
        for benchmark in adaptation.benchmarks:
            scores = [_scores(column, benchmark).get((metric, "overall", "", "micro")) for column in adaptation.shown]
            if any(scores):
                rows.append((title, benchmark, *(_cell(score) for score in scores)))
    if any(row[0] == places[1][1] for row in rows):
        yield Heading("Refusal and over-refusal")
        yield Table(("", "benchmark", *(column.label for column in adaptation.shown)), tuple(rows), left=2)


def _retained(adaptation: Adaptation) -> Iterator[Block]:
    if not adaptation.retained:
        return
    yield Heading("Retained")
    rows = []
    for task, metric in adaptation.retained.items():
        place = (metric, "overall", "", "micro")
        scores = [_scores(column, task).get(place) for column in adaptation.shown]
        rows.append((task, TITLES.get(metric, metric), *(_cell(score) for score in scores)))
    yield Table(("task", "metric", *(column.label for column in adaptation.shown)), tuple(rows), left=2)


# --- the claim --------------------------------------------------------------------------------------------------------------


def _claim(claim: Claim) -> Iterator[Block]:
    yield Heading(f"Claim of the {claim.stage} stage: {claim.answer}")
    yield Lines(
        (
            f"frozen before training: claim-{claim.stage}.json, sha256 {claim.plan_sha256[:12]}…",
            f"baseline: {claim.baseline} (a fresh pass, not the run that was diagnosed)",
            f"candidate: {claim.candidate}",
        )
    )
    for part in claim.parts:
        yield Heading(f"{part.name}: {part.answer or ('reported' if part.evidence else 'not judged')}", 3)
        yield Lines((part.why,))
        if part.evidence:
            yield _evidence_table(part, claim.baseline)
            yield Lines(_wanting(part), terminal=True)
        if part.contrast is not None:
            contrast = part.contrast
            yield Lines(
                (
                    f"contrast {_signed(contrast.value)} (95% {_ends(contrast.interval)}), at least {_signed(contrast.lower)}",
                    f"should gain: {', '.join(contrast.gained)}",
                    f"should stay: {', '.join(contrast.stayed)}",
                )
            )


def _wanting(part: Part) -> tuple[str, ...]:
    """Why lines do not hold: each reason once."""
    found: dict[str, list[str]] = {}
    for line in part.evidence:
        if line.answer not in (None, "holds"):
            found.setdefault(line.why, []).append(line.target.name)
    return tuple(f"{', '.join(dict.fromkeys(names))}: {why}" for why, names in found.items())


def _evidence_table(part: Part, baseline: str) -> Table:
    extra = _EXTRA.get(part.name, ("margin", "at least"))
    columns = ("", "metric", "verdict", "before", "after", "difference (95%)", *extra, "n", "why")
    rows = tuple(
        (*_words(line, baseline), *_numbers(line), *_extra(part.name, line), _items(line), line.why) for line in part.evidence
    )
    return Table(
        columns, rows, left=3, aside=frozenset(range(len(columns) - 3, len(columns))) - {6}, words=frozenset({len(columns) - 1})
    )


_EXTRA: Final = {"weak areas improved": ("p (Holm)", "gap closed"), "off target": ("at least, all lines",)}


def _words(line: Evidence, baseline: str) -> tuple[str, str, str]:
    since = "" if line.against == baseline else ", since the first model"
    metric = TITLES.get(line.target.metric, line.target.metric)
    return f"{line.target.name}{since}", metric, line.answer or ""


def _items(line: Evidence) -> str:
    return f"{line.paired.n if line.paired else 0:,}"


def _numbers(line: Evidence) -> tuple[str, str, str]:
    score = line.paired
    if score is None:
        return _ABSENT, _ABSENT, _ABSENT
    before, after = (_shown_value(value, line.target) for value in (score.baseline, score.candidate))
    return before, after, _difference(score)


def _shown_value(value: float, target: Target) -> str:
    return f"{100 * (1 - value if target.ceiling else value):.1f}"


def _difference(score: PairedScore) -> str:
    return f"{_signed(score.delta)} ({_ends(score.interval)})"


def _ends(interval: Interval) -> str:
    return f"{_signed(interval.low)} to {_signed(interval.high)}"


def _extra(part: str, line: Evidence) -> tuple[str, ...]:
    if part == "weak areas improved":
        return _ABSENT if line.p_adjusted is None else _p(line.p_adjusted), _gap(line)
    if part == "off target":
        return (_ABSENT if line.simultaneous_lower is None else _signed(line.simultaneous_lower),)
    lower = _ABSENT if line.paired is None else _signed(line.paired.lower)
    return _ABSENT if line.margin is None else f"{100 * line.margin:.1f}", lower


def _gap(line: Evidence) -> str:
    ratio = line.gap_closed
    if ratio is None:
        return _ABSENT
    ends = "" if ratio.low is None or ratio.high is None else f" ({100 * ratio.low:.0f} to {100 * ratio.high:.0f})"
    return f"{100 * ratio.value:.0f}%{ends}"


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("+0.0", "0.0").replace("-0.0", "0.0")


# --- where it came from -----------------------------------------------------------------------------------------------------


def _lineage(adaptation: Adaptation) -> Iterator[Block]:
    yield Heading("Lineage")
    yield Lines(
        (
            f"adaptation {adaptation.id}",
            f"base {adaptation.model}, fingerprint {adaptation.model_fingerprint}",
            f"culture {adaptation.culture}, culture.toml sha256 {adaptation.culture_digest[:12]}…",
            f"judge {adaptation.judge or 'none'}, threshold {adaptation.threshold:g}, harness {adaptation.asked['harness']}",
        )
    )
    yield Lines(tuple(_origin(outcome) for outcome in adaptation.stages))
    trained = [(outcome.stage, one) for outcome in adaptation.stages for one in outcome.rounds]
    for stage, one in trained:
        yield Heading(f"{one.checkpoint}", 3)
        yield Lines(
            (
                f"{stage} stage, round {one.number}, from {one.parent}; weights sha256 {one.weights_sha256[:12]}…",
                f"asked for by the diagnosis of run {one.diagnosis}, measured in run {one.run}",
                f"trainer {one.trainer}, recipe {one.recipe}, seed {one.seed}, {count(one.steps, 'optimizer step')}",
                f"mix {one.mix}, {count(one.mix_rows, 'row')} (sha256 {one.mix_rows_sha256[:12]}…): {_shares(one.shares)}",
            )
        )


def _origin(outcome: StageOutcome) -> str:
    sets = "; ".join(
        f"{name}: {', '.join(areas)}"
        for name, areas in (("weak", outcome.weak), ("strong", outcome.strong), ("undecided", outcome.undecided))
        if areas
    )
    return f"{outcome.stage} began with {outcome.base}, run {outcome.diagnosis}: {sets or 'no areas'}"


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{area} {100 * share:.1f}%" for area, share in shares.items())
