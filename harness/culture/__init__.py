"""culture.toml -> Culture. A culture is data: what it names must exist, and what it does not know is refused.

A file lies at `tasks/<folder>/culture.toml` of any home; its `name` is the culture's name, once over all homes. A benchmark is a
task or group of the task folders, or one that lm-eval brings along; so is a retained task, of which lm-eval's are not looked up
(that takes 0.7 s).

    finding      a name, a folder or a file -> the culture.toml
    sources      sources.toml beside it -> training sources
    dimensions   tasks of a benchmark -> what they measure
    spelling     one number, one list -> a table by dimension
    checking     a Culture × the catalog -> everything that is wrong with it
    reading      all of it, in that order
"""

from harness.culture.dimensions import ANY, NO_STANDARD, dimensions_of, mended, metrics_of, places_in
from harness.culture.finding import FILE, broken, names, place
from harness.culture.reading import examine, load
from harness.culture.sources import BUILT_IN, SOURCES

__all__ = [
    "ANY",
    "BUILT_IN",
    "FILE",
    "NO_STANDARD",
    "SOURCES",
    "broken",
    "dimensions_of",
    "examine",
    "load",
    "mended",
    "metrics_of",
    "names",
    "place",
    "places_in",
]
