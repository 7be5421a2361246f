"""Text -> the same text as one would type it: one form of each character, no invisible ones, plain line ends.

NFKC alone would harm Chinese text: it makes `,` of `，`, `!` of `！`, `...` of `…`, and `x2` of `x²`. Taken of it is what loses
nothing:

    folded      full-width letters and digits (Ａ１ -> A1), half-width kana, radicals that look like characters (⼀ -> 一), Latin
                ligatures (ﬁ -> fi), mathematical alphabets (𝐀 -> A), and all that NFC composes
    kept        punctuation of either width, … ～ ￥ ℃ ㎡ ① ½ x² ™, the full-width blank that indents a paragraph
    gone        controls, marks of direction, zero-width blanks, soft hyphens; joiners except between emoji and in Indic scripts
    blanks      NBSP and its like -> a blank; CRLF, CR, U+0085, U+2028, U+2029 -> a newline; blanks before a newline go;
                of several empty lines one stays, of those around the text (leading newlines of ChatGPT) none

Code blocks keep all but their line ends. Without `html` and `opencc`, doing it twice is doing it once.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal

from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.prose import BLANK, INVISIBLE, pieces, questions, saying
from harness.errors import UsageError
from harness.schema import DataRow

Converter = Callable[[str], str]

_LINE_END: Final = re.compile("\r\n?|[\x85\u2028\u2029]")
_INVISIBLE: Final = re.compile(f"[{INVISIBLE}]+")
_BLANK: Final = re.compile(f"[{BLANK}]")
_JOINER: Final = re.compile(
    "(?<![\u0600-\u0fff\u2194-\u2328\u232b-\u2adb\u2add-\u2bff\U0001f000-\U0001faff\ufe0f])[\u200c\u200d]+"
)
_ENDING: Final = re.compile(r"(?<![ \t])[ \t]+(?=\n)")
_EMPTY_LINES: Final = re.compile(r"\n{3,}")
_MARKS: Final = re.compile("[^\\w\x00-\x7f\u2010-\u20cf\u2100-\u2bff\u3000-\u3029\u3030-\u303f\uff01-\uff65]{64,}")
"""Normalising a run of combining marks takes the square of its length."""
_KEPT_MARKS: Final = 16
_LETTERS: Final = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_WIDE_MARKS: Final = "\u3000\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3f\uff5b-\uff5d"
"""Those that have an ASCII form, but the backtick and ～."""
_COMPATIBLE: Final = "\u2e80-\u2fdf\ufb00-\ufb06\uff66-\uffdc\U0001d400-\U0001d7ff"
_HALF: Final = re.compile("(?<=[\u3400-\u9fff])[,;:!?](?=[\u3400-\u9fff\n]|$|[ \t]+(?=[\u3400-\u9fff]))[ \t]*")
_FULL: Final[Mapping[str, str]] = {",": "，", ";": "；", ":": "：", "!": "！", "?": "？"}
_ASKS_TRADITIONAL: Final = re.compile("[繁正][体體]|[简簡][体體]|粤语|粵語|[台臺][湾灣]|香港|文言|古文|异体|異體")


class Normalise(StepSettings):
    """Applied to every turn, and to the text that the answers rest on."""

    use: Literal["normalise"]
    form: Literal["NFKC", "NFC", "keep"] = "NFKC"
    """`NFKC`: as above. `NFC`: canonical composition alone. `keep`: neither."""
    width: Literal["chinese", "half", "keep"] = "chinese"
    """Of full-width characters: `chinese` folds letters and digits, `half` punctuation too, `keep` nothing."""
    punctuation: Literal["keep", "full"] = "keep"
    """`full`: `, ; : ! ?` between Chinese characters, or behind one at a line's end, become full-width."""
    html: Literal["keep", "unescape"] = "keep"
    """`unescape`: `&lt;` becomes `<`, in code too: ShareGPT was saved from web pages."""
    opencc: (
        Literal["s2t", "t2s", "s2tw", "tw2s", "s2hk", "hk2s", "s2twp", "tw2sp", "t2tw", "hk2t", "t2hk", "t2jp", "jp2t", "tw2t"]
        | None
    ) = None
    """OpenCC's conversion: `t2s` writes simplified characters. Rows that ask for one of the two are left as they are."""

    def prepare(self, context: Context) -> None:
        """OpenCC is there."""
        self._converter()

    def identity(self, context: Context) -> str:
        """OpenCC's version: its tables change."""
        if self.opencc is None:
            return ""
        try:
            return version("opencc")
        except PackageNotFoundError:
            return "unknown"

    def build(self, context: Context) -> NormaliseStep:
        """With OpenCC's tables, where they are wanted."""
        return NormaliseStep(self, self._converter())

    def _converter(self) -> Converter | None:
        if self.opencc is None:
            return None
        try:
            import opencc
        except ImportError as error:
            raise UsageError(f"opencc = \"{self.opencc}\" needs OpenCC: pip install 'culture-harness[data]'") from error
        convert: Converter = opencc.OpenCC(self.opencc).convert
        return convert


class NormaliseStep:
    """Rules by text: what needs nothing is found by one search."""

    def __init__(self, settings: Normalise, convert: Converter | None = None) -> None:
        self.settings = settings
        self._convert = convert
        self._fold = _folds(settings)
        self._folded = re.compile(f"[{kinds}]") if (kinds := _classes(settings)) else None
        kinds = "".join([INVISIBLE, BLANK, "\r\x85\u2028\u2029\u200c\u200d", kinds])
        self._touched = re.compile(f"[{kinds}]")

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`."""
        return [self._one(row) for row in rows]

    def text(self, text: str, *, convert: bool = True) -> str:
        """One text; `convert`: with OpenCC, where that is set."""
        if self.settings.html == "unescape" and "&" in text:
            text = html.unescape(text)
        if not self._is_plain(text):
            text = _LINE_END.sub("\n", text)
            text = _trimmed("".join(piece if code else self._prose(piece) for code, piece in pieces(text)))
        if convert and self._convert is not None:
            text = "".join(piece if code else self._convert(piece) for code, piece in pieces(text))
        return text

    def _one(self, row: DataRow) -> Ruled:
        convert = self._convert is None or not _ASKS_TRADITIONAL.search(questions(row))
        contents = [self.text(turn.content, convert=convert) for turn in row.messages]
        if not all(contents):
            return Drop(row, "nothing visible in a turn")
        changed = saying(row, contents)
        reference = row.reference and self.text(row.reference, convert=convert)
        return changed if reference == row.reference else changed.model_copy(update={"reference": reference})

    def _is_plain(self, text: str) -> bool:
        """Whether there is surely nothing to do."""
        if self._touched.search(text) or "\n\n\n" in text or " \n" in text or "\t\n" in text:
            return False
        if text[:1].isspace() or text[-1:].isspace():
            return False
        if self.settings.punctuation == "full" and _HALF.search(text):
            return False
        return self.settings.form == "keep" or (_short(text) and unicodedata.is_normalized("NFC", text))

    def _prose(self, text: str) -> str:
        text = _BLANK.sub(" ", _INVISIBLE.sub("", text))
        if self._folded is not None:
            text = self._folded.sub(lambda found: self._fold.get(found[0], found[0]), text)
        text = _JOINER.sub("", self._composed(text))
        text = self._composed(text)
        if self.settings.punctuation == "full":
            text = _HALF.sub(lambda mark: _FULL[mark[0][0]], text)
        return _EMPTY_LINES.sub("\n\n", _ENDING.sub("", text))

    def _composed(self, text: str) -> str:
        if self.settings.form == "keep":
            return text
        return unicodedata.normalize("NFC", _MARKS.sub(_fewer, text))


def _short(text: str) -> bool:
    """Whether it has no run of combining marks that would be cut."""
    return not any(any(map(unicodedata.combining, run[0])) for run in _MARKS.finditer(text))


def _fewer(run: re.Match[str]) -> str:
    """A run of marks, with at most 16 combining ones in a row."""
    kept: list[str] = []
    row = 0
    for mark in run[0]:
        row = row + 1 if unicodedata.combining(mark) else 0
        if row <= _KEPT_MARKS:
            kept.append(mark)
    return "".join(kept)


def _trimmed(text: str) -> str:
    """Without blanks at the end and empty lines at the beginning; the first line keeps its indent."""
    text = text.rstrip()
    lead = len(text) - len(text.lstrip())
    line = text.rfind("\n", 0, lead) + 1
    return text[line:]


def _classes(settings: Normalise) -> str:
    """What is folded, as the inside of a class."""
    if settings.form == "keep":
        return ""
    wide = {"chinese": _LETTERS, "half": _LETTERS + _WIDE_MARKS, "keep": ""}[settings.width]
    return wide + (_COMPATIBLE if settings.form == "NFKC" else "")


def _folds(settings: Normalise) -> dict[str, str]:
    """Character -> what it becomes."""
    if not (kinds := _classes(settings)):
        return {}
    blocks = (range(0x2E80, 0x3001), range(0xFB00, 0xFB07), range(0xFF00, 0xFFE0), range(0x1D400, 0x1D800))
    known = re.compile(f"[{kinds}]")
    folds = {char: unicodedata.normalize("NFKC", char) for block in blocks for char in map(chr, block) if known.match(char)}
    return {char: folded for char, folded in folds.items() if char != folded}
