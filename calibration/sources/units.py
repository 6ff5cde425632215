"""Units of measures as they come, and exact factors into the units of `calibration.measures`."""

from __future__ import annotations

# spellings met in extracts, and UCUM codes as FHIR and Open mHealth write them
_SPELLINGS = {
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "min": ("min", "mins", "minute", "minutes"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "millisecond", "milliseconds"),
    "day": ("day", "days", "d"),
    "1/min": ("1/min", "/min", "bpm", "beats/min", "beats per minute", "{beats}/min", "{beat}/min"),
    "1": ("1", "count", "steps", "{steps}", "step", "messages", "visits", "{count}"),
    "level": ("level", "score", "{score}"),
    "points": ("points", "point", "score", "{score}"),
}
# (from, to): multiply by the first, divide by the second, so that whole numbers stay whole
_FACTORS = {
    ("h", "min"): (60.0, 1.0),
    ("s", "min"): (1.0, 60.0),
    ("ms", "min"): (1.0, 60_000.0),
    ("day", "min"): (1440.0, 1.0),
    ("h", "day"): (1.0, 24.0),
    ("s", "ms"): (1000.0, 1.0),
}


def factor(given: str, wanted: str) -> tuple[float, float] | None:
    """(multiply by, divide by) from a unit as it was given to the wanted one; None if that is not possible.

    A spelling with capitals counts as without.
    """
    text = given.strip().lower()
    if text == wanted.lower() or text in _SPELLINGS.get(wanted, ()):
        return 1.0, 1.0
    for (from_unit, to_unit), numbers in _FACTORS.items():
        if to_unit == wanted and text in _SPELLINGS[from_unit]:
            return numbers
    return None


def known_units(wanted: str) -> list[str]:
    """The units, each in one spelling, that can be turned into the wanted one."""
    return [wanted, *(from_unit for from_unit, to_unit in _FACTORS if to_unit == wanted)]
