"""Sources: what feeds the event log, one file each. `base` is the protocol, `open_source` finds the right one.

A new kind of source is a module with `open_source(address, options) -> Source` and a row in KINDS. An address is a
file, recognised by its ending, or begins with the kind: `fhir:export/`, `mqtt://broker/topic`, `watch:incoming/`. Some
addresses are of several sources (`Collection`): a folder of wearable files, a drop folder.
"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import PurePath
from typing import cast

from calibration.sources.base import Batch, Refused, Source, SourceError
from calibration.sources.extracts import Options
from calibration.sources.live import Collection, Live
from calibration.sources.mapping import Mapping, MappingError, load_mapping

__all__ = [
    "KINDS",
    "Batch",
    "Collection",
    "Live",
    "Mapping",
    "MappingError",
    "Options",
    "Refused",
    "Source",
    "SourceError",
    "load_mapping",
    "open_address",
    "open_source",
]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of source: the module that opens it, and the endings of its files."""

    module: str
    endings: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    "csv": Kind("calibration.sources.csv", (".csv", ".tsv")),
    "fhir": Kind("calibration.sources.fhir"),
    "ndjson": Kind("calibration.sources.ndjson", (".ndjson", ".jsonl")),
    "parquet": Kind("calibration.sources.parquet", (".parquet",)),
    "open-mhealth": Kind("calibration.sources.open_mhealth", (".json",)),
    "fitbit": Kind("calibration.sources.fitbit"),
    "roster": Kind("calibration.sources.roster"),
    "icalendar": Kind("calibration.sources.calendars", (".ics",)),
    "mqtt": Kind("calibration.sources.mqtt"),
    "mqtts": Kind("calibration.sources.mqtt"),
    "watch": Kind("calibration.sources.drop_folder"),
}


def open_address(address: str, options: Options | None = None) -> Source | Collection:
    """The source at an address, or the sources. Raises SourceError on an address of no known kind."""
    prefix, _, rest = address.partition(":")
    name = prefix if prefix in KINDS and rest else _by_ending(address)
    # an address such as mqtt://host says its kind itself; of kind:path only the path is the source's affair
    where = rest if prefix in KINDS and rest and not rest.startswith("//") else address
    module = importlib.import_module(KINDS[name].module)
    return cast(Source | Collection, module.open_source(where, options or Options()))


def open_source(address: str, options: Options | None = None) -> Source:
    """The source at an address. Raises SourceError on an address of no known kind, or of several sources."""
    opened = open_address(address, options)
    if isinstance(opened, Collection):
        raise SourceError(f"{opened.name}: met a folder of several sources, expected one source")
    return opened


def _by_ending(address: str) -> str:
    ending = PurePath(address).suffix.lower()
    for name, kind in KINDS.items():
        if ending in kind.endings:
            return name
    known = ", ".join(e for kind in KINDS.values() for e in kind.endings)
    raise SourceError(f"{PurePath(address).name}: met the ending {ending!r}, expected one of {known}, or the kind of "
                      f"source before it, one of {', '.join(f'{name}:' for name in KINDS)}")  # fmt: skip
