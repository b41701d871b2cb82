"""What the parties say in an incident, as lines: accounts, questions, holds, links, in public.

Each aspect is a small table of its own, one line for each party, so that any number of parties fits
a terminal of 80 columns; what agrees and what differs stands over it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tieline.desk.cli.show import View, number_of, text_of, views
from tieline.desk.incidentwords import how_far, moment, texts, words, wrapped


def lines(found: View) -> Iterator[str]:
    """All that is said of the event, and all that is asked, held, linked and said in public."""
    yield from _accounts(found, "accounts", "accounts: what each side observed")
    yield from _accounts(found, "attribution", "attribution: what each side infers")
    for other in views(found, "linked"):
        title = f"beside, as linked: accounts in {text_of(other, 'short')}"
        yield from _accounts(other, "accounts", title)
    yield from more(found, "linked", "linked incidents")
    yield from _titled("questions", found, "questions", _question)
    yield from _titled("holds", found, "holds", _hold)
    yield from _titled("links", found, "links", _link)
    yield from _titled("in public", found, "publics", _public)
    yield from _titled("remarks", found, "remarks", _remark)


def _titled(title: str, found: View, name: str, one: object) -> Iterator[str]:
    rows = views(found, name)
    if rows and callable(one):
        yield title
        for row in rows:
            yield from one(row)
        yield from more(found, name)


def more(found: View, name: str, what: str = "") -> Iterator[str]:
    """How many of a list are not shown, if any."""
    left = found.get("left_out")
    count = number_of(left, name) if isinstance(left, dict) else 0
    if count:
        yield f"  and {count} more{' ' + what if what else ''}; --all shows them"


# ------------------------------------------------------------------------------------ accounts


def _accounts(found: View, name: str, title: str) -> Iterator[str]:
    rows = views(found, name)
    if not rows:
        return
    yield title
    for row in rows:
        alignment = words(f"alignment.{text_of(row, 'alignment')}")
        pairs = views(row, "pairs")
        apart = "; ".join(filter(None, (_apart(pair, alone=len(pairs) == 1) for pair in pairs)))
        yield f"  {text_of(row, 'label')}: {alignment}{', ' + apart if apart else ''}"
        for party in views(row, "parties"):
            yield from _party(party)
    if name == "accounts":
        yield from more(found, name)


def _apart(pair: View, *, alone: bool) -> str:
    """How far two parties are apart, when they are; ``alone``: there are no others."""
    who = "" if alone else " and ".join(texts(pair, "parties")) + " "
    differ = pair.get("alignment") == "differ" and not alone
    said = how_far(pair) or ("differ" if differ else "")
    return f"{who}{said}" if said else ""


def _party(party: View) -> Iterator[str]:
    through = text_of(party, "through")
    who = f"{through} through {text_of(party, 'party')}" if through else text_of(party, "party")
    versions = views(party, "versions")
    current = text_of(party, "current") if party.get("current") else ""
    left = number_of(party, "left_out")
    for version in versions:
        if text_of(version, "item") != current:
            continue
        number = number_of(version, "number")
        named = f"{who} v{number}" if len(versions) > 1 else who
        for stated in views(version, "stated"):
            yield from wrapped(f"    {named:<11} ", *_stated(stated))
            named = ""
    if not current:
        yield f"    {who:<11} nothing that stands"
    now = next((one for one in versions if text_of(one, "item") == current), None)
    for version in versions:
        if version is not now and (now is None or _told(version) != _told(now)):
            yield from _earlier(version)
    if left:
        yield f"              and {left} versions more; --all shows them"


def _told(version: View) -> list[str]:
    """What a version says; one that is said again as it was is not shown twice."""
    return [part for one in views(version, "stated") for part in _stated(one)]


def _stated(one: View) -> Iterator[str]:
    parts = [text_of(one, "said") or "in words"]
    parts += [text_of(each, "label") + " " + text_of(each, "said") for each in views(one, "more")]
    sure = [text_of(one, name) for name in ("confidence", "source") if one.get(name)]
    yield "; ".join(parts)
    if sure:
        yield f"[{', '.join(sure)}]"
    if one.get("words"):
        yield f'"{text_of(one, "words")}"'


def _earlier(version: View) -> Iterator[str]:
    standing = words(f"standing.{text_of(version, 'standing')}")
    by = f" {text_of(version, 'by')[:8]}" if version.get("by") else ""
    said = "; ".join(text_of(one, "said") or "in words" for one in views(version, "stated"))
    yield f"              before: {said}  ({standing}{by})"
    acted = [
        f"{text_of(reader, 'party')} in {text_of(reader, 'first')[:8]}"
        for reader in views(version, "read_by")
        if reader.get("first")
    ]
    if acted:
        yield f"              read, when acting next, by {', '.join(acted)}"


# ------------------------------------------------------------------------------------ questions


def _question(one: View) -> Iterator[str]:
    state = words(f"question.{text_of(one, 'state')}")
    due = f", due {moment(one.get('due_ms'))}" if one.get("due_ms") is not None else ""
    late = ", late" if one.get("late") else ""
    reason = f": {text_of(one, 'reason')}" if one.get("reason") else ""
    yield (
        f"  {text_of(one, 'item')[:8]}  {text_of(one, 'party')} asks {text_of(one, 'of')}:"
        f" {state}{reason}{due}{late}"
    )
    for each in views(one, "about"):
        asked = " ".join(part for part in (text_of(each, "said"), text_of(each, "words")) if part)
        yield f"      {asked}"
    if one.get("words"):
        yield f"      {text_of(one, 'words')}"
    if one.get("answer"):
        said = f": {text_of(one, 'answered')}" if one.get("answered") else ""
        yield f"      answer {text_of(one, 'answer')[:8]}{said}"
    relayed = texts(one, "relayed")
    yield from (f"      relayed in {item[:8]}; it moves nothing" for item in relayed)
    if number_of(one, "relayed_count") > len(relayed):
        yield f"      and {number_of(one, 'relayed_count') - len(relayed)} relayed before"


# ---------------------------------------------------------------------------------------- holds


def _hold(one: View) -> Iterator[str]:
    until = f" until {moment(one.get('until_ms'))}" if one.get("until_ms") is not None else ""
    scope = f", {text_of(one, 'scope')}" if one.get("scope") else ""
    yield (
        f"  {text_of(one, 'item')[:8]}  {text_of(one, 'party')}: {text_of(one, 'title')}"
        f"{scope}: {text_of(one, 'state').upper()}"
    )
    yield f"      from {moment(one.get('from_ms'))}{until}{_area(one)}"
    for bound in views(one, "bound"):
        since = moment(bound.get("from_ms"))
        ends = f" until {moment(bound.get('until_ms'))}" if bound.get("until_ms") else ""
        now = " (now)" if bound.get("holds") else ""
        yield f"      {text_of(bound, 'party')} holds from {since}{ends}{now}"
    for reply in views(one, "replies"):
        said = words(f"stance.{text_of(reply, 'stance')}")
        at = f", {moment(reply.get('from_ms'))}" if reply.get("from_ms") is not None else ""
        yield f"      {text_of(reply, 'party')} {said}{at}"
    for each in views(one, "compliance"):
        if each.get("item"):
            yield f"      {text_of(each, 'party')} {words('own.' + text_of(each, 'own'))}"
        if each.get("breach"):
            yield f"      ! {text_of(each, 'party')} says that the other side does not"


def _area(one: View) -> str:
    return f", {text_of(one, 'area')}" if one.get("area") else ""


# ------------------------------------------------------------------- links, public, remarks


def _link(one: View) -> Iterator[str]:
    ends = " and ".join(end[:8] for end in texts(one, "ends"))
    reason = f", {text_of(one, 'reason')}" if one.get("reason") else ""
    yield (
        f"  {text_of(one, 'item')[:8]}  {text_of(one, 'party')} says that {ends} are"
        f" one event{reason}: {text_of(one, 'state')}"
    )
    for answer in views(one, "answers"):
        yield f"      {text_of(answer, 'party')} {words('stance.' + text_of(answer, 'stance'))}"
    waiting = set(texts(one, "deciders")) - {text_of(a, "party") for a in views(one, "answers")}
    if waiting and one.get("state") == "proposed":
        yield f"      to be answered by {', '.join(sorted(waiting))}"


def _public(one: View) -> Iterator[str]:
    at = f" {moment(one.get('at_ms'))}" if one.get("at_ms") is not None else ""
    source = f", {text_of(one, 'source')}" if one.get("source") else ""
    head = f"  {text_of(one, 'item')[:8]}  {text_of(one, 'party')}"
    yield f"{head}: {text_of(one, 'state')}{at}{source}"
    yield f"      hash {text_of(one, 'hash')[:16]}"
    if one.get("made_hash") and one.get("made_hash") != one.get("hash"):
        yield f"      ! made with hash {text_of(one, 'made_hash')[:16]}, in other words"


def _remark(one: View) -> Iterator[str]:
    said = ": ".join(part for part in (text_of(one, "said"), text_of(one, "words")) if part)
    about = f" of {text_of(one, 'about')}" if one.get("about") else ""
    yield (
        f"  {text_of(one, 'item')[:8]}  {text_of(one, 'party')}  {text_of(one, 'title')}{about}:"
        f" {said}"
    )
