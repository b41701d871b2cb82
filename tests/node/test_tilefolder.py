"""A log written as a folder of tiles, and what 'tieline verify' finds in one that was changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.world import Key, found, kits, sign_all
from tests.examples import tries
from tests.interop import logs

from tieline.core import checkpoint, tree
from tieline.core.charter import SignedCharter, armor_charter, finish
from tieline.core.errors import LocalError, RemoteError
from tieline.core.succession import amend
from tieline.node import tilefolder
from tieline.node.tilefolder import NONE, OPEN, SEALED, Source

SIZE = 259


def xored(data: bytes) -> bytes:
    return bytes(each ^ 0x5A for each in data)


def source(size: int = SIZE, quorum: int = 0) -> Source:
    entries = [each.raw for each in logs.statements(size, quorum)]
    return Source(
        note=logs.note(size, quorum),
        charters=(logs.line(quorum),),
        entries=lambda start, stop: entries[start:stop],
        seal=xored,
    )


def written(folder: Path, mode: str = OPEN, size: int = SIZE, quorum: int = 0) -> Path:
    tilefolder.write(folder, source(size, quorum), mode)
    return folder


def problems(folder: Path, unseal: Callable[[bytes], bytes] | None = None) -> list[str]:
    return tilefolder.check(folder, unseal=unseal).problems


@pytest.mark.parametrize("mode", [OPEN, NONE, SEALED])
@pytest.mark.parametrize("size", [1, 256, 259])
def test_what_is_written_is_verified(tmp_path: Path, mode: str, size: int) -> None:
    folder = written(tmp_path / "log", mode, size)
    found = tilefolder.check(folder)
    assert found.problems == []
    assert found.statements == (size if mode == OPEN else 0)
    assert any("signed the checkpoint" in text for text in found.said)
    assert (folder / "tile/entries").exists() == (mode == OPEN)
    if mode == SEALED:
        assert any("sealed, and not for this station" in text for text in found.said)
        opened = tilefolder.check(folder, unseal=xored)
        assert opened.problems == []
        assert opened.statements == size
    if mode != OPEN:
        whole = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert b"number 0" not in whole


def test_an_empty_log_has_a_checkpoint_and_no_tiles(tmp_path: Path) -> None:
    text = checkpoint.body(logs.origin(), 0, tree.EMPTY_ROOT)
    key = logs.AUTHOR.sign_key
    line = checkpoint.log_signature(logs.origin(), key.public, key.sign(text))
    empty = Source(
        note=checkpoint.SignedNote(body=text, signatures=(line,)),
        charters=(logs.line(),),
        entries=lambda start, stop: [],
        seal=xored,
    )
    tilefolder.write(tmp_path / "log", empty, OPEN)
    assert problems(tmp_path / "log") == []
    assert not (tmp_path / "log/tile").exists()


def test_witnesses_are_counted(tmp_path: Path) -> None:
    folder = written(tmp_path / "log", quorum=1)
    said = tilefolder.check(folder).said
    assert any(
        f"1 of its 1 witnesses cosigned it ({logs.WITNESS_NAME}); 1 are needed" in text
        for text in said
    )


def test_a_byte_changed_anywhere_is_found(tmp_path: Path) -> None:
    """Every file of the folder, and in each the bytes of every class of place."""
    folder = written(tmp_path / "log", size=258)
    missed = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        data = path.read_bytes()
        places = {0, 1, 2, 3, len(data) // 2, len(data) - 2, len(data) - 1}
        places |= set(range(0, len(data), max(1, len(data) // tries(8))))
        stranger = data.find("— stranger".encode())
        for place in sorted(places):
            if stranger <= place < len(data) and path.name == "checkpoint" and stranger > 0:
                continue  # the line of a key that nobody knows
            for other in (data[place] ^ 1, data[place] ^ 0x80, 0x0A):
                if other == data[place]:
                    continue
                path.write_bytes(data[:place] + bytes((other,)) + data[place + 1 :])
                if not problems(folder):
                    missed.append((str(path.relative_to(folder)), place, other))
        for cut in (data[:-1], data + b"\0", b""):
            path.write_bytes(cut)
            if not problems(folder):
                missed.append((str(path.relative_to(folder)), len(cut), -1))
        path.write_bytes(data)
    assert missed == []
    assert problems(folder) == []


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/001.p/3", "tile/1/000.p/1", "checkpoint"])
def test_a_file_that_is_missing_is_found(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "log")
    (folder / name).unlink()
    assert problems(folder)


def test_entries_that_are_missing_are_said(tmp_path: Path) -> None:
    folder = written(tmp_path / "log")
    (folder / "tile/entries/000").unlink()
    found = tilefolder.check(folder)
    assert found.problems == []
    assert found.statements == 3
    assert any("256 entries are not in the folder" in text for text in found.said)


def test_statements_in_another_order_are_no_log_of_ours(tmp_path: Path) -> None:
    """The tree and every signature are right, and still the positions are not."""
    entries = [each.raw for each in logs.statements(4)]
    entries[1], entries[2] = entries[2], entries[1]
    grown = tree.Tree()
    for entry in entries:
        grown.append(tree.leaf_hash(entry))
    text = checkpoint.body(logs.origin(), 4, grown.root())
    key = logs.AUTHOR.sign_key
    line = checkpoint.log_signature(logs.origin(), key.public, key.sign(text))
    mixed = Source(
        note=checkpoint.SignedNote(body=text, signatures=(line,)),
        charters=(logs.line(),),
        entries=lambda start, stop: entries[start:stop],
        seal=xored,
    )
    tilefolder.write(tmp_path / "log", mixed, OPEN)
    assert any("does not follow" in text for text in problems(tmp_path / "log"))


def test_a_checkpoint_that_the_station_did_not_sign_is_found(tmp_path: Path) -> None:
    folder = written(tmp_path / "log")
    text = logs.note(SIZE).body
    other = Key("somebody")
    line = checkpoint.log_signature(logs.origin(), other.public, other.sign(text))
    note = checkpoint.SignedNote(body=text, signatures=(line,))
    (folder / "checkpoint").write_bytes(note.format())
    assert problems(folder) == ["the station of this log has not signed the checkpoint"]


def test_a_charter_that_was_given_is_the_one_that_counts(tmp_path: Path) -> None:
    folder = written(tmp_path / "log")
    assert tilefolder.check(folder, [logs.line()]).problems == []
    assert tilefolder.check(folder, [logs.line(1)]).problems != []
    unsigned = SignedCharter(charter=logs.line().charter)
    (folder / "charters/1.charter").write_text(armor_charter(unsigned), encoding="ascii")
    assert any("not signed by every party" in text for text in problems(folder))


def test_without_a_charter_the_tree_is_checked_and_the_rest_is_said(tmp_path: Path) -> None:
    folder = written(tmp_path / "log")
    (folder / "charters/1.charter").unlink()
    found = tilefolder.check(folder)
    assert found.problems == []
    assert any("no signature was checked" in text for text in found.said)


def test_sealed_entries_that_do_not_open_are_a_problem(tmp_path: Path) -> None:
    folder = written(tmp_path / "log", SEALED)

    def broken(data: bytes) -> bytes:
        raise RemoteError("seal.broken", "the sealed file is damaged")

    assert problems(folder, broken) == ["the sealed file is damaged"]


def test_nothing_is_written_over_and_nothing_half(tmp_path: Path) -> None:
    folder = written(tmp_path / "log")
    with pytest.raises(LocalError) as caught:
        written(folder)
    assert caught.value.code == "tiles.folder"
    short = source()
    lacking = Source(
        note=short.note,
        charters=short.charters,
        entries=lambda start, stop: short.entries(start, min(stop, 257)),
        seal=xored,
    )
    with pytest.raises(LocalError) as caught:
        tilefolder.write(tmp_path / "half", lacking, OPEN)
    assert caught.value.code == "tiles.root"
    assert not tilefolder.is_folder(tmp_path / "half")
    other = Source(note=logs.note(SIZE - 1), charters=(), entries=source(3).entries, seal=xored)
    with pytest.raises(LocalError):
        tilefolder.write(tmp_path / "other", other, OPEN)


def test_a_later_charter_of_the_folder_must_follow_the_one_that_is_trusted(tmp_path: Path) -> None:
    """ALPHA and BRAVO take CHARLIE off the line, and excuse it from signing that."""
    first = found(kits(3))
    forged = finish(replace(amend(first.charter, leave=("CHARLIE",)), excused=("CHARLIE",)))
    signed = sign_all(forged, kits(3)[:2])
    assert signed.complete
    (tmp_path / "charters").mkdir()
    (tmp_path / "charters/2.charter").write_text(armor_charter(signed), encoding="ascii")
    finding = tilefolder.Finding()
    tilefolder._charters(tmp_path, [first], finding)
    assert [text for text in finding.problems if "excuses" in text]
    third = sign_all(amend(forged, name="renamed"), kits(3)[:2])
    (tmp_path / "charters/2.charter").write_text(armor_charter(third), encoding="ascii")
    finding = tilefolder.Finding()
    tilefolder._charters(tmp_path, [first], finding)
    assert [text for text in finding.problems if "nothing ties" in text]
