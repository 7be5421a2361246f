"""Work folders of the demo's multiple choice, at each stage of the way to a key; made once, copied for each test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.keying.made import MCQ, draft, people, says

Found = Callable[..., dict[str, Any]]


@pytest.fixture
def found(cli: Cli) -> Found:
    """`harness keys …` that must succeed, as its JSON."""

    def run(*words: str | Path) -> dict[str, Any]:
        done = cli("keys", *map(str, words), "--json")
        assert done.code == 0, done.err
        value: dict[str, Any] = json.loads(done.out)
        return value

    return run


@pytest.fixture(scope="session")
def _stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from harness.verbs.key_propose import propose
    from harness.verbs.key_review import audit, review

    root = tmp_path_factory.mktemp("keys")
    propose(MCQ, root / "voted", source=[draft(root / "mine-v0.jsonl")])
    shutil.copytree(root / "voted", root / "asked")
    review(MCQ, root / "asked")
    audit(MCQ, root / "asked")
    shutil.copytree(root / "asked", root / "decided")
    people(root / "decided/review", says)
    people(root / "decided/audit", says)
    return root


def _copy(stages: Path, name: str, tmp_path: Path) -> Path:
    shutil.copy(stages / "mine-v0.jsonl", tmp_path)
    return Path(shutil.copytree(stages / name, tmp_path / "work"))


@pytest.fixture
def voted(_stages: Path, tmp_path: Path) -> Path:
    """Two passes have voted: 12 items split, 168 unanimous and right. `mine-v0.jsonl` beside it is where they came from."""
    return _copy(_stages, "voted", tmp_path)


@pytest.fixture
def asked(_stages: Path, tmp_path: Path) -> Path:
    """Review and audit (150 items) are made; nobody has decided."""
    return _copy(_stages, "asked", tmp_path)


@pytest.fixture
def decided(_stages: Path, tmp_path: Path) -> Path:
    """People have decided everything, and never differed."""
    return _copy(_stages, "decided", tmp_path)
