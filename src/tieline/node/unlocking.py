"""The two ways in which a key store opens: a passphrase that a person types, or a key file.

This module does not know any key store; ``tieline.node.secrets`` opens them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tieline.node import privatefile

KEY_FILE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase as it was typed. Composed and decomposed letters count as the same."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The path of a key file of 32 random bytes, mode 0600: for a station that starts alone."""

    path: Path


Unlock = Passphrase | KeyFile


def create_key_file(path: Path) -> KeyFile:
    """Make a new key file. Raises ``LocalError`` (``keys.exists``), ``ShellError``."""
    privatefile.write_new(path, os.urandom(KEY_FILE_BYTES))
    return KeyFile(path)
