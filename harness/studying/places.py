"""Where a study's things lie: its own folder, and those that it shares with every other command."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from harness import folders


@dataclass(frozen=True)
class Places:
    """Folders; all absolute."""

    runs: Path
    mixes: Path
    checkpoints: Path
    studies: Path

    @classmethod
    def of(
        cls,
        runs: Path | None = None,
        mixes: Path | None = None,
        checkpoints: Path | None = None,
        studies: Path | None = None,
    ) -> Places:
        """Each as given, or where it is by default."""
        kept = folders.checkpoints_dir() if checkpoints is None else checkpoints
        found = folders.runs_dir(runs), folders.mixes_dir(mixes), kept, folders.studies_dir(studies)
        return cls(*(one.expanduser().resolve() for one in found))

    def said(self) -> dict[str, str]:
        """As JSON values."""
        return {name: str(path) for name, path in asdict(self).items()}
