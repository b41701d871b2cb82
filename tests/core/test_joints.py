"""A joint statement that was weighed before is as it is weighed now, whatever has come since."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from tests.core.test_hostile_member import rogue_of
from tests.core.world import START_MS, Net, Post, answer, kit, kits, message

from tieline.core import joints, speech, tally
from tieline.core.errors import LocalError
from tieline.core.incident import joint
from tieline.core.incident.signing import Chain, Fault
from tieline.core.incident.weighing import chains
from tieline.core.joints import Known, chain_of, entry_of
from tieline.core.record import Record
from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import Kind, RefRole, Role

PARTIES = ("ALPHA", "BRAVO")


def text(post: Post, chance: Random, before: bytes | None) -> Content:
    effective = chance.choice((None, post.net.ms + START_MS + chance.randrange(-5, 60) * 1000))
    late = True if effective is not None and chance.random() < 0.3 else None
    body = Body(text="we stop", lang="en", parties=PARTIES, effective_ms=effective, late_binds=late)
    refs = () if before is None else (Ref(before, RefRole.PREDECESSOR),)
    return Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER, refs=refs)


def told(chain: Chain | None) -> object:
    if chain is None:
        return None
    return chain.binding and chain.binding.digest, chain.split, chain.spent, [
        (one.digest, one.state, one.missing, one.unconfirmed, one.late, one.open_at,
         [each.by.digest for each in one.signed], [each.by.digest for each in one.left])
        for one in chain.versions
    ]  # fmt: skip


def check(post: Post, texts: list[bytes]) -> None:
    line = post.line
    found = [told(chain_of(line, one)) for one in texts]
    line.weighed.clear()
    assert found == [told(chain_of(line, one)) for one in texts]


@pytest.mark.parametrize("seed", range(12))
def test_what_was_weighed_before_is_weighed_again_when_anything_of_it_changed(seed: int) -> None:
    chance = Random(seed)
    net = Net(kits(2))
    posts = list(net)
    net.connect_all()
    texts: list[bytes] = []
    for _ in range(30):
        post = chance.choice(posts)
        here = [one for one in texts if post.line.item(one) is not None]
        kind = chance.choice(("text", "sign", "sign", "sign", "say", "say", "time", "cut", "join"))
        try:
            if kind == "text" or not here:
                before = chance.choice((None, *here[-1:]))
                texts.append(post.speak(text(post, chance, before)).item)
            elif kind == "sign":
                post.speak(answer(Kind.ASSENT, chance.choice(here[-2:])))
            elif kind == "say":
                post.speak(message("we have read it"))
            elif kind == "time":
                net.pass_time(chance.randrange(1, 40))
            elif kind == "cut":
                net.cut(posts[0], posts[1])
            else:
                net.connect(posts[0], posts[1])
        except LocalError:
            continue
        if chance.random() < 0.7:
            net.deliver()
        for one in posts:
            check(one, texts)


def test_a_flood_of_acts_changes_nothing_of_what_binds_and_keeps_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One party adds forms, signatures and texts without end; the others' texts bind as before."""
    for module, name in ((joint, "JOINT_ACTS"), (joints, "JOINT_ACTS"), (tally, "KEPT_ACTS")):
        monkeypatch.setattr(module, name, 4 + (name == "KEPT_ACTS"))
    net = Net(kits(3))
    alpha, bravo, charlie = net
    net.connect_all()
    everyone = Body(text="we stop", lang="en", parties=("ALPHA", "BRAVO", "CHARLIE"))
    content = Content(kind=Kind.JOINT, body=everyone, role=Role.TREATY_OFFICER)
    first = alpha.speak(content).item
    net.deliver()
    for post in (bravo, charlie):
        post.speak(answer(Kind.ASSENT, first))
        net.deliver()
    for post in net:
        post.speak(message("we have read it"))
    net.deliver()
    assert all(bound(post, first) == first for post in net)
    net.cut(alpha, charlie)
    net.cut(alpha, bravo)
    unread = Content(
        kind=Kind.MESSAGE, body=Body(fields=()), role=Role.TREATY_OFFICER, form="zz/none",
        form_version=1, refs=(Ref(first, RefRole.ANSWERS),),
    )  # fmt: skip
    for _ in range(8):
        charlie.speak(unread)
    with pytest.raises(LocalError, match="nothing more of it is weighed"):
        charlie.speak(replace(content, refs=(Ref(first, RefRole.PREDECESSOR),)))
    beyond = charlie.speak(unread).item
    net.deliver()
    net.connect(alpha, bravo)
    for post in net:
        assert bound(post, first) == first
        assert len(post.line.joint_acts(first)) < 10
    chain = chain_of(bravo.line, beyond)
    assert chain is not None
    assert chain.spent == ("CHARLIE",)
    assert chain.moot[-1].fault is Fault.SPENT
    one, other = (told(chain_of(post.line, first)) for post in (alpha, bravo))
    assert one == other
    entries = [entry_of(alpha.line, item) for item in alpha.line.record.order]
    assert told(chains(entries, Known(alpha.line))[0]) == one  # as if all of it were looked at


def bound(post: Post, digest: bytes) -> bytes | None:
    chain = chain_of(post.line, digest)
    return chain.binding.digest if chain and chain.binding else None


@pytest.mark.parametrize("on_signature", [False, True])
def test_what_a_log_says_beside_a_text_hides_none_of_its_acts_from_who_asks_by_the_text(
    monkeypatch: pytest.MonkeyPatch, *, on_signature: bool
) -> None:
    """Other statements, and signatures of signatures, cite a text and are no act of its chain."""
    for module, name in ((joint, "JOINT_ACTS"), (joints, "JOINT_ACTS"), (tally, "KEPT_ACTS")):
        monkeypatch.setattr(module, name, 4 + (name == "KEPT_ACTS"))
    monkeypatch.setattr(speech, "_check", lambda *_: None)  # a station of a liar asks nobody
    net = Net(kits(3))
    alpha, bravo, _ = net
    net.connect_all()
    body = Body(text="we stop", lang="en", parties=("ALPHA", "BRAVO", "CHARLIE"))
    content = Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)
    first = alpha.speak(content).item
    net.deliver()
    signed = bravo.speak(answer(Kind.ASSENT, first)).item
    for _ in range(6):
        if on_signature:
            bravo.speak(answer(Kind.ASSENT, signed))
        else:
            bravo.speak(replace(content, refs=(Ref(first, RefRole.CONCERNS),)))
    cancel = Content(
        kind=Kind.MESSAGE,
        body=Body(text="we take it back", lang="en"),
        role=Role.TREATY_OFFICER,
        refs=(Ref(signed, RefRole.CANCELS),),
    )
    amend = replace(content, refs=(Ref(first, RefRole.PREDECESSOR),))
    last = bravo.speak(cancel if on_signature else amend).item
    net.deliver()
    for post in net:
        by_text = told(chain_of(post.line, first))
        post.line.weighed.clear()
        by_act = chain_of(post.line, last)
        assert on_signature or by_text == told(by_act)
        entries = [entry_of(post.line, item) for item in post.line.record.order]
        assert by_text == told(chains(entries, Known(post.line))[0])


def test_second_stories_take_no_place_from_what_the_first_one_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a signature would count where it came before them, and not where it came after."""
    for module, name in ((joint, "JOINT_ACTS"), (joints, "JOINT_ACTS"), (tally, "KEPT_ACTS")):
        monkeypatch.setattr(module, name, 4 + (name == "KEPT_ACTS"))
    _, alpha, rogue = rogue_of()
    body = Body(text="we stop", lang="en", parties=PARTIES)
    text = alpha.speak(Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)).item
    rogue.say(Content(kind=Kind.OPEN, body=Body(cause="first start")))
    rogue.say(message("we read it"), seen=(text[:16],))
    before = dict(rogue.last)
    rogue.say(message("and say no more"))
    first = dict(rogue.last)
    rogue.last.update(before)
    unread = Content(
        kind=Kind.MESSAGE, body=Body(fields=()), role=Role.TREATY_OFFICER, form="zz/none",
        form_version=1, refs=(Ref(text, RefRole.ANSWERS),),
    )  # fmt: skip
    for _ in range(6):
        assert alpha.item(rogue.say(unread).digest).second_story
    rogue.last.update(first)
    signed = rogue.say(answer(Kind.ASSENT, text))
    assert not alpha.item(signed.digest).second_story
    alpha.line.ladder.tallies.of(text).assents.clear()  # by these alone, BRAVO's first is found
    chain = chain_of(alpha.line, text)
    assert chain is not None
    assert [one.by.digest for one in chain.versions[0].signed] == [text, signed.digest]
    assert chain.twice == ("BRAVO",)


def test_a_text_in_whose_place_the_other_has_proposed_one_is_not_signed_unread() -> None:
    """Its officer may have read it before that: the refusal names what has come since."""
    net = Net(kits(2))
    alpha, bravo = net
    net.connect_all()
    body = Body(text="we stop", lang="en", parties=PARTIES)
    content = Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)
    text = alpha.speak(content).item
    net.deliver()
    other = alpha.speak(replace(content, refs=(Ref(text, RefRole.PREDECESSOR),))).item
    net.deliver()
    with pytest.raises(LocalError) as refused:
        bravo.speak(answer(Kind.ASSENT, text))
    assert refused.value.code == "act.replaced"
    assert other.hex()[:12] in refused.value.message


def test_a_signature_by_who_had_not_read_the_text_is_told_as_one_that_counts_for_nothing() -> None:
    _, alpha, rogue = rogue_of()
    body = Body(text="we stop", lang="en", parties=PARTIES)
    text = alpha.speak(Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)).item
    blind = rogue.say(answer(Kind.ASSENT, text))
    chain = chain_of(alpha.line, text)
    assert chain is not None
    assert [(one.by.digest, one.fault) for one in chain.moot] == [(blind.digest, Fault.UNREAD)]
    assert [one.by.digest for one in chain.versions[0].signed] == [text]


def test_an_act_on_a_text_that_many_logs_act_on_costs_what_one_act_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is on the line opens logs as it likes: nobody looks at all of them for each act."""
    monkeypatch.setattr(tally, "KEPT_ACTS", 3)
    _, alpha, rogue = rogue_of()
    body = Body(text="we stop", lang="en", parties=PARTIES)
    text = alpha.speak(Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER)).item
    lives = [bytes([number]) * 8 for number in range(1, 31)]
    for life in lives:
        rogue.say(Content(kind=Kind.OPEN, body=Body(cause="first start")), life, seen=(text[:16],))
    looked: list[bytes] = []
    place = Record.where

    def where(record: Record, digest: bytes) -> tuple[bytes, int]:
        looked.append(digest)
        return place(record, digest)

    monkeypatch.setattr(Record, "where", where)
    for _ in range(4):
        for life in lives:
            rogue.say(answer(Kind.ASSENT, text), life)
    assert len(alpha.line.ladder.tallies.of(text).acts) == 3 * len(lives)
    assert len(looked) < 200


def test_when_a_statement_came_to_a_party_its_receipts_and_its_own_station_say() -> None:
    net = Net((kit("ALPHA", ("main", "spare")), kit("BRAVO")))
    main, spare, bravo = net.post("ALPHA"), net.post("ALPHA", 1), net.post("BRAVO")
    net.connect(main, bravo)
    net.pass_time(7.3)
    digest = main.speak(message("who has it, and since when?")).item
    net.deliver()

    def arrived(post: Post, party: str) -> int | None:
        return Known(post.line).arrived_ms(entry_of(post.line, post.item(digest)), party)

    assert arrived(main, "BRAVO") == START_MS + 7_000  # receipts count seconds
    assert arrived(main, "ALPHA") is arrived(bravo, "ALPHA") is None  # its author does not count
    net.pass_time(20)
    net.connect(bravo, spare)
    net.pass_time(20)
    taken_in = spare.item(digest).admitted_ms
    assert taken_in == START_MS + 27_300
    assert arrived(spare, "ALPHA") in (taken_in, taken_in // 1000 * 1000)
    assert arrived(bravo, "ALPHA") == taken_in // 1000 * 1000
    assert arrived(spare, "BRAVO") == START_MS + 7_000
    assert arrived(bravo, "CHARLIE") is None
    coming = entry_of(main.line, main.item(digest))
    assert Known(main.line, coming).arrived_ms(coming, "BRAVO") is None
