"""What is learnt from a text, what is not, and what is said of text that teaches nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, UsageError
from harness.schema import Vocabulary
from harness.vocabulary import alphabet, learning, sentencepieces, texts
from harness.vocabulary.scripts import NAMES, belongs, check
from harness.vocabulary.tokenizers import Loaded, content, load, whole
from tests.vocabulary.bases import CHINESE, make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(make_base("llama3", tmp_path_factory.mktemp("base") / "llama3"))


def learn(
    base: Loaded, folder: Path, lines: Sequence[str], size: int = 400, script: str = "letters", **more: float
) -> Vocabulary:
    file = folder / "text.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return learning.learn(base, texts.find([file]), size, script, **more)


def shown(learnt: Vocabulary) -> set[str | None]:
    return {whole(content(piece, learnt.kind)) for piece in learnt.pieces}


def test_characters_come_first_then_what_meets_most(base: Loaded, tmp_path: Path) -> None:
    learnt = learn(base, tmp_path, ["山水山水山水", "山水 tea 火", "火车 tea"] * 3, 40)
    assert shown(learnt) >= {"山", "水", "火", "车", "山水"}
    assert None in shown(learnt)
    assert learnt.characters == sum(len((text or "").strip()) == 1 for text in shown(learnt)) >= 4
    assert (learnt.lines, learnt.text[0].lines) == (9, 9)


def test_no_piece_lacks_a_character_of_the_script(base: Loaded, tmp_path: Path) -> None:
    lines = [*CHINESE, "Привет, добрый привет добрый день", "καλημέρα καλημέρα"] * 2
    for script in ("han", "cyrillic", "letters"):
        fits = belongs(script)
        found = shown(learn(base, tmp_path, lines, 900, script)) - {None}
        assert found
        assert all(any(map(fits, text or "")) for text in found)
        if script == "cyrillic":
            assert "привет" in {(text or "").strip() for text in found}


def test_any_script_also_learns_english(base: Loaded, tmp_path: Path) -> None:
    assert any((text or "").isascii() for text in shown(learn(base, tmp_path, ["zugzwang zugzwang"] * 5, 10, "any")))


def test_a_rare_character_is_left_in_bytes_where_coverage_allows_it(base: Loaded, tmp_path: Path) -> None:
    lines = ["山水山水"] * 50 + ["龘"]
    assert "龘" in shown(learn(base, tmp_path, lines))
    assert "龘" not in shown(learn(base, tmp_path, lines, coverage=0.98))


def test_a_size_smaller_than_the_alphabet_says_how_much_it_needs(base: Loaded, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--size 3 is smaller than the alphabet: \d+ tokens make the characters whole"):
        learn(base, tmp_path, CHINESE, 3)


@pytest.mark.parametrize("lines", [["", "  "], ["only english here"]])
def test_text_that_teaches_nothing_is_one_line(base: Loaded, tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(DataError, match="holds no text|hold no character of the script 'letters'"):
        learn(base, tmp_path, lines)


def test_a_step_is_exact_only_where_nobody_else_begins_so() -> None:
    han, fits = "中".encode(), belongs("han")
    assert alphabet.exact([han[:2], han], "han", fits)
    assert alphabet.exact(["的".encode() + han[:1]], "han", fits)
    assert not alphabet.exact(["α".encode()[:1]], "han", fits)
    assert not alphabet.exact(["\U0001f600".encode()[:2]], "han", fits)
    assert alphabet.exact(["ก".encode()[:2]], "thai", belongs("thai"))


def test_scripts_are_known_by_name() -> None:
    assert {check(name) for name in NAMES} == set(NAMES)
    with pytest.raises(UsageError, match=r"no script named 'chinese'; .*there are: any, arabic"):
        check("chinese")


@pytest.mark.parametrize(
    ("name", "written", "lines"),
    [
        ("a.txt", "一\r\n\n  \n二", ["一", "二"]),
        ("a.jsonl", json.dumps({"text": "一\n二"}) + "\n" + json.dumps({"text": ""}), ["一\n二"]),
        ("a.json", json.dumps([{"instruction": "问", "input": "", "output": "答"}]), ["问\n答"]),
        (
            "b.jsonl",
            json.dumps({"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]}),
            ["问\n答"],
        ),
        ("c.jsonl", '{"text": "half \\ud800 pair"}', ["half ? pair"]),
    ],
)
def test_text_is_read_as_lines_whatever_the_file(tmp_path: Path, name: str, written: str, lines: list[str]) -> None:
    (tmp_path / name).write_text(written, encoding="utf-8")
    (text,) = texts.find([tmp_path / name])
    assert list(text) == lines == list(text)
    assert text.facts().characters == sum(map(len, lines))


def test_what_is_no_text_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "gb.txt").write_bytes("今天的天气很好，我们去公园散步。".encode("gb18030") * 20)
    with pytest.raises(DataError, match="looks like GB18030; convert it"):
        list(texts.find([tmp_path / "gb.txt"])[0])
    (tmp_path / "bad.txt").write_bytes(b"good\nbad \xff\n")
    with pytest.raises(DataError, match=r"bad.txt:\d: not UTF-8"):
        list(texts.find([tmp_path / "bad.txt"])[0])
    with pytest.raises(DataError, match="no such file"):
        texts.find([tmp_path / "none.txt"])
    with pytest.raises(UsageError, match="no demo family or part named 'xx'"):
        texts.find(["demo:xx"])


def test_the_demo_world_has_text_in_both_languages() -> None:
    zh, en = (list(text) for text in texts.find(["demo:zh", "demo:en"]))
    assert all(line.isascii() for line in en)
    assert sum(not line.isascii() for line in zh) > 0.95 * len(zh)


def state(vocabulary: str, *merges: tuple[str, str], fallback: bool = False) -> dict[str, Any]:
    model = {
        "type": "BPE",
        "vocab": {piece: n for n, piece in enumerate(vocabulary.split())},
        "merges": [list(m) for m in merges],
    }
    return {"model": model | {"byte_fallback": fallback}, "added_tokens": []}


def test_a_piece_that_older_merges_never_leave_room_for_is_dropped() -> None:
    merges = (("a", "b"), ("ab", "c"), ("c", "a"))
    grown = learning.Grown(state("a b c bc", ("b", "c")), "bytelevel", ("ab", "abc", "ca"), merges)
    kept = learning._reached(grown)
    assert kept.pieces == ("ab", "ca")
    assert kept.merges == (("a", "b"), ("c", "a"))


def test_a_step_whose_character_is_not_taken_goes_too() -> None:
    first, second, third = "ä¸Ń"
    merges = ((first, second), (first + second, third))
    grown = learning.Grown(state(f"{first} {second} {third}"), "bytelevel", (first + second, first + second + third), merges)
    assert learning.cut(grown, 1).pieces == ()
    assert learning.cut(grown, 2) == grown


def test_an_old_piece_of_sentencepiece_can_be_made_of_new_ones_too() -> None:
    old = state("a b c bc abc d", ("b", "c"), ("a", "bc"), ("d", "abc"), fallback=True)
    merges = sentencepieces.applied(old, ["ab", "dab"])["model"]["merges"]
    assert merges == [["b", "c"], ["a", "bc"], ["ab", "c"], ["d", "abc"], ["dab", "c"], ["a", "b"], ["d", "ab"]]
