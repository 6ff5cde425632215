"""Who may look: a token off this machine, no other site's page, no lasting login; and how it is started."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest
from served_pages import serving
from typer.testing import CliRunner

from experiments.cli import app
from experiments.server.gate import COOKIE, Gate, is_loopback
from experiments.server.run import NEEDED, ServeError, check_packages, needed_token

TOKEN = "a-token-for-the-tests-1234"


def asked(address, path, method="GET", **headers):
    """(status, headers, body) of one request, redirections not followed."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def guarded():
    """A server on every address of this machine, so that it asks for a token."""
    with serving("--host", "0.0.0.0", environment={"CLINICTWIN_TOKEN": TOKEN}) as (where, _):
        yield where


def test_off_loopback_nothing_is_shown_without_the_token(guarded, visit):
    for path in ("/", "/twin", "/static/main-vuetify.js", "/jupyter/api/kernels/x", "/readyz"):
        assert asked(guarded, path)[0] == 401, path
    assert asked(guarded, "/?token=wrong")[0] == 401
    page = visit(guarded)
    page.get_by_text("asks for the token").wait_for()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("That is not the token.").wait_for()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("(day 0)").wait_for()
    cookie = next(c for c in page.context.cookies() if c["name"] == COOKIE)
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and TOKEN not in cookie["value"]


def test_the_address_with_the_token_opens_the_page_and_does_not_keep_it(guarded):
    status, headers, _ = asked(guarded, f"/twin?token={TOKEN}")
    assert status == 303 and headers["location"] == "/twin"
    own = headers["set-cookie"].split(";")[0]
    assert asked(guarded, "/readyz", cookie=own)[0] == 200
    assert asked(guarded, "/readyz", cookie=own + "x")[0] == 401


def test_another_sites_name_or_page_reaches_nothing(address):
    assert asked(address, "/", host="clinic.example")[0] == 403  # a name that leads here
    assert asked(address, "/resourcez")[0] == 404
    assert asked(address, "/static/../../../../../../etc/passwd")[0] == 404
    assert asked(address, "/_solara/cdn/../../../../../../../etc/passwd")[0] == 404
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    channel = "/jupyter/api/kernels/11111111-1111-1111-1111-111111111111/channels?session_id=a"
    assert asked(address, channel, **upgrade, Origin="http://clinic.example")[0] == 403
    assert asked(address, channel, **upgrade)[0] == 403
    status, headers, _ = asked(address, "/")
    assert status == 200 and "default-src 'self'" in headers["content-security-policy"]
    assert "SameSite=Strict" in headers["set-cookie"] and "expires" not in headers["set-cookie"].lower()


def test_a_login_ends():
    now = [0.0]
    gate = Gate(None, TOKEN, hours=1.0, clock=lambda: now[0])
    gate._logins["secret"] = gate.seconds
    headers = {"cookie": f"{COOKIE}=secret"}
    assert gate._seconds_left(headers) == 3600
    now[0] = 3601.0
    assert gate._seconds_left(headers) < 0


def test_a_token_is_needed_off_loopback_and_a_short_one_is_refused(monkeypatch):
    monkeypatch.delenv("CLINICTWIN_TOKEN", raising=False)
    assert needed_token("127.0.0.1") is None and needed_token("::1") is None
    assert len(needed_token("0.0.0.0")) >= 32 and needed_token("10.0.0.7") != needed_token("10.0.0.7")
    monkeypatch.setenv("CLINICTWIN_TOKEN", "short")
    with pytest.raises(ServeError, match="met 5 characters, expected 16 or more"):
        needed_token("0.0.0.0")
    assert [is_loopback(h) for h in ("localhost", "127.0.0.9", "[::1]", "clinic.example", "0.0.0.0", "")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_packages_that_are_not_those_of_the_extra_are_refused(monkeypatch):
    check_packages()
    monkeypatch.setitem(NEEDED, "ipyvue", "3")
    with pytest.raises(ServeError, match=r"ipyvue: met version 1\S+, expected 3.x.*clinictwin\[server\]"):
        check_packages()
    monkeypatch.setitem(NEEDED, "no-such-package", "")
    monkeypatch.delitem(NEEDED, "ipyvue")
    with pytest.raises(ServeError, match="no-such-package: not installed"):
        check_packages()


def test_a_taken_port_or_an_odd_clinic_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", "--port", port])
        assert result.exit_code == 2 and "choose another --port" in result.output.replace("\n", " ")
    result = CliRunner().invoke(app, ["serve", "--physicians", "7"])
    assert result.exit_code == 2 and "multiple of pod_size" in result.output.replace("\n", " ")
