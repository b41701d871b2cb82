"""Two Matrix homeservers on loopback: how Synapse is installed, set up, started and stopped.

The settings are Synapse's own but for these: limits of rates are opened; presence, statistics and
servers of the network are off; each server believes an authority whose key is made here and kept
nowhere, and may speak to the other one alone, so that no byte leaves the machine. A server's name
is the address and port at which the other one dials. How long a server waits before it tries again
is left as it is: that is what a user gets. The database is SQLite, which needs nothing more than
the package; Synapse's documentation advises PostgreSQL for a server that many use.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import fetch
from figures import Json, JsonValue
from sides import Ports

HOST: Final = "127.0.0.1"
NAMES: Final = ("a", "b")
VENV: Final = fetch.BUILD / "synapse"
LOCK: Final = fetch.LOCKS / "synapse.txt"
_STAMP = "lock.sha256"  # written last, so that an install that was broken off is done again
_OPEN: Final[Json] = {"per_second": 1_000_000, "burst_count": 1_000_000}
_ASK_SQLITE = """
import sqlite3, tempfile
with tempfile.TemporaryDirectory() as folder:
    database = sqlite3.connect(folder + "/probe")
    database.execute("PRAGMA journal_mode = WAL")
    print(database.execute("PRAGMA synchronous").fetchone()[0])
    database.close()
"""
_LEVELS: Final = ("OFF", "NORMAL", "FULL", "EXTRA")  # by SQLite's number


# ------------------------------------------------------------------------------ what there is


def find() -> Path | None:
    """The Python of the environment that holds Synapse as the lock file has it, if it is there."""
    stamp = VENV / _STAMP
    if stamp.exists() and stamp.read_text(encoding="ascii") == _lock_hash():
        return VENV / "bin" / "python"
    return None


def install(say: Callable[[str], None]) -> str:
    """Make the environment, where it is not there as it should be; why not, or ""."""
    if find() is not None:
        return ""
    say("installing Matrix Synapse into build/bench (some 240 MB)")
    shutil.rmtree(VENV, ignore_errors=True)
    make = [sys.executable, "-m", "venv", "--without-pip", str(VENV)]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        last = ((made.stdout + made.stderr).strip().splitlines() or ["no reason given"])[-1]
        return f"an environment for Matrix Synapse could not be made: {last[:200]}"
    why = fetch.install(LOCK, before=["--python", str(VENV / "bin" / "python")], into=[])
    if why:
        shutil.rmtree(VENV, ignore_errors=True)
        return f"the wheels of matrix-synapse could not be installed: {why}"
    (VENV / _STAMP).write_text(_lock_hash(), encoding="ascii")
    return ""


def _lock_hash() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def synchronous(python: Path) -> str:
    """How SQLite syncs in Synapse's environment: Synapse asks for WAL and for nothing more."""
    command = [str(python), "-I", "-c", _ASK_SQLITE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return _LEVELS[int(done.stdout)]


# ------------------------------------------------------------------------------- certificates


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _signed(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    authority: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> bytes:
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("bench authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC))
        .add_extension(extension, critical=False)
        .sign(authority, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_certificates(folder: Path) -> None:
    """``authority.crt``, and for each server a certificate of that authority for 127.0.0.1."""
    authority = ec.generate_private_key(ec.SECP256R1())
    itself = x509.BasicConstraints(ca=True, path_length=0)
    (folder / "authority.crt").write_bytes(_signed("bench authority", authority, authority, itself))
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    for name in NAMES:
        key = ec.generate_private_key(ec.SECP256R1())
        (folder / f"{name}.crt").write_bytes(_signed(name, key, authority, place))
        (folder / f"{name}.key").write_bytes(_pem(key))


# ------------------------------------------------------------------------------------- servers


def settings(folder: Path, at: int, ports: Ports) -> Json:
    """What one server is told; ``folder`` has the certificates and is where it keeps its own."""
    name = NAMES[at]
    seed = base64.b64encode(os.urandom(32)).decode().rstrip("=")
    home = folder / name
    names: list[JsonValue] = [f"{HOST}:{port}" for port in ports.reached]
    client = _listener(ports.own[at], "client")
    carrier = {**_listener(ports.carried[at], "federation"), "tls": True}
    limits: Json = {
        "rc_message": _OPEN, "rc_registration": _OPEN, "rc_room_creation": _OPEN,
        "rc_joins": {"local": _OPEN, "remote": _OPEN}, "rc_joins_per_room": _OPEN,
        "rc_invites": {"per_room": _OPEN, "per_user": _OPEN, "per_issuer": _OPEN},
        "rc_federation": {"sleep_limit": 1_000_000, "reject_limit": 1_000_000, "concurrent": 64},
    }  # fmt: skip
    return {
        **limits,
        "server_name": names[at],
        "listeners": [client, carrier],
        "tls_certificate_path": str(folder / f"{name}.crt"),
        "tls_private_key_path": str(folder / f"{name}.key"),
        "federation_custom_ca_list": [str(folder / "authority.crt")],
        "federation_verify_certificates": True,
        "federation_domain_whitelist": names,
        "ip_range_blacklist": [],  # what allows an address again is not asked for names like ours
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "signing_key": f"ed25519 bench {seed}",
        "macaroon_secret_key": os.urandom(16).hex(),
        "form_secret": os.urandom(16).hex(),
        "database": {"name": "sqlite3", "args": {"database": str(home / "homeserver.db")}},
        "media_store_path": str(home / "media"),
        "pid_file": str(home / "pid"),
        "log_config": str(folder / "log.json"),
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "bcrypt_rounds": 4,
        "presence": {"enabled": False},
        "report_stats": False,
        "filter_timeline_limit": -1,
    }


def _listener(port: int, resource: str) -> Json:
    return {
        "type": "http", "port": port, "tls": False, "bind_addresses": [HOST],
        "resources": [{"names": [resource], "compress": False}],
    }  # fmt: skip


def write_log_settings(folder: Path) -> None:
    """Warnings, to the server's own output."""
    log: Json = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler"}},
        "root": {"level": "WARNING", "handlers": ["out"]},
    }
    (folder / "log.json").write_text(json.dumps(log), encoding="ascii")


def start(python: Path, folder: Path, name: str, config: Json) -> subprocess.Popen[bytes]:
    """Start a server, with nothing of our environment: no proxy and no path of ours."""
    home = folder / name
    home.mkdir()
    (home / "homeserver.yaml").write_text(json.dumps(config), encoding="ascii")  # JSON is YAML
    command = [str(python), "-I", "-m", "synapse.app.homeserver", "-c", "homeserver.yaml"]
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home)}
    with (home / "out").open("wb") as out:
        return subprocess.Popen(command, cwd=home, env=environment, stdout=out, stderr=out)


def last_words(folder: Path, name: str) -> str:
    """The last line that a server has written."""
    text = (folder / name / "out").read_text(encoding="utf-8", errors="replace")
    return (text.strip().splitlines() or ["nothing"])[-1]
