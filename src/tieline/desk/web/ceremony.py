"""What a security key signs, and how that is judged (WebAuthn, by the library fido2; see there).

A key is bound to a host name, and a browser offers it only where it knows the page to be the one it
shows: over https, or at ``localhost``; an address in numbers is no such name. No attestation is
asked for: any key that the officer brings is good. The officer touches it; a PIN or a finger is not
asked for, since the password has been given before. A key whose secret can be copied to other
devices (a passkey kept in a cloud) is refused.

The library is loaded at the first key, not at the start of a desk.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError

if TYPE_CHECKING:
    from fido2.server import Fido2Server

TIMEOUT_MS: Final = 60_000
MAX_ANSWER: Final = 16_384  # bytes of what a browser sends back
MAX_ID: Final = 1_023  # bytes of a credential's name, as the standard bounds it
ALGORITHMS: Final = (-7, -8, -257)  # ES256, EdDSA, RS256


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands: the host name to which its keys are bound, and the origins it may have.

    ``origins``: scheme, host and port, as the browser writes them into what is signed.
    """

    host: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A key that was made: its name, its public half as the library keeps it, its counter."""

    credential: bytes
    public: bytes
    counter: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds: of which key, and what its counter says."""

    credential: bytes
    counter: int


def place(host: str) -> Place | None:
    """The place of a ``Host`` header; None where no browser lets a page use keys."""
    name = host.lower().rpartition(":")[0] if ":" in host else host.lower()
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        pass
    else:
        return None
    here = name == "localhost" or name.endswith(".localhost")
    schemes = ("http", "https") if here else ("https",)
    return Place(name, tuple(f"{scheme}://{host.lower()}" for scheme in schemes))


def to_make(
    where: Place, challenge: bytes, officer: str, handle: bytes, there: Sequence[bytes]
) -> dict[str, object]:
    """What a browser needs to have a key made. ``there``: public halves that the officer has."""
    from fido2.webauthn import (
        AttestedCredentialData,
        AuthenticatorAttachment,
        PublicKeyCredentialUserEntity,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options, _ = _server(where).register_begin(
        PublicKeyCredentialUserEntity(id=handle, name=officer, display_name=officer),
        credentials=[AttestedCredentialData(each) for each in there],
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=UserVerificationRequirement.DISCOURAGED,
        authenticator_attachment=AuthenticatorAttachment.CROSS_PLATFORM,
        challenge=challenge,
    )
    return _plain(options.public_key)


def to_sign(where: Place, challenge: bytes, there: Sequence[bytes]) -> dict[str, object]:
    """What a browser needs to have one of these keys sign."""
    from fido2.webauthn import AttestedCredentialData, UserVerificationRequirement

    options, _ = _server(where).authenticate_begin(
        [AttestedCredentialData(each) for each in there],
        user_verification=UserVerificationRequirement.DISCOURAGED,
        challenge=challenge,
    )
    return _plain(options.public_key)


def made(where: Place, challenge: bytes, answer: str) -> Made:
    """The key that a browser had made. Raises ``LocalError`` (``key.refused``, ``key.copies``)."""
    from fido2.webauthn import RegistrationResponse

    state = {"challenge": _text(challenge), "user_verification": None}
    try:
        response = RegistrationResponse.from_dict(_parsed(answer))
        data = _server(where).register_complete(state, response)
        foreign = response.response.client_data.cross_origin
    except Exception as error:  # the library says in many ways that bytes are wrong
        raise _refused() from error
    kept = data.credential_data
    if foreign or kept is None or kept.public_key.ALGORITHM not in ALGORITHMS:
        raise _refused()
    if data.is_backup_eligible() or data.is_backed_up():
        raise LocalError(
            "key.copies",
            "the secret of this key can be copied to other devices; bring one that keeps it",
        )
    if not 16 <= len(kept.credential_id) <= MAX_ID:
        raise _refused()
    return Made(kept.credential_id, bytes(kept), data.counter)


def signed(where: Place, challenge: bytes, answer: str, there: Sequence[bytes]) -> Signed:
    """The signature of one of these keys. Raises ``LocalError`` (``key.refused``)."""
    from fido2.webauthn import AttestedCredentialData, AuthenticationResponse

    state = {"challenge": _text(challenge), "user_verification": None}
    try:
        response = AuthenticationResponse.from_dict(_parsed(answer))
        known = [AttestedCredentialData(each) for each in there]
        key = _server(where).authenticate_complete(state, known, response)
        foreign = response.response.client_data.cross_origin
        counter = response.response.authenticator_data.counter
    except Exception as error:  # as above
        raise _refused() from error
    if foreign:
        raise _refused()
    return Signed(key.credential_id, counter)


def _server(where: Place) -> Fido2Server:
    from fido2.server import Fido2Server
    from fido2.webauthn import (
        AttestationConveyancePreference,
        PublicKeyCredentialParameters,
        PublicKeyCredentialRpEntity,
        PublicKeyCredentialType,
    )

    made = Fido2Server(
        PublicKeyCredentialRpEntity(id=where.host, name="Tieline"),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin in where.origins,
    )
    made.timeout = TIMEOUT_MS  # type: ignore[assignment]  # written as if it were always None
    made.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=each)
        for each in ALGORITHMS
    ]
    return made


def _plain(options: Mapping[str, object]) -> dict[str, object]:
    """As JSON has it: the library's own kinds of mappings and words inside become plain ones."""

    def plain(value: object) -> object:
        if isinstance(value, Mapping):
            return {str(name): plain(each) for name, each in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [plain(each) for each in value]
        return value if isinstance(value, int) else str(value)

    return {name: plain(value) for name, value in options.items() if value is not None}


def _parsed(answer: str) -> dict[str, object]:
    if len(answer) > MAX_ANSWER:
        raise ValueError("too long")
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _text(challenge: bytes) -> str:
    from fido2.utils import websafe_encode

    return websafe_encode(challenge)


def _refused() -> LocalError:
    return LocalError(
        "key.refused", "what the security key signed is not right here and now; touch it again"
    )
