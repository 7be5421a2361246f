"""The nouns of vocabularies: new pieces, the model that was given them, and what a tokenizer makes of a text.

    texts × base ─train─> Vocabulary ─extend─> VocabularyExtension      texts × tokenizers ─measure─> Fertility

**Fertility** is how many tokens a text takes. A **piece** is a token as the tokenizer writes it; a **fragment** is a token
that is not whole characters: one or two of the three bytes of a Chinese one.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from harness.schema.evaluation import Frozen, Interval

VOCABULARY_SCHEMA: Final = "harness.vocabulary/1"
EXTENSION_SCHEMA: Final = "harness.vocabulary-extension/1"
FERTILITY_SCHEMA: Final = "harness.fertility/1"

TokenizerKind = Literal["bytelevel", "sentencepiece"]
"""Byte-level BPE (GPT-2, Llama 3, Qwen), or BPE over characters with bytes to fall back to (Llama 1 and 2, Mistral)."""


class VocabularyText(Frozen):
    """One text that was read."""

    name: str
    """File or `demo:NAME`, as it was asked for."""
    sha256: str
    """Of the file; of a text of the demo world its version."""
    lines: int
    characters: int


class Vocabulary(Frozen):
    """`vocabulary.json`: new pieces for one tokenizer, the most useful first, so that a shorter list is a beginning of it."""

    schema_version: Literal["harness.vocabulary/1"] = VOCABULARY_SCHEMA
    kind: TokenizerKind
    base: str
    """Name of the model whose tokenizer goes on."""
    tokenizer_digest: str
    """Of that tokenizer: model, added tokens, normalizer and pre-tokenizer."""
    script: str
    """What every new piece holds a character of."""
    size: int
    """New tokens asked for, at most."""
    coverage: float
    """Share of the characters of the script in the texts that need not fall apart into bytes."""
    text: tuple[VocabularyText, ...]
    pieces: tuple[str, ...]
    """New tokens in the order of their ids, as the tokenizer writes them."""
    merges: tuple[tuple[str, str], ...]
    """Of byte-level pieces: which two tokens become one, in order; more than pieces where a piece has several ways."""
    characters: int
    """New pieces of one character, a space before it or not."""
    fragments: int
    """New pieces that are steps to a character."""
    dropped: int
    """Pieces that were learnt and that their own text does not reach."""
    lines: int
    """Of the texts, on which the next two are counted: a sample, or all."""
    tokens_before: int
    tokens_after: int

    @property
    def tokens_per_line(self) -> tuple[float, float]:
        """Before and after."""
        return self.tokens_before / self.lines, self.tokens_after / self.lines


class VocabularyExtension(Frozen):
    """`checkpoints/<name>/vocabulary.json`: a base that was given new tokens."""

    schema_version: Literal["harness.vocabulary-extension/1"] = EXTENSION_SCHEMA
    name: str
    base: str
    base_fingerprint: str
    kind: TokenizerKind
    script: str
    vocabulary_digest: str
    """SHA-256 of the `vocabulary.json` that it was made from."""
    tokenizer_digest_before: str
    tokenizer_digest: str
    tokens_before: int
    """Ids of the base's tokenizer, special tokens among them."""
    tokens: int
    added: int
    dropped: int
    """Pieces of the vocabulary that were left out."""
    pad_to: int
    size: int | None = None
    """Pieces asked for, the first ones; None: all."""
    tokens_per_line_before: float | None
    """On the sample that training counted; None where only some of the pieces were taken."""
    tokens_per_line: float | None
    lines: int
    weights: dict[str, Any] = Field(default_factory=dict)
    """What was done to the embeddings."""


class TokenizerFacts(Frozen):
    """One tokenizer that is measured."""

    name: str
    kind: str
    """`bytelevel`, `sentencepiece`, or the name of another algorithm."""
    vocabulary: int
    """Ids, special tokens among them."""
    digest: str


class TokenCount(Frozen):
    """What one tokenizer makes of one text."""

    tokens: int
    fragments: int
    """Tokens that are not whole characters."""
    single_characters: int
    """Tokens of exactly one character."""
    unknown: int
    per_line: float
    per_character: float
    bytes_per_token: float
    characters_per_token: float


class FertilityRow(Frozen):
    """One text, one script, or all."""

    scope: Literal["overall", "text", "script"]
    name: str
    lines: int | None
    """None of a script: a line has several."""
    characters: int
    bytes: int | None
    """UTF-8; None of a script."""
    counts: tuple[TokenCount, ...]
    """One for each tokenizer, the base first."""
    ratios: tuple[Interval | None, ...] = ()
    """Tokens of each further tokenizer for one of the base's: its 95% interval, by a bootstrap over lines."""


class VocabularyCost(Frozen):
    """What longer embeddings cost, and what shorter texts save: arithmetic for one model, not a measurement."""

    tokenizer: str
    ratio: float
    """Tokens after / before."""
    saved_per_line: float
    context_before: int | None
    """Longest context, in tokens."""
    context_gained: float | None
    """Tokens of the base's that fit into it besides."""
    rows: int
    """Rows that the embedding matrix gains."""
    parameters: int | None
    """New parameters: rows x hidden size, twice where input and output are not tied; None without a model."""
    parameters_share: float | None
    """Of all parameters before."""
    flops_line_before: float | None
    """Forward pass of one line: 2 x tokens x (parameters that are no embedding + output matrix)."""
    flops_line: float | None
    payback_lines: float | None = None
    """Lines read that save as many operations as one line of the warm-up takes; None where a line costs no less."""
    breakeven_ratio: float | None
    """Tokens after / before at which a line costs the same."""
    verdict: Literal["pays", "does not pay", "undecided"]
    why: str


class FertilityUse(Frozen):
    """How much of the new tokens the text uses."""

    tokenizer: str
    new: int
    used: int
    """New tokens that occur at all."""
    occurrences: int
    shares: tuple[tuple[int, float], ...]
    """Most frequent n new tokens -> share of all occurrences of new tokens."""


class Fertility(Frozen):
    """What tokenizers make of the same texts."""

    schema_version: Literal["harness.fertility/1"] = FERTILITY_SCHEMA
    tokenizers: tuple[TokenizerFacts, ...]
    text: tuple[VocabularyText, ...]
    rows: tuple[FertilityRow, ...]
    histogram_edges: tuple[int, ...]
    """Tokens a line, ascending; the last is open."""
    histograms: tuple[tuple[int, ...], ...]
    """Lines between two edges, for each tokenizer."""
    uses: tuple[FertilityUse, ...] = ()
    costs: tuple[VocabularyCost, ...] = ()
    notes: tuple[str, ...] = ()
