"""Numbers -> SVG: vector pictures that need nothing beside them, made of a few dozen lines of text.

Own writer, because a page must be the same bytes everywhere (no font files, no clock, no ids of the day) and be read by all:
every picture has a title and a description, every value stands there as text too, colour never carries a meaning alone, and the
colours are custom properties with a fallback, so that a page can turn them for a dark background. All text is untrusted.
"""

from harness.report.plots.bars import bars, histogram
from harness.report.plots.cloud import CloudWord, cloud
from harness.report.plots.drawing import LINES, Dot, fixed, shade, short, width_of
from harness.report.plots.heat import heat_map
from harness.report.plots.lineage import Step, slopes
from harness.report.plots.trade_off import Ellipse, trade_off
from harness.report.plots.whiskers import intervals

__all__ = [
    "LINES",
    "CloudWord",
    "Dot",
    "Ellipse",
    "Step",
    "bars",
    "cloud",
    "fixed",
    "heat_map",
    "histogram",
    "intervals",
    "shade",
    "short",
    "slopes",
    "trade_off",
    "width_of",
]
