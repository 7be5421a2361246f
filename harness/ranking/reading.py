"""`leaderboards/<culture>/<name>.json` -> BoardEntry*, each held against itself: anybody can edit a file in version control.

An entry says what its items' values are, and what they come to; a score that its items do not give, or that no items can give,
stops the page at its file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.errors import DataError
from harness.ranking.entries import MAIN
from harness.schema import ENTRY_SCHEMA, HASH_DIGITS, BoardEntry, Score

SHARES: Final = frozenset(MAIN)
"""Metrics that are shares 0-1, over all items the mean of theirs."""
TOLERANCE: Final = 1e-6
LARGEST: Final = 32 << 20
"""Bytes of an entry: MMLU's 14,042 items take 0.2 MiB."""


def kept(folder: Path, culture: str) -> tuple[BoardEntry, ...]:
    """The entries of a culture, by name.

    Raises:
        DataError: a file is broken, of another schema, or not where its content says.
    """
    found = (_read(file, culture) for file in sorted((folder / culture).glob("*.json")))
    return tuple(sorted(found, key=lambda entry: entry.name))


def column(entry: BoardEntry, benchmark: str, metric: str) -> dict[tuple[str, int], float | None]:
    """An entry's values of one metric: (task and hash, occurrence) -> value."""
    found: dict[tuple[str, int], float | None] = {}
    for task in entry.benchmarks[benchmark]:
        items = entry.items[task]
        values = _decoded(items.values.get(metric))
        for place in range(len(items.hashes) // HASH_DIGITS):
            name, twin = f"{task}/{items.hashes[place * HASH_DIGITS : (place + 1) * HASH_DIGITS]}", 0
            while (name, twin) in found:
                twin += 1
            found[name, twin] = values[place] if values else None
    return found


def _decoded(values: str | tuple[float | None, ...] | None) -> Sequence[float | None]:
    if values is None:
        return ()
    if isinstance(values, str):
        return [None if mark == "-" else float(mark) for mark in values]
    return values


def _read(file: Path, culture: str) -> BoardEntry:
    try:
        if file.stat().st_size > LARGEST:
            raise DataError(f"is larger than {LARGEST >> 20} MiB, which no entry is", file=file)
        raw = json.loads(file.read_bytes(), parse_constant=_no_number)
    except OSError as error:
        raise DataError(f"not a readable entry ({error.strerror})", file=file) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not a readable entry ({error})", file=file) from None
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version != ENTRY_SCHEMA:
        raise DataError(f"is of schema '{version}', this version reads '{ENTRY_SCHEMA}'", file=file)
    try:
        entry = BoardEntry.model_validate(raw)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise DataError(f"not an entry: {place}: {detail['msg']}", file=file) from None
    if (entry.culture, entry.name) != (culture, file.stem):
        raise DataError(f"holds '{entry.name}' of '{entry.culture}'; it belongs at {entry.culture}/{entry.name}.json", file=file)
    for complaint in _complaints(entry):
        raise DataError(complaint, file=file)
    return entry


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _complaints(entry: BoardEntry) -> Iterator[str]:
    """What a file can say that no run would have said: it may have been edited since."""
    yield from _shape_complaints(entry)
    yield from _score_complaints(entry)
    for one in entry.coverage:
        if not 0 <= one.judged <= one.n:
            yield f"task '{one.task}' has {one.judged:,} of {one.n:,} judged"


def _score_complaints(entry: BoardEntry) -> Iterator[str]:
    """Scores against each other, and against the items that they are of."""
    seen: set[tuple[str, ...]] = set()
    for score in entry.scores:
        name = f"{score.benchmark} {score.metric}" + (f" of {score.name}" if score.name else "")
        place = (score.benchmark, score.metric, score.scope, score.name, score.aggregation, score.subset)
        ends = score.interval
        if score.benchmark not in entry.benchmarks:
            yield f"{name}: '{score.benchmark}' is none of its benchmarks"
        elif place in seen:
            yield f"{name}: stands there twice"
        elif score.n < 1 or (score.metric in SHARES and not 0 <= score.value <= 1):
            yield f"{name}: {score.value:g} of {score.n:,} items cannot be"
        elif ends is not None and not ends.low - TOLERANCE <= score.value <= ends.high + TOLERANCE:
            yield f"{name}: {score.value:g} lies outside its interval, {ends.low:g} to {ends.high:g}"
        elif score.scope == "overall" and score.aggregation == "micro" and score.subset == "all":
            yield from _item_complaints(entry, score, name)
        seen.add(place)
    whole = {(one, metric) for one, metric, scope, _, how, of in seen if (scope, how, of) == ("overall", "micro", "all")}
    for benchmark, metric in sorted({place[:2] for place in seen} - whole):
        yield f"{benchmark} {metric}: has no micro average over all items"


def _item_complaints(entry: BoardEntry, score: Score, name: str) -> Iterator[str]:
    """A share that its own items do not give."""
    if score.metric not in SHARES:
        return
    values = [value for value in column(entry, score.benchmark, score.metric).values() if value is not None]
    if len(values) != score.n:
        yield f"{name}: is of {score.n:,} items, and {len(values):,} have a value"
    elif abs(sum(values) / len(values) - score.value) > TOLERANCE:
        yield f"{name}: says {score.value:g}, and its items give {sum(values) / len(values):g}"


def _shape_complaints(entry: BoardEntry) -> Iterator[str]:
    for benchmark, tasks in entry.benchmarks.items():
        if benchmark not in entry.conditions:
            yield f"benchmark '{benchmark}' has no conditions"
        yield from (f"task '{task}' of '{benchmark}' has no items" for task in tasks if task not in entry.items)
    if not entry.benchmarks:
        yield "holds no benchmark"
    for task, items in entry.items.items():
        n, left = divmod(len(items.hashes), HASH_DIGITS)
        if left or not re.fullmatch(r"[0-9a-f]*", items.hashes):
            yield f"task '{task}': hashes are no whole number of {HASH_DIGITS} hex digits"
        for metric, values in items.values.items():
            if len(values) != n:
                yield f"task '{task}': {metric} has {len(values)} values for {n} items"
            if isinstance(values, str) and not re.fullmatch(r"[01-]*", values):
                yield f"task '{task}': {metric} holds marks other than 0, 1 and -"
