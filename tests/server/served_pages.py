"""`clinictwin serve` in a process of its own, for the tests of its pages."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

PAGE_SECONDS = 40  # generous: a busy machine, never a measurement
SMALL = ("--physicians", "10", "--seed", "3")


@contextmanager
def serving(*options, environment=None):
    """(address, process) of `clinictwin serve` with these options, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "experiments.cli", "serve", *SMALL, *map(str, options), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=os.environ | (environment or {}))  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 2 * PAGE_SECONDS
        while not answers(address):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < end, "the server did not answer"
            time.sleep(0.2)
        yield address, process
    finally:
        process.terminate()
        process.wait(20)


def answers(address):
    try:
        urllib.request.urlopen(address, timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
