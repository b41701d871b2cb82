"""What a witness may cosign: C2SP tlog-witness, check by check, and byte by byte."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given
from hypothesis import strategies as st

from tieline.core import checkpoint, crypto, tlogwitness, tree
from tieline.core.checkpoint import Checkpoint, NoteSignature, SignedNote
from tieline.core.errors import RemoteError
from tieline.core.tlogwitness import (
    MAX_PROOF,
    Declined,
    Granted,
    LogKey,
    Request,
    format_answer,
    format_request,
    judge,
    parse_request,
    read_answer,
    read_late,
    read_size,
    read_vkey,
)
from tieline.node.secrets import SeedKey

NAME = "log.example/behind"
LOG, OTHER, WITNESS = SeedKey(bytes(32)), SeedKey(b"o" * 32), SeedKey(b"w" * 32)
KEYS = (LogKey(name=NAME, key=LOG.public),)


def grown(size: int, story: bytes = b"") -> tree.Tree:
    out = tree.Tree()
    for index in range(size):
        out.append(tree.leaf_hash(b"%d" % index + story))
    return out


def signed(text: bytes, *keys: SeedKey) -> SignedNote:
    lines = tuple(checkpoint.log_signature(NAME, key.public, key.sign(text)) for key in keys)
    return SignedNote(body=text, signatures=lines)


def note(size: int, story: bytes = b"", key: SeedKey = LOG) -> SignedNote:
    return signed(checkpoint.body(NAME, size, grown(size, story).root()), key)


def head(size: int, story: bytes = b"") -> Checkpoint:
    return Checkpoint(origin=NAME, size=size, root=grown(size, story).root())


def request(old: int, size: int, story: bytes = b"") -> bytes:
    proof = grown(size, story).consistency(old, size)
    return format_request(old, proof, note(size, story).format())


def verdict(data: bytes, latest: Checkpoint | None) -> Granted | Declined:
    return judge(parse_request(data), KEYS, latest)


def status(data: bytes, latest: Checkpoint | None) -> int:
    found = verdict(data, latest)
    return 200 if isinstance(found, Granted) else found.status


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_log_that_grows_is_granted(old: int, more: int) -> None:
    latest = head(old) if old else None
    found = verdict(request(old, old + more), latest)
    assert found == Granted(head=head(old + more), known=bool(old) and more == 0)


@pytest.mark.parametrize(
    ("data", "latest", "wanted"),
    [
        (request(3, 7), head(3), 200),
        (request(0, 7), None, 200),
        (request(3, 7), None, 409),  # it never cosigned: zero is the old size
        (request(0, 7), head(3), 409),
        (request(3, 7), head(9), 409),
        (request(9, 9), head(3), 409),
        (request(7, 7), head(7), 200),
        (request(7, 7, b"x"), head(7), 409),  # another root of the same size
        (request(3, 7, b"x"), head(3), 422),
        (request(4, 8, b"x"), head(4), 422),
        (format_request(8, (), note(7).format()), head(8), 400),
        (format_request(0, (bytes(32),), note(7).format()), None, 422),
        (format_request(3, (), note(7).format()), head(3), 422),
        (format_request(3, grown(7).consistency(3, 7), note(7, key=OTHER).format()), head(3), 403),
    ],
)
def test_each_check_has_its_status(data: bytes, latest: Checkpoint | None, wanted: int) -> None:
    assert status(data, latest) == wanted


def test_an_unknown_log_is_not_found_before_anything_else_is_checked() -> None:
    found = judge(parse_request(request(9, 9, b"x")), (), head(3))
    assert isinstance(found, Declined)
    assert (found.status, found.signed) == (404, False)


def test_a_conflict_names_the_size_that_was_cosigned() -> None:
    found = verdict(request(0, 7), head(3))
    assert isinstance(found, Declined)
    assert (found.status, found.size, found.signed) == (409, 3, True)


def test_an_empty_log_has_one_root() -> None:
    text = checkpoint.body(NAME, 0, bytes(32))
    assert status(format_request(0, (), signed(text, LOG).format()), None) == 409
    assert status(request(0, 0), None) == 200


def test_foreign_signatures_extension_lines_and_odd_origins_are_no_hindrance() -> None:
    text = checkpoint.body(NAME, 7, grown(7).root()) + b"extension line\n"
    lines = signed(text, LOG).signatures
    strange = (
        NoteSignature(name="late.example/pq", key_id=b"abcd", signature=bytes(4900)),
        NoteSignature(name=NAME, key_id=b"abce", signature=b"\xff"),
    )
    many = SignedNote(body=text, signatures=(*strange, *lines, *strange * 7))
    assert status(format_request(3, grown(7).consistency(3, 7), many.format()), head(3)) == 200
    odd = b"a log of ours +1\n" + text.partition(b"\n")[2]
    made = SignedNote(body=odd, signatures=signed(odd, LOG).signatures)
    found = judge(parse_request(format_request(0, (), made.format())), KEYS, None)
    assert isinstance(found, Granted)
    assert found.head.origin == "a log of ours +1"


def test_one_forged_line_of_a_known_key_spoils_the_note() -> None:
    good = note(7)
    bad = replace(good.signatures[0], signature=bytes(64))
    spoilt = SignedNote(body=good.body, signatures=(*good.signatures, bad))
    assert status(format_request(0, (), spoilt.format()), None) == 403


def test_no_changed_byte_of_a_request_is_granted() -> None:
    whole = request(3, 7)
    latest = head(3)
    assert status(whole, latest) == 200
    passed = []
    for index in range(len(whole)):
        for other in {0x00, 0x0A, 0x20, 0x2B, 0x30, 0x41, 0x80, 0xFF, whole[index] ^ 1}:
            if other == whole[index]:
                continue
            changed = whole[:index] + bytes((other,)) + whole[index + 1 :]
            try:
                if status(changed, latest) == 200:
                    passed.append((index, other))
            except RemoteError:
                pass
        for cut in (whole[:index], whole[:index] + whole[index + 1 :]):
            try:
                if status(cut, latest) == 200:
                    passed.append((index, -1))
            except RemoteError:
                pass
    assert passed == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"old 3",
        b"old 03\n\n" + note(7).format(),
        b"old +3\n\n" + note(7).format(),
        b"old 9223372036854775808\n\n" + note(7).format(),
        b"Old 3\n\n" + note(7).format(),
        b"old 3\r\n\n" + note(7).format(),
        b"old 3\nAAAA\n\n" + note(7).format(),
        b"old 3\n" + note(7).format(),
        format_request(3, (bytes(32),) * (MAX_PROOF + 1), note(7).format()),
        request(3, 7) + b"\n",
        request(3, 7) + bytes(131_072),
    ],
)
def test_a_malformed_request_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        parse_request(data)
    assert caught.value.code.partition(".")[0] in {"witness", "note", "checkpoint"}


def test_63_proof_lines_are_read() -> None:
    found = parse_request(format_request(3, (bytes(32),) * MAX_PROOF, note(7).format()))
    assert isinstance(found, Request)
    assert len(found.proof) == MAX_PROOF


# ----------------------------------------------------------------------------------------- answers


def cosigned(text: bytes, time_s: int, name: str = "w.example") -> NoteSignature:
    message = checkpoint.cosign_message(time_s, text)
    return checkpoint.cosignature(name, WITNESS.public, time_s, WITNESS.sign(message))


def test_an_answer_is_read_past_the_signatures_of_others() -> None:
    text = note(7).body
    other = NoteSignature(name="x.example", key_id=b"abcd", signature=bytes(72))
    answer = format_answer([other, cosigned(text, 5), cosigned(text, 9), other])
    time_s, signature = read_answer(text, answer, "w.example", WITNESS.public)
    assert time_s == 9
    assert crypto.verify(WITNESS.public, checkpoint.cosign_message(9, text), signature)


def test_no_changed_byte_of_an_answer_is_a_cosignature() -> None:
    text = note(7).body
    whole = format_answer([cosigned(text, 5)])
    for index in range(len(whole)):
        for other in {0x00, 0x0A, 0x20, 0x2B, 0x30, 0x41, 0x80, 0xFF, whole[index] ^ 1}:
            if other != whole[index]:
                changed = whole[:index] + bytes((other,)) + whole[index + 1 :]
                with pytest.raises(RemoteError):
                    read_answer(text, changed, "w.example", WITNESS.public)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "note.signatures"),
        (format_answer([cosigned(note(8).body, 5)]), "note.forged"),
        (format_answer([cosigned(note(7).body, 5, "v.example")]), "witness.silent"),
        (b"more text\n\n" + format_answer([cosigned(note(7).body, 5)]), "witness.answer"),
        (bytes(70_000), "witness.too_large"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer: bytes, code: str) -> None:
    with pytest.raises(RemoteError) as caught:
        read_answer(note(7).body, answer, "w.example", WITNESS.public)
    assert caught.value.code == code


@pytest.mark.parametrize("size", [0, 7, 2**63 - 1])
def test_the_size_in_a_conflict(size: int) -> None:
    assert read_size(b"%d\n" % size) == size
    for bad in (b"%d" % size, b"0%d\n" % size, b"%d\n\n" % size, b"-%d\n" % size, b"\n", b""):
        with pytest.raises(RemoteError):
            read_size(bad)


# -------------------------------------------------------------------------------------------- keys


def test_a_vkey_is_read_as_it_is_written() -> None:
    text = checkpoint.vkey(NAME, crypto.ALG_ED25519, LOG.public)
    assert read_vkey(text) == (NAME, crypto.ALG_ED25519, LOG.public)


def test_no_changed_letter_of_a_vkey_is_another_key() -> None:
    text = checkpoint.vkey(NAME, crypto.ALG_ED25519, LOG.public)
    for index, letter in enumerate(text):
        for other in "+ \nAa0=/\u00a0":
            if other != letter:
                with pytest.raises(RemoteError):
                    read_vkey(text[:index] + other + text[index + 1 :])


def test_a_key_of_small_order_is_never_taken() -> None:
    small = (1).to_bytes(32, "little")
    with pytest.raises(RemoteError) as caught:
        read_vkey(checkpoint.vkey(NAME, crypto.ALG_ED25519, small))
    assert caught.value.code == "key.small_order"


def test_the_example_of_the_document_is_read() -> None:
    """C2SP tlog-witness, "add-checkpoint": the example request."""
    proof = (
        "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
        "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
        "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
        "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
    )
    text = (
        "old 20852014\n" + "".join(f"{line}\n" for line in proof) + "\n"
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5"
        "/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks"
        "+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
    )
    found = parse_request(text.encode())
    assert (found.old, found.head.size) == (20852014, 20852163)
    assert found.proof == tuple(base64.b64decode(line) for line in proof)
    assert len(found.note.signatures) == 2
    assert format_request(found.old, found.proof, found.note.format()) == text.encode()


def late(name: str = NAME) -> tuple[mldsa.MLDSA44PrivateKey, bytes]:
    key = mldsa.MLDSA44PrivateKey.from_seed_bytes(name.encode().ljust(32, b".")[:32])
    return key, key.public_key().public_bytes_raw()


def late_line(text: bytes, name: str = NAME, time_s: int = 7) -> NoteSignature:
    key, public = late(name)
    message = checkpoint.mldsa_message(name, time_s, checkpoint.read_checkpoint(text))
    return checkpoint.mldsa_cosignature(name, public, time_s, key.sign(message))


def test_a_log_may_sign_with_ml_dsa_alone() -> None:
    text = note(7).body
    keys = (LogKey(name=NAME, key=late()[1], alg=crypto.ALG_MLDSA),)
    made = SignedNote(body=text, signatures=(late_line(text),))
    asked = parse_request(format_request(0, (), made.format()))
    assert isinstance(judge(asked, keys, None), Granted)
    found = judge(parse_request(request(0, 7)), keys, None)
    assert isinstance(found, Declined)
    assert (found.status, found.code) == (403, "witness.unsigned")
    assert isinstance(judge(asked, (*KEYS, *keys), None), Granted)


@pytest.mark.parametrize(
    ("data", "latest", "code", "size", "signed_"),
    [
        (request(3, 7), head(9), "witness.size", 9, True),
        (request(7, 7, b"x"), head(7), "witness.root", 7, True),
        (request(3, 7, b"x"), head(3), "proof.root", None, True),
        (format_request(8, (), note(7).format()), head(8), "witness.request", None, True),
        (format_request(0, (), note(7, key=OTHER).format()), None, "witness.unsigned", None, False),
    ],
)
def test_a_refusal_says_why_and_whether_the_log_stood_by_it(
    data: bytes, latest: Checkpoint | None, code: str, size: int | None, signed_: bool
) -> None:
    found = verdict(data, latest)
    assert isinstance(found, Declined)
    assert (found.code, found.size, found.signed) == (code, size, signed_)


def test_a_request_has_as_many_bytes_as_the_document_says() -> None:
    assert (tlogwitness.MAX_REQUEST_BYTES, tlogwitness.MAX_ANSWER_BYTES) == (131_072, 65_536)
    assert tlogwitness.SIZE_TYPE == "text/x.tlog.size"
    text = note(7).body
    lines = signed(text, LOG).signatures
    short = len(format_request(0, (), SignedNote(body=text, signatures=lines).format()))
    # One more line fills it up: a dash, a name of some letters, 4 + 3n bytes in base64.
    room = tlogwitness.MAX_REQUEST_BYTES - short - len("— \n".encode()) - 1
    name = "x" * (1 + (room - 1) % 4 + 4)
    blob = bytes((room - len(name)) // 4 * 3)
    full = (*lines, NoteSignature(name=name, key_id=blob[:4], signature=blob[4:]))
    data = format_request(0, (), SignedNote(body=text, signatures=full).format())
    assert len(data) == tlogwitness.MAX_REQUEST_BYTES
    assert status(data, None) == 200
    with pytest.raises(RemoteError) as caught:
        parse_request(data + b"\n")
    assert caught.value.code == "witness.too_large"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"old 03\n\n" + note(7).format(), "witness.request"),
        (b"old 9223372036854775808\n\n" + note(7).format(), "witness.request"),
        (b"old 3\nAAAA\n\n" + note(7).format(), "witness.request"),
        (format_request(3, (bytes(31),), note(7).format()), "witness.request"),
        (format_request(3, (bytes(32),) * 64, note(7).format()), "witness.request"),
        (b"old 3\n\n", "note.text"),
    ],
)
def test_a_request_is_refused_for_what_is_wrong_with_it(data: bytes, code: str) -> None:
    with pytest.raises(RemoteError) as caught:
        parse_request(data)
    assert caught.value.code == code


def test_the_largest_old_size_is_read() -> None:
    data = b"old 9223372036854775807\n\n" + note(7).format()
    assert parse_request(data).old == 2**63 - 1


def test_an_ml_dsa_line_is_found_among_the_others() -> None:
    text = note(7).body
    name = "w.example"
    public = late(name)[1]
    line = late_line(text, name)
    answer = format_answer([cosigned(text, 5), late_line(text, "v.example"), line])
    assert read_late(text, answer, name, public) == line
    assert read_late(text, format_answer([cosigned(text, 5)]), name, public) is None
    forged = replace(line, signature=line.signature[:-1] + bytes((line.signature[-1] ^ 1,)))
    with pytest.raises(RemoteError) as caught:
        read_late(text, format_answer([forged]), name, public)
    assert caught.value.code == "note.forged"


def test_the_longest_answer_is_read() -> None:
    text = note(7).body
    mine = format_answer([cosigned(text, 5)])
    room = tlogwitness.MAX_ANSWER_BYTES - len(mine) - len("— \n".encode()) - 1
    name = "x" * (1 + (room - 1) % 4 + 4)
    blob = bytes((room - len(name)) // 4 * 3)
    other = format_answer([NoteSignature(name=name, key_id=blob[:4], signature=blob[4:])])
    answer = other + mine
    assert len(answer) == tlogwitness.MAX_ANSWER_BYTES
    assert read_answer(text, answer, "w.example", WITNESS.public)[0] == 5
    with pytest.raises(RemoteError) as caught:
        read_answer(text, answer + b"\n", "w.example", WITNESS.public)
    assert caught.value.code == "witness.too_large"


def test_every_type_of_key_is_read_and_only_of_its_length() -> None:
    for alg, key in (
        (crypto.ALG_ED25519, LOG.public), (crypto.ALG_COSIGNATURE, LOG.public),
        (crypto.ALG_MLDSA, late()[1]), (0x77, b"k"),
    ):  # fmt: skip
        assert read_vkey(checkpoint.vkey(NAME, alg, key)) == (NAME, alg, key)
    for alg, key, code in (
        (crypto.ALG_MLDSA, late()[1][:-1], "vkey.form"),
        (crypto.ALG_MLDSA, LOG.public, "vkey.form"),
        (crypto.ALG_COSIGNATURE, (1).to_bytes(32, "little"), "key.small_order"),
        (0x77, b"", "vkey.form"),
    ):  # fmt: skip
        with pytest.raises(RemoteError) as caught:
            read_vkey(checkpoint.vkey(NAME, alg, key))
        assert caught.value.code == code


def test_a_vkey_has_its_longest_text() -> None:
    text = checkpoint.vkey(NAME, 0x77, b"k" * 3_036)
    room = 4_096 - len(text)
    assert room > 0
    longest = checkpoint.vkey(NAME + "x" * room, 0x77, b"k" * 3_036)
    assert len(longest) == 4_096
    assert read_vkey(longest)[0] == NAME + "x" * room
    with pytest.raises(RemoteError):
        read_vkey(checkpoint.vkey(NAME + "x" * (room + 1), 0x77, b"k" * 3_036))
