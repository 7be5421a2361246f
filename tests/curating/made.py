"""Made-up rows and files of rows, in our own words, for the tests of curating."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.schema import DataRow, Message

WORDS = [
    "春天",
    "茶叶",
    "河边",
    "老师",
    "面条",
    "火车",
    "月亮",
    "图书",
    "邻居",
    "节日",
    "城市",
    "修理",
    "菜园",
    "天气",
    "故事",
    "算盘",
    "毛笔",
    "石桥",
    "渔船",
    "稻田",
]
VERBS = ["介绍", "比较", "说明", "写出", "列举", "解释", "总结", "描述"]


def row(question: str, reply: str, number: int | str = 1, **fields: object) -> DataRow:
    """One turn each."""
    turns = (Message(role="user", content=question), Message(role="assistant", content=reply))
    return DataRow.model_validate({"source": "made", "source_id": str(number), "messages": turns, **fields})


def alpaca(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Different questions with replies of one to four sentences."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        topic = "、".join(draw.sample(WORDS, 3))
        said = "".join(
            f"{draw.choice(WORDS)}和{draw.choice(WORDS)}有关，第{draw.randrange(10**6)}次提到。"
            for _ in range(draw.randrange(1, 5))
        )
        found.append({"instruction": f"请{draw.choice(VERBS)}{topic}，编号{number}。", "input": "", "output": said})
    return found


def jsonl(path: Path, records: Iterable[object]) -> Path:
    """One JSON value a line."""
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return path


def pipeline(path: Path, source: Path, steps: Sequence[str], *, name: str = "made", culture: str = "demo") -> Path:
    """A pipeline file; each step is the body of its table."""
    tables = "".join(f"\n[[step]]\n{step}\n" for step in steps)
    given = f'{{ name = "made", path = "{source}", format = "alpaca", licence = "CC0-1.0" }}'
    path.write_text(f'name = "{name}"\nculture = "{culture}"\nsources = [{given}]\n{tables}', encoding="utf-8")
    return path
