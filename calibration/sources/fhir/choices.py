"""What is chosen about a FHIR export: which resources count visits, and which codes and questions stand for what."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl

from abm.spelling import nearest
from calibration.sources.base import SourceError

NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
NPI_OID = "urn:oid:2.16.840.1.113883.4.6"  # the same register's object identifier
KEPT_FROM = ("encounters", "appointments")
QUARTER_HOUR_SECONDS = 900  # time zones differ by multiples of it: shares of it never cross midnight
# LOINC has no code for RMSSD: 80404-7 is the standard deviation of R-R intervals, so only a choice makes it one.
LOINC_CODES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sleep_minutes": ("93832-4",),
        "resting_heart_rate": ("40443-4",),
        "heart_rate_variability_rmssd": (),
        "steps": ("41950-7", "55423-8"),
    }
)
QUESTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: (name,) for name in ("burnout_level", "task_load", "motivation_score")}
)


@dataclasses.dataclass(frozen=True)
class Choices:
    """How an export is read.

    Args:
        kept_from: what counts kept visits, so that none counts twice: "encounters" (what took place, walk-ins
            included) or "appointments" (those to which the patient came).
        active_seconds: after an audit event somebody counts as working in the EHR until the clock interval of this
            length ends in which it falls; a divisor of 900. Over a session that counts what an idle time-out of the
            same length would. One minute is assumed.
        identifier_system: the register whose identifiers name people in every source, other extracts included.
        codes: LOINC codes by measure.
        questions: linkIds by measure; the answers of several are added up.
    """

    kept_from: str = "encounters"
    active_seconds: int = 60
    identifier_system: str = NPI_SYSTEM
    codes: Mapping[str, tuple[str, ...]] = LOINC_CODES
    questions: Mapping[str, tuple[str, ...]] = QUESTIONS

    def __post_init__(self) -> None:
        if self.kept_from not in KEPT_FROM:
            raise SourceError(f"kept_from: met {self.kept_from!r}, expected {' or '.join(KEPT_FROM)}")
        if self.active_seconds <= 0 or QUARTER_HOUR_SECONDS % self.active_seconds:
            raise SourceError(f"active_seconds: met {self.active_seconds}, expected a divisor of 900, such as 60")


def split_address(address: str) -> tuple[Path, Choices]:
    """The path and the choices of `path?kept_from=appointments&task_load=q1,q2`. Raises SourceError."""
    path, mark, query = address.rpartition("?")
    if not mark or os.path.exists(address):
        return Path(address), Choices()
    pairs = parse_qsl(query, keep_blank_values=True, separator="&")
    codes, questions, rest = dict(LOINC_CODES), dict(QUESTIONS), {}
    known = ("kept_from", "active_seconds", "identifier_system", *codes, *questions)
    for name, text in pairs:
        values = tuple(value.strip() for value in text.split(",") if value.strip())
        if name in codes:
            codes[name] = values
        elif name in questions:
            questions[name] = values
        elif name in known:
            rest[name] = text
        else:
            raise SourceError(
                f"choice {name!r} of a FHIR export is not known{nearest(name, known)}; expected {', '.join(known)}"
            )
    try:
        seconds = int(rest.pop("active_seconds", Choices.active_seconds))
    except ValueError:
        raise SourceError("active_seconds: met no whole number, expected a divisor of 900, such as 60") from None
    return Path(path), Choices(active_seconds=seconds, codes=codes, questions=questions, **rest)
