"""The packs that a charter puts in force: chosen by name, kept in the home, shown to the signer.

A charter holds hashes. Nobody signs a hash that he cannot read: the pack must be here, as a file
that was brought or as one that comes with the software, before this party's root signs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tieline.core.agreement.model import Pack
from tieline.core.agreement.tongue import ENGLISH
from tieline.core.charter import Charter
from tieline.core.errors import LocalError
from tieline.desk.cli import files
from tieline.node import packs
from tieline.node.config import Home


def chosen(args: argparse.Namespace, home: Home, old: Sequence[bytes]) -> tuple[bytes, ...]:
    """The packs of a new version: the old ones, but for what the options say; kept in the home.

    A pack that is named again in another version takes the place of the one that was in force.
    Raises ``LocalError`` (``pack.missing``, ``charter.packs``) and what reading a pack raises.
    """
    known = {digest: here(home, digest) for digest in old}
    kept = dict(known)
    for name in args.no_pack:
        gone = [
            digest
            for digest, pack in kept.items()
            if digest.hex().startswith(name.lower()) or (pack is not None and pack.id == name)
        ]
        if len(gone) != 1:
            raise LocalError(
                "charter.packs",
                f"the charter has {len(gone)} packs called '{name}'; name one by its id or hash",
            )
        del kept[gone[0]]
    for name in args.pack:
        pack = packs.check_realm(packs.find(name), files.read_card(home.card_file).realm)
        for digest, other in list(kept.items()):
            if other is not None and other.id == pack.id:
                del kept[digest]
        clash = next((p for p in kept.values() if p is not None and p.tag == pack.tag), None)
        if clash is not None:
            raise LocalError(
                "charter.packs",
                f"the packs {clash.id} and {pack.id} both write their forms as '{pack.tag}/...';"
                " give one of them another tag",
            )
        packs.keep(home.path, pack)
        kept[pack.hash] = pack
    return tuple(sorted(kept))


def here(home: Home, digest: bytes) -> Pack | None:
    """The pack of a hash, when the home keeps it or it comes with the software (then it is kept).

    Raises ``RemoteError`` (``pack.bytes``).
    """
    found = packs.load_kept(home.path, digest)
    if found is not None:
        return found
    for name in packs.shipped():
        pack = packs.find(name)
        if pack.hash == digest:
            packs.keep(home.path, pack)
            return pack
    return None


def to_sign(home: Home, charter: Charter) -> list[str]:
    """What the signer reads of the packs. Raises ``LocalError`` (``charter.pack_missing``)."""
    out = []
    for digest in charter.packs:
        pack = here(home, digest)
        if pack is None:
            raise LocalError(
                "charter.pack_missing",
                f"the charter puts a pack in force that is not here ({digest.hex()}); get its file"
                " from who made the charter, read it, and run 'tieline pack keep FILE'",
            )
        out.append(described(packs.check_realm(pack, charter.realm)))
    return out


def described(pack: Pack) -> str:
    """A pack in one line."""
    title = pack.words[ENGLISH].get("pack.title", pack.id)
    return f"pack {pack.id}, version {pack.version}: {title} ({pack.hash.hex()})"
