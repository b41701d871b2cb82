"""What an officer may say: four eyes, standing authority, and words that are never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.core.world import (
    START_MS,
    Net,
    Post,
    answer,
    chaff,
    found,
    kits,
    message,
    sign_all,
    write,
)

from tieline.core import speech
from tieline.core.charter import Release as Rules
from tieline.core.charter import make_charter
from tieline.core.errors import TielineError
from tieline.core.events import (
    CallTest,
    Discard,
    Done,
    Effect,
    Event,
    ForReceipt,
    Install,
    Release,
    Reply,
    Sign,
    Signed,
    SignFailed,
    Speak,
)
from tieline.core.journal import Origin
from tieline.core.statement import Body, Content, Ref
from tieline.core.succession import amend
from tieline.core.terms import Kind, Precedence, RefRole, Role
from tieline.core.turn import Turn

FLASH_ONLY = Rules(four_eyes=frozenset({Precedence.FLASH}), standing=("crisis/misfire",))
FLASH = message("we regret", Precedence.FLASH)


def two(rules: Rules = FLASH_ONLY) -> tuple[Net, Post, Post]:
    net = Net(kits(2), found(kits(2), release=rules))
    net.connect_all()
    return net, net.post("ALPHA"), net.post("BRAVO")


def code_of(ask: Callable[..., object], *args: object) -> str:
    try:
        ask(*args)
    except TielineError as error:
        return error.code
    return ""


def release(post: Post, draft: int, officer: str) -> Done:
    return post.act(Release(token=0, line=post.line.id, draft=draft, officer=officer))


def discard(post: Post, draft: int, officer: str = "Ada") -> Done:
    return post.act(Discard(token=0, line=post.line.id, draft=draft, officer=officer))


def messages(post: Post) -> list[str | None]:
    return [s.content.body.text for s in post.statements(Kind.MESSAGE)]


# ----------------------------------------------------------------------------------- release


def test_who_drafts_cannot_release_under_any_spelling() -> None:
    _, alpha, _ = two()
    done = alpha.speak(FLASH, officer="Ada")
    assert (done.item, done.waits_for) == (b"", "a second officer")
    for spelling in ("Ada", "ada", "ADA", "Ada ", " Ada", "A da", "Ada\u00a0"):
        assert code_of(release, alpha, done.draft, spelling) == "release.same_person"
    assert messages(alpha) == []
    assert list(alpha.line.drafts) == [done.draft]


def test_a_second_officer_releases_and_only_then_it_is_a_statement() -> None:
    net, alpha, bravo = two()
    draft = alpha.speak(FLASH, officer="Ada").draft
    net.pass_time(60)
    assert messages(bravo) == []
    done = release(alpha, draft, "Bob")
    net.deliver()
    assert messages(bravo) == ["we regret"]
    assert bravo.order()[-1] == done.item
    # It is said when it is released, not when it was drafted.
    assert bravo.item(done.item).statement.place.time_ms == START_MS + 60_000
    assert alpha.line.drafts == {}
    assert release(alpha, draft, "Bob") == done  # a repeated click
    assert release(alpha, draft, "Ada").item == done.item
    assert messages(alpha) == ["we regret"]


def test_the_charter_says_which_precedence_and_which_form_need_two() -> None:
    _, alpha, _ = two()
    misfire = replace(FLASH, form="crisis/misfire", body=Body(fields=((1, 1),)))
    other = replace(misfire, form="crisis/other")
    assert alpha.speak(message(precedence=Precedence.IMMEDIATE)).item
    assert alpha.speak(misfire).item
    assert alpha.speak(other).draft
    assert alpha.speak(FLASH).draft
    _, strict, _ = two(Rules())
    assert strict.speak(message()).draft
    body = Body(text="Both regret.", lang="en", parties=("ALPHA", "BRAVO"))
    assert strict.speak(Content(kind=Kind.JOINT, body=body)).draft


@pytest.mark.parametrize("role", [RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES])
def test_standing_authority_takes_back_only_what_it_released(role: RefRole) -> None:
    """A form of ROUTINE in FLASH's place, and one correction behind another, are no way around."""
    _, alpha, _ = two()
    misfire = replace(FLASH, form="crisis/misfire", body=Body(fields=((1, 1),)))

    def cites(digest: bytes) -> Content:
        return replace(misfire, refs=(Ref(digest, role),))

    alone = alpha.speak(misfire).item
    assert alpha.speak(cites(alone)).item  # who may say it alone may take it back alone
    remarked = replace(misfire, body=Body(fields=((1, 1),), text="and more", lang="en"))
    other = replace(misfire, form="crisis/other")
    for content in (FLASH, remarked, other):
        first = release(alpha, alpha.speak(content).draft, "Bob").item
        second = release(alpha, alpha.speak(cites(first)).draft, "Bob").item
        third = release(alpha, alpha.speak(cites(second)).draft, "Bob").item
        assert alpha.speak(cites(third)).draft
        low = replace(cites(third), precedence=Precedence.ROUTINE)
        assert alpha.speak(low).draft
        older = replace(low, form="", form_version=0)  # fields of no form
        assert alpha.speak(older).draft


def test_a_long_chain_of_replacements_is_released_by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "MAX_REPLACED", 3)
    _, alpha, _ = two()
    last = alpha.speak(replace(FLASH, form="crisis/misfire", body=Body(fields=((1, 1),)))).item
    for number in range(3):
        content = replace(FLASH, form="crisis/misfire", body=Body(fields=((1, number),)))
        last = alpha.speak(replace(content, refs=(Ref(last, RefRole.CORRECTS),))).item
    content = replace(FLASH, form="crisis/misfire", body=Body(fields=((1, 9),)))
    assert alpha.speak(replace(content, refs=(Ref(last, RefRole.CORRECTS),))).draft


def test_what_only_answers_never_waits_for_a_second_officer() -> None:
    """Acknowledging, suspending and the state of the watch are one officer's acts."""
    net, alpha, bravo = two(Rules())
    draft = alpha.speak(FLASH).draft
    digest = release(alpha, draft, "Bob").item
    net.deliver()
    for kind in (Kind.ACKNOWLEDGE, Kind.READ_BACK, Kind.PASS_ON):
        assert bravo.speak(answer(kind, digest)).item
    assert bravo.speak(Content(kind=Kind.SUSPEND, body=Body(cause="storm"))).item
    assert bravo.speak(Content(kind=Kind.RESUME)).item
    assert bravo.speak(Content(kind=Kind.WATCH, body=Body(staffed=False))).item


def test_a_discarded_draft_is_gone_and_never_said() -> None:
    net, alpha, bravo = two()
    draft = alpha.speak(FLASH).draft
    discard(alpha, draft)
    assert code_of(release, alpha, draft, "Bob") == "draft.unknown"
    assert code_of(discard, alpha, draft) == "draft.unknown"
    assert alpha.reload().lines[alpha.line.id].drafts == {}
    net.deliver()
    assert messages(bravo) == []


def test_drafts_and_their_numbers_outlive_a_restart() -> None:
    net, alpha, _ = two()
    first = alpha.speak(FLASH, officer="Ada", key="k1").draft
    second = alpha.speak(FLASH, officer="Cyd").draft
    discard(alpha, second)
    net.restart(alpha)
    assert alpha.line.drafts[first].content == FLASH_AS_READ
    assert alpha.speak(FLASH, officer="Ada", key="k1").draft == first
    assert code_of(release, alpha, first, "ada") == "release.same_person"
    done = release(alpha, first, "Bob")
    net.restart(alpha)
    assert release(alpha, first, "Bob").item == done.item
    assert alpha.speak(FLASH, officer="Eve").draft > second
    assert alpha.speak(FLASH, officer="Ada", key="k1").item == done.item


FLASH_AS_READ = replace(FLASH, wants=1)


def test_waiting_drafts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieline.core.speech.MAX_DRAFTS", 2)
    _, alpha, _ = two()
    drafts = [alpha.speak(FLASH).draft for _ in range(2)]
    assert code_of(alpha.speak, FLASH) == "draft.too_many"
    discard(alpha, drafts[0])
    assert alpha.speak(FLASH).draft


# ------------------------------------------------------------------------------- repeated acts


def test_the_same_key_gives_the_same_answer_and_one_statement() -> None:
    net, alpha, bravo = two()
    first = alpha.speak(message("once"), key="k")
    assert alpha.speak(message("once"), key="k") == first
    net.restart(alpha)
    assert alpha.speak(message("again"), key="k").item == first.item
    net.connect_all()
    assert messages(bravo) == ["once"]
    assert code_of(alpha.speak, message(), "Ada", "k" * 65) == "act.key"


def test_a_key_that_does_not_sign_leaves_no_gap() -> None:
    net, alpha, bravo = two()
    signer = alpha.who.sign_key
    refused: list[object] = []

    def fail(event: Speak) -> None:
        for effect in alpha.station.step(replace(event, token=99), net.now()):
            assert isinstance(effect, Sign)
            for after in alpha.station.step(
                SignFailed(purpose=effect.purpose, cause="the card was pulled"), net.now()
            ):
                assert isinstance(after, Reply)
                refused.append(after.result)

    fail(Speak(token=0, line=alpha.line.id, content=message("lost"), officer="Ada"))
    assert [r.code for r in refused if isinstance(r, TielineError)] == ["station.unsigned"]
    assert signer.public
    alpha.speak(message("said"))
    net.deliver()
    assert messages(bravo) == ["said"]
    log = bravo.line.record.logs[alpha.line.own_log]
    assert [i.statement.place.position for i in log.items] == list(range(log.size))


# -------------------------------------------------------------- corrections are new statements


@pytest.mark.parametrize("role", [RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES])
def test_a_statement_is_replaced_by_another_and_both_stay(role: RefRole) -> None:
    net, alpha, bravo = two()
    first = alpha.speak(message("fell at 53N 024E")).item
    net.deliver()
    second = alpha.speak(replace(message("fell at 53N 023E"), refs=(Ref(first, role),))).item
    net.deliver()
    for post in (alpha, bravo):
        assert post.line.replaced == {first: [(role, second)]}
        assert post.item(first).statement.content.body.text == "fell at 53N 024E"
        assert [d for d in post.order() if d in (first, second)] == [first, second]
    third = alpha.speak(replace(message("withdrawn"), refs=(Ref(first, RefRole.CANCELS),))).item
    net.deliver()
    assert bravo.line.replaced[first] == [(role, second), (RefRole.CANCELS, third)]


def test_nobody_replaces_the_words_of_another() -> None:
    net, alpha, bravo = two()
    first = alpha.speak(message("ours")).item
    net.deliver()
    for role in (RefRole.CORRECTS, RefRole.CANCELS, RefRole.SUPERSEDES):
        cited = replace(message("theirs"), refs=(Ref(first, role),))
        assert code_of(bravo.speak, cited) == "act.not_ours"
    assert bravo.speak(replace(message("an answer"), refs=(Ref(first, RefRole.ANSWERS),))).item
    # A hostile station that says so all the same is read and changes nothing.
    net.deliver()
    place = speech._place(bravo.line, Turn(net.now()))
    sly = write(bravo.who, "", place, replace(message("x"), refs=(Ref(first, RefRole.CANCELS),)))
    alpha.line.record.judge(sly, alpha.line, START_MS)
    alpha.line.apply_item(alpha.item(sly.digest), Origin(carrier="wire"), net.now())
    assert alpha.line.replaced == {}


def test_a_cancellation_alone_needs_no_text_and_any_other_message_does() -> None:
    _, alpha, _ = two()
    first = alpha.speak(message("wrong")).item
    empty = Content(kind=Kind.MESSAGE, role=Role.WATCH_OFFICER)
    assert code_of(alpha.speak, empty) == "act.empty"
    assert code_of(alpha.speak, replace(empty, refs=(Ref(first, RefRole.CORRECTS),))) == "act.empty"
    assert alpha.speak(replace(empty, refs=(Ref(first, RefRole.CANCELS),))).item


# ------------------------------------------------------------------------ what is not sayable


def test_acts_that_the_rules_forbid_change_nothing() -> None:
    net, alpha, bravo = two()
    mine = alpha.speak(message("mine")).item
    theirs = bravo.speak(message("theirs")).item
    net.deliver()
    alpha.speak(answer(Kind.ACKNOWLEDGE, theirs))
    acknowledgement = alpha.order()[-1]
    net.deliver()
    nobody = chaff("nobody's", 32)
    joint, both = Body(text="x", lang="en", parties=("BRAVO",)), ("ALPHA", "BRAVO")
    forbidden: list[tuple[str, Content]] = [
        ("act.kind", Content(kind=Kind.OPEN, body=Body(cause="x"))),
        ("act.kind", Content(kind=Kind.SILENCE)),
        ("act.kind", Content(kind=Kind.TEST)),
        ("act.kind", Content(kind=Kind.UNKNOWN)),
        ("act.party", replace(message(), to=("ZULU",))),
        ("act.reference", answer(Kind.ACKNOWLEDGE, nobody)),
        ("act.reference", replace(message(), refs=(Ref(nobody, RefRole.ANSWERS),))),
        ("act.own", answer(Kind.ACKNOWLEDGE, mine)),
        ("act.already", answer(Kind.ACKNOWLEDGE, theirs)),
        ("act.joint", Content(kind=Kind.JOINT, body=joint)),
        ("act.empty", Content(kind=Kind.JOINT, body=Body(text=" \n", lang="en", parties=both))),
        ("act.assent", answer(Kind.ASSENT, theirs)),
        ("statement.body", replace(message(), body=Body(text="x"))),
        ("statement.addressees", replace(message(), to=("BRAVO", "ALPHA"))),
        ("statement_body.field", message("x" * 12_001)),
    ]
    facts = list(alpha.facts)
    for code, content in forbidden:
        assert code_of(alpha.speak, content) == code
    assert code_of(bravo.speak, answer(Kind.ACKNOWLEDGE, acknowledgement)) == "act.kind"
    for officer in ("", "x" * 81, "A\nda", "A\x1b[2Jda"):
        assert code_of(alpha.speak, message(), officer) == "act.officer"
    assert code_of(release, alpha, 7, "Bob") == "draft.unknown"
    line = bytes(16)
    assert code_of(alpha.act, CallTest(token=0, line=line, officer="Ada")) == "line.unknown"
    assert alpha.facts == facts


def test_the_role_that_speaks_is_in_what_is_signed() -> None:
    net, alpha, bravo = two()
    for role in Role:
        alpha.speak(replace(message(role.name), role=role))
    net.deliver()
    heard = [(s.content.body.text, s.content.role) for s in bravo.statements(Kind.MESSAGE)]
    assert heard == [(role.name, role) for role in Role]


def test_a_charter_that_is_not_complete_or_not_ours_is_not_installed() -> None:
    net = Net(kits(3))
    alpha = net.post("ALPHA")

    cards = [k.card() for k in kits(3)]
    fresh = make_charter("OTHER", cards, nonce=bytes(16))
    second = amend(fresh, silence_s=99)
    others = make_charter("THEIRS", cards[1:], nonce=bytes(16))
    drill = found(kits(3, "DRILL"))
    for code, signed in (
        ("charter.incomplete", sign_all(fresh, kits(2))),
        ("charter.sequence", sign_all(second, kits(3))),
        ("charter.stranger", sign_all(others, kits(3))),
        ("charter.realm", drill),
        ("charter.incomplete", sign_all(amend(net.signed.charter, silence_s=99), kits(2))),
    ):
        act = Install(token=0, charter=signed, incarnation=bytes(8))
        assert code_of(alpha.act, act) == code
    assert list(alpha.station.lines) == [net.signed.charter.line]


# ------------------------------------------------------------------- a key that takes its time


class SlowKey(Post):
    """A station whose key answers only when the test says so."""

    def __init__(self, post: Post) -> None:
        super().__init__(post.who, post.realm, post.net)
        self.station, self.facts, self._token = post.station, post.facts, 100
        self.asked: list[Sign] = []

    def _take(self, effect: Effect, signed: list[Event]) -> None:
        if isinstance(effect, Sign):
            self.asked.append(effect)
        else:
            super()._take(effect, signed)

    def begin(self, event: Speak | Release | Discard) -> int:
        self._token += 1
        self.step(replace(event, token=self._token))
        return self._token

    def sign(self) -> None:
        asked = self.asked.pop(0)
        signature = self.who.sign_key.sign(asked.message)
        self.step(Signed(purpose=asked.purpose, signature=signature))


def test_one_body_at_a_time_is_out_for_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """So no two share a number, in whatever time the key answers."""
    monkeypatch.setattr("tieline.core.speech.MAX_OUTGOING", 3)
    net, alpha, bravo = two()
    draft = alpha.speak(FLASH).draft
    slow = SlowKey(alpha)
    line = slow.line.id
    acts: list[Speak | Release] = [
        Speak(token=0, line=line, content=message("one"), officer="Ada", key="k"),
        Speak(token=0, line=line, content=message("two"), officer="Ada"),
        Release(token=0, line=line, draft=draft, officer="Bob"),
        Speak(token=0, line=line, content=message("three"), officer="Ada"),
    ]
    tokens = [slow.begin(act) for act in acts]
    assert len(slow.asked) == 1
    assert not slow.answers
    withdrawn = Discard(token=0, line=line, draft=draft, officer="Ada")
    for act, code in (
        (acts[0], "act.repeated"), (acts[2], "release.twice"), (withdrawn, "release.twice"),
    ):  # fmt: skip
        assert _code(slow.answers.get(slow.begin(act))) == code
    assert _code(slow.answers.get(slow.begin(acts[3]))) == "station.busy"
    for _ in tokens:
        slow.sign()
        assert len(slow.asked) <= 1
    done = [slow.answers[token] for token in tokens]
    assert all(isinstance(each, Done) and each.item for each in done)
    log = slow.line.record.logs[slow.line.own_log]
    said = [item.statement.content.body.text for item in log.items[1:]]
    assert said == ["one", "two", "we regret", "three"]
    alpha.out.extend(slow.out)
    net.deliver()
    net.pass_time(30)
    assert messages(bravo) == said


def _code(result: object) -> str:
    return result.code if isinstance(result, TielineError) else ""


def test_a_key_that_signs_no_receipts_rings_and_the_line_goes_on() -> None:
    _, alpha, _ = two()
    purpose = ForReceipt(alpha.line.id, alpha.line.own_log, 1, 0)
    alpha.step(SignFailed(purpose=purpose, cause="the card was pulled"))
    assert [a.code for a in alpha.alarms()] == ["key.failed"]
    assert alpha.speak(message("on we go")).item


def test_the_key_of_an_act_has_at_most_64_characters() -> None:
    _, alpha, _ = two()
    said = alpha.speak(message("once"), key="k" * 64)
    assert alpha.speak(message("once"), key="k" * 64).item == said.item
    assert code_of(alpha.speak, message("once"), "Ada", "k" * 65) == "act.key"


def test_a_joint_text_has_its_effective_time_ahead_or_binds_late() -> None:
    _, alpha, _ = two()

    def text(effective_ms: int, *, late: bool = False) -> Content:
        body = Body(
            text="we stop", lang="en", parties=("ALPHA", "BRAVO"), effective_ms=effective_ms,
            late_binds=late or None,
        )  # fmt: skip
        return Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)

    assert code_of(alpha.speak, text(START_MS)) == "act.late"
    assert alpha.speak(text(START_MS + 1)).item
    assert alpha.speak(text(START_MS, late=True)).item


def test_a_joint_text_is_not_signed_after_its_effective_time_unless_it_binds_late() -> None:
    net, alpha, bravo = two()
    found = {}
    for late in (False, True):
        body = Body(
            text="we stop", lang="en", parties=("ALPHA", "BRAVO"), late_binds=late or None,
            effective_ms=START_MS + net.ms + 1_000,
        )  # fmt: skip
        content = Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)
        found[late] = alpha.speak(content).item
    net.deliver()
    net.pass_time(1)
    assert code_of(bravo.speak, answer(Kind.ASSENT, found[False])) == "act.late"
    assert bravo.speak(answer(Kind.ASSENT, found[True])).item
