"""Exercise and real never mix, whatever an officer types: each attempt is refused in words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.desk.desks import Desk
from tests.desk.reports import report
from tests.desk.test_report import view

from tieline.core.errors import LocalError
from tieline.desk.report import content, html
from tieline.exercise import terminal
from tieline.exercise.__main__ import main


def made(home: Path, party: str, *more: str) -> Desk:
    desk = Desk(home)
    desk.real = False
    desk.ok("init", "--party", party, "--name", f"Party {party}", "--key-file", *more)
    return desk


@pytest.fixture
def real(tmp_path: Path) -> Desk:
    return made(tmp_path / "real", "ALPHA")


@pytest.fixture
def drill(tmp_path: Path) -> Desk:
    return made(tmp_path / "drill", "BRAVO", "--exercise", "DRILL-1")


def refused(desk: Desk, *words: str) -> str:
    said = desk.run(*words)
    assert said.code == 1, said
    return said.err


@contextmanager
def sentence(code: str, text: str) -> Iterator[None]:
    with pytest.raises(LocalError) as caught:
        yield
    assert (caught.value.code, text in caught.value.message) == (code, True), caught.value


def test_cards_of_two_worlds_are_not_exchanged(real: Desk, drill: Desk) -> None:
    theirs, ours = str(drill.home / "card.tlcard"), str(real.home / "card.tlcard")
    assert "is a card for the exercise DRILL-1 and this station is for real traffic" in refused(
        real, "card", "verify", theirs
    )
    assert "is a card for real traffic and this station is for the exercise DRILL-1" in refused(
        drill, "card", "verify", ours
    )


def test_no_charter_joins_two_worlds(real: Desk, drill: Desk) -> None:
    """A line of an exercise with a real party, and a real line begun in an exercise home."""
    for own, other in ((real, drill), (drill, real)):
        card = str(other.home / "card.tlcard")
        shutil.copy(card, own.home / "cards" / f"{other.home.name}.tlcard")  # as if verified
        said = refused(own, "charter", "new", "mixed", "--card", card, "--out", "mixed.charter")
        assert "take cards of one realm" in said
        assert not (own.folder / "mixed.charter").exists()


def test_a_charter_of_an_exercise_is_not_signed_or_installed_in_a_real_home(
    real: Desk, drill: Desk, tmp_path: Path
) -> None:
    other = made(tmp_path / "other", "CHARLIE", "--exercise", "DRILL-1")
    card = str(other.home / "card.tlcard")
    charter = str(tmp_path / "drill.charter")
    drill.ok(
        "charter", "new", "drill", "--card", card, "--unverified-cards", "--out", charter,
        "--pack", "exercise", "--sign",
    )  # fmt: skip
    for verb in ("sign", "install"):
        said = refused(real, "charter", verb, charter)
        assert "exercise and real traffic never share a home" in said, (verb, said)


def test_a_pack_of_exercises_stays_out_of_a_real_home(real: Desk) -> None:
    text = "the pack exercise is for exercises only, and this home is for real traffic"
    assert text in refused(real, "pack", "keep", "exercise")
    own = str(real.home / "card.tlcard")
    words = ("charter", "new", "hot", "--card", own, "--pack", "exercise", "--out", "hot.charter")
    assert text in refused(real, *words)
    assert not list((real.home / "packs").glob("*"))


def test_keys_of_an_exercise_open_nothing_in_a_real_home(real: Desk, drill: Desk) -> None:
    for name in ("keys.tlk", "key"):
        shutil.copy(drill.home / name, real.home / name)
    said = refused(real, "serve")
    assert "does not open with this station's key: it is another station's store" in said


@pytest.mark.parametrize("words", [(), ("--exercise", "DRILL-2")])
def test_a_second_station_is_of_the_world_of_its_root(
    real: Desk, drill: Desk, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Else who asks for an exercise would be given a real station, or the other way round."""
    root, party = (real, "ALPHA") if words else (drill, "BRAVO")
    new = Desk(tmp_path / "new")
    new.real = False
    said = refused(
        new, "init", "--party", party, "--name", "New", "--key-file", "--station", "two",
        "--root-from", str(root.home), *words,
    )  # fmt: skip
    assert "nothing was made: name the root's own party and exercise" in said
    assert not (new.home / "keys.tlk").exists()


def test_a_real_home_joins_no_exercise(real: Desk, drill: Desk) -> None:
    with sentence("exercise.real", "is a home for real traffic, and no exercise is joined with it"):
        terminal.seat(real.home, "ALPHA")
    with sentence("exercise.real", "is a home for real traffic"):
        terminal.station_score(real.home)
    with sentence("exercise.real", "is a home for real traffic"):
        terminal.control(real.home, ["script", "brahmos-2022"], as_json=False)
    with sentence("exercise.party", "is the station of BRAVO, not ALPHA"):
        terminal.seat(drill.home, "ALPHA")
    assert terminal.seat(drill.home, "BRAVO").realm == "DRILL-1"


def test_an_exercise_is_not_run_in_a_home(real: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in real.home.iterdir())
    words = ["run", "brahmos-2022", "--dir", str(real.home), "--umpire", "--headless"]
    assert main(words) == 1
    assert "exists already; name a folder that does not" in capsys.readouterr().err
    assert sorted(path.name for path in real.home.iterdir()) == before


def test_a_real_station_whose_card_was_changed_is_found_out(real: Desk, drill: Desk) -> None:
    """The card alone is not believed: a station that runs says itself of which realm it is."""
    real.serve()
    try:
        shutil.copy(drill.home / "card.tlcard", real.home / "card.tlcard")
        with sentence("exercise.real", "its station is of real traffic"):
            terminal.join(real.home, "BRAVO", ["status"], only_home=False)
    finally:
        real.kill()


@pytest.mark.parametrize("word", ["--home", "--hom=/real", "--ho", "--home=/real"])
def test_an_officers_terminal_speaks_for_no_other_home(drill: Desk, word: str) -> None:
    at = terminal.seat(drill.home, "BRAVO")
    with sentence(
        "exercise.home", "speaks for BRAVO in the exercise DRILL-1 and for no other home"
    ):
        terminal.command(at, ["send", word, "/real", "Attack."])
    with sentence("exercise.verb", "is not for an officer's seat"):
        terminal.command(at, ["init"])
    made_of = terminal.command(at, ["send", "Text", "--", "--home"])
    assert made_of[-4:] == ["--home", str(drill.home), "--", "--home"]


def test_an_exercise_clock_does_not_run_a_real_station(real: Desk) -> None:
    with (real.home / "config.toml").open("a", encoding="utf-8") as config:
        config.write("\n[exercise]\ncontrolled_clock = 2022-11-15T14:40:00Z\n")
    assert "'exercise.controlled_clock' is set, but this station is for real traffic" in refused(
        real, "serve"
    )


@pytest.mark.parametrize("id_", ["", "  ", "REAL TRAFFIC", "a/b", "-", "ПРАКТИКА"])
def test_an_exercise_without_a_name_is_no_real_station(tmp_path: Path, id_: str) -> None:
    """A variable that a script has not set must not make a real station."""
    desk = Desk(tmp_path / "home")
    desk.real = False
    said = desk.run("init", "--party", "ALPHA", "--name", "A", "--key-file", "--exercise", id_)
    assert said.code != 0
    assert not (desk.home / "keys.tlk").exists()


NAMES = ("This is not a drill", "REAL", "EXERCISE", "EXERCISE EXERCISE EXERCISE NORTH-26")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_name_of_an_incident_takes_the_banner_off_a_report_or_puts_one_on(
    name: str, language: str
) -> None:
    def page(realm: str) -> str:
        made = {**view(report(name, realm=realm)), "language": language}
        return html.write(content.document(made)).decode()

    drilled, real = page("NORTH-26"), page("")
    assert drilled.count('<div class="banner" dir="ltr">EXERCISE EXERCISE EXERCISE NORTH-26<') == 2
    assert "<title>EXERCISE EXERCISE EXERCISE NORTH-26: " in drilled
    assert 'class="banner"' not in real
    assert "<title>EXERCISE" not in real


def test_a_figure_of_an_exercise_beside_a_real_incident_is_named_as_one() -> None:
    made = content.document(view(report(realm="")), view(report("REAL", realm="NORTH-26")))
    assert "REAL (EXERCISE NORTH-26)" in html.write(made).decode()
