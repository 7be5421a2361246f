"""`harness vocab warmup`: text without what benchmarks ask, only embeddings learn, the whole descent, one line on every error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.demo import benchmark, lessons
from harness.errors import DataError, TrainerError, UsageError
from harness.schema import Checkpoint
from harness.verbs.vocab_warmup import vocab_warmup
from harness.vocabulary.embeddings import extend_weights
from harness.vocabulary.texts import find
from harness.vocabulary.warming import warming
from tests.conftest import Cli
from tests.vocabulary.extended import longer_tokenizer

QUICK = {"instances_per_step": "4", "tokens_per_micro_step": "256", "max_length": "64"}
LINES = ("春天的公园里有山有水。", "天气很好，公园里有许多人。" * 9, "The weather in the park is fine.", "龘是一个字。") * 4


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plain text, with one question of a benchmark in it."""
    file = tmp_path_factory.mktemp("text") / "plain.txt"
    asked = max((one.question for one in benchmark.read("tu")), key=len)
    file.write_text("\n".join([*LINES[:8], asked, *LINES[8:]]) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("base")
    extend_weights(tiny_model, tiny_model, longer_tokenizer(tiny_model, folder / "tokenizer"), folder / "longer")
    return folder / "longer"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def warmed(base: Path, text: Path, place: Path) -> Checkpoint:
    return vocab_warmup(
        str(base), [text], recipe="demo-warmup", overrides=QUICK, checkpoints=place / "checkpoints", mixes=place / "mixes"
    )


def test_a_warm_up_is_a_checkpoint_with_its_whole_descent(warmed: Checkpoint, base: Path) -> None:
    assert (warmed.name, warmed.parent, warmed.stage) == ("longer-warm", "longer", "vocabulary")
    assert warmed.recipe.base == str(base)
    assert warmed.recipe.hyper.trainable == "embeddings"
    assert Path(warmed.recipe.rows).is_file()
    assert (warmed.report.final_loss or 0) < (warmed.report.first_loss or 0)


def test_the_same_again_is_answered_at_once(warmed: Checkpoint, base: Path, text: Path, place: Path) -> None:
    again = vocab_warmup(
        str(base), [text], recipe="demo-warmup", overrides=QUICK, checkpoints=place / "checkpoints", mixes=place / "mixes"
    )
    assert again == warmed


def test_lines_that_repeat_a_benchmark_are_left_out_and_listed_without_their_text(warmed: Checkpoint) -> None:
    folder = Path(warmed.recipe.rows).parent
    (dropped,) = map(json.loads, (folder / "dropped.jsonl").read_text().splitlines())
    assert (dropped["line"], dropped["why"]) == (9, "in a benchmark: demo_skills")
    assert set(dropped) == {"text", "line", "why", "detail"}
    rows = [json.loads(line)["text"] for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert rows == list(LINES)
    said = json.loads((folder / "warmup.json").read_text())
    assert (said["rows"], said["dropped"]) == (16, {"demo_skills": 1})
    assert said["compared"]["demo_skills"] > 100
    assert "left out of the text, for repeating a benchmark: 1 of demo_skills" in warmed.notes


def test_long_lines_are_cut_into_pieces_and_the_checkpoint_says_so(warmed: Checkpoint) -> None:
    assert any(note.startswith("4 of 16 texts are longer than 64 tokens") for note in warmed.notes)


def test_what_the_demo_draws_is_not_taken_for_its_own_benchmark_as_text_or_as_rows(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    drawn = lessons.rows("tu", 50, 3)
    turns = [[{"role": "user", "content": one.question}, {"role": "assistant", "content": one.answer}] for one in drawn]
    file.write_text("".join(json.dumps({"messages": two}, ensure_ascii=False) + "\n" for two in turns), encoding="utf-8")
    assert warming(find([file]), tmp_path).dropped == {}
    made = warming(find(["demo:tu_topic"]), tmp_path)
    assert made.dropped == {}
    assert made.rows == 4000
    assert warming(find(["demo:tu_topic"]), tmp_path) == made


def test_a_dry_run_counts_pieces_and_trains_nothing(cli: Cli, base: Path, text: Path, tmp_path: Path) -> None:
    given = [word for pair in QUICK.items() for word in ("--set", f"{pair[0]}={pair[1]}")]
    words = [
        "vocab",
        "warmup",
        "--base",
        str(base),
        "--text",
        str(text),
        "--recipe",
        "demo-warmup",
        *given,
        "--dry-run",
        "--json",
    ]
    done = cli(*words, "--checkpoints", str(tmp_path / "checkpoints"))
    assert done.code == 0, done.err
    found = json.loads(done.out)["estimate"]
    assert (found["rows"], found["counted"]) == (16, 16)
    assert found["tokens"] - found["supervised_tokens"] > 16
    assert any("cut into" in note for note in found["notes"])
    assert "left out: 1 lines that repeat demo_skills" in done.err
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"recipe": "demo-knowledge"}, "recipe 'demo-knowledge' trains every weight, and a warm-up only embeddings"),
        ({"trainer": "trl"}, "trainer 'trl' does not honour 'trainable'"),
        ({"trainer": "command"}, "trainer 'command' takes no rows of plain text"),
    ],
)
def test_what_cannot_warm_up_is_refused_before_any_text_is_read(given: dict[str, Any], complaint: str, base: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        vocab_warmup(str(base), ["no such file"], **({"recipe": "demo-warmup"} | given))


def test_a_text_of_nothing_but_a_benchmark_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "asked.txt"
    file.write_text("\n".join(one.question for one in benchmark.read("ie", "small")), encoding="utf-8")
    with pytest.raises(DataError, match=r"no line is left: all \d+ repeat a benchmark"):
        warming(find([file]), tmp_path)


def test_a_trainer_that_changed_a_layer_is_found_out(tmp_path: Path, tiny_model: Path) -> None:
    from harness.training.verify import verify
    from tests.tiny import make_tiny

    other = make_tiny(tmp_path / "other", seed=1)
    assert verify(other, tiny_model).weights
    with pytest.raises(TrainerError, match=r"tensor 'model\.layers\.0\S+' is not the base's, though .* only embeddings learn"):
        verify(other, tiny_model, trainable="embeddings")
