"""people's labels × judge's values -> the rate that people would have found on everything, with an honest interval.

A judge reads everything and errs; people read a few and are the standard. Prediction-powered inference takes the judge's mean and
corrects it by what people say about the judge on a random sample (PPI++: Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453).
The weight of the judge, lam, is tuned on the data: a judge that says nothing about people's labels is left out (lam = 0).

All intervals are two-sided 95% and speak of new items of the same kind, as everywhere in this package. The normal ones fail where
little happened, with 61% instead of 95% for a rate of 1% on 100 labels, and would have no width where nothing did. So:

- a rate with fewer than five events, or non-events, among the labels: the interval of the labels alone, Clopper-Pearson (a label
  on which people are divided is a part of an event, and rounded away from the estimate at each end), around the same estimate:
  the labels' own share there and the corrected one elsewhere would be too low on average, by up to 0.9 points at rates of 3-10%;
- a judge that people contradict fewer than five times: two contradictions are added, one each way, before the variance is taken
  (as Bonett & Price 2012 do for paired rates): that none was seen does not mean that there is none;
- strata: each brings its own interval, and they are combined by their distances from the estimate (MOVER: Zou & Donner 2008,
  Statistics in Medicine 27), so that a stratum in which nothing happened still weighs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from harness.schema import Interval
from harness.stats.intervals import TAIL, Z, clopper_pearson, mean_interval, rate_interval

FEW: Final = 5
"""Fewer events, non-events or contradictions than this are not left to the normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean as people would have found it."""

    value: float
    low: float
    high: float
    lam: float
    """Weight of the judge, 0-1: 0 means that the labels stand alone. Of strata: the mean by their sizes."""
    n_labelled: int
    n_unlabelled: int
    method: str = "PPI++, t"


@dataclass(frozen=True, slots=True)
class Stratum:
    """Items that had the same chance to be labelled."""

    truth: Sequence[float]
    """People's values of the labelled items."""
    judged: Sequence[float]
    """The judge's values of the same items, in the same order."""
    unlabelled: Sequence[float]
    """The judge's values of all other items."""

    @property
    def size(self) -> int:
        """Items, labelled or not."""
        return len(self.truth) + len(self.unlabelled)


def estimate(
    truth: Sequence[float], judged: Sequence[float], unlabelled: Sequence[float], *, lo: float = 0.0, hi: float = 1.0
) -> Estimate:
    """PPI++ mean of what people would say, from a simple random sample of labels.

    lam = cov_n(Y, f) / (var_n(f) (1 + n/M)), clipped to 0..1; value = lam mean_M(f) + mean_n(Y - lam f);
    SE² = lam² var_M(f)/M + var_n(Y - lam f)/n; value ± t(n - 1) SE, clipped to lo..hi (arXiv 2311.01453, sections 2 and 6).

    The variance in lam is that of the labelled items, not of all: with the latter lam is large just when the labels hold more of
    the judge's positives than they should, which bends the estimate (0.4-0.5 points too low at rates of 10-20%, 100 labels).

    Args:
        truth: Y, people's values of the n labelled items, within lo..hi.
        judged: f, the judge's values of the same items.
        unlabelled: f of the M other items; may be empty.
        lo: least value that is possible.
        hi: greatest.

    Raises:
        ValueError: no labels, not as many judged values as labels, or a value outside lo..hi.
    """
    _check(truth, judged, unlabelled, lo, hi)
    n, rest = len(truth), len(unlabelled)
    rate = lo == 0 and hi == 1 and 2 * sum(value in (0.0, 1.0) for value in truth) > n
    few = rate and min(sum(truth), n - sum(truth)) < FEW
    lam = 0.0 if n < 2 else _weight(truth, judged, rest)
    alone = _labels_alone(truth, rest, rate, lo, hi)
    if lam == 0:
        return alone
    value = min(hi, max(lo, lam * fmean(unlabelled) + fmean([y - lam * f for y, f in zip(truth, judged, strict=True)])))
    if few:
        low, high = min(value, alone.low), max(value, alone.high)
        return Estimate(value, low, high, lam, n, rest, "PPI++, clopper-pearson of the labels")
    error = math.sqrt(lam * lam * _variance(unlabelled) / rest + _spread(truth, judged, lam, hi - lo) / n)
    half = _t(n - 1) * error
    return Estimate(value, max(lo, value - half), min(hi, value + half), lam, n, rest)


def difference(truth: Sequence[float], judged: Sequence[float], unlabelled: Sequence[float]) -> Estimate:
    """PPI++ mean of paired differences of two runs, each within -1..1: candidate - baseline on the same item.

    A judge's errors differ from model to model, so a difference needs labels of both runs' responses to the same items.

    Args:
        truth: differences by people's values.
        judged: differences by the judge's values, of the same items.
        unlabelled: differences by the judge's values, of all other items.

    Raises:
        ValueError: as of `estimate`.
    """
    return estimate(truth, judged, unlabelled, lo=-1.0, hi=1.0)


def stratified(strata: Sequence[Stratum], *, lo: float = 0.0, hi: float = 1.0) -> Estimate:
    """The same from a stratified sample: each stratum's estimate, weighted by the stratum's share W of all N items.

    Each stratum's ends lie d below and u above its estimate; the whole's lie sqrt(Σ W² d² + b) below and sqrt(Σ W² u² + b) above,
    b = z² Σ W (m - mean)² / N for the strata's sizes, which other items would have made different (double sampling: Cochran 1977,
    section 12.2). A stratum without any label is taken as the judge says, and adds all its range to both ends.

    Raises:
        ValueError: no items, or as of `estimate`.
    """
    filled = [one for one in strata if one.size]
    total = sum(one.size for one in filled)
    if not total:
        raise ValueError("an estimate needs at least one item; got none")
    shares = [one.size / total for one in filled]
    parts = [_part(one, lo, hi) for one in filled]
    value = math.fsum(share * part.value for share, part in zip(shares, parts, strict=True))
    between = Z * Z * math.fsum(w * (p.value - value) ** 2 for w, p in zip(shares, parts, strict=True)) / total
    known = [(w, p) for w, p in zip(shares, parts, strict=True) if p.n_labelled]
    blind = [(w, p) for w, p in zip(shares, parts, strict=True) if not p.n_labelled]
    down = math.sqrt(math.fsum((w * (p.value - p.low)) ** 2 for w, p in known) + between)
    up = math.sqrt(math.fsum((w * (p.high - p.value)) ** 2 for w, p in known) + between)
    low = value - down - math.fsum(w * (p.value - p.low) for w, p in blind)
    high = value + up + math.fsum(w * (p.high - p.value) for w, p in blind)
    lam = math.fsum(w * p.lam for w, p in zip(shares, parts, strict=True))
    labels = sum(part.n_labelled for part in parts)
    return Estimate(value, max(lo, low), min(hi, high), lam, labels, total - labels, "stratified PPI++, MOVER")


def two_phase(positives_truth: Sequence[float], negatives_truth: Sequence[float], negatives_total: int) -> Estimate:
    """A rare rate: people check everything that the judge flagged, and a random sample of what it did not.

    value = (a + b/n M) / N: a of the flagged and b of the n sampled others are true, M others, N items. The ends combine, by
    MOVER, Clopper-Pearson's of a in N and M/N times those of b in n: what the unchecked may hide.

    Args:
        positives_truth: 0 or 1 for each item that the judge flagged: all of them.
        negatives_truth: 0 or 1 for each sampled item that it did not flag.
        negatives_total: M, how many it did not flag.

    Raises:
        ValueError: values other than 0 and 1, no items, more sampled than there are, or none sampled of some.
    """
    flagged, n = len(positives_truth), len(negatives_truth)
    total = flagged + negatives_total
    if any(value not in (0.0, 1.0) for value in (*positives_truth, *negatives_truth)):
        raise ValueError("a two-phase rate needs labels of 0 or 1")
    if total < 1 or n > negatives_total or (negatives_total and not n):
        raise ValueError(f"a two-phase rate needs 1 to {negatives_total} of {negatives_total} negatives checked; got {n}")
    a, b = int(sum(positives_truth)), int(sum(negatives_truth))
    seen, hidden = clopper_pearson(a, total), clopper_pearson(b, n) if n else Interval(low=0, high=0, method="none")
    if n == negatives_total:
        whole = clopper_pearson(a + b, total)
        return Estimate((a + b) / total, whole.low, whole.high, 0.0, total, 0, "all checked, clopper-pearson")
    share, miss = negatives_total / total, b / n
    down = math.hypot(a / total - seen.low, share * (miss - hidden.low))
    up = math.hypot(seen.high - a / total, share * (hidden.high - miss))
    value = a / total + share * miss
    low, high = max(0.0, value - down), min(1.0, value + up)
    return Estimate(value, low, high, 0.0, flagged + n, negatives_total - n, "two-phase, clopper-pearson")


def effective_votes(errors: Sequence[Sequence[float]]) -> float | None:
    """Independent votes that M judges are worth: M / (1 + (M - 1) r), r the mean correlation of two judges' errors.

    r below 0 is taken as 0 (Kohli 2026, arXiv 2605.29800, found about 2 votes in 9 judges).

    Args:
        errors: for each judge, its error on each item (1 if it contradicts people, else 0; or judged - truth).

    Returns:
        None where no two judges' errors vary, so that nothing can be said.

    Raises:
        ValueError: fewer than two judges, or not the same items.
    """
    if len(errors) < 2 or len({len(one) for one in errors}) != 1 or not errors[0]:
        raise ValueError("effective votes need at least two judges with errors on the same items")
    found = [_correlation(one, other) for i, one in enumerate(errors) for other in errors[i + 1 :]]
    known = [value for value in found if value is not None]
    if not known:
        return None
    return len(errors) / (1 + (len(errors) - 1) * max(0.0, fmean(known)))


def _part(stratum: Stratum, lo: float, hi: float) -> Estimate:
    if not stratum.truth:
        return Estimate(fmean(stratum.unlabelled), lo, hi, 1.0, 0, len(stratum.unlabelled), "unlabelled")
    return estimate(stratum.truth, stratum.judged, stratum.unlabelled, lo=lo, hi=hi)


def _labels_alone(truth: Sequence[float], rest: int, rate: bool, lo: float, hi: float) -> Estimate:
    n, k = len(truth), math.fsum(truth)
    if rate and min(k, n - k) < FEW:
        low, high = clopper_pearson(math.floor(k), n).low, clopper_pearson(math.ceil(k), n).high
        found = Interval(low=low, high=high, method="clopper-pearson")
    elif rate and k.is_integer():
        found = rate_interval(int(k), n)
    elif lo == -1 and hi == 1 and all(value in (-1.0, 0.0, 1.0) for value in truth):
        found = _signed(sum(value > 0 for value in truth), sum(value < 0 for value in truth), n)
    elif n < 2:
        found = Interval(low=lo, high=hi, method="one label")
    else:
        found = mean_interval(truth, lo, hi)
    return Estimate(fmean(truth), found.low, found.high, 0.0, n, rest, f"labels alone, {found.method}")


def _signed(gains: int, losses: int, n: int) -> Interval:
    """Of gains less losses: MOVER of the two rates, which exclude each other (Zou & Donner 2008, section 2)."""
    up, down = (rate_interval(k, n, safety=min(k, n - k) < FEW) for k in (gains, losses))
    a, b = gains / n, losses / n
    tied = math.sqrt(a * b / ((1 - a) * (1 - b))) if 0 < a < 1 and 0 < b < 1 else 0.0
    low = _mover(a - up.low, down.high - b, tied)
    high = _mover(up.high - a, b - down.low, tied)
    return Interval(low=max(-1.0, a - b - low), high=min(1.0, a - b + high), method="MOVER")


def _mover(one: float, other: float, tied: float) -> float:
    return math.sqrt(one * one + other * other + 2 * tied * one * other)


def _weight(truth: Sequence[float], judged: Sequence[float], rest: int) -> float:
    n, spread = len(truth), _variance(judged)
    if not rest or spread == 0:
        return 0.0
    return min(1.0, max(0.0, _covariance(truth, judged) / (spread * (1 + n / rest))))


def _spread(truth: Sequence[float], judged: Sequence[float], lam: float, width: float) -> float:
    """Variance of Y - lam f over the labels, with one contradiction more each way where there are fewer than `FEW`."""
    residuals = [y - lam * f for y, f in zip(truth, judged, strict=True)]
    if sum(y != f for y, f in zip(truth, judged, strict=True)) >= FEW:
        return _variance(residuals)
    unit = min(1.0, width)
    return _variance([*residuals, unit, -lam * unit])


def _variance(values: Sequence[float]) -> float:
    return _covariance(values, values)


def _covariance(one: Sequence[float], other: Sequence[float]) -> float:
    """Of samples; 0 where there are fewer than two values."""
    if len(one) < 2:
        return 0.0
    ours, theirs = fmean(one), fmean(other)
    return math.fsum((x - ours) * (y - theirs) for x, y in zip(one, other, strict=True)) / (len(one) - 1)


def _correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    spread = _variance(one) * _variance(other)
    return _covariance(one, other) / math.sqrt(spread) if spread > 0 else None


def _t(df: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, 1 - TAIL))


def _check(truth: Sequence[float], judged: Sequence[float], unlabelled: Sequence[float], lo: float, hi: float) -> None:
    if not truth:
        raise ValueError("an estimate needs at least one label; got none")
    if len(truth) != len(judged):
        raise ValueError(f"each label needs the judge's value of its item; got {len(truth)} and {len(judged)}")
    if any(not lo <= value <= hi for values in (truth, judged, unlabelled) for value in values):
        raise ValueError(f"values must lie within {lo:g} and {hi:g}")
