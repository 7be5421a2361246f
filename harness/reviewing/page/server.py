"""A review folder -> its page at an address of this machine, until somebody stops it."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.reviewing.checking import annotator_name
from harness.reviewing.desk import Desk
from harness.reviewing.page.sessions import Sessions
from harness.reviewing.store import Review

HOST: Final = "127.0.0.1"
_STOPS: Final = 2
"""Seconds that open connections are given when the program is stopped."""


class Served:
    """The page, bound to its port; `run` answers until `stop`."""

    def __init__(self, folder: Path, people: Sequence[str], *, adjudicate: bool = False, port: int = 0) -> None:
        """Open the review and take the port.

        Args:
            folder: of the review.
            people: who decides; each gets an address of her own.
            adjudicate: show what people did not agree on, and decide it.
            port: 0 takes one that is free.

        Raises:
            UsageError: there is no review, the port is taken, a name is none, or the web packages are not installed.
            DataError: the review is broken.
        """
        _check_installed()
        names = tuple(dict.fromkeys(annotator_name(name) for name in people))
        desk = Desk(Review(folder), adjudicate=adjudicate)
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        sessions = Sessions(names)
        self.addresses: Mapping[str, str] = {
            who: f"http://{HOST}:{self.port}/?token={token}" for who, token in sessions.tokens().items()
        }
        """Person -> the address that opens the page, once."""
        from harness.reviewing.page.app import Application

        self._server = _server(Application(desk, sessions, self.port))

    def run(self) -> None:
        """Answer until `stop`, Ctrl-C or a signal to end."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._server.should_exit = True


def serve(
    folder: Path,
    *,
    annotator: str | Sequence[str],
    adjudicate: bool = False,
    port: int = 0,
    open_browser: bool = True,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Show a review until Ctrl-C.

    Args:
        folder: of the review.
        annotator: who decides; several at once get an address each.
        adjudicate: show what people did not agree on, and decide it.
        port: 0 takes one that is free.
        open_browser: open the first address, where this machine has a screen.
        on_ready: called with each address, in the order of the names, when the page can be opened; prints it by default.

    Raises:
        UsageError: there is no review, the port is taken, a name is none, or the web packages are not installed.
        DataError: the review is broken.
    """
    people = [annotator] if isinstance(annotator, str) else list(annotator)
    served = Served(folder, people, adjudicate=adjudicate, port=port)
    for address in served.addresses.values():
        (on_ready or _print)(address)
    if open_browser and has_screen():
        webbrowser.open(next(iter(served.addresses.values())))
    with contextlib.suppress(KeyboardInterrupt):
        served.run()


def has_screen() -> bool:
    """Whether a browser can be opened that is no program of this terminal."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _bound(port: int) -> socket.socket:
    """A socket of this machine only, which takes connections from now on."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        raise UsageError(
            f"port {port} cannot be used ({getattr(error, 'strerror', None) or error}); give another --port"
        ) from None
    return found


def _server(application: Any) -> Any:
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            application.asgi,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # a page of another site must not write into this terminal
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_STOPS,
        )
    )


def _check_installed() -> None:
    from importlib.util import find_spec

    lacking = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if lacking:
        raise UsageError(f"the review page needs {' and '.join(lacking)}: pip install 'culture-harness[data]'")


def _print(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
