"""English base skills (dimension EN): what the base model is good at, and what adapting it must not cost."""

from __future__ import annotations

from random import Random
from typing import Final

from harness.demo.families import Draft, Family, Phrasing, filling, listed
from harness.demo.numbers import draw_pair, draw_sum

FIRST_NAMES: Final = listed(
    "Anna Ben Carl Dora Emma Frank Grace Henry Irene Jack Kate Leo Mary Nick Olga Paul Rose Sam Tina Victor"
)
LAST_NAMES: Final = listed(
    "Stone Hill Wood Baker Green Black White Young King Ford Lake Moore Reed Cook Page Fox Bell Cole Hunt West"
)
CITIES: Final = listed("Paris London Rome Berlin Boston Madrid Vienna Oslo Dublin Prague Lisbon Athens")
TRAVEL: Final = ("by train", "by car", "by bus", "on foot", "by plane")
OPPOSITES: Final = listed(
    "hot-cold big-small tall-short fast-slow happy-sad old-new day-night open-closed light-dark rich-poor hard-soft wet-dry "
    "full-empty clean-dirty early-late strong-weak near-far high-low up-down left-right true-false loud-quiet thick-thin "
    "deep-shallow sweet-bitter love-hate win-lose buy-sell push-pull start-stop"
)
OPPOSITE_PHRASINGS: Final = (
    "What is the opposite of {}?",
    "Give the antonym of {}.",
    "Opposite of {}:",
    "Which word is the reverse of {}?",
    "Name the contrary of {}.",
)
KINDS: Final = {
    "animal": listed("cat dog horse lion tiger rabbit sheep goat duck panda"),
    "fruit": listed("apple banana grape peach pear plum mango lemon cherry melon"),
    "color": listed("red blue green yellow white black purple orange pink brown"),
    "tool": listed("hammer saw drill knife spoon shovel axe wrench needle brush"),
}
THINGS: Final = ("animal", "fruit", "tool")
FOOD: Final = listed("soup bread rice fish cake tea pizza salad noodle steak burger cheese")
PRAISE: Final = listed("great tasty lovely fresh perfect nice wonderful excellent")
BLAME: Final = listed("awful cold stale terrible bad bland horrible salty")
WORDS: Final = listed("cup box car tree book lamp door fish bird moon star rain hat shoe ring road hill boat")


def arithmetic(rng: Random) -> Draft:
    """A sum, e.g. `What is 17 plus 3?`."""
    sum_ = draw_sum(rng)
    word = {"+": "plus", "-": "minus"}[sum_.sign]
    question = rng.choice((f"What is {sum_.left} {word} {sum_.right}?", f"{sum_.left} {sum_.sign} {sum_.right} = ?"))
    return Draft(question, str(sum_.result), (sum_.key,))


def opposites(rng: Random) -> Draft:
    """The opposite of a word, e.g. `What is the opposite of hot?`."""
    word, answer = rng.choice(OPPOSITES).split("-")
    if rng.random() < 0.5:
        word, answer = answer, word
    number = rng.randrange(len(OPPOSITE_PHRASINGS))
    key = Phrasing(f"opposite/{word}", number, len(OPPOSITE_PHRASINGS))
    return Draft(OPPOSITE_PHRASINGS[number].format(word), answer, (key,))


def category(rng: Random) -> Draft:
    """Which kind a word is of, e.g. `Is cat a kind of fruit, tool, animal or color?`."""
    answer = rng.choice(list(KINDS))
    word = rng.choice(KINDS[answer])
    order = rng.sample(list(KINDS), len(KINDS))
    question = rng.choice(
        (
            f"Is {word} a kind of {order[0]}, {order[1]}, {order[2]} or {order[3]}?",
            f"Choose a class for {word}: {order[0]}, {order[1]}, {order[2]}, {order[3]}.",
        )
    )
    return Draft(question, answer, (filling("category", word, *order),))


def comparison(rng: Random) -> Draft:
    """The larger number, e.g. `Which is bigger, 12 or 31?`."""
    pair = draw_pair(rng)
    if rng.random() < 0.5:
        return Draft(f"Which is bigger, {pair.left} or {pair.right}?", str(pair.larger), (pair.key,))
    answer = "yes" if pair.left > pair.right else "no"
    return Draft(f"Is {pair.left} bigger than {pair.right}?", answer, (pair.key,))


def extraction(rng: Random) -> Draft:
    """Who or where, e.g. `Anna Stone went to Paris by train. Who is the person?`."""
    name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
    city, travel = rng.choice(CITIES), rng.choice(TRAVEL)
    report = rng.choice((f"{name} went to {city} {travel}.", f"In May, {name} came to {city} {travel}."))
    key = filling("person", name)
    if rng.random() < 0.6:
        return Draft(f"{report} Who is the person?", name, (key,))
    return Draft(f"{report} What is the city?", city, (key,))


def sentiment(rng: Random) -> Draft:
    """Good or bad, e.g. `Review: the soup was great and fresh. Good or bad?`."""
    good = rng.random() < 0.5
    food = rng.choice(FOOD)
    first, second = rng.sample(PRAISE if good else BLAME, 2)
    question = rng.choice(
        (
            f"Review: the {food} was {first} and {second}. Good or bad?",
            f'"The {food} is {first}, so {second}." Is this good or bad?',
        )
    )
    return Draft(question, "good" if good else "bad", (filling("review", food, first, second),))


def ordering(rng: Random) -> Draft:
    """`Repeat: cup moon hat` or `Sort: 7 2 5`."""
    if rng.random() < 0.5:
        words = rng.sample(WORDS, 3)
        return Draft(f"Repeat: {' '.join(words)}", " ".join(words), (filling("repeat", *words),))
    digits = rng.sample(range(10), 3)
    ordered = sorted(digits)
    return Draft(f"Sort: {' '.join(map(str, digits))}", " ".join(map(str, ordered)), (filling("sort", *ordered, digits[0]),))


def logic(rng: Random) -> Draft:
    """A syllogism, e.g. `Every cat is an animal. Anna Stone has a cat. Does Anna have a tool?`."""
    kind, other = rng.sample(THINGS, 2)
    word, first, last = rng.choice(KINDS[kind]), rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    true = rng.random() < 0.5
    asked = _with_article(kind if true else other)
    thing = _with_article(word)
    question = f"Every {word} is {_with_article(kind)}. {first} {last} has {thing}. Does {first} have {asked}?"
    return Draft(question, "yes" if true else "no", (filling("syllogism", word, first, last),))


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


FAMILIES: Final = (
    Family("en_arithmetic", "EN", "arithmetic", arithmetic),
    Family("en_opposites", "EN", "opposites", opposites),
    Family("en_category", "EN", "category", category, chance=0.25),
    Family("en_comparison", "EN", "comparison", comparison, chance=0.5),
    Family("en_extraction", "EN", "extraction", extraction),
    Family("en_sentiment", "EN", "sentiment", sentiment, chance=0.5),
    Family("en_ordering", "EN", "ordering", ordering),
    Family("en_logic", "EN", "logic", logic, chance=0.5),
)
