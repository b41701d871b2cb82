"""The page on making a pack, followed to the letter: its files written, its commands run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tieline.desk.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "pack-authoring.md"
BLOCK = re.compile(r"^```(toml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"(Write|Add to)[^`]*\s`(harbours[\w./-]*\.toml)`|, `(harbours[\w./-]*\.toml)`")
CHANGE = re.compile(r"`(harbours[\w./-]*\.toml)`:\s+`([^`]+)`\s+to\s+`([^`]+)`")
COPY = re.compile(r"Write `(harbours-2)` as a copy of\s+`(harbours)`")


def blocks() -> Iterator[tuple[str, str, str]]:
    """The text before each block, the kind of the block, and what is in it."""
    page = PAGE.read_text("utf-8")
    at = 0
    for found in BLOCK.finditer(page):
        yield page[at : found.start()], found[1], found[2]
        at = found.end()


def test_a_reader_who_follows_the_page_has_a_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = 0
    for before, kind, text in blocks():
        for new, old in COPY.findall(before):
            shutil.copytree(old, new)
        for name, one, other in CHANGE.findall(before):
            content = Path(name).read_text("utf-8")
            assert content.count(one) == 1
            Path(name).write_text(content.replace(one, other), "utf-8")
        if kind == "toml":
            how, name, further = FILE.findall(before)[-1]
            path = Path(name or further)
            path.parent.mkdir(parents=True, exist_ok=True)
            old_text = path.read_text("utf-8") if how == "Add to" else ""
            path.write_text(old_text + text, "utf-8")
            continue
        for part in re.split(r"^\$ tieline ", text, flags=re.MULTILINE)[1:]:
            command, _, want = part.partition("\n")
            main(shlex.split(command))
            assert capsys.readouterr().out == want, command
            commands += 1
    assert commands == 7
