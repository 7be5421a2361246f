"""GateReport -> JUnit XML: one test case a line, so that any CI shows which metric dropped.

What is read of it differs: GitLab tells test cases apart by class name and name, and shows the text of `failure`, `error` and
`skipped`; GitHub's reporters show `message` and the text. So both say it, and no two cases share their names. No clock: `time`
is 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as ET

from harness.report.gate_facts import BLOCKING, bets, facts, headline, line_name, numbers, policy_name, refusal_headline, state
from harness.report.text import clean, one_line
from harness.schema import GateLine, GateRefusal, GateReport

LONGEST: Final = 2000
"""Columns of an attribute: a message is a line."""
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) has no place for, escaped or not."""
_ATTACHMENT: Final = "[["
"""GitLab takes `[[ATTACHMENT|path]]` in output for a file."""


def junit(report: GateReport, *, strict: bool = False) -> bytes:
    """A test suite: FAIL fails, UNDECIDED is skipped, `report` lines pass with their numbers as output.

    Args:
        report: what a gate found.
        strict: undecided gain and release lines fail too, as `harness gate --strict` does.
    """
    names = _names(report.lines)
    cases = [_case(line, name, strict) for line, name in zip(report.lines, names, strict=True)]
    return _file(f"harness gate: {policy_name(report.policy)}", _properties(report), cases)


def refusal_junit(refusal: GateRefusal) -> bytes:
    """A test suite of one case, an error: nothing was ruled."""
    case = _element("testcase", classname="harness gate", name="the runs can be compared", time="0")
    case.append(_element("error", f"{refusal_headline(refusal)}\n{refusal.error}", type=state(refusal), message=refusal.error))
    asked = (("policy", refusal.policy), ("baseline", refusal.baseline), ("candidate", refusal.candidate))
    return _file(f"harness gate: {refusal.policy}", asked, [case])


def _names(lines: Iterable[GateLine]) -> list[str]:
    """`acc (release)`, with dimensions where there are some; numbered where two would be the same."""
    found: dict[tuple[str, str], int] = {}
    names = []
    for line in lines:
        name = f"{line_name(line).removeprefix(line.target.benchmark).lstrip('/ ')} ({line.rule.question})"
        key = line.target.benchmark, name
        found[key] = found.get(key, 0) + 1
        names.append(name if found[key] == 1 else f"{name} #{found[key]}")
    return names


def _case(line: GateLine, name: str, strict: bool) -> ET.Element:
    case = _element("testcase", classname=line.target.benchmark, name=name, time="0")
    text = _text(line)
    if line.ruling == "FAIL":
        case.append(_element("failure", text, type="drop", message=line.why))
    elif line.ruling == "UNDECIDED" and strict and line.rule.question in BLOCKING:
        case.append(_element("failure", text, type="undecided", message=f"undecided: {line.why}"))
    elif line.ruling == "UNDECIDED":
        case.append(_element("skipped", text, message=f"undecided: {line.why}"))
    else:
        case.append(_element("system-out", text))
    return case


def _text(line: GateLine) -> str:
    ruling = line.ruling or "shown, not judged"
    parts = (f"{ruling}: {line_name(line)}", one_line(line.why), numbers(line), bets(line))
    return "\n".join(part for part in parts if part)


def _properties(report: GateReport) -> list[tuple[str, str]]:
    sides = (("baseline", report.baseline), ("candidate", report.candidate))
    found = [("ruling", report.ruling), ("why", report.why), ("headline", headline(report))]
    for name, side in sides:
        found += [(name, side.model), (f"{name} run", side.run or "none"), (f"{name} fingerprint", side.fingerprint)]
    found += [("policy digest", report.policy.digest or "built in"), ("judge", report.judge or "none")]
    found.append(("threshold", f"{report.threshold:g}"))
    return found + [(label, text) for label, text in facts(report) if label in ("keys", "audit", "asked")]


def _file(name: str, properties: Iterable[tuple[str, str]], cases: list[ET.Element]) -> bytes:
    found = {f"{kind}s": str(sum(case.find(kind) is not None for case in cases)) for kind in ("failure", "error")}
    counts = {"tests": str(len(cases)), **found, "time": "0"}
    skipped = str(sum(case.find("skipped") is not None for case in cases))
    suite = _element("testsuite", name=name, **counts, skipped=skipped)
    known = ET.SubElement(suite, "properties")
    known.extend(_element("property", name=one, value=value) for one, value in properties)
    suite.extend(cases)
    root = _element("testsuites", name=name, **counts)
    root.append(suite)
    ET.indent(root, " ")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _element(tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    made = ET.Element(tag, {name: one_line(_valid(value), LONGEST) for name, value in attributes.items()})
    if text is not None:
        made.text = clean(_valid(text))
    return made


def _valid(text: str) -> str:
    return _NO_XML.sub("\ufffd", text).replace(_ATTACHMENT, "[ [")
