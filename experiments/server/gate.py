"""Who may look: an ASGI layer before the pages that asks for a token, checks a request's origin, and ends logins.

On a loopback address no token is needed, but the request must name that address, so that a page elsewhere on the web
cannot reach the server through a name of its own. On any other address every request needs a login, which the token
opens for some hours. A websocket must come from a page of this server.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COOKIE = "clinictwin-login"
SESSION_COOKIE = b"solara-session-id="
LOGIN_HOURS = 8.0  # a working day
MOST_LOGINS = 1000
MOST_BODY_BYTES = 4096
CLOSED_PATHS = ("/resourcez", "/_solara/api/evict")  # of the library: who is connected, and its test switch
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
ENTER_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>ClinicTwin</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:17px/1.5 sans-serif;margin:15vh auto;max-width:28em;padding:0 1em}
input,button{font:inherit;padding:.3em}</style><h1>ClinicTwin</h1><p role="alert">%s</p>
<form method="post" action="/enter"><label>Token
<input name="token" type="password" autocomplete="off" autofocus required></label>
<button>Enter</button></form></html>"""


def is_loopback(host: str) -> bool:
    """Whether a host, as it is bound to or named in a request, is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Gate:
    """An ASGI application around another. ``token`` is needed unless None; ``clock`` gives seconds."""

    def __init__(self, app: Any, token: str | None, *, hours: float = LOGIN_HOURS,
                 clock: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        self.app, self.token, self.seconds, self.clock = app, token, 3600.0 * hours, clock
        self._logins: dict[str, float] = {}  # secret -> when it ends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            left = self._seconds_left(headers)
            if refusal or left <= 0 or not _same_origin(headers):
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, _until(left, receive), send)
        elif refusal:
            await _answer(send, 403 if refusal.startswith("This") else 404, refusal)
        elif self.token is not None and (scope["path"] == "/enter" or b"token" in parse_qs(scope["query_string"])):
            await self._enter(scope, receive, send)
        elif self._seconds_left(headers) <= 0:
            await _answer(send, 401, ENTER_PAGE % "This server asks for the token that was printed when it started.",
                          kind="text/html")  # fmt: skip
        else:
            await self.app(scope, receive, _with_policy(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> str:
        if any(scope["path"].startswith(path) for path in CLOSED_PATHS):
            return "There is no such page."
        if self.token is None and not is_loopback(urlsplit("//" + headers.get("host", "")).hostname or ""):
            return "This server answers only to this machine's own address: open it as http://127.0.0.1 or localhost."
        return ""

    def _seconds_left(self, headers: dict[str, str]) -> float:
        """Of this request's login; infinite where none is needed."""
        if self.token is None:
            return float("inf")
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return 0.0
        return self._logins.get(morsel.value, 0.0) - self.clock() if morsel else 0.0

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a token, given in the address or in the form, and begin a login."""
        given = parse_qs(scope["query_string"]).get(b"token") or parse_qs(await _body(receive)).get(b"token") or [b""]
        if not hmac.compare_digest(given[0], (self.token or "").encode()):
            await asyncio.sleep(0.5)  # a guess costs time
            await _answer(send, 401, ENTER_PAGE % "That is not the token.", kind="text/html")
            return
        now = self.clock()
        self._logins = dict(list({k: end for k, end in self._logins.items() if end > now}.items())[1 - MOST_LOGINS :])
        secret = secrets.token_urlsafe(32)
        self._logins[secret] = now + self.seconds
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={int(self.seconds)}{secure}"
        place = "/" if scope["path"] == "/enter" or scope["path"].startswith("//") else scope["path"]
        await _answer(
            send, 303, "", [(b"location", place.encode("latin-1", "ignore")), (b"set-cookie", cookie.encode())]
        )


def _same_origin(headers: dict[str, str]) -> bool:
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")


def _until(seconds: float, receive: Receive) -> Receive:
    """The same messages, and a disconnection after so many seconds."""
    if seconds == float("inf"):
        return receive
    end = time.monotonic() + seconds

    async def receive_until() -> MutableMapping[str, Any]:
        try:
            return await asyncio.wait_for(receive(), max(end - time.monotonic(), 0.0))
        except TimeoutError:
            return {"type": "websocket.disconnect", "code": 1008}

    return receive_until


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*map(_short_lived, message.get("headers", [])), *_SAFE]
        await send(message)

    return send_with_policy


def _short_lived(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """The library's cookie, which tells sessions apart, lasts for years and follows into other sites' frames."""
    name, value = header
    if name.lower() != b"set-cookie" or not value.startswith(SESSION_COOKIE):
        return header
    secure = b"; Secure" if b"secure" in value.lower() else b""
    return name, value.split(b";")[0] + b"; Path=/; HttpOnly; SameSite=Strict" + secure


_SAFE = [(b"content-security-policy", POLICY.encode()), (b"x-content-type-options", b"nosniff"),
         (b"referrer-policy", b"no-referrer")]  # fmt: skip


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= MOST_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[:MOST_BODY_BYTES]


async def _answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None,
                  kind: str = "text/plain") -> None:  # fmt: skip
    start = [(b"content-type", f"{kind}; charset=utf-8".encode()), *_SAFE, *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": text.encode()})
