"""Texts -> vectors of length one, by any OpenAI-compatible endpoint or by a model folder; each text is paid for once.

A text that gets no vector is no error here: it is told, and whoever asked decides what that means.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from harness.endpoint import EmbeddingReply, EmbeddingRequest, Endpoint, embed_many
from harness.errors import DataError, ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BUSY: Final = 30.0
"""Seconds to wait for another worker's commit."""
_CHUNK: Final = 500


@dataclass(frozen=True)
class Embedded:
    """Vectors of some texts."""

    vectors: NDArray[np.float16]
    """(texts, width), each of length one; zeros where there is none."""
    got: NDArray[np.bool_]
    why: str = ""
    """Why some have none: the first reason."""


class Model(Protocol):
    """Makes vectors."""

    name: str
    """All that decides them."""

    def embed(self, texts: Sequence[str]) -> tuple[list[NDArray[Any] | None], str]:
        """A vector for each text, None where there is none, and the first reason."""


class EndpointModel:
    """Asks a server, some texts at once. What a server refuses (one text too long, one filtered) is asked again in halves."""

    def __init__(self, endpoint: Endpoint, batch: int) -> None:
        self.endpoint = endpoint
        self.batch = batch
        self.name = f"{endpoint.base_url}#{endpoint.model}"

    def embed(self, texts: Sequence[str]) -> tuple[list[NDArray[Any] | None], str]:
        """One request for each `batch` texts. Where none of several works, it is the server, not a text."""
        import numpy as np

        found: list[NDArray[Any] | None] = [None] * len(texts)
        waiting = [range(start, min(start + self.batch, len(texts))) for start in range(0, len(texts), self.batch)]
        why = ""
        while waiting:
            replies = embed_many(self.endpoint, [EmbeddingRequest([texts[i] for i in part]) for part in waiting])
            again: list[range] = []
            for part, reply in zip(waiting, replies, strict=True):
                if reply.error is None:
                    for i, vector in zip(part, reply.vectors, strict=True):
                        found[i] = np.asarray(vector, np.float32)
                elif _of_its_content(reply) and len(part) > 1:
                    half = len(part) // 2
                    again += [part[:half], part[half:]]
                else:
                    why = why or reply.error
            worked = any(reply.error is None for reply in replies)
            if again and not worked and len(waiting) > 1:
                return found, why or next(reply.error for reply in replies if reply.error)
            waiting = again
        return found, why


def _of_its_content(reply: EmbeddingReply) -> bool:
    """Whether fewer texts at once may fare better."""
    return reply.status in {200, 400, 413, 422, 451}


class FolderModel:
    """A transformers encoder: the mean over tokens of the last layer, or its first token where the folder says so.

    Sentence-BERT (arXiv 1908.10084, section 3) pools so; the folder's `1_Pooling/config.json` says which, if it is there.
    """

    def __init__(self, folder: Path, batch: int) -> None:
        """Look at the folder; weights are loaded when the first text comes.

        Raises:
            ModelError: there is no such folder, or it has no safetensors.
        """
        from harness.fingerprint import folder_digest

        self.folder = folder
        self.batch = batch
        self.first_token = _first_token(folder)
        self.name = f"folder:{folder_digest(folder)}:{'first' if self.first_token else 'mean'}"
        self._loaded: tuple[Any, Any] | None = None

    def embed(self, texts: Sequence[str]) -> tuple[list[NDArray[Any] | None], str]:
        """Batches of texts of like length."""
        import torch

        tokenizer, model = self._load()
        most = min(getattr(model.config, "max_position_embeddings", 512) or 512, tokenizer.model_max_length)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found: list[NDArray[Any] | None] = [None] * len(texts)
        for start in range(0, len(order), self.batch):
            part = order[start : start + self.batch]
            given = tokenizer([texts[i] for i in part], padding=True, truncation=True, max_length=most, return_tensors="pt")
            with torch.inference_mode():
                states = model(**{name: given[name] for name in ("input_ids", "attention_mask")}).last_hidden_state
            mask = given["attention_mask"].unsqueeze(-1)
            pooled = states[:, 0] if self.first_token else (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            for i, vector in zip(part, pooled.float().numpy(), strict=True):
                found[i] = vector
        return found, ""

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModel, AutoTokenizer

            given = {"local_files_only": True, "trust_remote_code": False}
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.folder, **given)
                model = AutoModel.from_pretrained(self.folder, use_safetensors=True, **given).eval()
            except (OSError, ValueError) as error:
                first = str(error).strip().splitlines()[0][:200]
                raise ModelError(f"'{self.folder}' is no model for embeddings: {first}") from error
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
            self._loaded = tokenizer, model
        return self._loaded


def _first_token(folder: Path) -> bool:
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return False
    try:
        return bool(json.loads(path.read_bytes()).get("pooling_mode_cls_token", False))
    except (ValueError, AttributeError) as error:
        raise ModelError(f"'{path}' is no JSON object") from error


class Vectors:
    """Vectors that were paid for once: SQLite, half precision, keyed by model and text. Shared by all workers."""

    def __init__(self, path: Path) -> None:
        """Create the file, if it is not there.

        Raises:
            DataError: it is no such file, or cannot be written.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as db, db:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        except OSError as error:
            raise DataError(f"cannot be written ({error.strerror or error})", file=path) from error
        except sqlite3.Error as error:
            raise DataError(f"no usable store of embeddings ({error}): move it away and run again", file=path) from error

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float16]]:
        """Those that are there."""
        import numpy as np

        found: dict[bytes, NDArray[np.float16]] = {}
        with closing(self._connect()) as db:
            for start in range(0, len(keys), _CHUNK):
                chunk = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                rows = db.execute(f"SELECT key, value FROM vectors WHERE key IN ({marks})", chunk)  # noqa: S608 - only marks
                found.update((key, np.frombuffer(value, np.float16)) for key, value in rows if len(value) % 2 == 0)
        return found

    def put(self, vectors: dict[bytes, NDArray[np.float16]]) -> None:
        """Keep some.

        Raises:
            DataError: the disk is full.
        """
        try:
            with closing(self._connect()) as db, db:
                db.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)", [(key, value.tobytes()) for key, value in vectors.items()]
                )
        except sqlite3.Error as error:
            raise DataError(f"store of embeddings: {error}", file=self.path) from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY)
        db.execute("PRAGMA synchronous=NORMAL")
        return db


def embedded(texts: Sequence[str], model: Model, store: Vectors) -> Embedded:
    """Vectors of texts, from the store or from the model; equal texts are asked about once, empty ones never.

    Raises:
        DataError: vectors of different lengths: another model answers under the same name.
    """
    import numpy as np

    keys = [hashlib.sha256(f"{model.name}\n{text}".encode("utf-8", "replace")).digest() for text in texts]
    known = store.get(sorted(set(keys)))
    asked = {key: text for key, text in zip(keys, texts, strict=True) if text.strip() and key not in known}
    why = ""
    if asked:
        made, why = model.embed(list(asked.values()))
        new = {key: _normed(vector) for key, vector in zip(asked, made, strict=True) if vector is not None}
        store.put(new)
        known |= new
    widths = {len(vector) for vector in known.values()}
    if len(widths) > 1:
        raise DataError(f"'{model.name}' gave vectors of {' and '.join(map(str, sorted(widths)))} numbers", file=store.path)
    vectors = np.zeros((len(texts), next(iter(widths), 0)), np.float16)
    got = np.array([key in known for key in keys], bool)
    for place in np.flatnonzero(got):
        vectors[place] = known[keys[place]]
    return Embedded(vectors, got, why)


def _normed(vector: NDArray[Any]) -> NDArray[np.float16]:
    import numpy as np

    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float16)
