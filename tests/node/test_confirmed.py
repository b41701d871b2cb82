"""What a station has checked of a pack: its own note, for one hash, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tieline.core.agreement.load import pack_from_bytes, to_bytes
from tieline.core.errors import LocalError
from tieline.node import confirmed, packs
from tieline.node.confirmed import Check

AT = 1_900_000_000_000


def test_a_check_is_told_until_it_is_withdrawn_and_belongs_to_one_version(tmp_path: Path) -> None:
    pack = packs.find("strategic-exercise")
    rule = next(iter(pack.rules))
    assert confirmed.told(tmp_path, pack, rule) == ""
    check = Check(what=rule, by="treaty officer", source="certified copy", at_ms=AT, note="art. I")
    confirmed.confirm(tmp_path, pack, check)
    said = confirmed.told(tmp_path, pack, rule)
    for part in ("treaty officer", "certified copy", "art. I", "(this station only)"):
        assert part in said
    assert confirmed.told(None, pack, rule) == ""
    assert packs.load_kept(tmp_path, pack.hash) == pack or packs.kept(tmp_path, pack.hash).exists()
    new = pack_from_bytes(to_bytes(replace(pack, version=pack.version + 1)))
    later = confirmed.told(tmp_path, new, rule)
    assert later.startswith(f"version {pack.version} was checked here")
    assert later.endswith(f"version {new.version} was not checked")
    confirmed.confirm(tmp_path, pack, check, withdraw=True)
    assert (confirmed.told(tmp_path, pack, rule), confirmed.told(tmp_path, new, rule)) == ("", "")


@pytest.mark.parametrize(
    ("what", "by", "source"),
    [("no-such", "X", "Y"), ("", "X", "Y"), (None, "", "Y"), (None, "X", ""),
     (None, "X\u202e", "Y"), (None, "X", "y" * 401)],
)  # fmt: skip
def test_what_says_too_little_is_refused(
    tmp_path: Path, what: str | None, by: str, source: str
) -> None:
    pack = packs.find("strategic-exercise")
    named = next(iter(pack.rules)) if what is None else what
    with pytest.raises(LocalError) as caught:
        confirmed.confirm(tmp_path, pack, Check(what=named, by=by, source=source, at_ms=AT))
    assert caught.value.code == "pack.confirm"


def test_what_would_not_be_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = packs.find("strategic-exercise")
    one, other = [*pack.rules, *pack.forms][:2]
    monkeypatch.setattr(confirmed, "MAX_BYTES", 700)
    check = Check(what=one, by="a", source="b", at_ms=AT, note="n" * 390)
    confirmed.confirm(tmp_path, pack, check)
    with pytest.raises(LocalError, match="no more is kept") as caught:
        confirmed.confirm(tmp_path, pack, replace(check, what=other))
    assert caught.value.code == "pack.confirm"
    assert confirmed.checks(tmp_path, pack.hash) == {one: check}  # what was kept still reads
    confirmed.confirm(tmp_path, pack, check, withdraw=True)
    assert confirmed.checks(tmp_path, pack.hash) == {}


@pytest.mark.parametrize("bytes_", [b"", b"{", b"[1]", b'[{"what": "x"}]', b"\xff" * 99])
def test_a_damaged_note_says_nothing(tmp_path: Path, bytes_: bytes) -> None:
    pack = packs.find("strategic-exercise")
    packs.keep(tmp_path, pack)
    (tmp_path / "packs" / f"{pack.hash.hex()}.checked").write_bytes(bytes_)
    assert confirmed.told(tmp_path, pack, next(iter(pack.rules))) == ""
