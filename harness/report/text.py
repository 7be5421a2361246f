"""Untrusted text and numbers -> what may be shown. Everything a model, judge or data file said passes through here."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from harness.schema import Interval

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters: a terminal would obey them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks: they reorder what stands around them
    "\ud800-\udfff\ufff9-\ufffb]"  # half pairs and annotation marks
)

_NO_SHARE = re.compile(r"(^|_)(perplexity|bits_per_byte|loglikelihood|bleu|chrf|ter)(_|\+|$)")
"""Metrics of lm-eval that are no shares."""


def clean(text: str) -> str:
    """The text with all that could steer a terminal or reorder a line made visible as U+FFFD; line breaks and tabs stay."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n"))


def escaped(json: str) -> str:
    """JSON that says the same without a character that `clean` would take out."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def one_line(text: str, limit: int | None = None) -> str:
    """`clean` text on one line, at most `limit` columns wide (Chinese characters take two)."""
    line = " ".join(clean(text).split())
    if limit is None or cells(line) <= limit:
        return line
    room, kept = limit - 1, []
    for char in line:
        room -= cells(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def cells(text: str) -> int:
    """Columns the text takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def number(value: float, metric: str) -> str:
    """`46.77`: percent, points of 100 for mean scores, or the value itself where the metric is no share (`is_share`)."""
    return f"{_of_100(value, metric):.2f}"


def interval_text(interval: Interval | None, metric: str) -> str:
    """` 39.7–54.0`, in the unit of `number`; empty if there is none."""
    if interval is None:
        return ""
    return f"{_of_100(interval.low, metric):.1f}–{_of_100(interval.high, metric):.1f}"


def count(n: int, one: str, many: str | None = None) -> str:
    """`1 sample`, `1,204 samples`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def moment(iso: str) -> str:
    """`2026-08-22 14:03 UTC`; the text as it is if it is no time."""
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return one_line(iso, 32)
    return (time.astimezone(UTC) if time.tzinfo else time).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float) -> str:
    """`12 s`, `4 min`, `2 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def is_share(metric: str, value: float = 0.0) -> bool:
    """Whether a metric is a share, shown in percent: not a perplexity, a translation score, or what has a value above 1."""
    return metric != "score" and not _NO_SHARE.search(metric) and abs(value) <= 1


def _of_100(value: float, metric: str) -> float:
    return 100 * value if is_share(metric, value) else value
