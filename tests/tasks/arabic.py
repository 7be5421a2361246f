"""Items and training rows of our own, in the columns of ArabicMMLU's files and of the sources of culture `ar`, for runs without a network."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Final

from harness import catalog

COLUMNS: Final = (
    *("ID", "Source", "Country", "Group", "Subject", "Level", "Question", "Context", "Answer Key"),
    *("Option 1", "Option 2", "Option 3", "Option 4", "Option 5", "is_few_shot"),
)
"""Of `<part>/test.csv`."""
TOOLS: Final = {
    "المطرقة": "دقّ المسامير",
    "الإبرة": "خياطة الثياب",
    "الدلو": "حمل الماء",
    "المنشار": "قطع الخشب",
    "المحراث": "شقّ الأرض",
    "الغربال": "نخل الدقيق",
    "السلّم": "بلوغ الأعالي",
    "المصباح": "إنارة الغرفة",
}
LEVELS: Final = ("", "Primary", "Middle", "High", "Univ", "Prof")


def item(part: str, i: int) -> dict[str, str]:
    """One row of a part; two to five options, as there."""
    tools, uses = list(TOOLS), list(TOOLS.values())
    count, asked = 2 + (i + len(part)) % 4, (i + len(part)) % len(tools)
    options = [uses[(asked + step) % len(uses)] for step in range(count)]
    place = (i * 5 + len(part)) % count
    options[0], options[place] = options[place], options[0]
    row = dict.fromkeys(COLUMNS, "")
    row |= {f"Option {number}": option for number, option in enumerate(options, 1)}
    return row | {
        "ID": f"{part}-{i}",
        "Subject": part.partition(" (")[0],
        "Level": LEVELS[i % len(LEVELS)],
        "Country": "Jordan" if i % 2 else "",
        "Question": f"في درس «{part}»، السؤال {i}: فيمَ تُستعمل {tools[asked]}؟",
        "Context": "تأمّل أدوات الورشة." if i % 3 == 0 else "",
        "Answer Key": "ABCDE"[place],
        "is_few_shot": "0",
    }


def copies(data: Path, items: int = 6) -> Path:
    """A copy of ArabicMMLU's parts under `$HARNESS_DATA`, which is returned."""
    known = catalog.read()
    for leaf in known.leaves("arabicmmlu"):
        part = known.find(leaf).part
        for split, count in (("test", items), ("dev", 3)):
            file = data / "lm_eval" / "MBZUAI/ArabicMMLU" / part / f"{split}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, COLUMNS)
                writer.writeheader()
                writer.writerows(item(part, i) for i in range(count))
    return data


def sources(data: Path, rows: int = 60) -> Path:
    """Rows of one's own where the sources of culture `ar` are looked for."""
    place = data / "training"
    place.mkdir(parents=True, exist_ok=True)
    asked = [f"كم عدد أيام {i} أسابيع؟" for i in range(2, rows + 2)]
    told = [f"عددها {7 * i} يومًا، فالأسبوع سبعة أيام." for i in range(2, rows + 2)]
    pairs = list(zip(asked, told, strict=True))
    plain = [{"instruction": question, "output": reply} for question, reply in pairs[: rows // 2]]
    english = [{"instruction": f"Double {i}.", "input": "", "output": f"Twice {i} is {2 * i}."} for i in range(rows)]
    spoken = [
        {"conversations": [{"from": "human", "value": f"اكتب العدد {i} بالحروف."}, {"from": "gpt", "value": reply}]}
        for i, (_, reply) in enumerate(pairs[rows // 2 :])
    ]
    talks = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": f"أعتذر، فهذا يؤذي الناس ({i})."}]}
        for i, (question, _) in enumerate((f"كيف أزعج الجار رقم {i}؟", "") for i in range(rows))
    ]
    (place / "CIDAR.jsonl").write_text(_lines(plain), encoding="utf-8")
    (place / "safety_ar.jsonl").write_text(_lines(talks), encoding="utf-8")
    (place / "alpaca-gpt4-arabic.json").write_text(json.dumps(spoken, ensure_ascii=False), encoding="utf-8")
    (place / "alpaca_gpt4_data.json").write_text(json.dumps(english), encoding="utf-8")
    return data


def _lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
