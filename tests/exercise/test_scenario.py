"""Scenario files: shipped ones can be read, and whatever is wrong is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.exercise.plays import SMALL, small

from tieline.core.errors import LocalError, ShellError
from tieline.exercise import scenario as world
from tieline.exercise.__main__ import FOLDER, main
from tieline.exercise.script import MAX_FILE_BYTES, load, read

FIRST = 'label = "first"'
TEXT = 'text = "Something fell."'


def test_the_small_scenario_reads() -> None:
    scenario = small()
    assert scenario.codes == ("ALPHA", "BRAVO")
    assert [type(event.act).__name__ for event in scenario.events] == [
        "Say", "Say", "Cut", "Heal", "Forge", "Joint", "Assent",
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_scenarios_read_and_say_where_facts_come_from(path: Path) -> None:
    scenario = load(path)
    injects = [e.act for e in scenario.events if isinstance(e.act, world.Inject)]
    assert injects
    assert all(inject.confidence in world.CONFIDENCE for inject in injects)
    assert scenario.start_ms < scenario.picture_ms < scenario.end_ms
    assert all(event.label for event in scenario.events if isinstance(event.act, world.Say))


def test_the_border_scenario_has_all_that_was_asked_of_it() -> None:
    scenario = load(FOLDER / "przewodow-2022.toml")
    at = {event.label: event.at_ms - scenario.start_ms for event in scenario.events if event.label}
    acts = [(event.at_ms - scenario.start_ms, event.act) for event in scenario.events]
    hour = 3_600_000
    assert len(scenario.parties) == 4
    assert [t for t, act in acts if isinstance(act, world.Cut)] == [hour]
    assert next(t for t, act in acts if isinstance(act, world.Heal)) == 3 * hour
    assert sum(isinstance(act, world.Forge) for _, act in acts) == 1
    calls = [act for _, act in acts if isinstance(act, world.Say) and act.call]
    assert [call.unanswered for call in calls] == [("BRAVO",)]
    assert at["joint statement"] == 20 * hour
    assert at["first word"] <= hour / 2
    assert any(isinstance(a, world.Inject) and a.confidence.startswith("M") for _, a in acts)


PHRASES = """
[[event]]
at = "H+1:20"
act = "send"
label = "gear"
from = "ALPHA"
phrase = "IR2"
fields = { metres = "1 200" }

[[event]]
at = "H+1:30"
act = "send"
from = "BRAVO"
to = ["ALPHA"]
phrase = "is/:zl1"
answers = "gear"
precedence = "IMMEDIATE"

[[event]]
at = "H+1:40"
act = "correct"
from = "ALPHA"
target = "gear"
fields = { metres = "1300" }
"""


def test_a_message_may_be_a_phrase_by_its_code_and_standing_authority_may_cover_one() -> None:
    text = _changed('standing = ["cr/not-ours"]', 'standing = ["cr/not-ours", "is/:ir2"]')
    text = text.replace('packs = ["crisis"]', 'packs = ["crisis", "incsea"]')
    scenario = read((text + PHRASES).encode(), "phrases.toml")
    says = [event.act for event in scenario.events if isinstance(event.act, world.Say)][-3:]
    assert [(say.form, say.answers, say.to) for say in says] == [
        ("is/:ir2", (("metres", "1 200"),), ()),
        ("is/:zl1", (), ("ALPHA",)),
        ("is/:ir2", (("metres", "1300"),), ()),
    ]
    assert [say.precedence.name for say in says] == ["ROUTINE", "IMMEDIATE", "ROUTINE"]
    assert scenario.rules.standing == ("cr/not-ours", "is/:ir2")
    wrong = text + PHRASES.replace('"1 200"', '"many"')
    with pytest.raises(LocalError, match="IR2 of ALPHA cannot be sent: Metres astern"):
        read(wrong.encode(), "phrases.toml")


def _changed(old: str, new: str) -> str:
    assert SMALL.count(old) >= 1
    changed: str = SMALL.replace(old, new, 1)
    return changed


# What is done to the file, the code, and words of the sentence: the place, and the key or value.
WRONG: list[tuple[str, str, str, str, tuple[str, ...]]] = [
    ("not TOML", "format = 1", "format = = 1", "toml", ("line 2",)),
    ("no format", "format = 1\n", "", "format", ("format = 1",)),
    ("another format", "format = 1", "format = 2", "format", ("format = 1",)),
    ("format as text", "format = 1", 'format = "1"', "value", ("'format'",)),
    ("an unknown key at the top", "format = 1", "format = 1\nweather = 3", "unknown_key",
     ("'weather'",)),
    ("an unknown key in the charter", 'line = "Test line"', 'line = "L"\nlong = 1', "unknown_key",
     ("charter", "'long'")),
    ("an unknown clock", 'FLASH = "10m"\n', 'FLUSH = "10m"\n', "unknown_key",
     ("clocks", "'FLUSH'")),
    ("an unknown rung", 'FLASH = "10m"\n', 'FLASH = { recieved = "2m" }\n', "unknown_key",
     ("FLASH", "'recieved'")),
    ("an unknown key of a party", 'station = "ops"', 'station = "ops"\nflag = "x"', "unknown_key",
     ("party 1", "'flag'")),
    ("an unknown habit", 'habits = { FLASH = "2m" }', 'habits = { flash = "2m" }', "unknown_key",
     ("party 1", "habits", "'flash'")),
    ("a form of its own", "[[party]]", '[[form]]\nid = "x"\n\n[[party]]', "unknown_key",
     ("'form'",)),
    ("a pack that is not there", 'packs = ["crisis"]', 'packs = ["quiet"]', "pack",
     ("charter", "'packs'", "'quiet'")),
    ("a pack twice", 'packs = ["crisis"]', 'packs = ["crisis", "../crisis"]', "pack",
     ("charter", "'packs'")),
    ("a desk without a language", 'language = "fr"', 'language = "f r"', "value",
     ("party 2", "'language'")),
    ("an unknown key of an event", TEXT, TEXT + "\nsubject = 'x'", "unknown_key",
     ("event 1", "'subject'")),
    ("a key of another act", 'between = [["ALPHA"], ["BRAVO"]]',
     'between = [["ALPHA"], ["BRAVO"]]\ntext = "x"', "unknown_key", ("event 3", "'text'")),
    ("an id with capitals", 'id = "small"', 'id = "Small"', "value", ("'id'",)),
    ("a realm in small letters", 'realm = "SMALL"', 'realm = "small"', "value", ("'realm'",)),
    ("a missing title", 'title = "A small exercise"\n', "", "missing", ("'title'",)),
    ("a title that turns text around", "A small exercise", "A \\u202e exercise", "value",
     ("'title'", "U+202E")),
    ("an empty title", 'title = "A small exercise"', 'title = " "', "value", ("'title'",)),
    ("a start without zone", "00:00:00Z", "00:00:00", "time", ("'start'",)),
    ("a start as text", "start = 2026-01-01T00:00:00Z", 'start = "now"', "time", ("'start'",)),
    ("an end before the start", 'ends = "H+2"', 'ends = "H+0"', "time", ("'ends'",)),
    ("an end after months", 'ends = "H+2"', 'ends = "010000Z JUN 26"', "time", ("'ends'",)),
    ("an end that is no time", 'ends = "H+2"', 'ends = "later"', "time", ("'ends'", "later")),
    ("a picture that is no time", 'ends = "H+2"', 'ends = "H+2"\npicture = "soon"', "time",
     ("'picture'", "soon")),
    ("no charter", "[charter]\nline", "[chart]\nline", "missing", ("charter", "'line'")),
    ("a charter that is no table", "[charter.clocks]\n", "[charter.clocks.deep.deeper]\n",
     "unknown_key", ("clocks", "'deep'")),
    ("a clock of no time", 'FLASH = "10m"\n', 'FLASH = "0s"\n', "value", ("clocks", "'FLASH'")),
    ("a clock that is no span", 'FLASH = "10m"\n', 'FLASH = "ten"\n', "time",
     ("clocks", "'FLASH'", "ten")),
    ("a clock that is a number", 'FLASH = "10m"\n', "FLASH = 10\n", "value",
     ("clocks", "'FLASH'")),
    ("a window longer than the interval", 'window = "30m"', 'window = "5h"', "value",
     ("tests", "'window'")),
    ("tests answered by nobody", '"officer" }', '"nobody" }', "value",
     ("tests", "'answered_by'")),
    ("four eyes for no precedence", 'four_eyes = ["FLASH"]', 'four_eyes = ["HASTE"]', "value",
     ("charter", "HASTE")),
    ("standing authority for no form", 'standing = ["cr/not-ours"]', 'standing = ["ours"]', "form",
     ("charter", "'standing'", "ours")),
    ("a code in small letters", 'code = "BRAVO"', 'code = "bravo"', "value",
     ("party 2", "'code'")),
    ("a party twice", 'code = "BRAVO"', 'code = "ALPHA"', "party", ("party 2", "ALPHA")),
    ("a name that turns text around", 'name = "One side"', 'name = "One \\u202e side"', "value",
     ("party 1", "'name'", "U+202E")),
    ("a name of two lines", 'name = "One side"', 'name = "One\\nside"', "value",
     ("party 1", "'name'")),
    ("a station with capitals", 'station = "ops"', 'station = "OPS"', "value",
     ("party 1", "'station'")),
    ("one officer alone", '["Officer A", "Colonel A"]', '["Officer A"]', "value",
     ("party 1", "'officers'")),
    ("an officer twice", '["Officer A", "Colonel A"]', '["A", "A"]', "value",
     ("party 1", "'officers'")),
    ("officers as a number", '["Officer A", "Colonel A"]', "7", "value",
     ("party 1", "'officers'")),
    ("an absence that ends before it begins", 'habits = { FLASH = "2m" }',
     'habits = { away = [{ from = "H+1", until = "H+0:30" }] }', "time", ("away 1",)),
    ("an absence without end", 'habits = { FLASH = "2m" }',
     'habits = { away = [{ from = "H+1" }] }', "missing", ("away 1", "'until'")),
    ("no act", 'act = "cut"\n', "", "missing", ("event 3", "'act'")),
    ("an unknown act", 'act = "cut"', 'act = "burn"', "value", ("event 3", "'act'", "burn")),
    ("no time", 'at = "H+0:10"\n', "", "missing", ("event 3", "'at'")),
    ("an event too early", 'at = "H+0:10"', 'at = "H+0:01"', "order", ("event 3",)),
    ("an event after the end", 'at = "H+1:10"', 'at = "H+3"', "order", ("event 7",)),
    ("a party that is not there", 'from = "ALPHA"\nprecedence', 'from = "ECHO"\nprecedence',
     "value", ("event 1", "'from'", "ECHO")),
    ("a message to oneself", TEXT, TEXT + '\nto = "ALPHA"', "party", ("event 1", "ALPHA")),
    ("a message to nobody known", TEXT, TEXT + '\nto = ["ECHO"]', "value",
     ("event 1", "'to'", "ECHO")),
    ("no precedence", 'precedence = "FLASH"\nwants', "wants", "missing",
     ("event 1", "'precedence'")),
    ("a precedence in small letters", 'precedence = "FLASH"\nwants',
     'precedence = "flash"\nwants', "value", ("event 1", "'precedence'", "flash")),
    ("a rung nobody can want", '["acknowledged", "read back"]', '["received"]', "value",
     ("event 1", "'wants'", "received")),
    ("a wanted read-back without words",
     'read_back = { BRAVO = "ALPHA says that something fell." }', "", "missing",
     ("event 1", "read_back.BRAVO")),
    ("a read-back that nobody wanted", 'wants = ["acknowledged", "read back"]\n', "", "value",
     ("event 1", "read_back", "wants")),
    ("a read-back by a stranger", "read_back = { BRAVO", "read_back = { ECHO = 'x', BRAVO",
     "unknown_key", ("event 1", "read_back", "'ECHO'")),
    ("no words", TEXT, "", "value", ("event 1", "'text'", "'form'")),
    ("empty words", TEXT, 'text = ""', "value", ("event 1", "'text'")),
    ("a form that lacks an answer", TEXT, TEXT + '\nform = "cr/not-ours"', "form",
     ("event 1", "What was checked")),
    ("a form that goes to all, to one", 'follows = "first"', 'follows = "first"\nto = []', "value",
     ("event 2", "'to'")),
    ("words as a number", TEXT, "text = 7", "value", ("event 1", "'text'")),
    ("a language that is none", TEXT, TEXT + '\nlang = "en us"', "value", ("event 1", "'lang'")),
    ("a form that is not there", 'form = "cr/not-ours"', 'form = "cr/ours"', "form",
     ("event 2", "'form'", "cr/not-ours")),
    ("a phrase that is not there", TEXT, 'phrase = "IR1"', "form",
     ("event 1", "'phrase'", "IR1", "(there are: none)")),
    ("a form and a phrase", 'form = "cr/not-ours"', 'form = "cr/not-ours"\nphrase = "IR1"', "form",
     ("event 2", "'phrase'", "remove one")),
    ("a field that is not there", 'text = "The object."', 'words = "x"', "form",
     ("event 2", "words")),
    ("a code that is not there", 'checked = "all"', 'checked = "none"', "form",
     ("event 2", "Ce qui a été vérifié")),
    ("a field that is true", 'checked = "all"', "checked = true", "value",
     ("event 2", "'checked'")),
    ("a rule that is not there", 'act = "heal"',
     'act = "owed"\nfrom = "ALPHA"\ndebtor = "BRAVO"\nrule = "rent"\nstate = "met"', "rule",
     ("event 4", "'rent'")),
    ("a state that is none", 'act = "heal"',
     'act = "owed"\nfrom = "ALPHA"\ndebtor = "BRAVO"\nrule = "next-first"\nstate = "paid"',
     "value", ("event 4", "'state'", "overdue")),
    ("a label twice", 'label = "joint"', FIRST, "label", ("event 6", "'first'")),
    ("a label that comes later", 'follows = "first"', 'follows = "joint"', "label",
     ("event 2", "'follows'", "'joint'")),
    ("a label on a cut", 'act = "cut"', 'act = "cut"\nlabel = "x"', "label", ("event 3",)),
    ("a cut of one group", 'between = [["ALPHA"], ["BRAVO"]]', 'between = [["ALPHA", "BRAVO"]]',
     "value", ("event 3", "'between'")),
    ("a party on both sides", 'between = [["ALPHA"], ["BRAVO"]]',
     'between = [["ALPHA"], ["ALPHA"]]', "party", ("event 3", "ALPHA")),
    ("a forger of his own words", 'claims = "BRAVO"', 'claims = "ALPHA"', "party",
     ("event 5", "'victim'")),
    ("an unknown way to forge", 'text = "FORGED WORDS"', 'text = "x"\nways = ["magic"]', "value",
     ("event 5", "'ways'", "magic")),
    ("two stories of another's words", 'act = "heal"',
     'act = "equivocate"\nfrom = "BRAVO"\nto = "ALPHA"\ntarget = "first"\ntext = "x"', "target",
     ("event 4", "'first'", "BRAVO")),
    ("assent to a message", 'target = "joint"', 'target = "first"', "target",
     ("event 7", "'first'")),
    ("assent to one's own", 'from = "BRAVO"\ntarget', 'from = "ALPHA"\ntarget', "target",
     ("event 7", "ALPHA")),
    ("an inject without its source", 'act = "heal"', 'act = "inject"\ntext = "x"', "missing",
     ("event 4", "'confidence'")),
    ("an inject of no known source", 'act = "heal"',
     'act = "inject"\ntext = "x"\nconfidence = "sure"', "value",
     ("event 4", "'confidence'", "sure")),
    ("another's words corrected", 'act = "heal"',
     'act = "correct"\nfrom = "BRAVO"\ntarget = "first"\ntext = "x"', "target",
     ("event 4", "'first'", "ALPHA")),
    ("one's own words acknowledged", 'act = "heal"',
     'act = "ack"\nfrom = "ALPHA"\ntarget = "first"', "target", ("event 4", "'first'")),
    ("a watch that is maybe kept", 'act = "heal"',
     'act = "staff"\nfrom = "ALPHA"\nstaffed = "yes"\ncause = "x"', "value",
     ("event 4", "'staffed'")),
    ("a suspension without a cause", 'act = "heal"', 'act = "suspend"\nfrom = "ALPHA"', "missing",
     ("event 4", "'cause'")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_wrong_scenario_is_refused_in_one_sentence(
    old: str, new: str, code: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(LocalError) as refused:
        read(_changed(old, new).encode(), "wrong.toml")
    message = refused.value.message
    assert refused.value.code == f"scenario.{code}"
    assert message.startswith("wrong.toml")
    for word in words:
        assert word in message
    assert "\n" not in message
    assert not message.endswith(".")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xfe", "scenario.toml"),
        (b"a = " + b"[" * 50_000, "scenario.toml"),
        (b"#" * (MAX_FILE_BYTES + 1), "scenario.too_large"),
        (b"", "scenario.format"),
        (SMALL.split("[[event]]")[0].encode(), "scenario.event"),
        (SMALL.split("[[party]]")[0].encode(), "scenario.party"),
    ],
    ids=["not text", "too deep", "too large", "empty", "no events", "no parties"],
)
def test_files_that_are_no_scenario(data: bytes, code: str) -> None:
    with pytest.raises(LocalError) as refused:
        read(data, "wrong.toml")
    assert refused.value.code == code
    assert refused.value.message.startswith("wrong.toml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ShellError) as refused:
        load(tmp_path / "none.toml")
    assert refused.value.code == "scenario.file"
    assert "none.toml" in refused.value.message


def test_the_command_says_the_sentence_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(_changed('act = "cut"', 'act = "burn"'), "utf-8")
    assert main(["--scenario", str(path), "--headless", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("exercise: wrong.toml, event 3 (H+0:10, burn): 'act' is 'burn'")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
