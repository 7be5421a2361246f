"""Rows that mean what an earlier row means, whatever their words: cosine similarity of embeddings (SemDeDup, arXiv 2303.09540).

Up to 20,000 rows are all compared with one another. Of more, k-means first makes clusters of about 2,000 (section 3 there), and
rows are compared within theirs: memory stays flat, and what lies on a border is missed (1% of 5,800 pairs planted at 0.99 among
60,000 vectors of 300 topics). The first row of each group stays.

Vectors come from an OpenAI-compatible endpoint (`model` and `base_url`, or HARNESS_EMBEDDINGS_BASE_URL and _API_KEY, falling back
to OPENAI_*) or from a folder with a transformers encoder (`folder`). Rows without a vector stay; if they are more than one in a
hundred the work stops as incomplete, and the same command asks again for what is missing only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import Field, model_validator

from harness import folders
from harness.curating.alike.dropping import Of, dropping, id_columns, note, said
from harness.curating.columns import Columns, packed, write
from harness.curating.contract import Context, Dropping, StepSettings
from harness.errors import DataError, IncompleteRun
from harness.schema import DataRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.curating.alike.embeddings import Embedded, Model, Vectors

WHY: Final = "semantic duplicate"
STORE: Final = "embeddings.sqlite"
COVERED: Final = 0.99
"""Least share of rows with a vector."""
HOPELESS: Final = 0.5
"""Share of a shard's rows with a vector below which the endpoint is at fault, and asking on is of no use."""
ENOUGH: Final = 100
"""Rows of a shard that such a judgement needs."""


class SemanticDuplicates(StepSettings):
    """Compared by the meaning of their first `characters` characters."""

    whole: ClassVar[bool] = True

    use: Literal["semantic_duplicates"]
    of: Of = "conversation"
    """`questions`: all turns but the last reply."""
    similarity: float = Field(default=0.95, gt=0, le=1)
    """Least cosine similarity of duplicates."""
    model: str = ""
    """Name of the model at the endpoint."""
    base_url: str | None = None
    """Of the endpoint; without it, as the environment has it."""
    folder: str | None = None
    """A model folder, in place of an endpoint."""
    characters: int = Field(default=2_000, ge=1)
    """What comes after so many of a row is not looked at: models take some hundred to some thousand tokens."""
    batch: int = Field(default=32, ge=1, le=2048)
    """Texts a request."""
    concurrency: int = Field(default=4, ge=1, le=256)
    """Requests in flight, of each worker."""
    timeout: float = Field(default=120, gt=0)
    """Seconds for one request."""
    max_retries: int = Field(default=5, ge=0)

    @model_validator(mode="after")
    def _one_model(self) -> SemanticDuplicates:
        if bool(self.model) == bool(self.folder):
            raise ValueError("name either 'model' (at an OpenAI-compatible endpoint) or 'folder' (a transformers encoder)")
        return self

    def identity(self, context: Context) -> str:
        """Of a folder, its content."""
        return self._model().name

    def build(self, context: Context) -> SemanticStep:
        """The model is loaded when the first text comes."""
        from harness.curating.alike.embeddings import Vectors

        return SemanticStep(self, context, self._model(), Vectors(folders.cache_dir() / STORE))

    def _model(self) -> Model:
        from harness.curating.alike.embeddings import EndpointModel, FolderModel
        from harness.endpoint import resolve

        if self.folder:
            return FolderModel(Path(self.folder).expanduser(), self.batch)
        endpoint = resolve(
            self.model,
            role="embeddings",
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=self.max_retries,
            concurrency=self.concurrency,
        )
        return EndpointModel(endpoint, self.batch)


class SemanticStep:
    """A sketch holds a vector of half precision for each row, and the text of those that got none."""

    def __init__(self, settings: SemanticDuplicates, context: Context, model: Model, store: Vectors) -> None:
        self.settings = settings
        self.context = context
        self.model = model
        self.store = store

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Vectors of one shard.

        Raises:
            IncompleteRun: most rows get none; those that did are paid for.
        """
        texts = [said(row, self.settings.of)[: self.settings.characters] for row in rows]
        found = self._embedded(texts)
        if len(texts) >= ENOUGH and found.got.mean() < HOPELESS:
            raise IncompleteRun(self._lacking(int((~found.got).sum()), len(texts), found.why))
        write(to, {**_columns(found, texts), **id_columns(rows)})

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """All but one of each group, after asking once more for what is missing.

        Raises:
            IncompleteRun: too many rows have no vector.
            DataError: shards have vectors of different lengths.
        """
        import numpy as np

        from harness.curating.alike.meaning import alike

        whys = [why for path in sketches if (why := self._ask_again(path))]
        shards = [Columns(path) for path in sketches]
        got = np.concatenate([shard.read("got") for shard in shards]) if shards else np.zeros(0, bool)
        lacking = int((~got).sum())
        if lacking > (1 - COVERED) * len(got):
            raise IncompleteRun(self._lacking(lacking, len(got), next(iter(whys), "")))
        if lacking:
            self.context.notes.append(f"{lacking:,} rows have no embedding and stay: {next(iter(whys), 'empty texts')}")
        widths = sorted({shard.shape("vectors")[1] for shard in shards if shard.read("got").any()})
        if len(widths) > 1:
            raise DataError(f"'{self.model.name}' gave vectors of {' and '.join(map(str, widths))} numbers")
        clusters = alike(shards, got, self.settings.similarity, self.context.scratch, self.context.seed)
        starts = np.concatenate(([0], np.cumsum([shard.shape("got")[0] for shard in shards], dtype=np.int64)))
        kept = clusters.kept()
        self.context.notes.extend(note(kept))
        yield from dropping(shards, starts, kept, WHY)

    def _ask_again(self, path: Path) -> str:
        """Once more for the rows of a shard that have no vector; why some still have none."""
        import numpy as np

        shard = Columns(path)
        lacking = np.flatnonzero(~shard.read("got"))
        if not len(lacking):
            return ""
        data, ends = shard.read("texts").tobytes(), shard.read("text_ends")
        texts = [data[ends[i] : ends[i + 1]].decode("utf-8", "replace") for i in range(len(lacking))]
        found = self._embedded(texts)
        if not found.got.any():
            return found.why
        vectors, got = shard.read("vectors"), shard.read("got")
        if not got.any():
            vectors = np.zeros((len(got), found.vectors.shape[1]), np.float16)
        if vectors.shape[1] != found.vectors.shape[1]:
            raise DataError(f"'{self.model.name}' now gives vectors of {found.vectors.shape[1]} numbers, not {vectors.shape[1]}")
        vectors[lacking], got[lacking] = found.vectors, found.got
        left = [text for text, there in zip(texts, found.got, strict=True) if not there]
        part = path.with_suffix(".part")
        names = {"ids": shard.read("ids"), "id_ends": shard.read("id_ends")}
        write(part, {"vectors": vectors, "got": got, **_texts(left), **names})
        part.replace(path)
        return found.why

    def _embedded(self, texts: Sequence[str]) -> Embedded:
        from harness.curating.alike.embeddings import embedded

        return embedded(texts, self.model, self.store)

    def _lacking(self, lacking: int, rows: int, why: str) -> str:
        return (
            f"semantic_duplicates: {lacking:,} of {rows:,} rows have no embedding ({why or 'empty texts'}); "
            "mend that and run the same command again: it asks only for what is missing"
        )


def _columns(found: Embedded, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    left = [text for text, there in zip(texts, found.got, strict=True) if not there]
    return {"vectors": found.vectors, "got": found.got, **_texts(left)}


def _texts(texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    data, ends = packed(texts)
    return {"texts": data, "text_ends": ends}
