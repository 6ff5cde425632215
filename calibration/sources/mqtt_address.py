"""Where a broker is and how to get in: `mqtts://user@broker.example:8883/clinic/#?ca_file=ca.pem`.

The topic is everything between the host and a question mark, wildcards `+` and `#` included. The password is never in
the address, since command lines are seen by others: it comes from the environment's CLINICTWIN_MQTT_PASSWORD or from
`password_file`. Behind the question mark: ca_file, cert_file, key_file (of a client certificate), password_file,
client_id.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
import ssl
import stat
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from abm.spelling import nearest
from calibration.sources.base import SourceError

PASSWORD_VARIABLE = "CLINICTWIN_MQTT_PASSWORD"
PORTS = {"mqtt": 1883, "mqtts": 8883}
CHOICES = ("ca_file", "cert_file", "key_file", "password_file", "client_id")
_ADDRESS = re.compile(
    r"(?P<scheme>mqtts?)://(?:(?P<user>[^@/]*)@)?(?P<host>\[[^\]]+\]|[^:/?@\[\]]+)(?::(?P<port>\d{1,5}))?"
    r"/(?P<topic>[^?]+)(?:\?(?P<query>.*))?"
)
_EXPECTED = "expected mqtt://host/topic or mqtts://user@host:port/topic"


@dataclasses.dataclass(frozen=True)
class Address:
    """A broker, a topic filter, and how to get in. ``password`` is not shown."""

    host: str
    port: int
    topic: str
    user: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    client_id: str | None = None
    tls: ssl.SSLContext | None = dataclasses.field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What the log calls it: neither user nor files."""
        return f"{self.host}:{self.port}/{self.topic}"


def read_address(text: str) -> Address:
    """Takes an address apart. Raises SourceError on one that is malformed or would give a password away."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise SourceError(f"met an address of a broker that is not readable, {_EXPECTED}")
    scheme, user, host, topic = (found[name] for name in ("scheme", "user", "host", "topic"))
    if user is not None and ":" in user:
        raise SourceError(f"met a password in an address, expected it in the environment's {PASSWORD_VARIABLE} or in a "
                          "password_file: others can see command lines")  # fmt: skip
    port = int(found["port"] or PORTS[scheme])
    choices = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    for name in choices:
        if name not in CHOICES:
            raise SourceError(f"choice {name!r} of a broker is not known{nearest(name, CHOICES)}; "
                              f"expected {', '.join(CHOICES)}")  # fmt: skip
    topic = unquote(topic)
    if not _is_filter(topic) or not 0 < port < 65536:
        raise SourceError(f"met the port {port} and a topic of {len(topic)} characters, expected 1 to 65535 and a "
                          "topic filter: + for a level, # for all below, only at the end")  # fmt: skip
    host = host.strip("[]")
    password = _password(choices.get("password_file"))
    if password is not None and scheme == "mqtt" and not _is_loopback(host):
        raise SourceError(f"{host}: met a password and no TLS, expected mqtts:// so that it is not sent in the clear")
    tls = _tls(choices) if scheme == "mqtts" else None
    return Address(host, port, topic, unquote(user) if user else None, password, choices.get("client_id"), tls)


def _is_filter(topic: str) -> bool:
    levels = topic.split("/")
    whole = all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)
    return whole and "#" not in levels[:-1] and "\0" not in topic and len(topic.encode()) < 65536


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password(file: str | None) -> str | None:
    if file is None:
        return os.environ.get(PASSWORD_VARIABLE)
    path = Path(file)
    try:
        with path.open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o077:
                raise SourceError(f"{path.name}: met file mode {mode:04o}, expected 0600, so that nobody else can read "
                                  f"the password; run: chmod 600 {path.name}")  # fmt: skip
            return opened.read(4096).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path.name}: the password is not readable ({type(error).__name__})") from None


def _tls(choices: dict[str, str]) -> ssl.SSLContext:
    """Checks the broker's certificate and name, always."""
    try:
        context = ssl.create_default_context(cafile=choices.get("ca_file"))
        if "cert_file" in choices:
            context.load_cert_chain(choices["cert_file"], choices.get("key_file"), password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SourceError(f"the broker's TLS files are not readable ({error})") from None
    return context
