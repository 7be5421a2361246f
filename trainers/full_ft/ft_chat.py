"""Messages -> token ids and labels, by the tokenizer's own chat template.

Only the assistant's tokens have loss, each turn with its end-of-turn token. The ids are exactly those of `apply_chat_template`:
the text is rendered once, tokenized in batches, and the assistant's tokens are found by character offsets. Where they begin and
end is asked of the template in one of two ways:

- `{% generation %}` marks, where the template has them;
- else by rendering the conversation up to each answer with the generation prompt. That text must be a beginning of the whole
  text; the answer goes from there to the first end-of-turn token.

Both are tried on a short conversation before the first row, so a template that cannot be trusted is refused, not trained on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, Final

import jinja2
import numpy as np
from transformers.utils.chat_template_utils import render_jinja_template

Messages = Sequence[Mapping[str, Any]]
IGNORED: Final = -100
"""Label of a token without loss."""

_MARK: Final = re.compile(r"\{%-?\s*generation\s*-?%\}")
_PROBE: Final = (
    {"role": "user", "content": "Which is seven?"},
    {"role": "assistant", "content": "Seventh."},
    {"role": "user", "content": "Which is eight?"},
    {"role": "assistant", "content": "Eighth."},
)
_BATCH: Final = 1024


class TemplateError(ValueError):
    """The chat template cannot say which tokens are the assistant's, or refuses a conversation."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One row."""

    input_ids: np.ndarray
    """int32 [tokens]."""
    labels: np.ndarray
    """int32 [tokens]: the token itself where it has loss, else `IGNORED`. Not shifted."""
    truncated: bool = False
    """Cut at the end to fit."""

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def supervised(self) -> int:
        """Tokens with loss. The first token of a row has none: nothing stands before it to predict it from."""
        return int(np.count_nonzero(self.labels[1:] != IGNORED))


def encode(tokenizer: Any, messages: Messages, max_length: int) -> Encoded:
    """One conversation, cut at the end to `max_length` tokens. The result may have no token with loss: see `supervised`.

    Raises:
        TemplateError: no template; assistant tokens that cannot be marked; a conversation that the template refuses.
    """
    marker = _Marker(tokenizer)
    return _encoded(marker.rendered(messages), marker, max_length)[0]


def encode_all(tokenizer: Any, rows: Iterable[Messages], max_length: int) -> tuple[list[Encoded], dict[str, int]]:
    """All conversations that leave something to train on, in order, and what was counted on the way.

    Counts: `rows` (given), `kept`, `tokens`, `supervised_tokens` (of those kept), `truncated`, `unsupervised` (left out: no
    token with loss within `max_length`), `refused` (left out: the template does not take them), `joined` (answers whose first
    characters share a token with the prompt; that token has no loss).

    Raises:
        TemplateError: no template; assistant tokens that cannot be marked; a template that refuses every row.
    """
    marker = _Marker(tokenizer)
    counts = Counter(
        dict.fromkeys(("rows", "kept", "tokens", "supervised_tokens", "truncated", "unsupervised", "refused", "joined"), 0)
    )
    kept: list[Encoded] = []
    refusal: TemplateError | None = None
    for batch in _batches(iter(rows)):
        texts = []
        for messages in batch:
            try:
                texts.append(marker.rendered(messages))
            except TemplateError as error:
                refusal = refusal or error
        counts["rows"] += len(batch)
        counts["refused"] += len(batch) - len(texts)
        for encoded, joined in _encoded_batch(texts, marker, max_length):
            counts["joined"] += joined
            counts["truncated"] += encoded.truncated
            if not encoded.supervised:
                counts["unsupervised"] += 1
                continue
            counts["tokens"] += len(encoded)
            counts["supervised_tokens"] += encoded.supervised
            kept.append(encoded)
    if refusal and counts["refused"] == counts["rows"]:
        raise TemplateError(f"the chat template refuses every row; the first: {refusal}")
    counts["kept"] = len(kept)
    return kept, dict(counts)


def end_of_turn(tokenizer: Any) -> tuple[int, ...]:
    """Ids of the tokens that end an assistant's turn, as the chat template writes them: what generation must stop at.

    Raises:
        TemplateError: as `encode`.
    """
    return tuple(sorted(_Marker(tokenizer).ends))


def _batches(rows: Iterator[Messages]) -> Iterator[list[Messages]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


@dataclass(frozen=True, slots=True)
class _Text:
    """A rendered conversation."""

    text: str
    spans: tuple[tuple[int, int], ...]
    """Characters of each answer. Without marks in the template an end is only a limit: the next answer's beginning."""


class _Marker:
    """What must be known of a tokenizer and its template to find the assistant's tokens."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.template = _template(tokenizer)
        self.marks = bool(_MARK.search(self.template))
        self.ends: frozenset[int] = frozenset()
        self._probe()

    def rendered(self, messages: Messages) -> _Text:
        """The text of a conversation and where its answers stand in it."""
        if self.marks:
            return self._marked(messages)
        whole = self._render(messages)
        turns = [turn for turn, message in enumerate(messages) if message.get("role") == "assistant"]
        starts = [self._start(messages, turn, whole) for turn in turns]
        return _Text(whole, tuple(pairwise([*starts, len(whole)])))

    def tokens(self, texts: list[str]) -> list[Any]:
        """Tokenizer's own encodings: `ids` and `offsets`."""
        encodings = self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False).encodings
        if encodings is None:
            raise TemplateError(
                f"{type(self.tokenizer).__name__} gives no character offsets; a fast tokenizer (tokenizer.json) is needed"
            )
        return list(encodings)

    def labels(self, ids: np.ndarray, starts: np.ndarray, ends: np.ndarray, text: _Text) -> tuple[np.ndarray, int]:
        """Labels, and the number of answers that share a token with their prompt. `starts`, `ends`: characters of each token."""
        labels = np.full(len(ids), IGNORED, dtype=np.int32)
        joined = 0
        for first, limit in text.spans:
            low, high = np.searchsorted(starts, (first, limit))
            joined += bool(low and ends[low - 1] > first)
            high = self._with_end(ids, int(low), int(high))
            labels[low:high] = ids[low:high]
        return labels, joined

    def _with_end(self, ids: np.ndarray, low: int, high: int) -> int:
        """Where an answer's tokens end: behind its end-of-turn token."""
        if self.marks:
            marked = low < high < len(ids) and ids[high - 1] not in self.ends and ids[high] in self.ends
            return high + 1 if marked else high
        return next((place + 1 for place in range(low, high) if int(ids[place]) in self.ends), high)

    def _render(self, messages: Messages, prompt: bool = False) -> str:
        try:
            return str(self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=prompt))
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise TemplateError(f"the chat template refuses a conversation: {error}") from None

    def _marked(self, messages: Messages) -> _Text:
        try:
            texts, spans = render_jinja_template(
                conversations=[list(messages)],
                chat_template=self.template,
                return_assistant_tokens_mask=True,
                **self.tokenizer.special_tokens_map,
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise TemplateError(f"the chat template refuses a conversation: {error}") from None
        return _Text(texts[0], tuple((first, limit) for first, limit in spans[0] if limit > first))

    def _start(self, messages: Messages, turn: int, whole: str) -> int:
        if turn == 0:
            raise TemplateError("a conversation begins with the assistant's turn")
        before = self._render(messages[:turn], prompt=True)
        if not whole.startswith(before):
            raise TemplateError(
                f"the chat template has no {{% generation %}} marks, and what it writes before turn {turn} changes when the "
                "conversation goes on, so assistant tokens cannot be told apart"
            )
        return len(before)

    def _probe(self) -> None:
        """Try the template on two short turns: the ids of their end-of-turn tokens, which must have loss."""
        text = self.rendered(_PROBE)
        answers = [str(message["content"]) for message in _PROBE if message["role"] == "assistant"]
        if len(text.spans) != len(answers):
            raise TemplateError(f"the chat template marks {len(text.spans)} assistant turns where there are {len(answers)}")
        encoding = self.tokens([text.text])[0]
        ids, offsets = np.array(encoding.ids), np.array(encoding.offsets)
        places = []
        for answer, (first, limit) in zip(answers, text.spans, strict=True):
            at = text.text.find(answer, first, limit)
            if at < 0:
                raise TemplateError(f"the chat template changes or loses an assistant's turn ({answer!r})")
            if not self.marks:
                self._check_prefix(encoding.ids[: np.searchsorted(offsets[:, 0], first)], text.text[:first])
            places.append(self._end_place(encoding.ids, offsets, text.text, at + len(answer)))
        self.ends = frozenset(int(ids[place]) for place in places)
        labels, _ = self.labels(ids, offsets[:, 0], offsets[:, 1], text)
        if any(labels[place] == IGNORED for place in places):
            raise TemplateError(
                "the chat template's {% generation %} marks leave out the end-of-turn token, so it would not be learned"
            )

    def _check_prefix(self, ids: list[int], before: str) -> None:
        if self.tokens([before])[0].ids != ids:
            raise TemplateError(
                f"the chat template has no {{% generation %}} marks, and the prompt {before[-20:]!r} has other tokens alone than "
                "before an answer, so assistant tokens cannot be told apart"
            )

    def _end_place(self, ids: list[int], offsets: np.ndarray, text: str, behind: int) -> int:
        """Place of the end-of-turn token: the control token that follows an answer, with nothing but blanks between them."""
        control = {*self.tokenizer.all_special_ids, *self.tokenizer.added_tokens_decoder}
        for place in range(int(np.searchsorted(offsets[:, 0], behind)), len(ids)):
            if ids[place] in control:
                return place
            if text[offsets[place, 0] : offsets[place, 1]].strip():
                break
        found = text[behind : behind + 12]
        raise TemplateError(f"the chat template writes no end-of-turn token after an assistant's turn ({found!r} follows)")


def _template(tokenizer: Any) -> str:
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:
        raise TemplateError(f"the tokenizer has no chat template ({str(error).splitlines()[0][:100]})") from None


def _encoded(text: _Text, marker: _Marker, max_length: int) -> tuple[Encoded, int]:
    return next(_encoded_batch([text], marker, max_length))


def _encoded_batch(texts: list[_Text], marker: _Marker, max_length: int) -> Iterator[tuple[Encoded, int]]:
    if not texts:
        return
    for text, encoding in zip(texts, marker.tokens([text.text for text in texts]), strict=True):
        ids = np.array(encoding.ids, dtype=np.int32)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        labels, joined = marker.labels(ids, offsets[:, 0], offsets[:, 1], text)
        yield Encoded(ids[:max_length].copy(), labels[:max_length].copy(), truncated=len(ids) > max_length), joined
