"""Pseudonyms: people are renamed at the door by a keyed hash, and what is no pseudonym does not come in.

The key is 32 bytes or more, as hexadecimal digits in a file that only its owner may read, or in the environment. Who
has it can compute the pseudonym of a known person, so it is kept apart from the log and never written into it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

KEY_VARIABLE = "CLINICTWIN_PSEUDONYM_KEY"
KEY_BYTES = 32
_DIGEST_BYTES = 10  # 80 bits: a chance below 1e-12 that two of a million people share a pseudonym
# a role or "person", and a post's number (physician-007) or a keyed hash (person-abcdefghijklmnop)
PSEUDONYM = re.compile(r"[a-z]{1,20}-(?:\d{3,6}|[a-z2-7]{16})")
EXPECTED = "a pseudonym such as physician-007 or person-k2v7qhd3m5x4t6ab"


class KeyFault(ValueError):
    """A key that is missing, malformed, or readable by others; says what to do."""


class Pseudonyms:
    """Renames people and events; the same key gives the same names in every source."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise KeyFault(f"pseudonym key: met {len(key)} bytes, expected {KEY_BYTES} or more")
        self._key = key

    def __repr__(self) -> str:
        return "Pseudonyms(...)"

    def person(self, identifier: str) -> str:
        """The pseudonym of a person's identifier, such as person-k2v7qhd3m5x4t6ab; blanks around it do not count."""
        return f"person-{self._hash('who', identifier)}"

    def event(self, identifier: str) -> str:
        """The pseudonym of an event's identifier (an encounter, a message)."""
        return self._hash("event", identifier)

    @property
    def fingerprint(self) -> str:
        """Tells keys apart and gives nothing of the key away."""
        return self._hash("key", "fingerprint")

    def _hash(self, purpose: str, text: str) -> str:
        message = f"clinictwin {purpose}\0{unicodedata.normalize('NFC', text).strip()}".encode("utf-8", "surrogatepass")
        digest = hmac.new(self._key, message, hashlib.sha256).digest()[:_DIGEST_BYTES]
        return base64.b32encode(digest).decode("ascii").lower()


def is_pseudonym(name: str) -> bool:
    """Whether a name has the shape of a pseudonym. Real names, addresses and formulas do not."""
    return PSEUDONYM.fullmatch(name) is not None


def at_the_door(names: Iterable[str], pseudonyms: Pseudonyms | None, *, keep: bool) -> dict[str, str | None]:
    """What each name becomes: a pseudonym, or None if it must stay out.

    With ``keep``, what has the shape of a pseudonym stays as it is. Everything else is hashed if there is a key.
    """
    renamed: dict[str, str | None] = {}
    for name in names:
        if keep and is_pseudonym(name):
            renamed[name] = name
        else:
            renamed[name] = pseudonyms.person(name) if pseudonyms is not None and name.strip() else None
    return renamed


def new_key(path: Path) -> None:
    """Write a new random key to a file that must not exist yet, mode 0600. Raises OSError."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")


def load_key(path: Path | None = None) -> Pseudonyms | None:
    """The key of a file, or else of the environment's CLINICTWIN_PSEUDONYM_KEY; None if there is neither.

    Raises KeyFault on a file that others may read or that holds no key, OSError on one that cannot be read.
    """
    if path is None:
        text = os.environ.get(KEY_VARIABLE)
        return None if text is None else _parse(text, f"environment variable {KEY_VARIABLE}")
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise KeyFault(f"{path}: met file mode {mode:04o}, expected 0600, so that nobody else can read the key; "
                           f"run: chmod 600 {path}")  # fmt: skip
        text = file.read(4096).decode("ascii", "replace")
    return _parse(text, str(path))


def _parse(text: str, where: str) -> Pseudonyms:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        raise KeyFault(f"{where}: met no hexadecimal digits, expected {2 * KEY_BYTES} of them or more; "
                       "`clinictwin pseudonym-key FILE` makes a key") from None  # fmt: skip
    if len(key) < KEY_BYTES:
        raise KeyFault(f"{where}: met a key of {len(key)} bytes, expected {KEY_BYTES} or more")
    return Pseudonyms(key)
