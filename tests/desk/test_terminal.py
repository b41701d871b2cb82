"""What a person at a terminal is asked: passphrases that do not show, and a yes before signing."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.desk import desks
from tests.desk.desks import Desk


def at_terminal(desk: Desk, *command: str, answers: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal of its own; each prompt gets its answer once it is shown."""
    terminal, end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "tieline", *command],
        env=desks.environment(desk.home, None),
        cwd=desk.folder,
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    shown, waiting = "", dict(answers)
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # how a terminal says that its last program has ended
            break
        shown += data.decode()
        for prompt in [prompt for prompt in waiting if prompt in shown]:
            os.write(terminal, waiting.pop(prompt).encode() + b"\n")
    os.close(terminal)
    assert waiting == {}
    return child.wait(100), shown


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Desk]:
    folder = tmp_path_factory.mktemp("terminal")
    alpha, bravo = Desk(folder / "alpha", passphrase=desks.PASSPHRASE), Desk(folder / "bravo")
    alpha.real = bravo.real = False
    desks.found(alpha, bravo)
    return alpha, bravo


def test_a_passphrase_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "new")
    command = ("init", "--party", "ALPHA", "--name", "A")
    asked = {"New passphrase": "open sesame, please", "The same again": "open sesame, pleese"}
    code, shown = at_terminal(desk, *command, answers=asked)
    assert code == 1
    assert "the two passphrases differ; nothing was made" in shown
    assert not desk.home.exists()
    asked["The same again"] = "open sesame, please"
    code, shown = at_terminal(desk, *command, answers=asked)
    assert code == 0
    assert "open sesame" not in shown
    assert "ALPHA/ops is ready" in shown


def test_what_is_signed_is_shown_and_asked(parties: tuple[Desk, Desk]) -> None:
    alpha, _ = parties
    alpha.ok("charter", "new", "second")
    command = ("charter", "sign", "second.charter")
    code, shown = at_terminal(alpha, *command, answers={"Sign it?": "no"})
    assert code == 1
    assert "the charter was not signed" in shown
    answers = {"Sign it?": "yes", "Passphrase of the party's root": desks.PASSPHRASE}
    code, shown = at_terminal(alpha, *command, answers=answers)
    assert code == 0
    assert "line: second" in shown
    assert desks.PASSPHRASE not in shown
    assert "it waits for the signature of BRAVO" in shown


def test_the_words_are_asked_for_with_the_name_of_who_reads_them(
    parties: tuple[Desk, Desk],
) -> None:
    alpha, bravo = parties
    answers = {"Type them as you hear them": desks.words(bravo)}
    code, shown = at_terminal(alpha, "card", "verify", "bravo.tlcard", answers=answers)
    assert code == 0
    assert "Call BRAVO (Party Bravo) where you know the voice" in shown
    assert "is verified" in shown


def test_a_narrow_window_is_told_how_to_get_the_code(parties: tuple[Desk, Desk]) -> None:
    _, bravo = parties
    code, shown = at_terminal(bravo, "card", answers={})
    assert code == 0
    assert "TIELINE-CARD" in shown
    assert "write it with --qr FILE.svg" in shown
    bravo.ok("card", "--qr", "card.svg", "--out", "card.txt")
    assert b"<svg" in (bravo.folder / "card.svg").read_bytes()
    bravo.ok("card", "--qr", "card.png")
    assert (bravo.folder / "card.png").read_bytes().startswith(b"\x89PNG")
    assert (bravo.folder / "card.txt").read_bytes() == (bravo.home / "card.tlcard").read_bytes()
