"""The trainer's modules stand in a folder that is pointed at, not in a package: its scripts run from there, and so do its tests."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "trainers" / "full_ft"
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
