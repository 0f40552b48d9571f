"""Who may use the server: the address it is asked by, the origin of a web page, and the token."""

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

#: What a web page, which cannot set headers, puts before the token in the list of subprotocols.
TOKEN_PROTOCOL = "a2k.token."

#: Characters of a token: those of a subprotocol's name, so that web pages can send it.
_TOKEN_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MIN_TOKEN_LENGTH = 16

#: Characters of a host and its port: none that would begin a path, or end a user's name.
_HOST_CHARACTERS = _TOKEN_CHARACTERS | set("[]:")


class Refusal(NamedTuple):
    """Why a request is refused: the HTTP status, a code for programs, and a sentence."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules for requests.

    Attributes:
        token: The secret that every request must bring; empty for none.
        origins: Origins of web pages that may use the server besides its own, e.g. `http://localhost:8000`.
        is_local: Whether only this machine reaches the server.

    Raises:
        ValueError: The token is too short or has other characters, or an origin is none.

    Example:
        >>> rules = Admission(token="", origins=(), is_local=True)
        >>> rules.refusal({"host": "127.0.0.1:8765"}) is None
        True
        >>> rules.refusal({"host": "127.0.0.1:8765", "origin": "https://evil.example"}).status
        403
    """

    token: str = ""
    origins: tuple[str, ...] = ()
    is_local: bool = True

    def __post_init__(self) -> None:
        if self.token and (len(self.token) < _MIN_TOKEN_LENGTH or not set(self.token) <= _TOKEN_CHARACTERS):
            raise ValueError(
                f"expected a token of at least {_MIN_TOKEN_LENGTH} letters, digits or -._~, "
                f"got {len(self.token)} characters; `openssl rand -hex 16` makes one"
            )
        for origin in self.origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or not parts.netloc
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(f"expected an origin such as https://example.org:8443, without a path, got {origin!r}")

    def refusal(self, headers: Mapping[str, str], *, subprotocols: Sequence[str] = ()) -> Refusal | None:
        """Return why a request with these headers, whose names are lower-case, is refused, or None."""
        host, origin = headers.get("host", ""), headers.get("origin", "")
        # A name of a stranger that leads here (DNS rebinding) would make the stranger's page one of this server.
        if self.is_local and not self.token and not self._is_known_host(host):
            return Refusal(403, "host", f"expected this machine's name as Host, e.g. 127.0.0.1, got {host[:100]!r}")
        if origin and origin not in self.origins and host_of(origin) != host.lower():
            return Refusal(
                403, "origin", f"pages of {origin[:100]!r} may not use this server; `a2k serve --origin` admits them"
            )
        if self.token and not self._has_token(headers, subprotocols):
            return Refusal(401, "token", "expected the server's token, as `Authorization: Bearer TOKEN`")
        return None

    def _is_known_host(self, host: str) -> bool:
        if not _HOST_CHARACTERS.issuperset(host):
            return False
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or host.lower() in {host_of(origin) for origin in self.origins}

    def _has_token(self, headers: Mapping[str, str], subprotocols: Sequence[str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        candidates = [given.strip()] if kind.lower() == "bearer" else []
        candidates += [name.removeprefix(TOKEN_PROTOCOL) for name in subprotocols if name.startswith(TOKEN_PROTOCOL)]
        return any(
            hmac.compare_digest(candidate.encode(errors="replace"), self.token.encode()) for candidate in candidates
        )


def host_of(origin: str) -> str:
    """Return host and port of an origin in lower case; empty where there is none, as in `null`.

    Example:
        >>> host_of("https://Example.org:8443")
        'example.org:8443'
    """
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Return whether an address or name leads to this machine alone.

    Example:
        >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
