"""Reading a bulk export, a folder of NDJSON files or one of them: first who is who, then what they did."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np
import pandas as pd

from calibration.measures import MEASURES
from calibration.sources.base import (
    MAX_LINE_BYTES,
    OFFSET,
    PART,
    Batch,
    Refused,
    SourceError,
    empty_table,
    observation_table,
)
from calibration.sources.extracts import Options
from calibration.sources.fhir import resources as r
from calibration.sources.fhir.audit import of_audit_event
from calibration.sources.fhir.choices import Choices
from calibration.sources.fhir.directory import Directory
from calibration.sources.fhir.employment import of_role
from calibration.sources.fhir.facts import Clock, Fact, Skip, Wrong, microseconds
from calibration.sources.fhir.material import Material
from calibration.sources.fhir.personal import of_observation, of_questionnaire_response
from calibration.sources.fhir.visits import of_appointment, of_encounter, of_slot
from calibration.sources.files import Lines, modified_at, open_regular
from calibration.sources.times import check_zone

ENDINGS = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
FILE_OFFSETS = 10**9  # the offset of a record is its file's place in `description["files"]` times this, plus its line
BATCH_FACTS = 20_000
# A plan that was written down before its day is stamped with the day's beginning, later by a microsecond for each
# second by which it is younger than this; so the plan made last is also received last.
PLANNING_SECONDS = 2 * 366 * 86_400
_WHO = re.compile(rb'"resourceType"\s*:\s*"(?:Practitioner|PractitionerRole|Schedule)"')
_decoder = msgspec.json.Decoder(r.Known)
_who_decoder = msgspec.json.Decoder(r.Who)
_name_decoder = msgspec.json.Decoder(r.Named)

Rule = Callable[[Any, Material], list[Fact]]
RULES: Mapping[type[r.Resource], tuple[str, Rule]] = {  # the stream to which a refusal belongs, and the rule
    r.Encounter: ("schedule", of_encounter),
    r.Appointment: ("schedule", of_appointment),
    r.Slot: ("roster", of_slot),
    r.AuditEvent: ("ehr", of_audit_event),
    r.Observation: ("wearable", of_observation),
    r.QuestionnaireResponse: ("survey", of_questionnaire_response),
    r.PractitionerRole: ("roster", of_role),
}
_READ = frozenset({"Practitioner", "Schedule", *(kind.__name__ for kind in RULES)})


class Row(NamedTuple):
    """A fact with its receipt (microseconds since 1970 in UTC) and where it stands."""

    fact: Fact
    received: int
    offset: int


class FhirSource:
    """A bulk export. It reads all files once for the people in them and once for everything else.

    Args:
        path: a folder, of which the files named ENDINGS are read, or one such file.
        options: needs ``pseudonyms``, and the clinic's ``timezone``, which decides to what day an instant belongs.
    """

    kind = "fhir"

    def __init__(self, path: str | Path, options: Options | None = None, choices: Choices | None = None) -> None:
        self.path, self.options, self.choices = Path(path), options or Options(), choices or Choices()
        self.name = (self.path.name or self.path.resolve().name).encode("utf-8", "replace").decode()
        self.length: int | None = None
        self.description: dict[str, Any] = {}

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """See `calibration.sources.base.Source`. Always from the start: the log drops what it has already."""
        if self.options.pseudonyms is None:
            raise SourceError(
                f"{self.name}: met no pseudonym key, expected one to rename people with; "
                "`clinictwin pseudonym-key FILE` makes a key"
            )
        if self.options.timezone is None:
            raise SourceError(
                f"{self.name}: met no time zone, expected the clinic's, which decides to what day an "
                "instant belongs: --timezone America/New_York, say"
            )
        files = self._files()
        clock = Clock(check_zone(self.options.timezone))
        directory = Directory(clock, self.choices.identifier_system)
        sizes = [_size(path) for path in files]
        self.length = sum(sizes)
        for path in files:
            self._read_who(path, directory)
        directory.settle()
        material = Material(clock, directory, self.choices)
        for i, path in enumerate(files):
            yield from self._read(_File(path, i, sum(sizes[:i]), sizes[i]), material, alone=len(files) == 1)
        self.description = {
            "files": [path.name for path in files],
            "timezone": clock.zone,
            "kept_from": self.choices.kept_from,
            **material.met.describe(),
        }

    def _files(self) -> list[Path]:
        if not os.path.isdir(self.path):  # does not raise, as `Path.is_dir` does
            return [self.path]
        try:
            files = sorted(p for p in self.path.iterdir() if p.name.lower().endswith(ENDINGS))
        except OSError as error:
            raise SourceError(f"{self.name}: not readable ({error.strerror})") from None
        if not files:
            raise SourceError(f"{self.name}: met no file named {', '.join(ENDINGS)}, expected a bulk export's folder")
        return files

    def _read_who(self, path: Path, directory: Directory) -> None:
        """Note practitioners, roles and schedules; what is not readable is refused when it is read again."""
        with contextlib.suppress(SourceError, OSError, EOFError, zlib.error), self._open(path) as (_, file):
            lines = Lines(file)
            for block in lines.blocks():
                for number, line in enumerate(block.lines, block.first_line):
                    if _WHO.search(line):
                        with contextlib.suppress(ValueError, RecursionError):
                            directory.add(_who_decoder.decode(_unmarked(line, number)))
                lines.consume(block)

    def _read(self, of: _File, material: Material, *, alone: bool) -> Iterator[Batch]:
        batch = _Batch(self.options, of)
        lines: Lines | None = None
        try:
            with self._open(of.path) as (raw, file):
                received = self.options.received_at or modified_at(raw)
                reader = _Reader(material, microseconds(received), batch)
                lines = Lines(file)
                for block in lines.blocks():
                    if block.too_long:
                        why = f"met a line of {block.too_long:,} bytes, expected {MAX_LINE_BYTES:,} or fewer"
                        batch.refuse(block.first_line, why)
                    for number, line in enumerate(block.lines, block.first_line):
                        reader.read(number, line)
                        if batch.is_full:
                            yield batch.take(of.before + min(raw.tell(), of.size))
                    lines.consume(block)
        except (SourceError, OSError, EOFError, zlib.error) as error:
            if alone and lines is None:
                raise
            why = str(error) if isinstance(error, SourceError) else "the file cannot be read on from here"
            batch.refuse(0 if lines is None else lines.line, why)
        yield batch.take(of.before + of.size)

    @contextlib.contextmanager
    def _open(self, path: Path) -> Iterator[tuple[BinaryIO, Any]]:
        """(the file, its contents), unpacked if they are compressed."""
        with open_regular(path, inside=self.options.inside) as raw:
            if path.name.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield raw, unpacked
            else:
                yield raw, raw


class _File(NamedTuple):
    """A file of the export: its place among them, and the bytes before it and in it."""

    path: Path
    number: int
    before: int
    size: int


class _Batch:
    """Collects a file's rows and refusals."""

    def __init__(self, options: Options, of: _File) -> None:
        assert options.pseudonyms is not None
        self._pseudonyms, self._file = options.pseudonyms, of
        self._people: dict[str, str] = {}
        self._rows: list[Row] = []
        self._intervals: dict[tuple[str, str, str], Row] = {}
        self._refused: list[Refused] = []

    @property
    def is_full(self) -> bool:
        return max(len(self._rows), len(self._intervals), len(self._refused)) >= BATCH_FACTS

    def add(self, row: Row, *, is_interval: bool) -> None:
        """A row; of those of the same interval of work the one received first says all."""
        if not is_interval:
            self._rows.append(row)
            return
        key = (row.fact.person, row.fact.measure, row.fact.part)
        known = self._intervals.get(key)
        if known is None or row.received < known.received:
            self._intervals[key] = row

    def refuse(self, line: int, why: str, stream: str = "") -> None:
        """A refusal that says where."""
        where = f"{self._file.path.name} line {line}: " if line else ""
        self._refused.append(Refused(self.offset(line), where + why, stream=stream))

    def offset(self, line: int) -> int:
        """The offset of a line."""
        return self._file.number * FILE_OFFSETS + line

    def take(self, position: int) -> Batch:
        """What was collected, with people and events renamed."""
        rows = [*self._rows, *self._intervals.values()]
        refused, self._refused = self._refused, []
        self._rows, self._intervals = [], {}
        return Batch(self._table(rows) if rows else empty_table(), refused, position=position)

    def _table(self, rows: list[Row]) -> pd.DataFrame:
        facts, received, offsets = zip(*rows, strict=True)
        person, measure, value, day, part, _, quality = zip(*facts, strict=True)
        people, event = self._people, self._pseudonyms.event
        for name in set(person).difference(people):
            people[name] = self._pseudonyms.person(name)
        events = {name: event(name) if name else "" for name in set(part)}
        return observation_table(
            {
                "who": [people[name] for name in person],
                "stream": [MEASURES[m].stream for m in measure],
                "measure": measure,
                "measured_at": _instants(day),
                "received_at": _instants(received),
                "value": np.array(value, float),
                "unit": [MEASURES[m].unit for m in measure],
                "quality": quality,
                OFFSET: np.array(offsets, np.int64),
                PART: np.array([events[name] for name in part], object),
            }
        )


def _size(path: Path) -> int:
    """For the progress bar; a file that cannot be read is refused when it is opened."""
    with contextlib.suppress(OSError, ValueError):
        return path.lstat().st_size
    return 0


def _unmarked(line: bytes, number: int) -> bytes:
    """A line without the mark of UTF-8 with which a file may begin."""
    return line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _instants(microseconds: tuple[int, ...]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.array(microseconds, np.int64).astype("datetime64[us]")).tz_localize("UTC")


class _Reader:
    """Reads a file's lines into a batch.

    Args:
        received: when the file was received: stands for a resource's `meta.lastUpdated`, and plans for later days
            are passed over.
    """

    def __init__(self, material: Material, received: int, batch: _Batch) -> None:
        self._material, self._received, self._batch = material, received, batch

    def read(self, number: int, line: bytes) -> None:
        """One line."""
        line = _unmarked(line, number)
        if not line.strip():
            return
        stream, kind = "", ""
        try:
            resource = self._decode(line)
            if resource is None:
                return
            kind = type(resource).__name__
            if type(resource) in RULES:
                stream, rule = RULES[type(resource)]
                self._apply(resource, rule, number)
        except Skip as reason:
            self._material.met.skipped[f"{kind}: {reason}"] += 1
        except Wrong as error:
            self._batch.refuse(number, str(error), stream)
        except msgspec.DecodeError as error:
            self._batch.refuse(number, f"not readable as FHIR JSON: {error}", stream)
        except UnicodeDecodeError:
            self._batch.refuse(number, "not readable as FHIR JSON: met a byte that is not UTF-8", stream)
        except RecursionError:
            self._batch.refuse(number, "not readable as FHIR JSON: nested too deeply", stream)
        except OverflowError:
            self._batch.refuse(number, "met a number out of range, expected an amount", stream)

    def _decode(self, line: bytes) -> r.Known | None:
        """The resource; None if it is of a type that is not read. Raises msgspec.DecodeError."""
        met = self._material.met
        try:
            resource = _decoder.decode(line)
        except msgspec.ValidationError:
            kind = _name_decoder.decode(line).resource_type
            if kind in _READ:
                raise
            met.resource(kind, is_read=False)
            return None
        met.resource(type(resource).__name__)
        return resource

    def _apply(self, resource: r.Known, rule: Rule, number: int) -> None:
        if not resource.id:
            raise Wrong("id: met nothing, expected one by which the resource is known when it comes again")
        updated = resource.meta.last_updated if resource.meta is not None else None
        version = self._material.clock.moment(updated, "meta.lastUpdated").instant if updated else None
        is_audit = isinstance(resource, r.AuditEvent)
        facts = rule(resource, self._material)
        due = [fact for fact in facts if not fact.planned or fact.day <= self._received]
        if len(due) < len(facts):
            self._material.met.skipped[f"{type(resource).__name__}: planned for after the export"] += 1
        for fact in due:
            received = self._received if version is None else version
            if fact.planned and received < fact.day:
                ahead = (fact.day - received) // 1_000_000
                received = fact.day + max(0, PLANNING_SECONDS - ahead)
            self._batch.add(Row(fact, received, self._batch.offset(number)), is_interval=is_audit)
