"""What an advice rests on: which data, which model, how much was simulated; so that a decision can be traced to it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.decisions.errors import DecisionError
from experiments.provenance import git_revision

OF_A_FIT, OF_A_TWIN = "fit", "twin"
_FIT_MODEL = ("parameters.yaml", "traits.csv", "draws.csv", "clinic.yaml", "clinic.csv")
_TWIN_MODEL = ("clinic.yaml", "clinic.csv")


@dataclasses.dataclass(frozen=True)
class Basis:
    """`experiments.decisions` says what the fields hold."""

    source: str
    folder: str
    date: str
    data: str
    sequence: int
    model: str
    git_revision: str
    pairs: int
    days: int

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return dataclasses.asdict(self)


def source_of(folder: Path) -> str:
    """Whether a folder is a fit's or a twin's. Raises DecisionError if it is neither."""
    if (folder / "twin.yaml").is_file():
        return OF_A_TWIN
    if (folder / "fit.yaml").is_file():
        return OF_A_FIT
    raise DecisionError(
        f"{folder}: met neither fit.yaml nor twin.yaml, expected a folder of `clinictwin fit` or `twin`"
    )


def basis_of_fit(folder: Path, date: str, pairs: int, days: int) -> Basis:
    """Of a fit's folder; what was observed is known by the account that the fit gives of it."""
    return Basis(OF_A_FIT, folder.name, date, digest_of(folder, ("counts.csv",)), -1, digest_of(folder, _FIT_MODEL),
                 git_revision(Path(__file__).parent), pairs, days)  # fmt: skip


def basis_of_twin(folder: Path, date: str, sequence: int, day: int, pairs: int, days: int) -> Basis:
    """Of a twin's folder; its last day tells how all that was observed was understood."""
    told = (f"days/day-{day:05d}.npz", "account.csv", "twin.yaml")
    return Basis(OF_A_TWIN, folder.name, date, digest_of(folder, told), sequence, digest_of(folder, _TWIN_MODEL),
                 git_revision(Path(__file__).parent), pairs, days)  # fmt: skip


def digest_of(folder: Path, names: Iterable[str]) -> str:
    """A short fingerprint of files; one that is missing counts as empty."""
    digest = hashlib.sha256()
    for name in names:
        path = folder / name
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]
