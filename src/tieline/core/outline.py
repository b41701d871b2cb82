"""A charter in plain lines, for people who must decide whether to sign it.

The lines name everything that a signature binds a party to; ``diff`` shows what an amendment
changes. They are made from the parsed charter only, so what is shown is what is signed.
"""

from __future__ import annotations

from collections.abc import Iterator

from tieline.core import identity
from tieline.core.charter import Charter
from tieline.core.crypto import sha256
from tieline.core.terms import Precedence, Rung


def summary(charter: Charter) -> tuple[str, ...]:
    """The charter, line by line."""
    out = [f"line: {charter.name}"]
    out.append(f"realm: EXERCISE {charter.realm}" if charter.realm else "realm: real traffic")
    out.append(f"id: {charter.line.hex()}")
    out.append(f"version: {charter.version}")
    if charter.previous is not None:
        out.append(f"replaces: {charter.previous.hex()[:16]}")
    for party in charter.parties:
        words = identity.words(identity.root_fingerprint(party.code, charter.realm, party.root_key))
        out.append(f"party {party.code}: {party.name}")
        out.append(f"party {party.code}: words {' '.join(words)}")
        if party.code in charter.observers:
            out.append(f"party {party.code}: OBSERVER, reads all and is not heard")
        for entry in party.stations:
            where = ", ".join(entry.addresses) or "no address"
            name = entry.certificate.station_name
            keys = sha256(entry.certificate.encoded).hex()[:16]
            out.append(f"party {party.code}: station {name} at {where}, keys {keys}")
    for precedence in sorted(Precedence, reverse=True):
        waits = (f"{charter.clock_ms(precedence, rung) // 1000} s" for rung in Rung)
        names = (rung.name.lower().replace("_", " ") for rung in Rung)
        steps = ", ".join(f"{name} {wait}" for name, wait in zip(names, waits, strict=True))
        out.append(f"clocks {precedence.name}: {steps}")
    tests = charter.tests
    out.append(
        f"line tests: every {tests.interval_s} s, to be answered by the {tests.answered_by}"
        f" within {tests.window_s} s"
        if tests.interval_s
        else "line tests: none scheduled"
    )
    four = ", ".join(sorted(p.name for p in charter.release.four_eyes)) or "none"
    out.append(f"two people release: {four}")
    out.extend(f"one officer may release: form {form}" for form in charter.release.standing)
    out.extend(f"pack: {pack.hex()}" for pack in charter.packs)
    out.append(f"a peer is silent: after {charter.silence_s} s without a sign")
    every = charter.intervals
    out.append(
        f"signed checkpoints: every {every.checkpoint_s} s, with ML-DSA-44 every {every.seal_s} s"
    )
    for witness in charter.witnesses:
        late = f", ML-DSA-44 key {sha256(witness.mldsa).hex()} (SHA-256)"
        out.append(
            f"witness: {witness.name}, key {witness.key.hex()}{late if witness.mldsa else ''}"
        )
    if charter.witnesses:
        out.append(f"witnesses needed: {charter.quorum}")
    out.extend(f"leaving: {code}" for code, _ in charter.leaving)
    out.extend(f"need not sign: {code}, an observer" for code in charter.excused)
    for code, _ in charter.reroot:
        out.append(f"NEW ROOT: {code} has another root key than before; its words stand above")
    if charter.closed is not None:
        out.append("what is signed with the keys that this version ends counts only in these logs:")
        out.extend(f"log ends: {e.log.hex()} at {e.size} statements" for e in charter.closed)
    out.extend(_newer(charter))
    return tuple(out)


def _newer(charter: Charter) -> Iterator[str]:
    """What newer software has written into the charter: nobody here can read it to the signer."""
    parts = [("the charter", charter.unknown)]
    for party in charter.parties:
        parts.append((party.code, party.unknown))
        parts.extend((f"a station of {party.code}", s.unknown) for s in party.stations)
    for where, unknown in parts:
        if unknown:
            yield f"NOT SHOWN, from newer software: {len(unknown)} bytes about {where}"


def diff(old: Charter, new: Charter) -> tuple[str, ...]:
    """What an amendment changes: removed lines with '-', added ones with '+'."""
    before, after = summary(old), summary(new)
    gone = [f"- {line}" for line in before if line not in after]
    come = [f"+ {line}" for line in after if line not in before]
    return (*gone, *come)
