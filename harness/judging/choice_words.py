"""Words and patterns by which `choice` finds a declared answer. Chinese and English; matched on cleaned text (`choice.clean`).

In cleaned text full-width marks are ASCII already (`，` is `,`, `：` is `:`), `。` and `、` are not.
"""

from __future__ import annotations

import re
from typing import Final

TOKEN: Final = re.compile(r"(?<![A-Za-z0-9°_])[A-Z](?![A-Za-z0-9_])")
"""A capital letter that is no part of a Latin word."""

OPENERS: Final = r"[\s\"'“”‘’「『\[(【<:,]"

BOXED: Final = re.compile(r"\\boxed\s?\{([^{}\n]{1,200})\}")

RUN_ON: Final = re.compile(
    r"(?<=\S)\n\s?(?:\d{1,3}[.、]\s?)?(?:问题|题目|下一题|新题|例题|提问|用户|Question|Human|User|Q)\s?\d{0,3}\s?[:.](?!\s?$)",
    re.IGNORECASE,
)
"""A base model that goes on with a question of its own: nothing after it is an answer to ours."""

WHOLE: Final = re.compile(
    r"[\s\"'“‘「『(\[【]{0,8}(?:(?:\d{1,3}\s?[.、)]|[^\n:,。A-Za-z不非别勿未错除]{1,12}:)\s?)?(?:我?(?:选择?|选项)\s?:?\s?)?"
    r"[\"'“(\[]{0,4}([A-Za-z])[\s\"'”’」』)\]】}]{0,8}(?:选?项)?[吧呢]?[\s。.、,;!:)]{0,8}"
)
"""A reply that is nothing but a letter, perhaps behind a number or a short heading (`第一题:B`)."""

FILLER: Final = re.compile(
    rf"{OPENERS}{{0,8}}(?:(?:选项|选择|应选|选|第|(?:clearly|definitely|probably|most\s+likely|likely|option|choice|letter|the|be|therefore)\b)\s?{OPENERS}{{0,8}}){{0,3}}",
    re.IGNORECASE,
)
"""What may stand between a cue and its letter."""
SMALL_LETTER: Final = re.compile(r"[a-z][\"'”’)\]】}]{0,4}\s?(?:$|[。.,;!、\n)])")
TEXT_ENDS: Final = re.compile(r"\s?(?:的(?=[。.,;!\n]|$)|吧|呢)?(?:$|[。.,;!\n\"'”’」』)\]】}(])")
"""What follows an option text that is quoted whole."""
LABEL_GAP: Final = re.compile(r"\s?(?:选?项)?\s?[.、:)\]】\-]?\s?[\"'“(]?")
"""Between a letter and the text it labels."""
OPENING: Final = re.compile(r"[\s\"'“「『(\[【]{0,8}")
DIRECT: Final = re.compile(r"\s{0,2}-?[\"'“(\[【】)\]]{0,6}\s{0,2}")
"""Between `答案` and a letter without a connector."""
PARAGRAPH_END: Final = re.compile(r"[。!?;]|\n\n")
NOT_FINAL: Final = re.compile(r"(?:不是|并非|错误|\bnot\s+the|\bwrong|\bincorrect)\s?(?:的|correct)?\s?$", re.IGNORECASE)
LEADING: Final = re.compile(
    r"[\s\"'“(\[【]{0,8}(?:选项|选|option\s)?\s?[(\[]?([A-Z])[\"'”)\]】]{0,4} ?"
    r"(?:(?P<item>选?项)|(?P<mark>[.、。:,;!\-])|(?P<line>\n|$)|(?P<bare>))",
    re.IGNORECASE,
)
LAST_LETTER: Final = re.compile(r"[\n。.!?][\s\"'“(\[【]{0,8}([A-Z])[\s\"'”)\]】]{0,8}(?:选?项)?[。.!]?$")
BRACKETED: Final = re.compile(r"[(\[【]\s?([A-Z])\s?[)\]】]")

INSTRUCTION: Final = re.compile(
    r"请(?:从|在)[^\n]{0,12}选[^\n]{0,12}(?:一个|选项|选出|选择)|直接(?:回答|给出|输出)[^\n]{0,6}(?:选项|字母)"
)
"""How prompts ask for a choice."""

FINAL: Final = re.compile(
    r"^\s?(?:答|判断|结果)(?=\s?:)|答案|正解|正确(?:的)?选?项|正确(?:的)?选择|(?:最佳|最优|最终|最合适的|最恰当的|我的|本人的)(?:选项|选择)|选择结果|判断结果|我的判断|结论|回答"
    r"|(?<!不)(?<!不完全)(?:正确|符合题意|最合适|最恰当|符合要求)的(?=选项|做法|行为|说法|表述|描述|观点|是|为|:)"
    r"|\b(?:answer|ans|(?:correct|right|best|final|my)\s+(?:choice|option|pick|letter|one)|conclusion)\b",
    re.IGNORECASE | re.MULTILINE,
)
"""Announces a final answer; the letter follows after a connector."""

CONNECTOR: Final = re.compile(
    r"应?该?选择|应?选(?!项)|而?是|应?为(?!什么|何)|:|=|->|→|\b(?:is|be|was|would|choose|choosing|select|with|but)\b",
    re.IGNORECASE,
)

SELECT: Final = re.compile(
    r"选择|选定|选取|选(?![项择定取])|\b(?:choose|chose|choosing|select|selected|selecting|pick|picked|go\s+with|going\s+with|opt\s+for)\b",
    re.IGNORECASE,
)

NOT_SELECTING: Final = re.compile(
    r"(?:不(?:应该|应当|应|能够|能|会|可以|可|该|要|宜|得|建议|推荐|考虑|想|愿意?)?|别|勿|未|没有?|误|错|无法|难以|拒绝|避免|排除|除了|可供|供|备|不予|无从"
    r"|(?:not|n't|n’t|never|cannot|to|avoid|unable\s+to|wouldn't|could)\s?)$",
    re.IGNORECASE,
)
"""What right before a selecting verb takes the choice away (`I'd like to choose B` is rare; `unable to choose A` is not)."""

HYPOTHETICAL: Final = re.compile(
    r"如果|假如|假设|要是|倘若|若|即使|有人|有些人|很多人|不少人|部分人|同学|考生|别人|误以为|为什么|为何|\b(?:if|whether|some|people|others|why)\b",
    re.IGNORECASE,
)
"""Makes the rest of its clause somebody else's or nobody's choice."""

NEGATION: Final = re.compile(r"[不非没未别勿]|排除|无法|拒绝|\bnot\b|n't|\b(?:unable|cannot|never|neither|nor)\b", re.IGNORECASE)

THOUGHT: Final = re.compile(
    r"(?:(?:我(?:个人)?(?:认为|觉得|想|猜)|应该?|那就|就|可能|大概|对应|更(?:符合|接近)|最(?:符合|接近)|符合"
    r"|\bI\s+(?:think|believe|guess)(?:\s+that)?(?:\s+it)?|it'?s|it)\s?(?:应该?|可能|的|,)*\s?(?:是|为|属于|\bis\b|'s)|倾向于?|偏向于?|(?<=,)即(?:为|是)?)\s?",
    re.IGNORECASE,
)
"""`我认为是`, `应该是`, `更倾向于`, `I think it's`: an opinion whose letter follows."""

STATES: Final = re.compile(r"(?:构成了?|属于|认定为|定性为|涉嫌|犯了?|触犯了?|应该?|应当|需要|必须|是|为|以)[\s\"'“「(]*$")
PRAISED: Final = re.compile(
    r"[\"'”」)]?(?:才|就)?是(?:最|唯一|更)?(?:好|正确|合适|恰当|佳|合理|妥当)的?(?:选择|做法|选项|答案|行为|方式)?"
)
"""What before, or after, an option's text makes a sentence with it an answer."""

ELECTED: Final = re.compile(r"(?<![A-Za-z0-9°])([A-Z])\s?(?:选?项|[.、:)])[^A-Z。\n;]{0,60}?(?<!不)当选")
"""Chinese exam idiom: the option to choose, whatever is said of its content (`C项说法错误, 当选`)."""

NAMED: Final = re.compile(
    r"选项\s?[\"'“(\[]?([A-Z])(?![A-Za-z0-9])|(?<![A-Za-z0-9°])([A-Z])[\"'”)\]]?\s?选?项|\b[Oo]ption\s+([A-Z])\b"
)

CONCLUSION: Final = re.compile(
    r"因此|所以|因而|综上(?:所述)?|综合(?:来看|以上|分析|考虑)|(?:(?<=[,。;\n\s])|^)故|总之|由此|可见|总的来说|总而言之|总体来说|最终|最后|据此|这样看来"
    r"|\b(?:therefore|thus|hence|so|in\s+conclusion|in\s+summary|to\s+sum\s+up|overall|finally|ultimately)\b",
    re.IGNORECASE,
)
SUMMARY: Final = re.compile(
    r"综上|总之|总而言之|总的来说|总体来说|最终|\b(?:in\s+conclusion|in\s+summary|to\s+sum\s+up|overall|ultimately)\b",
    re.IGNORECASE,
)
"""Conclusions that outrank the ones before them."""

SENTENCE_END: Final = re.compile(r"[。!?;\n]|(?<=[a-z)\u4e00-\u9fff])\.(?=\s|$)")
CLAUSE_END: Final = re.compile(r"[,。.!?;\n]")

LEFT_OF_LETTER: Final = re.compile(
    r"(?:^|[^\w°]|选项|选择|[选是为故应即属对项在和与及或第得向把]|认为|因此|所以|因而|总之|综上|那么)$"
)
NAME_BEFORE: Final = re.compile(
    r"\b(?!(?:is|be|option|choose|choice|letter|answer|so|just|pick|say|select|and|or|not)\b)[A-Za-z]+\s$", re.IGNORECASE
)
"""A Latin word right before the letter makes it a name (`Vitamin C`, `Plan B`)."""
I_THINK: Final = re.compile(r"\s?(?:我(?:个人)?)?(?:认为|觉得|想)(?:这?应该|这)?")
RIGHT_OF_LETTER: Final = re.compile(
    r"$|[^\w+#]|(?:和|与|及|或者?|跟|还是)\s?(?:选项)?[(\[\"“]?[A-Z]|选?项|[吧呢啊哦哈啦了更最才也这但而并]|正确|错误|错|不|是|为|符合|因为|由于|即|就是|比较|作为|理由|原因|的(?:选项|原因|理由|说法|表述|描述|内容)|明显|显然|说法|表述|完全|属于|都|均|对应"
)
"""A letter followed by any other word character is part of a word or a name (`A公司`, `B超`)."""

ARTICLE: Final = re.compile(
    r"\s+(?!(?i:because|since|as|for|and|or|is|was|would|due|based|which|given|here|option|but|not|yes|no|the|this)\b)[A-Za-z][a-z]"
)
"""After the capital letter A in English: `A person who …`."""

DENIED_AFTER: Final = re.compile(
    r"\s?(?:选?项)?(?:的?(?:说法|表述|描述|内容|观点|选项|行为))?\s?(?:都|均|是|为|则|也|明显|显然|属于|并|完全|可以|应该|应|被){0,6}\s?"
    r"(?:不(?!难|仅|光|只)|错|错误|有误|排除|未|没有|吗|么|\?|的话|(?:is|are|was)\s?(?:not|n't|wrong|incorrect|false)|isn't|can\s+be\s+(?:ruled|excluded))"
)
DENIED_BEFORE: Final = re.compile(
    r"(?:排除(?:掉|了)?|不是|并非|而非|非|不选择?|不能选|不应选|不该选|除了|否定|不包括|不等于|不在|误选|错选|\b(?:not|isn't|than|exclude|excluding|except|rule\s+out)\s?)\s?(?:选项|选?项|option)?\s?[\"'“(\[]*$",
    re.IGNORECASE,
)

JOIN: Final = re.compile(
    r"[\"'”)\]】]?\s?(?:选?项)?\s?(?:、|和|与|及|以及|或者?是?|还是选?择?|,?\s?也?可能是|跟|&|\+|/|[-~至到](?=\s?[A-Z](?![A-Za-z]))|\band\b|\bor\b)"
    r"\s?(?:选项)?[\s\"'“(\[]{0,4}|(?=[A-Z])|\.(?=[A-Z]\b)"
)
"""Joins two letters into a group that is no single choice."""
LOOSE_JOIN: Final = re.compile(r"\s?[,;\s]\s?(?:选项)?[\"'“(\[]*")
"""Joins letters only if the second one stands alone after it."""
ALONE: Final = re.compile(r"\s?[\"'”)\]】]*\s?(?:选?项)?\s?(?:$|[。.,;!?\n])")
ALONE_ON_LINE: Final = re.compile(r"\s?[\"'”)\]】]*[ ]*(?:选?项)?[。.]?[ ]*(?:$|\n)")

LABEL: Final = re.compile(
    r"(?:(?<=[\s。;:,)\]】])|^)[(\[【]?(?:选项)?([A-Z])(?:选?项\s?[.、:,)\]】]|\s?[.、:)\]】])(?!\s?[A-Z]\b)"
)
"""A letter that labels a line or a sentence: two different ones make an enumeration."""

RIGHT_MARK: Final = re.compile(
    r"(?:只有|唯有|\b[Oo]nly\s)\s?(?:选项|[Oo]ption\s)?\s?(?P<sole>[A-Z])(?=\s?(?:选?项|[是才符属涉侵违构]|\s+is\b|\s+fits\b))"
    r"|(?<![A-Za-z0-9°])(?P<letters>[A-Z](?:\s?(?:选?项)?\s?[、,和与及]\s?(?:选项)?[A-Z](?![A-Za-z])){0,12})\s?[)\]】]?\s?(?:选?项)?\s?(?:的?(?:说法|表述|描述|内容|观点|做法|行为))?\s?[.:,-]?\s?"
    r"(?:是|为|则|都|均|也|才|最|更|比较|较|完全|显然|明显|应该|\bis\b|\bis\s+the\b|\bis\s+more\b|\bseems\b|\s){0,8}"
    r"(?:正确|对(?=[的了。.,;!\s]|$)|准确|符合|合适|恰当|合理|唯一(?!不)|(?<=最)(?!不|差|坏|没|少|难|违|恶|严)[\u4e00-\u9fff]{1,6}(?=的|[。,;\n]|$)|[√✓✔✅☑]|\b(?:correct|right|best|the\s+answer|true)\b)",
)
TICKED: Final = re.compile(r"(?<![A-Za-z0-9])([A-Z])\s?[.、:)][^\nA-Z√✓✔✅☑✗✘×❌☐]{0,120}[√✓✔✅☑]|[√✓✔✅☑]\s?([A-Z])(?![A-Za-z])")

YES_NO: Final[tuple[tuple[str, str], ...]] = (
    ("是", "否"),
    ("是", "不是"),
    ("正确", "错误"),
    ("对", "错"),
    ("属于", "不属于"),
    ("认同", "不认同"),
    ("同意", "不同意"),
    ("有", "没有"),
    ("yes", "no"),
    ("true", "false"),
)
"""Pairs of option texts that a plain yes or no decides."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


YES: Final = {
    "是": _words(
        "是 是的 对 对的 没错 有 有的 属于 存在 构成 会 会的 确实 确实是 确实如此 当然是 肯定是 肯定的 是肯定的 是这样的 yes"
    ),
    "正确": _words(
        "正确 正确的 是正确的 对 对的 没错 是 是的 说法正确 这种说法正确 这种说法是正确的 该说法正确 true correct yes right"
    ),
    "认同": _words("认同 我认同 同意 我同意 赞同 是 是的 yes"),
}
NO: Final = {
    "是": _words(
        "否 不 不是 不是的 不属于 没有 不存在 不构成 不会 不算 并不 并不是 并非 并非如此 否定的 是否定的 不是这样的 不涉及 no"
    ),
    "正确": _words(
        "错误 错误的 是错误的 错 错的 错了 不正确 不正确的 是不正确的 不对 不 不是 不是的 否 说法错误 这种说法错误 "
        "这种说法是错误的 这种说法不正确 该说法错误 该说法不正确 false incorrect wrong no"
    ),
    "认同": _words("不认同 我不认同 不同意 我不同意 不赞同 否 不 不是 no"),
}
FAMILY: Final = {
    "是": "是",
    "属于": "是",
    "有": "是",
    "yes": "是",
    "正确": "正确",
    "对": "正确",
    "true": "正确",
    "认同": "认同",
    "同意": "认同",
}
"""Yes text of a pair -> whose words decide it."""

_SUBJECT: Final = (
    r"(?:(?:我认为|我觉得|因此|所以|综上所述|综上|总之|(?:根据|从|按照|基于)[^,。!?;\n]{1,20},|,|\s)*"
    r"(?:(?:这|该|此|以上|上述|给出的|给定的|题目中|题干中|说话者|说话人|发言人|作者|文中|它|其|内容|陈述|根据|从|在)[^,。!?;\n]{0,40}?)?)"
)
_EXISTS: Final = r"存在[^,。!?;\n]{0,12}(?:歧视|偏见|侵权|侵犯|侵害|违法|违规|违反|泄露|风险|行为|垄断|不正当)"
SAYS_NO: Final = re.compile(
    rf"\s*{_SUBJECT}(?:(?:并|确实|显然|明显)?(?:不(?:能|应)?(?:属于|构成|{_EXISTS}|涉及|算是|算作|算)|(?:没有|未)(?:明显|直接|任何)?(?:地)?(?:展现|表现|体现|构成|{_EXISTS}|违反|侵犯|侵害|涉及|歧视|偏见)))"
)
SAYS_YES: Final = re.compile(
    rf"\s*{_SUBJECT}(?<![不未没非])(?:(?:确实|显然|明显|也|就|已经?|已|可以)?(?:属于|构成|{_EXISTS}|展现[出了]|表现[出了]|体现[出了]|违反了|侵犯了|侵害了|泄露了))"
)
UNSURE: Final = re.compile(r"是否|吗|可能|也许|或许|不一定|难以|无法|不确定|不好说|不能确定|不清楚|如果|看情况|取决于|\?")
