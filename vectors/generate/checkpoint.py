"""Vectors of checkpoints, cosignatures, receipts and signed notes, put together as plain text.

ML-DSA-44 signatures are made with chance here, so they cannot be made again: ``mldsa.hex`` was made
once by ``mldsa_make`` below, and each run of this script verifies what it holds.
"""
# ruff: noqa: INP001  # scripts, not a package

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import cbor2
import curve
from cryptography.hazmat.primitives.asymmetric import mldsa

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


def mldsa_message(name: str, time_s: int, start: int = 0, root: bytes = ROOT) -> bytes:
    """What an ML-DSA-44 cosignature on the head of BODY covers (C2SP tlog-cosignature)."""
    texts = b"".join(
        bytes((len(text.encode()),)) + text.encode() + number.to_bytes(8, "big")
        for text, number in ((name, time_s), (ORIGIN, start))
    )
    return b"subtree/v1\n\0" + texts + (70_000).to_bytes(8, "big") + root


def mldsa_key(name: str) -> mldsa.MLDSA44PrivateKey:
    """The ML-DSA-44 key of a name."""
    return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed(f"{name} mldsa"))


def mldsa_make(name: str, time_s: int) -> str:
    """A line for ``mldsa.hex``."""
    return mldsa_key(name).sign(mldsa_message(name, time_s)).hex()


def mldsa_cosigned(name: str, time_s: int, line: int) -> tuple[bytes, bytes, str]:
    """An ML-DSA-44 cosignature of BODY from ``mldsa.hex``: the key, the signature, the line."""
    made = bytes.fromhex(Path(__file__).with_name("mldsa.hex").read_text("ascii").split()[line])
    key = mldsa_key(name).public_key()
    key.verify(made, mldsa_message(name, time_s))
    raw = key.public_bytes_raw()
    return raw, made, signature_line(name, 6, raw, time_s.to_bytes(8, "big") + made)


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
        "checkpoint/anybodys.json": {
            "about": "Note texts of other people's checkpoints, with origins and extension lines of"
            " any kind; an empty code means that the text is read.",
            "cases": anybodys(),
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


def anybodys() -> list[dict[str, object]]:
    """Texts that are no checkpoints of ours, and what may be in checkpoints of others."""
    head = f"70000\n{B64}\n"
    good = {
        "our own": (ORIGIN, ""), "an extension line": (ORIGIN, "more\n"),
        "many of them": ("a", "x 1\ny+2\n\u00e9\n"),
        "an origin with spaces": ("go.sum database tree", ""),
        "a plus": ("a+b", ""), "a long origin": ("x" * 300, ""),
    }  # fmt: skip
    bad = {
        "lines": [
            "", f"a\n{head}"[:-1], f"a\n{head}\n", f"a\n{head}x\n\ny\n", f"a\n{head}x", "a\n5\n",
        ],
        "origin": [f"\n{head}", f"\0\n{head}"],
        "size": [f"a\n07\n{B64}\n", f"a\n\n{B64}\nx\n", f"a\n-1\n{B64}\nx\n"],
        "root": [f"a\n7\n{B64[:-1]}\n", f"a\n7\nx\n{B64}\n"],
    }  # fmt: skip
    out: list[dict[str, object]] = [
        {"about": about, "text": f"{origin}\n{head}{more}", "code": "", "origin": origin,
         "size": 70_000, "root": ROOT.hex()} for about, (origin, more) in good.items()
    ]  # fmt: skip
    for code, texts in bad.items():
        out.extend({"about": "", "text": text, "code": f"checkpoint.{code}"} for text in texts)
    return out


LOG_KEY, LOG = signed(ORIGIN)
ALPHA_KEY, ALPHA_SIGNATURE, ALPHA = cosigned("tieline.invalid/alpha")
BRAVO_KEY, _, BRAVO = cosigned("tieline.invalid/bravo", TIME_S + 60)
_, _, ALPHA_LATER = cosigned("tieline.invalid/alpha", TIME_S + 1)
CHARLIE_KEY, _ = curve.sign(seed("tieline.invalid/charlie"), b"")
FORGED = signature_line("tieline.invalid/charlie", 4, CHARLIE_KEY, bytes(72))
STRANGER = signature_line("somebody.example/w9", 6, bytes(1312), bytes(2428))
ALPHA_LOG = signature_line("tieline.invalid/alpha", 1, ALPHA_KEY, bytes(64))
ALPHA_ML_KEY, ALPHA_ML_MADE, ALPHA_ML = mldsa_cosigned("tieline.invalid/alpha", TIME_S, 0)
BRAVO_ML_KEY, BRAVO_ML_MADE, BRAVO_ML = mldsa_cosigned("tieline.invalid/bravo", 0, 1)
BRAVO_ML_FORGED = signature_line(
    "tieline.invalid/bravo", 6, BRAVO_ML_KEY, TIME_S.to_bytes(8, "big") + BRAVO_ML_MADE
)
ALPHA_ML_SHORT = signature_line(
    "tieline.invalid/alpha", 6, ALPHA_ML_KEY, TIME_S.to_bytes(8, "big") + ALPHA_ML_MADE[:-1]
)
ALPHA_FORGED = signature_line("tieline.invalid/alpha", 4, ALPHA_KEY, bytes(72))
LATER = signature_line("tieline.invalid/alpha", 7, ALPHA_KEY, b"?")
LATEST = signature_line("tieline.invalid/bravo", 0xFA, b"a key of any length", bytes(5000))
OTHER_ROOT = f"{ORIGIN}\n70000\n{base64.b64encode(ROOT[::-1]).decode()}\n"
OTHER_SIZE, OTHER_ORIGIN = BODY.replace("70000", "70001"), BODY.replace("0", "1", 1)
OTHER_NAME = ALPHA.replace("alpha", "delta")
DASH, NAME, BLOB = ALPHA.split(" ")

KNOWN = [
    {"name": ORIGIN, "alg": 1, "key": LOG_KEY.hex()},
    {"name": "tieline.invalid/alpha", "alg": 4, "key": ALPHA_KEY.hex()},
    {"name": "tieline.invalid/bravo", "alg": 4, "key": BRAVO_KEY.hex()},
    {"name": "tieline.invalid/charlie", "alg": 4, "key": CHARLIE_KEY.hex()},
    {"name": "tieline.invalid/alpha", "alg": 6, "key": ALPHA_ML_KEY.hex()},
    {"name": "tieline.invalid/bravo", "alg": 6, "key": BRAVO_ML_KEY.hex()},
]

# For each key of KNOWN that has a line: "signed", the time at which it cosigned, or "forged".
GOOD_NOTES = [
    ("the log alone", f"{BODY}\n{LOG}", {0: "signed"}),
    ("two peers", f"{BODY}\n{LOG}{ALPHA}{BRAVO}", {0: "signed", 1: TIME_S, 2: TIME_S + 60}),
    ("in another order", f"{BODY}\n{BRAVO}{ALPHA}{LOG}",
     {0: "signed", 1: TIME_S, 2: TIME_S + 60}),
    ("a stranger among them", f"{BODY}\n{STRANGER}{ALPHA}", {1: TIME_S}),
    ("types of signatures from later times", f"{BODY}\n{LATER}{ALPHA}{LATEST}", {1: TIME_S}),
    ("a stranger's line twice", f"{BODY}\n{STRANGER}{STRANGER}{ALPHA}", {1: TIME_S}),
    ("a forged line", f"{BODY}\n{ALPHA}{FORGED}", {1: TIME_S, 3: "forged"}),
    ("no checkpoint", f"Two\n\nparagraphs.\n\n{STRANGER}", {}),
    ("another text", f"Another text.\n\n{LOG}{ALPHA}", {0: "forged", 1: "forged"}),
    ("blank lines", f"\n\n\n{STRANGER}", {}),
    ("an id under another name", f"{BODY}\n{OTHER_NAME}", {}),
    ("one name, two kinds of key", f"{BODY}\n{ALPHA_LOG}{ALPHA}", {1: TIME_S}),
    ("one line twice", f"{BODY}\n{ALPHA}{ALPHA}", {1: TIME_S}),
    ("one key at two times", f"{BODY}\n{ALPHA_LATER}{ALPHA}", {1: TIME_S + 1}),
    ("one key, right and forged", f"{BODY}\n{ALPHA}{ALPHA_FORGED}", {1: "forged"}),
    ("ML-DSA-44 beside Ed25519", f"{BODY}\n{LOG}{ALPHA}{ALPHA_ML}",
     {0: "signed", 1: TIME_S, 4: TIME_S}),
    ("ML-DSA-44 without a time", f"{BODY}\n{BRAVO_ML}{ALPHA_ML}", {4: TIME_S, 5: 0}),
    ("ML-DSA-44 with another time", f"{BODY}\n{BRAVO_ML_FORGED}", {5: "forged"}),
    ("ML-DSA-44 a byte short", f"{BODY}\n{ALPHA_ML_SHORT}", {4: "forged"}),
    ("ML-DSA-44 over extension lines", f"{BODY}more\n\n{ALPHA_ML}", {4: TIME_S}),
    ("ML-DSA-44 under another root", f"{OTHER_ROOT}\n{ALPHA_ML}", {4: "forged"}),
    ("ML-DSA-44 under another size", f"{OTHER_SIZE}\n{ALPHA_ML}", {4: "forged"}),
    ("ML-DSA-44 under another origin", f"{OTHER_ORIGIN}\n{ALPHA_ML}", {4: "forged"}),
]  # fmt: skip

BAD_NOTES = [
    ("text", "no blank line", f"{BODY}{ALPHA}"),
    ("text", "nothing", ""),
    ("text", "a control character", f"a\tb\n\n{ALPHA}"),
    ("text", "carriage returns", f"{BODY}\n{ALPHA}".replace("\n", "\r\n")),
    ("signatures", "no signature", f"{BODY}\n"),
    ("signatures", "the last newline is missing", f"{BODY}\n{ALPHA}"[:-1]),
    ("signatures", "the last line is cut", f"{BODY}\n{BRAVO}{ALPHA}"[:-1]),
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
        checks = [{**key, "verdict": verdicts.get(at)} for at, key in enumerate(KNOWN)]
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
