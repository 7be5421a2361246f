"""Replies that stop in the middle are found by their ends; slogans, sums, verse, letters and code are whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.curating.contract import Context, Drop
from harness.curating.steps.truncation import Truncation, TruncationStep, sign
from harness.schema import DataRow, Message
from tests.curating.made import row
from tests.rows.test_contamination import training

PARAGRAPH = "春天的河边很安静，柳树发了新芽。老人坐在石桥上，看着渔船慢慢地回来。孩子们在稻田旁边放风筝，笑声传得很远。菜园里有人浇水，邻居送来一壶新茶。远处的火车开过去了。"
ITEMS = (
    "泡茶其实不难，只要有一点耐心，再准备好茶叶、茶壶和干净的水，可以这样做：\n\n1. 先把茶叶洗干净，再放到茶壶里面。\n"
    "2. 再用刚刚烧开的热水泡三分钟，不要泡得太久。\n"
)


@pytest.fixture
def by_character(tmp_path: Path) -> Path:
    """A folder with a tokenizer that makes a token of every character."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (PARAGRAPH + "傍晚的时候，", "ends with a comma"),
        (PARAGRAPH + "有桃花、杏花、", "ends with a comma"),
        (PARAGRAPH + "他说了三件事：", "ends with a colon"),
        (ITEMS + "3.", "empty list item"),
        (ITEMS + "- ", "empty list item"),
        (ITEMS + "3. 最后倒进杯子", "the last item has no end"),
        (PARAGRAPH + "有一位诗人（姓", "open （"),
        (PARAGRAPH + "他说：“我明天", "open “"),
        (PARAGRAPH + "这里（", "ends with an opening mark"),
        (PARAGRAPH + "风很大，因为", "ends with a word that needs another"),
        (PARAGRAPH + "后来下了一场大雨，大家都跑回了", "the last sentence has no end"),
        ("说明如下：\n```python\nprint(1)", "open code block"),
        ("A long story about the river and the people of", "ends with a word that needs another"),
        ("| 名 | 价 |\n|---|---|\n| 茶 | 3 |\n| 面 |", None),
        ("| 名 | 价 |\n|---|---|\n| 茶 | 3 |\n| 面", "open table row"),
        (PARAGRAPH + "\n**总结", "open emphasis"),
    ],
)
def test_what_stops_in_the_middle_shows_it(reply: str, found: str | None) -> None:
    given = sign(reply)
    assert (given and given[0]) == found


@pytest.mark.parametrize(
    "reply",
    [
        PARAGRAPH,
        PARAGRAPH + "真好！😊",
        ITEMS + "3. 最后倒进杯子。",
        "“让每一天都有茶香”",
        "春眠不觉晓\n处处闻啼鸟\n夜来风雨声\n花落知多少",
        "3 的 4 次方 = 3^4 = 81",
        "答案：B",
        "14",
        "尊敬的老师：\n\n" + PARAGRAPH + "\n\n此致，\n[你的名字]",
        "亲爱的朋友：\n\n" + PARAGRAPH + "\n" + PARAGRAPH + "\n\n你永远的朋友小明",
        PARAGRAPH + " #春天 #河边",
        "```python\nprint(1)\n```",
        "int main() {\n    return 0;\n}",
        "SELECT name FROM tea WHERE price > 3;",
        "名字：\n- 春茶\n- 夏茶\n- 秋茶",
        "https://example.org/a/b",
        "请提供文本：",
        "1. Tea and Water\n2. River Songs\n3. Mr. Stone",
        "姓名：小明\n年龄：十岁\n城市：杭州，浙江省",
        "",
    ],
)
def test_what_is_whole_without_a_last_mark_is_whole(reply: str) -> None:
    assert sign(reply) is None


def drop(given: DataRow, **settings: Any) -> Drop | None:
    [ruled] = TruncationStep(Truncation(use="truncation", **settings)).rule([given])
    return ruled if isinstance(ruled, Drop) else None


def test_a_sign_says_how_sure_it_is_and_less_sure_ones_can_be_passed_over() -> None:
    unsure = row("问", PARAGRAPH + "后来下了一场大雨，大家都跑回了")
    found = drop(unsure)
    assert found is not None
    assert (found.why, found.detail, found.doubt) == ("reply is cut off", "the last sentence has no end", 0.7)
    assert drop(unsure, least_doubt=0.8) is None
    assert drop(row("问", PARAGRAPH + "傍晚，"), least_doubt=0.8) is not None


def test_replies_in_the_middle_of_a_dialogue_count_where_that_is_asked_for() -> None:
    said = [("user", "一"), ("assistant", PARAGRAPH + "傍晚，"), ("user", "二"), ("assistant", PARAGRAPH)]
    turns = tuple(Message(role=role, content=text) for role, text in said)  # type: ignore[arg-type]
    dialogue = DataRow(source="made", source_id="1", messages=turns)
    assert drop(dialogue) is None
    assert drop(dialogue, of="each") is not None


def test_a_reply_of_exactly_the_models_limit_is_cut_off_however_it_ends(by_character: Path) -> None:
    from harness import culture

    reply = PARAGRAPH + "好。"
    context = Context(culture.load("demo"), by_character, 1, [])
    for limit, count in ((len(reply), 1), (len(reply) + 1, 0)):
        settings = Truncation(use="truncation", tokenizer=str(by_character), token_limits=(limit,))
        assert sum(isinstance(one, Drop) for one in settings.build(context).rule([row("问", reply)])) == count
    with pytest.raises(ValidationError, match="go together"):
        Truncation(use="truncation", token_limits=(512,))


def test_most_replies_cut_within_a_sentence_are_found_and_whole_ones_are_not() -> None:
    """The published sample: 7 of its replies are cut off, all found; of its whole replies cut at random, three in four."""
    file = training("alpaca_zh_demo.json")
    import json

    replies = [one["output"].strip() for one in json.loads(file.read_text(encoding="utf-8"))]
    found = [number for number, reply in enumerate(replies) if sign(reply)]
    assert found == [43, 391, 492, 631, 806, 946, 989]
    draw = random.Random(1)
    whole = [reply for reply in replies if len(reply) >= 150 and reply[-1] in "。！？"]
    cut = [reply[: draw.randrange(int(0.4 * len(reply)), int(0.95 * len(reply)))].rstrip() for reply in whole]
    within = [reply for reply in cut if reply[-1] not in "。！？!?."]
    assert len(within) > 400
    assert sum(bool(sign(reply)) for reply in within) > 0.75 * len(within)
