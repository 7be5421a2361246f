"""The offline classifier of subjects: its examples, what it is worth, and what it makes of questions it has never seen."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from harness import culture
from harness.curating.tagging import classifier
from harness.curating.tagging.classifier import Classifier, HeldOut
from harness.curating.tagging.examples import Example, examples_of, read_examples, taught
from harness.curating.tagging.guessing import Guesses, notes
from harness.curating.tagging.subjects import NONE, areas_of, subjects
from harness.data import readers
from harness.data.taxonomy import load_taxonomy
from harness.errors import DataError, UsageError
from harness.folders import task_folders
from harness.rows.contamination import BenchmarkItem, Index, bare
from harness.schema import Culture
from tests.curating.made import row
from tests.mixing.test_datasets import made_set

A_EVAL = "a-eval/llm_678_2024-06-11-151217.json"
REFUSAL = "chisafetybench/v0/safety_denial_2024-06-12-210436.json"
CHOICE = "chisafetybench/v0/safety_content_2024-06-06-143620.json"


@pytest.fixture(scope="module")
def zh() -> Culture:
    return culture.load("zh_cn")


@pytest.fixture(scope="module")
def examples(zh: Culture) -> list[Example]:
    return read_examples(taught(zh, ()), zh, subjects(zh), most=1)


@pytest.fixture(scope="module")
def trained(examples: list[Example]) -> tuple[Classifier, HeldOut]:
    made, tested = classifier.train(examples, "d" * 64)
    assert tested is not None
    return made, tested


def asked(benchmarks: Path, name: str) -> list[tuple[str, str]]:
    """(own subject, question) of a published file."""
    folder = next(task_folders().__iter__()) / "zh_cn"
    if name == A_EVAL:
        found = readers.a_eval(benchmarks / name, load_taxonomy(folder / "a_eval" / "taxonomy.json"))
        return [(f"a_eval/{one.dimension}", one.question) for one in found]
    read = readers.chisafetybench_refusal if name == REFUSAL else readers.chisafetybench_mcq
    found = read(benchmarks / name, load_taxonomy(folder / "chisafetybench" / "taxonomy.json"))
    return [(f"chisafetybench/{one.dimension}", one.question) for one in found]


def test_benchmarks_that_share_a_taxonomy_share_its_subjects(zh: Culture) -> None:
    found = subjects(zh)
    assert found["chisafetybench/DI"].areas == ("chisafetybench_v0_mcq/DI", "chisafetybench_v0_refusal/DI")
    assert found["chisafetybench/SR"].areas == ("chisafetybench_v0_mcq/SR",)
    assert found["a_eval/TG"].title == "文本生成"
    assert "文章写作" in found["a_eval/TG"].topics
    assert {"mmlu", "a_eval/LR", "benign_zh/DI"} <= areas_of(zh)
    assert subjects(culture.load("demo"))["demo_skills/TU"].areas == ("demo_skills/TU",)


def test_there_are_examples_of_every_dimension_and_of_what_teaches_none(examples: list[Example]) -> None:
    labels = [one.label for one in examples]
    wanted = {f"a_eval/{d}" for d in ("TU", "IE", "TG", "LR", "TP")} | {NONE}
    wanted |= {f"chisafetybench/{d}" for d in ("DI", "VV", "CV", "IR", "SR")}
    assert {label: labels.count(label) >= 70 for label in sorted(wanted)} == dict.fromkeys(sorted(wanted), True)
    assert set(labels) == wanted
    assert len({one.text for one in examples}) == len(examples)
    assert all(len({one.label for one in examples if one.kind == kind}) == 1 for kind in {one.kind for one in examples})


def test_no_example_repeats_a_benchmark(examples: list[Example], benchmarks: Path) -> None:
    items = [text for name in (A_EVAL, REFUSAL, CHOICE) for _, text in asked(benchmarks, name)]
    index = Index([BenchmarkItem("all", str(n), (text,)) for n, text in enumerate(items)])
    assert [one.text for one in examples if index.find(one.text)] == []
    published = "\n".join(bare(text) for text in items)
    runs = {published[i : i + 14] for i in range(len(published) - 13)}
    texts = [bare(one.text) for one in examples]
    assert [text for text in texts if any(text[i : i + 14] in runs for i in range(len(text) - 13))] == []


def test_kinds_that_were_held_out_are_put_right_far_more_often_than_by_chance(trained: tuple[Classifier, HeldOut]) -> None:
    tested = trained[1]
    assert tested.accuracy > 0.5  # 0.62 measured; guessing among 11 labels: 0.09
    n, right = tested.sure[0.8]
    assert n > 0.2 * tested.n
    assert right / n > 0.8
    assert sum(n for row_ in tested.confusion.values() for n in row_.values()) == tested.n


def test_probabilities_mean_what_they_say_of_examples_that_were_held_out(examples: list[Example]) -> None:
    labels = sorted({one.label for one in examples})
    from harness.curating.tagging.features import counts

    held = classifier._held_out(examples, labels, counts([one.text for one in examples]))
    assert held is not None
    places = classifier._places(examples, labels)
    found = classifier.softmax(held / classifier._temperature(held, places))
    top, right = found.max(axis=1), found.argmax(axis=1) == places
    error = 0.0
    for low in np.arange(0, 1, 0.2):
        inside = (top >= low) & (top < low + 0.2)
        if inside.any():
            error += inside.mean() * abs(top[inside].mean() - right[inside].mean())
    assert error < 0.08


@pytest.mark.parametrize(("name", "least", "when_sure"), [(A_EVAL, 0.55, 0.65), (REFUSAL, 0.45, 0.6), (CHOICE, 0.35, 0.65)])
def test_published_questions_mostly_get_their_own_dimension(
    trained: tuple[Classifier, HeldOut], benchmarks: Path, name: str, least: float, when_sure: float
) -> None:
    """Measured: A-Eval 0.64 (0.75 where it is 80% sure), risky questions 0.57 (0.72), multiple choice 0.49 (0.83)."""
    made, _ = trained
    own, questions = zip(*asked(benchmarks, name), strict=True)
    found = made.probabilities(questions)
    right = np.array([made.labels[place] for place in found.argmax(axis=1)]) == np.array(own)
    sure = found.max(axis=1) >= 0.8
    assert right.mean() > least
    assert right[sure].mean() > when_sure


def test_training_gives_the_same_bytes_and_storing_keeps_them(
    examples: list[Example], trained: tuple[Classifier, HeldOut], tmp_path: Path
) -> None:
    made, tested = trained
    again, _ = classifier.train(examples, "d" * 64)
    for name, one in (("a", made), ("b", again)):
        (tmp_path / name).mkdir()
        one.store(tmp_path / name, tested)
    for file in ("classifier.npy", "classifier.json"):
        first, second = ((tmp_path / name / file).read_bytes() for name in "ab")
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    texts = ["把这句话翻译成法语：天亮了", "", "你好"]
    assert np.array_equal(classifier.load(tmp_path / "a").probabilities(texts), made.probabilities(texts))


def test_a_stored_classifier_that_is_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no usable classifier"):
        classifier.load(tmp_path)
    (tmp_path / "classifier.json").write_text('{"labels": ["a"], "temperature": 1, "digest": "x"}')
    np.save(tmp_path / "classifier.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="no usable classifier"):
        classifier.load(tmp_path)


def test_a_guess_counts_from_the_least_probability_on_and_is_marked_below_the_sure_one(
    zh: Culture, trained: tuple[Classifier, HeldOut]
) -> None:
    made, known = trained[0], subjects(zh)
    rows = [row("请找出这句话里的错别字并改正：他门来了", "他们来了"), row("今天真开心，陪我聊聊", "好呀")]
    likely = made.probabilities([one.messages[0].content for one in rows]).max(axis=1)
    taken, chat = Guesses(made, known, least=0.0, sure=0.0).tell(rows)
    assert taken is not None
    assert chat is not None
    assert (taken.areas, taken.why, taken.by) == (("a_eval/TU",), "", "classifier:dddddddd")
    assert (chat.areas, chat.by) == ((), "classifier:dddddddd")
    doubtful = Guesses(made, known, least=0.0, sure=1.0).tell(rows)[0]
    assert doubtful is not None
    assert (doubtful.why, doubtful.doubt) == ("tag unsure", round(1 - float(likely[0]), 3))
    assert Guesses(made, known, least=1.0, sure=1.0).tell(rows) == [None, None]


def test_too_few_kinds_are_said_and_one_label_is_refused() -> None:
    few = [Example(label=label, kind=label, text=text) for label, text in (("a", "红茶"), ("b", "火车"), ("b", "轮船"))]
    made, tested = classifier.train(few, "x")
    assert tested is None
    assert made.labels[int(made.probabilities(["红茶好喝"]).argmax())] == "a"
    assert "how often it is right is not known" in notes(tested, 3, 2)[0]
    with pytest.raises(DataError, match="needs examples of two labels at least; there are 1 of 1"):
        classifier.train(few[:1], "x")


def test_tagged_data_sets_are_examples_too_as_many_of_each_label_as_asked(zh: Culture, tmp_path: Path) -> None:
    rows = [row(f"第{n}杯茶怎么泡", "用热水", n, areas=("a_eval/TG",)) for n in range(9)]
    rows += [row("推断题", "对", "two", areas=("a_eval/LR", "a_eval/TG")), row("闲聊", "好", "no")]
    folder = str(made_set(tmp_path / "set", rows, of="zh_cn"))
    found = read_examples(taught(zh, [folder]), zh, subjects(zh), most=4)
    more = found[len(read_examples(taught(zh, ()), zh, subjects(zh), most=4)) :]
    assert [one.label for one in more] == ["a_eval/TG"] * 4
    assert taught(zh, [folder]).digest != taught(zh, ()).digest
    with pytest.raises(UsageError, match="no source or data set to train on named 'gone'"):
        taught(zh, ["gone"])


def test_a_broken_example_is_named_with_its_line(zh: Culture, tmp_path: Path) -> None:
    other = zh.model_copy(update={"folder": str(tmp_path)})
    (tmp_path / "tags").mkdir()
    good = '{"label": "none", "kind": "k", "text": "你好"}\n'
    for line, said in (
        ('{"label": "a_eval/XX", "kind": "k", "text": "t"}', "no label named 'a_eval/XX'"),
        ('{"label": "none", "text": "t"}', "no example: kind: Field required"),
        ('{"label": "none", "kind": "k", "text": ""}', "no example: text"),
        ("{", "own.jsonl:2"),
    ):
        (tmp_path / "tags" / "own.jsonl").write_text(good + line)
        with pytest.raises(DataError, match=said):
            read_examples(taught(other, ()), other, subjects(zh), most=1)
    assert [path.name for path in examples_of(other)] == ["own.jsonl"]
