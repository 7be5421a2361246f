"""[vocabularies.NAME] -> the texts that new tokens are learnt from: pools, files, or what the verbs know by name (`demo:zh`).

A pool that is a file of its own is read as text as it stands, plain lines or rows; of any other pool rows are drawn first.
"""

from __future__ import annotations

from pathlib import Path

from harness.errors import DataError, unknown
from harness.rows.sources import is_built_in
from harness.schema.study import Study, StudyData, StudyVocabulary


def check_text(study: Study, where: str, vocabulary: StudyVocabulary) -> None:
    """Refuse a vocabulary without text, or with text that is neither a pool nor a file.

    Raises:
        UsageError: the demo world knows no text of that name.
        DataError: it names nothing.
    """
    from harness.vocabulary import texts

    if not vocabulary.text:
        raise DataError(f"{where}.text: names no text that tokens could be learnt from")
    for text in vocabulary.text:
        if is_built_in(text):
            texts.find([text])
        elif text not in study.data and not _place(study, text).exists():
            raise DataError(f"{where}.text: {unknown('pool', text, study.data)}; nor is there a file '{_place(study, text)}'")


def is_text(pool: StudyData) -> bool:
    """Whether a pool is a file that can be read as text as it stands."""
    return pool.path is not None and pool.curate is None and pool.language is None


def pools_of(study: Study, vocabulary: StudyVocabulary) -> tuple[str, ...]:
    """The pools of which rows are drawn."""
    return tuple(text for text in vocabulary.text if text in study.data and not is_text(study.data[text]))


def other_texts(study: Study, vocabulary: StudyVocabulary) -> tuple[str, ...]:
    """The files (with their whole path), and names that the verbs know."""
    return tuple(_other(study, text) for text in vocabulary.text if text not in pools_of(study, vocabulary))


def text_path(study: Study, pool: StudyData) -> str:
    """Where the file of a pool lies that is text."""
    return str(_place(study, pool.path or ""))


def _other(study: Study, text: str) -> str:
    if text in study.data:
        return text_path(study, study.data[text])
    return text if is_built_in(text) else str(_place(study, text))


def _place(study: Study, text: str) -> Path:
    return Path(study.folder) / Path(text).expanduser()
