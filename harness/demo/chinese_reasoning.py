"""Logical reasoning (LR) and task planning (TP) in Chinese."""

from __future__ import annotations

from random import Random
from typing import Final

from harness.demo import lexicon as words
from harness.demo.families import Draft, Family, Phrasing, filling
from harness.demo.numbers import draw_pair, draw_sum

PLAN_PHRASINGS: Final = ("怎么{}？", "教我怎么{}", "请列出{}的步骤", "我想{}，该怎么做？", "{}要分几步？", "请为{}制定计划")


def arithmetic(rng: Random) -> Draft:
    """A sum, bare or as a little story."""
    sum_ = draw_sum(rng)
    left, right = sum_.left, sum_.right
    if sum_.sign == "+":
        question = rng.choice((f"计算：{left}加{right}等于多少？", f"小明有{left}个苹果，又买了{right}个，一共有几个？"))
    else:
        question = rng.choice((f"计算：{left}减{right}等于多少？", f"小红有{left}个桃子，吃了{right}个，还剩几个？"))
    return Draft(question, str(sum_.result), (sum_.key,))


def entailment(rng: Random) -> Draft:
    """Does a conclusion follow, fail, or stay open?"""
    kind = rng.choice(list(words.KINDS))
    thing, name = rng.choice(words.KINDS[kind]), words.draw_name(rng)
    unsaid = rng.choice(words.UNSAID)
    conclusion, answer = rng.choice(
        ((f"{name}有{kind}", "是"), (f"{name}没有{kind}", "否"), (f"{name}有{unsaid}{thing}", "不确定"))
    )
    question = rng.choice(
        (
            f"前提：{thing}是{kind}，{name}有{thing}。结论：{conclusion}。结论对吗？（是、否、不确定）",
            f"{thing}都是{kind}，{name}有{thing}，所以{conclusion}，是、否还是不确定？",
        )
    )
    return Draft(question, answer, (filling("name", name),))


def comparison(rng: Random) -> Draft:
    """Which of two numbers is larger?"""
    pair = draw_pair(rng)
    if rng.random() < 0.5:
        question = rng.choice((f"{pair.left}和{pair.right}哪个更大？", f"比较{pair.left}与{pair.right}，较大的是？"))
        return Draft(question, str(pair.larger), (pair.key,))
    return Draft(f"{pair.left}大于{pair.right}，对吗？", "对" if pair.left > pair.right else "不对", (pair.key,))


def order(rng: Random) -> Draft:
    """Three of a task's four steps, to be put in order."""
    task = rng.choice(list(words.TASKS))
    shuffled = rng.sample(range(4), 3)
    shown = " ".join(f"{letter}.{words.TASKS[task][step]}" for letter, step in zip("ABC", shuffled, strict=True))
    answer = "".join("ABC"[shuffled.index(step)] for step in sorted(shuffled))
    question = rng.choice(
        (f"把{task}的步骤排序：{shown}", f"{task}的正确顺序是什么？{shown}", f"按先后顺序排列{task}的步骤：{shown}")
    )
    return Draft(question, answer, (filling("order", task, *shuffled),))


def plan(rng: Random) -> Draft:
    """How to do a task, in four steps."""
    task = rng.choice(list(words.TASKS))
    number = rng.randrange(len(PLAN_PHRASINGS))
    one, two, three, four = words.TASKS[task]
    question = rng.choice(words.LEADS) + PLAN_PHRASINGS[number].format(task)
    key = Phrasing(f"plan/{task}", number, len(PLAN_PHRASINGS))
    return Draft(question, f"可以。先{one}，再{two}，然后{three}，最后{four}。", (key,))


def tool(rng: Random) -> Draft:
    """Which of four tools serves a request?"""
    answer = rng.choice(list(words.TOOLS))
    request = rng.choice(words.TOOLS[answer]).format(**_fillers(rng))
    offered = [*rng.sample([name for name in words.TOOLS if name != answer], 3), answer]
    rng.shuffle(offered)
    listed = "、".join(offered)
    question = rng.choice((f"选择工具（{listed}）：{request}", f"{request}，该用哪个工具？可选：{listed}。"))
    return Draft(question, answer, (filling("tool", request),))


def _fillers(rng: Random) -> dict[str, str | int]:
    start, goal = rng.sample(words.PLACES, 2)
    return {
        "n": rng.randint(2, 29),
        "m": rng.randint(2, 29),
        "h": rng.randint(5, 22),
        "p": start,
        "q": goal,
        "z": rng.choice(list(words.NOUNS)),
        "o": rng.choice(words.KINDS["水果"]),
        "w": rng.choice(words.INSTRUMENTS),
        "f": rng.choice(words.FESTIVALS),
    }


FAMILIES: Final = (
    Family("lr_arithmetic", "LR", "四则运算", arithmetic),
    Family("lr_entailment", "LR", "语义蕴含判断", entailment, chance=1 / 3),
    Family("lr_comparison", "LR", "大小比较", comparison, chance=0.5),
    Family("tp_order", "TP", "任务拆分", order, chance=1 / 6),
    Family("tp_plan", "TP", "任务规划", plan, kind="open"),
    Family("tp_tool", "TP", "工具选择", tool, chance=0.25),
)
