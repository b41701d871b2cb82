"""Where a witness is asked: its submission prefix, as it stands in ``config.toml``.

Nothing that is slow to load is imported here, because every command reads the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tieline.core.errors import LocalError

MAX_URL: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A URL taken apart: TLS or not, host (IPv6 without brackets), port, path without last ``/``.

    ``authority`` is what the ``Host`` header says.
    """

    secure: bool
    host: str
    port: int
    path: str
    authority: str


def parse_url(text: str) -> Url:
    """Read a witness's submission prefix. Raises ``LocalError`` (``witness.url``)."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    plain = text.isascii() and text.isprintable() and " " not in text and len(text) <= MAX_URL
    extra = parts.query or parts.fragment or parts.username is not None
    if not plain or parts.scheme not in ("http", "https") or not host or extra or port == 0:
        raise LocalError(
            "witness.url",
            f"'{text[:80]}' is no address of a witness; write it as http://host:port or"
            " https://host/prefix",
        )
    secure = parts.scheme == "https"
    return Url(
        secure=secure,
        host=host,
        port=port or (443 if secure else 80),
        path=parts.path.rstrip("/"),
        authority=parts.netloc,
    )
