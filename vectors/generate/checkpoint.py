"""Vectors of checkpoints, cosignatures, receipts and signed notes, put together as plain text."""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import base64
import hashlib

import cbor2
import curve

LINE, STATION, INCARNATION = bytes(range(16)), b"\x0a" * 8, b"\x0b" * 8
ORIGIN = f"tieline.invalid/{LINE.hex()}/{STATION.hex()}/{INCARNATION.hex()}"
ROOT = hashlib.sha256(b"a root").digest()
B64 = base64.b64encode(ROOT).decode()
BODY = f"{ORIGIN}\n70000\n{B64}\n"
TIME_S = 1_668_523_440


def seed(name: str) -> bytes:
    """The secret of a key of these vectors."""
    return hashlib.sha256(f"tieline vector {name}".encode()).digest()


def key_id(name: str, alg: int, key: bytes) -> bytes:
    """The id of a key (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes((alg,)) + key).digest()[:4]


def signature_line(name: str, alg: int, key: bytes, blob: bytes) -> str:
    """A signature line (C2SP signed-note)."""
    return f"— {name} {base64.b64encode(key_id(name, alg, key) + blob).decode()}\n"


def signed(name: str) -> tuple[bytes, str]:
    """The log's own signature under BODY: its key and its line."""
    key, made = curve.sign(seed(name), BODY.encode())
    return key, signature_line(name, 1, key, made)


def cosigned(name: str, time_s: int = TIME_S) -> tuple[bytes, bytes, str]:
    """A cosignature of BODY: the key, the 64 bytes, and the line."""
    message = f"cosignature/v1\ntime {time_s}\n{BODY}".encode()
    key, made = curve.sign(seed(name), message)
    return key, made, signature_line(name, 4, key, time_s.to_bytes(8, "big") + made)


def spare_bits(text: str) -> str:
    """The same bytes with another last letter: its two lowest bits count for nothing."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-2] + letters[letters.index(text[-2]) + 1] + text[-1]


BAD_LINES = [
    "", "\n", f"{ORIGIN}\n", f"{ORIGIN}\n5\n", f"{ORIGIN}\n5\n{B64}",
    f"{ORIGIN}\n5\n{B64}\nextension\n", f"{ORIGIN}\n5\n{B64}\n\n", f"{ORIGIN}\n5\n{B64}\n ",
]  # fmt: skip
BAD_ORIGINS = [
    "", "a b", "a+b", "a\t", "a\r", "a\u00a0b", "a\u2028b", "\0", "x" * 256, f" {ORIGIN}",
]  # fmt: skip
BAD_SIZES = [
    "", " 5", "5 ", "+5", "-5", "-0", "05", "00", "1_0", "5.0", "5e3", "0x5", "five", "\u0665",
    "\uff15", str(2**63), "9" * 19, "1" * 20, "1" * 5000, "5\r",
]  # fmt: skip
BAD_ROOTS = [
    "", B64[:-1], B64 + "=", B64[:-4], B64 + "AAAA", " " + B64, B64 + " ", B64 + "\r",
    B64[:10] + "!" + B64[11:], B64[:20] + "\t" + B64[20:], ROOT.hex(), "AAAAAAA=",
    base64.urlsafe_b64encode(b"\xfb" * 32).decode(), spare_bits(B64), "=" * 44, "\u00c4" * 44,
]  # fmt: skip


def build() -> dict[str, object]:
    """The files of this script."""
    return {
        "checkpoint/bodies.json": {
            "about": "Note texts of checkpoints; an empty code means that the text is read.",
            "cases": bodies(),
        },
        "checkpoint/notes.json": {
            "about": "Signed notes; an empty code means that the note is read.",
            "cases": notes(),
        },
        "checkpoint/receipts.json": receipts(),
    }


def bodies() -> list[dict[str, object]]:
    """Checkpoint texts, good and bad."""
    out: list[dict[str, object]] = []
    for origin, size, root in (
        (ORIGIN, 70_000, ROOT),
        (ORIGIN, 0, hashlib.sha256(b"").digest()),
        ("a", 1, bytes(32)),
        ("é.example/log", 2**53 - 1, b"\xff" * 32),
        ("x" * 255, 9, ROOT),
    ):
        text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        out.append({"text": text, "code": "", "origin": origin, "size": size, "root": root.hex()})
    bad = {
        "lines": BAD_LINES,
        "origin": [f"{origin}\n5\n{B64}\n" for origin in BAD_ORIGINS],
        "size": [f"{ORIGIN}\n{size}\n{B64}\n" for size in BAD_SIZES],
        "root": [f"{ORIGIN}\n5\n{root}\n" for root in BAD_ROOTS],
    }
    for code, texts in bad.items():
        out.extend({"text": text, "code": f"checkpoint.{code}"} for text in texts)
    return out


LOG_KEY, LOG = signed(ORIGIN)
ALPHA_KEY, ALPHA_SIGNATURE, ALPHA = cosigned("tieline.invalid/alpha")
BRAVO_KEY, _, BRAVO = cosigned("tieline.invalid/bravo", TIME_S + 60)
_, _, ALPHA_LATER = cosigned("tieline.invalid/alpha", TIME_S + 1)
CHARLIE_KEY, _ = curve.sign(seed("tieline.invalid/charlie"), b"")
FORGED = signature_line("tieline.invalid/charlie", 4, CHARLIE_KEY, bytes(72))
STRANGER = signature_line("somebody.example/w9", 6, bytes(1312), bytes(2428))
ALPHA_LOG = signature_line("tieline.invalid/alpha", 1, ALPHA_KEY, bytes(64))
OTHER_NAME = ALPHA.replace("alpha", "delta")
DASH, NAME, BLOB = ALPHA.split(" ")

KNOWN = [
    {"name": ORIGIN, "alg": 1, "key": LOG_KEY.hex()},
    {"name": "tieline.invalid/alpha", "alg": 4, "key": ALPHA_KEY.hex()},
    {"name": "tieline.invalid/bravo", "alg": 4, "key": BRAVO_KEY.hex()},
    {"name": "tieline.invalid/charlie", "alg": 4, "key": CHARLIE_KEY.hex()},
]

# For each key of KNOWN: "signed", the time at which it cosigned, "forged", or None: no line of it.
GOOD_NOTES = [
    ("the log alone", f"{BODY}\n{LOG}", ("signed", None, None, None)),
    ("two peers", f"{BODY}\n{LOG}{ALPHA}{BRAVO}", ("signed", TIME_S, TIME_S + 60, None)),
    ("in another order", f"{BODY}\n{BRAVO}{ALPHA}{LOG}", ("signed", TIME_S, TIME_S + 60, None)),
    ("a stranger among them", f"{BODY}\n{STRANGER}{ALPHA}", (None, TIME_S, None, None)),
    ("a forged line", f"{BODY}\n{ALPHA}{FORGED}", (None, TIME_S, None, "forged")),
    ("no checkpoint", f"Two\n\nparagraphs.\n\n{STRANGER}", (None, None, None, None)),
    ("another text", f"Another text.\n\n{LOG}{ALPHA}", ("forged", "forged", None, None)),
    ("blank lines", f"\n\n\n{STRANGER}", (None, None, None, None)),
    ("an id under another name", f"{BODY}\n{OTHER_NAME}", (None, None, None, None)),
    ("one name, two kinds of key", f"{BODY}\n{ALPHA_LOG}{ALPHA}", (None, TIME_S, None, None)),
]

BAD_NOTES = [
    ("text", "no blank line", f"{BODY}{ALPHA}"),
    ("text", "nothing", ""),
    ("text", "a control character", f"a\tb\n\n{ALPHA}"),
    ("text", "carriage returns", f"{BODY}\n{ALPHA}".replace("\n", "\r\n")),
    ("signatures", "no signature", f"{BODY}\n"),
    ("signatures", "the last newline is missing", f"{BODY}\n{ALPHA}"[:-1]),
    ("signatures", "the last line is cut", f"{BODY}\n{BRAVO}{ALPHA}"[:-1]),
    ("duplicate", "one line twice", f"{BODY}\n{ALPHA}{ALPHA}"),
    ("duplicate", "one key at two times", f"{BODY}\n{ALPHA}{ALPHA_LATER}"),
    ("signature", "a hyphen for the dash", f"{BODY}\n- {NAME} {BLOB}"),
    ("signature", "no dash", f"{BODY}\n{NAME} {BLOB}"),
    ("signature", "two spaces", f"{BODY}\n—  {NAME} {BLOB}"),
    ("signature", "a plus in the name", f"{BODY}\n— a+b {BLOB}"),
    ("signature", "no name", f"{BODY}\n—  {BLOB}"),
    ("signature", "a no-break space in the name", f"{BODY}\n— a\u00a0b {BLOB}"),
    ("signature", "no signature", f"{BODY}\n— {NAME}\n"),
    ("signature", "an id alone", f"{BODY}\n— {NAME} AAAAAA==\n"),
    ("signature", "no base64", f"{BODY}\n— {NAME} ????????\n"),
    ("signature", "no padding", f"{BODY}\n— {NAME} {BLOB.rstrip().rstrip('=')}A\n"),
    ("signature", "spare bits", f"{BODY}\n— {NAME} AAAAAAF=\n"),
    ("signature", "a trailing space", f"{BODY}\n— {NAME} {BLOB[:-1]} \n"),
    ("signature", "a comment line", f"{BODY}\nhello\n{ALPHA}"),
]


def notes() -> list[dict[str, object]]:
    """Signed notes, good and bad."""
    out: list[dict[str, object]] = []
    for about, text, verdicts in GOOD_NOTES:
        checks = [{**key, "verdict": v} for key, v in zip(KNOWN, verdicts, strict=True)]
        out.append({"about": about, "text": text, "code": "", "checks": checks})
    for code, about, text in BAD_NOTES:
        out.append({"about": about, "text": text, "code": f"note.{code}"})
    return out


def receipts() -> dict[str, object]:
    """One receipt in all its forms, and receipts that are refused."""
    name, key, made = NAME, ALPHA_KEY, ALPHA_SIGNATURE
    parts = [b"\x01" * 8, 70_000, b"\x02" * 8, TIME_S, made]

    def but(at: int, value: object) -> str:
        return cbor2.dumps([*parts[:at], value, *parts[at + 1 :]], canonical=True).hex()

    refused = [
        but(0, b"\x01" * 7), but(0, "\x01" * 8), but(1, 0), but(1, -1), but(1, 2**48 + 1),
        but(1, value=True), but(2, b""), but(3, -1), but(3, 253_402_300_800),
        but(3, value=True), but(3, None), but(4, made[:63]), but(4, made + b"\0"), but(4, "x" * 64),
        cbor2.dumps(parts[:4]).hex(), cbor2.dumps(dict.fromkeys(range(2))).hex(), "00",
    ]  # fmt: skip
    return {
        "about": "A receipt as it travels, the text its cosigner signed, and its note line. "
        "'refuse' are encodings that are no receipt, by code.",
        "log": "01" * 8,
        "size": 70_000,
        "cosigner": "02" * 8,
        "time_s": TIME_S,
        "signature": made.hex(),
        "origin": ORIGIN,
        "root": ROOT.hex(),
        "key": key.hex(),
        "name": name,
        "vkey": f"{name}+{key_id(name, 4, key).hex()}"
        f"+{base64.b64encode(bytes((4,)) + key).decode()}",
        "encoded": cbor2.dumps(parts, canonical=True).hex(),
        "signed_text": f"cosignature/v1\ntime {TIME_S}\n{BODY}",
        "note_line": ALPHA[:-1],
        "refuse": {
            "receipt.form": refused,
            "encode.trailing": [cbor2.dumps(parts, canonical=True).hex() + "00"],
            "encode.truncated": [cbor2.dumps(parts, canonical=True).hex()[:-2], ""],
            "encode.noncanonical": ["9805" + cbor2.dumps(parts, canonical=True).hex()[2:]],
        },
    }
