"""Studies as files: a small one that is right, and changes to it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SMALL: Final = """
name = "small"
culture = "demo"
base = "demo-en-small"
seeds = [1, 2]
tasks = ["demo_en", "demo_risk"]

[data.knowledge]
areas = ["demo_skills"]
[data.safety]
areas = ["demo_mcq", "demo_risk/DI"]
[data.english]
sources = ["demo:en"]

[phases.knowledge]
stage = "knowledge"
recipe = "demo-knowledge"
data = { knowledge = 24, english = 8 }
[phases.safety]
stage = "safety"
recipe = "demo-safety"
data = { safety = 16 }
[phases.both]
stage = "mixed"
recipe = "demo-knowledge"
data = { knowledge = 24, english = 8, safety = 16 }

[arms.base]
[arms.K]
phases = ["knowledge"]
factors = { order = "knowledge alone" }
[arms.S]
phases = ["safety"]
[arms."K->S"]
phases = ["knowledge", "safety"]
factors = { order = "knowledge first" }
[arms."S->K"]
phases = ["safety", "knowledge"]
factors = { order = "safety first" }
[arms.mixed]
phases = ["both"]

[outcomes.english]
benchmark = "demo_en"
[outcomes.harm]
benchmark = "demo_risk"
metric = "hr"
ceiling = true
dimensions = ["DI"]

[contrasts.order]
weights = { "K->S" = 1, "S->K" = -1 }
factor = "order"

[interference]
base = "base"
knowledge = "K"
safety = "S"
knowledge_safety = "K->S"
safety_knowledge = "S->K"
mixed = "mixed"
knowledge_outcomes = ["english"]
safety_outcomes = ["harm"]

[cases]
each = 1
"""


def changed(*changes: tuple[str, str], text: str = SMALL) -> str:
    """The study with words replaced; each must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def written(folder: Path, text: str = SMALL, name: str = "study.toml") -> Path:
    """The file of a study."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file
