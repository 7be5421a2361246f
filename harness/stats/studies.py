"""Values of training runs on the same items -> a contrast of arms, an arm's mean, a joint region: runs *and* items are chance.

A model trained again with another seed is another model. Intervals from items alone say how sure the difference of two
*checkpoints* is, not that of two ways to train: at a spread of 2 points between runs they are wrong 9 to 36 times in 100 where 5
are promised.

For arm m, run r, item i: y = mu_m + a_im + b_mr + e_imr (a: the arm's own strengths, b: the run's shift, e: the rest). The
contrast is the mean over items of c_i = sum_m w_m ybar_im. Three parts can be estimated:

    runs   S² = s² sum w_m²/R_m       s²: variance of the run means within arms, pooled       = b's part + E²
    items  I² = var(c_i) / n                                                                  = a's part + E²
    rest   E² = v² sum w_m²/(R_m n)   v²: variance of run x item residuals within arms, pooled

so the variance is I² + max(0, S² - E²) (mean squares set equal to their expectations: Searle, Casella & McCulloch, Variance
Components, 1992, ch. 4), with Student's t and the degrees of freedom of Satterthwaite (Biometrics Bull. 2, 1946, 110-114).
The items stay the same between the runs of an arm, so S² knows nothing of a, which other items would change. I² + S² counts e
twice: false positives of 5% become 2%. max(I², S²) leaves out the smaller of a and b: 7% where arms differ item by item. This:
2 to 6%. Arms that no seed changes have no b and no e.

Runs are pooled over the arms of the contrast, not over all: arms near the ceiling hardly vary, and lending their calm to two that
spread four times as far makes 5% of errors 11%. The price: where all arms do spread alike, power .56 instead of .71 (an order
effect of 3.3 points, 678 items, 3 runs). Runs that begin with the same training (`kin`) share a part of b: between arms of
opposite sign it cancels and what is reckoned is too much; between arms of one sign it is reckoned with as if it were all of b.
`python bench/studysim.py` measures all of this; `docs/studies.md` has its table.

**Strata** (`aggregation = "macro"`): items lie in D fixed parts of n_d each, and a mean is the mean of the parts' means, as if an
item weighed n/(D n_d). Parts are not drawn, so what differs between them is no chance of items (Cochran, Sampling Techniques, 3rd
ed. 1977, 5.6), and that a run is better on one of them stays in S²:

    items  I² = sum_d var_d(c_i)/n_d / D²                rest   v²/n becomes sum_d v_d²/n_d / D²

With one part this is what stands above.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from harness.schema import Interval
from harness.stats.intervals import clopper_pearson
from harness.stats.paired import POWER

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arms = Mapping[str, Sequence[Sequence[float]]]
"""Arm -> runs -> values 0-1 of the same items in the same order."""
ALPHA: Final = 0.05
"""Two-sided."""
CLAIM: Final = 3
"""Training runs of an arm from which on a claim is made."""

Strata = Sequence[Hashable]
"""Part of each item, in the items' order; empty: all are of one."""
Kin = Collection[tuple[str, str]]
"""Pairs of arms whose runs of one seed begin with the same training."""
Runs = Literal["contrast", "all"]
"""Whose runs tell the spread between runs: those of the arms with weight, or those of all arms."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A weighted sum of arms."""

    value: float
    se: float
    df: float
    low: float
    """95%."""
    high: float
    p: float
    """Two-sided, of 0."""
    mde80: float
    """Smallest true value that is told from 0 with 80% power, at this spread: (t(.975) + t(.80)) SE."""
    runs: int
    """Fewest runs of an arm with weight that seeds change; 0: there is none."""
    repeated: bool
    """Whether the spread between runs is in it: some arm has a second run."""
    n: int
    """Items."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where two weighted sums lie together: (d - centre)' covariance^-1 (d - centre) <= radius² holds the truth with 95%."""

    centre: tuple[float, float]
    covariance: tuple[float, float, float]
    """Var(x), cov(x, y), var(y)."""
    df: float
    radius: float
    runs: int


def mean(values: Sequence[float], strata: Strata = ()) -> float:
    """The mean of a run's values; with strata, of the parts' means.

    Raises:
        ValueError: there is no value, or `strata` is not one part for each.
    """
    import numpy as np

    return _Parts(len(values), strata).mean(np.asarray(values, dtype=float))


def contrast(
    arms: Arms,
    weights: Mapping[str, float],
    fixed: Collection[str] = (),
    kin: Kin = (),
    runs: Runs = "contrast",
    strata: Strata = (),
) -> Estimate:
    """The weighted sum with its standard error, interval, p and MDE80.

    Without a second run of any arm the standard error is of items alone, and `runs` says so.

    Args:
        arms: arm -> runs -> values.
        weights: arm -> weight; arms that are not named have none.
        fixed: arms that no seed changes (a base model): one run, and no spread between runs.
        kin: pairs of arms whose runs share a beginning.
        runs: whose runs tell the spread between runs.
        strata: parts whose means are to count alike.

    Raises:
        ValueError: an arm with weight is not there or has no run, runs hold different numbers of items or none, or `strata` is
            not one part for each item.
    """
    from scipy.special import stdtr, stdtrit

    spread = _Spread(arms, weights, fixed, kin, runs, strata)
    se, df = math.sqrt(spread.items + spread.shift), spread.df
    return Estimate(
        value=spread.value,
        se=se,
        df=df,
        low=spread.value - float(stdtrit(df, 1 - ALPHA / 2)) * se,
        high=spread.value + float(stdtrit(df, 1 - ALPHA / 2)) * se,
        p=min(1.0, 2 * float(stdtr(df, -abs(spread.value) / se))),
        mde80=float(stdtrit(df, 1 - ALPHA / 2) + stdtrit(df, POWER)) * se,
        runs=spread.fewest,
        repeated=spread.moved > 0,
        n=spread.n,
    )


def arm_interval(arms: Arms, arm: str, fixed: Collection[str] = (), strata: Strata = ()) -> Interval:
    """95% interval of one arm's mean over training runs and items.

    Wilson's at the number of independent items that would have this standard error, value (1 - value) / SE², with Student's t for
    z (an effective sample size: Korn & Graubard, Survey Methodology 24, 1998, 193-201); where all values are equal,
    Clopper-Pearson's of the items. Items of D strata are at most as many as D² / sum 1/n_d of one.

    Raises:
        ValueError: as `contrast`.
    """
    from scipy.special import stdtrit

    found = contrast(arms, {arm: 1.0}, fixed, strata=strata)
    p, n = min(1.0, max(0.0, found.value)), _Parts(found.n, strata).size
    if p in (0.0, 1.0):
        items = max(1, math.floor(n))
        return clopper_pearson(round(p * items), items)
    z2, size = float(stdtrit(found.df, 1 - ALPHA / 2)) ** 2, max(1.0, min(n, p * (1 - p) / found.se**2))
    middle = (p + z2 / (2 * size)) / (1 + z2 / size)
    half = math.sqrt(z2 * (p * (1 - p) / size + z2 / (4 * size * size))) / (1 + z2 / size)
    return Interval(low=middle - half, high=middle + half, method="wilson, effective n")


def region(
    one: Arms,
    other: Arms,
    weights: Mapping[str, float],
    fixed: Collection[str] = (),
    strata: tuple[Strata, Strata] = ((), ()),
) -> Region:
    """The same weighted sum of two outcomes that share no item, with the 95% ellipse of the two.

    Items of the two are independent, runs are not: a run that gained one may have lost the other, so the covariance of run means
    (pooled over all arms, or two or three runs would tell two variances and their covariance) goes in whole, less the residuals'
    part, and is made positive semi-definite. radius² = 2 v/(v-1) F(.95; 2, v-1), v the smaller of both degrees of freedom
    (Hotelling's T²: Anderson, An Introduction to Multivariate Statistical Analysis, 3rd ed. 2003, 5.2.2).

    Args:
        one: arm -> runs -> values, x; runs in the order of their seeds.
        other: the same runs, y.
        weights: arm -> weight.
        fixed: arms that no seed changes.
        strata: of x and of y.

    Raises:
        ValueError: as `contrast`, or the two have not the same runs.
    """
    import numpy as np
    from scipy.special import fdtri

    if {arm: len(runs) for arm, runs in one.items()} != {arm: len(runs) for arm, runs in other.items()}:
        raise ValueError("a region needs two outcomes of the same runs")
    x, y = (_Spread(its, weights, fixed, (), "all", of) for its, of in zip((one, other), strata, strict=True))
    between = np.array([[x.between - x.rest, 0.0], [0.0, y.between - y.rest]])
    if x.moved:
        cross = sum(float(x.off[arm] @ y.off[arm]) for arm in x.off) / x.moved * x.share
        between[0, 1] = between[1, 0] = cross
    values, axes = np.linalg.eigh(between)
    whole = axes @ np.diag(np.maximum(values, 0.0)) @ axes.T + np.diag([x.items, y.items])
    df = max(1.5, min(x.df, y.df))
    return Region(
        centre=(x.value, y.value),
        covariance=(float(whole[0, 0]), float(whole[0, 1]), float(whole[1, 1])),
        df=df,
        radius=math.sqrt(2 * df / (df - 1) * float(fdtri(2, df - 1, 0.95))),
        runs=x.fewest,
    )


class _Parts:
    """Which items lie in which stratum."""

    def __init__(self, n: int, strata: Strata) -> None:
        import numpy as np

        if not n or len(strata) not in (0, n):
            raise ValueError(f"a mean needs items, and strata one part for each; got {n} items and {len(strata)} parts")
        places: dict[Hashable, list[int]] = {}
        for place, part in enumerate(strata or [None] * n):
            places.setdefault(part, []).append(place)
        self.places = [np.asarray(its) for its in places.values()]
        self.smallest = min(self.places, key=len)
        self.size = len(self.places) ** 2 / sum(1 / len(its) for its in self.places)
        """Items of one stratum that tell as much, where all vary alike: n for one, or for all of one size."""

    def mean(self, values: NDArray[Any]) -> float:
        """Mean of the parts' means."""
        return float(sum(values[its].mean() for its in self.places)) / len(self.places)

    def means(self, table: NDArray[Any]) -> NDArray[Any]:
        """Of each row."""
        import numpy as np

        return np.asarray(np.mean([table[:, its].mean(axis=1) for its in self.places], axis=0))


class _Spread:
    """The parts of a weighted sum's variance, as the module's head names them."""

    def __init__(
        self,
        arms: Arms,
        weights: Mapping[str, float],
        fixed: Collection[str],
        kin: Kin,
        runs: Runs,
        strata: Strata = (),
    ) -> None:
        used = {arm: weight for arm, weight in weights.items() if weight}
        telling = [arm for arm in (used if runs == "contrast" else arms) if arm not in fixed]
        tables = {arm: _table(arms, arm) for arm in dict.fromkeys((*used, *telling))}
        sizes = {table.shape[1] for table in tables.values()}
        if len(sizes) != 1:
            raise ValueError(f"a contrast needs an arm with weight, and runs over the same items; got {sorted(sizes)} items")
        self.n = sizes.pop()
        self.parts = _Parts(self.n, strata)
        changed = {arm: weight for arm, weight in used.items() if arm not in fixed}
        self.share = sum(weight * weight / len(tables[arm]) for arm, weight in changed.items())
        for one, other in kin:
            together = changed.get(one, 0.0) * changed.get(other, 0.0)
            if together > 0:
                self.share += 2 * together / max(len(tables[one]), len(tables[other]))
        self.fewest = min((len(tables[arm]) for arm in changed), default=0)
        self._items(tables, used)
        self._runs([tables[arm] for arm in telling], telling)

    def _items(self, tables: Mapping[str, NDArray[Any]], used: Mapping[str, float]) -> None:
        """One item more, on which the largest weight goes the whole way, is reckoned with: what never differed still may.

        With it four items that all went one way are no proof (t = 1.79), as in an exact test of signs; where 100 of 400 differ
        it is 1% of the variance. Of strata it lies in the smallest, where an item weighs most. A stratum of one item shows no
        spread of its own: its distance from the value stands for it.
        """
        import numpy as np

        each = np.asarray(sum(weight * tables[arm].mean(axis=0) for arm, weight in used.items()))
        self.value = self.parts.mean(each)
        self.items = self.known = 0.0
        for its in self.parts.places:
            values, free = each[its], max(1, len(its) - 1)
            squares = float(((values - (values.mean() if len(its) > 1 else self.value)) ** 2).sum())
            if its is self.parts.smallest:
                squares += max(weight * weight for weight in used.values())
            variance = squares / (len(its) * free) / len(self.parts.places) ** 2
            self.items += variance
            self.known += variance**2 / free

    def _runs(self, tables: Sequence[NDArray[Any]], names: Sequence[str]) -> None:
        means = {name: self.parts.means(table) for name, table in zip(names, tables, strict=True)}
        off = {name: its - its.mean() for name, its in means.items()}
        self.off = {name: off[name] for name, table in zip(names, tables, strict=True) if len(table) > 1}
        self.moved = sum(len(values) - 1 for values in self.off.values())
        self.between = self.rest = 0.0
        if self.moved:
            self.between = sum(float(values @ values) for values in self.off.values()) / self.moved * self.share
            self.rest = sum(_residual(table, self.parts) for table in tables) / self.moved * self.share

    @property
    def shift(self) -> float:
        """What the runs' own shifts add."""
        return max(0.0, self.between - self.rest)

    @property
    def df(self) -> float:
        """Satterthwaite's; the runs' part counts whole, since what is taken off it is known far better."""
        total = self.items + self.shift
        between = self.between**2 / self.moved if self.moved else 0.0
        return float(total**2 / (between + self.known))


def _table(arms: Arms, arm: str) -> NDArray[Any]:
    import numpy as np

    rows = arms.get(arm, ())
    if not len(rows):
        raise ValueError(f"a contrast needs a run of every arm with weight; there is none of '{arm}'")
    if len({len(row) for row in rows}) != 1 or not len(rows[0]):
        raise ValueError(f"the runs of arm '{arm}' hold different numbers of items, or none")
    return np.asarray(rows, dtype=float)


def _residual(table: NDArray[Any], parts: _Parts) -> float:
    """Squared run x item residuals within strata: its expectation is (R - 1) times their part in a run's mean."""
    found = 0.0
    for its in parts.places:
        part = table[:, its]
        rest = part - part.mean(axis=1, keepdims=True) - part.mean(axis=0) + part.mean()
        found += float((rest * rest).sum()) / max(1, len(its) - 1) / len(its)
    return found / len(parts.places) ** 2
