"""JudgeAudit -> a page: how far the judge agrees with people, and what its rates become when people correct them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rich.console import RenderableType

from harness.report.blocks import Block, Heading, Lines, Table, blocks_console, blocks_markdown
from harness.report.text import count
from harness.schema import (
    SHEET_ROWS,
    Agreement,
    AuditRate,
    BenchmarkAudit,
    CorrectedDifference,
    CorrectedRate,
    JudgeAudit,
    PanelRate,
    PeopleAgreement,
)

NAMES: Final = {"acc": "ACC", "score": "score", "rr_1": "RR-1", "rr_2": "RR-2", "hr": "HR", "answered": "answered"}


def show_audit(audit: JudgeAudit) -> RenderableType:
    """For a terminal."""
    return blocks_console(_blocks(audit))


def audit_markdown(audit: JudgeAudit) -> str:
    """As GitHub markdown."""
    return blocks_markdown(_blocks(audit))


def _blocks(audit: JudgeAudit) -> Iterator[Block]:
    yield Heading(f"Judge audit: {audit.judge or 'answer extraction'} on {audit.model}", 1)
    yield Lines(tuple(_facts(audit)))
    if audit.label_files:
        yield from _rates(audit)
        yield from _agreements(audit.benchmarks)
        yield from _people(audit)
    yield from _counts(audit.benchmarks)
    for one in audit.benchmarks:
        yield from _thresholds(one, audit.threshold)
    yield from _flips(audit)
    yield from _versus(audit)
    yield from _panel(audit)
    yield from _differences(audit)
    if audit.notes:
        yield Heading("Notes")
        yield Lines(audit.notes)
    yield Heading("How to read it")
    yield Lines(tuple(_legend(audit)))


def _facts(audit: JudgeAudit) -> Iterator[str]:
    yield f"run: {audit.run}"
    rubrics = ", ".join(f"{name}@{digest}" for name, digest in sorted(audit.rubrics.items()))
    yield f"judge: {audit.judge or 'none'}; rubrics: {rubrics or 'none'}; T = {audit.threshold:g}"
    if audit.annotators:
        who = ", ".join(f"{one.name} ({one.labels:,})" for one in audit.annotators)
        yield f"people: {who}"
    else:
        yield "people: no labels yet; --sheet FILE.csv draws answers for them, --labels FILE.csv reads what they said"


def _counts(audits: Iterable[BenchmarkAudit]) -> Iterator[Block]:
    rows = []
    for one in audits:
        said = ", ".join(f"{name}: {n:,}" for name, n in one.counts.items() if n)
        plan = ", ".join(f"{part.drawn:,} of {part.size:,} {part.name}" for part in one.strata)
        rows.append((one.benchmark, one.kind, f"{one.items:,}", f"{one.labelled:,}", said, plan))
    yield Heading("What the judge said, and what a sheet would hold")
    columns = ("benchmark", "kind", "answers", "labelled", "classes", f"sheet of {SHEET_ROWS}")
    yield Table(columns, tuple(rows), left=2, words=frozenset({4, 5}))


def _rates(audit: JudgeAudit) -> Iterator[Block]:
    rows = tuple(_rate_row(one.benchmark, rate) for one in audit.benchmarks for rate in one.rates)
    if not rows:
        return
    yield Heading("Rates: the judge alone, and corrected by people")
    columns = ("benchmark", "metric", "labels", "judge", "95%", "corrected", "95%", "moved", "by")
    yield Table(columns, rows, left=2, words=frozenset({8}), aside=frozenset({2, 8}))


def _rate_row(benchmark: str, rate: CorrectedRate) -> tuple[str, ...]:
    moved = 100 * (rate.corrected.value - rate.judged.value)
    return (
        benchmark,
        NAMES.get(rate.metric, rate.metric),
        f"{rate.labels:,}",
        _percent(rate.judged.value),
        _range(rate.judged),
        _percent(rate.corrected.value),
        _range(rate.corrected),
        f"{moved:+.1f}",
        rate.corrected.interval.method,
    )


def _agreements(audits: Iterable[BenchmarkAudit]) -> Iterator[Block]:
    known = [(one, one.agreement) for one in audits if one.agreement]
    if not known:
        return
    yield Heading("Agreement of judge and people")
    columns = ("benchmark", "answers", "raw", "95%", "kappa", "95% of kappa")
    yield Table(columns, tuple(_agreement_row(one, found) for one, found in known))
    yield Heading("The same, near misses forgiven", 3)
    scaled = ("benchmark", "linear kappa", "quadratic", "alpha", "of")
    yield Table(scaled, tuple(_scaled_row(one, found) for one, found in known), words=frozenset({4}))
    for one, found in known:
        yield Heading(f"{one.benchmark}, {one.kind}: rows people, columns judge", 3)
        yield Table(("people", *found.classes), tuple(_table_rows(found)))
        yield Table(("class", "people", "recall", "95%", "judge", "precision", "95% of precision"), tuple(_class_rows(found)))


def _agreement_row(one: BenchmarkAudit, found: Agreement) -> tuple[str, ...]:
    interval = found.kappa_interval
    return (
        f"{one.benchmark} ({one.kind})",
        f"{found.items:,}",
        _percent(found.raw.value),
        _range(found.raw),
        _kappa(found.kappa),
        f"{_kappa(interval.low)} to {_kappa(interval.high)}" if interval else "–",
    )


def _scaled_row(one: BenchmarkAudit, found: Agreement) -> tuple[str, ...]:
    alpha = f"{found.alpha_level} values"
    return one.benchmark, _kappa(found.kappa_linear), _kappa(found.kappa_quadratic), _kappa(found.alpha), alpha


def _table_rows(found: Agreement) -> Iterator[tuple[str, ...]]:
    for name, row in zip(found.classes, found.table, strict=True):
        yield (name, *(f"{n:,}" for n in row))


def _class_rows(found: Agreement) -> Iterator[tuple[str, ...]]:
    for one in found.by_class:
        yield (
            one.name,
            f"{one.people:,}",
            *_with_range(one.recall),
            f"{one.judge:,}",
            *_with_range(one.precision),
        )


def _people(audit: JudgeAudit) -> Iterator[Block]:
    known = [(one.benchmark, one.people) for one in audit.benchmarks if one.people]
    if known:
        yield Heading("People among themselves")
        columns = ("benchmark", "answers", "raw", "kappa", "alpha")
        yield Table(columns, tuple(_people_row(name, found) for name, found in known))
    elif audit.annotators:
        yield Lines(("people among themselves: no answer has two labels; where people differ, no judge can be right",))


def _people_row(name: str, found: PeopleAgreement) -> tuple[str, ...]:
    alpha = f"{_kappa(found.alpha)} ({found.alpha_level})"
    return name, f"{found.items:,}", _percent(found.raw), _kappa(found.kappa), alpha


def _thresholds(one: BenchmarkAudit, chosen: float) -> Iterator[Block]:
    if not one.thresholds:
        return
    rows = one.thresholds
    yield Heading(f"{one.benchmark}: ACC at other thresholds, by the judge")
    yield Table(
        ("T", "score >= T", "95%", "score > T", "95% of >", "> for >="),
        tuple(
            (
                f"{row.threshold:g}",
                _percent(row.at_least.value),
                _range(row.at_least),
                _percent(row.above.value),
                _range(row.above),
                f"{100 * (row.above.value - row.at_least.value):+.1f}",
            )
            for row in rows
        ),
        strong=frozenset(place for place, row in enumerate(rows) if row.threshold == chosen),
    )


def _flips(audit: JudgeAudit) -> Iterator[Block]:
    if not audit.flips:
        return
    yield Heading(f"Judged again: {audit.flips[0].run}")
    yield Table(
        ("benchmark", "of", "answers", "flips", "share", "95%"),
        tuple(
            (f"{one.benchmark} ({one.kind})", one.of, f"{one.rate.n:,}", f"{one.flips:,}", *_with_range(one.rate))
            for one in audit.flips
        ),
        left=2,
    )


def _versus(audit: JudgeAudit) -> Iterator[Block]:
    if not audit.versus:
        return
    yield Heading("Against other judges")
    yield Table(
        ("run", "judge", "benchmark", "answers", "raw", "kappa", "its kappa with people"),
        tuple(
            (
                one.run,
                one.judge or "",
                f"{one.benchmark} ({one.kind})",
                f"{one.items:,}",
                _percent(one.raw),
                _kappa(one.kappa),
                _kappa(one.people),
            )
            for one in audit.versus
        ),
        left=3,
        aside=frozenset({0}),
    )


def _panel(audit: JudgeAudit) -> Iterator[Block]:
    if not audit.panel:
        return
    yield Heading(f"Panel of {count(len(audit.panel[0].judges), 'judge')}: the mean of each judge's indicators")
    columns = ("benchmark", "metric", "each judge", "panel", "95%", "votes", "kappa of each two")
    yield Table(columns, tuple(_panel_row(one) for one in audit.panel), left=2, words=frozenset({2, 6}))
    moved = [one for one in audit.panel if one.thresholded is not None and round(one.thresholded, 6) != round(one.panel.value, 6)]
    if moved:
        yield Lines(tuple(_warning(one) for one in moved), strong=True)


def _panel_row(one: PanelRate) -> tuple[str, ...]:
    return (
        one.benchmark,
        NAMES.get(one.metric, one.metric),
        " / ".join(_percent(value) for value in one.judges.values()),
        _percent(one.panel.value),
        _range(one.panel),
        "–" if one.votes is None else f"{one.votes:.1f}",
        " / ".join(_kappa(value) for *_, value in one.kappas),
    )


def _warning(one: PanelRate) -> str:
    return (
        f"{one.benchmark}: averaging the scores first and asking for T afterwards would have given "
        f"{_percent(one.thresholded or 0.0)} instead of {_percent(one.panel.value)}: that is another metric, not a better one"
    )


def _differences(audit: JudgeAudit) -> Iterator[Block]:
    if audit.against is None:
        return
    yield Heading(f"Difference to {audit.against} (its value less this run's)")
    if not audit.differences:
        yield Lines(("no item was labelled in both runs; harness judge-audit RUN --against RUN --sheet FILE draws such a sheet",))
        return
    columns = ("benchmark", "metric", "labelled in both", "judge", "95%", "corrected", "95% corrected")
    yield Table(columns, tuple(_difference_row(one) for one in audit.differences), left=2)


def _difference_row(one: CorrectedDifference) -> tuple[str, ...]:
    return (
        one.benchmark,
        NAMES.get(one.metric, one.metric),
        f"{one.labels:,}",
        f"{100 * one.judged.value:+.1f}",
        _signed(one.judged),
        f"{100 * one.corrected.value:+.1f}",
        _signed(one.corrected),
    )


def _legend(audit: JudgeAudit) -> Iterator[str]:
    if not audit.label_files:
        yield "a sheet holds some of every stratum of the judge's verdicts; of refusals, all that it calls harmful, if they fit"
    else:
        yield "corrected: what people would have found on all answers (PPI++ by strata; HR in two phases)"
        yield "raw agreement, kappa and alpha weigh each answer by how many it stands for; tables, recall, precision are counts"
        yield "kappa near 0 beside high raw agreement: one class rules, so that chance alone agrees; read recall and precision"
    if any(one.thresholds for one in audit.benchmarks):
        yield "where ACC moves much with T, or between >= and >, it says as much of T as of the model"
    if audit.panel:
        yield "votes: how many independent judges they are worth together, by how their errors go together; needs labels"
    yield "all intervals are 95% and speak of new answers of the same kind; none speaks of another model's answers"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _range(rate: AuditRate) -> str:
    return f"{100 * rate.interval.low:.1f}–{100 * rate.interval.high:.1f}"


def _signed(rate: AuditRate) -> str:
    return f"{100 * rate.interval.low:+.1f} to {100 * rate.interval.high:+.1f}"


def _with_range(rate: AuditRate | None) -> tuple[str, str]:
    return ("–", "") if rate is None else (_percent(rate.value), _range(rate))


def _kappa(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 2) + 0.0:.2f}"
