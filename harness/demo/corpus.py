"""n, seed -> what the base model reads: English lessons, and a little Chinese as a web crawl would have it.

Five in a hundred lines are Chinese: mostly plain sentences, some instructions of a few families, and enough reviews that their
sentiment is the one Chinese skill the base has. A diagnosis must find the other skills weak and leave that one alone.
Held-out fillings are kept out of plain sentences too.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from harness.demo import chinese_reading, sampling
from harness.demo import lexicon as words
from harness.demo.families import Item, Key, filling

CHINESE: Final = 0.05
"""Share of lines that are Chinese."""
INSTRUCTED: Final = 0.25
"""Share of the Chinese lines that are questions with answers of `GLIMPSED` families."""
GLIMPSED: Final = ("tu_topic", "lr_arithmetic", "lr_comparison", "tg_translation", "tg_fact", "ie_place")
STRONG: Final = "tu_sentiment"
STRONG_SHARE: Final = 0.01
"""Share of all lines from the `STRONG` family, beside the others."""
ENGLISH_WEIGHTS: Final = {
    "en_arithmetic": 5.0,
    "en_comparison": 4.0,
    "en_extraction": 2.0,
    "en_ordering": 2.0,
    "en_logic": 2.0,
    "en_category": 0.7,
    "en_sentiment": 0.5,
}
"""Weight of a family where it is not 1: sums and comparisons need the most practice."""
ALPHABET_DRAWS: Final = 600
"""Draws of each family when its characters are collected."""


@dataclass(frozen=True)
class Lesson:
    """One line of training text."""

    question: str | None
    """None for plain text, which is learnt as a whole."""
    answer: str


def pretraining(n: int, seed: int) -> list[Lesson]:
    """`n` lessons, family after family; training shuffles them."""
    lessons = [_lesson(item) for item in _english(n, seed)]
    glimpses = round((n - len(lessons)) * INSTRUCTED / len(GLIMPSED))
    for name in GLIMPSED:
        lessons += map(_lesson, sampling.sample(name, glimpses, "train", seed, unique=False))
    lessons += map(_lesson, sampling.sample(STRONG, round(n * STRONG_SHARE), "train", seed, unique=False))
    return lessons + plain_text(n - len(lessons), seed)


def plain_text(n: int, seed: int) -> list[Lesson]:
    """`n` Chinese sentences that ask nothing."""
    rng = Random(f"plain/{seed}")
    lessons: list[Lesson] = []
    while len(lessons) < n:
        text, key = _sentence(rng)
        if key is None or not key.held_out:
            lessons.append(Lesson(None, text))
    return lessons


def alphabet() -> str:
    """Every character beyond ASCII that the demo world uses, in code point order."""
    rng = Random("alphabet")
    drafts = (family.draw(rng) for family in sampling.families() for _ in range(ALPHABET_DRAWS))
    texts = [draft.question + draft.answer for draft in drafts]
    texts += [lesson.answer for lesson in plain_text(ALPHABET_DRAWS, 0)]
    return "".join(sorted({character for text in texts for character in text if not character.isascii()}))


def _english(n: int, seed: int) -> list[Item]:
    families = sampling.families("en")
    total = sum(ENGLISH_WEIGHTS.get(family.name, 1.0) for family in families)
    items: list[Item] = []
    for family in families:
        share = ENGLISH_WEIGHTS.get(family.name, 1.0) / total
        items += sampling.sample(family, int(n * (1 - CHINESE) * share), "train", seed, unique=False)
    return items


def _lesson(item: Item) -> Lesson:
    return Lesson(item.question, item.answer)


def _sentence(rng: Random) -> tuple[str, Key | None]:
    """A plain sentence, and the filling in it that may be held out."""
    kind = rng.randrange(6)
    if kind == 0:
        event = chinese_reading.draw_event(rng)
        return event.text, event.key
    if kind == 1:
        review = chinese_reading.draw_review(rng)
        return review.text, review.key
    if kind == 2:
        _, said, headline = words.draw_headline(rng)
        return f"{headline}。", filling("headline", *said)
    if kind == 3:
        festival, person = rng.choice(words.FESTIVALS), rng.choice(list(words.WISHES))
        return f"祝{person}{festival}快乐。", filling("wish", festival, person)
    if kind == 4:
        task = rng.choice(list(words.TASKS))
        return f"{task}要{'，'.join(words.TASKS[task])}。", None
    colour, noun = rng.choice(list(words.COLOURS)), rng.choice(list(words.NOUNS))
    look = rng.choice(("很大", "很小", "很好看"))
    return f"{rng.choice(words.PLACES)}的{colour}的{noun}{look}。", filling("translation", colour, noun)
