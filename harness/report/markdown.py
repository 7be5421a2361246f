"""Records -> GitHub markdown: the same tables as on the console, same record, same bytes.

Text of models and data is escaped, so that it can be no heading, link, image, HTML, mention or table border.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from harness.report.sections import By, Section, alarms, headline, legend, sections
from harness.report.text import moment, one_line
from harness.report.worst import worst_samples
from harness.schema import RunRecord, SampleResult

if TYPE_CHECKING:
    from harness.runs import RunSummary

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK = re.compile(r"^\d+(?=[.)])|^(?=[-+#=])")
_LINK = re.compile(r"(?<!\w)@(?=\w)|(?<=:)//|(?<=www)\.|(?<!\w)#(?=\d)")


def run_markdown(record: RunRecord, by: By = "dimension") -> str:
    """The scores of a run, with intervals, coverage, keys and notes."""
    return "\n".join(_run(record, by)) + "\n"


def samples_markdown(results: Iterable[SampleResult], worst: int = 10) -> str:
    """The `worst` samples of a run."""
    lines = []
    for trouble in worst_samples(results, worst):
        lines += [f"**{escape(trouble.what)}** — {escape(trouble.place)}", ""]
        lines += [f"- {name}: {escape(text)}" for name, text in trouble.lines]
        lines.append("")
    return "\n".join(lines or ["No harmful, wrong, invalid, unjudged or flagged samples.", ""])


def list_markdown(summaries: Sequence[RunSummary]) -> str:
    """A table of runs."""
    rows = [
        (escape(run.id), escape(run.model), escape(", ".join(run.benchmarks or run.tasks)), run.state, moment(run.started))
        for run in summaries
    ]
    return "\n".join(_table(("run", "model", "benchmarks", "state", "started"), "lllll", rows)) + "\n"


def escape(text: str) -> str:
    """The text on one line, with nothing in it that markdown or GitHub would read."""
    plain = _SPECIAL.sub(r"\\\g<0>", one_line(text))
    return _LINK.sub("\u200b\\g<0>\u200b", _BLOCK.sub(r"\g<0>\\", plain))


def _run(record: RunRecord, by: By) -> Iterator[str]:
    yield f"## {escape(record.model.name)}"
    yield ""
    yield "  \n".join(escape(line) for line in headline(record))
    warnings = [*alarms(record), *([] if record.scores else ["no scores: nothing was judged"])]
    if warnings:
        yield ""
        yield "\n>\n".join(f"> **{escape(line)}**" for line in warnings)
    for section in sections(record, by):
        yield ""
        yield from _section(section)
    if record.notes:
        yield from ("", "### Notes", "", *(f"- {escape(note)}" for note in record.notes))
    yield from ("", legend(record))


def _section(section: Section) -> Iterator[str]:
    yield f"### {escape(section.title)}"
    yield ""
    if section.rows:
        titles = (section.by, "n", *(escape(column.title) for column in section.columns))
        rows = []
        for row in section.rows:
            cells = (
                _cell(row.values.get(c.metric, "–"), row.intervals.get(c.metric, "") if c.main else "") for c in section.columns
            )
            strong = "**" if row.average else ""
            rows.append((f"{strong}{escape(row.name)}{strong}", row.n, *cells))
        yield from _table(titles, "l" + "r" * (len(titles) - 1), rows)
    else:
        yield f"no scores by {section.by}"
    if section.facts or section.warnings:
        yield ""
        yield from (f"- {escape(fact)}" for fact in section.facts)
        yield from (f"- **{escape(warning)}**" for warning in section.warnings)


def _cell(value: str, interval: str) -> str:
    return f"{value} ({interval})" if interval else value


def _table(titles: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'|'.join('---:' if side == 'r' else '---' for side in align)}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
