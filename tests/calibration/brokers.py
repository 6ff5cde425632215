"""A real MQTT broker (Mosquitto) for tests, on a free port of this machine alone."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from itertools import batched
from pathlib import Path

import paho.mqtt.client as paho

BINARY = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Broker:
    """A broker with its state in a folder; it may be stopped and started again on the same port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.configuration = folder / "mosquitto.conf"
        fixed = (f"listener {self.port} {HOST}", "persistence true", f"persistence_location {folder}/",
                 "max_queued_messages 0", "autosave_interval 1", "user root")  # fmt: skip
        self.configuration.write_text("\n".join([*fixed, *(lines or ("allow_anonymous true",)), ""]))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen([str(BINARY), "-c", str(self.configuration)], stdout=log, stderr=log)
        for _ in range(100):
            assert self.process.poll() is None, (self.folder / "broker.log").read_text()
            try:
                socket.create_connection((HOST, self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the broker does not listen")

    def stop(self) -> None:
        """Ends it; SIGTERM makes it save its sessions."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def address(self, topic: str, scheme: str = "mqtt", user: str = "", query: str = "") -> str:
        return f"{scheme}://{user + '@' if user else ''}{HOST}:{self.port}/{topic}{'?' + query if query else ''}"

    def publish(self, topic: str, payloads: list[object], qos: int = 1, **login: str) -> None:
        """Send messages, each as JSON unless it is bytes, and wait until the broker has them."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(500)
        if login:
            client.username_pw_set(**login)
        client.connect(HOST, self.port)
        client.loop_start()
        for some in batched(payloads, 10_000):  # a client has numbers for 65,535 unacknowledged messages
            sent = [client.publish(topic, p if isinstance(p, bytes) else json.dumps(p).encode(), qos) for p in some]
            for info in sent:
                info.wait_for_publish(60)
        client.disconnect()
        client.loop_stop()


def observation(number: int, **changed: object) -> dict[str, object]:
    """The number-th of different observations, some of them of each person."""
    minute, person = divmod(number, 50)
    stamp = f"2024-01-{1 + minute // 1440:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00Z"
    return {"who": f"physician-{person:03d}", "stream": "wearable", "measure": "steps", "measured_at": stamp,
            "received_at": "2024-02-01T00:00:00Z", "value": number % 20_000, "unit": "1", "quality": "good",
            **changed}  # fmt: skip
