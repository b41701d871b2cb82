"""'tieline verify' of a folder of tiles and of a checkpoint: what it says, and exit code 4."""

from __future__ import annotations

from pathlib import Path

from tests.desk.desks import Desk, one_object
from tests.interop import logs
from tests.node.test_tilefolder import source

from tieline.core.charter import armor_charter
from tieline.node import tilefolder


def desk(folder: Path) -> Desk:
    made = Desk(folder / "home")
    made.real = False
    return made


def test_a_folder_of_tiles(tmp_path: Path) -> None:
    alpha = desk(tmp_path)
    tilefolder.write(alpha.folder / "log", source(5, 1), tilefolder.OPEN)
    said = alpha.ok("verify", "log")
    assert f"verified: the log {logs.origin(1)}:" in said
    assert "the station of this log signed the checkpoint" in said
    assert "5 entries hash to their leaves" in said
    found = one_object(alpha.ok("verify", "log", "--json"))
    assert (found["ok"], found["statements"], found["size"]) == (True, 5, 5)
    tile = next((alpha.folder / "log/tile/0").rglob("*.p/*"))
    tile.write_bytes(bytes(160))
    failed = alpha.run("verify", "log")
    assert failed.code == 4
    assert "PROBLEM" in failed.out
    assert "NOT VERIFIED" in failed.out


def test_a_checkpoint_alone(tmp_path: Path) -> None:
    alpha = desk(tmp_path)
    (alpha.folder / "c").write_bytes(logs.note(5, 1).format())
    (alpha.folder / "x.charter").write_text(armor_charter(logs.line(1)), encoding="ascii")
    (alpha.folder / "y.charter").write_text(armor_charter(logs.line()), encoding="ascii")
    assert "no signature was checked" in alpha.ok("verify", "c")
    said = alpha.ok("verify", "c", "--charter", "x.charter")
    assert "the station of this log signed the checkpoint" in said
    assert "1 of its 1 witnesses cosigned it" in said
    assert alpha.run("verify", "c", "--charter", "y.charter").code == 4
    changed = logs.note(5, 1).format().replace(b"\n5\n", b"\n6\n")
    (alpha.folder / "c").write_bytes(changed)
    assert alpha.run("verify", "c", "--charter", "x.charter").code == 4
