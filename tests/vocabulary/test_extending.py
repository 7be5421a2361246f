"""What an extended tokenizer must keep: every text, every old id where nothing new applies, every special token, every setting."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import DataError, UsageError
from harness.vocabulary import extending, learning, texts
from harness.vocabulary.tokenizers import content, load, whole
from tests.vocabulary.bases import CHINESE, ENGLISH, Extended, chinese, extended, make, make_base

__all__ = ["extended"]

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANYTHING = st.text(alphabet=st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from("".join(CHINESE)[:300])))
NOT_HAN = st.text(
    alphabet=st.one_of(
        st.characters(max_codepoint=0x2DFF, exclude_categories=("Cs",)),
        st.characters(min_codepoint=0x3040, max_codepoint=0x30FF),
        st.characters(min_codepoint=0xA000, max_codepoint=0xD7A3),
        st.characters(min_codepoint=0x1F000, max_codepoint=0x1FAFF),
        st.sampled_from("the model of 12 and 7 is, '\n\t"),
    )
)
MIXED = "Beijing 北京的春天 is 2 degrees，祝老师节日快乐。 नमस्ते 👩‍🔬 שלום\u0301\r\n\x07"


@pytest.fixture(scope="module")
def llama1(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    return make("llama1", tmp_path_factory.mktemp("llama1"))


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@FEW
@given(text=ANYTHING)
def test_any_text_comes_back_as_it_does_from_the_base(extended: Extended, text: str) -> None:
    decoded = extended.made.tokenizer.decode(extended.after(text))
    assert decoded == extended.base.tokenizer.decode(extended.before(text))
    if extended.learnt.kind == "bytelevel" and not any(token in text for token in extended.base.added):
        assert decoded == text


@FEW
@given(text=NOT_HAN)
def test_text_without_the_script_keeps_its_ids(extended: Extended, text: str) -> None:
    assert extended.after(text) == extended.before(text)


def test_all_english_text_keeps_its_ids_and_chinese_text_gets_much_shorter(extended: Extended) -> None:
    assert [extended.after(line) for line in ENGLISH[:300]] == [extended.before(line) for line in ENGLISH[:300]]
    before = sum(len(extended.before(line)) for line in CHINESE)
    after = sum(len(extended.after(line)) for line in CHINESE)
    assert after < 0.35 * before
    assert after == extended.learnt.tokens_after
    assert before == extended.learnt.tokens_before


def test_every_whole_piece_is_reached_by_its_own_text_and_every_step_leads_to_one(extended: Extended) -> None:
    kind = extended.learnt.kind
    used = {part for merge in extended.learnt.merges for part in merge}
    for piece in extended.learnt.pieces:
        text = whole(content(piece, kind))
        if text is None:
            assert piece in used
        elif not (kind == "sentencepiece" and not text.strip()):
            found = [token.value for token in extended.made.backend.model.tokenize(piece)]
            assert found == [piece]


def test_old_ids_stay_and_new_ones_come_behind_the_special_tokens(extended: Extended) -> None:
    assert extended.made.ids.items() >= extended.base.ids.items()
    end = extended.base.end
    assert [extended.made.ids[piece] for piece in extended.learnt.pieces] == list(range(end, end + len(extended.learnt.pieces)))
    assert extended.made.added == extended.base.added
    assert len(extended.made.tokenizer) == end + len(extended.learnt.pieces)


def test_settings_special_tokens_and_chat_template_stay(extended: Extended) -> None:
    old, new = extended.base.tokenizer, extended.made.tokenizer
    for name in ("special_tokens_map", "model_max_length", "padding_side", "chat_template", "all_special_ids", "is_fast"):
        assert getattr(new, name) == getattr(old, name)
    turns = [{"role": "user", "content": "Which city?"}]
    assert new.apply_chat_template(turns, tokenize=False) == old.apply_chat_template(turns, tokenize=False)
    assert new("Which city?")["input_ids"] == old("Which city?")["input_ids"]


def test_special_tokens_beside_new_pieces_are_still_found(extended: Extended) -> None:
    for token in extended.base.added:
        ids = extended.after(f"北京{token}的春天")
        assert extended.base.ids[token] in ids[1:-1]


def test_sentencepiece_and_the_fast_tokenizer_give_the_same_ids(llama1: Extended) -> None:
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(llama1.made.folder / "tokenizer.model"))
    assert model.get_piece_size() == len(llama1.made.ids)
    lines = [*CHINESE, *ENGLISH[:200], MIXED.replace("\r\n\x07", "")]
    assert [model.encode(line) for line in lines] == [llama1.after(line) for line in lines]
    scores = [model.get_score(n) for n in range(model.get_piece_size())]
    assert max(scores[llama1.base.end :]) < min(scores[: llama1.base.end])


def test_a_fresh_process_loads_each_of_them_with_no_code_of_ours(llama1: Extended, tmp_path: Path) -> None:
    made = [llama1, *(make(kind, _new(tmp_path / kind)) for kind in ("llama3", "plain"))]
    code = (
        "import json, sys; from transformers import AutoTokenizer; text, *folders = sys.argv[1:]\n"
        "for t in map(AutoTokenizer.from_pretrained, folders):\n"
        "    print(json.dumps([t.is_fast, t.encode(text, add_special_tokens=False)]))"
    )
    text = "Beijing 北京的春天，祝老师节日快乐。"
    folders = [str(one.made.folder) for one in made]
    done = subprocess.run([sys.executable, "-c", code, text, *folders], capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[True, one.after(text)] for one in made]


def test_the_first_pieces_alone_make_a_tokenizer_too(extended: Extended, tmp_path: Path) -> None:
    some = extending.extend_tokenizer(extended.base.folder, extended.learnt, tmp_path, size=250)
    added = list(some.ids.keys() - extended.base.ids.keys())
    assert 245 <= len(added) <= 250
    assert set(added) <= set(extended.learnt.pieces[:250])
    assert some.tokenizer.decode(some.tokenizer.encode(CHINESE[0], add_special_tokens=False)) == CHINESE[0]
    assert len(some.tokenizer.encode(CHINESE[0])) > len(extended.made.tokenizer.encode(CHINESE[0]))


def test_the_extended_tokenizer_can_be_saved_and_loaded_again(extended: Extended, tmp_path: Path) -> None:
    extended.made.tokenizer.save_pretrained(tmp_path)
    again = load(tmp_path)
    assert again.ids == extended.made.ids
    assert again.tokenizer.encode(MIXED) == extended.made.tokenizer.encode(MIXED)


def with_pieces(extended: Extended, **changes: Any) -> Any:
    return extended.learnt.model_copy(update=changes)


def test_a_vocabulary_for_another_tokenizer_is_refused_by_name(extended: Extended, tmp_path: Path) -> None:
    other = with_pieces(extended, tokenizer_digest="0" * 64, base="somebody")
    with pytest.raises(DataError, match=r"trained for the tokenizer of 'somebody' \(000000000000\), not for that of"):
        extending.extend_tokenizer(extended.base.folder, other, tmp_path)
    kind = "bytelevel" if extended.learnt.kind == "sentencepiece" else "sentencepiece"
    with pytest.raises(DataError, match=f"of the kind {kind} does not fit"):
        extending.extend_tokenizer(extended.base.folder, with_pieces(extended, kind=kind), tmp_path)


def test_clashes_with_special_tokens_old_pieces_and_each_other_are_refused(extended: Extended, tmp_path: Path) -> None:
    special = sorted(extended.base.added)[0]
    for pieces, said in (
        ((f"x{special}",), "clashes with the special token"),
        (("the",), "is in the vocabulary of .* already"),
        (("ab", "ab"), "twice"),
    ):
        if pieces[0] == "the" and "the" not in extended.base.ids:
            continue
        with pytest.raises(DataError, match=said):
            extending.extend_tokenizer(extended.base.folder, with_pieces(extended, pieces=pieces), tmp_path)
    assert not any(tmp_path.iterdir())


def test_merges_of_what_is_no_piece_are_refused(extended: Extended, tmp_path: Path) -> None:
    other = with_pieces(extended, merges=(("nowhere", "to be found"),))
    if extended.learnt.kind == "bytelevel":
        with pytest.raises(DataError, match="merges 'nowhere' and 'to be found', which are not both pieces"):
            extending.extend_tokenizer(extended.base.folder, other, tmp_path)


def test_word_piece_is_refused_by_name(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(tmp_path / "bert")
    with pytest.raises(UsageError, match="the tokenizer of 'bert' is WordPiece: only byte-level BPE"):
        extending.extendable(load(tmp_path / "bert"))


def test_a_folder_without_a_tokenizer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no tokenizer that can be loaded"):
        load(tmp_path)


@pytest.mark.parametrize(("tokens", "pad_to", "parallel", "rows"), [(1000, 64, 8, 1024), (1024, 1, 8, 1024), (1001, 1, 1, 1001)])
def test_rows_are_padded_and_divide(tokens: int, pad_to: int, parallel: int, rows: int) -> None:
    assert extending.rows_for(tokens, pad_to, parallel, 900) == rows


def test_rows_that_do_not_divide_are_refused_with_the_nearest_sizes() -> None:
    with pytest.raises(
        UsageError, match=r"1,001 rows .* 8 GPUs; take 100 or 108 new tokens \(--size\), or --pad-to-multiple-of 8"
    ):
        extending.rows_for(1001, 1, 8, 900)


def test_the_same_base_and_text_give_the_same_files(llama1: Extended, tmp_path: Path) -> None:
    again = make("llama1", tmp_path)
    assert again.learnt.pieces == llama1.learnt.pieces
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"):
        assert (again.made.folder / name).read_bytes() == (llama1.made.folder / name).read_bytes()


def test_added_tokens_that_a_sentencepiece_model_lacks_keep_their_ids(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = make_base("llama1", tmp_path / "with-pad")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.save_pretrained(folder)
    base = load(folder)
    learnt = learning.learn(base, texts.find([chinese(tmp_path)]), 400, "han")
    made = extending.extend_tokenizer(folder, learnt, tmp_path / "out")
    assert made.ids["<pad>"] == base.ids["<pad>"] == base.end - 1
    assert made.ids[learnt.pieces[0]] == base.end

    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "out" / "tokenizer.model"))
    assert model.encode(CHINESE[1]) == made.tokenizer.encode(CHINESE[1], add_special_tokens=False)
