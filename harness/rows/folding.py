"""Traditional -> simplified, one character for one: enough to see that two texts say the same in two scripts.

By OpenCC's dictionary, without its phrases. A character with several simplified forms takes the first, on both sides of a
comparison, so that only texts that differ in nothing else may be taken for the same.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

_BLOCKS = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x2A6E0))
"""Han characters."""


@cache
def simplified() -> MappingProxyType[int, int] | None:
    """Code point -> its simplified form, of those that have another; None if OpenCC is not installed."""
    try:
        from opencc import OpenCC
    except ImportError:
        return None
    points = [point for first, end in _BLOCKS for point in range(first, end)]
    turned = OpenCC("t2s").convert("\n".join(map(chr, points))).split("\n")
    pairs = ((point, found) for point, found in zip(points, turned, strict=True) if len(found) == 1)
    return MappingProxyType({point: ord(found) for point, found in pairs if ord(found) != point})
