"""A base with longer embeddings: what it knew is untouched to the last bit, and what is new begins as the mean of its pieces."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, UsageError
from harness.vocabulary.embeddings import extend_weights
from tests.tiny import make_tiny
from tests.vocabulary.extended import WORDS, longer_tokenizer

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")

TEXTS = (
    "Read the passage and answer the question.",
    "机器学习是人工智能的一个分支。",
    "<|user|>1 + 1 = ?<|assistant|>2</s>",
    "\U0001f3d4 café ¿?",
)
"""Without a character of `WORDS`."""
EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()


def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: tensor for file in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(file).items()}


def saved(folder: Path, source: Path, change: Callable[[Any], Any], **how: Any) -> Path:
    """The model of `source`, changed and saved in `folder` with its tokenizer."""
    model = load(source)
    change(model)
    shutil.copytree(source, folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, **how)
    return folder


def tie(model: Any) -> None:
    model.config.tie_word_embeddings = True
    model.tie_weights()


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    tied = saved(folder / "tied", tiny_model, tie)
    halves = saved(folder / "bf16", tiny_model, lambda model: model.to(torch.bfloat16))
    shards = saved(folder / "shards", tiny_model, lambda model: None, max_shard_size="500KB")
    return {"untied": tiny_model, "tied": tied, "bf16": halves, "shards": shards}


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    return longer_tokenizer(tiny_model, tmp_path_factory.mktemp("longer") / "tokenizer")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, Path], longer: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("extended")
    for name, base in bases.items():
        extend_weights(base, base, longer, folder / name, 64)
    return {name: folder / name for name in bases}


@pytest.mark.parametrize("name", ["untied", "tied", "shards"])
def test_logits_of_old_tokens_on_old_text_are_the_same_bit_for_bit(
    name: str, bases: dict[str, Path], extended: dict[str, Path]
) -> None:
    before, after, new = load(bases[name]), load(extended[name]), tokenizer(extended[name])
    old = len(tokenizer(bases[name]))
    for text in TEXTS:
        ids = new(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        assert int(ids.max()) < old
        with torch.no_grad():
            was, now = before(ids).logits, after(ids).logits
        assert torch.equal(was[..., :old], now[..., :old])
        assert torch.isfinite(now).all()
        assert (now.argmax(-1) < len(new)).all()


def test_every_old_row_and_every_other_tensor_is_the_same(bases: dict[str, Path], extended: dict[str, Path]) -> None:
    for name, base in bases.items():
        was, now = weights(base), weights(extended[name])
        old = len(tokenizer(base))
        assert was.keys() == now.keys()
        for tensor in was:
            rows = slice(old) if tensor in (EMBEDDINGS, HEAD) else slice(None)
            assert torch.equal(was[tensor][rows], now[tensor][rows])
            assert was[tensor].dtype == now[tensor].dtype


@pytest.mark.parametrize("name", ["untied", "tied", "bf16", "shards"])
def test_a_new_row_is_the_mean_of_the_rows_of_its_old_pieces(
    name: str, bases: dict[str, Path], extended: dict[str, Path]
) -> None:
    was, now = weights(bases[name]), weights(extended[name])
    old, new = tokenizer(bases[name]), tokenizer(extended[name])
    for word in WORDS:
        (number,) = new(word, add_special_tokens=False)["input_ids"]
        pieces = old(word, add_special_tokens=False)["input_ids"]
        assert len(pieces) > 1
        for table in {EMBEDDINGS, HEAD} & was.keys():
            mean = was[table][pieces].float().mean(0).to(was[table].dtype)
            assert torch.equal(now[table][number], mean)


def test_a_token_that_is_no_whole_character_is_the_mean_of_its_bytes(tmp_path: Path) -> None:
    base = make_tiny(tmp_path / "bytes", vocab=262)
    longer = longer_tokenizer(base, tmp_path / "tokenizer", ("山",))
    extend_weights(base, base, longer, tmp_path / "out", 1)
    was, now = weights(base)[EMBEDDINGS], weights(tmp_path / "out")[EMBEDDINGS]
    one, two, three = tokenizer(base)("山", add_special_tokens=False)["input_ids"]
    assert torch.equal(now[262:264], torch.stack([was[[one, two]].mean(0), was[[one, two, three]].mean(0)]))


def test_rows_beyond_the_last_token_are_the_mean_of_all_and_never_the_likeliest(extended: dict[str, Path]) -> None:
    now, new = weights(extended["untied"]), tokenizer(extended["untied"])
    assert len(now[HEAD]) % 64 == 0
    spare = now[HEAD][len(new) :]
    assert len(spare) > 0
    assert torch.equal(spare, spare[:1].expand_as(spare))
    states = torch.randn(500, now[HEAD].shape[1])
    assert ((states @ now[HEAD].T).argmax(-1) < len(new)).all()


def test_the_report_counts_what_was_done(tmp_path: Path, bases: dict[str, Path], longer: Path) -> None:
    said = extend_weights(bases["tied"], bases["tied"], longer, tmp_path / "out", 8)
    old, new = len(tokenizer(bases["tied"])), len(tokenizer(longer))
    assert (said["new"], said["tied"], said["tables"], said["dtype"]) == (new - old, True, [EMBEDDINGS], "F32")
    assert said["rows"] == max(-(-new // 8) * 8, 704)
    assert said["padding"] == said["rows"] - new
    assert said["pieces"] > 1
    assert not list((tmp_path / "out").glob(".*"))


def test_the_folder_is_a_whole_model_with_the_base_settings(bases: dict[str, Path], extended: dict[str, Path]) -> None:
    for name, folder in extended.items():
        config = json.loads((folder / "config.json").read_text())
        was = json.loads((bases[name] / "config.json").read_text())
        assert config == was | {"vocab_size": config["vocab_size"]}
        assert (folder / "generation_config.json").read_bytes() == (bases[name] / "generation_config.json").read_bytes()
        assert tokenizer(folder).decode(tokenizer(folder)("今天的天气")["input_ids"], skip_special_tokens=True) == "今天的天气"


def test_shards_without_embeddings_are_copied_and_the_index_counts_anew(
    bases: dict[str, Path], extended: dict[str, Path]
) -> None:
    base, folder = bases["shards"], extended["shards"]
    files = sorted(file.name for file in base.glob("*.safetensors"))
    assert len(files) > 2
    same = [name for name in files if (base / name).read_bytes() == (folder / name).read_bytes()]
    assert len(same) == len(files) - 2
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    was = json.loads((base / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == was["weight_map"]
    assert index["metadata"]["total_size"] == sum(one.numel() * one.element_size() for one in weights(folder).values())


def test_what_a_file_says_of_itself_is_kept(bases: dict[str, Path], extended: dict[str, Path]) -> None:
    def metadata(folder: Path) -> Any:
        data = (folder / "model.safetensors").read_bytes()
        return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]

    assert metadata(extended["untied"]) == metadata(bases["untied"]) == {"format": "pt"}


def test_the_loss_on_new_tokens_is_that_of_a_model_that_must_learn_them(extended: dict[str, Path]) -> None:
    model, new = load(extended["untied"]), tokenizer(extended["untied"])
    ids = new("今天天气，公园春天。山水龘", return_tensors="pt")["input_ids"]
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    assert 1 < float(loss.detach()) < 20
    assert torch.isfinite(model.get_input_embeddings().weight.grad).all()


def test_spare_rows_of_a_base_are_taken_first(tmp_path: Path, tiny_model: Path, longer: Path) -> None:
    base = saved(tmp_path / "spare", tiny_model, lambda model: model.resize_token_embeddings(len(tokenizer(tiny_model)) + 3))
    said = extend_weights(base, base, longer, tmp_path / "out", 1)
    assert said["rows_before"] == len(tokenizer(tiny_model)) + 3
    assert (said["rows"], said["padding"]) == (len(tokenizer(longer)), 0)


# --- what cannot be extended ---------------------------------------------------------------------------------------------------


def test_embeddings_shorter_than_the_tokenizer_are_refused(tmp_path: Path, tiny_model: Path, longer: Path) -> None:
    base = saved(tmp_path / "short", tiny_model, lambda model: model.resize_token_embeddings(300))
    with pytest.raises(DataError, match=r"embeddings have 300 rows for \d+ tokens of its tokenizer"):
        extend_weights(base, base, longer, tmp_path / "out")


def test_embeddings_with_rows_of_another_extension_are_refused(tmp_path: Path, tiny_model: Path, longer: Path) -> None:
    base = saved(tmp_path / "long", tiny_model, lambda model: model.resize_token_embeddings(6000))
    with pytest.raises(DataError, match=r"have 6,000 rows for \d+ tokens: too many to be padding, so it was extended before"):
        extend_weights(base, base, longer, tmp_path / "out")


def test_a_tokenizer_of_another_base_is_refused(tmp_path: Path, tiny_model: Path, longer: Path) -> None:
    said = json.loads((longer / "tokenizer.json").read_text())
    vocabulary = said["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    shutil.copytree(longer, tmp_path / "moved")
    (tmp_path / "moved" / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match=r"does not go with the base: 2 of its \d+ tokens are gone or have other ids \('a' among"):
        extend_weights(tiny_model, tiny_model, tmp_path / "moved", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_to_add_is_said(tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing to add: the base has all \d+ tokens"):
        extend_weights(tiny_model, tiny_model, tiny_model, tmp_path / "out")


def test_the_base_itself_and_a_bad_multiple_are_refused(tmp_path: Path, tiny_model: Path, longer: Path) -> None:
    with pytest.raises(UsageError, match="is the base itself"):
        extend_weights(tiny_model, tiny_model, longer, tiny_model)
    with pytest.raises(UsageError, match="pad_to must be at least 1, not 0"):
        extend_weights(tiny_model, tiny_model, longer, tmp_path / "out", 0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "has no \\*.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"short"), "is not a whole safetensors file"),
        (lambda folder: edit(folder, model_type="t5", architectures=["T5Model"]), "is no causal language model"),
        (lambda folder: edit(folder, model_type="nothing"), "has no configuration that transformers knows"),
        (lambda folder: drop(folder, HEAD), "lacks the tensor lm_head.weight"),
    ],
)
def test_a_base_that_is_none_is_one_line(
    tmp_path: Path, tiny_model: Path, longer: Path, change: Callable[[Path], None], complaint: str
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    change(base)
    with pytest.raises(DataError, match=complaint) as caught:
        extend_weights(base, tiny_model, longer, tmp_path / "out")
    assert "\n" not in str(caught.value)


def edit(folder: Path, **fields: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def drop(folder: Path, name: str) -> None:
    from safetensors.torch import save_file

    kept = {key: value for key, value in weights(folder).items() if key != name}
    save_file(kept, folder / "model.safetensors")
