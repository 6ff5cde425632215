"""Coverage-guided fuzzing of what reads foreign bytes: `make fuzz` (needs `pip install atheris`; not part of CI).

The first byte of an input picks the target, the rest is the file. Whatever the bytes are, a source must read them or
refuse them with a reason, account for every record once, and let in nothing but observations of pseudonyms. Any other
exception is a finding: libFuzzer writes the input to the working folder, and `python -m tests.fuzz.fuzz_sources FILE`
runs it again. `--targets csv,ndjson` picks targets; the other arguments are libFuzzer's (-max_total_time=300).
"""

import datetime as dt
import json
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["calibration"]):
    from calibration.event_log.gate import REASON_CHARACTERS, admit
    from calibration.pseudonyms import Pseudonyms, is_pseudonym
    from calibration.sources import KINDS, Mapping, MappingError, Options, SourceError, load_mapping, open_source
    from calibration.sources.propose import propose_mapping
    from calibration.stream_quality.drift import drift

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
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def read(kind: str, data: bytes, mapping: Mapping | None) -> None:
    """A file of one kind, read to its end."""
    ending = (KINDS[kind].endings or (f".{kind}",))[0]
    path = FOLDER / f"input{ending}"
    path.write_bytes(data)
    options = Options(mapping=mapping, pseudonyms=KEY, received_at=RECEIVED, timezone="America/New_York")
    source = open_source(f"{kind}:{path}", options)
    try:
        for batch in source.batches():
            rows, refused = admit(batch, RECEIVED)
            assert len(rows) + len(refused) == len(batch.observations) + len(batch.refused)
            assert all(is_pseudonym(who) for who in rows.who)
            assert all(r.reason and len(r.reason) <= REASON_CHARACTERS for r in refused)
    except SourceError as error:
        assert str(error)
    json.dumps(dict(source.description), allow_nan=False)


def mapping_file(data: bytes) -> None:
    """A mapping file."""
    path = FOLDER / "mapping.yaml"
    path.write_bytes(data)
    try:
        load_mapping(path)
    except MappingError as error:
        assert str(error)


def proposal(data: bytes) -> None:
    """A mapping proposed from an extract."""
    path = FOLDER / ("extract.csv" if data[:1] < b"\x80" else "extract.ndjson")
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


FILES = [kind for kind in KINDS if kind not in ("mqtt",)]
TARGETS = {kind: lambda data, kind=kind: read(kind, data[1:], MAPPINGS[data[0] % 3] if data else None)
           for kind in FILES} | {"mapping": mapping_file, "proposal": proposal, "drift": descriptions}  # fmt: skip


def main() -> None:
    """Fuzz until libFuzzer's limits are reached."""
    arguments = sys.argv
    names = list(TARGETS)
    if "--targets" in arguments:
        at = arguments.index("--targets")
        names = arguments[at + 1].split(",")
        del arguments[at : at + 2]
    chosen = [TARGETS[name] for name in names]

    def one(data: bytes) -> None:
        if data:
            chosen[data[0] % len(chosen)](data[1:])

    atheris.Setup(arguments, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
