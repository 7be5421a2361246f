"""Rows whose text surprises a language model too much (noise, cut-off or machine-made text), or too little (boilerplate).

Wenzek et al., CCNet (LREC 2020, section 3.4) keep web text by the perplexity of a language model; BELLE (arXiv 2304.07854)
filters instruction data by it. The bounds are perplexities of one model and mean nothing for another: give quantiles where it is
not known what is usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from harness.curating.contract import Context, Dropping, StepSettings
from harness.curating.likelihood import Device, Likelihood, Of, find
from harness.fingerprint import fingerprint
from harness.schema import DataRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOW, HIGH = "perplexity too low", "perplexity too high"


class Perplexity(StepSettings):
    """A band, both ends included. A row that has no perplexity stays, and is counted in the notes."""

    whole: ClassVar[bool] = True

    use: Literal["perplexity"]
    model: str
    """As after `--model`: a folder, a hub id, an alias. Weights as safetensors; no code of the model's own is run."""
    of: Of = "reply"
    """`reply`: of the assistant's turns, given what stands before them. `conversation`: of all turns."""
    low: float | None = Field(default=None, ge=1)
    high: float | None = Field(default=None, ge=1)
    """Perplexities."""
    low_quantile: float | None = Field(default=None, ge=0, le=1)
    high_quantile: float | None = Field(default=None, ge=0, le=1)
    """Shares of all rows: 0.02 and 0.98 leave out two in a hundred at each end."""
    max_length: int = Field(default=2048, ge=2)
    """Tokens read of a row; a longer one is judged by its beginning."""
    batch_tokens: int = Field(default=2048, ge=1)
    """Tokens in one batch, padding included; times the vocabulary times 4 bytes is the memory that it takes."""
    device: Device = "cpu"
    """With `cuda` each worker loads the model: give `--workers 1`."""

    @model_validator(mode="after")
    def _is_a_band(self) -> Self:
        for name, bound, quantile in (("low", self.low, self.low_quantile), ("high", self.high, self.high_quantile)):
            if bound is not None and quantile is not None:
                raise ValueError(f"give '{name}' or '{name}_quantile', not both")
        if self.low is self.high is self.low_quantile is self.high_quantile is None:
            raise ValueError("needs a bound: low, high, low_quantile or high_quantile")
        ordered = ((self.low, self.high), (self.low_quantile, self.high_quantile))
        if any(least is not None and most is not None and least >= most for least, most in ordered):
            raise ValueError("the lower bound must lie below the upper one")
        return self

    def identity(self, context: Context) -> str:
        """Fingerprint of the model."""
        return fingerprint(find(self.model))

    def build(self, context: Context) -> PerplexityStep:
        """The model is loaded when the first rows come."""
        return PerplexityStep(self, context)


class PerplexityStep:
    """A sketch is two numbers a row: mean negative log-likelihood, and whether the row was cut."""

    def __init__(self, settings: Perplexity, context: Context) -> None:
        self.settings, self._notes = settings, context.notes
        self._model: Likelihood | None = None

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Values of one shard."""
        import numpy as np

        asked = self.settings
        self._model = self._model or Likelihood(
            find(asked.model), of=asked.of, max_length=asked.max_length, batch_tokens=asked.batch_tokens, device=asked.device
        )
        tokens = [self._model.tokens(row) for row in rows]
        cut = np.array([one.cut for one in tokens], float)
        with to.open("wb") as file:
            np.save(file, np.column_stack([self._model.values(tokens), cut]), allow_pickle=False)

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """All rows outside the band."""
        import numpy as np

        parts = [np.load(path, allow_pickle=False) for path in sketches]
        found = np.concatenate(parts) if parts else np.zeros((0, 2))
        low, high = self._band(found[:, 0])
        self._note(found, low, high)
        for part in parts:
            values = _perplexities(part[:, 0])
            rules = ((LOW, values < low), (HIGH, values > high))
            yield {
                int(place): (why, f"{values[place]:.2f}, the bound is {bound:.2f}")
                for (why, out), bound in zip(rules, (low, high), strict=True)
                for place in np.flatnonzero(out)
            }

    def _band(self, losses: NDArray[np.float64]) -> tuple[float, float]:
        """Least and greatest perplexity that may stay."""
        import numpy as np

        asked, known = self.settings, _perplexities(losses[~np.isnan(losses)])

        def bound(given: float | None, quantile: float | None, none: float) -> float:
            if given is not None:
                return given
            # A value that occurs, not one between two: infinity is not averaged.
            return none if quantile is None or not len(known) else float(np.quantile(known, quantile, method="nearest"))

        return bound(asked.low, asked.low_quantile, 0.0), bound(asked.high, asked.high_quantile, np.inf)

    def _note(self, found: NDArray[np.float64], low: float, high: float) -> None:
        import numpy as np

        unknown, cut = int(np.isnan(found[:, 0]).sum()), int(found[:, 1].sum())
        self._notes.append(f"perplexity by {self.settings.model} from {low:.2f} to {high:.2f} stays")
        if unknown:
            self._notes.append(f"{unknown} rows have no perplexity (nothing to count, or the model gave no number): they stay")
        if cut:
            self._notes.append(f"{cut} rows were judged by their first {self.settings.max_length} tokens")


def _perplexities(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN stays NaN, which lies in no band and outside of none."""
    import numpy as np

    with np.errstate(over="ignore"):
        found: NDArray[np.float64] = np.exp(losses)
    return found
