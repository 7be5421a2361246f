"""T1-T8: what a gate must reach, simulated. Each function gives the lines of one target, and other gates on the same data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gatesim import gates, worlds
from gatesim.gates import Verdicts
from gatesim.worlds import FAMILY, RATE, Family, Truth
from harness.stats.betting import order
from harness.stats.intervals import clopper_pearson
from harness.stats.multiple import holm
from harness.stats.paired import planned_discordance, promised_margin, tango_lower

ITEMS: Final = 678
CHUNK: Final = 1000
RHOS: Final = (0.6, 0.7, 0.85)
BROKEN: Final = Truth(
    dict.fromkeys(("a_eval", "mcq", "arc", "hellaswag", "mmlu", "gsm8k"), -0.10), (-0.06, -0.04, 0.06, 0.04), -0.08
)
TRUTHS: Final = {
    "A/A": Truth(),
    "A-Eval -5 everywhere": Truth({"a_eval": -0.05}),
    "A-Eval -10 everywhere": Truth({"a_eval": -0.10}),
    "one dimension (129 items) -10": Truth({"a_eval/3": -0.10}),
    "one dimension (129 items) -20": Truth({"a_eval/3": -0.20}),
    "MMLU (2,000) -3": Truth({"mmlu": -0.03}),
    "harm 2% to 5%, RR-1 -5": Truth(refusal=(-0.02, -0.03, 0.02, 0.03)),
    "A-Eval +5, all else unchanged": Truth({"a_eval": 0.05}),
    "everything -10 (broken)": BROKEN,
}
SORTED: Final = (-0.06, -0.04, 0.044, 0.044, 0.044)
"""True changes of A-Eval's dimensions that cancel out."""


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    id: str
    what: str
    target: str
    measured: str
    met: bool | None
    """None: shown beside, nothing is asked of it."""
    values: dict[str, float]


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    families: int = 2000
    """Of each A/A scenario."""
    others: int = 2000
    """Families of each other scenario."""
    single: int = 20_000
    """Repetitions of each scenario of one metric."""


QUICK: Final = Size(families=100, others=50, single=2000)


# --- one metric -------------------------------------------------------------------------------------------------------------


@cache
def _metric(change: float, rho: float, margin: float, size: Size) -> tuple[Verdicts, dict[str, NDArray[np.bool_]]]:
    """The betting gate and the others on one metric of 678 items."""
    seed = [1, round(1000 * change) + 500, round(100 * rho), round(100 * margin)]
    random = np.random.default_rng(seed)
    parts, others = [], []
    for _ in range(0, size.single, CHUNK):
        differences = worlds.verdicts(random, ITEMS, min(CHUNK, size.single), RATE, change, rho)
        parts.append(gates.betting(differences, margin))
        others.append(
            {
                "drop > 1 point": gates.dropped(differences),
                "McNemar, once": gates.mcnemar(differences) <= gates.ALPHA,
                "NeMo BREACH": gates.nemo(differences)[0],
                "Tango, once, PASS": _tango(differences, margin),
            }
            | ({"McNemar, a look each batch": gates.mcnemar_peeked(differences)} if change == 0 else {})
        )
    return gates.join(parts), {name: np.concatenate([one[name] for one in others]) for name in others[0]}


@cache
def _lower(wins: int, losses: int, items: int) -> float:
    return tango_lower(wins, losses, items, gates.BETA)


def _tango(differences: worlds.Floats, margin: float) -> NDArray[np.bool_]:
    wins, losses = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    items = len(differences)
    return np.array([_lower(int(w), int(ls), items) >= -margin for w, ls in zip(wins, losses, strict=True)])


def peeking(size: Size) -> Iterator[Line]:
    """T2: identical checkpoints, one metric, looked at after every batch."""
    for rho in (0.6, 0.7, 0.8, 0.9):
        found, others = _metric(0.0, rho, 0.05, size)
        yield _level("T2", f"A/A, one metric, a look each batch, rho {rho:g}: FAIL", found.failed)
        if rho == 0.7:
            for name in ("McNemar, a look each batch", "McNemar, once", "drop > 1 point", "NeMo BREACH"):
                yield _beside("T2", f"   {name}, same data", others[name])
    random = np.random.default_rng(2)
    differences = worlds.verdicts(random, ITEMS, min(size.single, 4000), RATE, 0.0, 0.7)
    yield _level("T2", "A/A, a look after every item, nothing stops it, rho 0.7: FAIL", gates.ever(differences))


def detection(size: Size) -> Iterator[Line]:
    """T3: what a true drop of 5, 7 and 10 points meets."""
    for points, least in ((5, 0.88), (7, 0.99), (10, 0.999)):
        found, others = _metric(-points / 100, 0.7, 0.05, size)
        share = float(found.failed.mean())
        yield Line("T3", f"-{points} points: FAIL", f">= {least:g}", f"{share:.4f}", share >= least, {"share": share})
        for name in ("McNemar, once", "drop > 1 point", "NeMo BREACH"):
            yield _beside("T3", f"   {name}, all {ITEMS} items", others[name])


def worse(size: Size) -> Iterator[Line]:
    """T4: what stopping early saves where the candidate is clearly worse."""
    for points, least in ((-10, 4.5), (-15, 7.5), (-20, 10.0)):
        found, _ = _metric(points / 100, 0.7, 0.05, size)
        yield _saved("T4", f"{points:+d} points, margin 5 (FAIL {found.failed.mean():.3f})", found, least)


def fine(size: Size) -> Iterator[Line]:
    """T5: the same where it is clearly fine."""
    for points, least in ((5, 4.0), (2, 2.4), (0, 1.6)):
        found, _ = _metric(points / 100, 0.7, 0.05, size)
        yield _saved("T5", f"{points:+d} points, margin 5 (PASS {found.passed.mean():.3f})", found, least)


def misses(size: Size) -> Iterator[Line]:
    """T7: a candidate exactly at the margin."""
    for rho, margin in ((0.6, 0.05), (0.7, 0.05), (0.8, 0.05), (0.9, 0.03)):
        found, others = _metric(-margin, rho, margin, size)
        yield _level("T7", f"exactly -{100 * margin:g} points, margin {100 * margin:g}, rho {rho:g}: PASS", found.passed)
        if rho == 0.7:
            yield _beside("T7", "   harness gate on full runs (Tango), same data", others["Tango, once, PASS"])


# --- fifteen metrics --------------------------------------------------------------------------------------------------------


@cache
def _family(name: str, rho: float, repetitions: int) -> dict[str, Verdicts]:
    """The betting gate at both sets of margins, and the others, on fifteen metrics of which `name` is true."""
    random = np.random.default_rng([*name.encode(), round(100 * rho)])
    found: dict[str, list[Verdicts]] = {}
    left = repetitions
    while left > 0:
        drawn = worlds.family(random, min(CHUNK, left), TRUTHS[name], rho)
        for gate, said in _all(drawn).items():
            found.setdefault(gate, []).append(said)
        left -= CHUNK
    return {gate: gates.join(parts) for gate, parts in found.items()}


def _all(drawn: Family) -> dict[str, Verdicts]:
    p = np.stack([gates.mcnemar(one) for one in drawn.differences])
    breaches, passes = zip(*(gates.nemo(one) for one in drawn.differences), strict=True)
    naive = np.any([gates.dropped(one) for one in drawn.differences], axis=0)
    corrected = np.array([min(holm(column.tolist())) <= gates.ALPHA for column in p.T])
    return {
        "fast": gates.betting_family(drawn, [metric.margin for metric in FAMILY]),
        "strict": gates.betting_family(drawn, planned_margins(drawn)),
        "drop > 1 point": _once(naive, ~naive),
        "McNemar, uncorrected": _once((p <= gates.ALPHA).any(axis=0)),
        "McNemar + Holm": _once(corrected),
        "NeMo Evaluator": _once(np.any(breaches, axis=0), np.all(passes, axis=0)),
    }


def _once(failed: NDArray[np.bool_], passed: NDArray[np.bool_] | None = None) -> Verdicts:
    return Verdicts(failed, ~failed if passed is None else passed, np.ones(len(failed)))


def planned_margins(drawn: Family) -> list[float]:
    """The margins that the harness sets itself: max(2 points, what the items can exclude with 80% power)."""
    sizes = [len(one) for one in drawn.differences]
    return [promised_margin(n, planned_discordance(metric.rate, n)) for n, metric in zip(sizes, FAMILY, strict=True)]


def _unchanged(rho: float, size: Size) -> dict[str, Verdicts]:
    return _family("A/A", rho, size.families)


def families(size: Size) -> Iterator[Line]:
    """T1: identical checkpoints, fifteen metrics."""
    for rho in RHOS:
        found = _unchanged(rho, size)
        for policy in ("fast", "strict"):
            yield _level("T1", f"A/A, 15 metrics, {policy} margins, rho {rho:g}: any FAIL", found[policy].failed, upper=True)
        for name in ("drop > 1 point", "McNemar, uncorrected", "McNemar + Holm", "NeMo Evaluator"):
            yield _beside("T1", f"   {name}, same data", found[name].failed)
        stuck = ~found["NeMo Evaluator"].failed & ~found["NeMo Evaluator"].passed
        yield _beside("T1", "   NeMo Evaluator: INCONCLUSIVE", stuck)


def family_savings(size: Size) -> Iterator[Line]:
    """T6: what stopping early saves of fifteen metrics, and what is found meanwhile."""
    broken = _family("everything -10 (broken)", 0.7, size.others)["fast"]
    yield _saved("T6", "everything -10 (broken), rho 0.7", broken, 10)
    for rho in RHOS:
        found = _unchanged(rho, size)
        least = {0.7: (2.8, 1.4)}.get(rho, (None, None))
        for policy, bar in zip(("fast", "strict"), least, strict=True):
            yield _saved(
                "T6", f"A/A, {policy} margins, rho {rho:g} (all PASS {found[policy].passed.mean():.2f})", found[policy], bar
            )


def scenarios(size: Size) -> Iterator[dict[str, str]]:
    """What each gate says to fifteen metrics at rho 0.7, and what the betting gate asked for it: a table of its own."""
    for name in TRUTHS:
        found = _family(name, 0.7, size.families if name == "A/A" else size.others)
        asked = f"{found['fast'].cost.mean():.2f} / {found['strict'].cost.mean():.2f}"
        failed = {gate: f"{said.failed.mean():.3f}" for gate, said in found.items()}
        yield {"true change": name, "fast": failed.pop("fast"), "strict": failed.pop("strict"), "asked": asked} | failed


# --- what breaks a gate -----------------------------------------------------------------------------------------------------


def robustness(size: Size) -> Iterator[Line]:
    """T8: items in file order, near-duplicates, a baseline that won a contest."""
    repetitions = min(size.single, 4000)
    yield from _file_order(repetitions)
    yield from _near(repetitions)
    yield from _winner(repetitions)


def _file_order(repetitions: int) -> Iterator[Line]:
    random = np.random.default_rng(81)
    parts = [worlds.verdicts(random, n, repetitions, RATE, change, 0.7) for n, change in zip(worlds.A_EVAL, SORTED, strict=True)]
    by_area = np.concatenate(parts)
    names = [str(place) for place in range(len(by_area))]
    seeded = np.stack([[int(name) for name in order(names, str(path))] for path in range(repetitions)], axis=1)
    shuffled = np.take_along_axis(by_area, seeded, axis=0)
    yield _beside("T8", "items in file order, areas change, in sum nothing: FAIL", gates.betting(by_area, 0.05).failed)
    yield _level("T8", "   in the harness: seeded order, which cannot be turned off", gates.betting(shuffled, 0.05).failed)


def _near(repetitions: int) -> Iterator[Line]:
    random = np.random.default_rng(82)
    clusters = worlds.duplicates(random, 170, 4, repetitions, 0.6)
    each = random.permuted(clusters.reshape(-1, repetitions), axis=0)
    yield _beside("T8", "near-duplicates in clusters of 4, each a bet: FAIL", gates.betting(each, 0.05).failed)
    yield _beside("T8", "   McNemar of all items", gates.mcnemar(each) <= gates.ALPHA)
    units = clusters.mean(axis=1)
    yield _level("T8", "   in the harness: a cluster is one bet, its mean", gates.betting(units, 0.05).failed)
    yield _beside("T8", "   in the harness, full runs: t of cluster means", gates.mcnemar(units) <= gates.ALPHA)


def _winner(repetitions: int) -> Iterator[Line]:
    random = np.random.default_rng(83)
    reused, fresh = worlds.contest(random, ITEMS, repetitions, 0.7)
    yield _beside("T8", "baseline the best of 5 equal ones, its winning run used again: FAIL", gates.betting(reused, 0.05).failed)
    yield _beside("T8", "   McNemar of all items", gates.mcnemar(reused) <= gates.ALPHA)
    yield _level("T8", "   a fresh run of that baseline", gates.betting(fresh, 0.05).failed)
    yield _beside("T8", "   a fresh run, McNemar of all items", gates.mcnemar(fresh) <= gates.ALPHA)


# --- lines ------------------------------------------------------------------------------------------------------------------


def _level(id_: str, what: str, events: NDArray[np.bool_], upper: bool = False) -> Line:
    """At most 5%; with `upper` also the upper end of the estimate's Clopper-Pearson interval."""
    k, n = int(events.sum()), len(events)
    high = clopper_pearson(k, n).high
    met = (high if upper else k / n) <= gates.ALPHA
    said = f"{k / n:.4f} (at most {high:.4f})"
    return Line(id_, what, f"<= {gates.ALPHA:g}", said, met, {"share": k / n, "high": high, "repetitions": n})


def _beside(id_: str, what: str, events: NDArray[np.bool_]) -> Line:
    return Line(id_, what, "-", f"{float(events.mean()):.4f}", None, {"share": float(events.mean())})


def _saved(id_: str, what: str, found: Verdicts, least: float | None) -> Line:
    times, target = found.saving, "-" if least is None else f">= {least:g}x"
    met = None if least is None else times >= least
    return Line(id_, f"{what}: full run / asked", target, f"{times:.2f}x", met, {"saving": times})
