"""``tieline pack``: what an author and a treaty officer see, without a station."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.core.agreement import small
from tests.core.agreement.test_cases import CASES

from tieline.core.agreement.tongue import Tongue
from tieline.desk.cli import main
from tieline.desk.cli.packs import form_lines, pack_lines
from tieline.node import packs

ARGUMENT = re.compile(r"\{\w+\}")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["pack", *words])
    heard = capsys.readouterr()
    return code, heard.out + heard.err


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    code, out = run(capsys, *words, "--json")
    found: dict[str, object] = json.loads(out)
    return code, found


def test_list_names_every_shipped_pack(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "list")
    assert code == 0
    assert "crisis 3  Crisis: what two duty officers need to say  [en, fr unverified" in out
    assert [line.split(" ")[0] for line in out.splitlines()] == packs.shipped()


def test_check_says_every_fault_on_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bad = small.FORMS.replace("flash = true", "flush = true").replace("low = 0", 'low = "0"')
    folder = str(small.write(tmp_path, forms=bad))
    code, out = run(capsys, "check", folder)
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("forms.toml:5: [[form]] has no key 'flush' (perhaps 'flash')")
    assert lines[1].startswith("forms.toml:22: 'low' must be a whole number")
    assert lines[2] == f"{folder}: 2 faults"
    code, found = as_json(capsys, "check", folder, "crisis")
    assert code == 1
    assert found["ok"] is False
    rows = found["packs"]
    assert isinstance(rows, list)
    assert [fault["line"] for fault in rows[0]["faults"]] == [5, 22]
    assert rows[1]["ok"] is True


def test_a_whole_pack_says_what_it_holds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out = run(capsys, "check", str(small.write(tmp_path)))
    assert code == 0
    assert "small 3: whole. 2 forms, 0 phrases, 2 rules" in out
    assert f"hash {small.HASH}" in out
    assert "fr: 13 of 14 texts fall back to English" in out


def test_a_form_is_shown_in_a_language_with_its_marks(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "show", "crisis", "first", "--lang", "ru")
    assert code == 0
    assert "cr/first  Первое сообщение: произошло событие  [выбор составителя]" in out
    assert "3 = не наше" in out
    assert "Эти слова не проверены" in out
    _, out = run(capsys, "show", "humanitarian-notification", "hu/movement")
    assert "[from memory, not verified]" in out
    assert "[read in the source]" in out
    assert "protected by international humanitarian law" in out


def test_a_text_that_a_language_lacks_is_english_and_marked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, out = run(capsys, "show", str(small.write(tmp_path)), "ask", "--lang", "fr")
    assert "sm/ask  Question (en)  [IV; lu dans la source]" in out
    assert "1 = we know (en)" in out


@pytest.mark.parametrize("name", packs.shipped())
def test_every_form_is_shown_in_every_language(name: str) -> None:
    one = packs.find(name)
    engine = packs.engine_words()
    for language in one.words:
        tongue = Tongue(one, engine, language)
        shown = [*pack_lines(one, tongue)]
        for form in one.forms.values():
            shown += form_lines(one, form, tongue)
        assert not [line for line in shown if "[[" in line], "a text is missing"


def test_diff_refuses_a_number_that_moves(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old = small.write(tmp_path / "old")
    pack = small.PACK.replace("version = 3", "version = 4")
    rules = small.RULES.replace("48h", "36h")
    new = small.write(tmp_path / "new", pack=pack, rules=rules)
    assert run(capsys, "diff", str(old), str(new)) == (
        0,
        "pack: version: 3 → 4\nrule reply-in-time: not_after: 2d → 1d12h\n",
    )
    moved = small.write(tmp_path / "moved", pack=pack.replace("number = 2", "number = 1", 1)
                        .replace("number = 1", "number = 2", 1))  # fmt: skip
    code, out = run(capsys, "diff", str(old), str(moved))
    assert code == 1
    assert "refused: " in out
    code, found = as_json(capsys, "diff", str(old), str(moved))
    assert code == 1
    assert found["ok"] is False


def test_cases_are_played_and_a_wrong_one_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(capsys, "test", "crisis", "--case", "goodwill") == (0, "crisis: 1 of 1 cases hold\n")
    wrong = CASES.replace('state = "crossed"', 'state = "below"')
    folder = str(small.write(tmp_path, cases=wrong))
    code, out = run(capsys, "test", folder)
    assert code == 1
    assert out.splitlines() == [
        "in-time: cases.toml:25: state should be below and is crossed",
        "small: 0 of 1 cases hold",
    ]
    code, found = as_json(capsys, "test", folder)
    assert (code, found["ok"]) == (1, False)


def test_a_pack_travels_as_one_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = small.write(tmp_path / "folder")
    file = tmp_path / "small.pack"
    assert run(capsys, "write", str(folder), "--out", str(file))[0] == 0
    code, out = run(capsys, "diff", str(folder), str(file))
    assert (code, out) == (0, "no difference: the hashes are equal\n")
    file.write_bytes(file.read_bytes()[:-1])
    code, found = as_json(capsys, "check", str(file))
    assert code == 1
    assert found["ok"] is False


def test_schemas_are_written_for_editors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _ = run(capsys, "schema", str(tmp_path / "schemas"))
    assert code == 0
    names = sorted(path.name for path in (tmp_path / "schemas").iterdir())
    assert names == [
        f"{kind}.schema.json" for kind in ("cases", "forms", "pack", "phrases", "rules", "words")
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nowhere"), "pack.missing"),
        (("show", "crisis", "last"), "pack.form"),
        (("show", "crisis", "--lang", "fi"), "pack.language"),
        (("diff", "crisis"), "pack.usage"),
        (("diff", "crisis", "incsea"), "pack.other"),
        (("write", "crisis"), "pack.usage"),
        (("test", "crisis", "--case", "no-such"), "pack.case"),
    ],
)
def test_a_refusal_is_one_sentence(
    words: tuple[str, ...], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = as_json(capsys, *words)
    assert status == 1
    assert found["error"]["code"] == code  # type: ignore[index]  # an object
    assert len(run(capsys, *words)[1].splitlines()) == 1


def test_the_engine_speaks_every_language_with_the_same_arguments() -> None:
    words = packs.engine_words()
    assert sorted(words) == ["ar", "de", "en", "es", "fr", "it", "ru"]
    english = words["en"]
    for language, texts in words.items():
        assert set(texts) <= set(english), language
        for key, text in texts.items():
            assert sorted(ARGUMENT.findall(text)) == sorted(ARGUMENT.findall(english[key])), key


# The form of the first thirty minutes, and the three things that it must be able to say.
def test_the_first_word_needs_three_answers() -> None:
    first = packs.find("crisis").forms["first"]
    assert [each.id for each in first.fields if each.required] == ["knowledge", "origin", "next"]
    assert first.flash
    assert not first.predecessors


def test_a_goodwill_notice_and_light_traffic_oblige_nobody() -> None:
    crisis = packs.find("crisis")
    assert [name for name, form in crisis.forms.items() if not form.obliges] == [
        "goodwill",
        "traffic",
    ]


def test_every_humanitarian_form_bears_the_disclaimer() -> None:
    one = packs.find("humanitarian-notification")
    for form in one.forms.values():
        assert form.disclaimer == "disclaimer.law"
    assert all("disclaimer.law" in words for words in one.words.values())
