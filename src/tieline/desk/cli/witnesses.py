"""The verb ``witness``: run a neutral witness, and say to a station where its witnesses are."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tieline.core.errors import LocalError
from tieline.core.terms import dtg
from tieline.desk.cli import files
from tieline.desk.cli.common import ask_secret, put
from tieline.desk.cli.show import number_of, text_of, views
from tieline.node import homefolder
from tieline.node.text import visible

if TYPE_CHECKING:
    from tieline.node.secrets import Unlock
    from tieline.node.view import Json
    from tieline.node.witnesshome import WitnessHome

LISTEN: Final = "127.0.0.1:7412"


def witness(args: argparse.Namespace) -> int | None:
    """Do what the action says."""
    acts = {
        "init": _init,
        "serve": _serve,
        "add-log": _add_log,
        "show": _show,
        "adopt": _adopt,
        "url": _url,
    }
    return acts[args.action](args)


def _folder(args: argparse.Namespace) -> Path:
    path: Path = args.dir if args.dir is not None else args.home / "witness"
    return path.absolute()


def _home(args: argparse.Namespace) -> WitnessHome:
    from tieline.node.witnesshome import WitnessHome

    return WitnessHome.open(_folder(args))


def _words(args: argparse.Namespace, count: int, usage: str) -> list[str]:
    words: list[str] = args.words
    if len(words) != count:
        raise LocalError("witness.words", f"write it so: tieline witness {usage}")
    return words


def _init(args: argparse.Namespace) -> None:
    """Make a witness's folder. Nothing that exists is overwritten; a failure leaves nothing."""
    from tieline.node import secrets
    from tieline.node.wholefile import make_folder
    from tieline.node.witnesshome import WitnessHome

    (name,) = _words(args, 1, "init NAME")
    folder = _folder(args)
    if folder.exists() and any(folder.iterdir()):
        raise LocalError("witness.exists", f"{folder} is not empty; name another folder with --dir")
    homefolder.check(folder)
    passphrase = None if args.key_file else _new_passphrase()
    make_folder(folder, 0o700)
    try:
        unlock = passphrase or secrets.create_key_file(folder / "key")
        key = WitnessHome.create(folder, name, tuple(args.listen) or (LISTEN,), unlock)
    except BaseException:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        raise
    put(
        args,
        {
            "folder": str(folder),
            "name": name,
            "vkey": key.vkey,
            "mldsa_vkey": key.late_vkey,
            "key": key.public.hex(),
        },
        f"the witness {name} is ready in {folder}; its key is",
        f"  {key.vkey}",
        f"next: tieline witness add-log --charter FILE{_dir(args)}, then tieline witness serve",
        "  the parties name it so: tieline charter amend FILE --witness VKEY --quorum N",
    )


def _dir(args: argparse.Namespace) -> str:
    return f" --dir {args.dir}" if args.dir is not None else ""


def _new_passphrase() -> Unlock:
    from tieline.node.secrets import Passphrase

    given = os.environ.get("TIELINE_PASSPHRASE")
    if given is not None:
        return Passphrase(given)
    first = ask_secret("New passphrase for this witness's key: ")
    if first != ask_secret("The same again: "):
        raise LocalError("keys.passphrase", "the two passphrases differ; nothing was made")
    return Passphrase(first)


def _unlock(home: WitnessHome) -> Unlock:
    from tieline.node.secrets import KeyFile, Passphrase

    if home.key_file:
        return KeyFile(home.path / "key")
    given = os.environ.get("TIELINE_PASSPHRASE")
    return Passphrase(given if given is not None else ask_secret("Passphrase of the witness: "))


def _serve(args: argparse.Namespace) -> None:
    import asyncio

    from tieline.node.witnessing import serve

    home = _home(args)
    homefolder.check(home.path)
    key = home.unlock(_unlock(home))

    def ready(where: str) -> None:
        put(
            args,
            {"ready": True, "listening": where, "vkey": key.vkey},
            f"the witness {home.name} listens on {where}; stop it with Ctrl-C",
        )
        sys.stdout.flush()

    def tell(text: str) -> None:
        sys.stderr.write(visible(text) + "\n")
        sys.stderr.flush()

    asyncio.run(serve(home, key, ready=ready, tell=tell))


def _add_log(args: argparse.Namespace) -> None:
    home = _home(args)
    if args.charter is None:
        (vkey,) = _words(args, 1, "add-log VKEY [--origin ORIGIN], or add-log --charter FILE")
        log = home.add_log(vkey, args.origin)
        origin = args.origin or log.name
        put(args, {"origin": origin}, f"checkpoints of {origin} are cosigned from now on")
        return
    _words(args, 0, "add-log --charter FILE")
    charter = home.add_charter(files.read_charter(args.charter))
    what = f"every log of the line '{charter.name}', charter version {charter.version}"
    lines = [f"{what}, is cosigned from now on"]
    if home.name not in {each.name for each in charter.witnesses}:
        lines.append(f"its charter does not name {home.name}, so no station will ask this witness")
    put(args, {"line": charter.line.hex(), "version": charter.version}, *lines)


def _show(args: argparse.Namespace) -> int:
    """Heads and conflicts. 4 when a log was caught with two stories."""
    from tieline.node.witnessing import report

    found = report(_home(args))
    lines = [f"witness {text_of(found, 'name')}"]
    lines += [
        f"line {text_of(line, 'name')} ({text_of(line, 'line')[:8]}), charter"
        f" {text_of(line, 'version')}"
        for line in views(found, "lines")
    ]
    lines += [
        f"{number_of(log, 'size'):>8}  {text_of(log, 'root')[:16]}"
        f"  {dtg(number_of(log, 'time_s') * 1000)}  {text_of(log, 'origin')}"
        for log in views(found, "logs")
    ]
    for conflict in views(found, "conflicts"):
        seen = dtg(number_of(conflict, "time_s") * 1000)
        what = f"two roots of {text_of(conflict, 'size')} leaves, seen {seen}"
        lines += [
            f"TWO STORIES: {text_of(conflict, 'origin')} signed {what}",
            *(f"  | {line}" for line in text_of(conflict, "cosigned").splitlines()),
            "  and",
            *(f"  | {line}" for line in text_of(conflict, "also_signed").splitlines()),
        ]
    lines += _write_proofs(args.proofs, views(found, "conflicts"))
    put(args, found, *lines)
    return 4 if views(found, "conflicts") else 0


def _write_proofs(folder: Path | None, conflicts: list[dict[str, Json]]) -> list[str]:
    """Write the proof file of each conflict of a line's log, and say where."""
    from tieline.node.wholefile import make_folder

    if folder is None:
        return []
    make_folder(folder)
    out: list[str] = []
    for number, conflict in enumerate(conflicts, 1):
        text = text_of(conflict, "proof")
        if text:
            path = folder / f"proof-{number}.tlproof"
            files.write_text(path, text)
            out.append(f"{path}: anybody checks it with 'tieline verify {path.name}'")
    return out


def _adopt(args: argparse.Namespace) -> None:
    from tieline.node.witnessing import adopt

    home = _home(args)
    count = adopt(home)
    put(
        args,
        {"adopted": True, "advances": count},
        f"the witness {home.name} goes on here from its {count} cosigned heads; never start the"
        " other copy again",
    )


def _url(args: argparse.Namespace) -> None:
    """Set, or with an empty URL take away, where a witness of this station's lines answers."""
    from tieline.node.config import Home, read_config, with_witness, write_config

    name, url = _words(args, 2, "url NAME URL")
    home = Home.open(args.home)
    config = with_witness(read_config(home.config_file), name, url)
    write_config(home.config_file, config)
    result: dict[str, Json] = {"witnesses": dict(config.witnesses)}
    put(args, result, f"{name} is asked at {url}" if url else f"{name} is asked no more",
        "next: start the station again, so that it takes this up")  # fmt: skip
