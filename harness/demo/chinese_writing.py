"""Generation of short Chinese texts (TG): idioms, translation, common knowledge, wishes."""

from __future__ import annotations

from random import Random
from typing import Final

from harness.demo import lexicon as words
from harness.demo.families import Draft, Family, Phrasing, filling

IDIOM_PHRASINGS: Final = (
    "补全成语：{}",
    "把成语补充完整：{}",
    "成语填空：{}",
    "{}，这个成语是什么？",
    "请写出完整的成语：{}",
    "请补全：{}",
)
FACT_PHRASINGS: Final = ("{}？", "想问{}？", "常识题：{}。", "请回答：{}？", "你知道{}吗？", "中国文化常识，{}？")


def idiom(rng: Random) -> Draft:
    """An idiom with one of its four characters missing."""
    whole = rng.choice(words.IDIOMS)
    number, gap = rng.randrange(len(IDIOM_PHRASINGS)), rng.randrange(4)
    question = IDIOM_PHRASINGS[number].format(whole[:gap] + "（）" + whole[gap + 1 :])
    return Draft(question, whole, (Phrasing(f"idiom/{whole}", number, len(IDIOM_PHRASINGS)),))


def translation(rng: Random) -> Draft:
    """A colour and a thing, into English or out of it."""
    colour, noun = rng.choice(list(words.COLOURS)), rng.choice(list(words.NOUNS))
    chinese, english = f"{colour}的{noun}", f"{words.COLOURS[colour]} {words.NOUNS[noun]}"
    key = filling("translation", colour, noun)
    if rng.random() < 0.5:
        return Draft(rng.choice((f"翻译成英文：{chinese}", f"“{chinese}”用英语怎么说？")), english, (key,))
    return Draft(rng.choice((f"翻译成中文：{english}", f"“{english}”用中文怎么说？")), chinese, (key,))


def fact(rng: Random) -> Draft:
    """A fact of Chinese culture."""
    asked = rng.choice(list(words.FACTS))
    number = rng.randrange(len(FACT_PHRASINGS))
    question = rng.choice(words.LEADS) + FACT_PHRASINGS[number].format(asked)
    return Draft(question, words.FACTS[asked], (Phrasing(f"fact/{asked}", number, len(FACT_PHRASINGS)),))


def wish(rng: Random) -> Draft:
    """A festival wish for somebody."""
    festival, person = rng.choice(words.FESTIVALS), rng.choice(list(words.WISHES))
    ask = rng.choice(
        (f"帮我写一句{festival}祝福送给{person}", f"给{person}写一句{festival}的祝福", f"请写{festival}祝福，对象是{person}")
    )
    answer = f"可以。祝{person}{festival}快乐，{words.WISHES[person]}！"
    return Draft(rng.choice(words.LEADS) + ask, answer, (filling("wish", festival, person),))


FAMILIES: Final = (
    Family("tg_idiom", "TG", "文本补全", idiom),
    Family("tg_translation", "TG", "机器翻译", translation),
    Family("tg_fact", "TG", "常识问答", fact),
    Family("tg_wish", "TG", "文章写作", wish, kind="open"),
)
