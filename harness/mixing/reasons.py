"""Numbers of a mix -> the words that say why it is as it is. Percent of everything, as reports show it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.mixing.plan import Replay, WeakArea
from harness.mixing.shares import CAP, cap_for
from harness.schema import Finding, Share


def weak(area: WeakArea, shortfalls: Mapping[str, float], capped: bool, planned: float, rows: int) -> str:
    """`weak: acc 12.5 of 60.0 (-47.5); 31% of the shortfalls; …`.

    Args:
        area: Of which the share is.
        shortfalls: Of all areas.
        capped: Whether the limit of an area decided its share.
        planned: Rows behind its share.
        rows: Rows that it got.
    """
    said = [f"{area.state}: {measured(area.worst)}", _part(area.shortfall, shortfalls)]
    if capped:
        said.append(f"capped at {CAP:.0%} of the weak part")
    if rows < planned - 1.5:
        said.append(f"its sources hold {planned - rows:,.0f} rows too few")
    if rows > planned + 1.5:
        said.append(f"{rows - planned:,.0f} rows more, which others' sources do not hold")
    return "; ".join(said)


def measured(finding: Finding) -> str:
    """`acc 12.5 of 60.0 (−47.5)`, in percent; a ceiling reads `hr 39.0, at most 30.0 (+9.0)`, and guessing is named."""
    value, standard = 100 * finding.value, 100 * finding.standard
    of = ", at most" if finding.ceiling else " of"
    difference = f"{value - standard:+.1f}".replace("-", "−")
    guessing = f"; guessing {100 * finding.chance:.1f}" if finding.chance and not finding.ceiling else ""
    return f"{finding.metric} {value:.1f}{of} {standard:.1f} ({difference}{guessing})"


def _part(shortfall: float, shortfalls: Mapping[str, float]) -> str:
    total = sum(shortfalls.values())
    return f"{shortfall / total:.0%} of the shortfalls" if total else "no shortfall anywhere, so all alike"


def replay(part: Replay) -> str:
    """What it keeps, and who asks for it."""
    dimensions = f", evenly over {len(part.sources)} dimensions" if len(part.sources) > 1 else ""
    return f"keeps {part.name}: {part.share:.0%} of the rows, {part.by}{dimensions}"


def limits(areas: int) -> list[str]:
    """What becomes of the limit with this many weak areas."""
    if cap_for(areas) < 1:
        return []
    those = "one weak area" if areas == 1 else f"{areas} weak areas"
    return [f"{those}: a limit of {CAP:.0%} an area cannot hold, so there is none"]


def smaller(weak_rows: int, planned: int, total: int, asked: int) -> str:
    """The mix is smaller than asked, and why."""
    return (
        f"{total:,} rows instead of {asked:,}: the sources of the weak areas give {weak_rows:,} of {planned:,} rows "
        f"(no row more than four times, no area more than its limit), and the replay keeps its share"
    )


def other_replay(part: Replay, share: Share) -> str:
    """The replay is not what was asked for."""
    return f"replay of {part.name} is {share.share:.1%} of the rows, not {part.share:.1%}: the sources of the replay are used up"
