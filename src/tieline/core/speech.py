"""How words become statements: checks, four eyes, one signature at a time.

An officer's act is checked against the rules of the line. When the charter wants two people for its
precedence, and no standing authority covers its form, the act becomes a draft that a second person
releases. What may be said is queued; one body at a time is composed on the present end of our log
and given out for signature, so a refused signature leaves no gap and no two bodies share a number.
"""

from __future__ import annotations

from typing import Final

from tieline.core import encode, renewal, statement
from tieline.core.encode import Fields, Limits
from tieline.core.errors import LocalError
from tieline.core.events import CallTest, Discard, Done, ForSpeech, Release, Speak
from tieline.core.journal import FactKind, Origin
from tieline.core.ladder import RUNG_OF_KIND
from tieline.core.line import MOVES, REPLACING, TEXTS, Draft, Line, Outgoing
from tieline.core.linetest import corpus, slot_at
from tieline.core.looks import name_key
from tieline.core.record import Admitted, Item
from tieline.core.statement import Body, Content, Hold, Place
from tieline.core.terms import Kind, RefRole, Role, Rung, dtg
from tieline.core.turn import Turn

MAX_OUTGOING: Final = 4_096
MAX_DRAFTS: Final = 256
MAX_HOLDS: Final = 256
MAX_REPLACED: Final = 64  # statements that one replaces in turn, looked at for its release
# A draft in the journal: a statement's content, and beside it who wrote it, under which key.
_DRAFT_LIMITS: Final = Limits(max_bytes=statement.MAX_STATEMENT_BYTES + 1_024, max_depth=1)
# Acts that only an officer's judgement backs, and that the charter may want two people for.
_RELEASED: Final = frozenset({Kind.MESSAGE, Kind.JOINT, Kind.ASSENT})
# What an officer may say; the rest is the station's own.
_SPOKEN: Final = frozenset(
    {
        Kind.MESSAGE,
        Kind.ACKNOWLEDGE,
        Kind.READ_BACK,
        Kind.PASS_ON,
        Kind.SUSPEND,
        Kind.RESUME,
        Kind.WATCH,
        Kind.JOINT,
        Kind.ASSENT,
    }
)


def speak(line: Line, act: Speak, turn: Turn) -> None:
    """An officer's act. Raises ``LocalError`` when the rules forbid it; then nothing changes."""
    if _answer_repeat(line, act.token, act.key, turn):
        return
    _check_member(line)
    _check_voice(line)
    content = statement.normal(act.content)
    _check(line, content, act.officer, turn.now.wall_ms)
    if content.kind in _RELEASED and (act.waits or _needs_two(line, content)):
        if len(line.drafts) >= MAX_DRAFTS:
            raise LocalError(
                "draft.too_many", f"{MAX_DRAFTS} drafts wait already; release or discard some"
            )
        # Whatever is wrong with it is wrong now: a draft that does not read stops the next start.
        statement.compose(_place(line, turn), content)
        number = _next_draft(line)
        draft = Draft(
            number=number,
            content=content,
            officer=act.officer,
            key=act.key,
            at_ms=turn.now.wall_ms,
        )
        _keep_draft(line, draft, turn)
        line.drafts[number] = draft
        if act.key:
            line.keys[act.key] = number
        turn.reply(act.token, Done(line=line.id, draft=number, waits_for="a second officer"))
        return
    say(line, content, Origin(key=act.key, officer=act.officer), act.token, turn)


def release(line: Line, act: Release, turn: Turn) -> None:
    """A second person releases a draft. Raises ``LocalError`` as ``speak`` does.

    Releasing what was released before gives the first answer again.
    """
    before = line.released.get(act.draft)
    if before is not None:
        turn.reply(act.token, Done(line=line.id, item=before, draft=act.draft))
        return
    draft = _draft(line, act.draft)
    if name_key(act.officer) == name_key(draft.officer):
        raise LocalError(
            "release.same_person",
            f"draft {draft.number} was written by {draft.officer};"
            " a second officer must release it",
        )
    _check(line, draft.content, act.officer, turn.now.wall_ms)
    if any(out.origin.draft == draft.number for out in (*line.outgoing, line.signing) if out):
        raise LocalError("release.twice", f"draft {draft.number} is being released already")
    origin = Origin(key=draft.key, officer=draft.officer, draft=draft.number, releaser=act.officer)
    say(line, draft.content, origin, act.token, turn)


def discard(line: Line, act: Discard, turn: Turn) -> None:
    """An officer withdraws a draft. Raises ``LocalError`` when there is none of that number."""
    _check_officer(act.officer)
    draft = _draft(line, act.draft)
    if any(out.origin.draft == draft.number for out in (*line.outgoing, line.signing) if out):
        raise LocalError("release.twice", f"draft {draft.number} is being released already")
    del line.drafts[draft.number]
    turn.keep(FactKind.SETTLED, line.id, encode.dumps({1: draft.number, 2: act.officer}))
    turn.reply(act.token, Done(line=line.id, draft=draft.number))


def call_test(line: Line, act: CallTest, turn: Turn) -> None:
    """An officer calls a line test outside the schedule."""
    if _answer_repeat(line, act.token, act.key, turn):
        return
    _check_officer(act.officer)
    _check_voice(line)
    slot = slot_at(turn.now.wall_ms, line.charter)
    origin = Origin(key=act.key, officer=act.officer)
    say(line, test_content(line, slot or 0, Role.WATCH_OFFICER), origin, act.token, turn)


def test_content(line: Line, slot: int, role: Role) -> Content:
    """The words of a line test: the corpus text of the slot, and the last item held of each log."""
    others = [log for log in line.record.logs.values() if log.station != line.own and log.items]
    # Of very many logs, which only a rogue opens, those that last moved: a test must fit its frame.
    others.sort(key=lambda log: (-log.items[-1].admitted_ms, log.id))
    holds = tuple(
        Hold(log.id, log.size, log.head)
        for log in sorted(others[:MAX_HOLDS], key=lambda log: log.id)
    )
    body = Body(text=corpus(slot), slot=slot, holds=holds)
    return Content(kind=Kind.TEST, body=body, role=role)


def say(line: Line, content: Content, origin: Origin, token: int, turn: Turn) -> None:
    """Queue a statement of ours and start signing when nothing else is out for signature.

    Raises ``LocalError`` (``line.left``, ``station.busy``).
    """
    _check_member(line)
    if content.kind is not Kind.OPEN:
        _check_voice(line)
    if len(line.outgoing) >= MAX_OUTGOING:
        raise LocalError(
            "station.busy",
            f"{MAX_OUTGOING} statements wait for signature; wait until the key answers",
        )
    line.outgoing.append(Outgoing(content=content, origin=origin, token=token))
    pump(line, turn)


def _check_member(line: Line) -> None:
    if not line.member:
        raise LocalError(
            "line.left",
            f"version {line.latest()} of the charter of '{line.charter.name}' does not name this"
            " station: its record can be read here, and nothing can be said on it",
        )


def _check_voice(line: Line) -> None:
    if line.observes:
        raise LocalError(
            "line.observer",
            f"{line.party} is an observer on the line '{line.charter.name}': it reads everything"
            " and says nothing, so nothing was signed; only an amendment of the charter gives it"
            " a voice",
        )


def pump(line: Line, turn: Turn) -> None:
    """Give the next body out for signature, on the present end of our own log."""
    while line.signing is None and line.outgoing:
        officer = any(out.origin.officer for out in line.outgoing)
        try:
            if not renewal.may_say(line, turn, officer=officer):
                return
            if line.own_log not in line.record.logs and not _opens(line.outgoing[0]):
                line.outgoing.appendleft(Outgoing(content=renewal.opening(line), origin=Origin()))
        except LocalError as error:
            _fail(line, line.outgoing.popleft(), error, turn)
            continue
        out = line.outgoing.popleft()
        if line.ladder.unsaid.is_said(out.content):
            continue
        try:
            if not _opens(out):
                _check_voice(line)  # a charter may have come since it was queued
            waiting = statement.composed(_place(line, turn), out.content)
        except LocalError as error:
            _fail(line, out, error, turn)
            continue
        line.signing, line.composed = out, waiting
        key = line.sign_key(line.latest(), line.own)
        turn.sign(ForSpeech(line.id), statement.to_sign(line.realm, waiting[0]), key)


def _opens(out: Outgoing) -> bool:
    return out.content.kind is Kind.OPEN


def wakeup(line: Line) -> int | None:
    """When what waits for a confirmation waits no longer, in ``real_ms``."""
    waits = line.outgoing and line.signing is None
    return line.life.waits_until if waits else None


def signed(line: Line, signature: bytes, turn: Turn) -> Item | None:
    """The signature has come: the body becomes a statement at the end of our log."""
    out, waiting = line.signing, line.composed
    if out is None or waiting is None:
        return None
    payload, read = waiting
    sealed = statement.seal(line.realm, payload, signature, read)
    line.signing, line.composed = None, None
    outcome = line.record.judge(sealed, line, turn.now.wall_ms)
    if not isinstance(outcome, Admitted):
        error = LocalError(
            "station.signature",
            "our own signature does not verify under the charter, so nothing was said;"
            " check that this home holds the keys that the charter names",
        )
        _fail(line, out, error, turn)
        return None
    turn.keep_statement(sealed, out.origin.encode(), second_story=False)
    line.apply_item(outcome.item, out.origin, turn.now)
    renewal.judge(line, outcome.item, turn)
    turn.reply(out.token, Done(line=line.id, item=sealed.digest, draft=out.origin.draft))
    return outcome.item


def sign_failed(line: Line, cause: str, turn: Turn) -> None:
    """The key refused: the act fails, its number is used by the next one.

    What was to follow the first statement of a log fails with it, since nothing else may stand
    first there.
    """
    out = line.signing
    line.signing, line.composed = None, None
    failed = [] if out is None else [out]
    if out is not None and _opens(out):
        failed.extend(line.outgoing)
        line.outgoing.clear()
    error = LocalError("station.unsigned", f"the key did not sign: {cause}; nothing was said")
    for each in failed:
        _fail(line, each, error, turn)


def _fail(line: Line, out: Outgoing, error: LocalError, turn: Turn) -> None:
    """It is not said: who acted is told why, and what the station owes the record waits on."""
    line.ladder.unsaid.failed(out.content, turn.now.mono_ms)
    turn.reply(out.token, error)


def restore_draft(line: Line, body: bytes, at_ms: int) -> None:
    """Take a draft back from the journal. Raises ``RemoteError`` when its bytes are damaged."""
    fields = Fields(encode.loads(body, _DRAFT_LIMITS), "journal draft")
    draft = Draft(
        number=fields.uint(1, max=2**48),
        content=statement.unpack_content(fields.bytes(2)),
        officer=fields.text(3, max_len=80),
        key=fields.opt_text(4, max_len=64) or "",
        at_ms=at_ms,
    )
    line.drafts[draft.number] = draft
    line.last_draft = max(line.last_draft, draft.number)
    if draft.key:
        line.keys[draft.key] = draft.number


def restore_settled(line: Line, body: bytes) -> None:
    """Take back that a draft was withdrawn."""
    number = Fields(encode.loads(body), "journal settlement").uint(1, max=2**48)
    line.drafts.pop(number, None)


def _place(line: Line, turn: Turn) -> Place:
    log = line.record.logs.get(line.own_log)
    return Place(
        line=line.id,
        station=line.own,
        incarnation=line.incarnation,
        position=log.size if log else 0,
        previous=log.head if log and log.size else None,
        seen=line.record.frontier(line.own_log),
        time_ms=turn.now.wall_ms,
        charter=line.latest(),
    )


def _next_draft(line: Line) -> int:
    line.last_draft += 1
    return line.last_draft


def _keep_draft(line: Line, draft: Draft, turn: Turn) -> None:
    body: dict[int, encode.Value] = {
        1: draft.number,
        2: statement.pack_content(draft.content),
        3: draft.officer,
    }
    if draft.key:
        body[4] = draft.key
    turn.keep(FactKind.DRAFT, line.id, encode.dumps(body))


def _draft(line: Line, number: int) -> Draft:
    draft = line.drafts.get(number)
    if draft is None:
        raise LocalError(
            "draft.unknown", f"no draft {number} waits on this line; list them with 'drafts'"
        )
    return draft


def _answer_repeat(line: Line, token: int, key: str, turn: Turn) -> bool:
    """A repeated key gets the first answer again. True when it was answered."""
    if len(key) > 64:
        raise LocalError("act.key", "the key of an act has at most 64 characters")
    if not key:
        return False
    waiting = [out for out in (*line.outgoing, line.signing) if out and out.origin.key == key]
    if waiting:
        raise LocalError("act.repeated", "the same act is being carried out already; wait for it")
    before = line.keys.get(key)
    if before is None or (isinstance(before, bytes) and line.is_late(before)):
        return False
    if isinstance(before, bytes):
        turn.reply(token, Done(line=line.id, item=before))
    elif before not in line.drafts:
        raise LocalError(
            "draft.withdrawn",
            f"draft {before}, which this act had become, was withdrawn; say it again as a new act",
        )
    else:
        turn.reply(token, Done(line=line.id, draft=before, waits_for="a second officer"))
    return True


def _needs_two(line: Line, content: Content) -> bool:
    """Whether two people must release it: as free text if it has any, and as what it replaces.

    Standing authority covers a form's coded fields. A text beside them, or a form without them, is
    no form; and who may not say a thing alone may not take it back alone. So whatever is replaced
    counts, as itself and as what replaces it, through all that it has replaced itself.
    """
    form = _covered(content)
    if line.charter.four_eyes(content.precedence, form):
        return True
    left, seen = [content], set[bytes]()
    while left:
        for ref in left.pop().refs:
            target = line.item(ref.target) if ref.role in REPLACING else None
            if target is None or ref.target in seen:
                continue
            if len(seen) == MAX_REPLACED:
                return True
            seen.add(ref.target)
            old = target.statement.content
            if any(line.charter.four_eyes(old.precedence, one) for one in (form, _covered(old))):
                return True
            left.append(old)
    return False


def _covered(content: Content) -> str:
    """The form that a standing authority may cover: none where there is a text, or no field."""
    coded = content.body.fields is not None and content.body.text is None
    return content.form if coded else ""


def _check_officer(officer: str) -> None:
    if not 1 <= len(officer) <= 80 or not officer.isprintable():
        raise LocalError(
            "act.officer", "an act needs the name of the officer, 1 to 80 printable characters"
        )


def _check(line: Line, content: Content, officer: str, now_ms: int) -> None:
    """What the line's rules say about an act, before it is queued."""
    _check_officer(officer)
    if content.kind not in _SPOKEN:
        raise LocalError("act.kind", f"officers do not make statements of kind {content.kind.name}")
    if named := {*content.to, *(content.body.parties or ())}:
        _check_named(line, named)
    if content.kind is Kind.MESSAGE:
        empty = content.body.text is None and content.body.fields is None
        if empty and not any(ref.role is RefRole.CANCELS for ref in content.refs):
            raise _empty("message")
    if content.kind is Kind.JOINT:
        _check_text(line.party, content.body)
    for ref in content.refs:
        _check_ref(line, content, ref)
    if content.kind in RUNG_OF_KIND:
        _check_rung(line, content)
    if content.kind in MOVES:
        _check_joint(line, content, now_ms)


def _check_text(party: str, body: statement.Body) -> None:
    """Whether a joint statement is one: our own among its parties, and something to sign."""
    if party not in (body.parties or ()):
        raise LocalError("act.joint", "a joint statement names our own party among its parties")
    if not (body.text or "").strip() and body.terms is None:
        raise _empty("joint statement")


def _empty(what: str) -> LocalError:
    return LocalError("act.empty", f"a {what} needs a text or the fields of a form")


def _check_named(line: Line, named: set[str]) -> None:
    """Whether those whom an act names are parties that may be named."""
    codes = {party.code for party in line.charter.parties}
    strangers = sorted(named - codes)
    if strangers:
        raise LocalError(
            "act.party",
            f"{strangers[0]} is not a party of this line; its parties are"
            f" {', '.join(sorted(codes))}",
        )
    observers = sorted(named.intersection(line.charter.observers))
    if observers:
        raise LocalError(
            "act.observer",
            f"{observers[0]} is an observer: it reads everything on this line, owes no answer and"
            " signs nothing, so it is not named; leave it out",
        )


def _check_ref(line: Line, content: Content, ref: statement.Ref) -> None:
    target = line.item(ref.target)
    if target is None:
        raise LocalError(
            "act.reference",
            f"statement {ref.target.hex()[:12]} is not on this line; statements of another line,"
            " or of an exercise, cannot be cited here",
        )
    author = line.party_of(target.statement.place.station)
    if ref.role in REPLACING and author != line.party:
        raise LocalError(
            "act.not_ours",
            f"only {author} can correct, cancel or supersede its own statement; answer it instead",
        )
    named = target.statement.content.body.parties or ()
    if content.kind is Kind.ASSENT and line.party not in named:
        raise LocalError("act.assent", "that is not a joint statement which names our party")


def _check_joint(line: Line, content: Content, now_ms: int) -> None:
    """Do not say what would move nothing (``core.incident.joint``): who hears it would be misled.

    A message may say anything of a joint statement; only taking back and declining are looked at.
    """
    on = [item for ref in content.refs if (item := line.item(ref.target)) is not None]
    texts = [x.statement.content for x in on if x.statement.content.kind in TEXTS]
    if content.kind is not Kind.JOINT and not texts:
        return
    _check_time(content, texts, now_ms)
    amended = [line.item(ref.target) for ref in content.refs if ref.role is RefRole.PREDECESSOR]
    for old in amended if content.kind is Kind.JOINT else ():
        named = old.statement.content.body.parties if old else None
        if named is not None and named != content.body.parties:
            raise LocalError(
                "act.parties",
                "an amendment names the same parties as the text that it takes the place of"
                f" ({', '.join(named)}); propose a text for others as a new one",
            )
    # Only who speaks of joint statements loads what weighs them.
    from tieline.core.incident.signing import Does, Fault, turned  # noqa: PLC0415
    from tieline.core.joints import trial  # noqa: PLC0415

    chain, moot = trial(line, content, now_ms)
    if moot is not None and moot.fault is Fault.NOT_NAMED and moot.does is not Does.PROPOSE:
        raise LocalError("act.assent", "that is not a joint statement which names our party")
    if moot is not None and moot.fault not in (Fault.NOT_NAMED, Fault.SPOKEN_FOR):
        raise _moot(moot.fault, line.party, moot.stands.hex()[:12])
    signs = content.kind is Kind.ASSENT and moot is None
    version = chain.version(content.refs[0].target) if chain and signs else None
    other = turned(chain, version, line.party) if chain and version else None
    if other is not None:
        raise _turned(other[0], other[1].hex()[:12])


def _turned(party: str, other: str) -> LocalError:
    """Another party no longer stands to the text: our officer may have read it before that."""
    if not other:
        return LocalError(
            "act.declined",
            f"{party} has declined this text, and cannot sign it any more, so that it binds nobody;"
            " propose another in its place (tieline joint amend)",
        )
    return LocalError(
        "act.replaced",
        f"{party} has proposed another text in its place: read {other} (tieline joint show {other})"
        " and sign that, or propose these words again in its place (tieline joint amend)",
    )


def _moot(fault: str, party: str, stands: str) -> LocalError:
    """What would move nothing, and what to do in its place."""
    match fault:
        case "rejected":
            return LocalError(
                "act.rejected",
                f"{party} has declined this text, or proposed another in its place, so its"
                " signature would not count; to come back to it, propose the same words again as an"
                " amendment",
            )
        case "holds":
            return LocalError(
                "act.holds",
                f"every party has signed {stands}, and nobody goes back on that; what should hold"
                " in its place is a new joint statement, without a predecessor",
            )
        case "elsewhere":
            return LocalError(
                "act.elsewhere",
                f"another station of {party}, or an earlier log of this one, has signed {stands};"
                " take that signature back there, sign the same text here, or begin with a new"
                " joint statement",
            )
        case "already":
            return LocalError("act.already", f"{party} has already signed it")
        case "spent":
            return LocalError(
                "act.spent",
                "this station, or the one whose text that is, has said so much of this joint"
                " statement that nothing more of it is weighed; propose the words as a new one,"
                " without a predecessor",
            )
        case _:
            return LocalError(
                "act.nothing",
                f"{party} has no signature on it to take back; decline it if it shall not be"
                " signed",
            )


def _check_time(content: Content, texts: list[Content], now_ms: int) -> None:
    """A signature after the effective time binds nobody, unless the text says so."""
    signed = content if content.kind is Kind.JOINT else texts[0]
    limit = signed.body.effective_ms
    if content.kind is Kind.MESSAGE or limit is None or limit > now_ms or signed.body.late_binds:
        return
    if content.kind is Kind.JOINT:
        raise LocalError(
            "act.late",
            f"its effective time, {dtg(limit)}, is past: give a later one (--effective), or let"
            " late signatures bind (--late-binds)",
        )
    raise LocalError(
        "act.late",
        f"its effective time, {dtg(limit)}, is past, and it does not say that late signatures bind;"
        " propose an amendment with a later time",
    )


def _check_rung(line: Line, content: Content) -> None:
    target = line.item(content.refs[0].target) if content.refs else None
    if target is None:
        raise LocalError("act.reference", "say which statement is meant")
    author = line.party_of(target.statement.place.station)
    rung = RUNG_OF_KIND[content.kind]
    if author == line.party:
        raise LocalError("act.own", "that is our own statement; the others acknowledge it")
    asked = target.statement.content.wants  # whatever asks for an answer can be answered
    if not asked and target.statement.content.kind not in (Kind.MESSAGE, Kind.TEST, Kind.JOINT):
        raise LocalError(
            "act.kind", "only messages, joint statements and line tests are acknowledged"
        )
    mark = line.ladder.marks.get(target.statement.digest, {}).get(line.party, {}).get(rung)
    if mark is not None and rung is Rung.ACKNOWLEDGED:
        raise LocalError(
            "act.already",
            f"{line.party} has already acknowledged it (statement {mark.by.hex()[:12]})",
        )
