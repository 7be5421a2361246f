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
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
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


def contrast(
    arms: Arms, weights: Mapping[str, float], fixed: Collection[str] = (), kin: Kin = (), runs: Runs = "contrast"
) -> Estimate:
    """The weighted sum with its standard error, interval, p and MDE80.

    Without a second run of any arm the standard error is of items alone, and `runs` says so.

    Args:
        arms: arm -> runs -> values.
        weights: arm -> weight; arms that are not named have none.
        fixed: arms that no seed changes (a base model): one run, and no spread between runs.
        kin: pairs of arms whose runs share a beginning.
        runs: whose runs tell the spread between runs.

    Raises:
        ValueError: an arm with weight is not there or has no run, or runs hold different numbers of items or none.
    """
    from scipy.special import stdtr, stdtrit

    spread = _Spread(arms, weights, fixed, kin, runs)
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


def arm_interval(arms: Arms, arm: str, fixed: Collection[str] = ()) -> Interval:
    """95% interval of one arm's mean over training runs and items.

    Wilson's at the number of independent items that would have this standard error, value (1 - value) / SE², with Student's t for
    z (an effective sample size: Korn & Graubard, Survey Methodology 24, 1998, 193-201); where all values are equal,
    Clopper-Pearson's of the items.

    Raises:
        ValueError: as `contrast`.
    """
    from scipy.special import stdtrit

    found = contrast(arms, {arm: 1.0}, fixed)
    p, n = min(1.0, max(0.0, found.value)), float(found.n)
    if p in (0.0, 1.0):
        return clopper_pearson(round(p * found.n), found.n)
    z2, size = float(stdtrit(found.df, 1 - ALPHA / 2)) ** 2, max(1.0, min(n, p * (1 - p) / found.se**2))
    middle = (p + z2 / (2 * size)) / (1 + z2 / size)
    half = math.sqrt(z2 * (p * (1 - p) / size + z2 / (4 * size * size))) / (1 + z2 / size)
    return Interval(low=middle - half, high=middle + half, method="wilson, effective n")


def region(one: Arms, other: Arms, weights: Mapping[str, float], fixed: Collection[str] = ()) -> Region:
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

    Raises:
        ValueError: as `contrast`, or the two have not the same runs.
    """
    import numpy as np
    from scipy.special import fdtri

    if {arm: len(runs) for arm, runs in one.items()} != {arm: len(runs) for arm, runs in other.items()}:
        raise ValueError("a region needs two outcomes of the same runs")
    x, y = _Spread(one, weights, fixed, (), "all"), _Spread(other, weights, fixed, (), "all")
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


class _Spread:
    """The parts of a weighted sum's variance, as the module's head names them."""

    def __init__(self, arms: Arms, weights: Mapping[str, float], fixed: Collection[str], kin: Kin, runs: Runs) -> None:
        used = {arm: weight for arm, weight in weights.items() if weight}
        telling = [arm for arm in (used if runs == "contrast" else arms) if arm not in fixed]
        tables = {arm: _table(arms, arm) for arm in dict.fromkeys((*used, *telling))}
        sizes = {table.shape[1] for table in tables.values()}
        if len(sizes) != 1:
            raise ValueError(f"a contrast needs an arm with weight, and runs over the same items; got {sorted(sizes)} items")
        self.n = sizes.pop()
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
        it is 1% of the variance.
        """
        each = sum(weight * tables[arm].mean(axis=0) for arm, weight in used.items())
        self.value = float(each.mean())
        squares = float(((each - self.value) ** 2).sum()) + max(weight * weight for weight in used.values())
        self.items = squares / (self.n * max(1, self.n - 1))

    def _runs(self, tables: Sequence[NDArray[Any]], names: Sequence[str]) -> None:
        off = {name: table.mean(axis=1) - table.mean() for name, table in zip(names, tables, strict=True)}
        self.off = {name: off[name] for name, table in zip(names, tables, strict=True) if len(table) > 1}
        self.moved = sum(len(values) - 1 for values in self.off.values())
        self.between = self.rest = 0.0
        if self.moved:
            self.between = sum(float(values @ values) for values in self.off.values()) / self.moved * self.share
            self.rest = sum(map(_residual, tables)) / self.moved / self.n * self.share

    @property
    def shift(self) -> float:
        """What the runs' own shifts add."""
        return max(0.0, self.between - self.rest)

    @property
    def df(self) -> float:
        """Satterthwaite's; the runs' part counts whole, since what is taken off it is known far better."""
        total = self.items + self.shift
        between = self.between**2 / self.moved if self.moved else 0.0
        return float(total**2 / (between + self.items**2 / max(1, self.n - 1)))


def _table(arms: Arms, arm: str) -> NDArray[Any]:
    import numpy as np

    rows = arms.get(arm, ())
    if not len(rows):
        raise ValueError(f"a contrast needs a run of every arm with weight; there is none of '{arm}'")
    if len({len(row) for row in rows}) != 1 or not len(rows[0]):
        raise ValueError(f"the runs of arm '{arm}' hold different numbers of items, or none")
    return np.asarray(rows, dtype=float)


def _residual(table: NDArray[Any]) -> float:
    """Sum over runs and items of squared run x item residuals, over n - 1: its expectation is (R - 1) times their variance."""
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    return float((rest * rest).sum() / max(1, table.shape[1] - 1))
