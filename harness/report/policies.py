"""Policy* -> a list, or the rules of one, for a terminal and as GitHub markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from harness.report.blocks import Block, Heading, Lines, Table, blocks_console, blocks_markdown
from harness.report.gate_facts import ABSENT, QUESTIONS, STATEMENT, policy_line, policy_name
from harness.report.text import one_line
from harness.schema import Policy, Rule

COLUMNS = ("benchmark", "metric", "question", "margin", "items")
BUILT_IN = "every main metric that both runs have, as a regression"


def show_policies(found: Sequence[Policy]) -> RenderableType:
    """Names, titles and numbers of rules for a terminal."""
    return blocks_console((_list(found),))


def policies_markdown(found: Sequence[Policy]) -> str:
    """The same as GitHub markdown."""
    return blocks_markdown((_list(found),))


def show_policy(policy: Policy) -> RenderableType:
    """The rules of one for a terminal."""
    return blocks_console(_one(policy))


def policy_markdown(policy: Policy) -> str:
    """The same as GitHub markdown."""
    return blocks_markdown(_one(policy))


def _list(found: Sequence[Policy]) -> Table:
    rows = tuple(
        (policy_name(one), one_line(one.title, STATEMENT), str(len(one.rules)) if one.rules else ABSENT) for one in found
    )
    return Table(("policy", "title", "rules"), rows, left=2)


def _one(policy: Policy) -> Iterator[Block]:
    yield Heading(policy_line(policy), 1)
    if not policy.rules:
        yield Lines((BUILT_IN,))
    else:
        yield Table(COLUMNS, tuple(_row(rule) for rule in policy.rules), left=3, words=frozenset({4}))
    yield Heading("How to read it", 2)
    asked = dict.fromkeys(rule.question for rule in policy.rules)
    yield Lines(tuple(f"{question}: {QUESTIONS[question]}" for question in QUESTIONS if question in asked) + _levels(policy))


def _row(rule: Rule) -> tuple[str, ...]:
    where = f"{rule.benchmark}/{'+'.join(rule.dimensions)}" if rule.dimensions else rule.benchmark
    each = ", each dimension" if rule.each else ""
    return one_line(where + each), rule.metric, rule.question, _margin(rule), "test" if rule.subset == "test" else "all"


def _margin(rule: Rule) -> str:
    if rule.question in ("gain", "report"):
        return ABSENT
    allowed = f", drops up to {100 * rule.tolerance:g} allowed" if rule.tolerance else ""
    return (f"{100 * rule.margin:.1f}" if rule.margin is not None else "by items") + allowed


def _levels(policy: Policy) -> tuple[str, ...]:
    judge = policy.judge
    demand = (
        (f"judged metrics need an audit: kappa at least {judge.kappa:g} (lower 95% bound), {judge.labels} labels or more",)
        if judge
        else ()
    )
    return (
        f"chance of any false FAIL {100 * policy.alpha:g}%, of a false PASS {100 * policy.beta:g}% a line; "
        f"at most {100 * policy.missing:g}% of a line's items may lack a response or verdict",
        *demand,
    )
