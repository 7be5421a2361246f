"""Who may use the page: a token that is printed once becomes a cookie once, and is void.

The cookie is called by the port, because browsers send a cookie of 127.0.0.1 to all its ports: two reviews in one browser would
take each other's. For the same reason another user's server on this machine is sent it by a browser that is led there. So every
question must also bring the session's second secret, the key: it is handed out once, with the cookie, and stays in the storage of
the page's own address, which no other port and no other site can read.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

MOST: Final = 100
"""Sessions that are kept; the oldest goes first."""


@dataclass(frozen=True)
class Session:
    """One browser of one person."""

    who: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """In the cookie."""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """In the storage of the page's address."""


class Sessions:
    """Tokens that were printed, and the sessions that came of them."""

    def __init__(self, people: tuple[str, ...]) -> None:
        self._lock = Lock()
        self._tokens = {secrets.token_urlsafe(32): who for who in people}
        self._open: OrderedDict[str, Session] = OrderedDict()

    def tokens(self) -> dict[str, str]:
        """Person -> the token that is not used yet."""
        return {who: token for token, who in self._tokens.items()}

    def exchange(self, token: str) -> Session | None:
        """A session for a token that nobody has used; None for any other."""
        with self._lock:
            known = next((one for one in self._tokens if hmac.compare_digest(one.encode(), token.encode())), None)
            if known is None:
                return None
            session = Session(self._tokens.pop(known))
            self._open[session.secret] = session
            while len(self._open) > MOST:
                self._open.popitem(last=False)
            return session

    def find(self, secret: str | None) -> Session | None:
        """The session of a cookie."""
        return self._open.get(secret) if secret else None


def same(one: str, other: str) -> bool:
    """Whether two secrets are one, in the same time whatever they are."""
    return hmac.compare_digest(one.encode(), other.encode())
