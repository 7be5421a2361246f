"""Seed -> Chinese dialogues, with near-duplicates and look-alikes planted among them, and what is what.

    python bench/synthetic.py --rows 1000 [--seed 1] > dialogues.jsonl

Sentences come from a small grammar over our own words, some of them made up of two characters by chance, so that texts are as
different from one another as real ones. Every eighth row is a copy of one a few hundred rows before it, changed in one of the
ways of `CHANGES`; every tenth belongs to a family that shares a long template, and is no duplicate of anything.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass


def _words(text: str) -> list[str]:
    return text.split()


THINGS = _words(
    "茶叶 石桥 毛笔 渔船 稻田 灯笼 算盘 风筝 木匠 集市 祠堂 戏台 竹篮 米酒 砚台 瓦片 水车 蚕丝 梯田 渡口 村庄 邮差 药铺 书院 "
    "剪纸 皮影 陶罐 铜镜 纸伞 柴火 豆腐 面条 粽子 月饼 饺子 年糕 白菜 萝卜 荷花 桂花 梅树 松林 山路 溪水 海港 草原 沙丘 雪峰 "
    "车站 地铁 电梯 屏幕 键盘 程序 数据 表格 合同 发票 税率 利息 股份 预算 诊所 疫苗 血压 睡眠 牙齿 视力 课堂 考试 论文 笔记 "
    "球场 泳池 跑道 棋盘 琴弦 画布 镜头 剧本 邻居 同事 祖父 孩子 老师 医生 司机 厨师 农民 工人 店主 游客"
)
DOINGS = _words(
    "改变 保存 修补 观察 记录 比较 影响 依靠 代替 带动 减少 增加 区分 组成 支持 限制 解释 说明 安排 准备 选择 交换 搬运 清洗 "
    "测量 计算 翻译 讨论 介绍 学习 练习 照顾 保护 检查 分配 连接"
)
HOW = _words("慢慢 仔细 常常 很少 逐步 提前 同时 分别 大约 至少 几乎 通常 一直 偶尔 尽量 重新 主动 共同 自然 简单")
WHERE = _words("南方 北方 山区 海边 城里 乡下 学校 家中 路上 市场 工厂 古代 如今 冬天 夏天 清晨 夜里 节日 假期 雨季")
SHAPES = (
    "在{w}，{t}会{h}{d}{t2}。",
    "{t}和{t2}的关系，{h}要看{x}怎样{d}。",
    "如果{x}{h}{d}{t}，{t2}就会不同。",
    "人们{h}用{t}来{d}{t2}，{w}尤其如此。",
    "第{n}步是{d}{t}，然后{h}{d2}{x}。",
    "{x}说，{w}的{t}比{t2}多{n}倍。",
    "不过，{t}并不能{d}所有{t2}，{x}{h}提醒过。",
    "{w}有{n}种{t}，其中{x}最能{d}{t2}。",
    "先{d}{t}，再{d2}{t2}，最后请{x}{h}看一遍。",
    "关于{x}，{w}的做法是{h}{d}{t}。",
    "{t}{h}{d}{x}，这一点{w}的人都知道。",
    "除了{t}，{t2}也{h}需要{x}来{d}。",
)
ASKS = (
    "请说明{w}的{t}怎样{d}{t2}。",
    "{x}为什么要{h}{d}{t}？",
    "写一段话，谈谈{t}、{t2}和{x}。",
    "{w}的{x}适合{d}{t}吗？请给出{n}条理由。",
    "比较一下{t}与{t2}，并解释{x}的作用。",
    "我想{h}{d}{t}，{x}那里应该注意什么？",
)
FAMILY = (
    "关于{x}的问题，可以从以下几个方面来看。首先要弄清它的来历，再看它在日常生活中的用处，然后比较它在不同地方的做法，"
    "最后想一想它以后会怎样变化。{s}如果还有不清楚的地方，可以到附近的图书馆查一查，也可以向有经验的人请教，不必着急下结论。"
)
OPENERS = ("请认真回答下面这个问题：", "你是一位耐心的助手，请用中文作答。", "下面是一位网友的提问，", "根据你所知道的，")


@dataclass(frozen=True)
class Made:
    """One row and what it is."""

    question: str
    reply: str
    kind: str
    """`plain`, `family`, or the change that makes it a copy."""
    of: int | None = None
    """Number of the row it is a copy of, or of the first row of its family."""

    @property
    def text(self) -> str:
        """Both turns."""
        return self.question + "\n" + self.reply

    def record(self) -> dict[str, str]:
        """In the alpaca format."""
        return {"instruction": self.question, "input": "", "output": self.reply}


class Writer:
    """Draws words, sentences and dialogues."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.characters = sorted(set("".join(THINGS + DOINGS)) | {chr(0x4E00 + 7 * i) for i in range(900)})

    def sentence(self, shapes: tuple[str, ...] = SHAPES) -> str:
        """One of the shapes, filled."""
        pick = self.draw.choice
        return pick(shapes).format(
            t=pick(THINGS), t2=pick(THINGS), d=pick(DOINGS), d2=pick(DOINGS), h=pick(HOW), w=pick(WHERE),
            n=self.draw.randint(2, 99), x=pick(self.characters) + pick(self.characters),
        )  # fmt: skip

    def plain(self) -> Made:
        """A question of 10-40 characters, a reply of about 20-400."""
        sentences = min(24, 1 + int(self.draw.expovariate(1 / 7)))
        return Made(self.sentence(ASKS), "".join(self.sentence() for _ in range(sentences)), "plain")

    def family(self, first: int) -> Made:
        """The shared template with its own subject and one sentence."""
        subject = "".join(self.draw.choices(self.characters, k=3))
        return Made(f"{subject}是什么？", FAMILY.format(x=subject, s=self.sentence()), "family", first)

    def edited(self, text: str, share: float) -> str:
        """So many of its characters exchanged, at least one."""
        said = list(text)
        for place in self.draw.sample(range(len(said)), max(1, round(share * len(said)))):
            said[place] = self.draw.choice(self.characters)
        return "".join(said)

    def copy(self, row: Made, kind: str, of: int) -> Made:
        """A changed copy."""
        question, reply = CHANGES[kind](self, row)
        return Made(question, reply, kind, of)


def _reply(change: Callable[[Writer, str], str]) -> Callable[[Writer, Made], tuple[str, str]]:
    return lambda writer, row: (row.question, change(writer, row.reply))


CHANGES: dict[str, Callable[[Writer, Made], tuple[str, str]]] = {
    "punctuation": lambda _, row: (row.question.replace("，", " , "), row.reply.replace("，", ",").replace("。", " ")),
    "1% edited": _reply(lambda writer, said: writer.edited(said, 0.01)),
    "2% edited": _reply(lambda writer, said: writer.edited(said, 0.02)),
    "5% edited": _reply(lambda writer, said: writer.edited(said, 0.05)),
    "10% edited": _reply(lambda writer, said: writer.edited(said, 0.10)),
    "20% edited": _reply(lambda writer, said: writer.edited(said, 0.20)),
    "truncated": _reply(lambda _, said: said[: max(1, round(0.88 * len(said)))]),
    "prefix": lambda writer, row: (writer.draw.choice(OPENERS) + row.question, row.reply),
    "sentence": _reply(lambda writer, said: said + writer.sentence()),
}
"""Ways in which a copy differs."""


def dialogues(rows: int, seed: int = 1) -> Iterator[Made]:
    """Rows, one at a time; the same for the same seed."""
    writer = Writer(seed)
    kinds = itertools.cycle(CHANGES)
    before: deque[tuple[int, Made]] = deque(maxlen=400)
    for number in range(rows):
        if number % 8 == 7 and len(before) >= 50:
            of, row = before[0]
            before.popleft()
            made = writer.copy(row, next(kinds), of)
        elif number % 10 == 4:
            made = writer.family(number - number % 200 + 4)
        else:
            made = writer.plain()
            before.append((number, made))
        yield made


def main() -> None:
    """Print rows as JSON Lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for row in dialogues(options.rows, options.seed):
        sys.stdout.write(json.dumps(row.record(), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
