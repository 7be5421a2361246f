"""The nouns of answer keys in the making: who proposed what, what was drawn for an audit, how far the work has come.

samples ─voters─> KeyVote* ─strata─> review, audit ─people─> Outcome* ─freeze─> key file      KeyStatus: where it stands
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from harness.schema.evaluation import Confidence, Frozen, Interval

KEYING_SCHEMA: Final = "harness.keying/1"

KeyKind = Literal["choice", "text"]
KeyAgreement = Literal["unanimous", "majority", "split"]

KeyPlace = Annotated[int, Field(ge=0)]
KeyRange = tuple[KeyPlace, KeyPlace]
KeyAnswer = str | tuple[str | KeyRange, ...]
"""A text, or the parts it is put together from: strings, and [start, end] ranges of the question."""


class ProposedText(Frozen):
    """A reference answer as a voter proposes it; where it repeats its question, as ranges of that."""

    reference: KeyAnswer
    accept: tuple[KeyAnswer, ...] = ()
    points: tuple[KeyAnswer, ...] = ()
    kind: Literal["exact", "set", "open"] | None = None


class KeyVote(Frozen):
    """One line of `proposals.jsonl`: what one voter said of one item, shown in one way. Of its question it holds ranges."""

    hash: str
    """Content hash of the item."""
    voter: str
    """`openai:MODEL`, a model's name, or `drafted-v1#2` for the second pass of an imported key."""
    family: str
    """Models of one family share their errors; a key can leave one out."""
    asked: str = ""
    """16 hex digits of the request; empty where the vote was imported."""
    order: str = ""
    """Letters of the options in the order they were shown in; `=BA`: shown backwards, each with its own letter."""
    answer: str | None = None
    """The letter, as the item itself has it. None: no vote (`unjudged` says why), or a question without options."""
    text: ProposedText | None = None
    """Of a question without options: the voter's own reference."""
    agrees: bool | None = None
    """Whether the voter would give full marks to the drafted reference; None where there was none yet."""
    unjudged: str = ""
    confidence: Confidence | None = None
    """What the voter said of its own doubt."""


class KeyWork(Frozen):
    """`key.json`: what a work folder is about."""

    schema_version: Literal["harness.keying/1"] = KEYING_SCHEMA
    benchmark: str
    kind: KeyKind
    items: int
    """Different questions; equal texts have one answer."""
    items_sha256: str
    excluded: tuple[str, ...] = ()
    """Families whose votes are left out: a key to measure their models with."""


class KeyAuditStratum(Frozen):
    """One group that the audit drew from."""

    name: str
    items: int
    drawn: int


class KeyAuditPlan(Frozen):
    """`audit.json`: what was drawn, fixed before anybody looked."""

    schema_version: Literal["harness.keying/1"] = KEYING_SCHEMA
    proposals: str
    """Digest of the votes that made these answers unanimous."""
    seed: int
    sequential: bool
    """People decide in random order and may stop at any time; the bound is then one that allows for it."""
    strata: tuple[KeyAuditStratum, ...]


class KeyStratum(Frozen):
    """One group of unanimous answers and what its audit says."""

    name: str
    items: int
    drawn: int
    audited: int
    """Decided by people; of a sequential audit, up to the first gap in the order of drawing."""
    errors: int
    """Not confirmed by people; corrected."""
    anytime: bool
    rate: Interval | None
    """Jeffreys interval of the share that people did not confirm; None before anything is audited."""
    remaining: int
    """Wrong answers that the audit does not rule out among those nobody looked at; of one of fixed size, once it is done."""


class KeyAccuracy(Frozen):
    """ACC of a run under a key that may be wrong."""

    run: str
    key: str
    """Its version, or `in the making`."""
    n: int
    """Items with an answer."""
    contested: int
    missing: int
    """Items of the run that the key does not answer yet."""
    acc: float
    """Share of the `n` items answered right; invalid answers count as wrong."""
    low: float | None
    high: float | None
    """ACC - bound and ACC + bound, within 0-1: if as many answers of the key are wrong as cannot be ruled out. None while there
    is no bound."""
    with_contested: tuple[float, float]
    """ACC over contested items too: all of them wrong, all of them right."""


class KeyStatus(Frozen):
    """How far a key has come."""

    benchmark: str
    kind: KeyKind
    folder: str
    items: int
    excluded: tuple[str, ...]
    voters: dict[str, str]
    """Voter -> family."""
    votes: int
    unjudged: int
    agreement: dict[KeyAgreement, int]
    """How the voters agree -> items."""
    to_review: int
    reviewed: int
    split: int
    """Items, of review and audit, on which people differ and no third person has adjudicated."""
    to_audit: int
    audited: int
    strata: tuple[KeyStratum, ...]
    contested: int
    answers: int
    """Items that the key would answer now."""
    kappa: float | None
    """Cohen's, of the first two people on each item; None before both have decided enough."""
    agreed: tuple[int, int]
    """On how many of how many items the first two people said the same."""
    human_error: float | None
    """Upper bound of the share of people's decisions that is wrong all the same, from their disagreements."""
    bound: float | None
    """Share of the answers that can be wrong, at 95%; None while review or audit is unfinished."""
    remains: tuple[str, ...]
    """What is still to do, one line each; empty: it can be frozen."""
    notes: tuple[str, ...] = ()
    accuracy: KeyAccuracy | None = None
    frozen: tuple[str, ...] = ()
    """Versions that have been frozen here."""


class FrozenKey(Frozen):
    """What `harness keys freeze` wrote."""

    path: str
    sha256: str
    version: str
    entries: int
    answers: int
    contested: int
    bound: float
    """Share of the answers that can be wrong, at 95%."""
    provenance: str
    new: bool
    """False: the same key was there already."""
