"""A security key made of software, as a browser would hand its words over."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, COPIES, MADE = 0x01, 0x08, 0x40


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class SoftKey:
    """One key. ``counter`` goes up with each signature; what it says can be bent before it does."""

    name: bytes = field(default_factory=lambda: os.urandom(32))
    counter: int = 0
    flags: int = PRESENT
    algorithm: int = -7
    cross: bool = False
    secret: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def make(self, options: dict[str, object], origin: str, host: str | None = None) -> str:
        """The answer to ``navigator.credentials.create``."""
        numbers = self.secret.public_key().public_numbers()
        public: dict[int, int | bytes] = {1: 2, 3: self.algorithm, -1: 1}
        public |= {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        named = bytes(16) + len(self.name).to_bytes(2, "big") + self.name + cbor2.dumps(public)
        rp = options["rp"]
        assert isinstance(rp, dict)
        said = self._said(host or str(rp["id"]), self.flags | MADE) + named
        return self._answer(
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said}),
            clientDataJSON=self._client("webauthn.create", options, origin),
        )

    def sign(self, options: dict[str, object], origin: str, host: str | None = None) -> str:
        """The answer to ``navigator.credentials.get``."""
        self.counter += 1
        said = self._said(host or str(options["rpId"]), self.flags)
        client = self._client("webauthn.get", options, origin)
        signed = said + hashlib.sha256(client).digest()
        return self._answer(
            clientDataJSON=client,
            authenticatorData=said,
            signature=self.secret.sign(signed, ec.ECDSA(SHA256())),
        )

    def _said(self, host: str, flags: int) -> bytes:
        named = hashlib.sha256(host.encode()).digest()
        return named + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, object], origin: str) -> bytes:
        told = {"type": kind, "challenge": options["challenge"], "origin": origin}
        return json.dumps(told | {"crossOrigin": self.cross}).encode()

    def _answer(self, **parts: bytes) -> str:
        named = text(self.name)
        response = {name: text(value) for name, value in parts.items()}
        return json.dumps({
            "id": named, "rawId": named, "type": "public-key",
            "clientExtensionResults": {}, "response": response,
        })  # fmt: skip
