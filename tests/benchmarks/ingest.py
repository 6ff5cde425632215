"""How fast extracts go into the event log, and in how much memory, against what only copies or checks them.

    python -m tests.benchmarks.ingest [--rows 500000] [--resources 40000] [--no-baseline]

CSV rows are compared with pandas' read_csv and to_sql, FHIR resources with model validation by `fhir.resources`. The
log maps fields, checks every row, renames people, drops duplicates and survives a kill at any moment; the baselines
only copy, or only check. Each runs in a process of its own, one after the other; 0 leaves a comparison out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.ingest_fhir import into_log_from_fhir, validate, write_export

MEASURES = ("ehr_minutes", "note_minutes", "inbox_minutes", "order_minutes", "kept_count", "sleep_minutes", "steps",
            "resting_heart_rate")  # fmt: skip
PEOPLE = 1000
MAPPING = {
    "layout": "long", "timezone": "America/New_York", "who": "provider", "time": {"column": "day", "at": "23:30"},
    "received": "exported", "measure": "metric", "value": "value",
}  # fmt: skip


def write_extract(path: Path, rows: int) -> None:
    """An extract as an EHR's night job writes it: day by day, person by person, a row a value."""
    written, day = 0, np.datetime64("1990-01-01")
    with path.open("w") as file:
        file.write("provider,day,metric,value,exported\n")
        while written < rows:
            day += np.timedelta64(1, "D")
            lines = [
                f"provider{who:05d},{day},{measure},{60 + (who + k) % 30},{day + np.timedelta64(1, 'D')}T06:00:00Z\n"
                for who in range(PEOPLE)
                for k, measure in enumerate(MEASURES)
            ]
            file.writelines(lines[: rows - written])
            written += len(lines)


def into_log(extract: Path, target: Path) -> int:
    """Ingest; returns the number of new observations."""
    from calibration.event_log import EventLog
    from calibration.pseudonyms import Pseudonyms
    from calibration.sources import Mapping, Options, open_source

    with EventLog(target) as log:
        source = open_source(str(extract), Options(Mapping.model_validate(MAPPING), Pseudonyms(bytes(32))))
        return log.ingest(source).total.new


def into_table(extract: Path, target: Path) -> int:
    """Copy with pandas; returns the number of rows."""
    with sqlite3.connect(target) as connection:
        table = pd.read_csv(extract)
        table.to_sql("extract", connection, index=False)
    return len(table)


def _measured(work: Callable[[Path, Path], int], extract: Path, target: Path, answer: multiprocessing.Queue) -> None:
    import calibration.event_log
    import calibration.sources.csv
    import calibration.sources.fhir  # noqa: F401  the time of imports is not the question

    began, cpu = time.perf_counter(), time.process_time()
    rows = work(extract, target)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    answer.put((rows, seconds, cpu, peak))


def compare(what: str, extract: Path, count: int, works: dict[str, Callable[[Path, Path], int]]) -> None:
    """Print how fast each of the works goes through an extract of ``count`` records, the log first."""
    files = [path for path in (extract, *extract.rglob("*")) if path.is_file()]
    print(f"{count:,} {what}, {sum(path.stat().st_size for path in files) / 2**20:,.0f} MiB")
    context = multiprocessing.get_context("spawn")
    rates = []
    for name, work in works.items():
        answer = context.Queue()
        target = extract.parent / f"{work.__name__}.db"
        process = context.Process(target=_measured, args=(work, extract, target, answer))
        process.start()
        done, seconds, cpu, peak = answer.get()
        process.join()
        assert done == count
        rates.append(done / seconds)
        size = target.stat().st_size / done if target.exists() else 0
        print(f"{name:28s} {done / seconds:10,.0f} {what}/s  {done / cpu:10,.0f} per CPU second  "
              f"peak memory {peak:6,.0f} MiB  {size:4.0f} bytes stored for each")  # fmt: skip
        target.unlink(missing_ok=True)
    if len(rates) == 2:
        print(f"ratio of the log's rate to the baseline's: {rates[0] / rates[1]:.2f}")


def main() -> None:
    """Run the benchmark and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=500_000, help="of CSV; 0: none")
    arguments.add_argument("--resources", type=int, default=40_000, help="of FHIR; 0: none")
    arguments.add_argument("--no-baseline", action="store_true", help="only the log")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.rows:
            extract = Path(folder) / "extract.csv"
            write_extract(extract, chosen.rows)
            baseline = {} if chosen.no_baseline else {"pandas read_csv + to_sql": into_table}
            compare("rows", extract, chosen.rows, {"event log": into_log} | baseline)
        if chosen.resources:
            export = Path(folder) / "export"
            count = write_export(export, chosen.resources)
            baseline = {} if chosen.no_baseline else {"fhir.resources validation": validate}
            compare("resources", export, count, {"event log": into_log_from_fhir} | baseline)


if __name__ == "__main__":
    main()
