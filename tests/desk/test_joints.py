"""Joint statements by the command line of real stations that hear each other by file alone.

So who has read what is in the test's hand: texts cross, or are amended while an officer reads them.
Everything is said between ALPHA and BRAVO; CHARLIE is of the line and in none of the texts.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.desk.desks import Desk, copy, free_port, one_object
from tests.desk.fours import Four

PARTIES = ("ALPHA", "BRAVO", "CHARLIE")
BOTH = ("--party", "ALPHA", "--party", "BRAVO")


class Table(Four):
    """Three desks, of which none reaches another."""

    def found(self) -> None:
        for code in PARTIES:
            self.init(code, "--listen", f"127.0.0.1:{free_port()}")
        # The card that the others verify names both stations of CHARLIE.
        self.desks["TWO"] = two = Desk(self["CHARLIE"].home.parent / "two")
        two.real = False
        two.ok(
            "init", "--party", "CHARLIE", "--name", "Charlie", "--station", "two", "--key-file",
            "--root-from", str(self["CHARLIE"].home), "--address", f"127.0.0.1:{free_port()}",
            "--listen", f"127.0.0.1:{free_port()}", "--officer", "Relay",
        )  # fmt: skip
        self.introduce("ALPHA", "BRAVO", "CHARLIE", "TWO")
        self.introduce("BRAVO", "ALPHA", "CHARLIE", "TWO")
        self.introduce("TWO", "ALPHA", "BRAVO")
        copy(two.home / "card.tlcard", self["ALPHA"].folder / "both.tlcard")
        cards = ("alpha.tlcard", "bravo.tlcard", "both.tlcard")
        copy(self["ALPHA"].home / "card.tlcard", self["ALPHA"].folder / "alpha.tlcard")
        self["ALPHA"].ok(
            "charter", "new", "north", "--four-eyes", "FLASH,IMMEDIATE", "--sign", "--yes",
            "--pack", "crisis", "--pack", "incident",
            *(part for card in cards for part in ("--card", card)),
        )  # fmt: skip
        self.sign("north.charter", *PARTIES)
        self.hand("north.charter", "CHARLIE", "ALPHA", "BRAVO", "TWO")
        for code in (*PARTIES, "TWO"):
            self[code].ok("charter", "install", "north.charter")
            self[code].serve()

    def say(self, code: str, *command: str) -> str:
        """What a party says, released by a second officer where the charter wants one."""
        said = one_object(self[code].ok("--json", *command))
        if not said["released"]:
            said = one_object(
                self[code].ok("--json", "release", str(said["draft"]), "--officer", "Second")
            )
        return str(said["item"])[:12]

    def draft(self, code: str, *command: str) -> str:
        said = one_object(self[code].ok("--json", *command))
        assert not said["released"]
        return str(said["draft"])

    def carry(self, giver: str, *takers: str) -> None:
        """By file: all that the giver holds."""
        for taker in takers or [code for code in PARTIES if code != giver]:
            self[giver].ok("export", "--to", "CHARLIE" if taker == "TWO" else taker, "out.tlb")
            copy(self[giver].folder / "out.tlb", self[taker].folder / "in.tlb")
            (self[giver].folder / "out.tlb").unlink()
            self[taker].ok("import", "in.tlb")

    def refused(self, code: str, *command: str) -> str:
        """The code of the refusal, then its words."""
        said = self[code].run("--json", *command)
        assert said.code == 1, said
        error = one_object(said.out)["error"]
        assert isinstance(error, dict)
        return f"{error['code']}: {error['message']}"

    def shown(self, code: str, item: str) -> str:
        """A joint statement as a desk shows it; each line within 80 columns."""
        return self[code].ok("joint", "show", item)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    made = Table(tmp_path_factory.mktemp("joints"))
    try:
        made.found()
        yield made
    finally:
        for desk in made.desks.values():
            desk.kill()


def test_a_text_that_was_replaced_while_the_officer_read_it_is_not_signed(table: Table) -> None:
    old = table.say("ALPHA", "joint", "All firing stops at 17:00.", "--effective", "now+2h", *BOTH)
    table.carry("ALPHA")
    said = table["ALPHA"].ok("joint", "amend", old, "All firing stops at 18:00.")
    assert "it holds from " in said  # the time is said anew to who does not type it
    new = said.split()[3]
    table.carry("ALPHA", "BRAVO")
    refused = table.refused("BRAVO", "joint", "sign", old)
    assert refused.startswith("act.replaced: ALPHA has proposed another text")
    assert new in refused
    shown = table.shown("BRAVO", new)
    assert "[-17:00.-]{+18:00.+}" in shown
    assert "effective time" not in shown  # what an amendment does not say anew stays as it was
    assert f"sign it: tieline joint sign {new[:8]}" in shown
    said = table["BRAVO"].ok("joint", "sign", new)  # and what that comes to is said at once
    assert "SIGNED BY ALL, NOT CONFIRMED" in said
    assert "lacks    a word of ALPHA" in said
    assert table.refused("BRAVO", "joint", "sign", new).startswith("act.already")
    # ALPHA is told by which word it binds.
    table.carry("BRAVO", "ALPHA")
    ack = table.shown("ALPHA", new).split("tieline ack ")[1][:8]
    assert "BINDS" not in table.shown("ALPHA", new)
    table.say("ALPHA", "ack", ack)
    table.carry("ALPHA")
    for code in PARTIES:
        assert f"{new} by ALPHA" in table.shown(code, new)
        assert "state    BINDS" in table.shown(code, new)
    for act in (("withdraw", new), ("decline", new), ("amend", new, "Firing goes on.")):
        assert table.refused("BRAVO", "joint", *act).startswith("act.holds: every party has signed")
    for code, says in (("ALPHA", "complying"), ("BRAVO", "breached")):
        table.say(code, "send", "--form", "in/comply", "--field", f"compliance={says}",
                  "--concerns", new)  # fmt: skip
        table.carry(code)
    for code in PARTIES:
        assert "comply   ALPHA says: it does so" in table.shown(code, new)
        assert "comply   BRAVO says: ANOTHER SIDE DOES NOT" in table.shown(code, new)


def test_what_changed_since_the_first_officer_wrote_stops_the_second(table: Table) -> None:
    text = table.say("ALPHA", "joint", "The bridge stays open.", *BOTH, "-p", "IMMEDIATE")
    table.carry("ALPHA", "BRAVO")
    draft = table.draft("BRAVO", "joint", "sign", text)
    assert "release.same_person" in table.refused("BRAVO", "release", draft, "--officer", "WatchB")
    again = ("-p", "IMMEDIATE")
    new = table.say("ALPHA", "joint", "amend", text, "The bridge stays {+open+} at night.", *again)
    table.carry("ALPHA", "BRAVO")
    assert table.refused("BRAVO", "release", draft, "--officer", "Two").startswith("act.replaced")
    table["BRAVO"].ok("discard", draft)
    # A sender's own brackets are not taken for those of the comparison.
    assert "[-open.-]{+⟨U+007B⟩+open⟨U+002B⟩} at night.+}" in table.shown("BRAVO", new)
    declined = table.say("BRAVO", "joint", "decline", new, "By day only.", "--reason", "none")
    table.carry("BRAVO", "ALPHA")
    assert f"declined by BRAVO ({declined[:8]})" in table.shown("ALPHA", new)
    assert table.refused("BRAVO", "joint", "sign", new).startswith("act.rejected: BRAVO has")
    assert table.refused("BRAVO", "joint", "withdraw", new).startswith("act.nothing")


def test_a_text_whose_signature_was_taken_back_says_so_to_who_signs_it(table: Table) -> None:
    text = table.say("ALPHA", "joint", "Both sides salute.", *BOTH)
    taken = table.say("ALPHA", "joint", "withdraw", text, "Not yet.")
    table.carry("ALPHA", "BRAVO")
    assert "WITHDRAWN" in table["BRAVO"].ok("joint", "list")
    said = table["BRAVO"].ok("joint", "sign", text)
    assert "SIGNED BY SOME" in said
    assert f"left     by ALPHA ({taken[:8]})" in said


def test_two_amendments_that_cross_come_to_one_text(table: Table) -> None:
    text = table.say("ALPHA", "joint", "The road is open.", "--effective", "now+5h", "--late-binds",
                     *BOTH)  # fmt: skip
    table.carry("ALPHA", "BRAVO")
    one = table.say("ALPHA", "joint", "amend", text, "The road is open by day.")
    other = table.say("BRAVO", "joint", "amend", text, "The road is open.", "--effective", "none",
                      "--without-prejudice")  # fmt: skip
    table.carry("ALPHA", "BRAVO")
    table.carry("BRAVO", "ALPHA")
    shown = [table.shown(code, text) for code in PARTIES[:2]]
    assert len({each.rsplit("next: ")[0] for each in shown}) == 1
    assert "becomes none" in shown[0]
    assert "it no longer binds also if signed late" in shown[0]
    assert "[WITHOUT PREJUDICE]" in shown[0]
    assert f"next: sign it: tieline joint sign {one[:8]}" in shown[1]
    assert "next: wait for the others" in shown[0]
    table.say("BRAVO", "joint", "sign", one)
    table.carry("BRAVO", "ALPHA")
    refused = table.refused("ALPHA", "joint", "sign", other)
    assert refused.startswith(f"act.holds: every party has signed {one}")


def test_a_party_that_is_not_named_can_say_nothing_that_counts(table: Table) -> None:
    text = table.say("ALPHA", "joint", "Both call each other at six.", *BOTH)
    table.carry("ALPHA")
    for act in ("sign", "decline", "withdraw"):
        assert table.refused("CHARLIE", "joint", act, text).startswith("act.assent: that is not")
    amend = ("joint", "amend", text, "Both call each other at seven.")
    assert table.refused("CHARLIE", *amend).startswith("act.joint: a joint statement names our own")
    wider = (*amend, *BOTH, "--party", "CHARLIE")
    assert "names the same parties" in table.refused("CHARLIE", *wider)
    assert "not a party of this line" in table.refused("ALPHA", "joint", "x", "--party", "DELTA")


def test_a_form_is_agreed_on_and_its_answers_are_compared(table: Table) -> None:
    def answers(scope: str) -> tuple[str, ...]:
        typed = (f"scope={scope}", "effective=now+1h", "binding=both")
        return ("--form", "cr/hold", *(part for one in typed for part in ("--field", one)))

    text = table.say("ALPHA", "joint", "propose", *answers("fire"), *BOTH)
    table.carry("ALPHA", "BRAVO")
    new = table.say("BRAVO", "joint", "amend", text, *answers("flights"))
    table.carry("BRAVO", "ALPHA")
    shown = table.shown("ALPHA", new)
    assert "~ - What is held: all fire\n" in shown
    assert "~ + What is held: flights\n" in shown
    assert "  | \n" not in shown
    change = one_object(table["ALPHA"].ok("--json", "joint", "show", new))["changes"]
    assert isinstance(change, dict)
    assert "What is held: flights" in str(change)


def test_words_that_are_not_what_they_seem_are_named(table: Table) -> None:
    text = table.say("ALPHA", "joint", "\u202eNo ATO\u202c by p\u0430rty.\n  state    BINDS", *BOTH)
    new = table.say("ALPHA", "joint", "amend", text, "No \u0410\u0422\u041e by party.")
    shown = table.shown("ALPHA", new)
    assert "| ⟨U+202E⟩No ATO⟨U+202C⟩ by p⟨U+0430⟩rty." in shown
    assert "\u202e" not in shown
    assert "|   state    BINDS" in shown  # nobody's words pass for ours
    assert "WORDS THAT LOOK THE SAME ARE NOT" in shown
    assert "АТО (⟨U+0410⟩⟨U+0422⟩⟨U+041E⟩) is in letters of another alphabet" in shown


def test_a_time_that_is_past_or_means_nothing_is_refused(table: Table) -> None:
    for more, said in (
        (("--effective", "now-1h"), "act.late: its effective time"),
        (("--effective", "yesterday"), "act.time: 'yesterday' is no time"),
        (("--late-binds",), "act.time: only what holds from a time on"),
    ):
        assert table.refused("ALPHA", "joint", "It holds.", *more, *BOTH).startswith(said)
    text = table.say("ALPHA", "joint", "It held.", "--effective", "now-1h", "--late-binds", *BOTH)
    table.carry("ALPHA", "BRAVO")
    signed = table.say("BRAVO", "joint", "sign", text)
    table.carry("BRAVO", "ALPHA")
    table.say("ALPHA", "ack", signed)
    shown = table.shown("ALPHA", text)
    assert "also if signed late" in shown
    assert "state    BINDS" in shown
    assert "LATE     ALPHA, " in shown
    assert "LATE     BRAVO, " in shown


def test_a_station_signs_without_its_sister_only_if_the_officer_insists(table: Table) -> None:
    ours = ("--party", "CHARLIE")
    text = table.say("BRAVO", "joint", "All pull back one mile.", "--party", "BRAVO", *ours)
    table.carry("BRAVO", "CHARLIE")
    refused = table.refused("CHARLIE", "joint", "sign", text)
    assert refused.startswith("act.sister: our other station CHARLIE/two has not been heard since")
    signed = table.say("CHARLIE", "joint", "sign", text, "--insist")
    # The other station has heard nothing of it and amends the text: that turns nobody.
    table.carry("BRAVO", "TWO")
    amend = ("joint", "amend", text, "All pull back two miles.")
    assert table.refused("TWO", *amend).startswith("act.sister: our other station CHARLIE/ops")
    other = table.say("TWO", *amend, "--insist")
    table.carry("CHARLIE", "BRAVO")
    table.carry("TWO", "BRAVO")
    shown = table.shown("BRAVO", text)
    assert "! CHARLIE SIGNED TWO TEXTS in two places" in shown
    assert "state    SIGNED BY ALL, NOT CONFIRMED" in shown
    assert f"{other} by CHARLIE" in shown
    assert table.refused("BRAVO", "joint", "sign", other).startswith("act.holds: every party has")
    table.say("BRAVO", "ack", signed)
    assert "state    BINDS" in table.shown("BRAVO", text)
