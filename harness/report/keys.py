"""A key in the making -> what a terminal shows of it: votes, people, audit, the bound and what it rests on."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.report.text import count, one_line
from harness.schema import FrozenKey, KeyAccuracy, KeyAuditPlan, KeyStatus
from harness.stats.keys import PLANNED, audit_size, audit_size_of


def proposed_text(made: Any) -> Group:
    """What was asked and taken over (`harness.verbs.key_propose.Proposed`)."""
    lines = [f"{count(n, 'vote')} taken from {one_line(name)}" for name, n in made.imported.items()]
    for name, asked in made.asked.items():
        lines.append(
            f"{one_line(name)}: {count(asked, 'question')} asked, {made.kept[name]:,} answered before, "
            f"{made.unjudged[name]:,} without a vote"
        )
    return Group(*map(Text, lines), Text(f"votes are in {one_line(made.folder)}", style="dim"))


def audit_table(plan: KeyAuditPlan, folder: str) -> Group:
    """What was drawn, and how many items prove what."""
    table = _table("stratum", "answers", "drawn", *(f"≤ {rate:.0%}" for rate in PLANNED))
    for one in plan.strata:
        table.add_row(one.name, f"{one.items:,}", f"{one.drawn:,}", *(_sizes(one.items, rate) for rate in PLANNED))
    table.add_row("(endless)", "", "", *(_sizes(None, rate) for rate in PLANNED), style="dim")
    return Group(
        Text(f"{sum(one.drawn for one in plan.strata):,} items for people in {one_line(folder)}", style="bold"),
        table,
        Text(
            "≤ e: items an audit needs to show, at 95%, that at most e of the answers are wrong, if 0 / 1 / 2 of them are.",
            style="dim",
        ),
    )


def show_status(found: KeyStatus) -> Group:
    """Everything, top down in the order of the work."""
    parts: list[Any] = [
        Text(f"{one_line(found.benchmark)}: {count(found.items, 'item')}, {one_line(found.folder)}", style="bold")
    ]
    voters = ", ".join(f"{one_line(name)} ({one_line(family)})" for name, family in found.voters.items()) or "none"
    parts.append(Text(f"votes      {found.votes:,} of {voters}{_unjudged(found)}"))
    parts.append(Text("agreement  " + ", ".join(f"{n:,} {name}" for name, n in found.agreement.items())))
    split = f", {found.split:,} await an adjudicator" if found.split else ""
    parts.append(Text(f"review     {found.reviewed:,} of {found.to_review:,} decided{split}"))
    parts.append(Text(f"audit      {found.audited:,} of {found.to_audit:,} counted"))
    if found.agreed[1]:
        kappa = "" if found.kappa is None else f", kappa {found.kappa:.3f}"
        parts.append(Text(f"people     agree on {found.agreed[0]:,} of {found.agreed[1]:,}{kappa}"))
    if found.strata:
        parts.append(_strata(found))
    parts.append(Text(_bound(found), style="bold"))
    parts += [Text(line) for line in (_accuracy(found.accuracy) if found.accuracy else ())]
    parts += [Text(f"to do      {one_line(line)}", style="yellow") for line in found.remains]
    parts += [Text(f"note       {one_line(line)}", style="dim") for line in found.notes]
    if found.frozen:
        parts.append(Text(f"frozen     {', '.join(map(one_line, found.frozen))}"))
    return Group(*parts)


def frozen_text(made: FrozenKey, benchmark: str) -> Group:
    """Where it lies, what it claims, and how it is used."""
    first = f"{one_line(made.path)}: {count(made.answers, 'answer')}, {made.contested:,} contested"
    return Group(
        Text(first if made.new else f"{first} (was frozen before, the same)", style="bold"),
        Text(made.provenance),
        Text(f"harness eval --keys {one_line(benchmark)}={one_line(made.path)} …, harness judge RUN --keys …", style="dim"),
    )


def _strata(found: KeyStatus) -> Table:
    """Of an audit of fixed size nothing is said before it is done: its bound allows for no look in between."""
    table = _table("unanimous", "answers", "audited", "not confirmed", "95% interval", "possibly wrong")
    for one in found.strata:
        said = one.rate if one.anytime or one.audited == one.drawn else None
        rate = "" if said is None else f"{said.low:.1%}–{said.high:.1%}"
        left = "" if said is None else f"{one.remaining:,}"
        table.add_row(one.name, f"{one.items:,}", f"{one.audited:,}", f"{one.errors:,}", rate, left)
    return table


def _bound(found: KeyStatus) -> str:
    if found.bound is None:
        return f"bound      none yet: {found.answers:,} answers, {found.contested:,} contested"
    return f"bound      at most {found.bound:.2%} of {found.answers:,} answers wrong at 95%; {found.contested:,} contested"


def _accuracy(one: KeyAccuracy) -> tuple[str, ...]:
    between = "" if one.low is None or one.high is None else f", {one.low:.2%}–{one.high:.2%} if the key errs as much as it can"
    low, high = one.with_contested
    with_all = f"; {low:.2%}–{high:.2%} with {count(one.contested, 'contested item')}" if one.contested else ""
    missing = f"; {one.missing:,} not answered yet" if one.missing else ""
    return (f"ACC        {one.acc:.2%} of {one.n:,} ({one_line(one.run)}){between}{with_all}{missing}",)


def _unjudged(found: KeyStatus) -> str:
    return f"; {found.unjudged:,} without a vote" if found.unjudged else ""


def _sizes(items: int | None, rate: float) -> str:
    return " / ".join(str(audit_size(rate, k) if items is None else audit_size_of(items, rate, k)) for k in range(3))


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table
