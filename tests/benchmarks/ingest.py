"""How fast a CSV extract goes into the event log, and in how much memory, against pandas' read_csv and to_sql.

    python -m tests.benchmarks.ingest [--rows 500000] [--no-baseline]

The log maps columns, checks every row, renames people, drops duplicates and survives a kill at any moment; the
baseline only copies. Both write to disk, each in a process of its own, one after the other.
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
    import calibration.sources.csv  # noqa: F401  the time of imports is not the question

    began, cpu = time.perf_counter(), time.process_time()
    rows = work(extract, target)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    answer.put((rows, seconds, cpu, peak))


def main() -> None:
    """Run the benchmark and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=500_000)
    arguments.add_argument("--no-baseline", action="store_true", help="only the log")
    chosen = arguments.parse_args()
    context = multiprocessing.get_context("spawn")
    works = {"event log": into_log} | ({} if chosen.no_baseline else {"pandas read_csv + to_sql": into_table})
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        extract = Path(folder) / "extract.csv"
        write_extract(extract, chosen.rows)
        print(f"{chosen.rows:,} rows, {extract.stat().st_size / 2**20:,.0f} MiB")
        for name, work in works.items():
            answer = context.Queue()
            target = Path(folder) / f"{work.__name__}.db"
            process = context.Process(target=_measured, args=(work, extract, target, answer))
            process.start()
            rows, seconds, cpu, peak = answer.get()
            process.join()
            assert rows == chosen.rows
            rates[name] = rows / seconds
            size = target.stat().st_size / rows
            print(f"{name:26s} {rows / seconds:10,.0f} rows/s  {rows / cpu:10,.0f} rows per CPU second  "
                  f"peak memory {peak:6,.0f} MiB  {size:4.0f} bytes a row")  # fmt: skip
            target.unlink()
    if len(rates) == 2:
        log, pandas = rates.values()
        print(f"ratio of the log's rate to the baseline's: {log / pandas:.2f}")


if __name__ == "__main__":
    main()
