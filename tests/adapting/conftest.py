"""A world in a temporary folder, and the loop over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.adapting.adapt import adapt
from harness.adapting.asked import Asked, Places
from harness.schema import Adaptation
from tests.adapting.world import World

Loop = Callable[..., Adaptation]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Verbs over `tmp_path`."""
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return World(tmp_path)


@pytest.fixture
def loop() -> Loop:
    """Adapt `demo-en-small` in a world."""

    def run(world: World, watch: Any = None, **changes: Any) -> Adaptation:
        return adapt(
            Asked(**{"model": "demo-en-small", "culture": "demo", **changes}), places(world), verbs=world.verbs, watch=watch
        )

    return run


def places(world: World) -> Places:
    """Folders of a world."""
    root = world.root
    return Places(runs=root / "runs", mixes=root / "mixes", adaptations=root / "adaptations")
