"""State -> a key file and the sheet beside it: the same bytes for the same votes and decisions, and no text of the benchmark."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harness.data.keys import load_key
from harness.errors import DataError, IncompleteRun, Refused, UsageError
from harness.keying.counting import Ruling, State
from harness.keying.ranges import shown, stored
from harness.keying.sheet import sheet_of, toml
from harness.keying.stretches import LONGEST
from harness.runs.write import canonical, write_whole
from harness.schema import Confidence, FrozenKey, ProposedText
from harness.stats.keys import audit_size_of
from harness.stats.shrinkage import Beta, fit

HIGH, MEDIUM = 0.05, 0.15
"""Up to which upper end of its error's interval an answer that nobody looked at is called `high` and `medium`."""
DIGITS: Final = 4
VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}")


def freeze(state: State, version: str, *, max_error: float = 0.02, assumed: float = 0.0) -> FrozenKey:
    """Write the key, or find the same one there.

    Args:
        state: of the work folder.
        version: part of the file's name; a version is frozen once.
        max_error: largest share of wrong answers that may be left possible.
        assumed: share of the answers that people would all misread alike, whoever looked; added to the bound.

    Raises:
        UsageError: the version is no name, or is frozen with other content.
        IncompleteRun: items await people.
        Refused: the bound is above `max_error`.
        DataError: an answer repeats too much of another question to be published, or files cannot be written.
    """
    if not VERSION.fullmatch(version):
        raise UsageError(f"'{version}' is no version; one is like v1 or 2026.1, of letters, digits, dots and dashes")
    if not 0 < max_error <= 1 or not 0 <= assumed < 0.5:
        raise UsageError(f"--max-error lies within 0-1 and --human-error within 0-0.5, not at {max_error:g} and {assumed:g}")
    bound = _checked(state, max_error, assumed)
    rows = "".join(canonical(row) + "\n" for row in _rows(state)).encode()
    sheet = sheet_of(state, version, bound, assumed, hashlib.sha256(rows).hexdigest())
    path = state.work.folder / f"{state.items.benchmark}-{version}.jsonl"
    new = _write(path, rows, toml(sheet).encode())
    return FrozenKey(
        path=str(path),
        sha256=hashlib.sha256(rows).hexdigest(),
        version=load_key(path).ref.version,
        entries=len(state.rulings),
        answers=state.answers,
        contested=len(state.rulings) - state.answers,
        bound=bound,
        provenance=str(sheet["provenance"]),
        new=new,
    )


def frozen_in(folder: Path, benchmark: str) -> tuple[str, ...]:
    """Versions of keys that lie in a work folder."""
    return tuple(sorted(path.stem.removeprefix(f"{benchmark}-") for path in folder.glob(f"{benchmark}-*.jsonl")))


def _checked(state: State, max_error: float, assumed: float) -> float:
    if state.remains:
        raise IncompleteRun(f"'{state.items.benchmark}' cannot be frozen yet: {'; '.join(state.remains)}")
    bound = state.bound(assumed)
    if bound is None:
        raise IncompleteRun(f"'{state.items.benchmark}' cannot be frozen: all of its items are contested")
    if bound > max_error:
        raise Refused(
            f"up to {bound:.2%} of the answers can be wrong at 95%, more than {max_error:.2%}; {_advice(state, max_error)}"
        )
    return bound


def _advice(state: State, max_error: float) -> str:
    worst = max(state.strata, key=lambda one: one.remaining, default=None)
    both = [state.people(found) for found in (state.reviewed, state.audited)]
    differed = f"people differed on {sum(one.disagreed for one in both):,} of {sum(one.items for one in both):,} items"
    if worst is None or not worst.remaining:
        return f"all of it is what people can have got wrong together ({differed})"
    most = f"most is in '{worst.name}' ({worst.errors} errors in {worst.audited:,} of {worst.items:,} audited); {differed}; "
    if worst.anytime and worst.audited < worst.drawn:
        return f"{most}go on with the audit, {worst.drawn - worst.audited:,} are left"
    need = audit_size_of(worst.items, max_error, worst.errors)
    more = f" ({need:,} with as many errors would show {max_error:.2%} of them)" if need > worst.audited else ""
    return f"{most}a larger audit{more} begins in another --folder, with --sequential, since the beginning of this one is known"


def _rows(state: State) -> Iterator[dict[str, Any]]:
    sure = _sureness(state)
    for name in sorted(state.rulings):
        ruling, standing = state.rulings[name], state.standings[name]
        row: dict[str, Any] = {"hash": name, "dimension": state.items.area(name), "confidence": _confidence(ruling, sure[name])}
        if ruling.text is not None:
            text = _published(ruling.text, name, state)
            row |= {"reference": text.reference, "kind": ruling.text.kind or "open"}
            row |= {part: list(texts) for part in ("accept", "points") if (texts := getattr(text, part))}
            row["agreeing"] = [
                sum(vote.agrees is not False and not vote.unjudged for vote in standing.votes),
                len(standing.votes),
            ]
        else:
            row["answer"] = ruling.answer
            if state.items.kind == "choice":
                row["votes"] = [vote.answer for vote in standing.votes]
        row |= {"humans": ruling.people, "audited": ruling.audited}
        if not ruling.people:
            row["right"] = [round(value, DIGITS) for value in _right(sure[name])]
        yield row


def _published(text: ProposedText, name: str, state: State) -> ProposedText:
    """The reference without any stretch of the benchmark: of its own question as ranges, of the others cut."""
    question, others = state.items.by_hash[name].question, state.items.stretches
    own = stored(shown(text, question), question)
    if (repeated := others.longest(own)) >= LONGEST:
        raise DataError(
            f"the reference of {name} repeats {repeated} characters of another question, and a key holds no text of its "
            "benchmark; put it in other words",
            file=state.work.folder,
        )
    return others.cut_all(own)


def _sureness(state: State) -> dict[str, Beta]:
    """Item -> how often answers like it were not confirmed: same stratum, same area, shrunk toward what its areas share."""
    found: dict[str, Beta] = {}
    for stratum in {one.stratum for one in state.standings.values()}:
        seen: dict[str, list[bool]] = {}
        for name in sorted(state.counted):
            if state.standings[name].stratum == stratum:
                seen.setdefault(state.items.area(name), []).append(not state.rulings[name].confirmed)
        groups = {area: (sum(wrong), len(wrong)) for area, wrong in seen.items()}
        prior = fit(list(groups.values())) if groups else Beta(0.5, 0.5)
        for name, one in state.standings.items():
            if one.stratum == stratum:
                found[name] = prior.given(*groups.get(state.items.area(name), (0, 0)))
    return found


def _right(error: Beta) -> tuple[float, float, float]:
    """Probability of being right, with its 95% interval."""
    return 1 - error.mean, 1 - error.quantile(0.975), 1 - error.quantile(0.025)


def _confidence(ruling: Ruling, error: Beta) -> Confidence:
    if ruling.contested:
        return "contested"
    if ruling.people:
        return "high"
    upper = error.quantile(0.975)
    return "high" if upper <= HIGH else "medium" if upper <= MEDIUM else "low"


def _write(path: Path, rows: bytes, sheet: bytes) -> bool:
    """The sheet first: a key without one would count as not documented."""
    for file, content in ((path.with_suffix(".toml"), sheet), (path, rows)):
        if path.is_file() and (not file.is_file() or file.read_bytes() != content):
            raise UsageError(f"'{path}' is frozen with other content; a frozen key is never overwritten, give another --version")
    if path.is_file():
        return False
    write_whole(path.with_suffix(".toml"), [sheet])
    write_whole(path, [rows])
    return True
