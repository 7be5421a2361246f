"""Review -> a page in the browser of this machine, on which people decide, and nobody else can reach it."""

from __future__ import annotations

from harness.reviewing.page.server import Served, serve

__all__ = ["Served", "serve"]
