"""Understanding of short Chinese texts (TU) and extraction from them (IE)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from harness.demo import lexicon as words
from harness.demo.families import Draft, Family, Filling, filling

REVIEW_QUESTIONS: Final = (("顾客满意吗", True), ("顾客会再来吗", True), ("顾客不满意吗", False), ("顾客想投诉吗", False))
"""Question about a customer, and whether a happy customer means yes."""


@dataclass(frozen=True)
class Review:
    """A review of a dish that praises or blames two aspects of it."""

    text: str
    good: bool
    key: Filling


def draw_review(rng: Random) -> Review:
    """E.g. `饺子的味道很好，价格令人满意。`."""
    good = rng.random() < 0.5
    said = words.PRAISE if good else words.BLAME
    dish, first, second = rng.choice(words.DISHES), rng.choice(said), rng.choice(said)
    one, two = rng.sample(words.ASPECTS, 2)
    return Review(f"{dish}的{one}{first}，{two}{second}。", good, filling("zh-review", dish, one, first))


def sentiment(rng: Random) -> Draft:
    """Is a review good or bad?"""
    review = draw_review(rng)
    question = rng.choice(
        (
            f"将评论分类为好评或差评：{review.text}",
            f"“{review.text}”这条评论是好评还是差评？",
            f"判断评论的情感（好评、差评）：{review.text}",
        )
    )
    return Draft(question, "好评" if review.good else "差评", (review.key,))


def topic(rng: Random) -> Draft:
    """Which of five topics has a headline?"""
    answer, said, headline = words.draw_headline(rng)
    labels = "、".join(rng.sample(list(words.HEADLINES), len(words.HEADLINES)))
    question = rng.choice((f"将文本分类（{labels}）：{headline}", f"“{headline}”属于哪一类？标签有：{labels}。"))
    return Draft(question, answer, (filling("headline", *said),))


def entailment(rng: Random) -> Draft:
    """What does a review say about the customer?"""
    review = draw_review(rng)
    asked, if_happy = rng.choice(REVIEW_QUESTIONS)
    return Draft(f"{review.text}{asked}？\nA. 是 B. 否", "A" if review.good == if_happy else "B", (review.key,))


def spelling(rng: Random) -> Draft:
    """Put the wrong character right."""
    number = rng.randrange(len(words.SPELLING))
    pattern, right, wrong = words.SPELLING[number]
    who, time = rng.choice(words.FAMILY_MEMBERS), rng.choice(words.TIMES)
    sentence = time + pattern.format(who)
    ask = rng.choice(("改正错别字：{}", "请修改句子里的错字：{}", "{}，这句话有错字，请改正。"))
    return Draft(ask.format(sentence.replace(right, wrong)), sentence, (filling("spelling", number, who, time),))


@dataclass(frozen=True)
class Event:
    """Who did what, where and when."""

    text: str
    name: str
    place: str
    time: str
    activity: str

    @property
    def key(self) -> Filling:
        """Names are held out, in every family that has one."""
        return filling("name", self.name)


def draw_event(rng: Random) -> Event:
    """E.g. `昨天王明去北京爬山。`."""
    name, place = words.draw_name(rng), rng.choice(words.PLACES)
    time, activity = rng.choice(words.TIMES), rng.choice(words.ACTIVITIES)
    text = rng.choice(
        (f"{time}{name}去{place}{activity}。", f"{name}{time}在{place}{activity}。", f"在{place}，{name}{time}{activity}。")
    )
    return Event(text, name, place, time, activity)


def person(rng: Random) -> Draft:
    """Who is it about?"""
    event = draw_event(rng)
    question = rng.choice((f"找出句子中的人名：{event.text}", f"{event.text}句中的人物是谁？", f"抽取人名：{event.text}"))
    return Draft(question, event.name, (event.key,))


def place(rng: Random) -> Draft:
    """Where was it?"""
    event = draw_event(rng)
    question = rng.choice((f"找出句子中的地点：{event.text}", f"{event.text}句中的地点是哪里？", f"抽取地点：{event.text}"))
    return Draft(question, event.place, (event.key,))


def happening(rng: Random) -> Draft:
    """What happened when?"""
    event = draw_event(rng)
    question = rng.choice((f"抽取时间和事件：{event.text}", f"{event.text}什么时间发生了什么事？"))
    return Draft(question, f"{event.time}，{event.activity}", (event.key,))


FAMILIES: Final = (
    Family("tu_sentiment", "TU", "情感分析", sentiment, chance=0.5),
    Family("tu_topic", "TU", "短文本分类", topic, chance=0.2),
    Family("tu_entailment", "TU", "文本蕴含判断", entailment, chance=0.5),
    Family("tu_spelling", "TU", "拼写纠错", spelling),
    Family("ie_person", "IE", "命名实体识别", person),
    Family("ie_place", "IE", "实体属性抽取", place),
    Family("ie_event", "IE", "事件抽取", happening),
)
