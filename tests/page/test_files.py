"""Files that a reader chooses in the page, and a proof that comes within it."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest

from tieline.core.charter import SignedCharter, parse_signed_charter
from tieline.core.checkpoint import SignedNote, read_checkpoint
from tieline.core.errors import RemoteError
from tieline.node.tilefolder import check_note

VECTORS = Path(__file__).parents[2] / "vectors"
PROOFS = json.loads((VECTORS / "proof" / "accept.json").read_text("utf-8"))["cases"]
REFUSED = json.loads((VECTORS / "proof" / "refuse.json").read_text("utf-8"))["cases"]
BY_NAME = {case["name"]: case for case in PROOFS}
Open = Callable[[bytes | str], Any]
Choose = Callable[[Any, bytes], None]


@pytest.fixture
def choose(tmp_path: Path) -> Choose:
    """Chooses bytes as a file in an open page."""

    def choose_file(page: Any, data: bytes) -> None:
        path = tmp_path / "chosen.file"
        path.write_bytes(data)
        page.choose(path)

    return choose_file


def text(page: Any, selector: str) -> str:
    found = page.value(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")
    return str(found)


def facts(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.value("tielineFacts()")
    return found


def verdict(page: Any) -> str:
    return str(page.value("document.documentElement.dataset.verdict"))


def quiet(page: Any) -> None:
    """Nothing was asked for but the file itself, and nothing went wrong."""
    assert page.complaints() == []
    asked = set(page.requests())
    assert len(asked) == 1
    assert asked.pop().startswith("file:")


def armored(proof: bytes) -> bytes:
    letters = base64.b64encode(proof).decode()
    lines = [letters[at : at + 64] for at in range(0, len(letters), 64)]
    return "".join(f"{line}\n" for line in ["TIELINE-PROOF-1", *lines, "END"]).encode()


def wanted(case: dict[str, Any]) -> dict[str, Any]:
    parts = {name: part for name, part in case.items() if name not in {"name", "armor", "proof"}}
    return {"verdict": "checked", **parts}


# ------------------------------------------------------------------------------------ proofs


@pytest.mark.parametrize("how", ["in the page", "chosen"])
def test_every_proof_is_told_with_whom_it_accuses_and_what_it_does_not_show(
    opened: Open, choose: Choose, files: Any, how: str
) -> None:
    page = opened("")
    for case in PROOFS:
        armor = case["armor"].encode()
        page = opened(armor) if how == "in the page" else page
        if how == "chosen":
            choose(page, armor)
        quiet(page)
        assert (facts(page), verdict(page)) == (wanted(case), "checked")
        assert "The proof holds" in text(page, "#verdict .word")
        assert "station main of ALPHA" in text(page, "#verdict")
        assert text(page, "#accused .words").split() == case["words"].split()
        for part in (case["line"][:8], case["station"], case["incarnation"][:8]):
            assert part in text(page, "#accused")
        said = text(page, "#caveats")
        assert "stolen a key can sign with it also after the parties have ended it" in said
        assert "two certificates of one station" in said
        assert ("This proof carries two" in said) is (case["certificates"] == 2)
        assert ("ask first" in said) is ("two keys" in case["name"])
        assert text(page, "#exercise") == (
            f"EXERCISE {case['realm']} EXERCISE" if case["realm"] else ""
        )
        assert page.value("document.title").startswith("EXERCISE") is bool(case["realm"])
        halves = page.value("document.querySelectorAll('#halves article').length")
        assert halves == 2


@pytest.mark.parametrize("name", ["two statements", "two roots of one size"])
def test_a_proof_shows_both_halves(opened: Open, name: str) -> None:
    page = opened(BY_NAME[name]["armor"].encode())
    said = text(page, "#halves")
    if name == "two statements":
        assert "Nothing happened." in said
        assert "One drone fell short." in said
    for _, root in BY_NAME[name]["heads"]:
        assert root in said.replace(" ", "")


@pytest.mark.parametrize("code", sorted({case["code"] for case in REFUSED}))
def test_what_proves_nothing_accuses_nobody_and_says_why(
    opened: Open, choose: Choose, code: str
) -> None:
    case = next(case for case in REFUSED if case["code"] == code)
    page = opened("")
    choose(page, armored(bytes.fromhex(case["proof"])))
    quiet(page)
    assert facts(page) == {"verdict": "failed", "code": code}
    assert "It proves nothing" in text(page, "#verdict .word")
    assert code in text(page, "#verdict")
    for word in ("ALPHA", "BRAVO", "main"):
        assert word not in text(page, "#verdict") + text(page, "#parts")


def test_markup_in_a_proof_stays_text(opened: Open, files: Any) -> None:
    proofs = files.proof
    attack = "\u202e<script>globalThis.ran = 1</script><img src=x onerror=globalThis.ran=1>"
    pair = proofs.by_digest(
        proofs.said(attack),
        proofs.said("x", {14: ["<b>&lt;", 1], 16: {1: "x", 2: "x", 3: {1: attack}}}),
    )
    page = opened(armored(cbor2.dumps(proofs.proof([1, *pair]), canonical=True)))
    quiet(page)
    assert verdict(page) == "checked"
    assert "<script>" in text(page, "#halves")
    assert page.value("globalThis.ran ?? 0") == 0
    assert page.value("document.querySelectorAll('img, b').length") == 0
    assert "U+202E" in text(page, "#halves")


def test_evidence_that_was_read_before_says_whether_the_keys_of_a_proof_have_ended(
    opened: Open, choose: Choose, files: Any
) -> None:
    kit, proofs = files.evidence, files.proof
    story = kit.Story(["ALPHA", "BRAVO"])
    log = story.log("ALPHA")
    one = story.text(log, "One.")
    two = story.text(log, "Otherwise.", after=log.main[0])
    halves = proofs.by_digest(one.raw, two.raw)
    who = story.parties["ALPHA"]
    alpha = proofs.proof([1, *halves], who=who)
    told = armored(cbor2.dumps(alpha, canonical=True))
    early = kit.pack(story, lambda _: True, {}).data()
    fresh = who.station("main", {5: bytes(proofs.NEW_KEY.verify_key)})
    entries = [kit.charters.entry(party, "main") for party in story.parties.values()]
    entries[0][4][0][1] = fresh.certificate
    story.amend({7: entries})
    late = kit.pack(story, lambda _: True, {}).data()
    page = opened("")
    choose(page, told)
    assert "evidence" not in facts(page)
    for data, versions, words in (
        (early, [1], "also in the newest version"),
        (late, [1, 2], "no more since version 2"),
    ):
        choose(page, data)
        assert verdict(page) == "checked"
        choose(page, told)
        said = {"newest": len(versions), "root": versions, "keys": [[1]]}
        assert (verdict(page), facts(page)["evidence"]) == ("checked", said)
        assert words in text(page, "#by-evidence")
        assert ("no more" in text(page, "#verdict")) is (len(versions) == 2)
    other = kit.Story(["ALPHA", "BRAVO"], changes={1: "Another line"})
    other.log("ALPHA")
    choose(page, kit.pack(other, lambda _: True, {}).data())
    choose(page, told)
    assert text(page, "#by-evidence") == ""


# ------------------------------------------------------------------------------- one after another


def test_one_file_takes_the_place_of_another_and_nothing_of_it_is_left(
    opened: Open, choose: Choose, files: Any, tmp_path: Path
) -> None:
    page = opened(files.vector("exercise"))
    assert page.value("document.querySelectorAll('article').length") > 2
    choose(page, BY_NAME["two statements"]["armor"].encode())
    assert verdict(page) == "checked"
    assert "EXERCISE" not in page.value("document.body.innerText + document.title")
    assert page.value("document.querySelectorAll('#statements article').length") == 0
    assert text(page, ".of") == "File: chosen.file"
    choose(page, files.vector("bad-note-root"))
    assert verdict(page) == "failed"
    assert "evidence.root" in text(page, "#faults")
    assert text(page, "#accused") == ""
    choose(page, files.document(files.vector("exercise")).encode())
    assert "EXERCISE SPRING-TIDE" in text(page, "#exercise")
    choose(page, files.document(BY_NAME["two statements"]["armor"].encode()).encode())
    assert facts(page) == wanted(BY_NAME["two statements"])
    choose(page, files.document("").encode())
    assert (verdict(page), "evidence.magic" in text(page, "#faults")) == ("failed", True)
    two = files.document(files.vector("exercise")).encode() * 2
    choose(page, two)
    assert (verdict(page), "evidence.magic" in text(page, "#faults")) == ("failed", True)
    quiet(page)


def test_a_page_without_a_file_says_so_and_takes_a_dropped_one(opened: Open, files: Any) -> None:
    page = opened("")
    quiet(page)
    assert (verdict(page), text(page, "#verdict .word")) == ("unread", "No file yet")
    data = json.dumps(BY_NAME["two statements"]["armor"])
    page.value(
        "(() => { delete document.documentElement.dataset.done;"
        f" const it = new DataTransfer(); it.items.add(new File([{data}], 'a.tlproof'));"
        " document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: it, bubbles: true,"
        " cancelable: true })); })()"
    )
    page.wait("document.documentElement.dataset.done === 'yes'")
    assert facts(page) == wanted(BY_NAME["two statements"])


HOSTILE = {
    "nothing": (b"", "unable"),
    "no kind": (b"\x00" * 5_000, "unable"),
    "a large thing": (b"x" * 1_000_001, "unable"),
    "a long proof": (b"TIELINE-PROOF-1\n" + b"A" * 300_000, "failed"),
    "another proof": (b"TIELINE-PROOF-2\nAAAA\nEND\n", "failed"),
    "a deep proof": (armored(b"\x81" * 90_000), "failed"),
    "a million entries": (armored(b"\x86\x01\x9a\x00\x0f\x42\x40"), "failed"),
    "huge bytes": (armored(b"\x86\x01\x5b" + b"\xff" * 8), "failed"),
    "a page with a script": (b"<!doctype html><script>globalThis.ran = 1</script>", "failed"),
    "a note of many lines": (
        b"a\n1\n" + base64.b64encode(bytes(32)) + b"\n\n" + "— a AAAAAAAA\n".encode() * 9_000,
        "unable",
    ),
    "markup for a checkpoint": (
        b"<img/src=x>\n1\n" + base64.b64encode(bytes(32)) + b"\n\n" + "— <b> AAAAAAAA\n".encode(),
        "unable",
    ),
}  # fmt: skip


def test_hostile_files_are_an_error_and_run_nothing(
    opened: Open, choose: Choose, files: Any
) -> None:
    page = opened(files.vector("two-parties"))
    for name, (data, expected) in HOSTILE.items():
        choose(page, data)
        assert (name, verdict(page)) == (name, expected)
        assert page.value("Number(document.documentElement.dataset.milliseconds)") < 2_000
    assert page.value("globalThis.ran ?? 0") == 0
    assert page.value("document.querySelectorAll('main img').length") == 0
    quiet(page)


# --------------------------------------------------------------------------------- checkpoints


def items(data: bytes) -> list[list[Any]]:
    """The items of evidence."""
    rest = io.BytesIO(data.removeprefix(b"TIELINE-EVIDENCE-1\n"))
    end = rest.getbuffer().nbytes
    return list(iter(lambda: cbor2.load(rest) if rest.tell() < end else [], []))


def charters(data: bytes) -> list[SignedCharter]:
    return [parse_signed_charter(item[1]) for item in items(data) if item[0] == 2]


def notes(data: bytes) -> list[bytes]:
    return [item[1] for item in items(data) if item[0] == 9]


def passes(data: bytes, given: list[SignedCharter]) -> bool:
    """The verdict of the reader in Python."""
    try:
        note = SignedNote.parse(data)
        head = read_checkpoint(note.body)
    except RemoteError:
        return False
    return not check_note(note, head, given).problems


def test_a_checkpoint_is_checked_with_the_keys_of_the_evidence(
    opened: Open, choose: Choose, files: Any
) -> None:
    whole = files.vector("four-parties")
    page = opened("")
    for note in notes(whole):
        choose(page, note)
        assert verdict(page) == "unable"
        assert "no key" in text(page, "#verdict")
    choose(page, whole)
    assert verdict(page) == "checked"
    for note in notes(whole):
        choose(page, note)
        found = facts(page)
        own = "log" in [kind for kind, _, _ in found["signers"]]
        assert found["faults"] == ([] if own else ["note.unsigned"])
        assert found["verdict"] in (
            {"partly" if found["gaps"] else "checked"} if own else {"failed"}
        )
        assert len(found["signers"]) >= 1
        assert page.value("document.querySelectorAll('#parties .words').length") == 4
    choose(page, files.vector("broken-cut"))
    choose(page, notes(whole)[0])
    assert facts(page)["faults"] == []  # the keys are still those of the last file that was good
    quiet(page)


def test_a_checkpoint_of_another_tree_contradicts_the_evidence(
    opened: Open, choose: Choose, files: Any
) -> None:
    """Two lines that are one up to the second statement of ALPHA, and two stories from there on."""

    def told(*words: str) -> tuple[Any, Any]:
        story = files.evidence.Story(["ALPHA", "BRAVO"])
        log = story.log("ALPHA")
        for said in words:
            story.text(log, said)
        return story, log

    story, log = told("One.", "Two.", "Three.")
    other, lie = told("One.", "Two, but otherwise.", "Three.", "Four.")
    page = opened(files.evidence.pack(story, lambda _: True, {}).data())
    assert verdict(page) == "checked"
    for source, at, size, expected, codes in (
        (story, log, 4, "checked", []),
        (other, lie, 2, "checked", []),
        (other, lie, 3, "failed", ["evidence.root"]),
        (other, lie, 5, "partly", ["gap.record"]),
    ):
        choose(page, source.note(at, size, ["BRAVO"]).data)
        found = facts(page)
        assert (found["verdict"], found["faults"] + found["gaps"]) == (expected, codes)
        assert [kind for kind, _, _ in found["signers"]] == ["log", "cosignature"]
    choose(page, story.note(log, 4, ["BRAVO"], own=False, stranger=True).data)
    assert (facts(page)["faults"], facts(page)["gaps"]) == (["note.unsigned"], ["gap.signer"])


@pytest.mark.parametrize("name", ["two statements", "two roots of one size"])
def test_a_checkpoint_is_checked_with_the_key_in_a_proof(
    opened: Open, choose: Choose, files: Any, name: str
) -> None:
    page = opened(BY_NAME[name]["armor"].encode())
    for key, faults in ((files.proof.KEY, []), (files.proof.FORGER, ["note.unsigned"])):
        choose(page, files.proof.note(7, bytes(32), key=key))
        found = facts(page)
        assert found["faults"] == faults
        assert "gap.record" in found["gaps"] or faults
    bravo = files.proof.note(7, bytes(32), files.proof.origin(who=files.proof.BRAVO))
    choose(page, bravo)
    assert verdict(page) == "unable"


def test_no_changed_checkpoint_passes_in_either_reader(laboratory: Any, files: Any) -> None:
    whole = files.vector("four-parties")
    given = charters(whole)
    chance = random.Random(5)
    changed = []
    for note in notes(whole)[:4]:
        for at in chance.sample(range(len(note)), 200):
            copy = bytearray(note)
            copy[at] ^= 1 << chance.randrange(8)
            changed.append(bytes(copy))
    every = [*notes(whole), *changed]
    keys, *texts = (base64.b64encode(data).decode() for data in [whole, *every])
    found = laboratory.value(f'checkpointVerdicts("{keys}", {json.dumps(texts)})')
    there = [each in {"checked", "partly"} for each in found]
    assert there == [passes(data, given) for data in every]
    assert there[: len(notes(whole))] == [True, False]  # one is by a cosigner alone


def test_a_mistake_of_the_page_leaves_no_verdict_behind(opened: Open, choose: Choose) -> None:
    """It comes when the verdict is shown already: the sentence and its colour go with it."""
    page = opened("")
    page.value(
        "{ const append = Element.prototype.append; Element.prototype.append = function (...all) {"
        " append.apply(this, all); if (all.some((one) => one.matches?.('#accused')))"
        " throw new Error('a mistake'); }; }"
    )
    choose(page, PROOFS[0]["armor"].encode())
    assert verdict(page) == "unable"
    assert page.value("document.getElementById('verdict').className") == "unable"
    assert "The proof holds" not in text(page, "main")
    assert "NOT CHECKED" in text(page, "#verdict .word")
    assert text(page, "#parts") == ""
    assert page.value("typeof tielineFacts") == "undefined"
