"""MQTT: observations and Open mHealth data points as a broker's messages, at least once.

A message is one observation as a JSON object (the columns of `calibration.observations.COLUMNS`) or one data point
(`calibration.sources.open_mhealth`). When it was received is what the message says (`received_at`,
`header.creation_date_time`), so a message that comes again says nothing new. What is neither becomes a dead letter,
whose offset is a hash of the message.

**At least once.** The subscription has quality of service 1 in a session that the broker keeps (for SESSION_DAYS, under
a client id that stays the same), and a message is acknowledged after the transaction that holds it. paho-mqtt lets the
reader acknowledge by hand; aiomqtt does so before the reader has seen the message, which would lose it in a crash.
A broker forgets what comes while nobody listens beyond its own limits (Mosquitto: `max_queued_messages`, 1000).

**Bounded.** The broker sends no more than IN_FLIGHT messages ahead of their acknowledgements (MQTT 5), and the queue
holds as many; messages of quality 0 are held back by the connection itself.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from calibration.observation_checks import COLUMNS
from calibration.sources.base import Batch, Refused, SourceError
from calibration.sources.days import Calendar, Wrong
from calibration.sources.extracts import Options
from calibration.sources.json_records import Record, json_object
from calibration.sources.mapped import Reading
from calibration.sources.mapping import OBSERVATION_TABLE
from calibration.sources.met import Met
from calibration.sources.mqtt_address import Address, read_address
from calibration.sources.ndjson import column_of
from calibration.sources.open_mhealth import is_point, note_look, read_point
from calibration.sources.points import Point, Skip, to_batch

IN_FLIGHT = 1000  # messages taken and not acknowledged; also the largest batch
MAX_MESSAGE_BYTES = 64 * 1024  # of an honest observation or point (assumed); longer ones are refused unread
MAX_PACKET_BYTES = 1 << 20  # longer ones the broker does not send at all
SESSION_DAYS = 30  # for which the broker keeps messages for a reader that is away (assumed)
IDLE_SECONDS = 2.0  # without following: as long without a message means that none waits (assumed)
ANSWER_SECONDS = 10.0  # in which a broker answers a subscription (assumed)
GATHER_SECONDS = 0.02  # a batch waits so long for its next message
KEEPALIVE_SECONDS = 30
RECONNECT_SECONDS = (1, 30)  # the first delay and the longest; it doubles in between
_log = logging.getLogger(__name__)


class Message(NamedTuple):
    """A message as it came: whose acknowledgement it needs, on which connection it came, and its text."""

    number: int
    quality: int
    connection: int
    offset: int
    payload: bytes
    length: int


class MqttSource:
    """A topic of a broker; see this file's first lines."""

    kind = "mqtt"
    length: int | None = None

    def __init__(self, address: Address, options: Options) -> None:
        self.address, self.options = address, options
        self.name = address.name
        self.most_queued = 0
        self._stop: threading.Event | None = None
        self._left_out: Counter[str] = Counter()
        self._met = Met()

    def follow(self, stop: threading.Event) -> None:
        """See `calibration.sources.live.Live`."""
        self._stop = stop

    @property
    def description(self) -> Mapping[str, Any]:
        """How many points were left out, by reason; units and schemas by measure."""
        return self._met.describe({"left out": dict(sorted(self._left_out.items()))})

    def batches(self, checkpoint: str | None = None) -> Iterator[Batch]:
        """See `calibration.sources.base.Source`; where to go on is the broker's knowledge."""
        reader = _Reader(self.address, self._client_id())
        taken = 0
        try:
            reader.connect(self._stop)
            while messages := reader.take(self._stop):
                self.most_queued = max(self.most_queued, len(messages) + reader.waiting)
                taken += len(messages)
                yield from self._read(messages, taken)
                reader.acknowledge(messages)  # the log has committed them
        finally:
            reader.close()

    def _client_id(self) -> str:
        """The same every time for the same log and topic, and another for another log; of 22 characters, which every
        broker takes."""
        text = f"{self.name}\0{self.address.user}\0{self.options.reader}"
        return self.address.client_id or f"clinictwin{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"

    def _read(self, messages: list[Message], taken: int) -> Iterator[Batch]:
        calendar = Calendar(self.options.timezone)
        points: list[Point] = []
        refused: list[Refused] = []
        observations: list[Record] = []
        offsets: list[int] = []
        for message in messages:
            offset = message.offset
            try:
                record = _record(message)
                if is_point(record):
                    points.append(read_point(record, calendar, offset, None))
                    note_look(record, points[-1].measure, self._met)
                else:
                    observations.append(_observation(record))
                    offsets.append(offset)
            except Skip as reason:
                self._left_out[str(reason)] += 1
            except Wrong as error:
                refused.append(Refused(offset, str(error)))
        if points or refused:
            yield to_batch(points, refused, self.options.pseudonyms, position=taken)
        if observations:
            columns = {name: column_of(observations, name) for name in COLUMNS}
            # every record says when it was received: the reading's own time is never used
            reading = Reading(OBSERVATION_TABLE, calendar.instant("1970-01-01T00:00:00Z", ""), self.options.pseudonyms)
            yield from reading.batches(columns, np.array(offsets, dtype=np.int64))


def _record(message: Message) -> Record:
    if message.length > MAX_MESSAGE_BYTES:
        raise Wrong(f"met a message of {message.length:,} bytes, expected {MAX_MESSAGE_BYTES:,} or fewer")
    record = json_object(message.payload)
    if isinstance(record, str):
        raise Wrong(record)
    return record


def _observation(record: Record) -> Record:
    missing = [name for name in COLUMNS if name not in record]
    if missing:
        raise Wrong(f"met neither a data point with header and body nor an observation: it has no {missing[0]}")
    return record


class _Reader:
    """A connection to a broker that is made again when it is lost, and the messages that came over it."""

    def __init__(self, address: Address, client_id: str) -> None:
        try:
            from paho.mqtt import client as paho
            from paho.mqtt.packettypes import PacketTypes
            from paho.mqtt.properties import Properties
        except ImportError:
            raise SourceError("met no MQTT client, expected paho-mqtt: pip install 'clinictwin[streams]'") from None

        self._address = address
        self._queue: queue.Queue[Message] = queue.Queue(IN_FLIGHT)
        self._lock = threading.RLock()
        self._connection = 0
        self._broken: str | None = None
        self._subscribed, self._closing = threading.Event(), threading.Event()
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5,
                             manual_ack=True)  # fmt: skip
        client.on_pre_connect = lambda *_: self._next_connection()
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe, client.on_message = self._on_subscribe, self._on_message
        client.username_pw_set(address.user, address.password)
        client.reconnect_delay_set(*RECONNECT_SECONDS)
        if address.tls is not None:
            client.tls_set_context(address.tls)
        self._properties = Properties(PacketTypes.CONNECT)
        self._properties.SessionExpiryInterval = SESSION_DAYS * 86_400
        self._properties.ReceiveMaximum = IN_FLIGHT
        self._properties.MaximumPacketSize = MAX_PACKET_BYTES
        self._client, self._paho = client, paho

    @property
    def waiting(self) -> int:
        """Messages that came and were not taken yet."""
        return self._queue.qsize()

    def connect(self, stop: threading.Event | None) -> None:
        """Connect for the first time. Raises SourceError if that cannot be; one that follows waits for the broker."""
        delay, longest = RECONNECT_SECONDS
        while True:
            try:
                self._client.connect(self._address.host, self._address.port, KEEPALIVE_SECONDS, clean_start=False,
                                     properties=self._properties)  # fmt: skip
                break
            except ssl.SSLError as error:
                raise SourceError(f"{self._address.name}: no TLS connection ({error.reason})") from None
            except OSError as error:
                if stop is None:
                    raise SourceError(f"{self._address.name}: no broker answers ({error.strerror or error})") from None
                _log.warning("%s: no broker answers (%s); trying again", self._address.name, error.strerror or error)
                if stop.wait(delay):
                    return
                delay = min(2 * delay, longest)
        self._client.loop_start()

    def take(self, stop: threading.Event | None) -> list[Message]:
        """The next messages; none if it was stopped, or without ``stop`` if nothing waits at the broker."""
        until = time.monotonic() + ANSWER_SECONDS
        while stop is None or not stop.is_set():
            if self._broken:
                raise SourceError(f"{self._address.name}: {self._broken}")
            try:
                messages = [self._queue.get(timeout=0.1)]
            except queue.Empty:
                if self._subscribed.is_set():
                    until = min(until, time.monotonic() + IDLE_SECONDS)
                if stop is None and time.monotonic() > until:
                    if not self._subscribed.is_set():
                        raise SourceError(f"{self._address.name}: the broker does not answer") from None
                    return []
                continue
            try:
                while len(messages) < IN_FLIGHT:
                    messages.append(self._queue.get(timeout=GATHER_SECONDS))
            except queue.Empty:
                pass
            return messages
        return []

    def acknowledge(self, messages: list[Message]) -> None:
        """Tell the broker that messages are safe. After a reconnection it delivers them again by itself."""
        with self._lock:
            for message in messages:
                if message.connection == self._connection and message.quality > 0:
                    self._client.ack(message.number, message.quality)

    def close(self) -> None:
        """Leave; the session stays at the broker."""
        self._closing.set()
        self._client.disconnect()
        self._client.loop_stop()

    def _next_connection(self) -> None:
        with self._lock:
            self._connection += 1

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            if "server" in str(reason).lower() and "unavailable" in str(reason).lower():
                return  # tried again
            self._broken = f"the broker refuses the connection ({reason})"
            return
        options = self._paho.SubscribeOptions(qos=1, retainHandling=1)
        client.subscribe(self._address.topic, options=options)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._next_connection()
        if not self._closing.is_set():
            _log.warning("%s: the connection is lost (%s); trying again", self._address.name, reason)

    def _on_subscribe(self, _client: Any, _data: Any, _number: Any, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._broken = f"the broker refuses the subscription ({reasons[0]})"
        self._subscribed.set()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        text, length = message.payload, len(message.payload)
        digest = hashlib.blake2b(message.topic.encode() + b"\0" + text, digest_size=8).digest()
        offset = int.from_bytes(digest) >> 1  # fits SQLite's integers
        kept = text if length <= MAX_MESSAGE_BYTES else b""
        item = Message(message.mid, message.qos, self._connection, offset, kept, length)
        while not self._closing.is_set():  # a full queue holds the connection back
            try:
                return self._queue.put(item, timeout=0.5)
            except queue.Full:
                continue


def open_source(address: str, options: Options) -> MqttSource:
    """The source of a broker's topic. Raises SourceError on an address that is malformed."""
    return MqttSource(read_address(address), options)
