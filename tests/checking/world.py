"""The Esperanto culture under another name, in a home of its own, to be broken."""

from __future__ import annotations

from pathlib import Path

from harness.folders import home

TEXTS = {".toml", ".yaml", ".jsonl", ".md", ""}


def copied(to: Path, name: str) -> Path:
    """Its folder: `TO/tasks/NAME`."""
    source, folder = home() / "tasks" / "demo2", to / "tasks" / name
    for file in sorted(source.rglob("*")):
        if file.is_file() and file.suffix in TEXTS:
            place = folder / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.read_text("utf-8").replace("demo2", name), "utf-8")
    return folder


def edit(file: Path, *pairs: tuple[str, str]) -> None:
    """Replace texts that must be there."""
    text = file.read_text("utf-8")
    for old, new in pairs:
        assert old in text, (file, old)
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
