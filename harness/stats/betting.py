"""Differences, one at a time -> evidence that may be looked at after each of them, and be stopped at any.

A test that is looked at after every batch is no 5% test any more: McNemar's, looked at every 34 of 678 items, calls 20% of
identical checkpoints worse. A wager keeps its level instead. Capital 1 is staked on "the mean of x is above the bound"; each unit
multiplies it by 1 + bet * (x - bound), where the bet was fixed before x was seen. If the mean is not above the bound, the capital
cannot be expected to grow, so the chance that it ever reaches 1/a is at most a (Ville 1939), whatever makes one stop, pause or
resume. It holds for units in random order only (`order`): in file order 57% failed of candidates whose areas changed, some for
the better and some for the worse, and in sum nothing.

Half of the capital makes constant bets, a mixture of four sizes (Waudby-Smith & Ramdas, J. R. Stat. Soc. B 86, 2024, 1-27), and
wins soon where the difference is large. The other half aims at the end of the benchmark and bets what is still needed to get
there (after Voráček & Orabona 2025, arXiv 2505.22422), for small differences: a true drop of 5 points on 678 items is found by
82% with the mixture alone, by 92% with both, by 96% with McNemar's test of all items at once (bench/gatebench.py).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

CONSTANT: Final = (0.15, 0.30, 0.50, 0.75)
"""Bets of the mixture, each with a quarter of its half."""
RISKED: Final = 0.99
"""Share of the capital that one unit can take at most, so that no path is ever ruined."""
BOLDEST: Final = 0.9
"""Largest bet that aims at the horizon."""
PRIOR_UNITS: Final = 20
PRIOR_SPREAD: Final = 0.15
"""Mean squared x - bound that the first bets assume, as if seen in `PRIOR_UNITS` units."""
LEAST_LACK: Final = 0.05
"""Log capital that is still sought once the aim is reached."""

_SALT: Final = "order-v1"


class Evidence:
    """An e-process against E[x] <= `bound`, x within -1..1; `paths` of them side by side.

    A gate has one path, a simulation thousands.

    To find a drop, bet on -d against the tolerance; to prove that no more than a margin was lost, bet on d against -margin
    (d = candidate - baseline). What was seen can be replayed: the same units in the same order give the same evidence.

    Args:
        bound: largest mean under the hypothesis, above -1 and below 1.
        target: level that the horizon bets aim at: alpha / (number of tests), or beta. The level that is kept is whatever `p` is
            compared with, not this.
        n_max: units that there are in all. Known before the first bet; more may come, then bets are merely less apt.
        paths: how many to run.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(self, bound: float, target: float, n_max: int, paths: int = 1) -> None:
        import numpy as np

        if not -1 < bound < 1 or not 0 < target < 1:
            raise ValueError(f"evidence needs a bound within -1..1 and a target within 0..1; got {bound} and {target}")
        if n_max < 1 or paths < 1:
            raise ValueError(f"evidence needs at least one unit and one path; got {n_max} and {paths}")
        self.bound, self.n_max, self.seen = bound, n_max, 0
        safe = RISKED / (1 + bound)
        self._boldest = min(BOLDEST, safe)
        self._constant = np.minimum(CONSTANT, safe)[:, None]
        self._aim = math.log(2 / target)
        self._mixture = np.zeros((len(CONSTANT), paths))
        self._horizon = np.zeros(paths)
        self._squares = np.full(paths, PRIOR_UNITS * PRIOR_SPREAD)
        self.best: Floats = np.zeros(paths)
        """Largest log evidence so far, natural logarithm, shape (paths,); 0 before the first unit."""

    def bet(self, x: ArrayLike) -> Floats:
        """Log evidence after one more unit, natural logarithm, shape (paths,).

        Args:
            x: the unit's value, or one for each path.

        Raises:
            ValueError: a value is not within -1..1, or there are as many values as neither one nor `paths`.
        """
        import numpy as np

        values = np.asarray(x, dtype=np.float64)
        if values.shape not in ((), self.best.shape):
            raise ValueError(f"a unit has one value, or one for each of {self.best.size} paths; got shape {values.shape}")
        outside = values[~(np.abs(values) <= 1)]
        if outside.size:
            raise ValueError(f"bets are on values within -1..1; got {outside.flat[0]}")
        aimed = self._next_bet()
        won = values - self.bound
        self._horizon += np.log1p(aimed * won)
        self._mixture += np.log1p(self._constant * won)
        self._squares += won * won
        self.seen += 1
        log_e: Floats = np.logaddexp(self._horizon, _log_mean(self._mixture)) - math.log(2)
        self.best = np.maximum(self.best, log_e)
        return log_e

    @property
    def p(self) -> Floats:
        """1 / the largest evidence, at most 1, shape (paths,): a p-value at any time, for Holm's correction among others.

        Correct these, never average the evidence of several tests over its own maxima (Tavyrikov 2025, arXiv 2501.19360).
        """
        import numpy as np

        p: Floats = np.minimum(1.0, np.exp(-self.best))
        return p

    def _next_bet(self) -> Floats:
        """sqrt(2 L / (v r)): L what the log capital lacks, v the mean square so far, r the units left with this one."""
        import numpy as np

        lack = np.maximum(self._aim - self._horizon, LEAST_LACK)
        spread = self._squares / (PRIOR_UNITS + self.seen)
        bold: Floats = np.sqrt(2 * lack / (spread * max(self.n_max - self.seen, 1)))
        return np.minimum(bold, self._boldest)


def order(names: Sequence[str], seed: str) -> list[str]:
    """The names in one pseudo-random order, by SHA-256 of seed and name: the same on every machine, whatever order they came in.

    A name's place among others never depends on which others there are.
    """
    return sorted(names, key=lambda name: (hashlib.sha256(f"{_SALT}|{seed}|{name}".encode()).hexdigest(), name))


def _log_mean(logs: Floats) -> Floats:
    """Log of the mean over the first axis of what `logs` are the logarithms of."""
    import numpy as np

    most: Floats = logs.max(axis=0)
    mean: Floats = most + np.log(np.exp(logs - most).mean(axis=0))
    return mean
