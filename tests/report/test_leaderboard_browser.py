"""The leaderboard in a real browser: nothing overflows the window, sorting works, nothing is fetched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=2000",
)
PROBE = """
<script>
window.addEventListener("error", e => window.probe_errors.push(String(e.message)));
window.probe_errors = [];
window.addEventListener("load", () => {
  const page = document.documentElement, table = document.querySelector("table"), found = {};
  found.width = page.clientWidth;
  found.scroll = page.scrollWidth;
  found.tables = document.querySelectorAll("table").length;
  found.figures = [...document.querySelectorAll("svg")].filter(one => one.getBoundingClientRect().width > 50).length;
  found.overflowing = [...document.querySelectorAll("figure")].filter(one => one.getBoundingClientRect().right > page.clientWidth + 1).length;
  found.smallest = Math.min(...[...document.querySelectorAll("svg text")].map(one => 12 * one.getScreenCTM().a));
  const first = () => [...table.tBodies[0].rows].map(row => row.cells[2].textContent.trim());
  found.before = first();
  const head = [...table.tHead.rows[0].cells].find(cell => cell.textContent.trim() === "model");
  (head.querySelector("button") || head).click();
  found.after = first();
  found.fetched = performance.getEntriesByType("resource").map(one => one.name);
  found.errors = window.probe_errors;
  const out = document.createElement("pre");
  out.id = "probe";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def look(page: Path, tmp_path: Path, width: int) -> dict[str, Any]:
    """What the probe saw of a page in a window of this width."""
    probed = tmp_path / "page.html"
    probed.write_text(page.read_text("utf-8").replace("</head>", PROBE + "</head>"), "utf-8")
    words = [
        str(CHROMIUM),
        *FLAGS,
        f"--user-data-dir={tmp_path / 'user'}",
        f"--window-size={width},900",
        "--dump-dom",
        probed.as_uri(),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.S)
    assert found is not None, done.stderr[-500:]
    return dict(json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")))


@pytest.mark.parametrize("width", [500, 1280])
def test_the_page_fits_its_window_and_needs_nothing_else(tmp_path: Path, width: int) -> None:
    seen = look(ROOT / "leaderboards" / "demo.html", tmp_path, width)
    assert seen["errors"] == []
    assert seen["fetched"] == []
    assert seen["scroll"] <= seen["width"]
    assert seen["overflowing"] == 0, "a picture wider than the window is pushed along inside its frame"
    assert seen["smallest"] >= 9, "pixels of the smallest letters"
    assert seen["tables"] >= 6
    assert seen["figures"] >= 6


def test_a_column_is_sorted_by_a_click(tmp_path: Path) -> None:
    seen = look(ROOT / "leaderboards" / "demo.html", tmp_path, 1280)
    assert seen["before"] != sorted(seen["before"])
    assert seen["after"] == sorted(seen["after"])
