"""Whole homes made at once, as a party would make them, and a charter that all have signed.

For exercises, benchmarks and tests, where one hand makes all parties: each home has a root and a
station of its own, opened by a key file in it. Parties make theirs with ``tieline init`` and sign
one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieline.core.charter import Charter, SignedCharter
from tieline.core.identity import armor
from tieline.node.config import Home, write_config
from tieline.node.homekeys import NewHome, create_home_keys
from tieline.node.secrets import create_key_file
from tieline.store.sqlite import SqliteStore


def make_home(
    home: Home,
    *,
    party: str,
    party_name: str,
    realm: str = "",
    station_name: str = "ops",
    addresses: tuple[str, ...] = (),
) -> NewHome:
    """A home with everything in it: folders, keys, an empty store, its card and its configuration.

    The folder must not exist. Raises as ``create_home_keys`` does, and ``OSError``.
    """
    home.path.mkdir(mode=0o700, parents=True)
    new = create_home_keys(
        home.path,
        party=party,
        party_name=party_name,
        realm=realm,
        station_name=station_name,
        unlock_with=create_key_file(home.path / "key"),
        addresses=addresses,
    )
    SqliteStore.create(home.store_file, new.station.db_key).close()
    for path in (home.cards, home.charters, home.socket.parent):
        path.mkdir(mode=0o700)
    home.card_file.write_text(armor(new.card.encoded), encoding="ascii")
    write_config(home.config_file, home.config)
    return new


def sign_all(charter: Charter, made: Iterable[NewHome]) -> SignedCharter:
    """The charter, signed by the roots of these homes. Raises as ``add_signature`` does."""
    signed = SignedCharter(charter=charter)
    for new in made:
        signed = signed.add_signature(new.root.party, new.root.sign_charter(charter))
    return signed
