"""Name or folder -> CultureCheck: what is wrong with a culture's files, all at once."""

from __future__ import annotations

from harness.checking.check import check
from harness.schema.checking import CultureCheck


def culture_check(name_or_folder: str) -> CultureCheck:
    """Look at all files of a culture. Nothing is downloaded, written or asked of a model.

    Raises:
        UsageError: there is no such culture or folder.
    """
    return check(name_or_folder)
