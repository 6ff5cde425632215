"""What an address can be beside a single source that ends: several sources, and sources that go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from calibration.sources.base import Source


@runtime_checkable
class Collection(Protocol):
    """Several sources at one address, each ingested on its own (see `calibration.sources.base.Source`)."""

    @property
    def name(self) -> str:
        """What it is called in a summary: without identifiers."""

    def sources(self, checkpoint_of: Callable[[Source], str | None]) -> Iterator[Source]:
        """Its sources, one after another; each is read before the next is asked for.

        ``checkpoint_of`` asks the log what it knows of a source, so that one taken before need not be offered again.
        Their checkpoints must be kept when they are finished (`EventLog.ingest` with ``forget=False``).
        """


@runtime_checkable
class Live(Protocol):
    """A source or a collection that by itself ends when nothing more waits, and goes on if it is told to."""

    def follow(self, stop: threading.Event) -> None:
        """Before it is read: go on until ``stop`` is set, and then end after what was committed."""
