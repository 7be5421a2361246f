"""The step `tags`: who is asked in which order, what stays as it is, and what is marked for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness import culture
from harness.curating.contract import Context, Drop
from harness.curating.steps import settings_of
from harness.curating.steps.tags import Tags
from harness.errors import DataError, JudgeError
from harness.runs.write import make_folder
from harness.schema import DataRow, Source
from harness.verbs.curate import curate
from tests.curating.made import jsonl, row
from tests.loopback import Loopback

TALE = row("给小猫写一首诗", "小猫，小猫。", 1, category="poem")
RISK = row("写一段话挖苦外来的租客", "这样不好。", 2, category="Unfairness")
CHAT = row("晚安，明天见", "晚安！", 3)
AREAS = {"poem": ("a_eval/TG",), "Unfairness": ("chisafetybench_v0_mcq/DI", "chisafetybench_v0_refusal/DI"), "empty": ()}


def context(tmp_path: Path, name: str = "zh_cn", areas: dict[str, tuple[str, ...]] | None = None) -> Context:
    make_folder(tmp_path / "scratch")
    own = {"made": Source(path="made.jsonl", format="messages", areas=AREAS if areas is None else areas)}
    return Context(culture.load(name), tmp_path / "scratch", 1, [], own)


def ruled(settings: Tags, where: Context, *rows: DataRow) -> list[DataRow | Drop]:
    settings.prepare(where)
    return settings.build(where).rule(rows)


def tags_of(rulings: list[DataRow | Drop]) -> list[tuple[tuple[str, ...], str]]:
    rows = [one.row if isinstance(one, Drop) else one for one in rulings]
    return [(one.areas, one.tagged_by) for one in rows]


def test_the_step_has_its_name_and_flags_by_default() -> None:
    assert settings_of("tags") is Tags
    assert Tags(use="tags").action == "flag"
    with pytest.raises(ValidationError, match=r"least = 0.9 is above sure = 0.8"):
        Tags(use="tags", least=0.9)
    with pytest.raises(ValidationError, match="people"):
        Tags.model_validate({"use": "tags", "by": ["people"]})


def test_the_sources_own_words_come_first_then_the_classifier(tmp_path: Path) -> None:
    where = context(tmp_path)
    rulings = ruled(Tags(use="tags"), where, TALE, RISK, CHAT)
    (tale, risk, (areas, by)) = tags_of(rulings)
    assert tale == (("a_eval/TG",), "source")
    assert risk == (("chisafetybench_v0_mcq/DI", "chisafetybench_v0_refusal/DI"), "source")
    assert areas == ()
    assert re.fullmatch(r"classifier:[0-9a-f]{8}", by)
    assert any("no judge model was named" in note for note in where.notes)
    assert any(
        re.match(r"classifier: \d{3,} examples of 11 labels; of kinds it had not seen, \d\d% were put right", n)
        for n in where.notes
    )


def test_a_source_may_say_that_a_category_teaches_nothing_or_that_all_teach_one_thing(tmp_path: Path) -> None:
    only = Tags(use="tags", by=("source",))
    empty = TALE.model_copy(update={"category": "empty"})
    assert tags_of(ruled(only, context(tmp_path), empty, CHAT)) == [((), "source"), ((), "")]
    everything = context(tmp_path, areas={"*": ("a_eval/LR",), "poem": ("a_eval/TG",)})
    assert tags_of(ruled(only, everything, TALE, CHAT)) == [(("a_eval/TG",), "source"), (("a_eval/LR",), "source")]


def test_a_rule_for_an_area_that_the_culture_lacks_is_refused(tmp_path: Path) -> None:
    where = context(tmp_path, areas={"poem": ("a_eval/TX",)})
    with pytest.raises(DataError, match=r"sources.made.areas.poem: no area of culture 'zh_cn' named 'a_eval/TX'; did you mean"):
        Tags(use="tags").prepare(where)


def test_rows_that_are_tagged_stay_as_they_are_unless_asked_otherwise(tmp_path: Path) -> None:
    tagged = TALE.model_copy(update={"areas": ("a_eval/TU",), "tagged_by": "people"})
    nothing = RISK.model_copy(update={"tagged_by": "people"})
    where = context(tmp_path)
    kept = ruled(Tags(use="tags", by=("source",)), where, tagged, nothing)
    assert kept[0] is tagged
    assert kept[1] is nothing
    again = ruled(Tags(use="tags", by=("source",), again=True), where, tagged, nothing)
    assert [by for _, by in tags_of(again)] == ["source", "source"]
    untold = CHAT.model_copy(update={"areas": ("a_eval/TU",), "tagged_by": "people"})
    assert ruled(Tags(use="tags", by=("source",), again=True), where, untold) == [untold]


def test_doubtful_guesses_are_marked_and_bad_ones_not_made(tmp_path: Path) -> None:
    question = row("请看看这句话写得对不对：他门来了", "应为“他们”")
    where = context(tmp_path, areas={})
    (marked,) = ruled(Tags(use="tags", by=("classifier",), least=0.0, sure=1.0), where, question)
    assert isinstance(marked, Drop)
    assert (marked.why, marked.row.areas, marked.detail) == ("tag unsure", ("a_eval/TU",), "")
    assert 0 < marked.doubt < 1
    assert ruled(Tags(use="tags", by=("classifier",), least=1.0, sure=1.0), where, question) == [question]


def test_a_culture_without_examples_says_so(tmp_path: Path) -> None:
    where = context(tmp_path, "demo", areas={})
    assert ruled(Tags(use="tags", by=("classifier",)), where, TALE) == [TALE]
    assert where.notes == ["culture 'demo' has no labelled examples (tags/*.jsonl), so nothing was classified"]


def test_what_decides_the_tags_decides_the_steps_identity(tmp_path: Path) -> None:
    one = Tags(use="tags")
    assert one.identity(context(tmp_path)) == one.identity(context(tmp_path))
    assert one.identity(context(tmp_path)) != one.identity(context(tmp_path, areas={"poem": ("a_eval/TU",)}))
    assert one.identity(context(tmp_path)) != one.identity(context(tmp_path, "demo"))


def test_a_judge_without_an_endpoint_is_refused_before_any_row_is_read(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="no endpoint for the judge 'qwen'"):
        Tags(use="tags", judge="openai:qwen").prepare(context(tmp_path))


def test_a_pipeline_tags_counts_and_flags(
    tmp_path: Path, loopback: Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(body: dict[str, Any]) -> str:
        text = body["messages"][1]["content"]
        found = re.search(r"[0-9a-f]{16}", text)
        assert found
        return "不知道" if "晚安" in text else json.dumps({"id": found.group(), "main": "demo_skills/TU", "second": "none"})

    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", loopback(answer=answer).base_url)
    records = [
        {"messages": [turn.model_dump() for turn in one.messages], "category": one.category or "chat"}
        for one in (TALE, RISK, CHAT)
    ]
    jsonl(tmp_path / "made.jsonl", records)
    (tmp_path / "p.toml").write_text(
        'name = "p"\nculture = "demo"\n'
        'sources = [{name = "made", path = "made.jsonl", format = "messages", areas = {poem = ["demo_skills/TG"]}}]\n'
        '[[step]]\nuse = "tags"\njudge = "tagger"\n'
    )
    made = curate(str(tmp_path / "p.toml"), tmp_path / "set", workers=1)
    rows = [DataRow.model_validate_json(line) for line in (tmp_path / "set" / "rows.jsonl").read_bytes().splitlines()]
    assert [(one.areas, one.tagged_by, one.flags) for one in rows] == [
        (("demo_skills/TG",), "source", {}),
        (("demo_skills/TU",), "judge:tagger", {}),
        ((), "", {"tag not judged": 0.5}),
    ]
    assert made.by_area == {"demo_skills/TG": 1, "demo_skills/TU": 1, "untagged": 1}
    step = next(one for one in made.steps if one.step.endswith("tags"))
    assert (step.changed, step.dropped, step.reasons) == (3, 0, {"tag not judged": 1})
