"""StudyResult -> an HTML page that needs nothing beside it: tables, intervals, trade-offs, and sample answers side by side.

The cases are chosen by a rule, which stands above them. Their text is a benchmark's and a model's: escaped, with its language and
direction marked, and shown on this page only, which is its reader's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from harness.report import html
from harness.report.blocks import Heading, Lines
from harness.report.flips import WORDS
from harness.report.html import Markup, Picture
from harness.report.plots import Dot, Ellipse, intervals, trade_off
from harness.report.study_tables import (
    Fitting,
    arms,
    contrasts,
    factors,
    head,
    legend,
    notes,
    outcome_title,
    pairs,
    scores,
    trade_offs,
)
from harness.report.text import clean, count, one_line
from harness.schema.study import StudyCase, StudyResult, TradeOff

LIMIT: Final = 1500
"""Characters of an answer that are shown."""
GOOD: Final = {"hr": 0.0}
"""Metric -> the value that is right, where it is not 1."""
SCRIPTS: Final = (
    ("ja", re.compile("[\u3041-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7a3]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ar", re.compile("[\u0621-\u06ff]")),
    ("ru", re.compile("[\u0410-\u044f]")),
)
"""Language -> a letter that only its script has; the first that is found."""
STYLE: Final = """
<style>
.harness-board nav{display:flex;flex-wrap:wrap}
.harness-board .case{border-top:1px solid var(--rule);padding:10px 0;break-inside:avoid}
.harness-board .case p{margin:.2em 0;white-space:pre-wrap;overflow-wrap:anywhere}
.harness-board .where,.harness-board .more{color:var(--faint);font-size:12.5px}
.harness-board .answers{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,250px),1fr));gap:8px;margin-top:8px}
.harness-board .answers>div{background:var(--band);border-radius:4px;padding:6px 9px;min-width:0;font-size:14px}
.harness-board .answers .mark{float:right;font-size:12.5px;margin-left:8px}
</style>
""".strip()


def page(result: StudyResult) -> str:
    """The whole page: same result, same bytes."""
    begin, end = html.around(result.study.title or result.study.name)
    return begin + html.fragment([part.table if isinstance(part, Fitting) else part for part in _parts(result)]) + end


def _parts(result: StudyResult) -> Iterator[html.Part | Fitting]:
    yield Markup(STYLE)
    yield from head(result)
    yield from arms(result)
    yield from factors(result)
    yield from contrasts(result)
    yield from trade_offs(result)
    yield from _ellipses(result)
    yield Heading("Scores")
    for place, outcome in enumerate(result.study.outcomes):
        yield Heading(outcome_title(result.study, outcome), 3)
        yield scores(result, outcome)
        yield _intervals(result, outcome, f"scores-{place}")
    yield from _cases(result)
    yield from notes(result)
    yield from legend(result)


def _intervals(result: StudyResult, outcome: str, name: str) -> Picture:
    dots = []
    for score in result.scores:
        if score.outcome == outcome:
            low, high = (100 * score.interval.low, 100 * score.interval.high) if score.interval else (None, None)
            dots.append(Dot(score.arm, 100 * score.mean, low, high, note=count(len(score.values), "run")))
    title = f"{outcome_title(result.study, outcome)}: mean over training runs, with the 95% interval over runs and items"
    return Picture(intervals(name, title, dots), title)


def _ellipses(result: StudyResult) -> Iterator[Picture]:
    for place, (knowledge, safety) in enumerate(pairs(result)):
        found = [_ellipse(one) for one in result.trade_offs if (one.knowledge, one.safety) == (knowledge, safety)]
        base = result.study.interference.base if result.study.interference else "the base"
        title = f"Change of {knowledge} and of {safety} against {base}: + is better in both; each ellipse holds both with 95%"
        yield Picture(trade_off(f"trade-off-{place}", title, found, knowledge, safety), title)


def _ellipse(one: TradeOff) -> Ellipse:
    (x, y), (xx, xy, yy) = one.centre, one.covariance
    return Ellipse(one.name, 100 * x, 100 * y, 1e4 * xx, 1e4 * xy, 1e4 * yy, one.radius)


# --- cases --------------------------------------------------------------------------------------------------------------------


def _cases(result: StudyResult) -> Iterator[Heading | Lines | Markup]:
    if not result.cases:
        return
    yield Heading("Cases")
    wanted = result.study.cases.seed if result.study.cases else None
    seed = result.study.seeds[0] if wanted is None and result.study.seeds else wanted
    yield Lines((f"{result.case_rule}; seed {seed}",))
    yield Markup("\n".join(map(_case, result.cases)))


def _case(case: StudyCase) -> str:
    answers = "\n".join(_answer(arm, text, case.metrics.get(arm, {})) for arm, text in case.answers.items())
    reference = "" if case.reference is None else f'\n<p class="where">right:</p>\n{_said(case.reference)}'
    return (
        f'<section class="case">\n<p class="where">{_text(case.task)} · {_text(case.sample)}</p>\n'
        f'{_said(case.question)}{reference}\n<div class="answers">\n{answers}\n</div>\n</section>'
    )


def _answer(arm: str, text: str, metrics: Mapping[str, float]) -> str:
    return f'<div><span class="mark">{_text(mark(metrics))}</span><b>{_text(arm)}</b>\n{_said(text)}</div>'


def mark(metrics: Mapping[str, float]) -> str:
    """`✓ right`, `✗ harmful`, `score 40`: by the most telling metric there is."""
    for name, words in WORDS.items():
        if metrics.get(name) in (0.0, 1.0):
            return f"{'✓' if metrics[name] == GOOD.get(name, 1.0) else '✗'} {words[int(metrics[name])]}"
    if "score" in metrics:
        return f"score {metrics['score']:g}"
    return ", ".join(f"{name} {value:g}" for name, value in metrics.items() if name != "unjudged")[:60] or "not judged"


def _said(text: str) -> str:
    """A paragraph in its own language and direction, at most `LIMIT` characters of it."""
    shown = clean(text)
    more = f'\n<p class="more">… {len(shown) - LIMIT:,} more characters</p>' if len(shown) > LIMIT else ""
    language = next((name for name, letters in SCRIPTS if letters.search(shown)), None)
    lang = f' lang="{language}"' if language else ""
    return f'<p dir="auto"{lang}>{escape(shown[:LIMIT], quote=True) or "(empty)"}</p>{more}'


def _text(text: str) -> str:
    return escape(one_line(text, 120), quote=True)
