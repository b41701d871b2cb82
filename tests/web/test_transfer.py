"""Names of files, digests of pages, and a log whose file has no room."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.errors import ShellError
from tieline.desk import verifier
from tieline.desk.web import digest, transfer
from tieline.desk.web.vault import Vault


@given(line=st.text(), realm=st.text(), now_ms=st.integers(0, 4_000_000_000_000))
def test_a_name_is_of_letters_digits_and_hyphens_whatever_it_is_made_of(
    line: str, realm: str, now_ms: int
) -> None:
    made = transfer.name("evidence", line, realm, now_ms, ".html")
    assert re.fullmatch(r"tieline-evidence-[A-Za-z0-9-]*\.html", made)
    assert ("EXERCISE" in made) or not realm
    assert len(made) < 200


def test_a_private_folder_is_only_ours_and_what_a_killed_desk_left_is_swept(tmp_path: Path) -> None:
    with transfer.private(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        left = tmp_path / "desk-999999999-abc"
        left.mkdir()
        transfer.sweep(tmp_path)
        assert folder.is_dir()
        assert not left.exists()
    assert [*tmp_path.iterdir()] == []


def test_a_digest_is_of_the_words_and_not_of_what_counts_down() -> None:
    page = (
        '<main id="content" tabindex="-1">\n<p>One &amp;  two</p><form>x</form>'
        '<bdi class="left">4:05</bdi><p class="hint noprint">no</p></main><p>@@DIGEST@@</p>'
    )
    assert digest.words(page) == "One & two"
    assert digest.digest(page) == digest.digest(page.replace("4:05", "4:04"))
    assert digest.digest(page) != digest.digest(page.replace("two", "too"))
    hostile = page.replace("One", "@@DIGEST@@")
    assert digest.put(hostile).count("@@DIGEST@@") == 1


def test_what_was_done_stays_noted_when_the_file_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(tmp_path / "desk.db", bytes(32))
    vault.note(1, "A", "ack", "done")
    room = vault.do

    def full(*_: Any) -> int:
        raise ShellError("desk.vault", "no room")

    monkeypatch.setattr(vault, "do", full)
    vault.note(2, "A", "ack", "done")
    vault.note(3, "A", "ack", "done")
    assert vault.behind == 2
    monkeypatch.setattr(vault, "do", room)
    vault.note(4, "A", "ack", "done")
    assert vault.behind == 0
    assert [at for (at,) in vault.rows("SELECT at_ms FROM audit ORDER BY id")] == [1, 2, 3, 4]
    vault.close()


def test_a_report_is_cut_to_what_a_page_shows() -> None:
    report = {"ok": False, "problems": ["x" * 9_000] * 90, "told": ["y"] * 900}
    short = verifier.short(report)
    assert (short["verdict"], short["more_problems"], short["more_told"]) == ("failed", 50, 600)
    problems = short["problems"]
    assert isinstance(problems, list)
    assert max(map(len, problems)) == verifier.MOST_LETTERS
