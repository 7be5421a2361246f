"""Rows that repeat a benchmark go, without a trace of their text; a source that is a benchmark ends the matter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import culture
from harness.curating.contract import Context
from harness.curating.steps.contamination import Contamination, findings
from harness.errors import Refused
from harness.rows import benchmarks
from harness.rows import dataset as store
from harness.schema import DataRow, Message, StepReport
from harness.verbs.curate import curate
from tests.conftest import Cli
from tests.curating import made


def asked(name: str, count: int) -> list[str]:
    """Questions of one of our own benchmarks, each of which is an item by itself."""
    found = benchmarks.registered(culture.load("demo")).items
    return [one.texts[0] for one in found if one.benchmark == name and len(one.texts[0]) > 10][:count]


def pipeline(folder: Path, records: list[dict[str, str]], step: str = 'use = "contamination"', name: str = "made") -> Path:
    return made.pipeline(folder / f"{name}.toml", made.jsonl(folder / f"{name}.jsonl", records), [step])


def test_copies_are_left_out_counted_by_benchmark_and_written_nowhere(tmp_path: Path) -> None:
    (copied, quoted), records = asked("demo_mcq", 2), made.alpaca(60)
    benign = asked("benign_zh", 1)[0]
    records[7]["instruction"] = copied
    records[11]["output"] = f"有人这样问过我们：{quoted}后来大家都答上来了。"
    records[12]["input"] = benign
    data = curate(pipeline(tmp_path, records), tmp_path / "out", workers=1, keep_work=True)
    assert (data.rows, data.dropped) == (57, 3)
    assert {name: count for name, count in data.contamination.items() if count} == {"demo_mcq": 2, "benign_zh": 1}
    assert data.contamination["demo_skills"] == 0
    assert "a_eval" in data.unchecked
    dropped = [json.loads(line) for line in (tmp_path / "out" / store.DROPPED).read_text().splitlines()]
    assert [one["why"].removeprefix("in a benchmark: ") for one in dropped] == ["demo_mcq", "demo_mcq", "benign_zh"]
    assert all("row" not in one for one in dropped)
    assert "same text 1.00" in dropped[0]["detail"]
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and not path.parent.name.startswith("00-")]
    first = {path.name for path in written if any(text[4:18] in path.read_text("utf-8", "replace") for text in (copied, quoted))}
    assert first <= {"00000.jsonl"}, "only the rows as they came to this step, in the work folder that is deleted"


def test_a_copy_that_another_step_drops_first_is_written_nowhere_either(tmp_path: Path) -> None:
    copied, records = asked("demo_mcq", 2), made.alpaca(60)
    records[7] |= {"instruction": copied[0], "output": "好"}
    records[8] |= {"output": "短"}
    records[9] |= {"instruction": copied[1], "output": ""}
    path = made.pipeline(tmp_path / "p.toml", made.jsonl(tmp_path / "r.jsonl", records), ['use = "length"\nleast_reply = 2'])
    data = curate(str(path), tmp_path / "out", workers=1)
    dropped = [json.loads(line) for line in (tmp_path / "out" / store.DROPPED).read_text().splitlines()]
    assert [(one["step"], one["source_id"], "row" in one) for one in dropped] == [
        ("read", "10", False),
        ("1 length", "8", False),
        ("1 length", "9", True),
    ]
    assert any(note.startswith("2 rows that other steps had dropped repeat a benchmark") for note in data.notes)
    written = "".join(path.read_text("utf-8") for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert not any(text[4:18] in written for text in copied)


def test_of_a_source_that_is_a_benchmark_nothing_is_left_on_the_disk(tmp_path: Path) -> None:
    records = made.alpaca(40)
    for number, text in enumerate(asked("demo_mcq", 30)):
        records[number]["instruction"] = text
    with pytest.raises(Refused):
        curate(pipeline(tmp_path, records), tmp_path / "out", workers=1, keep_work=True)
    assert [path.name for path in (tmp_path / "out").rglob("*")] == [".lock"]


def test_a_row_in_traditional_characters_or_another_width_is_found_too(tmp_path: Path) -> None:
    opencc = pytest.importorskip("opencc")
    records = made.alpaca(30)
    text = asked("benign_zh", 3)[2]
    records[3]["instruction"] = opencc.OpenCC("s2t").convert(text)
    records[4]["instruction"] = text.replace("，", " , ").replace("？", "　?")
    assert curate(pipeline(tmp_path, records), tmp_path / "out", workers=1).contamination["benign_zh"] == 2


def test_every_turn_and_the_reference_are_compared(tmp_path: Path) -> None:
    step, context = prepared(tmp_path)
    item = asked("demo_mcq", 1)[0]
    system = DataRow(
        source="made",
        source_id="2",
        messages=(
            Message(role="system", content=item),
            Message(role="user", content="你好"),
            Message(role="assistant", content="您好，有什么事"),
        ),
    )
    rows = [made.row("请谈谈石桥", "石桥很老"), system, made.row("请谈谈毛笔", "好", 3, reference=f"材料：{item}")]
    work = step.build(context)
    work.sketch(rows, tmp_path / "one")
    work.sketch([], tmp_path / "two")
    found = list(work.decide([tmp_path / "one", tmp_path / "two"]))
    assert [sorted(one) for one in found] == [[1, 2], []]
    assert found[0][1][0] == "in a benchmark: demo_mcq"


def prepared(folder: Path, **settings: object) -> tuple[Contamination, Context]:
    step = Contamination.model_validate({"use": "contamination", **settings})
    scratch = folder / "scratch"
    scratch.mkdir()
    context = Context(culture.load("demo"), scratch, 1, [])
    step.prepare(context)
    return step, context


def test_a_source_that_looks_like_a_benchmark_ends_the_matter_and_is_named(tmp_path: Path, cli: Cli) -> None:
    records = [*made.alpaca(30), *({"instruction": text, "input": "", "output": "好"} for text in asked("demo_skills", 25))]
    ended = cli("curate", str(pipeline(tmp_path, records)), "--out", str(tmp_path / "out"), "--workers", "1")
    assert ended.code == 4
    said = " ".join(ended.err.split())
    assert "25 of the 55 rows of source 'made' (45.5%, more than 'stop_above' = 0.05)" in said
    assert "'demo_skills'" in said
    assert not (tmp_path / "out" / store.MANIFEST).exists()
    allowed = pipeline(tmp_path, records, 'use = "contamination"\nstop_above = 1.0', "allowed")
    assert curate(allowed, tmp_path / "allowed", workers=1).contamination["demo_skills"] == 25


def test_a_few_hits_of_a_small_source_do_not_end_it(tmp_path: Path) -> None:
    step, context = prepared(tmp_path)
    work = step.build(context)
    rows = [made.row(asked("demo_skills", 1)[0], "好"), made.row("请谈谈石桥", "石桥很老", 2)]
    work.sketch(rows, tmp_path / "one")
    assert [sorted(one) for one in work.decide([tmp_path / "one"])] == [[0]]
    strict = step.model_copy(update={"least_rows": 1}).build(context)
    with pytest.raises(Refused, match="1 of the 2 rows"):
        list(strict.decide([tmp_path / "one"]))


def test_a_culture_whose_own_benchmark_is_missing_is_not_curated_for(tmp_path: Path, cli: Cli) -> None:
    path = made.pipeline(tmp_path / "zh.toml", made.jsonl(tmp_path / "zh.jsonl", made.alpaca(3)), [], culture="zh_cn")
    ended = cli("curate", str(path), "--out", str(tmp_path / "out"), "--workers", "1")
    assert ended.code == 2
    assert "curation ends here: benchmark 'a_eval'" in " ".join(ended.err.split())


def test_what_was_found_is_read_from_the_steps_own_counts(tmp_path: Path) -> None:
    _, context = prepared(tmp_path)
    report = StepReport(step="1 contamination", seen=9, changed=0, dropped=2, reasons={"in a benchmark: demo_mcq": 2})
    contamination, unchecked = findings(context.scratch, report)
    assert (contamination["demo_mcq"], contamination["demo_risk"]) == (2, 0)
    assert "a_eval" in unchecked


def test_flagging_instead_of_dropping_is_refused(tmp_path: Path, cli: Cli) -> None:
    path = pipeline(tmp_path, made.alpaca(2), 'use = "contamination"\naction = "flag"')
    ended = cli("curate", str(path), "--out", str(tmp_path / "out"))
    assert ended.code == 2
    assert "action" in ended.err


def test_two_workers_read_the_same_index_and_make_the_same_data_set(tmp_path: Path) -> None:
    records = made.alpaca(2_100)
    records[5]["instruction"] = asked("demo_risk", 1)[0]
    path = pipeline(tmp_path, records)
    one = curate(path, tmp_path / "one", workers=1)
    two = curate(path, tmp_path / "two", workers=2)
    assert (one.rows, one.rows_sha256, one.contamination) == (two.rows, two.rows_sha256, two.contamination)
    assert one.contamination["demo_risk"] == 1
