"""What the training benches share: synthetic rows, a meter, and each way to train in a process of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile


def scratch() -> str:
    """A new folder for what a library insists on writing; it goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="bench-training-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
