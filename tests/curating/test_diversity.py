"""A crowd of questions worded alike shrinks to its quota; what is worded by itself stays."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from harness import culture
from harness.curating.contract import Context
from harness.curating.steps.diversity import Diversity, DiversityStep, terms
from harness.errors import UsageError
from harness.schema import DataRow
from harness.verbs.curate import curate
from tests.curating import made


def work(folder: Path, **settings: object) -> tuple[DiversityStep, list[str]]:
    context = Context(culture.load("demo"), folder, 1, [])
    return Diversity.model_validate({"use": "diversity", "terms": "pairs", **settings}).build(context), context.notes


def drops(folder: Path, rows: list[DataRow], size: int = 1000, **settings: object) -> list[int]:
    """Places of the rows that go, over all shards."""
    step, _ = work(folder, **settings)
    paths = []
    for start in range(0, len(rows), size):
        paths.append(folder / f"{start}.sketch")
        step.sketch(rows[start : start + size], paths[-1])
    return [number * size + place for number, part in enumerate(step.decide(paths)) for place in part]


def crowd(count: int = 60) -> list[DataRow]:
    """One template with a word of its own for each, and twenty questions that have nothing in common."""
    names = [chr(0x4E00 + 97 * number) + chr(0x5E00 + 89 * number) for number in range(count)]
    alike = [made.row(f"撰写故事{name}", "好", number) for number, name in enumerate(names)]
    own = ["".join(chr(0x6C00 + 41 * number + 3 * place) for place in range(6)) for number in range(20)]
    return [*alike, *(made.row(text, "好", f"own-{number}") for number, text in enumerate(own))]


def test_questions_are_cut_into_pairs_of_han_characters_and_other_words() -> None:
    assert terms("写一首诗，用 Python3 和Ｃ！") == ["写一", "一首", "首诗", "用", "python3", "和", "c"]
    assert terms("？！ 。") == []


def test_of_a_crowd_the_quota_stays_and_rows_of_their_own_wording_all_stay(tmp_path: Path) -> None:
    found = drops(tmp_path, crowd(), least=10, share=0.01, common=1.0)
    assert len(found) == 50
    assert max(found) < 60


def test_the_quota_grows_with_the_data_and_is_never_below_the_least(tmp_path: Path) -> None:
    assert len(drops(tmp_path, crowd(), least=1, share=0.25, common=1.0)) == 40
    assert len(drops(tmp_path, crowd(), least=1, share=0.001, common=1.0)) == 59


def test_those_that_say_the_most_of_their_own_stay(tmp_path: Path) -> None:
    rows = [made.row("撰写故事", "好", n) for n in range(5)] + [made.row("撰写故事关于渔船归来", "好", "more")]
    assert drops(tmp_path, rows, least=1, share=0.01, common=1.0) == [0, 1, 2, 3, 4]
    assert drops(tmp_path, rows[:5], least=2, share=0.01, common=1.0) == [2, 3, 4]


def test_how_rows_lie_in_shards_changes_nothing(tmp_path: Path) -> None:
    rows = [*crowd(), *(made.row(one["instruction"], "好", n) for n, one in enumerate(made.alpaca(80)))]
    asked = {"least": 5, "share": 0.01}
    assert drops(tmp_path, rows, 7, **asked) == drops(tmp_path, rows, 1000, **asked) != []


def naive(rows: list[DataRow], least: int, share: float, common: float) -> list[int]:
    """The rule as it is written."""
    cut = [set(terms(row.messages[0].content)) for row in rows]
    df = {term: sum(term in one for one in cut) for term in set().union(*cut)}
    own = [sum(math.log(len(rows) / df[term]) for term in one) / max(len(one), 1) for one in cut]
    groups: dict[frozenset[str], list[int]] = {}
    for number, one in enumerate(cut):
        rare = sorted((term for term in one if df[term] <= common * len(rows)), key=lambda term: -df[term])
        groups.setdefault(frozenset(rare[:2]), []).append(number)
    quota = max(least, int(share * len(rows)))
    return sorted(n for group in groups.values() for n in sorted(group, key=lambda n: (-round(own[n], 5), n))[quota:])


def test_it_is_the_rule_as_written(tmp_path: Path) -> None:
    """Frequencies are made all different, so that no tie between terms hides which two are the most frequent."""
    rows = []
    for number, count in enumerate((31, 23, 17, 12, 8, 5, 3, 2, 1)):
        one, other = chr(0x5000 + number) + chr(0x5100 + number), chr(0x6000 + number) + chr(0x6100 + number)
        rows += [
            made.row(f"{one}，{other}" if place % 2 else f"{one} w{place}", "好", len(rows) + place) for place in range(count)
        ]
    found = drops(tmp_path, rows, least=2, share=0.05, common=0.25)
    assert found == naive(rows, 2, 0.05, 0.25)
    assert found


def test_empty_questions_shards_and_sets_are_no_trouble(tmp_path: Path) -> None:
    assert drops(tmp_path, []) == []
    assert drops(tmp_path, [made.row("！", "好", n) for n in range(3)], least=2, share=0.01) == [2]
    step, notes = work(tmp_path)
    step.sketch([], tmp_path / "none")
    assert list(step.decide([tmp_path / "none"])) == [{}]
    assert notes


def test_words_need_jieba(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.curating.steps import diversity

    def absent(name: str) -> str:
        raise diversity.PackageNotFoundError(name)

    monkeypatch.setattr(diversity, "version", absent)
    assert not Diversity(use="diversity").words
    with pytest.raises(UsageError, match="pip install jieba"):
        _ = Diversity(use="diversity", terms="words").words


def test_the_chain_says_how_many_of_which_crowd_went(tmp_path: Path) -> None:
    records = [{"instruction": row.messages[0].content, "input": "", "output": "好的"} for row in crowd()]
    step = 'use = "diversity"\nterms = "pairs"\nleast = 10\nshare = 0.01\ncommon = 1.0'
    path = made.pipeline(tmp_path / "p.toml", made.jsonl(tmp_path / "rows.jsonl", records), [step])
    one, two = curate(path, tmp_path / "one", workers=1), curate(path, tmp_path / "two", workers=2)
    assert one.steps[1].reasons == {"worded like many others": 50}
    assert "10 rows of one head stay" in one.steps[1].notes[0]
    assert one.rows_sha256 == two.rows_sha256
