"""JUnit XML: what CI reads of it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.report.junit import junit, refusal_junit
from harness.schema import GateReport
from tests.report.gates import LINES, line, matches, refusal, report, sequential


def suite(of: bytes) -> ET.Element:
    found = ET.fromstring(of).find("testsuite")
    assert found is not None
    return found


def cases(of: bytes) -> dict[str, ET.Element]:
    """Class name and name -> case."""
    return {f"{one.get('classname')} {one.get('name')}": one for one in suite(of).iter("testcase")}


def test_it_is_what_the_golden_file_says() -> None:
    matches("gate.xml", junit(report()).decode())


def test_a_line_is_a_case_named_by_benchmark_metric_and_question() -> None:
    assert list(cases(junit(report()))) == [
        "a_eval acc, test (gain)",
        "mmlu acc (release)",
        "chisafetybench_refusal_v1 DI+VV hr (regression)",
        "benign_zh answered (regression)",
        "a_eval TU acc (report)",
    ]


def test_a_proven_drop_fails_with_its_numbers_in_message_and_text() -> None:
    failure = cases(junit(report()))["chisafetybench_refusal_v1 DI+VV hr (regression)"].find("failure")
    assert failure is not None
    assert failure.get("message") == "-8.0 points, a drop beyond doubt"
    assert "baseline 2.0 · candidate 10.0 · change -8.0" in (failure.text or "")


def test_undecided_is_skipped_and_under_strict_fails_where_proof_was_asked_for() -> None:
    lines = (line("a", question="release", ruling="UNDECIDED"), line("b", ruling="UNDECIDED"))
    lax, strict = (cases(junit(report(*lines), strict=how)) for how in (False, True))
    assert [child.tag for one in lax.values() for child in one] == ["skipped", "skipped"]
    assert [child.tag for one in strict.values() for child in one] == ["failure", "skipped"]
    assert strict["a acc (release)"].find("failure").get("type") == "undecided"  # type: ignore[union-attr]


def test_a_passed_or_merely_shown_line_is_a_passed_case_with_output() -> None:
    found = cases(junit(report()))
    for name in ("a_eval TU acc (report)", "benign_zh answered (regression)"):
        assert [child.tag for child in found[name]] == ["system-out"]
    assert "shown, not judged" in (found["a_eval TU acc (report)"].findtext("system-out") or "")


def test_the_counts_are_those_of_the_cases() -> None:
    head = suite(junit(report()))
    assert (head.get("name"), head.get("tests"), head.get("failures"), head.get("errors"), head.get("skipped")) == (
        "harness gate: zh_cn/contract",
        str(len(LINES)),
        "1",
        "0",
        "1",
    )


def test_the_properties_say_who_by_what() -> None:
    found = {one.get("name"): one.get("value") for one in suite(junit(report())).iter("property")}
    assert found["baseline"] == "llama3-8b"
    assert found["candidate run"] == "llama3-8b-safe-zh_cn-1bd0aa47"
    assert found["policy digest"] == "ab12" * 16
    assert found["judge"] == "openai:qwen2.5-72b-instruct@3f2a"
    sequence = {one.get("name"): one.get("value") for one in suite(junit(sequential())).iter("property")}
    assert "96 of 4,712 items" in (sequence["asked"] or "")
    assert sequence["candidate run"] == "none"


def test_two_cases_never_share_class_name_and_name() -> None:
    found = junit(report(line(), line(), line(subset="test"), line(question="release")))
    assert len(cases(found)) == 4


@pytest.mark.parametrize("evil", ["\x00\x08\x1b[31m", "\ud800", "\ufffe\uffff", "]]>&<\"'", "\u2028\u0085", "a\tb\nc\rd", "💥"])
def test_it_is_valid_xml_whatever_the_text(evil: str) -> None:
    text = f"x{evil}y"
    lines = [line(dimensions=("TU",), ruling="FAIL"), line(ruling="UNDECIDED")]
    lines = [one.model_copy(update={"name": text, "why": text}) for one in lines]
    target = lines[1].target.model_copy(update={"benchmark": text})
    lines[1] = lines[1].model_copy(update={"target": target})
    hostile = report().model_copy(update={"lines": tuple(lines), "judge": text, "why": text})
    head = suite(junit(hostile))
    assert head.get("tests") == "2"
    assert [one.get("classname", "")[:1] for one in head.iter("testcase")] == ["a", "x"]


def test_a_name_is_no_file_for_gitlab_to_attach() -> None:
    assert b"[[" not in junit(report(line(dimensions=("[[ATTACHMENT|/etc/passwd]]",), why="[[ATTACHMENT|x]]")))


def test_the_same_report_gives_the_same_bytes_and_no_time() -> None:
    again = GateReport.model_validate_json(report().model_dump_json())
    assert junit(again) == junit(report())
    assert {one.get("time") for one in suite(junit(report())).iter("testcase")} == {"0"}


ALLOWED = {
    "testsuites": ({"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"properties", "testcase"}),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"classname", "name", "time"}, {"skipped", "error", "failure", "system-out"}),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"message"}, set()),
    "system-out": (set(), set()),
}
"""Of junit-10.xsd, which Jenkins publishes: attributes and children, as far as they are used here."""


@pytest.mark.parametrize("parser", ["xml.etree.ElementTree", "lxml.etree"])
@pytest.mark.parametrize(
    "written", [junit(report()), junit(report(), strict=True), junit(sequential()), refusal_junit(refusal())], ids=range(4)
)
def test_it_keeps_the_rules_that_ci_servers_check_it_by(parser: str, written: bytes) -> None:
    root: Any = pytest.importorskip(parser).fromstring(written)
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
        assert len(element) <= 1 or element.tag != "testcase"
    (head,) = root
    assert head[0].tag == "properties"
    for of in (root, head):
        assert (of.get("tests"), of.get("time")) == (str(len(head.findall("testcase"))), "0")
        assert of.get("failures") == str(len(list(head.iter("failure"))))
        assert of.get("errors") == str(len(list(head.iter("error"))))
    assert head.get("skipped") == str(len(list(head.iter("skipped"))))


def test_what_is_said_of_an_error_steers_no_terminal() -> None:
    assert "\x9b" not in refusal_junit(refusal().model_copy(update={"error": "a\x9b2J\u202eb"})).decode()


def test_a_gate_that_could_not_rule_is_one_error() -> None:
    head = suite(refusal_junit(refusal()))
    assert (head.get("tests"), head.get("errors"), head.get("failures")) == ("1", "1", "0")
    error = head.find("testcase/error")
    assert error is not None
    assert (error.get("type"), error.get("message")) == (
        "not comparable",
        "runs 'a' and 'b' cannot be compared: they differ in judge",
    )
