"""Signed tokens: links, cookies, media addresses and the marks that tie a form to the page it came from.

A token says what it is for and cannot be used for anything else; the key is made with the study's database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

__all__ = ["Signer", "new_visit"]

_OWNER_SECONDS = 12 * 3600


def new_visit() -> str:
    """A random mark for a browser that has no seat yet; it only ties forms to pages."""
    return secrets.token_urlsafe(18)


class Signer:
    """Signs and reads tokens with the study's key.

    Args:
        secret: the key.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        return URLSafeSerializer(self._secret, salt=f"mixedsignals.{purpose}", signer_kwargs=options)

    def sign(self, purpose: str, value: Any) -> str:
        """A token for one purpose."""
        made = self._serializer(purpose).dumps(value)
        return made if isinstance(made, str) else made.decode()

    def read(self, purpose: str, token: str | None) -> Any:
        """What a token says; None where it was not signed here for this purpose."""
        if not token or len(token) > 500:
            return None
        try:
            return self._serializer(purpose).loads(token)
        except (BadData, ValueError, UnicodeError):
            return None

    def owner_cookie(self, mark: str) -> str:
        """What the owner's browser keeps: valid for half a day, and until the password changes (`mark`)."""
        made = self._timed().dumps(mark)
        return made if isinstance(made, str) else made.decode()

    def is_owner(self, cookie: str | None, mark: str) -> bool:
        """Whether a cookie is the owner's."""
        if not cookie or len(cookie) > 500:
            return False
        try:
            return hmac.compare_digest(str(self._timed().loads(cookie, max_age=_OWNER_SECONDS)), mark)
        except (BadData, ValueError, UnicodeError):
            return False

    def _timed(self) -> URLSafeTimedSerializer:
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        return URLSafeTimedSerializer(self._secret, salt="mixedsignals.owner", signer_kwargs=options)

    def form_mark(self, session: str) -> str:
        """What a form carries to show that it comes from a page that this browser was given."""
        return hmac.new(self._secret.encode(), f"form:{session}".encode(), hashlib.sha256).hexdigest()

    def is_form_mark(self, session: str, mark: str) -> bool:
        """Whether a form comes from such a page."""
        return hmac.compare_digest(self.form_mark(session).encode(), mark.encode())
