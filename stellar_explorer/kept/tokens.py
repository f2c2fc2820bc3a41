"""Names in addresses that nobody can guess, the same for the same thing as long as the server runs."""

from __future__ import annotations

import hashlib
import hmac
import secrets


class Tokens:
    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, *parts: str) -> str:
        """Cannot be guessed without the photo itself: another visitor's addresses stay closed."""
        return hmac.new(self._secret, "\n".join(parts).encode(), hashlib.sha256).hexdigest()[:32]


class GoneError(ValueError):
    """What an address names is no longer kept; the photo must be given again."""
