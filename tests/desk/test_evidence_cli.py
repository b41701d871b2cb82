"""Evidence at the command line: real stations make it, anybody checks it, nothing else is in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.core.test_evidence import assert_hidden
from tests.desk import desks
from tests.desk.desks import Desk, one_object

from tieline.core.evidence import MAGIC
from tieline.desk.cli import main
from tieline.node.evidencefile import TAG, page, wrapped

Pair = tuple[Desk, Desk]
VECTORS = Path(__file__).parents[2] / "vectors" / "evidence"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    yield from desks.pair(tmp_path_factory.mktemp("line"), real=False)


def block(path: Path) -> bytes:
    """The bytes in the block, taken out as any reader would."""
    data = path.read_bytes()
    assert data.count(TAG) == 1
    return base64.b64decode(data.split(TAG)[1].split(b"<")[0])


def test_a_running_and_a_stopped_station_make_evidence(line: Pair, tmp_path: Path) -> None:
    alpha, bravo = line
    alpha.ok("send", "canary of another matter 7341", "-p", "priority")
    bravo.said("canary of another matter 7341")
    alpha.ok("send", "A drone of ours is lost", "-p", "priority")
    number = bravo.said("A drone of ours is lost")
    bravo.ok("ack", number)
    bravo.ok("read-back", number, "ALPHA has lost a drone")
    alpha.said("ALPHA has lost a drone")
    here = alpha.said("A drone of ours is lost")
    whole, thread = tmp_path / "whole.html", tmp_path / "thread.html"
    assert "the whole line" in alpha.ok("evidence", "--out", str(whole))
    said = alpha.ok("evidence", "--incident", here, "--out", str(thread))
    assert "3 statements are in" in said
    assert "left out, as counts and hashes" in said
    assert block(whole).startswith(MAGIC)
    assert_hidden(thread.read_bytes(), "canary of another matter 7341")
    assert_hidden(block(thread), "canary of another matter 7341")
    assert b"canary of another matter 7341" in block(whole)
    check(whole, tmp_path)
    told = check(thread, tmp_path)
    for words in ("ALPHA/ops", "BRAVO/ops", "left out", "words of their root keys", "hotline"):
        assert words in told
    refused = alpha.run("evidence", "--out", str(whole))
    assert refused.code == 1
    assert "exists" in refused.err
    alpha.kill(15)
    still = tmp_path / "still.html"
    made = one_object(
        alpha.ok("--json", "evidence", "--out", str(still), "--to", "9990-01-01T00:00Z")
    )
    assert made["left_out"] == 0
    check(still, tmp_path)
    nothing = alpha.run("evidence", "--out", str(tmp_path / "no.html"), "--to", "151440Z NOV 22")
    assert (nothing.code, "widen it" in nothing.err) == (1, True)
    assert not (tmp_path / "no.html").exists()
    unclear = alpha.run("evidence", "--out", str(tmp_path / "no.html"), "--from", "yesterday")
    assert (unclear.code, "is no time" in unclear.err) == (1, True)
    assert list(tmp_path.glob(".*")) == []


def check(path: Path, folder: Path) -> str:
    """Verify a file at a desk without a home."""
    stranger = Desk(folder / f"nobody-{path.stem}")
    stranger.real = False
    report = one_object(stranger.ok("--json", "verify", str(path)))
    assert (report["ok"], report["page"]) == (True, True)
    return stranger.ok("verify", str(path))


def html(data: bytes) -> bytes:
    return b"".join(wrapped([data]))


def run(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    code = main(["--json", "verify", str(path)])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.tle")))
@pytest.mark.parametrize("form", ["raw", "html"])
def test_verify_ends_as_the_vector_says(
    name: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (VECTORS / f"{name}.tle").read_bytes()
    verdict = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["verdict"]
    if form == "raw" and name in {"broken-empty", "broken-magic"}:
        return  # nothing says that these bytes were meant to be evidence
    path = tmp_path / "file"
    path.write_bytes(data if form == "raw" else html(data))
    code, report = run(path, capsys)
    assert (code, report["ok"]) == ((4, False) if verdict == "failed" else (0, True))
    found = report["evidence"]
    assert isinstance(found, dict)
    assert found["verdict"] == verdict
    assert main(["verify", str(path)]) == code
    out = capsys.readouterr().out
    assert ("NOT VERIFIED" in out) == (verdict == "failed")


GOOD = (VECTORS / "two-parties.tle").read_bytes()
BAD_PAGES: dict[str, Callable[[bytes], bytes]] = {
    "no block": lambda data: data.replace(TAG, TAG.replace(b'"evidence"', b'"other"')),
    "two blocks": lambda data: data + data,
    "no end": lambda data: data.partition(TAG)[0] + TAG + base64.b64encode(GOOD),
    "a space in it": lambda data: data.replace(TAG + b"\n", TAG + b"\n "),
    "a comment in it": lambda data: data.replace(TAG + b"\n", TAG + b"\n<!-- -->"),
    "carriage returns": lambda data: data.replace(b"\n", b"\r\n"),
    "padding in the middle": lambda data: data.replace(
        base64.b64encode(GOOD), base64.b64encode(GOOD[:100]) + base64.b64encode(GOOD[100:])
    ),
    "spare bits": lambda _: page()[0] + base64.b64encode(GOOD)[:-4] + b"AB==" + page()[1],
}


@pytest.mark.parametrize("name", BAD_PAGES)
def test_a_page_that_is_not_as_it_must_be_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.html"
    before, after = page()
    path.write_bytes(before + base64.b64encode(GOOD) + b"\n" + after)
    assert run(path, capsys)[0] == 0
    path.write_bytes(BAD_PAGES[name](path.read_bytes()))
    code, report = run(path, capsys)
    assert (code, report["ok"]) == (4, False)


def test_another_page_around_the_record_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.html"
    for changed in (
        html(GOOD).replace(b"</html>", b"<p>all is well</p></html>"),
        html(GOOD).replace(b"<body>", b"<body><p>all is well</p>"),
        html(GOOD) + b" ",
    ):
        path.write_bytes(changed)
        code, report = run(path, capsys)
        assert (code, report["page"]) == (0, False)
        assert main(["verify", str(path)]) == 0
        assert "rely on this check" in capsys.readouterr().out


def test_lines_of_any_length_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.html"
    letters = base64.b64encode(GOOD * 1)
    before, after = page()
    for width in (1, 3, 64, 100_000):
        rows = [letters[at : at + width] for at in range(0, len(letters), width)]
        path.write_bytes(before + b"\n".join(rows) + b"\n" + after)
        code, report = run(path, capsys)
        assert (code, report["page"]) == (0, True)


def test_an_exercise_is_named_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.html"
    path.write_bytes(html((VECTORS / "exercise.tle").read_bytes()))
    assert main(["verify", str(path)]) == 0
    assert "EXERCISE SPRING-TIDE" in capsys.readouterr().out.splitlines()[0]


def test_markup_and_hidden_characters_do_not_act_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.html"
    path.write_bytes(html((VECTORS / "markup.tle").read_bytes()))
    assert b"alert" not in path.read_bytes()
    assert main(["--json", "verify", str(path)]) == 0
    assert capsys.readouterr().out.isascii()
