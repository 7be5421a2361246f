"""Tokens of a text, counted; and the commands from a text to a checkpoint that every engine loads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.errors import DataError, UsageError
from harness.schema import Fertility, FertilityRow
from harness.training.estimate import read_shape
from harness.verbs.vocab_extend import vocab_extend
from harness.verbs.vocab_measure import vocab_measure
from harness.verbs.vocab_train import vocab_train
from harness.vocabulary import texts
from harness.vocabulary.paying import Shape, _known, _verdict, shape
from harness.vocabulary.tokenizers import load
from tests.conftest import Cli
from tests.vocabulary.bases import CHINESE, ENGLISH, make_base


@pytest.fixture(scope="module")
def zh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "zh.txt"
    file.write_text("\n".join(CHINESE) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def trained(tiny_model: Path, zh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "voc"
    vocab_train(str(tiny_model), [zh], 600, folder, script="han")
    return folder


@pytest.fixture(scope="module")
def checkpoints(tiny_model: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    vocab_extend(str(tiny_model), trained, "tiny-zh", checkpoints=folder)
    return folder


def row(found: Fertility, name: str) -> FertilityRow:
    return next(one for one in found.rows if one.name == name)


def test_counts_are_those_of_the_tokenizers(tiny_model: Path, trained: Path, zh: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    en = tmp_path / "en.txt"
    en.write_text("\n".join(ENGLISH[:50]), encoding="utf-8")
    found = vocab_measure(str(tiny_model), [str(trained)], [zh, en])
    old, new = (AutoTokenizer.from_pretrained(folder) for folder in (tiny_model, trained / "tokenizer"))
    lines = [*CHINESE, *ENGLISH[:50]]
    for count, tokenizer in zip(row(found, "all").counts, (old, new), strict=True):
        ids = [tokenizer.encode(line, add_special_tokens=False) for line in lines]
        assert count.tokens == sum(map(len, ids))
        assert count.per_line == pytest.approx(count.tokens / 350)
        assert count.bytes_per_token == pytest.approx(sum(len(line.encode()) for line in lines) / count.tokens)
        pieces = [tokenizer.decode([number]) for one in ids for number in one]
        assert count.fragments == sum("\ufffd" in piece for piece in pieces)
        assert count.single_characters == sum(len(piece) == 1 and piece != "\ufffd" for piece in pieces)
    assert row(found, str(en)).counts[0].tokens == row(found, str(en)).counts[1].tokens
    assert sum(one.characters for one in found.rows if one.scope == "script") == row(found, "all").characters
    scripts = [one.counts for one in found.rows if one.scope == "script"]
    assert [sum(counts[k].tokens for counts in scripts) for k in (0, 1)] == [one.tokens for one in row(found, "all").counts]
    assert [sum(lines) for lines in found.histograms] == [350, 350]


def test_the_interval_of_the_ratio_holds_it_and_is_what_resampling_lines_gives(tiny_model: Path, trained: Path, zh: Path) -> None:
    import numpy as np
    from transformers import AutoTokenizer

    found = vocab_measure(str(tiny_model), [str(trained)], [zh])
    counts = np.array(
        [
            [len(tokenizer.encode(line, add_special_tokens=False)) for line in CHINESE]
            for tokenizer in (AutoTokenizer.from_pretrained(folder) for folder in (tiny_model, trained / "tokenizer"))
        ]
    )
    draws = np.random.default_rng(1).integers(0, len(CHINESE), (4000, len(CHINESE)))
    low, high = np.quantile(counts[1][draws].sum(1) / counts[0][draws].sum(1), (0.025, 0.975))
    (interval,) = row(found, "all").ratios
    assert interval is not None
    assert interval.low < found.costs[0].ratio < interval.high
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.2 * (high - low))


def test_alone_it_tries_a_vocabulary_on_the_other_half(tiny_model: Path, zh: Path) -> None:
    found = vocab_measure(str(tiny_model), [], [zh], trial=500, script="han")
    assert found.tokenizers[1].name.startswith("+")
    assert "learnt from half of the lines" in found.notes[0]
    assert 100 < found.text[0].lines < 200
    assert found.costs[0].verdict == "pays"


def test_a_text_of_the_base_does_not_pay(tiny_model: Path, trained: Path, tmp_path: Path) -> None:
    en = tmp_path / "en.txt"
    en.write_text("\n".join(ENGLISH[:50]), encoding="utf-8")
    found = vocab_measure(str(tiny_model), [str(trained)], [en])
    assert found.costs[0].ratio == 1.0
    assert found.costs[0].verdict == "does not pay"
    none = vocab_measure(str(tiny_model), [], [en])
    assert "no trial vocabulary" in none.notes[0]
    assert len(none.tokenizers) == 1


def test_cost_is_the_arithmetic_of_the_shape(tiny_model: Path) -> None:
    found = shape(tiny_model)
    assert found is not None
    assert (found.hidden, found.rows, found.tied, found.context) == (
        128,
        len(load(tiny_model).ids) + -len(load(tiny_model).ids) % 64,
        False,
        4096,
    )
    llama = Shape(hidden=4096, rows=128_256, tied=False, parameters=8_030_261_248, context=8192)
    known = _known(llama, 178_256, 64, 300.0, 285.0)
    assert known["rows"] == 50_048
    assert known["parameters"] == 2 * 50_048 * 4096
    assert known["breakeven"] == pytest.approx(0.9734, abs=1e-4)
    assert known["payback"] == pytest.approx(
        285 * (4 * 6_979_588_096 + 6 * 730_333_184) / 2 / (300 * 7_504_924_672 - 285 * 7_709_921_280)
    )
    assert _known(llama, 178_256, 64, 300.0, 299.0)["payback"] is None
    assert _verdict(0.95, None, known)[0] == "does not pay"
    assert _verdict(0.5, None, known)[0] == "pays"
    assert _verdict(0.72, None, {"breakeven": 0.7})[1].startswith("28.0% fewer tokens, and the longer output matrix")


def test_operations_are_those_of_the_training_estimate(tiny_model: Path) -> None:
    found, trained = shape(tiny_model), read_shape(tiny_model)
    assert found is not None
    known = _known(found, found.rows + 640, 64, 10.0, 5.0)
    assert known["before"] == 2 * 10 * (trained.layer_parameters + trained.head_parameters)
    assert known["after"] == 2 * 5 * (trained.layer_parameters + trained.head_parameters + 640 * trained.hidden)


def test_a_config_that_does_not_say_whether_the_tables_are_tied_is_read_by_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    config = json.loads((tiny_model / "config.json").read_bytes())
    config.pop("tie_word_embeddings", None)
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    shutil.copy(tiny_model / "model.safetensors", tmp_path)
    untied = shape(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    save_file({"model.embed_tokens.weight": np.zeros((64, 8), np.float32)}, tmp_path / "model.safetensors")
    tied = shape(tmp_path)
    assert untied is not None
    assert tied is not None
    assert (untied.tied, tied.tied) == (False, True)


def test_a_vocabulary_of_another_base_is_named_as_such(tiny_model: Path, trained: Path, checkpoints: Path) -> None:
    extended = checkpoints / "tiny-zh" / "model"
    with pytest.raises(DataError, match="was trained for the tokenizer of"):
        vocab_extend(str(extended), trained, "again", checkpoints=checkpoints)


def test_what_is_no_text_says_what_would_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder without rows\.jsonl, so no data set; name its files"):
        texts.find([tmp_path])
    file = tmp_path / "x.jsonl"
    file.write_text('{"foo": 1}\n', "utf-8")
    with pytest.raises(DataError, match=r'x\.jsonl: its first record is of no format known here \(foo\).*; or \{"text": …\}'):
        texts.find([file])


def test_what_an_interrupted_training_left_is_no_obstacle_and_others_files_are(
    tiny_model: Path, trained: Path, zh: Path, tmp_path: Path
) -> None:
    (tmp_path / "left" / ".tokenizer-x").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "notes.txt").write_text("mine", "utf-8")
    vocab_train(str(tiny_model), [zh], 600, tmp_path / "left", script="han")
    assert (tmp_path / "left" / "vocabulary.json").read_bytes() == (trained / "vocabulary.json").read_bytes()
    with pytest.raises(UsageError, match="is no vocabulary and not empty"):
        vocab_train(str(tiny_model), [zh], 600, tmp_path / "own", script="han", force=True)


def test_lm_eval_and_transformers_load_the_checkpoint(checkpoints: Path, tiny_model: Path) -> None:
    from lm_eval.models.huggingface import HFLM

    folder = checkpoints / "tiny-zh" / "model"
    model = HFLM(pretrained=str(folder), device="cpu", batch_size=1)
    ids = model.tok_encode("北京的春天")
    assert max(ids) >= len(load(tiny_model).ids)
    assert model.tok_decode(ids) == "北京的春天"
    assert model.model.get_input_embeddings().num_embeddings % 64 == 0
    assert HFLM(pretrained=str(tiny_model), device="cpu").tok_encode("A small model") == model.tok_encode("A small model")


def test_a_checkpoint_is_found_by_its_name_and_the_second_run_answers_at_once(
    checkpoints: Path, tiny_model: Path, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(checkpoints))
    folder = checkpoints / "tiny-zh"
    assert json.loads((folder / "checkpoint.json").read_text()) == {"path": "model", "parent": "tiny", "stage": "vocabulary"}
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.name != "lock"}
    words = ["vocab", "extend", "--base", str(tiny_model), "--vocabulary", str(trained)]
    again = cli(*words, "--name", "tiny-zh", "--json")
    assert again.code == 0, again.err
    said = json.loads(again.out)
    assert (said["added"], said["dropped"], said["weights"]["new"]) == (600, 0, 600)
    assert said["tokens_per_line"] < 0.6 * said["tokens_per_line_before"]
    assert before == {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.name != "lock"}
    other = cli(*words, "--name", "tiny-zh", "--size", "300")
    assert other.code == 2
    assert "'tiny-zh' was extended otherwise (size); choose another --name, or --force" in other.err
    measured = cli("vocab", "measure", "--base", "tiny-zh", "--try", "0", "--text", str(trained / "vocabulary.json"))
    assert measured.code == 2
    assert measured.err.count("\n") == 1


def test_force_moves_the_old_one_aside(tiny_model: Path, trained: Path, tmp_path: Path) -> None:
    vocab_extend(str(tiny_model), trained, "x", checkpoints=tmp_path, size=300)
    made = vocab_extend(str(tiny_model), trained, "x", checkpoints=tmp_path, size=200, pad_to=1, force=True)
    assert made.added <= 200
    assert made.tokens_per_line is None
    assert (tmp_path / ".old" / "x-1" / "checkpoint.json").is_file()
    assert (tmp_path / "x" / "checkpoint.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pad-to-multiple-of", "1", "--tensor-parallel", "64"], "do not divide among 64 GPUs; take"),
        (["--size", "9999"], "--size 9,999: the vocabulary has 600 pieces"),
        (["--name", "../x"], "cannot name a checkpoint"),
        (["--name", "demo-en"], "names another model in models.toml"),
        (["--vocabulary", "."], "is no vocabulary: it has no vocabulary.json"),
    ],
)
def test_what_cannot_be_extended_is_one_line(
    words: list[str], said: str, tiny_model: Path, trained: Path, cli: Cli, tmp_path: Path
) -> None:
    given = {"--base": str(tiny_model), "--vocabulary": str(trained), "--name": "y", "--checkpoints": str(tmp_path)}
    given |= dict(zip(words[::2], words[1::2], strict=True))
    done = cli("vocab", "extend", *(word for pair in given.items() for word in pair))
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "y" / "checkpoint.json").exists()


def test_train_and_measure_from_the_command_line(cli: Cli, zh: Path, tmp_path: Path) -> None:
    base = make_base("llama3", tmp_path / "llama3")
    words = ["vocab", "train", "--like", str(base), "--text", str(zh), "--size", "600", "--out", str(tmp_path / "voc")]
    done = cli(*words)
    assert done.code == 0, done.err
    assert "600 new tokens for 'llama3' (bytelevel, script letters)" in done.out
    first = (tmp_path / "voc" / "vocabulary.json").read_bytes()
    assert cli(*words).code == 2
    assert cli(*words, "--force").code == 0
    assert (tmp_path / "voc" / "vocabulary.json").read_bytes() == first
    page = tmp_path / "page.html"
    asked = ["vocab", "measure", "--base", str(base), "--with", str(tmp_path / "voc"), "--text", str(zh)]
    shown = cli(*asked, "--html", str(page))
    assert "voc: it pays" in shown.out
    assert "is a tokenizer without a model" in " ".join(shown.out.split())
    told: dict[str, Any] = json.loads(cli(*asked, "--json").out)
    assert told["rows"][0]["counts"][1]["tokens"] < told["rows"][0]["counts"][0]["tokens"]
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 4
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert cli(*asked, "--html", str(page)).code == 0
    assert page.read_text(encoding="utf-8") == text
