"""The list of joint statements: a party that writes many does not push out those of another."""

from __future__ import annotations

from tests.core.world import Net, Post, answer, kits

from tieline.core.joints import entry_of
from tieline.core.statement import Body, Content, Ref
from tieline.core.terms import Kind, RefRole, Role
from tieline.node.jointview import newest


def propose(post: Post, before: bytes | None = None) -> bytes:
    refs = () if before is None else (Ref(before, RefRole.PREDECESSOR),)
    body = Body(text="we stop", lang="en", parties=("ALPHA", "BRAVO"))
    content = Content(kind=Kind.JOINT, body=body, role=Role.TREATY_OFFICER, refs=refs)
    found: bytes = post.speak(content).item
    return found


def test_of_each_party_the_newest_are_listed_and_the_rest_counted() -> None:
    net = Net(kits(2))
    alpha, bravo = net
    net.connect_all()
    old = propose(bravo)
    net.deliver()
    amended = propose(bravo, old)
    net.deliver()
    many = [propose(alpha) for _ in range(5)]
    net.deliver()
    bravo.speak(answer(Kind.ASSENT, many[0]))
    net.deliver()
    line = alpha.line
    entries = [entry_of(line, item) for item in line.record.order]
    texts = [one for one in entries if one.kind is Kind.JOINT]

    found, left = newest(line, reversed(texts), 2)
    assert [chain.root for chain in found] == [old, *many[3:]]
    assert amended in {version.digest for version in found[0].versions}
    assert left == 3

    found, left = newest(line, reversed(texts), None)
    assert [chain.root for chain in found] == [old, *many]
    assert left == 0
