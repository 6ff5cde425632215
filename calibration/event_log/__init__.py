"""The event log: every observation that ever arrived, once, in one embedded file.

**Why SQLite.** The log takes many small transactions that must survive `kill -9` and a power cut, and is read while
it is written. SQLite in WAL mode does that in one file, comes with Python, and finds one observation among millions
by an index. DuckDB scans faster, which nothing here waits for, but it locks its file against every other process
while one writes, and a unique index over what is stored, which makes an ingest idempotent, is what it is worst at.
The log belongs on a local disk: WAL needs memory shared between the processes that use it.

**What is in it.** A fact is one delivery of one observation: who, stream, measure, measured_at (together with the
part, see `calibration.sources.base`, its identity), received_at, value and quality, and where it came from. Facts
are only ever added, as members of a set, so order, splitting and repetition of the material do not matter; `digest`
is equal for equal contents. A later receipt with another value supersedes the earlier one, which stays.
"""

from calibration.event_log.counts import LATE_HOURS, Receipt, StreamCounts
from calibration.event_log.dead_letters import DeadLetter
from calibration.event_log.log import EventLog, View
from calibration.event_log.schema import LogError

__all__ = ["LATE_HOURS", "DeadLetter", "EventLog", "LogError", "Receipt", "StreamCounts", "View"]
