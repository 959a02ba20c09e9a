"""An OpenID provider's id_token into an identity (OpenID Connect Core 1.0, 3.1.3.7)."""

import hmac
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import EmailStr, TypeAdapter, ValidationError

from api.auth.signed import BadTokenError, Verifier, read
from storage.tenancy import Identity

MAX_SUBJECT = 255
MIN_NAME, MAX_NAME = 2, 100
_EMAIL = TypeAdapter(EmailStr)


@dataclass(frozen=True)
class Provider:
    """A configured provider, under the name that the specification has for it."""

    name: str
    verifier: Verifier

    async def verify(self, id_token: str, nonce: str | None) -> Identity:
        """Return whom the token identifies; `nonce` is what the client sent to the provider, if it did.

        Raises:
            BadTokenError: a check refuses it, or it has no e-mail that the provider has verified.
            IssuerAwayError: the provider's keys cannot be read.
        """
        claims = await self.verifier.claims(read(id_token), "email", "email_verified")
        self._check_presenter(claims)
        _check_nonce(claims, nonce)
        email = _email(claims)
        return Identity(self.name, _subject(claims), email, _full_name(claims, email))

    def _check_presenter(self, claims: Mapping[str, Any]) -> None:
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self.verifier.audience:
            raise BadTokenError("it is for several audiences, and was not given to ours (azp)")


def _check_nonce(claims: Mapping[str, Any], nonce: str | None) -> None:
    if nonce is None:
        return
    found = claims.get("nonce")
    if not isinstance(found, str) or not hmac.compare_digest(_bytes(found), _bytes(nonce)):
        raise BadTokenError("its nonce is another")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _subject(claims: Mapping[str, Any]) -> str:
    subject: str = claims["sub"]
    if len(subject) > MAX_SUBJECT or not subject.isascii() or not subject.isprintable():
        raise BadTokenError(f"its sub is not 1 to {MAX_SUBJECT} printable ASCII characters")
    return subject


def _email(claims: Mapping[str, Any]) -> str:
    # Only the provider's own claim counts. Supabase's `user_metadata` has a field of that name too, which
    # its user can write.
    if claims["email_verified"] is not True and claims["email_verified"] != "true":
        raise BadTokenError("its e-mail is not verified")
    email = claims["email"]
    # EmailStr would take `Ann <ann@example.org>` as well.
    if not isinstance(email, str) or "<" in email:
        raise BadTokenError("its e-mail is none")
    try:
        return _EMAIL.validate_python(email)
    except ValidationError:
        raise BadTokenError("its e-mail is none") from None


def _full_name(claims: Mapping[str, Any], email: str) -> str:
    names = (_tidy(name) for name in _names(claims, email))
    return next(name for name in names if len(name) >= MIN_NAME)


def _names(claims: Mapping[str, Any], email: str) -> Iterator[object]:
    yield claims.get("name")
    metadata = claims.get("user_metadata")
    if isinstance(metadata, dict):
        yield metadata.get("full_name")
    given, family = claims.get("given_name"), claims.get("family_name")
    yield " ".join(part for part in (given, family) if isinstance(part, str))
    yield email.partition("@")[0]
    yield email


def _tidy(name: object) -> str:
    """Return the name without what a database or a screen cannot hold: control characters, surrogates."""
    if not isinstance(name, str):
        return ""
    kept = (" " if unicodedata.category(sign) in {"Cc", "Cs"} else sign for sign in name)
    return " ".join("".join(kept).split())[:MAX_NAME].rstrip()
