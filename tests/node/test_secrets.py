"""The secret side: what is written, who may read it, what opens it, and what it signs and seals."""

from __future__ import annotations

import errno
import os
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tieline.core import charter, encode, identity
from tieline.core.crypto import sha256, verify, verify_mldsa
from tieline.core.errors import LocalError, RemoteError, ShellError, TielineError
from tieline.core.identity import CardStation
from tieline.core.terms import MAX_TIME_MS
from tieline.node import homekeys, pinned, privatefile, sealed, sealing, secrets
from tieline.node.homekeys import NewHome
from tieline.node.secrets import KeyFile, Passphrase, RootKey, StationKeys
from tieline.ports import Signer

REALM = "SPRING-TIDE"


def refused(code: str, act: Callable[[], object], kind: type[TielineError] = TielineError) -> str:
    with pytest.raises(kind) as caught:
        act()
    assert caught.value.code == code, caught.value.message
    return caught.value.message


def new_home(folder: Path, party: str, realm: str = REALM) -> NewHome:
    folder.mkdir()
    return homekeys.create_home_keys(
        folder,
        party=party,
        party_name=f"Force of {party.title()}",
        realm=realm,
        station_name="main",
        unlock_with=secrets.create_key_file(folder / "station.key"),
        addresses=("127.0.0.1:7411", "[::1]:7411"),
    )


@dataclass(frozen=True)
class World:
    folder: Path
    homes: dict[str, NewHome]

    def keys(self, party: str) -> StationKeys:
        return self.homes[party].station

    def key_file(self, party: str) -> KeyFile:
        return KeyFile(self.folder / party / "station.key")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("homes")
    return World(folder, {code: new_home(folder / code, code) for code in ("ALPHA", "BRAVO")})


# ---------------------------------------------------------------------------------- the homes


def test_a_new_home_has_three_private_files(world: World) -> None:
    for name in ("root.tlk", "keys.tlk", "machine.id", "station.key"):
        mode = (world.folder / "ALPHA" / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600, name
    machine = homekeys.read_machine_id(world.folder / "ALPHA")
    assert len(machine) == 32
    assert machine != homekeys.read_machine_id(world.folder / "BRAVO")


def test_what_was_made_is_what_is_unlocked(world: World) -> None:
    made = world.homes["ALPHA"]
    opened = secrets.unlock(world.folder / "ALPHA" / "keys.tlk", world.key_file("ALPHA"))
    assert opened.certificate == made.station.certificate
    assert opened.db_key == made.station.db_key
    assert opened.tls_key_pem() == made.station.tls_key_pem()
    assert opened.root_key == made.root.public
    root = secrets.unlock_root(world.folder / "ALPHA" / "root.tlk", world.key_file("ALPHA"))
    assert (root.public, root.party, root.party_name, root.realm) == (
        made.root.public,
        "ALPHA",
        "Force of Alpha",
        REALM,
    )


def test_no_private_key_is_in_a_file_in_clear_or_in_a_repr(world: World) -> None:
    keys = world.keys("ALPHA")
    data = (world.folder / "ALPHA" / "keys.tlk").read_bytes()
    for secret in (keys._sign[:32], keys._cosign[:32], keys._tls, keys._seal[:32], keys.db_key):
        assert secret not in data
        for shown in (repr(keys), str(keys), repr(world.homes["ALPHA"])):
            assert secret.hex() not in shown
            assert repr(secret) not in shown
    assert "swordfish" not in repr(Passphrase("swordfish"))


def test_all_secrets_of_a_home_are_different(world: World) -> None:
    keys = world.keys("ALPHA")
    parts = [keys._sign[:32], keys._cosign[:32], keys._tls, keys.db_key]
    parts += [keys._seal[start : start + 32] for start in (0, 32, 64)]
    assert len(set(parts)) == len(parts)


def test_the_first_card_is_the_party_s(world: World) -> None:
    card = world.homes["ALPHA"].card
    assert identity.parse_card(card.encoded) == card
    assert (card.party, card.realm, card.party_name) == ("ALPHA", REALM, "Force of Alpha")
    assert card.stations[0].addresses == ("127.0.0.1:7411", "[::1]:7411")
    pinned.check_certificate_keys(card.stations[0].certificate)


def test_a_second_station_shares_the_root_and_nothing_else(world: World, tmp_path: Path) -> None:
    first = world.homes["ALPHA"]
    root = secrets.unlock_root(world.folder / "ALPHA" / "root.tlk", world.key_file("ALPHA"))
    second = homekeys.create_station(
        tmp_path,
        root,
        station_name="reserve",
        unlock_with=Passphrase("another passphrase"),
        not_before_ms=1_000,
        not_after_ms=2_000,
    )
    assert not (tmp_path / "root.tlk").exists()
    assert second.root_key == first.root.public
    mine, theirs = first.station.certificate, second.certificate
    assert (theirs.not_before_ms, theirs.not_after_ms) == (1_000, 2_000)
    for field in ("station", "sign_key", "cosign_key", "seal_key", "tls_der"):
        assert getattr(mine, field) != getattr(theirs, field), field
    assert second.db_key != first.station.db_key
    card = root.card((*first.card.stations, CardStation(certificate=theirs)))
    assert {entry.certificate.station_name for entry in card.stations} == {"main", "reserve"}
    assert identity.fingerprint(card) == identity.fingerprint(first.card)


@pytest.mark.parametrize("name", ["root.tlk", "keys.tlk", "machine.id"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_home_that_has_keys_is_left_as_it_is(tmp_path: Path, name: str, dangling: bool) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if dangling:
        (home / name).symlink_to(tmp_path / "nowhere")
    else:
        (home / name).write_bytes(b"precious")
    message = refused("keys.exists", lambda: _make(home), LocalError)
    assert str(home / name) in message
    assert [entry.name for entry in home.iterdir()] == [name]
    assert dangling or (home / name).read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()


def _make(home: Path, **changes: Any) -> NewHome:
    arguments: dict[str, Any] = {
        "party": "ALPHA",
        "party_name": "Alpha",
        "realm": "",
        "station_name": "main",
        "unlock_with": Passphrase("a long passphrase"),
    }
    return homekeys.create_home_keys(home, **{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"party": "alpha"}, "card.party"),
        ({"party_name": "Al\u202epha"}, "card.name"),
        ({"realm": "spring"}, "card.realm"),
        ({"station_name": "Main"}, "certificate.name"),
        ({"addresses": ("127.0.0.1",)}, "address.port"),
        ({"addresses": ("::1:7411",)}, "address.form"),
        ({"unlock_with": Passphrase("short")}, "keys.passphrase"),
        ({"root_unlock_with": Passphrase("")}, "keys.passphrase"),
    ],
)
def test_a_home_that_cannot_be_made_leaves_no_file(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    refused(code, lambda: _make(tmp_path, **changes), LocalError)
    assert list(tmp_path.iterdir()) == []


def test_a_home_without_a_folder_is_refused(tmp_path: Path) -> None:
    refused("keys.home", lambda: _make(tmp_path / "no"), LocalError)


# --------------------------------------------------------------------------------- the stores


def test_a_passphrase_opens_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    home = _make(tmp_path, root_unlock_with=Passphrase("the root's own"))
    path = tmp_path / "keys.tlk"
    assert secrets.opens_with_passphrase(path)
    opened = secrets.unlock(path, Passphrase("a long passphrase"))
    assert opened.db_key == home.station.db_key
    for wrong in ("a long passphrasf", "A long passphrase", "a long passphrase ", ""):
        refused("keys.locked", lambda: secrets.unlock(path, Passphrase(wrong)), LocalError)  # noqa: B023
    root = tmp_path / "root.tlk"
    refused("keys.locked", lambda: secrets.unlock_root(root, Passphrase("a long passphrase")))
    assert secrets.unlock_root(root, Passphrase("the root's own")).public == home.root.public


def test_composed_and_decomposed_letters_are_one_passphrase(tmp_path: Path) -> None:
    _make(tmp_path, unlock_with=Passphrase("\u00e9cluse de nuit"))
    secrets.unlock(tmp_path / "keys.tlk", Passphrase("e\u0301cluse de nuit"))


def test_the_other_way_to_open_is_named_and_refused_alike(world: World, tmp_path: Path) -> None:
    _make(tmp_path)
    message = refused(
        "keys.locked", lambda: secrets.unlock(tmp_path / "keys.tlk", world.key_file("ALPHA"))
    )
    assert "opens with a passphrase" in message
    path = world.folder / "ALPHA" / "keys.tlk"
    assert not secrets.opens_with_passphrase(path)
    message = refused("keys.locked", lambda: secrets.unlock(path, Passphrase("a passphrase")))
    assert "opens with a key file" in message


def test_the_wrong_store_is_named(world: World) -> None:
    home, key = world.folder / "ALPHA", world.key_file("ALPHA")
    refused("keys.kind", lambda: secrets.unlock(home / "root.tlk", key), LocalError)
    refused("keys.kind", lambda: secrets.unlock_root(home / "keys.tlk", key), LocalError)


@pytest.mark.parametrize("name", ["keys.tlk", "root.tlk"])
def test_any_byte_changed_anywhere_is_the_one_refusal(
    world: World, tmp_path: Path, name: str
) -> None:
    good = (world.folder / "ALPHA" / name).read_bytes()
    key = world.key_file("ALPHA")
    path = tmp_path / name
    path.touch(mode=0o600)
    opening = secrets.unlock if name == "keys.tlk" else secrets.unlock_root
    for place in range(len(good)):
        changed = good[place] ^ 1 << (place % 8)
        path.write_bytes(good[:place] + bytes((changed,)) + good[place + 1 :])
        refused("keys.locked", lambda: opening(path, key), LocalError)
    for cut in (0, 1, 20, len(good) - 1):
        path.write_bytes(good[:cut])
        refused("keys.locked", lambda: opening(path, key), LocalError)
    path.write_bytes(good + b"\x00")
    refused("keys.locked", lambda: opening(path, key), LocalError)
    path.write_bytes(good)
    opening(path, key)


def test_a_passphrase_store_with_a_changed_byte_is_locked(tmp_path: Path) -> None:
    _make(tmp_path)
    path = tmp_path / "keys.tlk"
    good = path.read_bytes()
    # Each place costs a derivation here: one in each of form, way, salt, nonce, box and tag.
    for place in (3, 24, 30, 45, 80, len(good) - 1):
        path.write_bytes(good[:place] + bytes((good[place] ^ 4,)) + good[place + 1 :])
        refused("keys.locked", lambda: secrets.unlock(path, Passphrase("a long passphrase")))


def test_two_stores_of_the_same_keys_share_no_byte_of_their_box(tmp_path: Path) -> None:
    unlock_with = secrets.create_key_file(tmp_path / "key")
    _make(tmp_path, unlock_with=unlock_with)
    path = tmp_path / "keys.tlk"
    before = path.read_bytes()
    secrets.change_unlock(path, unlock_with, unlock_with)
    after = path.read_bytes()
    assert len(before) == len(after)
    assert before[25:41] != after[25:41]
    assert sum(a == b for a, b in zip(before[60:], after[60:], strict=True)) < len(before) // 20


@pytest.mark.parametrize("name", ["keys.tlk", "root.tlk"])
def test_the_way_to_open_can_be_changed(tmp_path: Path, name: str) -> None:
    key_file = secrets.create_key_file(tmp_path / "key")
    _make(tmp_path, unlock_with=key_file)
    path = tmp_path / name
    opening = secrets.unlock if name == "keys.tlk" else secrets.unlock_root
    public = _root_of(opening(path, key_file))
    secrets.change_unlock(path, key_file, Passphrase("a passphrase now"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    refused("keys.locked", lambda: opening(path, key_file))
    assert _root_of(opening(path, Passphrase("a passphrase now"))) == public
    refused(
        "keys.locked", lambda: secrets.change_unlock(path, Passphrase("not that one"), key_file)
    )
    weak = Passphrase("weak")
    refused(
        "keys.passphrase",
        lambda: secrets.change_unlock(path, Passphrase("a passphrase now"), weak),
    )
    opening(path, Passphrase("a passphrase now"))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(
        ["key", "keys.tlk", "machine.id", "root.tlk"]
    )


def _root_of(opened: StationKeys | RootKey) -> bytes:
    return opened.public if isinstance(opened, RootKey) else opened.root_key


# ---------------------------------------------------------------------------------- the files


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o601, 0o610])
@pytest.mark.parametrize("name", ["keys.tlk", "key"])
def test_a_file_that_others_may_touch_is_refused_with_the_cure(
    tmp_path: Path, name: str, mode: int
) -> None:
    path = tmp_path / name
    privatefile.write_new(path, bytes(32))
    path.chmod(mode)
    message = refused("keys.mode", lambda: privatefile.read(path), LocalError)
    assert f"{mode:04o}" in message
    assert f"chmod 600 {path}" in message
    path.chmod(0o400)
    assert privatefile.read(path) == bytes(32)


def test_a_wide_key_file_does_not_open(world: World, tmp_path: Path) -> None:
    wide = tmp_path / "key"
    wide.write_bytes(world.key_file("ALPHA").path.read_bytes())
    wide.chmod(0o640)
    path = world.folder / "ALPHA" / "keys.tlk"
    refused("keys.mode", lambda: secrets.unlock(path, KeyFile(wide)), LocalError)
    wide.chmod(0o600)
    secrets.unlock(path, KeyFile(wide))


def test_a_key_file_of_another_length_is_refused(world: World, tmp_path: Path) -> None:
    path = tmp_path / "key"
    privatefile.write_new(path, bytes(31))
    store = world.folder / "ALPHA" / "keys.tlk"
    refused("keys.keyfile", lambda: secrets.unlock(store, KeyFile(path)), LocalError)


def test_files_that_are_none_are_refused(tmp_path: Path, world: World) -> None:
    key = world.key_file("ALPHA")
    refused("keys.missing", lambda: secrets.unlock(tmp_path / "no", key), ShellError)
    refused("keys.file", lambda: secrets.unlock(tmp_path, key), LocalError)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    refused("keys.file", lambda: privatefile.read(pipe), LocalError)
    large = tmp_path / "large"
    privatefile.write_new(large, bytes(65_537))
    refused("keys.file", lambda: privatefile.read(large), LocalError)


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    privatefile.write_new(path, bytes(32))
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner != 0:
        refused("keys.owner", lambda: privatefile.read(path), LocalError)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert privatefile.read(path) == bytes(32)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "key"
    secrets.create_key_file(path)
    before = path.read_bytes()
    refused("keys.exists", lambda: secrets.create_key_file(path), LocalError)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_one_who_comes_first_between_look_and_link_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    real = os.link

    def late(source: Path, target: Path) -> None:
        target.write_bytes(b"first")
        real(source, target)

    monkeypatch.setattr(os, "link", late)
    refused("keys.exists", lambda: privatefile.write_new(path, b"second"), LocalError)
    assert path.read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_system_without_links_is_served_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "key"
    privatefile.write_new(path, b"content")
    assert path.read_bytes() == b"content"
    refused("keys.exists", lambda: privatefile.write_new(path, b"other"), LocalError)
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_the_bytes_are_synced_before_the_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, steps = tmp_path / "key", []
    real_sync, real_link, real_replace = os.fsync, os.link, Path.replace

    def sync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        size = os.fstat(descriptor).st_size if kind == "file" else path.exists()
        steps.append((kind, size))
        real_sync(descriptor)

    def link(source: Path, target: Path) -> None:
        steps.append(("link", target.exists()))
        real_link(source, target)

    def put(source: Path, target: Path) -> Path:
        steps.append(("replace", target.exists()))
        return real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(Path, "replace", put)
    privatefile.write_new(path, b"12345")
    privatefile.replace(path, b"123")
    assert steps == [
        ("file", 5),
        ("link", False),
        ("folder", True),
        ("file", 3),
        ("replace", True),
        ("folder", True),
    ]


@pytest.mark.parametrize("failing", ["fsync", "link", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_leaves_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, number: int
) -> None:
    def fail(*arguments: object, **more: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(ShellError) as caught:
        privatefile.write_new(tmp_path / "key", b"content")
    monkeypatch.undo()
    assert caught.value.code == "keys.write"
    assert caught.value.transient is (number == errno.ENOSPC)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_change_of_unlock_leaves_the_old_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = secrets.create_key_file(tmp_path / "key")
    _make(tmp_path, unlock_with=key)

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "keys.tlk"
    refused("keys.write", lambda: secrets.change_unlock(path, key, key), ShellError)
    monkeypatch.undo()
    secrets.unlock(path, key)
    assert len(list(tmp_path.iterdir())) == 4


# --------------------------------------------------------------------------------- signatures


def test_the_station_signs_with_the_keys_of_its_certificate(world: World) -> None:
    keys: Signer = world.keys("ALPHA")
    certificate = world.keys("ALPHA").certificate
    for size in (0, 1, 64, 5000):
        message = os.urandom(size)
        assert verify(certificate.sign_key, message, keys.sign(message))
        assert verify(certificate.cosign_key, message, keys.cosign(message))
        assert not verify(certificate.sign_key, message, keys.cosign(message))
        assert len(keys.sign(message)) == 64


def test_the_mldsa_key_is_the_one_whose_hash_the_certificate_has(world: World) -> None:
    keys = world.keys("ALPHA")
    made = keys.cosign_mldsa(b"message")
    key, signature = made[:1312], made[1312:]
    assert sha256(key) == keys.certificate.mldsa_hash
    assert verify_mldsa(key, b"message", signature)
    assert not verify_mldsa(key, b"massage", signature)
    assert key != world.keys("BRAVO").cosign_mldsa(b"")[:1312]


def test_a_key_store_from_before_mldsa_opens_and_signs_all_else(
    world: World, tmp_path: Path
) -> None:
    root = world.homes["ALPHA"].root
    plain = encode.loads(secrets._new_station(root, "old", 0, MAX_TIME_MS))
    assert isinstance(plain, dict)
    del plain[8]
    path = tmp_path / "old.tlk"
    unlock_with = Passphrase("correct horse")
    path.write_bytes(secrets.lock_store(path, "station", encode.dumps(plain), unlock_with))
    path.chmod(0o600)
    keys = secrets.unlock(path, unlock_with)
    assert verify(keys.certificate.sign_key, b"message", keys.sign(b"message"))
    refused("keys.no_mldsa", lambda: keys.cosign_mldsa(b"message"))


def test_the_root_signs_only_for_its_party_and_realm(world: World, tmp_path: Path) -> None:
    alpha, bravo = world.homes["ALPHA"], world.homes["BRAVO"]
    certificate = alpha.station.certificate
    fields: dict[str, Any] = {
        name: getattr(certificate, name)
        for name in (
            "party",
            "realm",
            "station_name",
            "sign_key",
            "cosign_key",
            "seal_key",
            "mldsa_hash",
        )
    }
    fields |= {"tls_der": certificate.tls_der, "not_before_ms": 0, "not_after_ms": MAX_TIME_MS}
    fields["root_key"] = alpha.root.public
    good = identity.certificate_payload(**fields)
    assert alpha.root.sign_certificate(good) == certificate.encoded
    for changes in ({"party": "BRAVO"}, {"realm": ""}):
        payload = identity.certificate_payload(**{**fields, **changes})
        refused("root.foreign", lambda: alpha.root.sign_certificate(payload), LocalError)  # noqa: B023
    refused("certificate.station", lambda: bravo.root.sign_certificate(good), LocalError)

    live = new_home(tmp_path / "live", "ALPHA", realm="")
    refused("card.signature", lambda: live.root.sign_card(_payload(bravo)), LocalError)


def _payload(home: NewHome) -> bytes:
    return identity.card_payload(
        party=home.card.party,
        party_name=home.card.party_name,
        realm=home.card.realm,
        root_key=home.card.root_key,
        stations=home.card.stations,
    )


def test_the_root_signs_only_charters_that_name_it(world: World, tmp_path: Path) -> None:
    alpha, bravo = world.homes["ALPHA"], world.homes["BRAVO"]
    made = charter.make_charter("North", (alpha.card, bravo.card), nonce=bytes(16))
    signed = charter.SignedCharter(charter=made)
    for home in (alpha, bravo):
        signed = signed.add_signature(home.root.party, home.root.sign_charter(made))
    assert signed.complete
    other = new_home(tmp_path / "other", "ALPHA")
    refused("charter.signer", lambda: other.root.sign_charter(made), LocalError)
    live = new_home(tmp_path / "live", "ALPHA", realm="")
    refused("root.foreign", lambda: live.root.sign_charter(made), LocalError)
    forged = replace(made, body=made.body[:-2] + b"\x00")  # 30 seconds of silence: 0
    refused("charter.silence", lambda: alpha.root.sign_charter(forged), LocalError)


# -------------------------------------------------------------------------------------- TLS


@dataclass
class End:
    """One end of a TLS 1.3 session in memory."""

    context: ssl.SSLContext
    server: bool

    def __post_init__(self) -> None:
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.inward, self.outward, server_side=self.server)
        self.done = False

    def step(self) -> None:
        try:
            self.tls.do_handshake()
            self.done = True
        except ssl.SSLWantReadError:
            pass

    def give(self, other: End) -> None:
        other.inward.write(self.outward.read())


def test_the_tls_key_is_written_as_the_library_writes_it(world: World) -> None:
    pem = world.keys("ALPHA").tls_key_pem()
    key = serialization.load_pem_private_key(pem, None)
    assert (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        == pem
    )
    assert (
        key.public_key()
        == x509.load_der_x509_certificate(world.keys("ALPHA").tls_cert_der).public_key()
    )


def _end(keys: StationKeys, pins: tuple[bytes, ...], folder: Path, server: bool) -> End:
    side = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=b"".join(pins))
    pem = folder / f"{keys.station.hex()}.pem"
    pem.write_bytes(keys.tls_key_pem() + ssl.DER_cert_to_PEM_cert(keys.tls_cert_der).encode())
    context.load_cert_chain(pem)
    return End(context, server)


def _shake(client: End, server: End) -> None:
    for _ in range(6):
        client.step()
        client.give(server)
        server.step()
        server.give(client)
    assert client.done
    assert server.done


def test_two_stations_that_pin_each_other_speak_tls_1_3(world: World, tmp_path: Path) -> None:
    alpha, bravo = world.keys("ALPHA"), world.keys("BRAVO")
    both = (alpha.tls_cert_der, bravo.tls_cert_der)
    client, server = _end(alpha, both, tmp_path, False), _end(bravo, both, tmp_path, True)
    _shake(client, server)
    assert client.tls.version() == server.tls.version() == "TLSv1.3"
    assert client.tls.getpeercert(binary_form=True) == bravo.tls_cert_der
    assert server.tls.getpeercert(binary_form=True) == alpha.tls_cert_der
    client.tls.write(b"over")
    client.give(server)
    assert server.tls.read(10) == b"over"


def test_a_station_that_is_not_pinned_is_refused_by_either_side(
    world: World, tmp_path: Path
) -> None:
    alpha, bravo = world.keys("ALPHA"), world.keys("BRAVO")
    (tmp_path / "x").mkdir()
    stranger = new_home(tmp_path / "stranger", "CHARLIE").station
    own = (bravo.tls_cert_der,)
    with pytest.raises(ssl.SSLCertVerificationError):  # the client does not know the server
        _shake(_end(alpha, own, tmp_path, False), _end(stranger, own, tmp_path, True))
    with pytest.raises(ssl.SSLCertVerificationError):  # the server does not know the client
        _shake(_end(stranger, own, tmp_path, False), _end(bravo, own, tmp_path, True))


def test_the_name_of_a_pinned_station_in_a_foreign_certificate_helps_nobody(
    world: World, tmp_path: Path
) -> None:
    """The same subject, another key: what the key of the pinned certificate did not prove."""
    alpha, bravo = world.keys("ALPHA"), world.keys("BRAVO")
    thief = new_home(tmp_path / "thief", "CHARLIE").station
    faked = pinned.self_signed(thief._tls, alpha.station)
    thief.certificate = replace(thief.certificate, tls_der=faked)
    pins = (alpha.tls_cert_der, bravo.tls_cert_der)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(_end(thief, pins, tmp_path, False), _end(bravo, pins, tmp_path, True))


def test_the_tls_certificate_is_for_all_times_and_signs_no_other(world: World) -> None:
    certificate = x509.load_der_x509_certificate(world.keys("ALPHA").tls_cert_der)
    assert certificate.not_valid_before_utc.isoformat() == "1970-01-01T00:00:00+00:00"
    assert certificate.not_valid_after_utc.isoformat() == "9999-12-31T23:59:59+00:00"
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert not basic.value.ca
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert len(world.keys("ALPHA").tls_cert_der) < 420


def test_unusable_tls_certificates_and_seal_keys_are_found_at_enrolment(world: World) -> None:
    good = world.keys("ALPHA").certificate
    pinned.check_certificate_keys(good)
    der = good.tls_der
    changed = der[:-1] + bytes((der[-1] ^ 1,))
    for bad in (b"\x30\x00", changed, der[:40] + b"\xff" + der[41:], _rsa_certificate()):
        broken = replace(good, tls_der=bad)
        refused("certificate.tls", lambda: pinned.check_certificate_keys(broken), RemoteError)  # noqa: B023
    for seal_key in (b"\xff" * 1216, good.seal_key[:-32] + bytes(32)):
        broken = replace(good, seal_key=seal_key)
        refused("certificate.seal_key", lambda: pinned.check_certificate_keys(broken), RemoteError)  # noqa: B023


def _rsa_certificate() -> bytes:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "x")])
    real = x509.load_der_x509_certificate(
        pinned.self_signed(bytes(32), bytes(8)),
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


# ------------------------------------------------------------------------------------ sealing


def test_each_recipient_opens_what_was_sealed_and_nobody_else(world: World, tmp_path: Path) -> None:
    alpha, bravo = world.keys("ALPHA"), world.keys("BRAVO")
    other = new_home(tmp_path / "other", "CHARLIE").station
    both = (alpha.certificate.seal_key, bravo.certificate.seal_key)
    for content in (b"", b"x", os.urandom(100_000)):
        data = other.seal(content, both)
        assert alpha.open_sealed(data) == bravo.open_sealed(data) == content
        message = refused("seal.not_ours", lambda: other.open_sealed(data), RemoteError)  # noqa: B023
        assert "2 other stations" in message
    alone = sealing.seal(b"for bravo", (bravo.certificate.seal_key,))
    refused("seal.not_ours", lambda: alpha.open_sealed(alone), RemoteError)


def test_the_order_of_recipients_does_not_show(world: World) -> None:
    keys = [world.keys(code).certificate.seal_key for code in ("ALPHA", "BRAVO")]
    for order in (keys, keys[::-1]):
        hints = [entry[0] for entry in sealed.parse(sealing.seal(b"", order)).wrapped]
        assert hints == sorted(hints)


def test_any_byte_of_a_sealed_file_changed_is_the_one_refusal(world: World) -> None:
    alpha, bravo = world.keys("ALPHA"), world.keys("BRAVO")
    data = sealing.seal(
        b"forty bytes of content, more or less.",
        (alpha.certificate.seal_key, bravo.certificate.seal_key),
    )
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        refused("seal.broken", lambda: alpha.open_sealed(bytes(changed)), RemoteError)  # noqa: B023
    for cut in (0, 1, 9, 1000, len(data) - 1):
        refused("seal.broken", lambda: alpha.open_sealed(data[:cut]), RemoteError)  # noqa: B023
    refused("seal.broken", lambda: alpha.open_sealed(data + b"\x00"), RemoteError)


def _resealed(form: sealed.Sealed) -> bytes:
    """A file whose short hash fits again: what one makes who knows the format."""
    return form.encode()


def test_a_forger_who_mends_the_short_hash_is_refused_too(world: World) -> None:
    alpha, bravo = world.keys("ALPHA"), world.keys("BRAVO")
    both = (alpha.certificate.seal_key, bravo.certificate.seal_key)
    form = sealed.parse(sealing.seal(b"content", both))
    other = sealed.parse(sealing.seal(b"content", both))
    own = sealed.hint(alpha.certificate.seal_key)
    theirs = sealed.hint(bravo.certificate.seal_key)
    wrapped = dict(form.wrapped)
    forgeries = [
        replace(form, commitment=bytes(32)),
        replace(form, box=other.box),
        replace(form, wrapped=other.wrapped),
        replace(form, wrapped=((own, wrapped[own]),)),  # a recipient taken out
        replace(form, wrapped=tuple(sorted({own: wrapped[theirs], theirs: b""}.items()))),
        replace(form, wrapped=tuple(sorted({own: wrapped[own], theirs: b""}.items()))),
        replace(form, wrapped=((own, b""),)),
        replace(form, box=b""),
    ]
    for forgery in forgeries:
        refused("seal.broken", lambda: alpha.open_sealed(_resealed(forgery)), RemoteError)  # noqa: B023
    assert alpha.open_sealed(_resealed(form)) == b"content"


def test_a_sealer_cannot_show_two_recipients_two_keys(world: World) -> None:
    """Both keys are well wrapped; only one of them fits the commitment."""
    alpha, bravo = world.keys("ALPHA"), world.keys("BRAVO")
    keys = {world.keys(code): os.urandom(32) for code in ("ALPHA", "BRAVO")}
    wrapped = {
        sealed.hint(s.certificate.seal_key): sealing._wrap(key, s.certificate.seal_key)
        for s, key in keys.items()
    }
    form = sealed.Sealed(
        commitment=sealing._commitment(keys[alpha]), wrapped=tuple(sorted(wrapped.items()))
    )
    for reader in (alpha, bravo):
        box = ChaCha20Poly1305(keys[reader]).encrypt(
            bytes(12), b"for one", sealed.DOMAIN + form.head()
        )
        data = replace(form, box=box).encode()
        if reader is alpha:
            assert reader.open_sealed(data) == b"for one"
        else:
            refused("seal.broken", lambda: bravo.open_sealed(data), RemoteError)  # noqa: B023


def test_who_can_be_sealed_to(world: World) -> None:
    key = world.keys("ALPHA").certificate.seal_key
    for recipients in ((), (key, key), (key[:-1],), (b"",), (b"\xff" * 1216,), (key,) * 129):
        refused("seal.recipients", lambda: sealing.seal(b"", recipients), LocalError)  # noqa: B023


def test_what_is_too_large_is_not_sealed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "MAX_CONTENT", 10)
    key = world.keys("ALPHA").certificate.seal_key
    sealing.seal(bytes(10), (key,))
    refused("seal.too_large", lambda: sealing.seal(bytes(11), (key,)), LocalError)


@pytest.mark.parametrize(
    "value",
    [
        "a0",
        "80",
        "83404040",
        "8340480000000000000000" + "40",
    ],
)
def test_what_is_no_sealed_file_is_broken(world: World, value: str) -> None:
    data = bytes.fromhex(value)
    refused("seal.broken", lambda: world.keys("ALPHA").open_sealed(data), RemoteError)


def test_a_head_that_is_not_exact_is_broken(world: World) -> None:
    key = world.keys("ALPHA").certificate.seal_key
    form = sealed.parse(sealing.seal(b"", (key,)))
    pair = form.wrapped[0]
    heads: list[encode.Value] = [
        (2, form.commitment, form.wrapped),
        (True, form.commitment, form.wrapped),
        (1, 0, form.wrapped),
        (1, form.commitment, ()),
        (1, form.commitment, (pair, pair)),
        (1, form.commitment, ((b"\xff" * 8, b""), pair)),
        (1, form.commitment, ((*pair, 0),)),
        (1, form.commitment, ((pair[0], 0),)),
        (1, form.commitment, tuple((bytes((n,)), b"") for n in range(129))),
        (1, form.commitment, {}),
        {1: 1},
    ]
    for value in heads:
        head = encode.dumps(value)
        data = encode.dumps((head, sha256(sealed.DOMAIN + head)[:8], form.box))
        with pytest.raises(RemoteError) as caught:
            sealed.parse(data)
        assert caught.value.code == "sealed.form"
