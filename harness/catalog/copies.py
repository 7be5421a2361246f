"""`dataset_path` of a task -> the folder in which the user keeps a copy of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from harness import folders

FOLDER: Final = "lm_eval"
KINDS: Final = (".parquet", ".jsonl", ".json", ".csv")
"""Files that are read."""
BUILDERS: Final = frozenset({"json", "csv", "parquet", "arrow", "text", "pandas", "sql", "xml", "imagefolder", "audiofolder"})
"""Values of `dataset_path` that name a kind of file, no data set."""


def place(path: str | None) -> Path | None:
    """The folder of a copy: `$HARNESS_DATA/lm_eval/<path>`, else `<cache>/data/lm_eval/<path>`; None if there is none."""
    if not path or path in BUILDERS or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        return None
    own = folders.data_dir()
    roots = (*((own / FOLDER,) if own else ()), folders.cache_dir() / "data" / FOLDER)
    return next((root / path for root in roots if (root / path).is_dir()), None)


def files(path: str | None) -> tuple[Path, ...]:
    """Every data file of a copy, sorted; empty if there is none."""
    root = place(path)
    return tuple(sorted(file for file in root.rglob("*") if file.suffix in KINDS and file.is_file())) if root else ()
