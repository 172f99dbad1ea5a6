"""Whether a Ray cluster can be at an address. Ray itself would try for minutes, and does not say what is wrong."""

from __future__ import annotations

import os
import socket

from export_pipeline.errors import UsageError

SECONDS = 5.0
# What a client of HTTP/2 begins with, by which gRPC, and so Ray, talks: the preface and empty settings; the server's
# own settings must be its first answer (RFC 9113, 3.4).
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
SETTINGS = 4
ALLOWED = "it must be auto, or the host:port of the head of a cluster that this machine is a node of"
ADVICE = "The head's 'ray start --head' tells its address."


def check_address(address: str, seconds: float = SECONDS) -> None:
    """Refuse *address* when no Ray cluster can be there.

    Args:
        address: ``host:port``.
        seconds: most that each answer may take.

    Raises:
        UsageError: it is none, no machine or nothing on it answers there, or what answers is not Ray.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"the address is {address}; {ALLOWED}")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), seconds) as connection:
            is_ray = "RAY_USE_TLS" in os.environ or _speaks_http2(connection)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"no Ray cluster at {address}: {_why(error, host, port, seconds)}. {ADVICE}") from error
    if not is_ray:
        raise UsageError(f"no Ray cluster at {address}: something else listens at that port. {ADVICE}")


def _speaks_http2(connection: socket.socket) -> bool:
    connection.sendall(HELLO)
    try:
        return connection.recv(4)[3:] == bytes((SETTINGS,))
    except (TimeoutError, ConnectionError):
        return False


def _why(error: OSError | UnicodeError, host: str, port: str, seconds: float) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):  # the latter for what cannot even be asked for
        return f"no machine is called {host}"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} answers, but nothing listens at port {port}"
    if isinstance(error, TimeoutError):
        return f"{host} has not answered for {seconds:g} s"
    return error.strerror or str(error)
