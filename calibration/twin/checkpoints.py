"""Which days' states are kept, and a state as one file.

A late value or a correction for day d is applied at its own time: the twin goes back to the newest state kept before d
and runs on from there. States are kept at ages that grow exponentially, so that memory grows with the logarithm of the
history and a re-run is at most about twice as long as the value is late.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from abm.population.state import ClinicState
from abm.rules.person import ChangeUse, Mind
from abm.rules.tasks import Minutes
from calibration.twin.drift import Drift
from calibration.twin.ensemble import Members
from calibration.twin.gains import Relations
from calibration.twin.plan import TwinError
from calibration.twin.sensors import Sources
from calibration.twin.step import TwinState, everybody, in_groups

KEPT_PER_SCALE = 3  # days of a power of two are kept until they are so many times as old


def to_keep(days: Iterable[int], newest: int) -> set[int]:
    """Those of ``days`` (-1 or more) to keep when ``newest`` is the last one.

    The start (day -1) always; a day whose number counts 2^k as its largest power of two until it is 3 * 2^k days old.
    What is kept of a day at one moment is a subset of what was kept of it before, so nothing has to be made again.
    """
    kept = set()
    for day in days:
        number = day + 1
        if number == 0 or newest - day <= KEPT_PER_SCALE * (number & -number):
            kept.add(day)
    return kept


def write_state(state: TwinState, path: Path) -> None:
    """Write a state whole or not at all."""
    members = everybody(state)
    leaves = jax.tree.leaves(members.clinic)
    arrays = {f"clinic_{k:02d}": np.asarray(a) for k, a in enumerate(leaves)}
    arrays |= {"words": members.words, "block": members.block, "shared": members.shared,
               "log_odds": state.sources.log_odds, "last": state.sources.last, "total": state.drift.total,
               "since": state.drift.since, "alarm": state.drift.alarm, "filled": state.filled,
               **{f"relations_{name}": a for name, a in state.relations._asdict().items()},
               "scalars": np.array([state.day, state.session_minutes])}  # fmt: skip
    write_arrays(path, arrays)


def read_state(path: Path, rows: list[slice]) -> TwinState:
    """Read what :func:`write_state` wrote. Raises TwinError, naming the file, on anything else."""
    with read_arrays(path) as arrays:
        try:
            leaves = [arrays[f"clinic_{k:02d}"] for k in range(len(_STRUCTURE[0]))]
            clinic = jax.tree.unflatten(_STRUCTURE[1], leaves)
            members = Members(clinic, arrays["words"], arrays["block"], arrays["shared"])
            day, minutes = arrays["scalars"]
            return TwinState(
                int(day), in_groups(jax.tree.map(jnp.asarray, members), rows),
                Sources(arrays["log_odds"], arrays["last"]),
                Drift(arrays["total"], arrays["since"], arrays["alarm"]), arrays["filled"], float(minutes),
                Relations(*(jnp.asarray(arrays[f"relations_{name}"]) for name in Relations._fields)),
            )  # fmt: skip
        except KeyError as error:
            raise TwinError(f"{path}: met no array {error}, expected a state written by a twin") from None


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays to an .npz file so that a crash leaves the old file, the new one, or none."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getbuffer())


def write_bytes(path: Path, content: Any) -> None:
    """Write a file whole or not at all, and on the disk when this returns."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_arrays(path: Path) -> Any:
    """An open .npz file. Raises TwinError on anything else, OSError if it cannot be read."""
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TwinError(f"{path}: not a file of a twin ({error}); remove it, and the twin makes it again") from None


def _structure() -> tuple[list[Any], Any]:
    """The parts of a clinic's state in order, and how they are put together."""
    parts: dict[str, Any] = dict.fromkeys(ClinicState._fields, 0)
    parts |= {"mind": Mind(0, 0, 0, 0), "use": ChangeUse(0, 0, 0), "backlog": Minutes(0, 0, 0)}
    return jax.tree.flatten(ClinicState(**parts))


_STRUCTURE = _structure()
