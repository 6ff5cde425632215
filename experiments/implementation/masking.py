"""People behind the material stay unnamed: numbers instead of identifiers, and masks over what looks like a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "[name]"
_TITLES = r"(?:Dr|Prof|Professor|Doctor|Mr|Mrs|Ms|Miss|Mx|Nurse|Sister)"
_WORD = r"[A-ZÀ-ÖØ-Þ][\w'’-]+"
_TITLED = re.compile(rf"\b({_TITLES}\.?)\s+{_WORD}(?:\s+{_WORD})*")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<!\w)\+?\d[\d ()/-]{6,}\d(?!\w)")
# two or more capitalised words in a row that do not begin a sentence
_RUN = re.compile(rf"(?<![.!?:…“\"'\n] )(?<=[\w,;)] ){_WORD}(?:\s+{_WORD})+")


def numbered(identifiers: Iterable[str], word: str) -> dict[str, str]:
    """A neutral name for each identifier, in order of appearance: 'interview 1', 'interview 2'..."""
    order = dict.fromkeys(identifiers)
    return {identifier: f"{word} {number}" for number, identifier in enumerate(order, start=1)}


def mask_label(text: str, names: Iterable[str] = ()) -> str:
    """A label with titles' names, mail addresses, telephone numbers and the known ``names`` masked."""
    text = _MAIL.sub(MASK, text)
    text = _TITLED.sub(rf"\1 {MASK}", text)
    text = _PHONE.sub(MASK, text)
    for name in sorted({n.strip() for n in names if len(n.strip()) > 1}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", MASK, text, flags=re.IGNORECASE)
    return text


def mask_text(text: str, names: Iterable[str] = ()) -> str:
    """Running text as :func:`mask_label`, with runs of capitalised words inside a sentence masked as well.

    Better a mask too many ('Family Medicine') than a name too many; a single first name in a sentence is not
    recognised unless it is among ``names``, so that a person reads the result before it leaves the house.
    """
    return _RUN.sub(MASK, mask_label(text, names))
