"""Access settings of a worker: its address, its token, and the names it answers to."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address

from ktrdr import settings
from ktrdr.errors import ArgumentInvalid

TOKEN = "KTRDR_API_TOKEN"
SHORTEST_TOKEN = 32
BACKLOG = 512
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Access:
    """Permission to call: a token (without one, every process of this machine) and the names of the service.

    Args:
        token: the shared secret; None means no authentication.
        hosts: the names a Host header may hold, lower case, without port.
    """

    token: str | None = None
    hosts: frozenset[str] = frozenset(_LOCAL_NAMES)

    @classmethod
    def from_environment(cls) -> Access:
        """Returns the access that the environment sets; raises ``ArgumentInvalid`` for a token that can be guessed."""
        return cls(_token(settings.api_token()), settings.allowed_hosts() or frozenset(_LOCAL_NAMES))


def _token(text: str | None) -> str | None:
    if not text:
        return None
    if len(text) < SHORTEST_TOKEN or not (text.isascii() and text.isprintable() and " " not in text):
        expected = f"at least {SHORTEST_TOKEN} printable ASCII characters without blanks"
        raise ArgumentInvalid(
            "not a token", where=settings.where(TOKEN), found=f"{len(text)} characters", expected=expected
        )
    return text


def listen(host: str, port: int, access: Access) -> socket.socket:
    """A listening socket; raises ``ArgumentInvalid`` for an address beyond this machine without a token.

    The name is resolved once, and what was judged is what is bound.
    """
    if not 0 <= port <= 65_535:
        raise ArgumentInvalid("must be a port", where="--port", found=port, expected="0 to 65535 (0: any that is free)")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise ArgumentInvalid("is not an address of this machine", where="--host", found=host) from None
    if access.token is None and not ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise ArgumentInvalid(
            "an address that others can reach needs a token",
            where="--host",
            found=host,
            expected="127.0.0.1",
            hint=f"set {TOKEN} to at least {SHORTEST_TOKEN} characters",
        )
    # asyncio only asks for TCP_NODELAY where a socket names its protocol; without, answers wait 40 ms for an ACK
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ArgumentInvalid(f"cannot listen: {error.strerror}", where=f"{host}:{port}") from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Returns the URL of a listening socket.

    >>> with listen("127.0.0.1", 0, Access()) as chosen:
    ...     url_of(chosen).startswith("http://127.0.0.1:")
    True
    """
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
