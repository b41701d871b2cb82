"""P5: what is good in one place, brought to every other; and a bundle on a stick that was pulled.

A cell of the matrix is a name, what is brought where, and the refusal that is to come: its code,
and how many signatures may be verified before it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Final

from tests.core.world import START_MS, Net, Post, found, kits, message, write
from tests.faults.floor import Loop
from tests.faults.golden import artefacts, counted
from tests.faults.rows import need
from tests.node import pair
from tests.node.pair import Running

from tieline.core import bundle, crypto, encode, identity, statement, sync
from tieline.core.charter import charter_message, dearmor_charter
from tieline.core.checkpoint import Receipt, body, cosign_message, origin
from tieline.core.crypto import pack_sign1
from tieline.core.errors import TielineError
from tieline.core.events import Arrived
from tieline.core.journal import FactKind, Refusal
from tieline.core.statement import Content, Place
from tieline.core.sync import CharterOffer, Push, Receipts
from tieline.store.memory import MemoryStore

DRILL: Final = "SPRING-TIDE"
CELLS: Final = 49  # of the matrix; ``replayed`` sees to it
LOOKED: Final = 8  # verifications of a statement that is refused, and looked into once a minute


@dataclass(frozen=True, slots=True)
class Cell:
    """One replay: ``code`` empty says that nothing is refused and nothing is taken either.

    ``shared``: why others have that code, too.
    """

    name: str
    bring: Callable[[], tuple[str, int]]
    code: str
    verified: int = 0
    shared: str = ""


class Stage:
    """BRAVO of a line, and what was said on it, on another line, and in an exercise."""

    def __init__(self) -> None:
        self.net = Net(kits(3))
        self.other = Net(kits(3), found(kits(3), name="ANOTHER LINE", nonce=bytes(15) + b"x"))
        self.drill = Net(kits(3, DRILL))
        for net in (self.net, self.other, self.drill):
            net.connect_all()
            for post in net:
                post.speak(replace(message(), form="crisis.flash", form_version=2))
            net.deliver()
            net.pass_time(2)
        self.alpha, self.bravo, self.charlie = self.net
        self.line = self.bravo.line.id

    def next(self) -> Place:
        """Where ALPHA's next statement stands."""
        log = self.bravo.line.record.logs[self.alpha.line.own_log]
        return Place(
            line=self.line, station=self.alpha.who.id, incarnation=log.incarnation,
            position=log.size, previous=log.head, seen=(), time_ms=START_MS, charter=1,
        )  # fmt: skip

    def offer(
        self, envelope: bytes, net: Net | None = None, *, wait_ms: int = 61_000
    ) -> tuple[str, int]:
        """It comes to BRAVO from ALPHA: what the refusal says, and what was verified.

        ``wait_ms``: after what came before; the same refusal is noted once a minute.
        """
        net = net or self.net
        alpha, post, _ = net
        net.ms += wait_ms
        order, since = post.order(), len(post.refusals())
        held = [post.line.ladder.covered(log, alpha.who.id) for log in post.line.record.logs]
        with counted() as meter:
            post.step(Arrived(carrier="wire", peer=alpha.who.id, envelope=envelope))
        need(post.order() == order, "it is in the record")
        now = [post.line.ladder.covered(log, alpha.who.id) for log in post.line.record.logs]
        need(now == held, "it counts as a receipt")
        codes = post.refusals()[since:]
        need(len(codes) <= 1, f"it is refused for {codes}")
        return "".join(codes), meter.calls

    def push(self, raw: bytes) -> tuple[str, int]:
        return self.offer(sync.pack(Push(self.line, (raw,))))

    def receipt(self, receipt: Receipt) -> tuple[str, int]:
        return self.offer(sync.pack(Receipts(self.line, (receipt,))))


@cache
def stage() -> Stage:
    return Stage()


def _last(post: Post) -> bytes:
    own = [item.statement for item in post.line.record.order if item.statement.place.station
           == post.who.id]  # fmt: skip
    return own[-1].raw


KINDS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "a bundle": partial(bundle.to_sign, ""),
    "a request for keys": partial(crypto.sig_structure, crypto.PROTECTED, identity.REQUEST_AAD),
    "a certificate": partial(crypto.sig_structure, crypto.PROTECTED, identity.CERTIFICATE_AAD),
    "a card": partial(crypto.sig_structure, crypto.PROTECTED, identity.CARD_AAD),
    "a charter": charter_message,
    "a checkpoint": bytes,
}


def _signed_as(to_sign: Callable[[bytes], bytes], net: Net | None = None) -> tuple[str, int]:
    """ALPHA's next statement, with ALPHA's signature under something else."""
    here = stage()
    alpha, bravo, _ = net or here.net
    log = bravo.line.record.logs[alpha.line.own_log]
    place = replace(
        here.next(), line=bravo.line.id, station=alpha.who.id, incarnation=log.incarnation,
        position=log.size, previous=log.head,
    )  # fmt: skip
    payload = statement.compose(place, message("elsewhere"))
    raw = pack_sign1(payload, alpha.who.sign_key.sign(to_sign(payload)))
    return here.offer(sync.pack(Push(bravo.line.id, (raw,))), net)


def _signed_as_kind(kind: str) -> tuple[str, int]:
    """As another kind: the refusal names which."""
    found = _signed_as(KINDS[kind])
    facts = stage().bravo.facts
    said = next(Refusal.decode(f.body).text for f in facts[::-1] if f.kind == FactKind.REFUSED)
    need(f"signed as {kind}," in said, f"as {kind}: {said}")
    return found


Change = Callable[[Place, Content], tuple[Place, Content]]


def _resaid(change: Change) -> bytes:
    """A statement of ALPHA's that BRAVO holds: its signature stays, and it says something else."""
    here = stage()
    good = statement.parse("", _last(here.alpha))
    place, changed = change(good.place, good.content)
    return pack_sign1(statement.compose(place, changed), good.signature)


def _reworded(text: str, place: Place, content: Content) -> tuple[Place, Content]:
    return place, replace(content, body=replace(content.body, text=text))


def _at_once() -> tuple[str, int]:
    """Two that were changed in one minute: the second is not looked into."""
    here = stage()
    first, second = (_resaid(partial(_reworded, text)) for text in ("one", "two"))
    here.push(first)
    return here.offer(sync.pack(Push(here.line, (second,))), wait_ms=1_000)


def _unheard() -> bytes:
    """A statement of ALPHA's that BRAVO does not hold, with another text under its signature."""
    here = stage()
    good = write(here.alpha.who, "", here.next(), message("as agreed"))
    return pack_sign1(statement.compose(here.next(), message("otherwise")), good.signature)


def _receipt(net: Net) -> Receipt:
    """ALPHA's receipt for CHARLIE's log."""
    alpha, _, charlie = net
    return next(
        r for r in alpha.line.ladder.latest_receipts()
        if r.cosigner == alpha.who.id and r.log == charlie.line.own_log
    )  # fmt: skip


def _newer(**changes: object) -> Receipt:
    """A receipt that would say more than BRAVO knows: of the log's last statement, just said."""
    here = stage()
    log = here.charlie.line.own_log
    here.charlie.speak(message("one more"))
    raw = _last(here.charlie)
    here.bravo.step(
        Arrived(
            carrier="wire", peer=here.charlie.who.id, envelope=sync.pack(Push(here.line, (raw,)))
        )
    )
    here.charlie.out.clear()
    size = here.bravo.line.record.logs[log].size
    return replace(_receipt(here.net), **({"size": size} | changes))  # type: ignore[arg-type]


def _timed() -> Receipt:
    """ALPHA's receipt for what CHARLIE has just said, which BRAVO has not seen, dated otherwise."""
    new = _newer()
    line, log = stage().bravo.line, stage().bravo.line.record.logs[new.log]
    text = body(origin(line.id, log.station, log.incarnation), new.size, log.tree.root(new.size))
    signed = stage().alpha.who.cosign_key.sign(cosign_message(START_MS // 1000, text))
    return replace(new, time_s=1, signature=signed)


def _for_own() -> Receipt:
    """ALPHA's receipt for CHARLIE's log as one for what BRAVO has just said."""
    here = stage()
    here.bravo.speak(message("unheard"))
    here.bravo.out.clear()
    own = here.bravo.line.own_log
    return _newer(log=own, size=here.bravo.line.record.logs[own].size)


def _file(
    net: Net, *, to: bytes | None = None, line: bytes | None = None, realm: str | None = None,
    by: bytes | None = None,
) -> bytes:  # fmt: skip
    """A bundle of ALPHA's of a net."""
    alpha, bravo, _ = net
    sealed = bundle.contents(alpha.line, (bravo.who.id,))[0]
    header = bundle.header_payload(
        bundle.Header(
            line=line or alpha.line.id, exporter=by or alpha.who.id, time_ms=START_MS,
            recipients=(to or bravo.who.id,), sealed=crypto.sha256(sealed), charter=1,
        )
    )  # fmt: skip
    text = bundle.to_sign(alpha.realm if realm is None else realm, header)
    return bundle.assemble(header, alpha.who.sign_key.sign(text), sealed)


def _stick(data: bytes, net: Net | None = None) -> tuple[str, int]:
    """What the import of a file by BRAVO does before it opens it."""
    _, post, _ = net or stage().net
    with counted() as meter:
        try:
            bundle.check(bundle.parse(post.realm, data), post.station.lines)
        except TielineError as error:
            return error.code, meter.calls
    return "", meter.calls


def _charter(net: Net, line: bytes) -> tuple[str, int]:
    return stage().offer(sync.pack(CharterOffer(line, net.signed.encode())))


def cells() -> tuple[Cell, ...]:
    """The matrix."""
    return (*_statements(), *_receipts(), *_files())


UNNAMED: Final = "which exercise it is stands under the signature only, and nobody here knows"
KEYLESS: Final = "a line that is not kept here has no keys here, so its realm cannot be told"
# A charter that is on its way may bring its log, or its station: honest receipts come before it.
AHEAD: Final = "it may have come ahead of what it is for, and counts for nothing"


def _changed(name: str, code: str, change: Change, verified: int = 1) -> Cell:
    return Cell(name, lambda: stage().push(_resaid(change)), code, verified)


def _statements() -> tuple[Cell, ...]:
    here = stage()
    push = here.push
    return (
        Cell("a statement once more", lambda: push(_last(here.alpha)), "", shared="it is held"),
        Cell("of another line", lambda: push(_last(here.other.post("ALPHA"))),
             "statement.other_line"),
        Cell("of an exercise", lambda: push(_last(here.drill.post("ALPHA"))),
             "statement.other_line", shared=KEYLESS),
        Cell("signed for an exercise by a real key",
             lambda: _signed_as(partial(statement.to_sign, DRILL)), "statement.forged", LOOKED,
             shared=UNNAMED),
        Cell("signed for real by a key of an exercise",
             lambda: _signed_as(partial(statement.to_sign, ""), here.drill),
             "statement.other_realm", LOOKED),
        *(
            Cell(f"signed as {kind}", partial(_signed_as_kind, kind), "statement.other_kind",
                 LOOKED, shared="one code for kinds: its text names which")
            for kind in KINDS
        ),
        _changed("another form of a pack", "statement.other_form",
                 lambda p, c: (p, replace(c, form="incsea.flash"))),
        _changed("another version of a pack", "statement.other_version",
                 lambda p, c: (p, replace(c, form_version=3))),
        _changed("for other readers", "statement.other_readers",
                 lambda p, c: (p, replace(c, to=("CHARLIE",)))),
        _changed("at another station", "statement.other_station",
                 lambda p, c: (replace(p, station=here.charlie.who.id), c)),
        _changed("in another life", "statement.other_life",
                 lambda p, c: (replace(p, incarnation=b"otherlog"), c)),
        _changed("with another text", "statement.altered",
                 partial(_reworded, "otherwise")),
        _changed("under a charter before the first", "statement.stranger",
                 lambda p, c: (replace(p, charter=0), c), 0),
        Cell("two with other texts in a minute", _at_once, "statement.forged", 1,
             shared="no more is looked into than one a minute"),
        Cell("with another text, unheard before", lambda: push(_unheard()), "statement.forged",
             LOOKED, shared="what was signed has not been seen here"),
        Cell("under a charter to come",
             lambda: push(_resaid(lambda p, c: (replace(p, charter=9), c))), "", shared=AHEAD),
        Cell("a receipt as a statement", lambda: push(_receipt(here.net).encode()),
             "sign1.shape"),
        *(
            Cell(f"a {one.name} as a statement", partial(push, one.data),
                 CODES_AS_STATEMENT[one.name], shared="told by its shape, which is no statement's")
            for one in artefacts() if one.name in CODES_AS_STATEMENT
        ),
    )  # fmt: skip


def _receipts() -> tuple[Cell, ...]:
    here = stage()
    return (
        Cell("a receipt once more", lambda: here.receipt(_receipt(here.net)), "",
             shared="it is held"),
        Cell("a receipt of another line", lambda: here.receipt(_receipt(here.other)), "",
             shared=AHEAD),
        Cell("a receipt of an exercise", lambda: here.receipt(_receipt(here.drill)),
             "", shared=AHEAD),
        Cell("for a longer log", lambda: here.receipt(_newer()), "receipt.other_size", 1),
        Cell("for another log", lambda: here.receipt(_for_own()), "receipt.other_log", 1),
        Cell("in another's name",
             lambda: here.receipt(_newer(cosigner=here.charlie.who.id)), "receipt.other_station",
             1),
        Cell("of another time",
             lambda: here.receipt(replace(_receipt(here.net), time_s=1)), "",
             shared="what is held of that size stays, and nothing is asked"),
        Cell("of another time, unheard before", lambda: here.receipt(_timed()), "receipt.forged",
             1),
        Cell("a statement as a receipt",
             lambda: here.offer(encode.dumps((sync.RECEIPTS, here.line, (_last(here.alpha),)))),
             "encode.too_large"),
    )  # fmt: skip


def _files() -> tuple[Cell, ...]:
    here = stage()
    return (
        Cell("a bundle of another line", lambda: _stick(_file(here.other)), "bundle.other_line"),
        Cell("a bundle of an exercise", lambda: _stick(_file(here.drill)), "bundle.other_line",
             shared=KEYLESS),
        Cell("a bundle named for our line",
             lambda: _stick(_file(here.drill, line=here.line)), "bundle.stranger"),
        Cell("a bundle signed for an exercise",
             lambda: _stick(_file(here.net, realm=DRILL)), "bundle.forged", 3, shared=UNNAMED),
        Cell("a bundle signed for real in an exercise",
             lambda: _stick(_file(here.drill, realm=""), here.drill), "bundle.other_realm", 2),
        Cell("a bundle for another station",
             lambda: _stick(_file(here.net, to=here.charlie.who.id)), "bundle.other_station"),
        Cell("a bundle in another's name",
             lambda: _stick(_file(here.net, by=here.charlie.who.id)), "bundle.other_exporter", 3),
        Cell("a statement as a bundle", lambda: _stick(_last(here.alpha)), "bundle.magic"),
        Cell("a charter of another line", lambda: _charter(here.other, here.line),
             "charter.other_line"),
        Cell("a charter of an exercise", lambda: _charter(here.drill, here.line),
             "charter.other_realm"),
        Cell("the charter once more", lambda: _charter(here.net, here.line), "", 9,
             shared="it is held"),
    )  # fmt: skip


# What is signed, and no statement: refused by its form, and never for its signature.
CODES_AS_STATEMENT: Final = {
    "receipt": "sign1.shape",
    "checkpoint": "encode.trailing",
    "bundle": "encode.trailing",
    "charter": "sign1.shape",
    "certificate": "statement.field",
    "card": "statement.field",
    "proof of statements": "sign1.shape",
}


def replayed(seed: int) -> None:
    """One cell of the matrix, and one row of kinds taken for each other."""
    matrix = cells()
    need(len(matrix) == CELLS, f"the matrix has {len(matrix)} cells")
    plain = Counter(cell.code for cell in matrix if not cell.shared)
    need(max(plain.values()) == 1, f"two cells have one code, and no reason: {plain}")
    cell = matrix[seed % len(matrix)]
    code, verified = cell.bring()
    need(code == cell.code, f"{cell.name}: refused for {code!r}, not for {cell.code!r}")
    need(verified <= cell.verified, f"{cell.name}: {verified} signatures were verified")
    one = artefacts()[seed % len(artefacts())]
    for other in artefacts():
        if other.name == one.name or other.take is one.take:
            continue
        with counted() as meter:
            try:
                one.take(other.data)
            except TielineError:
                need(not meter.calls or one.name in LOOSE, f"{other.name} as {one.name}: verified")
                continue
        need(False, f"{other.name} is taken for a {one.name}")


# These verify the shape that they share with others before they read what is in it.
LOOSE: Final = ("certificate", "card")


# ------------------------------------------------------------------------------- a pulled stick

STEP: Final = 512
TORN: Final = 32  # cases over which the steps are spread
WORDS: Final = 24
TORN_CODES: Final = frozenset({"bundle.magic", "bundle.truncated", "bundle.damaged"})


def torn_bundle(seed: int) -> None:
    """A file that ends at a multiple of 512 bytes, or goes on in zeros, or in its own beginning."""
    loop = Loop()
    with tempfile.TemporaryDirectory(prefix="tieline-faults-") as folder:
        alpha, bravo, whole = loop.do(_made(Path(folder)))
        try:
            for end in range(seed % TORN * STEP, len(whole), TORN * STEP):
                for torn in _torn(whole, end):
                    _refused_whole(loop, bravo, torn, f"cut at {end} of {len(whole)}")
            done = loop.do(bravo.host.import_bundle(whole))
            need(done["added"] == WORDS + 1, f"of the whole {done['added']} came in")
        finally:
            loop.do(_closed(alpha, bravo))
            loop.stop()


def _torn(whole: bytes, end: int) -> Iterator[bytes]:
    rest = len(whole) - end
    for torn in (
        whole[:end], whole[:end] + bytes(rest), whole[:end] + whole[: min(end, rest)],
        whole[end:] + whole[:end],
    ):  # fmt: skip
        if torn != whole:
            yield torn


async def _made(folder: Path) -> tuple[Running, Running, bytes]:
    seats, text = pair.make_homes(folder)
    alpha, bravo = (Running(seat, MemoryStore()) for seat in seats)
    for running in (alpha, bravo):
        await running.install(dearmor_charter(text))
    for number in range(WORDS):
        await alpha.say(f"word {number} " + "and more " * 80)
    line = alpha.host.station.line(alpha.line)
    return alpha, bravo, alpha.host.export_bundle(line, (bravo.seat.keys.station,))[0]


async def _closed(*stations: Running) -> None:
    for running in stations:
        running.host.close()


def _refused_whole(loop: Loop, bravo: Running, torn: bytes, what: str) -> None:
    before = (bravo.store.last(), bravo.host.settle()["heads"])
    try:
        loop.do(bravo.host.import_bundle(torn))
    except TielineError as error:
        need(error.code in TORN_CODES, f"{what}: refused for {error.code}")
        need("copy" in error.message or error.code == "bundle.magic", f"{what}: {error.message}")
    else:
        need(False, f"{what}: taken")
    need((bravo.store.last(), bravo.host.settle()["heads"]) == before, f"{what}: half of it is in")
