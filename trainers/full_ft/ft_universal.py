"""A DeepSpeed checkpoint of n processes -> the same in DeepSpeed's universal format, which any number of processes can load.

Run as a file: `ft_universal.py SOURCE TARGET`. DeepSpeed has a converter; this only keeps it from unpickling what it reads, and
from looking for more processors than one: it runs before any worker is started.
"""

from __future__ import annotations

import os
import sys


def main(source: str, target: str) -> None:
    """Converts the folder `source`, a `global_stepN`, into the new folder `target` beside it, which `latest_universal` names."""
    os.environ["DS_ACCELERATOR"] = "cpu"
    from deepspeed.checkpoint import ds_to_universal
    from ft_engine import only_weights

    only_weights()
    words = ["--input_folder", source, "--output_folder", target, "--num_extract_workers", "1", "--num_merge_workers", "1"]
    sys.argv = [ds_to_universal.__file__, *words, "--inject_missing_state"]
    ds_to_universal.main(ds_to_universal.parse_arguments())


if __name__ == "__main__":
    main(*sys.argv[1:])
