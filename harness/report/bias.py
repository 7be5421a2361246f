"""BiasReport -> a page: shares, lengths, manners, distances, each as a table and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType

from harness.report import html
from harness.report.blocks import Block, Heading, Lines, Table, blocks_console, blocks_markdown
from harness.report.plots import bars, histogram
from harness.schema.bias import BiasReport, Distance, Part, Rate

PARTS: Final = {
    "source": "Sources",
    "area": "Areas taught",
    "category": "Categories of the sources",
    "language": "Language of the replies",
    "turns": "Replies in a conversation",
    "licence": "Licences",
    "origin": "Origin",
    "opening": "How questions begin",
}
"""Parts in the order of the page -> their headings."""
MOST: Final = 15
"""Parts that a table or picture shows."""
HOW: Final = (
    "refusals are found by the rules judge, by phrases: indicative, not a measurement",
    "persona: the reply speaks of itself as a language model, or names a maker of one; a model that learns it will say so too",
    "distance: Jensen-Shannon, 0 for the same distribution, 1 for nothing in common. By areas: tags against the benchmark's "
    "dimensions. By text: each question goes to the topic whose items it resembles most, or to none",
)

Shown = Block | html.Picture


def bias_console(report: BiasReport) -> RenderableType:
    """For a terminal."""
    return blocks_console(part for part in _page(report) if not isinstance(part, html.Picture))


def bias_markdown(report: BiasReport) -> str:
    """As GitHub markdown, without pictures."""
    return blocks_markdown(part for part in _page(report) if not isinstance(part, html.Picture))


def bias_html(report: BiasReport) -> str:
    """A file that needs nothing beside it."""
    head, tail = html.around(_title(report))
    return head + html.fragment(list(_page(report))) + tail


def _title(report: BiasReport) -> str:
    return f"Bias report: {report.name}"


def _page(report: BiasReport) -> Iterator[Shown]:
    yield Heading(_title(report), 1)
    yield Lines((f"{report.rows:,} rows; digest {report.digest[:12]}; culture {report.culture or 'none'}",), strong=True)
    yield Lines((*report.notes, *HOW))
    yield Heading("Manners")
    yield from _manners(report)
    yield Heading("Distance from what the benchmarks ask")
    yield from _distances(report)
    yield Heading("Lengths")
    yield from _lengths(report)
    for name, title in PARTS.items():
        if found := report.parts.get(name):
            yield Heading(title)
            yield from _parts(name, title, found)


def _manners(report: BiasReport) -> Iterator[Shown]:
    rates = {
        "refuses": report.refusals,
        "persona phrase": report.persona,
        "has a near-duplicate": report.near_duplicates,
        "flagged as doubtful": report.flagged,
    }
    yield Table(("", "rows", "of", "%", "95%"), tuple((name, *_rate(rate)) for name, rate in rates.items()))
    if len(report.by_source) > 1:
        rows = tuple(
            (one.source, f"{one.rows:,}", _percent(one.refusals), _percent(one.persona), f"{one.median_reply:,}")
            for one in report.by_source
        )
        yield Table(("source", "rows", "refuses %", "persona %", "median reply, characters"), rows)
    if report.phrases:
        yield Table(("phrase", "rows", "%"), tuple(_part(one) for one in report.phrases[:MOST]))
        yield html.Picture(bars("phrases", "Persona phrases", _bars(report.phrases)), "Persona phrases, percent of rows")


def _distances(report: BiasReport) -> Iterator[Shown]:
    if not report.distances:
        yield Lines(("nothing to compare with",))
        return
    rows = tuple(
        (one.benchmark, one.by, f"{one.value:.3f}", _optional(one.halves), f"{100 * one.outside:.1f}", _optional(one.sharpness))
        for one in report.distances
    )
    yield Table(("benchmark", "by", "distance", "its own halves", "outside %", "sharpness"), rows, left=2)
    for place, one in enumerate(report.distances):
        title = f"{one.benchmark}, by {one.by}"
        shown = [(name, (wanted, found)) for name, wanted, found in _largest(one)]
        yield html.Picture(
            bars(f"distance-{place}", title, shown, ("benchmark", "rows")), f"{title}: percent of items and of rows"
        )


def _lengths(report: BiasReport) -> Iterator[Shown]:
    labels = list(report.spreads[0].quantiles) if report.spreads else []
    rows = tuple(
        (one.name, one.unit, f"{one.mean:,.1f}", *(f"{one.quantiles[label]:,.0f}" for label in labels)) for one in report.spreads
    )
    yield Table(("", "unit", "mean", *labels), rows, left=2)
    for one in report.spreads:
        yield html.Picture(
            histogram(f"spread-{one.name}", f"Rows by {one.name}", one.edges, one.counts, one.unit), f"Rows by {one.name}"
        )


def _parts(name: str, title: str, found: Sequence[Part]) -> Iterator[Shown]:
    yield Table((name, "rows", "%"), tuple(_part(one) for one in found[:MOST]))
    if len(found) > MOST:
        yield Lines((f"and {len(found) - MOST} more in the JSON",))
    if len(found) > 1:
        yield html.Picture(bars(f"parts-{name}", title, _bars(found)), f"{title}, percent of rows")


def _largest(one: Distance) -> list[tuple[str, float, float]]:
    """Where the two differ most, by name."""
    return sorted(sorted(one.parts, key=lambda part: (-abs(part[1] - part[2]), part[0]))[:MOST])


def _bars(found: Sequence[Part]) -> list[tuple[str, tuple[float]]]:
    return [(one.name, (one.share,)) for one in found[:MOST]]


def _part(one: Part) -> tuple[str, str, str]:
    return (one.name, f"{one.rows:,}", f"{100 * one.share:.2f}")


def _rate(rate: Rate) -> tuple[str, str, str, str]:
    low, high = rate.interval.low, rate.interval.high
    return (f"{rate.rows:,}", f"{rate.of:,}", f"{100 * rate.value:.2f}", f"{100 * low:.2f}–{100 * high:.2f}")


def _percent(rate: Rate) -> str:
    return f"{100 * rate.value:.2f}"


def _optional(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
