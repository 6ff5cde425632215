"""Where results come from: versions, revision, platform and time of creation."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from abm.layout import Layout

UNKNOWN = "unknown"
# What the numbers themselves depend on: results of one store must agree on these.
OF_THE_NUMBERS = ("clinictwin", "git_revision", "jax", "numpy", "platform")


def provenance() -> dict[str, str]:
    """Versions by package, ``git_revision``, ``platform``, ``jax_backend``, and ``created_utc`` (ISO 8601)."""
    import jax

    versions = {name: _version(name) for name in ("clinictwin", "jax", "numpy", "mesa", "xarray", "zarr")}
    return versions | {
        "python": platform.python_version(),
        "git_revision": git_revision(Path(__file__).parent),
        "platform": platform.platform(),
        "jax_backend": jax.default_backend(),
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def layout_digest(layout: Layout) -> str:
    """A short fingerprint of who works in a clinic: two layouts that simulate alike have the same."""
    digest = hashlib.sha256()
    for field in dataclasses.fields(layout):
        value = np.asarray(getattr(layout, field.name))
        digest.update(f"{field.name} {value.dtype.str} {value.shape} ".encode() + value.tobytes())
    return digest.hexdigest()[:16]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def git_revision(package: Path) -> str:
    """Commit of the checkout that holds ``package`` ('-dirty' after it if files differ), or 'unknown'.

    A package installed somewhere below a foreign repository does not take that repository's revision: its files must
    be tracked there.
    """
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return UNKNOWN
    return _git(package, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or UNKNOWN


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
