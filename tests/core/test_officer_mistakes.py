"""What a tired or careless officer does must neither stop the station nor pass one for two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.test_speech import code_of, release, two
from tests.core.world import Post, answer, message

from tieline.core.charter import Release as Rules
from tieline.core.events import Discard, Done
from tieline.core.statement import MAX_TEXT_CHARS, Body, Content, Ref
from tieline.core.terms import Kind, Precedence, RefRole, Role, Rung

STANDING = Rules(four_eyes=frozenset({Precedence.FLASH}), standing=("crisis/misfire",))
FORM = Content(
    kind=Kind.MESSAGE,
    body=Body(fields=((1, "one missile"),)),
    precedence=Precedence.FLASH,
    role=Role.WATCH_OFFICER,
    form="crisis/misfire",
)


def discard(post: Post, draft: int, officer: str) -> Done:
    return post.act(Discard(token=0, line=post.line.id, draft=draft, officer=officer))


def text(words: str, lang: str = "en") -> Content:
    return Content(kind=Kind.MESSAGE, body=Body(text=words, lang=lang), role=Role.WATCH_OFFICER)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (text("all quiet", "en_US"), "statement.body"),
        (text("x" * (MAX_TEXT_CHARS + 1)), "statement_body.field"),
        (text("ж" * MAX_TEXT_CHARS, "ru"), ""),
        (text("文" * MAX_TEXT_CHARS, "zh"), "encode.too_large"),
        (replace(text("all quiet"), form="a form", form_version=1), "statement.form"),
        (replace(text("all quiet"), form="f", form_version=2**40), "statement.form"),
    ],
)
def test_a_draft_that_could_not_be_said_is_refused_at_once(content: Content, code: str) -> None:
    """Else it would be found at the next start, which would then fail."""
    _, alpha, _ = two(Rules())
    facts = len(alpha.facts)
    assert code_of(alpha.speak, content) == code
    assert (len(alpha.facts) == facts) is bool(code)
    assert alpha.reload().lines[alpha.line.id].drafts == alpha.line.drafts


def test_the_largest_draft_is_read_back_with_the_longest_names() -> None:
    _, alpha, _ = two(Rules())
    low, high = 0, MAX_TEXT_CHARS
    while low < high:  # the longest text that a statement still holds
        middle = (low + high + 1) // 2
        if code_of(alpha.speak, text("文" * middle, "zh")):
            high = middle - 1
        else:
            low = middle
    alpha.speak(text("文" * low, "zh"), officer="文" * 80, key="文" * 64)
    assert alpha.reload().lines[alpha.line.id].drafts == alpha.line.drafts


def test_who_withdraws_a_draft_has_a_name_that_the_journal_can_hold() -> None:
    _, alpha, _ = two(Rules())
    draft = alpha.speak(message()).draft
    for officer in ("", "Ada\n", "x" * 70_000):
        assert code_of(discard, alpha, draft, officer) == "act.officer"
    discard(alpha, draft, "Ada")
    assert alpha.reload().lines[alpha.line.id].drafts == {}


def test_a_repeated_act_does_not_wait_for_a_draft_that_was_withdrawn() -> None:
    _, alpha, _ = two(Rules())
    draft = alpha.speak(message(), key="k").draft
    assert alpha.speak(message(), key="k").draft == draft
    discard(alpha, draft, "Ada")
    assert code_of(lambda: alpha.speak(message(), key="k")) == "draft.withdrawn"


def test_standing_authority_covers_coded_fields_and_nothing_beside_them() -> None:
    _, alpha, _ = two(STANDING)
    assert alpha.speak(FORM).item
    beside = replace(FORM, body=Body(fields=((1, 1),), text="we attack", lang="en"))
    assert alpha.speak(beside).draft
    assert alpha.speak(replace(FORM, body=Body(text="we attack", lang="en"))).draft
    joint = Body(text="Both attack.", lang="en", parties=("ALPHA", "BRAVO"))
    assert alpha.speak(replace(FORM, kind=Kind.JOINT, body=joint)).draft


@pytest.mark.parametrize("role", [RefRole.CANCELS, RefRole.CORRECTS, RefRole.SUPERSEDES])
def test_what_two_released_one_does_not_take_back(role: RefRole) -> None:
    _, alpha, _ = two(STANDING)
    flash = alpha.speak(message("we regret", Precedence.FLASH), officer="Ada").draft
    item = release(alpha, flash, "Bob").item
    back = replace(message("we do not"), refs=(Ref(item, role),))
    assert alpha.speak(back).draft
    empty = replace(back, body=Body(), form="crisis/misfire", precedence=Precedence.FLASH)
    assert alpha.speak(empty).draft if role is RefRole.CANCELS else code_of(alpha.speak, empty)
    assert [s.content.body.text for s in alpha.statements(Kind.MESSAGE)] == ["we regret"]
    # A remark about it is a remark.
    assert alpha.speak(replace(back, refs=(Ref(item, RefRole.CONCERNS),))).item


@pytest.mark.parametrize(
    "spelling",
    ["ada", "A d a", "Ada.", "\uff21da", "Àda", "\u0410da", "\u0410d\u0430", "Аԁа", "\u0391da"],
)
def test_one_name_in_look_alike_letters_is_one_officer(spelling: str) -> None:
    _, alpha, _ = two(Rules())
    draft = alpha.speak(message(), officer="Ada").draft
    assert code_of(release, alpha, draft, spelling) == "release.same_person"
    assert release(alpha, draft, "Bob").item


@pytest.mark.parametrize("other", ["Ана", "Γιώργος", "مريم", "陈", "Ad", "Adam"])
def test_other_names_are_other_officers_in_any_script(other: str) -> None:
    _, alpha, _ = two(Rules())
    draft = alpha.speak(message(), officer="Ada").draft
    assert release(alpha, draft, other).item
    draft = alpha.speak(message(), officer=other).draft
    assert release(alpha, draft, "李").item


def test_whatever_asks_for_an_answer_can_be_answered() -> None:
    """Else a peer could put us in default with something that we have no means to acknowledge."""
    net, alpha, bravo = two(Rules(four_eyes=frozenset()))
    word = Content(kind=Kind.WATCH, body=Body(staffed=True), wants=1)
    item = bravo.speak(word).item
    net.deliver()
    alpha.speak(answer(Kind.ACKNOWLEDGE, item))
    assert Rung.ACKNOWLEDGED in alpha.rungs(item, "ALPHA")
    plain = bravo.speak(replace(word, wants=0)).item
    net.deliver()
    assert code_of(alpha.speak, answer(Kind.ACKNOWLEDGE, plain)) == "act.kind"
