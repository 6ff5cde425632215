"""Coverage-guided fuzzing of what reads foreign bytes: `make fuzz` (needs `pip install atheris`; not part of CI).

The first byte of an input picks the target, the rest is the file. Whatever the bytes are, a source must read them or
refuse them with a reason, account for every record once, and let in nothing but observations of pseudonyms. Any other
exception is a finding: libFuzzer writes the input to the working folder, and `python -m tests.fuzz.fuzz_sources FILE`
runs it again. `--targets csv,ndjson` picks targets; the other arguments are libFuzzer's (-max_total_time=300) and
a folder of inputs in place of `.cache/fuzz`.
"""

import datetime as dt
import importlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["calibration"]):
    from calibration.event_log.gate import REASON_CHARACTERS, admit
    from calibration.pseudonyms import Pseudonyms, is_pseudonym
    from calibration.sources import (
        KINDS,
        Collection,
        Mapping,
        MappingError,
        Options,
        SourceError,
        load_mapping,
        open_address,
    )
    from calibration.sources.mqtt import Message, MqttSource
    from calibration.sources.mqtt_address import read_address
    from calibration.sources.propose import propose_mapping
    from calibration.stream_quality.drift import drift

    for one in KINDS.values():  # otherwise imported when they are opened, and not followed by the fuzzer
        importlib.import_module(one.module)

from tests.fuzz.seeds import SEEDS

RECEIVED = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
KEY = Pseudonyms(bytes(range(32)))
WIDE = Mapping.model_validate(
    {"layout": "wide", "timezone": "America/New_York", "who": "npi", "time": {"column": "day", "at": "23:30"},
     "measures": {"sleep_minutes": {"column": "sleep", "unit": "h"}, "steps": "steps"}}
)  # fmt: skip
LONG = Mapping.model_validate(
    {"layout": "long", "timezone": "America/New_York", "who": "npi", "time": {"column": "day", "at": "23:30"},
     "part": "id", "measure": {"column": "code", "names": {"93832-4": "sleep_minutes"}}, "value": "amount",
     "unit": {"column": "uom", "names": {"Std.": "h"}}}
)  # fmt: skip
MAPPINGS = (None, WIDE, LONG)
CORPUS = Path(".cache/fuzz")  # what earlier runs found to reach new code
MEMORY = Path("/dev/shm")  # where there is one, files need not touch the disk
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-", dir=MEMORY if MEMORY.is_dir() else None), "input")


NAMES = {"fhir": "fhir/Encounter.ndjson", "open-mhealth": "omh/points.json", "roster": "roster/roster.csv",
         "fitbit": "fitbit/Ann/sleep-1.json", "fitbit-steps": "fitbit/Ann/steps-1.json",
         "fitbit-heart": "fitbit/Ann/resting_heart_rate-1.json",
         "fitbit-variability": "fitbit/Ann/Daily Heart Rate Variability Summary - 1.csv"}  # fmt: skip


def read(kind: str, data: bytes, mapping: Mapping | None) -> None:
    """A file of one kind, read to its end."""
    name = kind.partition("-")[0] if kind.startswith("fitbit") else kind
    path = FOLDER / NAMES.get(kind, f"{kind}/input{(KINDS[name].endings or ('.dat',))[0]}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    options = Options(mapping=mapping, pseudonyms=KEY, received_at=RECEIVED, timezone="America/New_York")
    opened = open_address(f"{name}:{FOLDER / 'fitbit' if name == 'fitbit' else path}", options)
    for source in opened.sources(lambda _: None) if isinstance(opened, Collection) else [opened]:
        try:
            check(source.batches())
        except SourceError as error:
            assert str(error)
        drift(source.description, json.loads(json.dumps(dict(source.description), allow_nan=False)))


def check(batches) -> None:
    """Every record is accounted for, and what comes in are observations of pseudonyms."""
    for batch in batches:
        rows, refused = admit(batch, RECEIVED)
        assert len(rows) + len(refused) == len(batch.observations) + len(batch.refused)
        assert all(is_pseudonym(who) for who in rows.who)
        assert all(r.reason and len(r.reason) <= REASON_CHARACTERS for r in refused)


def message(data: bytes) -> None:
    """A broker's message."""
    options = Options(pseudonyms=KEY, timezone="America/New_York")
    source = MqttSource(read_address("mqtt://127.0.0.1/clinic"), options)
    check(source._read([Message(1, 1, 1, 7, data, len(data))], 1))


def mapping_file(data: bytes) -> None:
    """A mapping file."""
    path = FOLDER.with_name("mapping.yaml")
    path.write_bytes(data)
    try:
        load_mapping(path)
    except MappingError as error:
        assert str(error)


def proposal(data: bytes) -> None:
    """A mapping proposed from an extract."""
    path = FOLDER.with_name("extract.csv" if data[:1] < b"\x80" else "extract.ndjson")
    path.write_bytes(data[1:])
    try:
        propose_mapping(path)
    except SourceError as error:
        assert str(error)


def descriptions(data: bytes) -> None:
    """Two descriptions compared."""
    try:
        before, after = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, TypeError, RecursionError):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        assert not drift(before, before)
        assert all(isinstance(line, str) for line in drift(before, after))


FILES = [kind for kind in KINDS if kind not in ("mqtt", "mqtts", "watch")]
TARGETS = {kind: lambda data, kind=kind: read(kind, data[1:], MAPPINGS[data[0] % 3] if data else None)
           for kind in [*FILES, *(name for name in NAMES if name.startswith("fitbit-"))]} | {
    "mqtt": message, "mapping": mapping_file, "proposal": proposal, "drift": descriptions}  # fmt: skip


def main() -> None:
    """Fuzz until libFuzzer's limits are reached."""
    arguments = sys.argv
    names = list(TARGETS)
    if "--targets" in arguments:
        at = arguments.index("--targets")
        names = arguments[at + 1].split(",")
        del arguments[at : at + 2]
    if all(argument.startswith("-") for argument in arguments[1:]):
        CORPUS.mkdir(parents=True, exist_ok=True)
        for k, name in enumerate(names):
            for n, data in enumerate(SEEDS.get(name, [])):
                for mapping in range(len(MAPPINGS) if name in FILES else 1):
                    which = bytes([k, mapping]) if name in FILES or name in NAMES else bytes([k])
                    (CORPUS / f"{name}-{n}-{mapping}").write_bytes(which + data)
        arguments.append(str(CORPUS))

    def one(data: bytes) -> None:
        if data:
            TARGETS[names[data[0] % len(names)]](data[1:])

    atheris.Setup(arguments, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
