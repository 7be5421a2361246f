"""Published files and answer keys -> samples.

files      file -> bytes, text, JSON, capped and checked      spots     a JSON value and where it stands
fetch      DataFile -> path with exactly the published bytes  taxonomy  labels of a data file -> dimension, topic
options    question -> stem and lettered options              hashing   text -> content hash -> dev/test half
readers    published file -> samples                          keys      key file + samples -> samples with targets
"""

from __future__ import annotations

from harness.data.fetch import DataFile, locate
from harness.data.hashing import assign_splits, content_hash
from harness.data.keys import Key, apply_key, load_key
from harness.data.options import Parsed, parse_options
from harness.data.readers import a_eval, chisafetybench_dialogue, chisafetybench_mcq, chisafetybench_refusal
from harness.data.taxonomy import Taxonomy, load_taxonomy, place

__all__ = [
    "DataFile",
    "Key",
    "Parsed",
    "Taxonomy",
    "a_eval",
    "apply_key",
    "assign_splits",
    "chisafetybench_dialogue",
    "chisafetybench_mcq",
    "chisafetybench_refusal",
    "content_hash",
    "load_key",
    "load_taxonomy",
    "locate",
    "parse_options",
    "place",
]
