"""rows.jsonl -> a JSON file in a form that other tools read, and the `dataset_info.json` that LLaMA-Factory wants beside it.

messages   [{"messages": [{"role": "user", "content": …}, …]}]
sharegpt   [{"conversations": [{"from": "human", "value": …}, …], "system": …}]
alpaca     [{"instruction": …, "input": "", "output": …, "system": …, "history": [[question, answer], …]}]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from command_fault import Fault, write_json

Turn = dict[str, str]

_SPEAKERS: Final = {"user": "human", "assistant": "gpt"}
_INFO: Final[dict[str, dict[str, Any]]] = {
    "messages": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    },
    "sharegpt": {"formatting": "sharegpt", "columns": {"messages": "conversations", "system": "system"}},
    "alpaca": {
        "formatting": "alpaca",
        "columns": {"prompt": "instruction", "query": "input", "response": "output", "system": "system", "history": "history"},
    },
}


def convert(rows: Path, folder: Path, form: str) -> Path:
    """Write `rows.json` and `dataset_info.json` (its entry is `rows`) into a folder; returns the first.

    Raises:
        Fault: a conversation does not fit the form.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    with rows.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                found.append(_FORMS[form](json.loads(line)["messages"]))
            except Fault as fault:
                raise Fault(f"{rows}:{number}: {fault}") from None
    write_json(folder / "rows.json", found)
    write_json(folder / "dataset_info.json", {"rows": {"file_name": "rows.json", **_INFO[form]}})
    return folder / "rows.json"


def _messages(turns: list[Turn]) -> dict[str, Any]:
    return {"messages": [{"role": turn["role"], "content": turn["content"]} for turn in turns]}


def _sharegpt(turns: list[Turn]) -> dict[str, Any]:
    system, rest = _split(turns)
    return {"conversations": [{"from": _SPEAKERS[turn["role"]], "value": turn["content"]} for turn in rest], "system": system}


def _alpaca(turns: list[Turn]) -> dict[str, Any]:
    system, rest = _split(turns)
    pairs = [[rest[i]["content"], rest[i + 1]["content"]] for i in range(0, len(rest), 2)]
    (question, answer), history = pairs[-1], pairs[:-1]
    return {"instruction": question, "input": "", "output": answer, "system": system, "history": history}


def _split(turns: list[Turn]) -> tuple[str, list[Turn]]:
    """The system turn's text, and turns that alternate from the user to the assistant."""
    system = turns[0]["content"] if turns[0]["role"] == "system" else ""
    rest = turns[1:] if turns[0]["role"] == "system" else turns
    if [turn["role"] for turn in rest] != ["user", "assistant"] * (len(rest) // 2) or not rest:
        raise Fault(
            "turns must alternate between user and assistant, after one system turn at most; rows_format=messages takes any"
        )
    return system, rest


_FORMS: Final = {"messages": _messages, "sharegpt": _sharegpt, "alpaca": _alpaca}
