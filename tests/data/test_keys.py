"""Key file + samples -> samples with targets."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.data.hashing import content_hash
from harness.data.keys import UNDOCUMENTED, Key, apply_key, load_key
from harness.errors import DataError, UsageError
from harness.schema import Sample

Write = Callable[..., Path]
CHOICE = Sample(id="mcq-1", hash=content_hash("甲"), question="甲", dimension="DI", options={"A": "是", "B": "否"})
OPEN = Sample(id="aeval-1", hash=content_hash("乙"), question="乙", dimension="TU")


def row(sample: Sample, **fields: Any) -> dict[str, Any]:
    return {"hash": sample.hash, **fields}


@pytest.fixture
def key(write: Write) -> Callable[..., Key]:
    """The key with these rows."""
    return lambda *rows: load_key(write("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "mine.jsonl"))


def test_a_letter_becomes_the_target(key: Callable[..., Key]) -> None:
    (done,) = apply_key([CHOICE], key(row(CHOICE, answer="B", votes=["B", "B"], confidence="medium")))
    assert (done.target, done.target_confidence, done.target_kind) == ("B", "medium", None)


def test_a_reference_becomes_the_target_with_all_that_goes_with_it(key: Callable[..., Key]) -> None:
    full = row(
        OPEN, kind="open", reference="好", accept=["很好"], points=["说好"], confidence="high", id=1, note="x", second_pass=None
    )
    (done,) = apply_key([OPEN], key(full))
    assert (done.target, done.target_kind, done.accept, done.points) == ("好", "open", ("很好",), ("说好",))


@pytest.mark.parametrize(
    "fields", [{"answer": None}, {"answer": None, "votes": ["A", "B"]}, {"answer": "A", "confidence": "contested"}]
)
def test_a_contested_item_has_no_target_and_says_so(fields: dict[str, Any], key: Callable[..., Key]) -> None:
    (done,) = apply_key([CHOICE], key(row(CHOICE, **fields)))
    assert (done.target, done.target_confidence) == (None, "contested")


def test_an_item_the_key_does_not_know_has_no_target(key: Callable[..., Key]) -> None:
    done = apply_key([CHOICE, OPEN], key(row(CHOICE, answer="A")))
    assert [(s.target, s.target_confidence) for s in done] == [("A", None), (None, None)]


def test_another_key_leaves_nothing_of_the_first(key: Callable[..., Key]) -> None:
    once = apply_key([OPEN], key(row(OPEN, reference="好", accept=["很好"], points=["说好"], kind="open", confidence="low")))
    assert apply_key(once, key(row(CHOICE, answer="A"))) == [OPEN]


@pytest.mark.parametrize(
    ("least", "kept"), [("low", "LMH"), ("medium", "MH"), ("high", "H"), (None, "LMH"), ("contested", "LMH")]
)
def test_below_the_least_confidence_there_is_no_target(least: Any, kept: str, key: Callable[..., Key]) -> None:
    samples = [OPEN.model_copy(update={"id": c, "hash": content_hash(c)}) for c in "LMH"]
    rows = [row(s, reference="好", confidence=c) for s, c in zip(samples, ["low", "medium", "high"], strict=True)]
    done = apply_key(samples, key(*rows), least)
    assert "".join(s.id for s in done if s.target) == kept
    assert [s.target_confidence for s in done] == ["low", "medium", "high"]


def test_an_entry_without_confidence_states_no_doubt(key: Callable[..., Key]) -> None:
    assert apply_key([CHOICE], key(row(CHOICE, answer="A")), "high")[0].target == "A"


def test_an_unknown_confidence_is_a_usage_error(key: Callable[..., Key]) -> None:
    with pytest.raises(UsageError, match="no confidence named 'hi'"):
        apply_key([CHOICE], key(row(CHOICE, answer="A")), "hi")  # type: ignore[arg-type]


def test_a_letter_the_item_does_not_have_is_an_error(key: Callable[..., Key]) -> None:
    with pytest.raises(DataError, match=r"mine\.jsonl:2: answer 'C' for mcq-1, which has options A, B"):
        apply_key([CHOICE], key(row(OPEN, reference="好"), row(CHOICE, answer="C")))


def test_a_letter_for_an_open_question_is_an_error(key: Callable[..., Key]) -> None:
    with pytest.raises(DataError, match=r"mine\.jsonl:1: answer 'A' for aeval-1, which has no options"):
        apply_key([OPEN], key(row(OPEN, answer="A")))


def test_a_text_for_a_choice_item_is_an_error(key: Callable[..., Key]) -> None:
    with pytest.raises(DataError, match=r"mine\.jsonl:1: a reference text for mcq-1, which has options A, B; give the letter"):
        apply_key([CHOICE], key(row(CHOICE, reference="是")))


def test_a_small_letter_and_blanks_are_the_letter(key: Callable[..., Key]) -> None:
    assert key(row(CHOICE, answer=" b ")).entries[CHOICE.hash].answer == "B"


HASH = CHOICE.hash


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "JSON ends too early"),
        ('{"hash": "' + HASH + '", "answer": A}', "not JSON"),
        ('["x"]', "is not a JSON object"),
        ('{"answer": "A"}', "has no 'hash'"),
        ('{"hash": "' + HASH + '", "anwser": "A"}', "has neither 'answer' nor 'reference', only hash, anwser"),
        ('{"hash": "3D39", "answer": "A"}', "'hash' is not 16 lower-case hex digits: '3D39'"),
        ('{"hash": 5, "answer": "A"}', "'hash' is not 16 lower-case hex digits: '5'"),
        ('{"hash": "' + HASH + '", "answer": "是"}', "'answer' is not a letter A-Z .*: '是'"),
        ('{"hash": "' + HASH + '", "answer": "AB"}', "'answer' is not a letter A-Z"),
        ('{"hash": "' + HASH + '", "answer": ""}', "'answer' is not a letter A-Z"),
        ('{"hash": "' + HASH + '", "answer": 1}', "'answer' is not a letter A-Z"),
        ('{"hash": "' + HASH + '", "reference": " "}', "'reference' is not a text"),
        ('{"hash": "' + HASH + '", "reference": null}', "'reference' is null"),
        ('{"hash": "' + HASH + '", "reference": "\\ud800"}', "'reference' is not a text"),
        ('{"hash": "' + HASH + '", "answer": "A", "reference": "x"}', "has both an 'answer' and a 'reference'"),
        (
            '{"hash": "' + HASH + '", "answer": "A", "confidence": "sure"}',
            "'confidence' is not one of high, medium, low, contested: 'sure'",
        ),
        ('{"hash": "' + HASH + '", "reference": "x", "kind": "list"}', "'kind' is not one of exact, set, open"),
        ('{"hash": "' + HASH + '", "reference": "x", "accept": "y"}', "'accept' is not a list of texts"),
        ('{"hash": "' + OPEN.hash + '", "answer": "A"}', f"hash {OPEN.hash} stands twice, first in line 1"),
    ],
)
def test_a_broken_row_names_file_and_line(line: str, message: str, write: Write) -> None:
    good = json.dumps(row(OPEN, reference="好"))
    with pytest.raises(DataError, match=r"mine\.jsonl:3: " + message):
        load_key(write(f"{good}\n\n{line}\n", "mine.jsonl"))


def test_a_line_separator_inside_a_text_does_not_end_the_line(write: Write) -> None:
    text = json.dumps(row(OPEN, reference="一\u2028二\u0085三"), ensure_ascii=False)
    assert load_key(write(text, "mine.jsonl")).entries[OPEN.hash].target == "一\u2028二\u0085三"


@pytest.mark.parametrize(("name", "text"), [("mine.jsonl", "\n \n"), ("mine.csv", "hash,answer\n")])
def test_a_key_without_rows_is_an_error(name: str, text: str, write: Write) -> None:
    with pytest.raises(DataError, match="holds no answers"):
        load_key(write(text, name))


def test_a_key_that_is_not_utf_8_is_an_error(write: Write) -> None:
    with pytest.raises(DataError, match=r"mine\.jsonl:1: not UTF-8"):
        load_key(write('{"hash": "x", "reference": "好"}'.encode("gbk"), "mine.jsonl"))


def test_a_spreadsheet_of_letters_does(write: Write) -> None:
    text = f"Hash, Answer,note\r\n{CHOICE.hash}, b ,x\r\n{OPEN.hash},,\r\n,,\r\n".encode("utf-8-sig")
    entries = load_key(write(text, "mine.csv")).entries
    assert entries[CHOICE.hash].target == "B"
    assert entries[OPEN.hash].contested


def test_a_spreadsheet_of_references_does(write: Write) -> None:
    text = f'hash,reference,kind,confidence\n{OPEN.hash},"一，二\n三, 四",set,low\n'
    entry = load_key(write(text, "mine.csv")).entries[OPEN.hash]
    assert (entry.target, entry.kind, entry.confidence) == ("一，二\n三, 四", "set", "low")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: columns are none; 'hash' and 'answer' or 'reference' are needed"),
        ("id,answer\n1,A\n", "1: columns are id, answer; 'hash'"),
        ("hash,note\nx,y\n", "1: columns are hash, note; 'hash'"),
        ("hash,reference,accept\n", "1: column 'accept' holds lists, which need a JSONL file"),
        (f"hash,reference\n{HASH},one, two\n", "2: has more cells than columns; put texts with commas in quotes"),
        (f"hash,answer\n{HASH},是\n", "2: 'answer' is not a letter"),
        ("hash,answer\n,A\n", "2: has no 'hash'"),
        (f'hash,reference\n{HASH},"open\n', "[23]: not CSV"),
    ],
)
def test_a_broken_spreadsheet_names_file_and_line(text: str, message: str, write: Write) -> None:
    with pytest.raises(DataError, match=r"mine\.csv:" + message):
        load_key(write(text, "mine.csv"))


def test_the_version_is_stem_and_content(write: Write) -> None:
    path = write(json.dumps(row(CHOICE, answer="A")), "mine.jsonl")
    assert load_key(path).ref.version == f"mine@{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"


def test_a_key_without_a_sheet_is_undocumented(key: Callable[..., Key]) -> None:
    ref = key(row(CHOICE, answer="A")).ref
    assert (ref.provenance, ref.reviewed, ref.min_confidence) == (UNDOCUMENTED, False, None)


def test_the_sheet_beside_it_says_where_a_key_comes_from(write: Write) -> None:
    write('provenance = "two teachers"\nreviewed = true\npasses = 2\n', "mine.toml")
    ref = load_key(write(json.dumps(row(CHOICE, answer="A")), "mine.jsonl")).ref
    assert (ref.provenance, ref.reviewed) == ("two teachers", True)


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        ("provenance = ", "not TOML"),
        ("reviewed = true", "'provenance': Field required"),
        ('provenance = "x"', "'reviewed': Field required"),
        ('provenance = "x"\nreviewed = "yes"', "'reviewed': Input should be a valid boolean"),
        ('provenance = ""\nreviewed = true', "'provenance'"),
    ],
)
def test_a_broken_sheet_is_an_error(sheet: str, message: str, write: Write) -> None:
    write(sheet, "mine.toml")
    with pytest.raises(DataError, match=r"mine\.toml: " + message):
        load_key(write(json.dumps(row(CHOICE, answer="A")), "mine.jsonl"))


@pytest.mark.parametrize("benchmark", ["a_eval", "chisafetybench"])
def test_a_bundled_key_says_that_no_person_has_reviewed_it(benchmark: str, bundled_keys: dict[str, Path]) -> None:
    ref = load_key(bundled_keys[benchmark]).ref
    assert ref.provenance == "drafted by language models, not yet reviewed by people"
    assert not ref.reviewed


def test_the_sheet_of_the_choice_key_counts_its_rows(bundled_keys: dict[str, Path]) -> None:
    sheet = tomllib.loads(bundled_keys["chisafetybench"].with_suffix(".toml").read_text(encoding="utf-8"))
    entries = load_key(bundled_keys["chisafetybench"]).entries.values()
    assert Counter("contested" if e.contested else e.confidence for e in entries) == sheet["confidence"]
    equal = sum(len(set(e.votes)) == 1 for e in entries)
    first, second = (Counter(e.votes[n] for e in entries) for n in (0, 1))
    chance = sum(first[letter] * second[letter] for letter in first) / len(entries) ** 2
    kappa = round((equal / len(entries) - chance) / (1 - chance), 3)
    assert {"items": len(entries), "equal": equal, "contested": len(entries) - equal, "kappa": kappa} == sheet["agreement"]


def test_the_sheet_of_the_references_counts_its_rows(bundled_keys: dict[str, Path]) -> None:
    sheet = tomllib.loads(bundled_keys["a_eval"].with_suffix(".toml").read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in bundled_keys["a_eval"].read_text(encoding="utf-8").split("\n") if line]
    assert Counter(r["kind"] for r in rows) == sheet["kinds"]
    assert Counter(r["confidence"] for r in rows) == sheet["confidence"]
    second = [r for r in rows if r["second_pass"]]
    disagree = [r["id"] for r in second if r["second_pass"] == "disagree"]
    assert {"items": len(second), "equal": len(second) - len(disagree), "disagree": disagree} == sheet["agreement"]
    assert sheet["notes"]["defects"].startswith(f"{sum('note' in r for r in rows)} entries")


REPEATING = OPEN.model_copy(update={"question": "改正：他去学笑上课。"})


def test_parts_are_put_together_from_the_question(key: Callable[..., Key]) -> None:
    (done,) = apply_key(
        [REPEATING], key(row(REPEATING, reference=[[3, 6], "校", [7, 10]], accept=[["她", [4, 6], "校"], "学校"]))
    )
    assert done.target == "他去学校上课。"
    assert done.accept == ("她去学校", "学校")


@pytest.mark.parametrize("parts", [[[3, 99]], [[6, 6]], [[9, 3]]])
def test_a_range_outside_the_question_names_file_and_line(parts: Any, key: Callable[..., Key]) -> None:
    with pytest.raises(DataError, match=r"mine.jsonl:1: a range outside the question of aeval-1, which has 10 characters"):
        apply_key([REPEATING], key(row(REPEATING, reference=parts)))


@pytest.mark.parametrize("parts", [[[-1, 3]], [["a", 3]], [], [[1, 2, 3]], [[True, 3]]])
def test_parts_that_are_no_ranges_are_an_error(parts: Any, key: Callable[..., Key]) -> None:
    with pytest.raises(DataError, match="mine.jsonl:1: 'reference' is not a text"):
        key(row(REPEATING, reference=parts))
