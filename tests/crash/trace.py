"""What a process did to its files, read from strace's account of it.

The account is taken with ``-xx``, so every byte written is in it. Only one thread writes; a call
that this reader does not know, and that could change a file of ours, is an error and never skipped.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CALLS: Final = (
    "openat,open,creat,pwrite64,pwritev,pwritev2,write,writev,ftruncate,truncate,fallocate,fsync,"
    "fdatasync,sync_file_range,sync,syncfs,msync,unlink,unlinkat,rename,renameat,renameat2,close,"
    "dup,dup2,dup3,link,linkat,symlink,copy_file_range,sendfile,splice,lseek,mkdir,mkdirat,rmdir"
)
_HEAD: Final = r"(?:(?P<pid>\d+) +)?(?:(?P<time>\d+\.\d+) )?"
_LINE: Final = re.compile(_HEAD + r"(?P<name>\w+)\((?P<args>.*)\)\s+= (?P<answer>-?\d+)")
# What another thread does meanwhile stands between the two parts of a call.
_BEGUN: Final = re.compile(_HEAD + r"(?P<name>\w+)\((?P<args>.*) <unfinished \.\.\.>$")
_ENDED: Final = re.compile(
    _HEAD + r"<\.\.\. (?P<name>\w+) resumed>(?P<args>.*)\)\s+= (?P<answer>-?\d+)"
)
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_HARMLESS: Final = frozenset({"dup", "dup2", "dup3", "sync_file_range"})
FOLDER: Final = -1  # stands for the number of a file where an entry leads to a new folder


@dataclass(frozen=True, slots=True)
class Write:
    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Grow:
    """A file is at least so long now; what is new of it are zeros."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    file: int


@dataclass(frozen=True, slots=True)
class Name:
    """An entry of a folder now leads to this file, or to a new folder; None: the entry is gone."""

    path: str
    file: int | None


@dataclass(frozen=True, slots=True)
class SyncFolder:
    path: str


@dataclass(frozen=True, slots=True)
class Mark:
    text: str


Op = Write | Cut | Grow | Sync | Name | SyncFolder | Mark


@dataclass(frozen=True, slots=True)
class Account:
    """The operations in order, and the files that were there before, by number and path.

    ``times``: when each began, in seconds since 1970, if strace was asked for that (``-ttt``);
    of one during which another thread did something, when it ended.
    """

    ops: tuple[Op, ...]
    before: dict[str, int]
    times: tuple[float, ...] = ()


# What strace is told, so that its account can be read here.
WORDS: Final = ("-xx", "-s", "300000", "-e", f"trace={_CALLS}")


def record(command: list[str], account: Path, *, env: dict[str, str]) -> None:
    """Run a command under strace. Raises ``CalledProcessError`` when it fails."""
    strace = ["strace", "-o", str(account), *WORDS]
    done = subprocess.run([*strace, *command], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()


def read(account: Path, root: Path, before: Iterable[str] | None = None) -> Account:
    """Read an account; paths are relative to ``root``, and whatever lies elsewhere is left out.

    ``before``: the files that were there, if they are not those that are there now.
    """
    if before is None:
        before = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    reader = _Reader(root, before)
    ops: list[Op] = []
    times: list[float] = []
    for name, args, answer, time in _calls(account.read_text(encoding="ascii").splitlines()):
        ops.extend(reader.call(name, args, answer))
        times.extend([time] * (len(ops) - len(times)))
    return Account(tuple(ops), reader.before, tuple(times) if any(times) else ())


def _calls(lines: Iterable[str]) -> Iterator[tuple[str, str, int, float]]:
    """The calls that succeeded, in the order in which they ended."""
    begun: dict[str | None, str] = {}
    for line in lines:
        if found := _BEGUN.match(line):
            begun[found["pid"]] = found["args"]
            continue
        found = _LINE.match(line) or _ENDED.match(line)
        if found is None:
            continue
        args = begun.pop(found["pid"], "") + found["args"]
        if int(found["answer"]) >= 0:
            yield found["name"], args, int(found["answer"]), float(found["time"] or 0)


class _Reader:
    def __init__(self, root: Path, before: Iterable[str]) -> None:
        self._root = f"{root}/"
        self.before = {path: number for number, path in enumerate(sorted(before))}
        self._names = dict(self.before)
        self._next = len(self.before)
        self._open: dict[int, int | str] = {}  # a file's number, or a folder's path
        self._at: dict[int, int] = {}  # where the next write without a place goes

    def call(self, name: str, args: str, answer: int) -> Iterator[Op]:
        if name in ("openat", "open", "creat"):
            yield from self._opened(args, answer)
        elif name == "close":
            self._open.pop(int(args), None)
        elif name == "link":
            old, new = [self._path(text) for text in _texts(args)]
            if old is not None and new is not None:
                self._names[new] = self._names[old]
                yield Name(new, self._names[new])
        elif name in ("mkdir", "rmdir"):
            path = self._path(_texts(args)[0])
            if path is not None:
                yield Name(path, FOLDER if name == "mkdir" else None)
        elif name in ("unlink", "rename"):
            yield from self._renamed([self._path(text) for text in _texts(args)])
        elif self._about(args) is None or name in _HARMLESS:
            return
        elif isinstance(self._about(args), str):
            yield SyncFolder(str(self._about(args)))
        elif name == "lseek":
            self._at[int(args.split(",", 1)[0])] = answer
        else:
            yield self._changed(name, args)

    def _about(self, args: str) -> int | str | None:
        first = args.split(",", 1)[0]
        return self._open.get(int(first)) if first.isdigit() else None

    def _path(self, text: bytes) -> str | None:
        path = text.decode()
        return path.removeprefix(self._root) if path.startswith(self._root) else None

    def _opened(self, args: str, fd: int) -> Iterator[Op]:
        path = self._path(_texts(args)[0])
        self._open.pop(fd, None)
        if path is None:
            return
        if "O_DIRECTORY" in args or (Path(self._root) / path).is_dir():
            self._open[fd] = path
            return
        if path not in self._names:
            self._names[path] = self._next
            self._next += 1
            yield Name(path, self._names[path])
        self._open[fd] = self._names[path]
        self._at[fd] = 0
        if "O_TRUNC" in args:
            yield Cut(self._names[path], 0)

    def _renamed(self, paths: list[str | None]) -> Iterator[Op]:
        if paths[0] is None or (len(paths) == 1 and paths[0] not in self._names):
            return  # what is taken away and is no file is a socket
        if paths[0] not in self._names:
            raise ValueError("this reader does not follow a folder to its new name")
        file = self._names.pop(paths[0])
        yield Name(paths[0], None)
        if len(paths) > 1:
            if paths[1] is None:
                raise ValueError("a file was moved out of the folder that is watched")
            self._names[paths[1]] = file
            yield Name(paths[1], file)

    def _changed(self, name: str, args: str) -> Op:
        file = self._about(args)
        if not isinstance(file, int):
            raise TypeError(name)
        if name == "pwrite64":
            return Write(file, int(args.rsplit(",", 1)[1]), _texts(args)[0])
        if name == "write":
            data = _texts(args)[0]
            if file == self._names.get("marks"):
                return Mark(data.decode().strip())
            fd = int(args.split(",", 1)[0])
            self._at[fd] += len(data)
            return Write(file, self._at[fd] - len(data), data)
        if name == "ftruncate":
            return Cut(file, int(args.rsplit(",", 1)[1]))
        if name == "fallocate":
            _, mode, offset, size = args.split(", ")
            if mode != "0":
                raise ValueError(f"this reader does not know what fallocate does with {mode}")
            return Grow(file, int(offset) + int(size))
        if name in ("fsync", "fdatasync"):
            return Sync(file)
        raise ValueError(f"this reader does not know what {name} does to a file")


def _texts(args: str) -> list[bytes]:
    found = _TEXT.findall(args)
    if any(cut for _, cut in found):
        raise ValueError("strace left bytes out; record with a greater -s")
    return [bytes.fromhex(text.replace("\\x", "")) for text, _ in found]
