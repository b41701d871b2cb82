"""Packs on disk: lines of keys, hostile folders, and what a home keeps."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from tests.core.agreement import small

from tieline.core.errors import LocalError, PackUnfit, RemoteError
from tieline.node import packs, tomllines
from tieline.node.wholefile import write_file

LINES = """\
a = 1
b.c = [
  1,
  { x = 2 },
]
[d]
"quoted key" = '''
[no] = heading
'''
e = "# no comment ] \\" ["   # [x]
[[f]]
g = 1
[[f.h]]
i = \"\"\"
j = 1
\"\"\"
[[f.h]]
i = 2
[f.h.k]
l = 3
[[f]]
[[f.h]]
i = 4
"""


def test_each_key_stands_on_its_line() -> None:
    lines, _ = tomllines.scan(LINES, 1000)
    assert lines == {
        ("a",): 1,
        ("b", "c"): 2,
        ("d",): 6,
        ("d", "quoted key"): 7,
        ("d", "e"): 10,
        ("f", 0): 11,
        ("f", 0, "g"): 12,
        ("f", 0, "h", 0): 13,
        ("f", 0, "h", 0, "i"): 14,
        ("f", 0, "h", 1): 17,
        ("f", 0, "h", 1, "i"): 18,
        ("f", 0, "h", 1, "k"): 19,
        ("f", 0, "h", 1, "k", "l"): 20,
        ("f", 1): 21,
        ("f", 1, "h", 0): 22,
        ("f", 1, "h", 0, "i"): 23,
    }


def said(folder: Path) -> list[str]:
    with pytest.raises(PackUnfit) as refused:
        packs.read_folder(folder)
    return [str(fault) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a = 1\nb = \n", "forms.toml:2: this is no TOML: "),
        ("[[form]]\nid = 'x\n", "forms.toml:3: this is no TOML: "),
        ("[[form]]\n[form]\n", "forms.toml:2: this is no TOML: "),
    ],
)
def test_a_fault_of_syntax_is_said_beside_the_others(tmp_path: Path, text: str, start: str) -> None:
    pack = small.PACK.replace("version = 3", "version = 0")
    found = said(small.write(tmp_path, forms=text, pack=pack))
    assert [line for line in found if line.startswith(start)]
    assert [line for line in found if line.startswith("pack.toml:4: 'version'")]


def test_text_that_is_not_utf8_has_its_line(tmp_path: Path) -> None:
    small.write(tmp_path)
    (tmp_path / "words" / "fr.toml").write_bytes(b"verified = true\n[words]\nx = '\xe9'\n")
    assert "words/fr.toml:3: the text is not UTF-8; save the file as UTF-8" in said(tmp_path)


def test_a_folder_without_pack_toml_says_so(tmp_path: Path) -> None:
    assert said(tmp_path) == ["pack.toml: there is no pack.toml; every pack begins with it"]


def lists(count: int, items: int) -> str:
    """Code lists, for the end of a pack.toml."""
    return "".join(
        f'[[codes]]\nid = "c{n}"\n'
        + "".join(f'[[codes.item]]\nnumber = {i}\nid = "i{i}"\n' for i in range(1, items + 1))
        for n in range(count)
    )


def forms(count: int, fields: int) -> str:
    return "".join(
        f'[[form]]\nid = "f{n}"\nnumber = {n}\n'
        + "".join(
            f'[[form.field]]\nnumber = {i}\nid = "x{i}"\ntype = "time"\n'
            for i in range(1, fields + 1)
        )
        for n in range(1, count + 1)
    )


def nested(depth: int) -> str:
    out = '[[form]]\nid = "f"\nnumber = 1\n'
    for n in range(1, depth + 1):
        out += f'[[form{".field" * n}]]\nnumber = 1\nid = "g"\ntype = "group"\n'
    return out


RULE = """[[validity]]
id = "v{n}"
on = "ask"
until_plus = "1d"
"""
TOO_MUCH = {
    "forms": ({"forms": forms(201, 0)}, "'form' must be 0 to 200 times there; it is there 201"),
    "fields": ({"forms": forms(1, 101)}, "'field' must be 0 to 100 times there; it is there 101"),
    "fields in all": ({"forms": forms(31, 98)}, "the pack has 3038 fields where 3000 are allowed"),
    "nesting": ({"forms": nested(4)}, "groups may nest 2 deep at most"),
    "a group too deep": ({"forms": nested(3)}, "'g.g.g' nests too deep for a statement"),
    "rules": (
        {"rules": "".join(RULE.format(n=n) for n in range(201))},
        "'validity' must be 0 to 200 times there",
    ),
    "code lists": ({"pack": small.PACK + lists(200, 1)}, "'codes' must be 0 to 200 times there"),
    "code items": ({"pack": small.PACK + lists(1, 401)}, "'item' must be 1 to 400 times there"),
    "languages": (
        {"pack": small.PACK.replace('"fr"', ", ".join(f'"x{n}"' for n in range(16)))},
        "'languages' must be an array of 1 to 16 elements; it has 17",
    ),
    "a long text": (
        {"words_fr": small.FR + f'"form.ask.title" = "{"x" * 4001}"\n'},
        "must be at most 4000 characters long; it has 4001",
    ),
    "a long period": (
        {"rules": small.RULES.replace("48h", "36526d")},
        "'not_after' must be a hundred years at most",
    ),
    "a large number": (
        {"rules": small.RULES.replace("9000", "1000000000001")},
        "'at_least' must be a whole number from 0 to 1000000000000",
    ),
}


@pytest.mark.parametrize("which", TOO_MUCH)
def test_more_than_a_pack_may_have_is_refused_soon(tmp_path: Path, which: str) -> None:
    changed, want = TOO_MUCH[which]
    small.write(tmp_path, **changed)
    began = time.process_time()
    found = said(tmp_path)
    assert time.process_time() - began < 1
    assert any(want in line for line in found), found[:5]


OWN_LINE = re.compile(r'\[\[?[a-z.]+\]\]?$|(?:"[^"]+"|[a-z_]+) = ')


@pytest.mark.parametrize("name", packs.shipped())
def test_every_key_of_a_shipped_pack_has_its_line(name: str) -> None:
    """Two readers of one file agree: what tomllib finds at a path stands on the path's line."""
    sources, _ = packs.read_sources(packs.SHIPPED / name)
    for source in sources:
        rows = (packs.SHIPPED / name / source.name).read_text("utf-8").splitlines()
        assert len(source.lines) == sum(1 for row in rows if OWN_LINE.match(row))
        for path, line in source.lines.items():
            value: object = source.table
            for step in path:
                value = value[step]  # type: ignore[index]  # a table or an array of them
            key = next(step for step in reversed(path) if isinstance(step, str))
            assert key in rows[line - 1]
            if isinstance(value, str) and len(path) > 1 and not rows[line - 1].endswith("Z"):
                assert value in rows[line - 1].replace('\\"', '"').replace("\\\\", "\\")


def test_brackets_nest_as_deep_as_is_allowed_and_no_deeper() -> None:
    deep = tomllines.MAX_DEPTH
    tomllines.scan(f"a = {'[' * deep}{']' * deep}\n", 1000)
    with pytest.raises(tomllines.BadFile, match="brackets nest deeper than 12"):
        tomllines.scan(f"b = 1\na = {'[' * (deep + 1)}{']' * (deep + 1)}\n", 1000)


def test_a_folder_of_very_many_files_is_refused(tmp_path: Path) -> None:
    small.write(tmp_path)
    for number in range(200):
        (tmp_path / "words" / f"x{number}.toml").write_text("verified = true\n[words]\n")
    assert any("at most 64 files" in line for line in said(tmp_path))


def test_a_pipe_in_the_place_of_a_file_does_not_make_us_wait(tmp_path: Path) -> None:
    small.write(tmp_path)
    os.mkfifo(tmp_path / "phrases.toml")
    packs.read_folder(tmp_path)  # nothing comes out of it, which is an empty file


def test_a_file_of_an_unknown_name_is_a_fault(tmp_path: Path) -> None:
    small.write(tmp_path, rulez="x = 1\n")
    assert said(tmp_path) == ["rulez.toml: a pack has no file of this name; rename it or drop it"]


# --------------------------------------------------------------------------------------- in a home


def test_a_home_keeps_a_pack_under_its_hash(tmp_path: Path) -> None:
    pack = packs.read_folder(small.write(tmp_path / "small"))
    home = tmp_path / "home"
    assert packs.load_kept(home, pack.hash) is None
    path = packs.keep(home, pack)
    assert path == packs.keep(home, pack)
    assert [each.name for each in path.parent.iterdir()] == [f"{pack.hash.hex()}.pack"]
    kept = packs.load_kept(home, pack.hash)
    assert kept is not None
    assert kept.body == pack.body == path.read_bytes()
    assert packs.find(str(path)).hash == pack.hash


def test_a_pack_under_anothers_hash_is_refused(tmp_path: Path) -> None:
    pack = packs.read_folder(small.write(tmp_path / "small"))
    path = packs.kept(tmp_path, bytes(32))
    write_file(path, pack.body)
    with pytest.raises(RemoteError, match="not the pack of its name"):
        packs.load_kept(tmp_path, bytes(32))
    path.write_bytes(pack.body + b"x")
    with pytest.raises(RemoteError):
        packs.load_kept(tmp_path, bytes(32))


def test_a_name_that_is_no_pack_is_refused() -> None:
    with pytest.raises(LocalError) as refused:
        packs.find("no-such-agreement")
    assert refused.value.code == "pack.missing"


@pytest.mark.parametrize("name", packs.shipped())
def test_a_shipped_pack_is_whole(name: str) -> None:
    assert packs.find(name).id == name
