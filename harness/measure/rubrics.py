"""`--rubric` × tasks -> the rubrics that a run judges by in place of the tasks' own, found possible before anything is asked.

A choice for one benchmark must fit all of its judged tasks. A bare name goes to every asked benchmark that lists it, and a bare
file to every judged task.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.catalog import Catalog, Entry
from harness.errors import UsageError, unknown

OTHERS: Final = "other_rubrics"


def check_rubrics(chosen: Mapping[str, str], known: Catalog, names: tuple[str, ...]) -> None:
    """Find out whether every choice can be kept.

    Raises:
        UsageError: a choice is for no judged task that is asked, or of a name that its tasks do not list, or no file.
        DataError: a file is no rubric.
    """
    from harness.judging.prompts import load_rubrics

    judged = [entry for entry in map(known.find, _leaves(known, names)) if "rubric" in entry.metadata]
    if chosen and not judged:
        raise UsageError("--rubric: no task that is asked is judged by a rubric")
    for where, what in chosen.items():
        covered = [entry for entry in judged if _covers(where, entry)]
        if not covered:
            benchmarks = sorted({_benchmark(entry) for entry in judged})
            raise unknown("judged benchmark among the asked ones", where, benchmarks)
        if Path(what).is_absolute():
            if not Path(what).is_file():
                raise UsageError(f"--rubric: there is no file '{what}'")
            load_rubrics(Path(what))
            continue
        lacking = [entry for entry in covered if what not in _others(entry)]
        if lacking and (where or len(lacking) == len(covered)):
            there = sorted({name for entry in covered for name in _others(entry)})
            raise unknown(f"rubric of {_benchmark(lacking[0])}", what, (*there, "FILE.toml"))


def rubric_files(chosen: Mapping[str, str], known: Catalog, names: tuple[str, ...]) -> dict[str, str]:
    """Benchmark -> choice, as the tasks read it: a bare name only for those that list it."""
    found = {where: what for where, what in chosen.items() if where or Path(what).is_absolute()}
    bare = chosen.get("")
    for entry in map(known.find, _leaves(known, names)):
        if bare is not None and "" not in found and bare in _others(entry):
            found.setdefault(_benchmark(entry), bare)
    return found


def _leaves(known: Catalog, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(leaf for name in names for leaf in known.leaves(name)))


def _benchmark(entry: Entry) -> str:
    return str(entry.metadata.get("benchmark", entry.name))


def _others(entry: Entry) -> tuple[str, ...]:
    return tuple(entry.metadata.get(OTHERS) or ())


def _covers(where: str, entry: Entry) -> bool:
    benchmark = _benchmark(entry)
    return where in {"", benchmark} or benchmark.startswith(f"{where}_")
