"""A joint statement that was weighed before is as it is weighed now, whatever has come since."""

from __future__ import annotations

from random import Random

import pytest
from tests.core.world import START_MS, Net, Post, answer, kits, message

from tieline.core.errors import LocalError
from tieline.core.incident.signing import Chain
from tieline.core.joints import chain_of
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
    return chain.binding and chain.binding.digest, chain.split, chain.full, [
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
