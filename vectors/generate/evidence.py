"""Evidence files: a small line is played, part of it packed, and what a reader finds worked out.

``Story`` plays; ``pack`` writes the items by docs/evidence.md; ``found`` says what a reader finds.
The cases stand in ``evidence_cases``.
"""
# ruff: noqa: INP001, PLR0913, S101  # scripts, not a package; what they build they also know

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import charter as charters
from nacl.signing import SigningKey
from people import Party, cbor, fingerprint, party, seed, sign1, words

Map = dict[int, object]
Item = list[object]
Found = dict[str, object]

MAGIC = b"TIELINE-EVIDENCE-1\n"
MAGIC_2 = b"TIELINE-EVIDENCE-2\n"
START_MS = 1_668_523_440_000
MADE_MS = START_MS + 86_400_000
RUNGS = {2: 3, 3: 4, 4: 5}


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


@dataclass(eq=False)
class Said:
    """A statement of the play. ``fault``: what a reader finds wrong with it."""

    log: Log
    fields: Map
    raw: bytes
    admitted_ms: int
    second: bool = False
    fault: str = ""
    late: bool = False
    observer: bool = False  # of an observer, and no opening of a log

    @property
    def digest(self) -> bytes:
        """Its name."""
        return sha(b"\0" + self.raw)

    @property
    def position(self) -> int:
        """Its place in the log."""
        return int(str(self.fields[4]))

    def cites(self) -> list[tuple[bytes, int]]:
        """Its references."""
        flat = self.fields.get(15, [])
        assert isinstance(flat, list)
        return list(zip(flat[::2], flat[1::2], strict=True))

    def tips(self) -> list[bytes]:
        """What its author had seen."""
        tips = self.fields.get(6, [])
        assert isinstance(tips, list)
        return tips


@dataclass(eq=False)
class Log:
    """One log of one station, and the receipts and notes for it: (size, bytes, gap or fault)."""

    who: Party
    name: str
    line: bytes
    life: bytes
    main: list[Said] = field(default_factory=list)
    second: list[Said] = field(default_factory=list)
    receipts: list[Signed] = field(default_factory=list)
    notes: list[Signed] = field(default_factory=list)
    key: SigningKey | None = None  # of a station whose keys are not its first
    fault: str = ""
    gap: str = ""

    @property
    def station(self) -> bytes:
        """The station's id."""
        return self.who.station_id(self.name)

    @property
    def id(self) -> bytes:
        """The log's id."""
        return sha(b"tieline-log-v1\x00" + self.line + self.station + self.life)[:8]

    @property
    def origin(self) -> str:
        """The log's origin line."""
        return f"tieline.invalid/{self.line.hex()}/{self.station.hex()}/{self.life.hex()}"

    def body(self, size: int) -> str:
        """The checkpoint at a size."""
        top = base64.b64encode(root([said.digest for said in self.main[:size]])).decode()
        return f"{self.origin}\n{size}\n{top}\n"


@dataclass
class Signed:
    """A receipt or a note: its bytes, who signed when, and what a reader says of it."""

    size: int
    data: bytes
    by: list[tuple[bytes, int]] = field(default_factory=list)  # stations with a cosignature
    witnesses: list[tuple[str, int]] = field(default_factory=list)
    own: bool = False
    gaps: list[str] = field(default_factory=list)
    mldsa: bool = False  # a line that only a reader with ML-DSA-44 can check
    fault: str = ""


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


def cover(start: int, end: int) -> list[tuple[int, int]]:
    """The maximal complete aligned subtrees of a run, as pairs of start and end."""
    out = []
    while start < end:
        width = 1
        while start % (2 * width) == 0 and start + 2 * width <= end:
            width *= 2
        out.append((start, start + width))
        start += width
    return out


class Story:
    """A line that is played."""

    def __init__(
        self, codes: list[str], realm: str = "", changes: Map | None = None, spare: str = ""
    ) -> None:
        self.realm = realm
        self.parties = {code: party(code, code.title(), realm) for code in codes}
        entries = [
            charters.entry(who, *(("main", "spare") if who.code == spare else ("main",)))
            for who in self.parties.values()
        ]
        self.versions = [
            charters.body({1: "Line of evidence", 2: realm, 7: entries} | (changes or {}))
        ]
        self.line = charters.line_of(self.versions[0])
        self.people = list(self.parties.values())  # also those of former roots
        self.logs: list[Log] = []
        self.keys: list[bytes] = []  # ML-DSA-44 keys
        self.clock_ms = START_MS

    def log(
        self, code: str, name: str = "main", life: str = "one", *,
        key: SigningKey | None = None, cause: str = "first start",
    ) -> Log:  # fmt: skip
        """A log, with its first statement."""
        found = Log(self.parties[code], name, self.line, seed(f"life {code} {name} {life}", 8))
        found.key = key
        self.logs.append(found)
        self.say(found, 0, {6: cause})
        return found

    def say(
        self, log: Log, kind: int, body: Map | None = None, *, refs: list[object] | None = None,
        seen: list[Said] | None = None, after: Said | None = None, changes: Map | None = None,
        key: SigningKey | None = None, fault: str = "", delay_ms: int = 0,
    ) -> Said:  # fmt: skip
        """A statement; with ``after`` a second story that follows that one."""
        self.clock_ms += 60_000
        second = after is not None
        before = after or (log.main[-1] if log.main else None)
        position = before.position + 1 if second and before else len(log.main)
        fields: Map = {
            1: self.line, 2: log.station, 3: log.life, 4: position,
            7: self.clock_ms, 8: 0, 9: kind, 10: len(self.versions),
        }  # fmt: skip
        if before:
            fields[5] = before.digest
        if seen:
            fields[6] = sorted(said.digest[:16] for said in seen)
        if kind:
            fields[11] = 1
        if refs:
            fields[15] = [part.digest if isinstance(part, Said) else part for part in refs]
        if body:
            fields[16] = body
        fields = {k: v for k, v in (fields | (changes or {})).items() if v is not None}
        label = f"{log.who.code} {self.realm} {log.name} sign"
        aad = b"tieline-statement-v1\x00" + self.realm.encode()
        raw = sign1(key or log.key or SigningKey(seed(label)), aad, cbor(fields))
        said = Said(log, fields, raw, self.clock_ms + 2_000 + delay_ms, second, fault)
        (log.second if second else log.main).append(said)
        return said

    def text(self, log: Log, words_: str, **more: object) -> Said:
        """A message."""
        return self.say(log, 1, {1: words_, 2: "en"}, **more)  # type: ignore[arg-type]

    # ------------------------------------------------------------------------------ signatures

    def cosign(self, log: Log, size: int, code: str, name: str = "main") -> tuple[int, bytes]:
        """The time and the signature of a station under the head of a log."""
        self.clock_ms += 1_000
        time_s = self.clock_ms // 1000
        key = SigningKey(seed(f"{code} {self.realm} {name} cosign"))
        text = f"cosignature/v1\ntime {time_s}\n{log.body(size)}"
        return time_s, key.sign(text.encode()).signature

    def receipt(self, log: Log, size: int, code: str, name: str = "main") -> Signed:
        """A receipt of a station."""
        time_s, made = self.cosign(log, size, code, name)
        by = self.parties[code].station_id(name)
        data = cbor([log.id, size, by, time_s, made])
        log.receipts.append(Signed(size, data, [(by, time_s)]))
        return log.receipts[-1]

    def note(
        self, log: Log, size: int, codes: list[str], *, own: bool = True,
        witness: tuple[str, SigningKey] | None = None, stranger: bool = False,
    ) -> Signed:  # fmt: skip
        """A signed checkpoint: the log's own line, cosignatures of stations, of a witness."""
        text, lines = log.body(size), []
        out = Signed(size, b"", own=own)
        if own:
            key = SigningKey(seed(f"{log.who.code} {self.realm} {log.name} sign"))
            lines.append(line(log.origin, 1, key, key.sign(text.encode()).signature))
        for code in codes:
            time_s, made = self.cosign(log, size, code)
            by = self.parties[code].station_id("main")
            key = SigningKey(seed(f"{code} {self.realm} main cosign"))
            blob = time_s.to_bytes(8, "big") + made
            lines.append(line(f"tieline.invalid/{by.hex()}", 4, key, blob))
            out.by.append((by, time_s))
        for name, key in [witness] if witness else []:
            time_s = self.clock_ms // 1000
            made = key.sign(f"cosignature/v1\ntime {time_s}\n{text}".encode()).signature
            lines.append(line(name, 4, key, time_s.to_bytes(8, "big") + made))
            out.witnesses.append((name, time_s))
        if stranger:
            lines.append(line("stranger.example", 4, SigningKey(seed("stranger")), bytes(72)))
            out.gaps.append("gap.signer")
        out.data = (text + "\n" + "".join(lines)).encode()
        log.notes.append(out)
        return out

    def amend(self, changes: Map) -> None:
        """The next version of the charter."""
        number: Map = {3: len(self.versions) + 1, 5: self.line, 17: None, 18: None}
        self.versions.append(charters.after(self.versions[-1], number | changes))

    def signed_versions(self) -> list[bytes]:
        """All versions with the signatures of all parties."""
        out = []
        for body in self.versions:
            entries = body[7]
            assert isinstance(entries, list)
            people = {who.key: who for who in [*self.people, *self.parties.values()]}
            out.append(charters.signed(body, *(people[entry[3]] for entry in entries)))
        return out


def line(name: str, alg: int, key: SigningKey, blob: bytes) -> str:
    """A signature line of a note."""
    return line_of(name, alg, bytes(key.verify_key), blob)


def line_of(name: str, alg: int, key: bytes, blob: bytes) -> str:
    """A signature line under a public key."""
    key_id = sha(name.encode() + b"\n" + bytes((alg,)) + key)[:4]
    return f"— {name} {base64.b64encode(key_id + blob).decode()}\n"


# ----------------------------------------------------------------------------------- packing


@dataclass
class Packed:
    """A file as items, and where in it things stand."""

    items: list[Item]
    numbers: dict[int, int]  # id() of a Said, Log or Signed: its item
    named: dict[bytes, tuple[Log, int]]  # named leaves
    end: int
    runs: list[tuple[Log, int]]  # the end of every run
    magic: bytes = MAGIC

    def data(self) -> bytes:
        """The evidence bytes."""
        return self.magic + b"".join(cbor(item) for item in self.items)


def pack(
    story: Story, take: Callable[[Said], bool], scope: Map, packs: list[bytes] | None = None
) -> Packed:
    """The items of a file; with ``packs``, in this order, of version 2."""
    maker = next(iter(story.parties.values())).station_id("main")
    out = Packed([[1, story.line, story.realm, MADE_MS, maker, scope]], {}, {}, 0, [])
    out.items += [[2, version] for version in story.signed_versions()]
    if packs is not None:
        out.magic = MAGIC_2
        out.items += [[11, each] for each in packs]
    out.items += [[3, key] for key in sorted(story.keys)]
    all_of = [said for log in story.logs for said in [*log.main, *log.second] if take(said)]
    needed = {said.fields.get(5) for said in all_of}
    needed |= {digest for said in all_of for digest, _ in said.cites()}
    tips = {tip for said in all_of for tip in said.tips()}
    left_out = statements = 0
    for log in sorted(story.logs, key=lambda each: each.id):
        seconds = sorted(filter(take, log.second), key=lambda each: (each.position, each.digest))
        out.numbers[id(log)] = len(out.items)
        last = log.main[-1].digest
        lost = len(log.second) - len(seconds)
        out.items.append([4, log.station, log.life, len(log.main), last, lost])
        cuts = {0, len(log.main)} | {each.size for each in [*log.receipts, *log.notes]}
        for at, said in enumerate(log.main):
            name = said.digest
            if take(said) or name in needed or name[:16] in tips or said is log.main[-1]:
                cuts |= {at, at + 1}
        edges = sorted(cut for cut in cuts if cut <= len(log.main))
        for start, end in pairwise(edges):
            said = log.main[start]
            if end == start + 1 and take(said):
                out.numbers[id(said)] = len(out.items)
                out.items.append([5, said.raw, said.admitted_ms])
                statements += 1
                continue
            if end == start + 1:
                out.named[said.digest] = (log, start)
            digests = [each.digest for each in log.main]
            hashes = [root(digests[a:b]) for a, b in cover(start, end)]
            out.items.append([6, end - start, hashes])
            out.runs.append((log, end))
            left_out += end - start
        for said in seconds:
            out.numbers[id(said)] = len(out.items)
            out.items.append([7, said.raw, said.admitted_ms])
        for number, group in ((8, log.receipts), (9, log.notes)):
            group.sort(key=lambda each: (each.size, each.by if number == 8 else each.data))
            for each in group:
                out.numbers[id(each)] = len(out.items)
                out.items.append([number, each.data])
    out.end = len(out.items)
    counts = [sum(item[0] == kind for item in out.items) for kind in (7, 8, 9)]
    out.items.append([10, statements, left_out, *counts])
    return out


# -------------------------------------------------------------------------- what a reader finds


@dataclass
class Reader:
    """What a reader knows of a packed file, worked out from the play."""

    story: Story
    packed: Packed
    here: list[Said]

    def place(self, digest: bytes) -> tuple[Log, int, Said | None] | None:
        """The place of a digest or tip: the log, the position, the second story if it is one."""
        for log in sorted(self.story.logs, key=lambda each: each.id):
            for said in [*log.main, *sorted(log.second, key=lambda s: (s.position, s.digest))]:
                known = id(said) in self.packed.numbers or said.digest in self.packed.named
                if known and said.digest.startswith(digest):
                    return log, said.position, said if said.second else None
        return None

    def covers(self, tip: bytes, of: Said) -> bool:
        """Whether who had read ``tip`` had read ``of``."""
        place = self.place(tip)
        while place is not None:
            log, position, second = place
            if second is of:
                return True
            if second is None:
                return log is of.log and not of.second and position >= of.position
            place = self.place(bytes(second.fields[5])) if second in self.here else None  # type: ignore[arg-type]
        return False

    def held_by(self, said: Said) -> list[list[object]]:
        """Receipts and cosignatures that cover a statement."""
        best: dict[bytes, tuple[int, int]] = {}
        for each in [*said.log.receipts, *said.log.notes]:
            for station, time_s in each.by:
                new = (each.size, time_s)
                if each.fault or each.size <= said.position or station == said.log.station:
                    continue
                best[station] = min(best.get(station, new), new)
        return [] if said.second else [[k.hex(), *best[k]] for k in sorted(best)]

    def read_by(self, said: Said) -> list[list[object]]:
        """The first statement of each other log whose author had read it."""
        out = []
        for log in sorted(self.story.logs, key=lambda each: each.id):
            readers = [s for s in self.here if s.log is log and log is not said.log and not s.late]
            readers.sort(key=lambda s: (s.position, s.second, s.digest))
            for reader in readers:
                if any(self.covers(tip, said) for tip in reader.tips()):
                    out.append([log.id.hex(), reader.position, reader.digest.hex()])
                    break
        return out

    def causes(self, said: Said) -> list[Said]:
        """What a statement builds on, as far as it is here."""
        names = [bytes(said.fields[5])] if 5 in said.fields else []  # type: ignore[arg-type]
        return [s for s in self.here for n in [*names, *said.tips()] if s.digest.startswith(n)]

    def key(self, said: Said) -> tuple[object, ...]:
        """The display order of the protocol's section 7."""
        keys = [self.key(cause) for cause in self.causes(said)]
        latest = max((int(str(key[0])) for key in keys), default=0)
        at = int(str(said.fields[7]))
        deep = max((int(str(key[1])) for key in keys if key[0] == latest), default=0)
        depth = 0 if at > latest else 1 + deep
        place = (said.log.station, said.log.life, said.position, said.digest)
        return (max(latest, at), depth, at, *place)

    def statement(self, said: Said) -> Found:
        """Everything a reader says of one statement."""
        citing = [(s, role) for s in self.here for d, role in s.cites() if d == said.digest]
        kinds = [(s, RUNGS.get(int(str(s.fields[9])), 0)) for s, _ in citing]
        body = said.fields.get(16, {})
        assert isinstance(body, dict)
        names = [*said.tips(), *dict.fromkeys(digest for digest, _ in said.cites())]
        gone = [n for n in names if not any(s.digest.startswith(n) for s in self._files())]
        return {
            "digest": said.digest.hex(),
            "log": said.log.id.hex(),
            "position": said.position,
            "second_story": said.second,
            "late": said.late,
            "observer": said.observer,
            "party": said.log.who.code,
            "kind": said.fields[9],
            "time_ms": said.fields[7],
            "admitted_ms": said.admitted_ms,
            "text": body.get(1) if int(str(said.fields[9])) < 12 else None,
            "held_by": self.held_by(said),
            "read_by": self.read_by(said),
            "cited_by": [[s.digest.hex(), role] for s, role in citing],
            "rungs": [
                [s.log.who.code, rung, s.digest.hex()]
                for s, rung in kinds
                if rung and s.cites()[0][0] == said.digest and not s.late and not s.observer
            ],
            "left_out": len(gone),
        }

    def _files(self) -> list[Said]:
        every = [said for log in self.story.logs for said in [*log.main, *log.second]]
        return [said for said in every if id(said) in self.packed.numbers]

    def conflicts(self) -> list[list[str]]:
        """Second stories with what they contradict."""
        out = []
        for said in [each for each in self.here if each.second and not each.late]:
            others = [
                s for s in self.here
                if s.log is said.log and s is not said and s.position == said.position
                and not s.late
                and s.fields.get(5) == said.fields.get(5)
            ]  # fmt: skip
            others.sort(key=lambda s: s.second)
            out.extend([[said.digest.hex(), others[0].digest.hex()]] if others else [])
        return out


def found(story: Story, packed: Packed, about: str) -> Found:
    """What a reader finds in a packed file, as docs/evidence.md section 7 lists it."""
    numbers = packed.numbers
    every = [said for log in story.logs for said in [*log.main, *log.second]]
    files = sorted((s for s in every if id(s) in numbers), key=lambda s: numbers[id(s)])
    reader = Reader(story, packed, [said for said in files if not said.fault])
    faults = [[said.fault, numbers[id(said)]] for said in files if said.fault]
    gaps: list[list[object]] = []
    rows = [_log(reader, log, faults, gaps) for log in sorted(story.logs, key=lambda x: x.id)]
    by_key = sorted(reader.here, key=reader.key)
    return {
        "about": about,
        "verdict": "failed" if faults else "partly" if gaps else "checked",
        "broken": False,
        "faults": sorted(faults, key=lambda pair: (pair[1], pair[0])),
        "gaps": sorted(gaps, key=lambda pair: (pair[1], pair[0])),
        "mldsa": sorted(
            numbers[id(each)] for log in story.logs for each in log.notes if each.mldsa
        ),
        **_header(story, packed),
        "words": [
            [who.code, " ".join(words(fingerprint(who.code, story.realm, who.key)))]
            for who in sorted(
                {who.key: who for who in [*story.people, *story.parties.values()]}.values(),
                key=lambda who: who.code,
            )
        ],
        "logs": rows,
        "statements": [reader.statement(said) for said in reader.here],
        "conflicts": reader.conflicts(),
        "shown": [reader.here.index(said) for said in by_key],
    }


def _log(reader: Reader, log: Log, faults: list[list[object]], gaps: list[list[object]]) -> Found:
    """What a reader finds of one log; its faults and gaps are added to the lists."""
    numbers = reader.packed.numbers
    both = [*log.receipts, *log.notes]
    signed = [each for each in both if not each.fault]
    faults += [[each.fault, numbers[id(each)]] for each in both if each.fault]
    gaps += [[gap, numbers[id(each)]] for each in both for gap in each.gaps]
    faults += [[log.fault, numbers[id(log)]]] if log.fault else []
    gaps += [[log.gap, numbers[id(log)]]] if log.gap else []
    covered = max((e.size for e in signed if e.by or e.own), default=0)
    sound = [s.position + 1 for s in reader.here if s.log is log and not s.second]
    ends = [end for of, end in reader.packed.runs if of is log]
    if max(ends, default=0) > max([covered, *sound]):
        gaps.append(["gap.uncovered", numbers[id(log)]])
    if reader.packed.items[numbers[id(log)]][5]:
        gaps.append(["gap.second_stories", numbers[id(log)]])
    return {
        "log": log.id.hex(),
        "station": log.station.hex(),
        "party": log.who.code,
        "size": len(log.main),
        "root": root([said.digest for said in log.main]).hex(),
        "covered": covered,
        "witnesses": [[n, e.size, t] for e in signed for n, t in e.witnesses],
    }


def _header(story: Story, packed: Packed) -> Found:
    _, line_id, realm, made_ms, maker, scope = packed.items[0]
    _, statements, left_out, seconds, receipts, notes = packed.items[packed.end]
    assert isinstance(scope, dict)
    assert isinstance(maker, bytes)
    assert isinstance(line_id, bytes)
    return {
        "header": {
            "line": line_id.hex(),
            "realm": realm,
            "made_ms": made_ms,
            "maker": maker.hex(),
            "scope": {str(k): v.hex() if isinstance(v, bytes) else v for k, v in scope.items()},
        },
        "counts": {
            "charters": len(story.versions),
            "keys": sum(item[0] == 3 for item in packed.items),
            "logs": len(story.logs),
            "statements": statements,
            "left_out": left_out,
            "second_stories": seconds,
            "second_left_out": sum(int(str(i[5])) for i in packed.items if i[0] == 4),
            "receipts": receipts,
            "notes": notes,
        },
    }
