"""Signed checkpoints as an officer's tools are shown them."""

from __future__ import annotations

from tieline.core import notes
from tieline.core.checkpoint import cosigner, vkey
from tieline.core.crypto import ALG_COSIGNATURE, ALG_ED25519, ALG_MLDSA
from tieline.core.identity import parse_certificate
from tieline.core.line import Line
from tieline.core.noted import LogNotes, Noted
from tieline.node.view import Json, station_name, texts


def notes_view(line: Line) -> list[Json]:
    """How far each log of a line is signed, sealed and witnessed."""
    out: list[Json] = []
    for log in sorted(line.notes, key=lambda name: (line.note_stations[name], name)):
        book = line.notes[log]
        latest, sealed = book.latest(), book.latest_sealed()
        sizes = notes.witnessed(line, book)
        out.append(
            {
                "station": station_name(line, line.note_stations[log]),
                "party": line.party_of(line.note_stations[log]),
                "log": log.hex(),
                "own": log == line.own_log,
                "size": latest.head.size if latest else 0,
                "at_ms": latest.at_ms if latest else 0,
                "sealed": sealed.head.size if sealed else 0,
                "witnessed": notes.quorum_size(line, book),
                "witnesses": sum(1 for size in sizes if latest and size >= latest.head.size),
                "of": len(sizes),
                "quorum": line.charter.quorum,
                "against": len(book.against),
            }
        )
    return out


def note_view(line: Line, noted: Noted) -> dict[str, Json]:
    """One note with the receipts of its size, and the keys that verify its lines (C2SP vkey)."""
    shown = notes.shown(line, noted)
    certificate = parse_certificate(noted.certificate, noted.root_key)
    keys = [vkey(noted.head.origin, ALG_ED25519, certificate.sign_key)]
    keys += [vkey(cosigner(certificate.station), ALG_MLDSA, key) for key in noted.keys]
    for station in line.peers:
        receipt_key = line.cosign_key(station)
        if receipt_key is not None:
            keys.append(vkey(cosigner(station), ALG_COSIGNATURE, receipt_key))
    for witness in line.charter.witnesses:
        if any(letter.isspace() or letter == "+" for letter in witness.name):
            continue
        keys.append(vkey(witness.name, ALG_COSIGNATURE, witness.key))
        if witness.mldsa:
            keys.append(vkey(witness.name, ALG_MLDSA, witness.mldsa))
    return {
        "line": line.id.hex(),
        "origin": noted.head.origin,
        "size": noted.head.size,
        "root": noted.head.root.hex(),
        "sealed": noted.sealed,
        "note": shown.format().decode("utf-8"),
        "lines": len(shown.signatures),
        "vkeys": texts(keys),
    }


def own_book(line: Line) -> LogNotes:
    """The notes of our own log; empty when none was signed yet."""
    return line.notes.get(line.own_log, LogNotes())
