"""Addresses at which no Ray cluster can be, each in one line, and soon."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from export_pipeline.errors import UsageError
from export_pipeline.sweep.address import HELLO, check_address

SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@contextlib.contextmanager
def listening(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """The address of a server that takes one call, and gives *answer* to what it hears."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer(connection.recv(len(HELLO))))
                with contextlib.suppress(ConnectionError):  # who called may leave without a word
                    connection.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize("address", ["", "there", "there:", "there:port", "there:70000", "ray://there:10001"])
def test_what_is_no_address_is_refused_with_what_one_is(address: str) -> None:
    with pytest.raises(UsageError, match=f"the address is {address}; it must be auto, or the host:port of the head"):
        check_address(address)


def test_a_machine_that_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match=r"at a..b:6379: no machine is called a..b\. The head's 'ray start --head'"):
        check_address("a..b:6379")


def test_a_port_where_nothing_listens_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UsageError, match=f"127.0.0.1 answers, but nothing listens at port {port}"):
        check_address(f"127.0.0.1:{port}")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "a web server"])
def test_something_else_at_the_port_is_told_from_ray(answer: bytes) -> None:
    with listening(lambda _: answer) as address, pytest.raises(UsageError, match="something else listens at that port"):
        check_address(address, 0.2)


def test_what_talks_as_ray_does_is_let_through() -> None:
    heard = list[bytes]()
    with listening(lambda said: heard.append(said) or SETTINGS) as address:
        check_address(address)
    assert heard == [HELLO]
