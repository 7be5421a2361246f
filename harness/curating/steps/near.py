"""Rows that say, or ask, nearly what another row does: character shingles, MinHash, bands, and a full comparison of who meets.

Two rows are near-duplicates if the Jaccard similarity of their shingle sets is at least `similarity`; rows joined through others
are one cluster, of which one row stays. A changed character costs n shingles: with 0.8 and n = 5 two texts of 200 characters may
differ in 4 places or in one stretch of 17, or one may be 49 characters longer. Rows of one template stay apart where their slots
make up a ninth of it; for data of longer templates set `similarity` higher.

Of two texts just as similar as `similarity`, at least 99 in 100 are found (see `bands_for`), of two at 0.9 all but one in 10^6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field

from harness.curating.alike.dropping import Of, dropping, id_columns, note, said
from harness.curating.columns import Columns, write
from harness.curating.contract import Context, Dropping, StepSettings
from harness.schema import DataRow

WHY: Final = "near-duplicate"


class NearDuplicates(StepSettings):
    """Compared in NFKC and lower case, without white space and punctuation. Rows shorter than a shingle: only if equal."""

    whole: ClassVar[bool] = True

    use: Literal["near_duplicates"]
    of: Of = "conversation"
    """`questions`: all turns but the last reply, so that two answers to one question count as duplicates."""
    similarity: float = Field(default=0.8, gt=0, le=1)
    """Least Jaccard similarity of duplicates."""
    shingle: int = Field(default=5, ge=1, le=64)
    """Characters of a shingle."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """Minima of a signature. More of them find the same pairs with fewer comparisons."""
    keep: Literal["first", "longest", "least_doubt"] = "first"
    """Which row of a cluster stays: the first, that with the longest last reply, or that with the lowest flags."""
    seed: int | None = None
    """Of the permutations; the pipeline's own, if none is given."""

    def build(self, context: Context) -> NearStep:
        """Nothing to load."""
        return NearStep(self, context)


class NearStep:
    """A sketch holds for each row its bands (8 bytes each), its shingles (4 bytes each) and its id."""

    def __init__(self, settings: NearDuplicates, context: Context) -> None:
        from harness.curating.alike.minhash import bands_for

        self.settings = settings
        self.notes = context.notes
        self.seed = context.seed if settings.seed is None else settings.seed
        self.bands = bands_for(settings.similarity, settings.permutations)

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Bands and shingles of each row."""
        import numpy as np

        from harness.curating.alike.bands import BANDS, ENDS, SHINGLES
        from harness.curating.alike.minhash import band_hashes, signatures
        from harness.curating.alike.shingles import distinct, shingled
        from harness.rows.ngrams import bare

        found = shingled([bare(said(row, self.settings.of)) for row in rows], self.settings.shingle)
        signed = signatures(found, self.settings.permutations, self.seed)
        sets = distinct(found)
        rank = np.array([_rank(row, self.settings.keep) for row in rows], np.float32)
        columns = {BANDS: band_hashes(signed, *self.bands), ENDS: sets.ends, SHINGLES: sets.hashes}
        write(to, {**columns, **id_columns(rows), "rank": rank})

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """All but one of each cluster."""
        import numpy as np

        from harness.curating.alike.bands import clustered, opened

        shards = [Columns(path) for path in sketches]
        together = opened(shards)
        clusters = clustered(together, self.settings.similarity)
        rank = None
        if self.settings.keep != "first" and shards:
            rank = np.concatenate([shard.read("rank") for shard in shards])
        kept = clusters.kept(rank)
        self.notes.extend(note(kept))
        yield from dropping(shards, together.starts, kept, WHY)


def _rank(row: DataRow, keep: Literal["first", "longest", "least_doubt"]) -> float:
    if keep == "longest":
        return len(row.messages[-1].content) if row.messages else 0
    return -max(row.flags.values(), default=0.0) if keep == "least_doubt" else 0.0
