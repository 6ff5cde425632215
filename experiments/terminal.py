"""Texts from outside as a terminal may show them."""

from __future__ import annotations


def printable(text: str) -> str:
    """Without characters that would steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
