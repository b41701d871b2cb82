"""Vectors of proofs: two stories of one log, and all that looks like it and proves nothing.

The halves of every refused proof are well signed unless its name says otherwise.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import base64
import hashlib

import identity
import statement
import tree
from nacl.signing import SigningKey
from people import Party, armor, cbor, fingerprint, party, seed, words

Case = dict[str, object]

ALPHA = party("ALPHA", "Force Alpha")
DRILL = party("ALPHA", "Force Alpha", statement.DRILL)
BRAVO = party("BRAVO", "Force Bravo")
MAIN = ALPHA.station("main")
KEY = statement.KEY
NEW_KEY = SigningKey(seed("ALPHA  main sign, renewed"))
RENEWED = ALPHA.station("main", {5: bytes(NEW_KEY.verify_key)})
RECEIPTS = ALPHA.station("main", {6: bytes(SigningKey(seed("ALPHA cosign 2")).verify_key)})
LINE, LIFE = statement.LINE, statement.LIFE

LEAVES = tree.LEAVES[:40]
OTHERS = [*LEAVES[:9], hashlib.sha256(b"another leaf").digest(), *LEAVES[10:]]


def origin(line: bytes = LINE, who: Party = ALPHA, life: bytes = LIFE) -> str:
    """The origin of a log of a party's main station."""
    return f"tieline.invalid/{line.hex()}/{who.station_id('main').hex()}/{life.hex()}"


def note(
    size: int, root: bytes, name: str = "", key: SigningKey = KEY, key_name: str = "",
    more: str = "",
) -> bytes:  # fmt: skip
    """A checkpoint under the log's own signature (C2SP signed-note, type 0x01)."""
    name = name or origin()
    key_name = key_name or name
    body = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n{more}"
    public = bytes(key.verify_key)
    key_id = hashlib.sha256(key_name.encode() + b"\n\x01" + public).digest()[:4]
    blob = base64.b64encode(key_id + key.sign(body.encode()).signature).decode()
    return f"{body}\n— {key_name} {blob}\n".encode()


def said(text: str, changes: dict[int, object] | None = None, realm: str = "",
         key: SigningKey = KEY) -> bytes:  # fmt: skip
    """A message at one place of the log."""
    fields = {**statement.MESSAGE, 16: {1: text, 2: "en"}, **(changes or {})}
    return statement.statement(statement.payload(fields), realm, key)


def by_digest(*raws: bytes) -> list[bytes]:
    """Statements in the order of their digests."""
    return sorted(raws, key=lambda raw: hashlib.sha256(b"\0" + raw).digest())


def proof(
    evidence: list[object], certs: list[bytes] | None = None, who: Party = ALPHA
) -> list[object]:
    """A proof as a list, to be changed and encoded."""
    return [1, who.code, who.realm, who.key, certs or [who.station("main").certificate], evidence]


ONE, TWO = by_digest(said("Nothing happened."), said("One drone fell short."))
PAIR = proof([1, ONE, TWO])
FORGER = SigningKey(seed("a forger"))
SMALL = note(20, tree.root(LEAVES[:20]))
OTHER = note(20, tree.root(OTHERS[:20]))
HEADS = sorted([SMALL, OTHER])
SAME = proof([2, *HEADS])
LARGE = note(40, tree.root(OTHERS))
BEGINNING_EVIDENCE: list = [3, SMALL, LARGE, tree.root(OTHERS[:20]), tree.step(20, OTHERS)]  # type: ignore[type-arg]


def accept() -> dict[str, tuple[list[object], str, int]]:
    """Proofs, what kind of thing was told twice, and where."""
    drill = by_digest(*(said(text, {2: DRILL.station_id("main")}, statement.DRILL,
                             SigningKey(seed(f"ALPHA {statement.DRILL} main sign")))
                        for text in ("One.", "Two.")))  # fmt: skip
    old, new = said("Before.", key=KEY), said("After.", {10: 2}, key=NEW_KEY)
    first, last = by_digest(old, new)
    certs = [MAIN.certificate, RENEWED.certificate]
    return {
        "two statements": (PAIR, "statements", 4),
        "two statements in an exercise": (proof([1, *drill], who=DRILL), "statements", 4),
        "two statements under two keys of one station": (
            proof([1, first, last], certs if first == old else certs[::-1]), "statements", 4,
        ),
        "two certificates of one statement key": (
            proof([1, ONE, TWO], [MAIN.certificate, RECEIPTS.certificate]), "statements", 4),
        "two roots of one size": (SAME, "same size", 20),
        "a checkpoint that is no beginning": (proof(BEGINNING_EVIDENCE), "no beginning", 20),
        "no beginning, of a power of two": (
            proof([3, note(16, tree.root(LEAVES[:16])), LARGE, tree.root(OTHERS[:16]),
                   tree.step(16, OTHERS)]), "no beginning", 16,
        ),
        "extension lines": (
            proof([2, *sorted([note(20, tree.root(LEAVES[:20]), more="x\n"), OTHER])]),
            "same size", 20,
        ),
        "odd characters in an extension line": (
            proof([2, *sorted([note(20, tree.root(LEAVES[:20]), more="\x7f\x85\u2028\ufeff\n"),
                               OTHER])]),
            "same size", 20,
        ),
        "the largest note": (proof([2, *sorted([note_of(4096), OTHER])]), "same size", 20),
        "a size that no float holds": (
            proof([2, *sorted(note(2**63 - 1, tree.root(x[:20])) for x in (LEAVES, OTHERS))]),
            "same size", 2**63 - 1,
        ),
        "the last place of a log": (
            proof([1, *by_digest(said("One.", {4: 2**48}), said("Two.", {4: 2**48}))]),
            "statements", 2**48,
        ),
        "no beginning, under two keys of one station": (
            proof([3, SMALL, note(40, tree.root(OTHERS), key=NEW_KEY), *BEGINNING_EVIDENCE[3:]],
                  certs), "no beginning", 20,
        ),
    }  # fmt: skip


def note_of(size: int) -> bytes:
    """A checkpoint of 20 statements, as a note of so many bytes."""
    root = tree.root(LEAVES[:20])
    return note(20, root, more="x" * (size - len(note(20, root)) - 1) + "\n")


def no_two_statements() -> dict[str, tuple[str, list[object]]]:
    """Pairs of statements that prove nothing, and the code."""
    elsewhere = by_digest(ONE, said("Elsewhere.", {4: 5}))
    other_life = by_digest(ONE, said("Another life.", {3: seed("a life", 8)}))
    other_line = by_digest(ONE, said("Another line.", {1: seed("a line", 16)}))
    forged = by_digest(ONE, said("Forged.", key=FORGER))
    drill = by_digest(ONE, said("Drill.", realm=statement.DRILL))
    bravo = by_digest(ONE, said("Bravo.", {2: BRAVO.station_id("main")}))
    spare = ALPHA.station("spare").certificate
    return {
        "one statement twice": ("same", proof([1, ONE, ONE])),
        "the statements out of order": ("same", proof([1, TWO, ONE])),
        "two positions": ("other_log", proof([1, *elsewhere])),
        "two lives of one station": ("other_log", proof([1, *other_life])),
        "two lines": ("other_log", proof([1, *other_line])),
        "a forged statement": ("forged", proof([1, *forged])),
        "a statement of an exercise": ("forged", proof([1, *drill])),
        "a statement of another station": ("other_log", proof([1, *bravo])),
        "the certificate of another station": ("other_log", proof([1, ONE, TWO], [spare])),
        "certificates of two stations": (
            "certificate", proof([1, ONE, TWO], [MAIN.certificate, spare])),
        "one certificate twice": ("form", proof([1, ONE, TWO], [MAIN.certificate] * 2)),
        "no certificate": ("form", [*PAIR[:4], [], PAIR[5]]),
        "another party's name": ("certificate", [1, "BRAVO", *PAIR[2:]]),
        "another realm": ("certificate", [1, "ALPHA", statement.DRILL, *PAIR[3:]]),
        "a renewed key that signed neither": (
            "forged", proof([1, ONE, TWO], [RENEWED.certificate])),
    }  # fmt: skip


def no_two_checkpoints() -> dict[str, tuple[str, list[object]]]:
    """Pairs of checkpoints that prove nothing, and the code; and evidence of no form."""
    beyond = note(20, tree.root(OTHERS[:20]), origin(life=seed("a life", 8)))
    extends = [3, SMALL, note(40, tree.root(LEAVES)), tree.root(LEAVES[:20]), tree.step(20, LEAVES)]
    return {
        "one checkpoint twice": ("same", proof([2, SMALL, SMALL])),
        "checkpoints out of order": ("same", proof([2, *HEADS[::-1]])),
        "one root, two texts": (
            "same", proof([2, *sorted([SMALL, note(20, tree.root(LEAVES[:20]), more="x\n")])])),
        "two sizes unconnected": ("other_log", proof([2, *sorted([SMALL, LARGE])])),
        "checkpoints of two lives": ("other_log", proof([2, *sorted([SMALL, beyond])])),
        "checkpoints of another station": (
            "other_log", proof([2, *(sorted(note(20, tree.root(x[:20]), origin(who=BRAVO))
                                            for x in (LEAVES, OTHERS)))])),
        "a forged checkpoint": (
            "forged", proof([2, *sorted([SMALL, note(20, tree.root(OTHERS[:20]), key=FORGER)])])),
        "a key name that is not the origin": (
            "forged", proof([2, *sorted([SMALL, note(20, tree.root(OTHERS[:20]), key_name="a")])])),
        "a note with a second line": (
            "forged", proof([2, *sorted([SMALL + SMALL.rpartition(b"\n\n")[2], OTHER])])),
        "an honest log": ("same", proof(extends)),
        "the larger first": ("other_log", proof([3, LARGE, SMALL, *extends[3:]])),
        "an older root of no bytes": ("form", proof([3, SMALL, LARGE, b"", []])),
        "a hash that is a number": ("form", proof([*BEGINNING_EVIDENCE[:4], [7]])),
        "a kind that is true": ("form", proof([True, ONE, TWO])),
        "a kind of later times": ("form", proof([9, ONE, TWO])),
        "nothing as evidence": ("form", [*PAIR[:5], []]),
        "a later version": ("form", [2, *PAIR[1:]]),
        "a version that is true": ("form", [True, *PAIR[1:]]),
        "one part more": ("form", [*PAIR, 0]),
    }  # fmt: skip


def refuse() -> dict[str, tuple[str, list[object]]]:
    """What proves nothing, and the code."""
    cases = {**no_two_statements(), **no_two_checkpoints()}
    out = {name: (f"proof_file.{code}", parts) for name, (code, parts) in cases.items()}
    proof_of = BEGINNING_EVIDENCE
    out["another root key"] = ("certificate.signature", [*PAIR[:3], BRAVO.key, *PAIR[4:]])
    out["a consistency proof of another root"] = (
        "proof.root", proof([*proof_of[:3], tree.root(LEAVES[:20]), proof_of[4]]))  # fmt: skip
    out["a hash of the path missing"] = ("proof.shape", proof([*proof_of[:4], proof_of[4][1:]]))
    out["a log that is no line's"] = (
        "checkpoint.origin",
        proof([2, *sorted(note(20, tree.root(x[:20]), "log.example/a") for x in (LEAVES, OTHERS))]),
    )
    out["no statement"] = ("encode.truncated", proof([1, b"", ONE]))
    return {**out, **no_two_halves()}


def no_two_halves() -> dict[str, tuple[str, list[object]]]:
    """Parts of another form, each alone in a proof that is good otherwise, and the whole code."""
    sizes = [note(size, tree.root(x[:20])) for size, x in ((2**53, LEAVES), (2**53 + 1, OTHERS))]
    weak = ALPHA.station("main", {5: bytes(32)}).certificate
    two = [MAIN.certificate, RENEWED.certificate]
    old, new = said("Before.", key=KEY), said("After.", {10: 2}, key=NEW_KEY)
    wrong = two if by_digest(old, new)[0] == new else two[::-1]
    path = list(BEGINNING_EVIDENCE[4])
    return {
        "a text as a half": ("proof_file.form", proof([1, "statement", TWO])),
        "three halves": ("proof_file.form", proof([1, ONE, TWO, TWO])),
        "a kind below zero": ("proof_file.form", proof([-1, ONE, TWO])),
        "the largest kind": ("proof_file.form", proof([2**64 - 1, ONE, TWO])),
        "a kind in a text": ("proof_file.form", proof(["1", ONE, TWO])),
        "a path that is bytes": ("proof_file.form", proof([*BEGINNING_EVIDENCE[:4], path[0]])),
        "no path": ("proof_file.form", proof(BEGINNING_EVIDENCE[:4])),
        "evidence that is a map": ("proof_file.form", [*PAIR[:5], {1: ONE}]),
        "the largest version": ("proof_file.form", [2**64 - 1, *PAIR[1:]]),
        "a party in bytes": ("proof_file.form", [1, b"ALPHA", *PAIR[2:]]),
        "no realm": ("proof_file.form", [1, "ALPHA", None, *PAIR[3:]]),
        "a root key in a text": ("proof_file.form", [*PAIR[:3], "key", *PAIR[4:]]),
        "certificates in bytes": ("proof_file.form", [*PAIR[:4], MAIN.certificate, PAIR[5]]),
        "a certificate in a text": ("proof_file.form", proof([1, ONE, TWO], ["none"])),  # type: ignore[list-item]
        "three certificates": ("proof_file.form", proof([1, ONE, TWO], [*two, weak])),
        "a party that is no code": ("certificate.party", [1, "alpha", *PAIR[2:]]),
        "a realm that is none": ("certificate.realm", [1, "ALPHA", "-", *PAIR[3:]]),
        "a root key of 31 bytes": ("certificate.signature", [*PAIR[:3], ALPHA.key[1:], *PAIR[4:]]),
        "a root key of small order": ("certificate.signature", [*PAIR[:3], bytes(32), *PAIR[4:]]),
        "a certified key of small order": ("key.small_order", proof([1, ONE, TWO], [weak])),
        "certificates in the order of nothing": (
            "proof_file.forged", proof([1, *by_digest(old, new)], wrong)),
        "sizes that a float holds as one": ("proof_file.other_log", proof([2, *sorted(sizes)])),
        "a size of 2^63": (
            "checkpoint.size", proof([2, *sorted([note(2**63, tree.root(LEAVES[:20])), OTHER])])),
        "a control character in a note": ("note.text", proof([2, *odd_note("\x1f\n")])),
        "a blank line in a checkpoint": ("checkpoint.lines", proof([2, *odd_note("\nx\n")])),
        "a line that ends nowhere": ("note.text", proof([2, SMALL.replace(b"\n\n", b"\n"), OTHER])),
        "a note that is no UTF-8": (
            "note.text", proof([2, SMALL.replace(b"\n\n", b"\n\xff\n\n"), OTHER])),
        "a note of a byte more": ("proof_file.form", proof([2, *sorted([note_of(4097), OTHER])])),
        "a note without signatures": (
            "note.signatures", proof([2, SMALL.partition("—".encode())[0], OTHER])),
        "a signature cut off": ("note.signatures", proof([2, SMALL[:-1], OTHER])),
        "a signature of another text": (
            "note.forged", proof([2, *sorted([SMALL.replace(b"\n20\n", b"\n21\n"), OTHER])])),
        "a hash of 31 bytes": (
            "proof.shape", proof([*BEGINNING_EVIDENCE[:4], [path[0][:-1], *path[1:]]])),
        "a hash more": ("proof.shape", proof([*BEGINNING_EVIDENCE[:4], [*path, path[0]]])),
        "a root of 33 bytes": (
            "proof_file.form", proof([3, SMALL, LARGE, bytes(33), BEGINNING_EVIDENCE[4]])),
        "an empty log": (
            "proof_file.other_log",
            proof([3, note(0, hashlib.sha256(b"").digest()), LARGE, bytes(32), []])),
        "a hash below the path": ("encode.too_deep", proof([*BEGINNING_EVIDENCE[:4], [path]])),
        "a hundred and fifty hashes": (
            "encode.too_many", proof([*BEGINNING_EVIDENCE[:4], [path[0]] * 150])),
    }  # fmt: skip


def odd_note(more: str) -> list[bytes]:
    """Two halves, of which one has odd text."""
    return sorted([note(20, tree.root(LEAVES[:20]), more=more), OTHER])


def accepted(name: str, parts: list, kind: str, at: int) -> Case:  # type: ignore[type-arg]
    """What a reader finds in a good proof."""
    _, code, realm, root, certs, evidence = parts
    who = DRILL if realm else ALPHA
    pair = evidence[1:3]
    bodies = [half.decode().split("\n") for half in pair] if kind != "statements" else []
    return {
        "name": name, "kind": kind, "at": number(at), "party": code, "realm": realm,
        "root_key": root.hex(), "words": " ".join(words(fingerprint(code, realm, root))),
        "line": LINE.hex(), "station": who.station_id("main").hex(), "station_name": "main",
        "incarnation": LIFE.hex(), "certificates": len(certs),
        "digests": [] if bodies else [hashlib.sha256(b"\0" + half).hexdigest() for half in pair],
        "heads": [[number(int(body[1])), base64.b64decode(body[2]).hex()] for body in bodies],
        "armor": armor("TIELINE-PROOF-1", cbor(parts)), "proof": cbor(parts).hex(),
    }  # fmt: skip


def number(value: int) -> int | str:
    """A number as JSON keeps it: as a text where a reader might take it for a float."""
    return value if value < 2**53 else str(value)


def build() -> dict[str, object]:
    """The files of this script."""
    pair = cbor(PAIR)
    bad: list[Case] = [
        {"name": name, "code": code, "proof": cbor(parts).hex()}
        for name, (code, parts) in refuse().items()
    ]
    bad.append({"name": "a byte more", "code": "encode.trailing", "proof": (pair + b"\0").hex()})
    bad.append({"name": "a byte less", "code": "encode.truncated", "proof": pair[:-1].hex()})
    bad += [
        {"name": name, "code": f"encode.{code}", "proof": (pair[:1] + start + pair[2:]).hex()}
        for name, code, start in (
            ("a version in two bytes", "noncanonical", b"\x18\x01"),
            ("a version as a float", "unsupported", b"\xf9\x3c\x00"),
            ("a version under a tag", "unsupported", b"\xc1\x01"),
        )
    ]
    bad.append(
        {"name": "an open length", "code": "encode.unsupported",
         "proof": (b"\x9f" + pair[1:] + b"\xff").hex()}
    )  # fmt: skip
    return {
        "proof/accept.json": {
            "about": "Proofs of two stories: what was told twice ('kind'), at which position or"
            " size ('at', a text above 2^53), against whom, and its halves.",
            "cases": [accepted(name, *case) for name, case in accept().items()],
        },
        "proof/armor.json": {
            "about": "Text forms of a proof to refuse, and the code.",
            "cases": identity.bent("TIELINE-PROOF-1", pair),
        },
        "proof/refuse.json": {"about": "What proves nothing, and the code.", "cases": bad},
    }  # fmt: skip
