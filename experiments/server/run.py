"""Starts the server: settings that keep it off the internet, the gate before the pages, one address to open."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from experiments.server.gate import LOGIN_HOURS, Gate, is_loopback
from experiments.server.served import Served, serve_these

LOOPBACK = "127.0.0.1"
PORT = 8765
SESSION_MINUTES = 10  # without a browser connected, after which a session's clinic is forgotten
MOST_SESSIONS = 40  # at a time; each holds a clinic of its own
SHORTEST_TOKEN = 16  # characters
TOKEN_VARIABLE = "CLINICTWIN_TOKEN"
NO_EXTRA = "the browser app needs packages that are not installed; expected: pip install 'clinictwin[server]'"
# What Mesa brings along is not enough: without its assets the page is blank offline, and the pages are Vue 2's.
NEEDED = {"solara": "", "solara-assets": "", "ipyvue": "1", "ipyvuetify": "1"}  # package -> major version, "" for any


class ServeError(ValueError):
    """A way of serving that is refused; the message says what was met and what to do."""


def needed_token(host: str) -> str | None:
    """None on a loopback address; else that of the environment, or a new one. Raises ServeError on a short one."""
    if is_loopback(host):
        return None
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        return secrets.token_urlsafe(24)
    if len(token) < SHORTEST_TOKEN:
        raise ServeError(f"{TOKEN_VARIABLE}: met {len(token)} characters, expected {SHORTEST_TOKEN} or more")
    return token


def check_packages() -> None:
    """Raise ServeError, naming the package, where the extra is not installed as it is pinned."""
    for package, major in NEEDED.items():
        try:
            there = metadata.version(package)
        except metadata.PackageNotFoundError:
            raise ServeError(f"{package}: not installed. {NO_EXTRA}") from None
        if major and there.split(".")[0] != major:
            raise ServeError(f"{package}: met version {there}, expected {major}.x. {NO_EXTRA}")


def application(token: str | None, *, hours: float = LOGIN_HOURS) -> Gate:
    """The pages behind the gate, as an ASGI application. Raises ServeError if the extra is not installed."""
    check_packages()
    os.environ["SOLARA_APP"] = "experiments.server.app"
    import solara.server.settings as settings
    import solara.settings

    settings.telemetry.mixpanel_enable = False
    settings.theme.show_banner = False
    settings.theme.loader = "plain"
    settings.theme.title = "ClinicTwin"
    settings.kernel.cull_timeout = f"{SESSION_MINUTES}m"
    settings.kernel.max_count = MOST_SESSIONS
    settings.session.http_only = True
    settings.assets.fontawesome_enabled = False
    settings.assets.extra_locations = [str(Path(__file__).parent / "assets")]
    solara.settings.assets.proxy = True
    solara.settings.assets.cdn = "not-fetched:"  # what the installed assets lack is missing; it is not looked for
    from solara.server.starlette import app

    return Gate(app, token, hours=hours)


def serve(chosen: Served, *, host: str = LOOPBACK, port: int = PORT, certificate: Path | None = None,
          key: Path | None = None, announce: Callable[[str], Any] = print) -> None:  # fmt: skip
    """Serve until interrupted. Raises ServeError, OSError if the address is taken."""
    token = needed_token(host)
    serve_these(chosen)
    gate = application(token)
    import warnings

    import uvicorn

    warnings.filterwarnings("ignore", message="Cookies with samesite=none")  # the gate makes them SameSite=Strict
    _check_free(host, port)
    scheme = "https" if certificate else "http"
    entry = "" if token is None or os.environ.get(TOKEN_VARIABLE) else f"?token={token}"
    announce(f"open {scheme}://{host}:{port}/{entry}   (Ctrl-C stops)")
    if token is not None and certificate is None:
        announce("not encrypted: give --certificate and --key, or put it behind a proxy that encrypts")
    uvicorn.run(gate, host=host, port=port, log_level="warning", ws_max_size=1 << 20, loop="asyncio",
                ssl_certfile=certificate, ssl_keyfile=key, timeout_graceful_shutdown=3)  # type: ignore[arg-type] # fmt: skip


def _check_free(host: str, port: int) -> None:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(f"{host}:{port}: {error.strerror}; choose another --port") from None
