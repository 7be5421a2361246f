"""Only the embeddings learn: everything else is the base's, bit for bit, however it is trained, stopped and resumed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from harness.training.lengths import cut
from harness.training.verify import verify
from tests.tiny import make_tiny
from tests.trainers.full_ft.made import Job, difference, job, train, train_here, weights

torch: Any = pytest.importorskip("torch")
ft_fault: Any = pytest.importorskip("ft_fault")
ft_freeze: Any = pytest.importorskip("ft_freeze")
ft_memory: Any = pytest.importorskip("ft_memory")
ft_recipe: Any = pytest.importorskip("ft_recipe")
ft_report: Any = pytest.importorskip("ft_report")
ft_text: Any = pytest.importorskip("ft_text")

TABLES = {"model.embed_tokens.weight", "lm_head.weight"}
TEXTS = ("今天的天气很好，我们去公园散步，看见了许多花。" * 12, "Read the passage.", "二加三等于五。" * 3) * 6


def text_job(folder: Path, base: Path, texts: tuple[str, ...] = TEXTS, **hyper: Any) -> Job:
    """A recipe over rows of plain text, of which only embeddings learn."""
    settings = {"trainable": "embeddings", "packing": "dataset", "max_length": 64, "epochs": 1}
    made = job(folder, base, **(settings | hyper))
    rows = Path(made.recipe.rows)
    rows.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    recipe = made.recipe.model_copy(update={"rows_sha256": hashlib.sha256(rows.read_bytes()).hexdigest(), "stage": "vocabulary"})
    made.file.write_text(recipe.model_dump_json())
    return Job(made.file, recipe)


def changed(made: Job, base: Path) -> set[str]:
    """Tensors that are not the base's in the delivered type."""
    was, now = weights(base), weights(made.out)
    assert was.keys() == now.keys()
    return {name for name in was if not torch.equal(was[name].to(now[name].dtype), now[name])}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Job:
    """Never stopped; the split master of bf16."""
    made = text_job(tmp_path_factory.mktemp("whole"), tiny_model, precision="bf16-master", epochs=3, instances_per_step=4)
    assert train_here(made).code == 0
    return made


@pytest.mark.parametrize("precision", ["fp32", "bf16-mixed"])
def test_nothing_but_the_embeddings_learns(precision: str, tmp_path: Path, tiny_model: Path) -> None:
    made = text_job(tmp_path, tiny_model, precision=precision)
    assert train_here(made).code == 0
    assert changed(made, tiny_model) == TABLES
    assert verify(made.out, tiny_model, trainable="embeddings").notes == ()


def test_a_base_in_another_type_counts_as_rounded_to_the_delivered_one(whole: Job, tiny_model: Path) -> None:
    assert changed(whole, tiny_model) == TABLES
    assert verify(whole.out, tiny_model, trainable="embeddings").weights
    assert whole.losses[-1] < whole.losses[0]


def test_stopped_and_resumed_it_ends_with_the_same_weights_bit_for_bit(whole: Job, tmp_path: Path, tiny_model: Path) -> None:
    made = text_job(tmp_path, tiny_model, precision="bf16-master", epochs=3, instances_per_step=4)

    def ask() -> None:
        while len(made.steps) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    asker = threading.Thread(target=ask)
    asker.start()
    assert train_here(made).code == ft_fault.STOPPED
    asker.join()
    state = torch.load(made.work / made.checkpoints[0] / "optimizer.pt", weights_only=True)
    assert len(state["state"]) == 2
    assert train_here(made).code == 0
    assert made.delivery.report.resumed == 1
    assert difference(made.out, whole.out) == 0.0


def test_a_tied_table_learns_once(tmp_path: Path, tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    base = tmp_path / "tied"
    shutil.copytree(tiny_model, base)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    model.save_pretrained(base)
    made = text_job(tmp_path / "job", base)
    assert train_here(made).code == 0
    assert changed(made, base) == {"model.embed_tokens.weight"}
    assert ft_freeze.tables(model) == TABLES


@pytest.mark.slow
def test_two_processes_with_zero1_freeze_the_same(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("deepspeed")
    made = text_job(tmp_path, tiny_model, distributed="zero1", processes=2, precision="bf16-master")
    done = train(made)
    assert (done.code, done.err) == (0, "")
    assert made.delivery.report.engine == "DeepSpeedEngine zero1"
    assert changed(made, tiny_model) == TABLES


def test_a_tensor_that_learnt_all_the_same_is_named(tmp_path: Path, tiny_model: Path) -> None:
    other = make_tiny(tmp_path / "other", seed=1)
    with pytest.raises(ft_fault.Fault, match=r"tensor model\.layers\.0\S+ is not the base's"):
        ft_freeze.check_frozen(other, tiny_model, frozenset(TABLES), torch.float32)


def test_memory_is_that_of_the_tables_and_the_frozen_weights(tmp_path: Path, tiny_model: Path) -> None:
    from dataclasses import replace

    from transformers import AutoConfig

    hyper = ft_recipe.read(job(tmp_path, tiny_model).file).hyper
    size = ft_memory.sizes(AutoConfig.from_pretrained(tiny_model))
    assert size.tables == 2 * size.vocabulary * size.hidden
    frozen = replace(hyper, trainable="embeddings")
    saved = ft_memory.total(size, hyper, 0, 100) - ft_memory.total(size, frozen, 0, 100)
    assert saved == (size.weights - size.tables) * (16 - 4)
    for engine, bytes_ in (("zero1", 2), ("zero3", 2 / 4), ("fsdp2", 4 / 4)):
        assert ft_memory.frozen_bytes(replace(frozen, precision="bf16-master", distributed=engine), 4) == bytes_


def test_frozen_layers_cost_a_third_less() -> None:
    needed = ft_report.Needed(layer_weights=100, head_weights=0, attention=0, frozen=True)
    assert ft_report.flops(needed, [10], 10) == 4 * 100 * 10
    assert ft_report.flops(ft_report.Needed(100, 0, 0), [10], 10) == 6 * 100 * 10


def test_every_token_of_a_text_is_learnt_exactly_once(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows, counts = ft_text.encode_texts(tokenizer, TEXTS, 64)
    plain = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    learnt = [token for row in rows for token in row.labels[1:].tolist()]
    assert learnt == [token for ids in plain for token in (*ids, tokenizer.eos_token_id)]
    assert counts["supervised_tokens"] == len(learnt)
    assert (counts["texts"], counts["cut"]) == (len(TEXTS), 6)
    assert max(map(len, rows)) == 64
    assert rows[0].input_ids[0] == tokenizer.bos_token_id


@pytest.mark.parametrize("most", [2, 3, 7, 100])
def test_pieces_overlap_by_one_token_and_lose_none(most: int) -> None:
    for length in (2, 3, 6, 7, 8, 12, 13, 14):
        ids = list(range(100, 100 + length))
        pieces = [piece.input_ids.tolist() for piece in ft_text.cut(ids, most)]
        assert [token for piece in pieces for token in piece[1:]] == ids[1:]
        assert all(2 <= len(piece) <= most for piece in pieces)
        assert [piece[0] for piece in pieces[1:]] == [piece[-1] for piece in pieces[:-1]]


def test_the_estimate_cuts_a_text_into_the_same_pieces() -> None:
    for most in (2, 5, 64):
        for tokens in (2, 3, 5, 6, 9, 10, 64, 65, 127, 128, 200):
            assert cut(tokens, most) == [len(piece) for piece in ft_text.cut(list(range(tokens)), most)]


def test_plain_text_needs_no_chat_template_and_stands_beside_conversations(tmp_path: Path, tiny_no_template: Path) -> None:
    made = text_job(tmp_path, tiny_no_template, TEXTS[:3], trainable="all")
    assert train_here(made).code == 0
    said = json.loads((made.out / "generation_config.json").read_text())
    assert said["eos_token_id"] == 2
    assert made.delivery.notes[-1] == "1 of 3 texts are longer than 64 tokens: 4 pieces, none lost"


def test_text_that_is_none_is_refused_with_its_line(tmp_path: Path, tiny_model: Path) -> None:
    done = train_here(text_job(tmp_path, tiny_model, ("good", "  ")))
    assert done.code == ft_fault.STATUS["data"]
    assert "rows.jsonl:2: text must be a text that is not empty" in done.err
