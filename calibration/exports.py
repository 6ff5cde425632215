"""CSV files that a spreadsheet shows and does not run: no text in them begins as a formula does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # OWASP: CSV injection


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table without its index; a text (or a column's name) that a spreadsheet would take for a formula gets an
    apostrophe before it. Numbers stay as they are. Raises OSError."""
    safe = table.copy()
    safe.columns = pd.Index([as_text(str(name)) for name in table.columns])
    for position, column in enumerate(safe.columns):
        if not pd.api.types.is_numeric_dtype(table.iloc[:, position]):
            safe[column] = table.iloc[:, position].map(as_text).to_numpy()
    safe.to_csv(path, index=False, lineterminator="\n")


def as_text(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
