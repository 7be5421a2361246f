"""Rows in another language or script than the set is for.

Counted are letters outside code blocks and web addresses: Han characters, Latin letters, others. Digits, marks and blanks say
nothing, and neither do a few letters ("iPhone 12"). A Chinese question may rightly be answered in English: who asks for a
translation, a programme, a formula or an English name is spared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field, field_validator

from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.prose import questions, replies, without_code
from harness.judging.scripts import SCRIPTS, share
from harness.schema import DataRow

_HAN: Final = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
_LATIN: Final = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a]+")
_KNOWN: Final = re.compile(
    "[\x00-\u00ff\u0100-\u02af\u1e00-\u1eff\u2010-\u20cf\u2190-\u2bff\u3000-\u3020\u3030\u3400-\u9fff\uf900-\ufaff\uff01-\uff65"
    "\U0001f000-\U0001faff\U00020000-\U000323af]+"
)
"""Han, Latin, and what is no letter: what is left is looked at one by one."""
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[!-~]+")
_SCRIPTS: Final[Sequence[tuple[str, re.Pattern[str]]]] = (
    ("ja", re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9f]")),
    ("ko", re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")),
    ("ru", re.compile("[\u0400-\u052f]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("th", re.compile("[\u0e01-\u0e2e]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
)
_ENGLISH: Final = re.compile(
    r"\b(?:the|and|of|to|is|in|that|you|for|it|with|this|are|be|on|not|have|was|can|your|an)\b", re.IGNORECASE
)
_OTHER_LANGUAGE: Final = re.compile(
    "翻译|翻譯|译成|译为|译文|英译|中译|[英法德日韩俄西葡意]语|[英法德日韩俄]文|西班牙|拉丁|外语|双语|世界语|拼音|原文|繁"
    "|(?<![A-Za-z])(?:english|translate|french|german|spanish|japanese)(?![A-Za-z])",
    re.IGNORECASE,
)
_OTHER_SIGNS: Final = re.compile(
    "代码|编程|程序|脚本|函数|算法|查询|正则|命令|接口|变量|数组|字符|伪代码|网页|标签|数据库|配置|格式|罗马数字"
    "|公式|方程|计算|求解|导数|积分|化学|元素|分子式|多项式|表达式|不等式|矩阵|向量|证明|等式"
    "|网址|链接|邮箱|用户名|密码|域名|缩写|首字母|字母|单词|歌词|歌名|曲名|书名|人名|品牌|名字|名称|专辑|乐队|股票"
    "|(?<![A-Za-z])(?:python|java|javascript|typescript|c\\+\\+|c#|sql|html|css|json|xml|yaml|regex|php|ruby|bash|shell|latex|excel"
    "|url|uri|code|script)(?![A-Za-z])",
    re.IGNORECASE,
)
_WORD: Final = re.compile("[A-Za-z]+")
_CODE_LINE: Final = re.compile(
    r"^[ \t]*(?:(?:def|class|import|from|return|print|if|elif|for|while|public|private|void|int|let|const|var|function|SELECT)\b"
    r"[^\n]{0,200}[:;{(),*]|#include|[{}<]|\S[^\n]{0,200}[;{}]$)",
    re.MULTILINE,
)
_PROSE: Final = 0.15
"""Share of small words above which Latin text is English sentences, not names or a programme: 0.25-0.45 and under 0.1 as seen."""
_TRADITIONAL: Final = re.compile(
    "[個們來這說時國為會學對開關於後過還現樣經發問題長當無種書電話車見東馬鳥魚語請讓認識議論調讀寫聽買賣錢銀鐵門間聞頭體點線總結給級"
    "統計設計試驗選擇進運動員園圖團報導準備條業與應該愛動勞務術藝師歷史區醫藥樂機構權標樹極樓環護產廣廠價優傳億備傷備]"
)
_SIMPLIFIED: Final = re.compile(
    "[个们来这说时国为会学对开关于后过还现样经发问题长当无种书电话车见东马鸟鱼语请让认识议论调读写听买卖钱银铁门间闻头体点线总结给级"
    "统计设计试验选择进运动员园图团报导准备条业与应该爱动劳务术艺师历史区医药乐机构权标树极楼环护产广厂价优传亿备伤备]"
)


class Language(StepSettings):
    """Shares are of all letters, 0-1. Sets the row's language where the source does not say it."""

    use: Literal["language"]
    expect: str = "zh"
    """ISO 639 code. Of other languages than `zh` and `en` only the script is looked at."""
    of: Literal["reply", "turn", "conversation"] = "reply"
    """What must be so: each reply, each turn, or the whole conversation taken together."""
    least_han: float | None = Field(default=None, ge=0, le=1)
    """Default: 0.2 where Chinese is expected, else 0. Chinese text about technology is often a third Latin letters."""
    least_latin: float | None = Field(default=None, ge=0, le=1)
    """Default: 0.8 where English is expected, else 0."""
    least_own: float = Field(default=0.5, ge=0, le=1)
    """Of the script of another language than these two."""
    most_other: float = Field(default=0.3, ge=0, le=1)
    """Where Chinese or English is expected: of kana, hangul, Cyrillic and all other letters."""
    least_letters: int = Field(default=12, ge=1)
    """Texts with fewer are not judged."""
    spare: Literal["asked", "code", "nothing"] = "asked"
    """`asked`: rows whose question asks for another language or holds one, and names, code and formulas (but not English
    sentences) where it asks for such. `code`: only the latter, so that translations go too."""
    traditional: Literal["keep", "drop"] = "keep"
    """`drop`: replies in traditional characters, unless they were asked for."""

    @field_validator("expect")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in SCRIPTS:
            raise ValueError(f"no language '{value}' is known here; write an ISO 639 code such as zh, en, ar, id")
        return value

    def build(self, context: Context) -> LanguageStep:
        """Nothing to load."""
        return LanguageStep(self)


@dataclass(frozen=True, slots=True)
class Letters:
    """Of one text, by script."""

    han: int
    latin: int
    other: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.han + self.latin + self.other


def letters(text: str) -> Letters:
    """Counts of a text without its code blocks and web addresses."""
    text = without_code(text)
    if "://" in text or "www." in text:
        text = _ADDRESS.sub("", text)
    rest = _KNOWN.sub("", text)
    return Letters(
        sum(map(len, _HAN.findall(text))), sum(map(len, _LATIN.findall(text))), sum(map(str.isalpha, rest)) if rest else 0
    )


def is_traditional(text: str) -> bool:
    """Whether it has more characters that only traditional script has than ones that only simplified script has.

    By 120 frequent characters of each; Chinese text of a sentence or two nearly always has some.
    """
    return len(_TRADITIONAL.findall(text)) > len(_SIMPLIFIED.findall(text))


def language_of(text: str) -> str:
    """`zh`, `en`, `ja`, `ko`, `ru`, …, by script alone; Latin text is `en` where English small words say so; else empty."""
    found = letters(text)
    if found.other:
        counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
        name = max(counts, key=lambda one: counts[one])
        if counts[name] > (0.15 if name == "ja" else 0.3) * found.total:
            return name
    if found.han and found.han >= 0.2 * found.total:
        return "zh"
    if found.latin > 0.5 * found.total and len(_ENGLISH.findall(text, 0, 2000)) >= 2:
        return "en"
    return ""


def _is_english(text: str) -> bool:
    """Whether it is English sentences, not a programme without fences."""
    if len(_CODE_LINE.findall(text)) >= 3:
        return False
    words = len(_WORD.findall(text))
    return words >= 8 and len(_ENGLISH.findall(text)) > _PROSE * words


class LanguageStep:
    """Reads texts once; no model."""

    def __init__(self, settings: Language) -> None:
        self.settings = settings
        given = settings.least_han, settings.least_latin
        default = {"zh": (0.2, 0.0), "en": (0.0, 0.8)}.get(settings.expect, (0.0, 0.0))
        self._han, self._latin = (one if one is not None else other for one, other in zip(given, default, strict=True))

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`."""
        return [self._one(row) for row in rows]

    def _one(self, row: DataRow) -> Ruled:
        texts = self._texts(row)
        for text in texts:
            complaint = self._complaint(letters(text), text)
            if complaint and not self._is_spared(row):
                return Drop(row, *complaint)
        if row.language:
            return row
        found = language_of("\n".join(texts))
        return row.model_copy(update={"language": found}) if found else row

    def _texts(self, row: DataRow) -> list[str]:
        match self.settings.of:
            case "reply":
                return replies(row)
            case "turn":
                return [turn.content for turn in row.messages]
        return ["\n".join(turn.content for turn in row.messages)]

    def _complaint(self, found: Letters, text: str) -> tuple[str, str, float] | None:
        """Why, the number behind it, and how sure: the further from the bound, the surer."""
        if self.settings.expect not in ("zh", "en") or found.total < self.settings.least_letters:
            return self._foreign(text) if found.total >= self.settings.least_letters else None
        han, latin, other = found.han / found.total, found.latin / found.total, found.other / found.total
        if other > self.settings.most_other:
            return "another script", f"{other:.0%} of the letters", min(1.0, 0.5 + other / 2)
        if han < self._han:
            return "too little Chinese", f"{han:.0%} of the letters", 1 - han / self._han / 2
        if latin < self._latin:
            return "too little Latin script", f"{latin:.0%} of the letters", 1 - latin / self._latin / 2
        if self.settings.traditional == "drop" and is_traditional(text):
            return "traditional characters", "", 0.6
        return None

    def _foreign(self, text: str) -> tuple[str, str, float] | None:
        """The same, of another language than Chinese and English."""
        own = share(_ADDRESS.sub("", without_code(text)), self.settings.expect)
        if own is None or own >= self.settings.least_own:
            return None
        return "another script", f"{1 - own:.0%} of the letters", 1 - own / 2

    def _is_spared(self, row: DataRow) -> bool:
        if self.settings.spare == "nothing":
            return False
        asked = questions(row)
        if self.settings.spare == "asked" and _OTHER_LANGUAGE.search(asked):
            return True
        if _OTHER_SIGNS.search(asked) or "```" in asked:
            return self.settings.expect == "en" or not _is_english(without_code("\n".join(replies(row))))
        # A question that is half Latin letters was about an English text, or in English.
        found = letters(asked)
        return self.settings.spare == "asked" and self.settings.expect == "zh" and found.latin > found.han > 0
