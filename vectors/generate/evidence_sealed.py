"""Evidence with a checkpoint that an ML-DSA-44 key has signed too.

ML-DSA-44 signatures are made with chance here, so they cannot be made again: ``evidence.hex`` was
made once by ``make`` below, and each run of this script verifies what it holds.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import hashlib
from pathlib import Path

import charter as charters
from cryptography.hazmat.primitives.asymmetric import mldsa
from evidence import Log, Story, found, line_of, pack, root
from evidence_cases import everything
from nacl.signing import SigningKey
from people import party, seed

TIME_S = 1_668_530_000
FILE = Path(__file__).with_name("evidence.hex")
KEY = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed("evidence mldsa"))
PUBLIC = KEY.public_key().public_bytes_raw()
WITNESS, WITNESS_KEY = "witness.example/late", SigningKey(seed("a witness with two keys"))


def story_of() -> tuple[Story, str, bytes]:
    """A line whose ALPHA has an ML-DSA-44 key; the name of its line, and what it signs."""
    alpha = party("ALPHA", "Alpha")
    station = alpha.station("main", {11: hashlib.sha256(PUBLIC).digest()})
    fields = alpha.card_fields([station], ["alpha.example:7411"])
    entry = {1: "ALPHA", 2: "Alpha", 3: alpha.key, 4: fields[5]}
    parties = [entry, charters.entry(party("BRAVO", "Bravo"))]
    story = Story(["ALPHA", "BRAVO"], changes={7: parties})
    log, bravo = story.log("ALPHA"), story.log("BRAVO")
    story.text(log, "This outlives Ed25519.", seen=[bravo.main[0]])
    name = f"tieline.invalid/{log.station.hex()}"
    return story, name, subtree(name, log)


def witnessed() -> tuple[Story, str, bytes]:
    """A line with a witness of which the charter names the ML-DSA-44 key too."""
    entry = [WITNESS, bytes(WITNESS_KEY.verify_key), PUBLIC]
    story = Story(["ALPHA", "BRAVO"], changes={12: [entry], 13: 1})
    log, bravo = story.log("ALPHA"), story.log("BRAVO")
    story.text(log, "A witness has seen its hash.", seen=[bravo.main[0]])
    return story, WITNESS, subtree(WITNESS, log)


def subtree(name: str, log: Log) -> bytes:
    """What a cosignature of this name on a whole log signs."""
    texts = [text.encode() for text in (name, log.origin)]
    cosigner, origin = (bytes((len(text),)) + text for text in texts)
    stamp, sizes = TIME_S.to_bytes(8, "big"), bytes(8) + len(log.main).to_bytes(8, "big")
    top = root([said.digest for said in log.main])
    return b"subtree/v1\n\0" + cosigner + stamp + origin + sizes + top


def make() -> None:
    """Write ``evidence.hex`` anew, a signature a line."""
    made = [KEY.sign(message) for _, _, message in (story_of(), witnessed())]
    FILE.write_text("".join(each.hex() + "\n" for each in made), "ascii")


def build() -> dict[str, object]:
    """The files of this script."""
    out: dict[str, object] = {}
    made, by_witness = (bytes.fromhex(each) for each in FILE.read_text("ascii").split())
    other = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed("evidence other"))
    strange = other.public_key().public_bytes_raw()
    for name, about, keys, gaps in (
        ("sealed", "A head that ML-DSA-44 has signed too.", [PUBLIC], []),
        ("sealed-without-key", "The same, and the key is not in the file.", [], ["gap.signer"]),
        ("stranger-key", "A key that no certificate names.", [PUBLIC, strange], []),
    ):
        story, signer, message = story_of()
        KEY.public_key().verify(made, message)
        note = story.note(story.logs[0], 2, ["BRAVO"])
        blob = TIME_S.to_bytes(8, "big") + made
        note.data += line_of(signer, 6, PUBLIC, blob).encode()
        note.gaps, note.mldsa, story.keys = gaps, not gaps, keys
        packed = pack(story, everything, {})
        result = found(story, packed, about)
        if strange in keys:
            at = next(n for n, item in enumerate(packed.items) if item == [3, strange])
            result |= {"verdict": "partly", "gaps": [["gap.key", at]]}
        out[f"evidence/{name}.tle"] = packed.data()
        out[f"evidence/{name}.json"] = result
    story, signer, message = witnessed()
    KEY.public_key().verify(by_witness, message)
    note = story.note(story.logs[0], 2, [], witness=(WITNESS, WITNESS_KEY))
    note.data += line_of(signer, 6, PUBLIC, TIME_S.to_bytes(8, "big") + by_witness).encode()
    note.mldsa = True
    packed = pack(story, everything, {})
    out["evidence/sealed-by-witness.tle"] = packed.data()
    about = "A witness has signed a head with ML-DSA-44 too; the charter names that key."
    out["evidence/sealed-by-witness.json"] = found(story, packed, about)
    return out
