"""Real trainers that do one thing each: folders with a trainer.toml and a program of the standard library.

`home(folder, name, program)` makes one; `PROGRAMS` are those that deliver, die, hang or print nonsense. Each begins with `HEAD`,
which reads the recipe and has `copy()` (the base again) and `deliver()`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

ROWS: Final = (
    {"messages": [{"role": "user", "content": "法国的首都是哪里？"}, {"role": "assistant", "content": "巴黎。"}]},
    {"messages": [{"role": "user", "content": "Which colour is the sky?"}, {"role": "assistant", "content": "Blue."}]},
    {"messages": [{"role": "user", "content": "二加三等于几？"}, {"role": "assistant", "content": "等于五。"}]},
)
HEAD: Final = """
import json, os, shutil, signal, subprocess, sys, time
from pathlib import Path
recipe = json.loads(Path(sys.argv[1]).read_text())
work, out, base = Path(recipe["work"]), Path(recipe["out"]), Path(recipe["base"])
def copy():
    shutil.copytree(base, out, dirs_exist_ok=True)
def said(**line):
    with (work / "progress.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\\n")
def deliver(notes=(), **report):
    said = {"report": {"steps": 3, **report}, "versions": {"standin": "1"}, "notes": list(notes)}
    (work / "part").write_text(json.dumps(said))
    (work / "part").rename(work / "delivery.json")
def changed(by=1):
    file = out / "model.safetensors"
    data = bytearray(file.read_bytes())
    for i in range(len(data) - 4000, len(data), 4):
        data[i] ^= by
    file.write_bytes(data)
"""
GOOD: Final = (
    "copy(); changed(); said(step=3, steps=3, loss=0.5, tokens_per_second=10.0, seconds_left=0); deliver(final_loss=0.5)"
)


def make(home: Path, name: str = "standin", program: str = GOOD, more: str = "") -> Path:
    """A trainer below `home/trainers`; returns its folder.

    Args:
        home: what `HARNESS_PATH` is to name.
        name: of the trainer.
        program: what follows `HEAD` in its train.py.
        more: lines for its trainer.toml; tables come last.
    """
    folder = home / "trainers" / name
    folder.mkdir(parents=True)
    top = "" if more.lstrip().startswith("honours") else 'honours = "all"\n'
    text = f'name = "{name}"\nabout = "a stand-in"\ncommand = ["{{python}}", "-I", "{{folder}}/train.py", "{{recipe}}"]\n{top}{more}\n'
    (folder / "trainer.toml").write_text(text, encoding="utf-8")
    (folder / "train.py").write_text(HEAD + program, encoding="utf-8")
    return folder


def write_rows(file: Path, rows: tuple[dict[str, Any], ...] = ROWS) -> Path:
    """A rows.jsonl."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def write_mix(mixes: Path, name: str = "zh-kg-1", stage: str = "knowledge") -> Path:
    """A mix of `ROWS`; returns its folder."""
    import hashlib

    rows = write_rows(mixes / name / "rows.jsonl")
    manifest = {
        "id": name,
        "culture": "demo",
        "stage": stage,
        "model": "tiny",
        "diagnosis": "tiny-demo-12345678",
        "seed": 1,
        "rows": len(ROWS),
        "rows_sha256": hashlib.sha256(rows.read_bytes()).hexdigest(),
        "shares": [],
        "sources": {},
        "dropped": {},
        "checked": {},
    }
    (rows.parent / "mix.json").write_text(json.dumps(manifest), encoding="utf-8")
    return rows.parent
