"""MQTT against a real broker: at least once whatever is killed, restarts, logins, TLS, floods and broken messages."""

import json
import logging
import multiprocessing
import os
import signal
import stat
import subprocess
import threading
import time
import tracemalloc

import pytest

from calibration.event_log import EventLog
from calibration.pseudonyms import Pseudonyms
from calibration.sources import Options, SourceError, mqtt, open_source
from calibration.sources.mqtt import IN_FLIGHT, MAX_MESSAGE_BYTES
from tests.calibration.brokers import BINARY, Broker, observation

FULL = bool(os.environ.get("CLINICTWIN_FULL"))
KILLS = 12 if FULL else 4
FLOOD = 50_000 if FULL else 20_000
KEY = Pseudonyms(bytes(range(32)))
pytestmark = pytest.mark.skipif(BINARY is None, reason="needs the mosquitto broker (Debian: apt install mosquitto)")


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "broker").start()
    yield broker
    broker.stop()


def drain(address, log, **choices):
    """Take what waits at the broker; returns the receipt."""
    with EventLog(log) as opened:
        return opened.ingest(open_source(address, Options(**choices)))


def contents(log):
    """(facts with their values, dead letters)."""
    with EventLog(log) as opened:
        table = opened.observations()
        facts = sorted(zip(table["who"], table["measured_at"], table["value"], strict=True))
        return facts, sorted((letter.offset, letter.reason) for letter in opened.dead_letters()), opened.sequence


def test_observations_and_data_points_become_facts(broker, tmp_path):
    log, address = tmp_path / "log", broker.address("clinic/#")
    assert drain(address, log).total.read == 0  # now the broker keeps what comes for this log
    sleep = {"start_date_time": "2024-01-09T23:00:00-05:00", "end_date_time": "2024-01-10T06:00:00-05:00"}
    header = {"user_id": "ann roe", "creation_date_time": "2024-01-10T12:00:00Z"}
    body = {"total_sleep_time": {"value": 6, "unit": "h"}, "effective_time_frame": {"time_interval": sleep}}
    point = {"header": header, "body": body}
    other = {"header": header, "body": {"blood_glucose": {"value": 1}}}
    broker.publish("clinic/a", [observation(1), point, other, observation(2, value=200_000)])
    broken = [
        b"\xff",
        b"{",
        b"[1]",
        b"[" * 60_000,
        b"x" * (MAX_MESSAGE_BYTES + 1),
        {"steps": 4},
        observation(3, who="Ann Roe"),
    ]
    broker.publish("clinic/a/b", broken)
    broker.publish("elsewhere", [observation(4)])
    receipt = drain(address, log, pseudonyms=KEY, timezone="America/New_York")
    assert (receipt.total.new, receipt.total.refused, receipt.stopped) == (3, 7, None)
    facts, letters, _ = contents(log)
    people = {who for who, _, _ in facts}
    assert people == {"physician-001", KEY.person("ann roe"), KEY.person("Ann Roe")}
    assert (KEY.person("ann roe"), 360.0) in {(who, value) for who, _, value in facts}
    expected = ("not UTF-8", "not utf-8", "Expecting property name", "JSON list", "nested too deeply",
                f"of {MAX_MESSAGE_BYTES + 1:,} bytes", "has no who", "expected 0 to 100000")  # fmt: skip
    assert all(any(e in reason for e in expected) for _, reason in letters) and len(letters) == 7
    # again, the same messages say nothing new
    broker.publish("clinic/a/b", broken)
    again = drain(address, log, pseudonyms=KEY, timezone="America/New_York").total
    assert (again.new, again.duplicate) == (0, 1) and contents(log)[1] == letters
    assert b"Roe" not in log.read_bytes() and b"roe" not in log.read_bytes()


def consume(address, log, kill_after):
    """What the child does: it dies after the commit of a batch, before it is acknowledged."""
    source = open_source(address, Options(reader=str(log)))
    batches = source.batches

    def dying(checkpoint):
        for number, batch in enumerate(batches(checkpoint), 1):
            yield batch
            if number == kill_after:  # the log has committed it and asks for the next one
                os.kill(os.getpid(), signal.SIGKILL)

    source.batches = dying
    with EventLog(log) as opened:
        opened.ingest(source)


def test_killed_between_commit_and_acknowledgement(broker, tmp_path):
    context = multiprocessing.get_context("forkserver")
    log, address = tmp_path / "log", broker.address("clinic/steps")

    def run(kill_after):
        child = context.Process(target=consume, args=(address, log, kill_after))
        child.start()
        child.join(60)
        return child.exitcode

    assert run(0) == 0
    sent = [observation(i) for i in range(1500 * KILLS)]
    for kill in range(KILLS):
        broker.publish("clinic/steps", [*sent[1500 * kill : 1500 * (kill + 1)], f"broken {kill}".encode()])
        assert run(1 + kill % 2) == -signal.SIGKILL
    assert run(0) == 0
    facts, letters, sequence = contents(log)
    assert len(facts) == sequence == len(sent)  # nothing lost, nothing twice
    assert {int(value) for _, _, value in facts} == set(range(len(sent))) and len(letters) == KILLS
    with EventLog(log) as opened:  # and the deliveries after each kill were seen as what they are
        duplicates = sum(opened.stream_counts()["duplicate"])
        assert duplicates >= KILLS
    print(f"{KILLS} kills between commit and acknowledgement, {duplicates} messages delivered again")


class Following(threading.Thread):
    """An ingest that goes on until it is stopped."""

    def __init__(self, address, log, **choices):
        super().__init__(daemon=True)
        self.source, self.log, self.stop = open_source(address, Options(**choices)), log, threading.Event()
        self.source.follow(self.stop)
        self.start()

    def run(self):
        with EventLog(self.log) as log:
            self.receipt = log.ingest(self.source)

    def until(self, number):
        """Wait until so many facts are in the log."""
        with EventLog(self.log) as log:
            for _ in range(1200):
                if log.sequence >= number:
                    return
                time.sleep(0.05)
            raise AssertionError(f"{log.sequence} of {number} facts came")

    def end(self):
        self.stop.set()
        self.join(30)
        assert not self.is_alive()
        return self.receipt


def test_it_waits_for_a_broker_and_connects_again(broker, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    broker.stop()
    reader = Following(broker.address("clinic/+"), tmp_path / "log")
    time.sleep(0.3)
    broker.start()
    time.sleep(3)  # the second try comes after a second
    broker.publish("clinic/steps", [observation(i) for i in range(10)])
    reader.until(10)
    broker.stop()
    time.sleep(0.5)
    broker.start()
    broker.publish("clinic/steps", [observation(i) for i in range(10, 20)])
    reader.until(20)
    receipt = reader.end()
    assert receipt.stopped is None and receipt.total.new == 20
    assert "no broker answers" in caplog.text and "connection is lost" in caplog.text


def pour(broker, payload, number, qos):
    """What the flooding child does: so many observations, or so many times the payload."""
    broker.process = None
    broker.publish("clinic/steps", [payload or observation(i) for i in range(number)], qos)


@pytest.mark.parametrize(
    ("payload", "number", "qos", "in_flight"), [(None, FLOOD, 1, IN_FLIGHT), (b"x" * 60_000, 1500, 0, 50)]
)
def test_a_flood_is_held_back(broker, tmp_path, monkeypatch, payload, number, qos, in_flight):
    """Of quality 1 the broker keeps what is not acknowledged; of quality 0 the connection holds back what comes."""
    monkeypatch.setattr(mqtt, "IN_FLIGHT", in_flight)
    address, context = broker.address("clinic/steps"), multiprocessing.get_context("spawn")
    with EventLog(tmp_path / "log") as log:
        log.ingest(open_source(address, Options()))
        process, broker.process = broker.process, None
        flood = context.Process(target=pour, args=(broker, payload, number, qos))
        flood.start()
        broker.process = process
        source = open_source(address, Options())
        tracemalloc.start()
        read = log.ingest(source).total.read
        while flood.is_alive() or (qos and read < number and not flood.exitcode):
            read += log.ingest(source).total.read
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        flood.join()
        print(f"{read:,} of {number:,} messages of quality {qos}: {peak / 2**20:.0f} MiB at the peak")
        assert source.most_queued <= 2 * in_flight and peak < 24 << 20
        if qos:
            assert log.sequence == number and len(log.observations()) == number


def certificates(folder):
    """A certificate authority and a broker's certificate for 127.0.0.1, made by openssl."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    name = ("-subj", "/CN=test authority", "-days", "2", "-nodes", "-newkey", "rsa:2048")
    openssl("req", "-x509", *name, "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *name[2:], "-subj", "/CN=127.0.0.1", "-keyout", "broker.key", "-out", "broker.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "broker.pem")  # fmt: skip
    return folder


def test_password_and_tls(tmp_path, monkeypatch):
    folder = certificates(tmp_path)
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "twin", "s3cret"], check=True, capture_output=True)
    broker = Broker(folder / "broker", "allow_anonymous false", f"password_file {passwords}",
                    f"certfile {folder}/broker.pem", f"keyfile {folder}/broker.key").start()  # fmt: skip
    monkeypatch.delenv("CLINICTWIN_MQTT_PASSWORD", raising=False)
    secret = folder / "password"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    ca = f"ca_file={folder}/ca.pem"
    try:
        good = broker.address("t", "mqtts", "twin", f"{ca}&password_file={secret}")
        assert drain(good, tmp_path / "log").stopped is None
        assert "s3cret" not in repr(open_source(good, Options()).address)
        monkeypatch.setenv("CLINICTWIN_MQTT_PASSWORD", "s3cret")
        assert drain(broker.address("t", "mqtts", "twin", ca), tmp_path / "log").stopped is None
        for query, user, reason in (("", "twin", "no TLS connection"), (ca, "other", "refuses the connection")):
            stopped = drain(broker.address("t", "mqtts", user, query), tmp_path / "log").stopped
            assert reason in stopped, stopped
        by_name = good.replace("127.0.0.1", "localhost")  # the certificate is not for that name
        assert "no TLS connection" in drain(by_name, tmp_path / "log").stopped
        secret.chmod(secret.stat().st_mode | stat.S_IRGRP)
        with pytest.raises(SourceError, match="met file mode 0640, expected 0600"):
            open_source(good, Options())
        for part in (b"s3cret", str(folder).encode()):
            assert part not in (tmp_path / "log").read_bytes()
    finally:
        broker.stop()


WRONG = {
    "mqtt://twin:s3cret@broker/t": "met a password in an address",
    "mqtt://broker": "expected mqtt://host/topic",
    "mqtt://broker/": "expected mqtt://host/topic",
    "mqtt://broker:99999/t": "expected 1 to 65535",
    "mqtt://broker/a/#/b": "only at the end",
    "mqtt://broker/a+/b": "only at the end",
    "mqtt://broker/t?ca_fil=x": "did you mean 'ca_file'",
    "mqtts://broker/t?ca_file=none.pem": "TLS files are not readable",
    "mqtts://broker/t?password_file=none": "none: the password is not readable",
}


@pytest.mark.parametrize(("address", "reason"), WRONG.items())
def test_addresses_that_are_refused(address, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError) as refusal:
        open_source(address, Options())
    assert reason in str(refusal.value) and "s3cret" not in str(refusal.value)


def test_a_password_is_not_sent_in_the_clear(monkeypatch):
    monkeypatch.setenv("CLINICTWIN_MQTT_PASSWORD", "s3cret")
    with pytest.raises(SourceError, match="no TLS"):
        open_source("mqtt://twin@broker.example/t", Options())
    assert open_source("mqtt://twin@[::1]/t", Options()).address.password == "s3cret"
    assert json.dumps(dict(open_source("mqtt://127.0.0.1/t", Options()).description))
