"""What both engines' workers share: how many there are, and how they end when asked to."""

from __future__ import annotations

import os


class Stopped(Exception):
    """A batch ended before it was finished, because it was asked to."""


def core_count() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
