"""What the families of error codes are about, and sentences that the source does not carry.

``docs/errors.md`` is made from the source and from these two tables; ``tools/docs.py`` finds a
family without a line, a line without a family, and a code that nothing explains.
"""

from __future__ import annotations

from typing import Final

FAMILIES: Final[dict[str, str]] = {
    "act": "An officer's act that the rules of the line do not allow, or that lacks something. "
    "Nothing was said; correct the act and give it again.",
    "address": "An address on a card, in a charter or in `config.toml`. Use a form named.",
    "alarm": "Acts about alarms, and (as alarms) the outputs that make them heard. Nothing here is "
    "sent to another station.",
    "api": "The local API of a running station.",
    "armor": "The text form of a card or charter. It is read only exactly as it was written: send "
    "it as a file, and not as pasted text.",
    "arrived": "Alarms: a statement that must be acknowledged has come with IMMEDIATE or FLASH.",
    "backup": "Making a backup, and what one is refused for when it is restored. A refused backup "
    "leaves nothing behind; a station that runs goes on.",
    "bookmark": "What an earlier life noted of a line with agreements is not used; nobody is told,"
    " and the record is read whole.",
    "bundle": "A bundle file was refused, and nothing of it was taken in.",
    "bundle_header": "A field of the header of a bundle.",
    "card": "A card file. A bad card is refused whole; ask its party for it again, by another way "
    "if need be.",
    "card_station": "A station on a card.",
    "carrier": "The TLS carrier: its settings and what keeps it from dialling or listening. Causes "
    "of failed attempts stand in the record of attempts and in `tieline status`.",
    "certificate": "The certificate of a station, on a card or in a charter. Its party makes a "
    "fresh card.",
    "charter": "A charter, or a signature on one. A charter that is refused changes nothing: the "
    "version in force stays.",
    "charter_party": "A party in a charter.",
    "charter_station": "A station in a charter.",
    "checkpoint": "The text of a checkpoint.",
    "clock": "The clock of a station. What to do: operations, *Clocks*.",
    "config": "`config.toml` of a home. The station does not start until it is right.",
    "cosignature": "The time of a cosignature.",
    "desk": "The web desk: its own file, where it listens, what it refuses. The station goes on "
    "without it.",
    "draft": "Drafts that wait for a second officer.",
    "encode": "Bytes that are not the one deterministic encoding, or pass a limit.",
    "envelope": "An envelope of the sync. It was dropped; the sender's software is older, newer or "
    "broken.",
    "evidence": "Evidence files: making one, and what ends the reading of one. What a reader finds "
    "wrong and reads on is in [evidence](evidence.md), section 4.",
    "exercise": "The runner of exercises: a station of the exercise did not do what it should.",
    "export": "Export of a bundle.",
    "field": "What is wrong with one field of a form: shown to the officer who fills it, with the "
    "field, its paragraph and the remedy, in the officer's language; and to the reader of a "
    "message "
    "whose fields break its form.",
    "file": "A file that the command line was to read or write.",
    "form": "A form as a whole: which one is meant, and a message whose fields break its form. "
    "Such "
    "a message is in the record and is shown, but no rule counts it.",
    "frame": "The frames of a TLS session. The session is ended and dialled anew.",
    "home": "The folder of a station.",
    "import": "Import of a bundle over the local API.",
    "item": "Which statement is meant.",
    "journal_alarm": "A stored alarm that no longer reads: the store is damaged. Run "
    "`tieline verify`.",
    "journal_attempt": "As `journal_alarm`, for an attempt.",
    "journal_draft": "As `journal_alarm`, for a draft.",
    "journal_hand_over": "As `journal_alarm`, for a hand-over.",
    "journal_heed": "As `journal_alarm`, for what an officer did with an alarm.",
    "journal_life": "As `journal_alarm`, for a log that was opened or closed.",
    "journal_origin": "As `journal_alarm`, for how a statement came.",
    "journal_refusal": "As `journal_alarm`, for a refusal.",
    "journal_settlement": "As `journal_alarm`, for a draft that was withdrawn.",
    "journal_state": "As `journal_alarm`, for the state of a link.",
    "key": "An Ed25519 public key that must never be enrolled, and the alarm of a key that does "
    "not sign.",
    "key_store": "The content of a key store, once opened.",
    "keys": "Key files: `keys.tlk`, `root.tlk`, the key file, `machine.id`.",
    "keystore": "The form of a key store on disk.",
    "life": "On which machine, and in which run, a station may go on writing a log.",
    "line": "Which line is meant, and lines that are not shared.",
    "log": "Bounds of what one station may open or fork. Its party must explain.",
    "login": "Logging in at the web desk.",
    "machine": "The mark of how far this machine has written, `machine.mark` in the home.",
    "note": "A signed note, such as a checkpoint with its signatures.",
    "notice": "Alarms: a notice of another party touches an incident. The code ends "
    "with the incident.",
    "officer": "Officers' accounts of the web desk, at the desk and on the command line.",
    "observer": "Alarms: a party that observes has signed a statement. It is kept and moves "
    "nothing; ask that party.",
    "owed": "Alarms: what an agreement's rule asks was not done by its due time, of ours or of "
    "theirs. The code ends with the rule, as `owed.vd/ua-reply`. What is owed to us goes on record "
    "as a silence.",
    "overdue": "Alarms: a rung of the receipt ladder was not reached in time. Where our own "
    "statement waits, a silence goes on record as well.",
    "incident": "An incident that was named, or what is to be said in one. `tieline incident list "
    "--all` shows the incidents, `tieline form` what each form of the line takes.",
    "pack": "An agreement as data: its folder of TOML files, or a `*.pack` file. A pack that is "
    "refused is not used; see [making a pack](pack-authoring.md).",
    "list": "A table, CSV or XLSX, that is to fill forms. Nothing was sent.",
    "obligation": "Which obligation is meant.",
    "proof": "An inclusion or consistency proof.",
    "proof_file": "A file that should prove that a station told two stories.",
    "receipt": "A receipt of a peer. It is not counted.",
    "record": "The record as a whole.",
    "release": "The release of a draft by a second officer.",
    "request": "A request for a certificate, which a station whose keys rotate makes for its root.",
    "report": "The report of an incident, and another one that it is compared with. No file was "
    "written.",
    "restore": "Restoring a backup into a new home. Nothing is kept of a restore that is refused.",
    "root": "What a root key refuses to sign.",
    "scenario": "A scenario file of an exercise. Nothing starts until it is right.",
    "seal": "Sealing a file to stations, and opening it.",
    "sealed": "The form of a sealed file.",
    "sheet": "A text form of a message (numbered, slash or radio) that is read in. Nothing of one "
    "that is refused is taken in.",
    "sign1": "The envelope of a signed document (COSE_Sign1).",
    "snapshot": "The snapshot beside the journal was not used. The station reads its journal from "
    "the first entry, which takes longer and gives the same; there is nothing to do.",
    "statement": "A statement from outside is not accepted, or one of ours cannot be written.",
    "statement_body": "The body of a statement.",
    "station": "A running station that cannot do what was asked now.",
    "store": "The store. After `store.failed` the process has stopped, because after a failed "
    "write or sync nobody knows what is on the disk.",
    "tally": "As `journal_alarm`, for what has come to a statement: receipts and answers.",
    "test": "Alarms of line tests.",
    "time": "A time that no date-time group can name.",
    "tls": "A TLS session with a caller or a peer ended, or never came about. The sentence stands "
    "as the cause of the attempt.",
    "tree": "A defect in how the tree of a log is used; report it.",
    "usage": "The command line was stopped.",
    "tiles": "A log as a folder of C2SP tiles.",
    "verify": "`tieline verify` could not begin. Exit code 4.",
    "vkey": "A public key in the text form of C2SP signed-note.",
    "witness": "A witness: its folder, what it refuses, and what a station hears when it asks one. "
    "A witness that does not cosign never delays traffic.",
    "words": "The words by which people compare cards.",
}

_DUE: Final = "by the time that the charter gives; ask by another way, and look at `tieline status`"

# For codes whose sentence is put together at the moment, or is too general in the source.
SENTENCES: Final[dict[str, str]] = {
    "report.failed": "the report could not be made, with what its maker said of it",
    "api.defect": "the station failed at the act by a defect of its own; report it with its log",
    "api.full": "64 clients are connected already; close one and try again",
    "api.too_long": "the request line is longer than 96 MiB; send less at once",
    "backup.missing": "no backup of this station is known; make one, and keep it apart",
    "backup.old": "the last backup of this station is more than a week old; make a new one",
    "clock.jumped": "this machine's clock was set; find out who or what set it, and compare it "
    "with a third clock",
    "clock.peers": "clocks of other parties differ from ours by more than 60 s, by what they "
    "wrote and signed; compare with a third clock",
    "clock.unsynchronised": "the kernel says that no time service keeps this machine's clock "
    "right; start one, or compare it by hand",
    "alarm.none": "nobody would hear an alarm: no output of alarms works",
    "alarm.output": "an output of alarms does not work; see `tieline alarm outputs`",
    "arrived.flash": "FLASH from a party: acknowledge it",
    "arrived.immediate": "IMMEDIATE from a party: acknowledge it",
    "carrier.connect": "the connection was refused, timed out or found no route, or this machine "
    "lacks the address to dial from; check the address on the card, the route and their station",
    "carrier.name": "the name in the address was not found, or has no address; use a literal "
    "address, which needs no look-up",
    "line.down": "nothing comes from a peer by any carrier; see its cause in `tieline status`",
    "owed.long_ago": "more obligations were overdue before this station looked than ring each by "
    "itself; see `tieline obligations`",
    "owed.many": "what one party said gives cause for more alarms at once than ring each by "
    "itself: 20, and one more a minute; see `tieline obligations` and `tieline incident notices`",
    "notice.touches": "a notice of another party touches an open incident; read it, and pass it "
    "on to the unit that has to know: `tieline incident show`, `tieline pass-on`",
    "owed.rule": "a deadline of an agreement has passed: who owes what to whom, due when; "
    "`tieline explain` shows why",
    "owed.unwatched": "deadlines of agreements are not watched any more, by a defect; start the "
    "station again, and report it with its log",
    "config.value": "a setting has the wrong type or is out of its bounds; the sentence names the "
    "file, the setting and what it must be",
    "evidence.write": "the file of evidence cannot be written; the sentence says why. Nothing was "
    "kept; name another place",
    "file.system": "the system refused a file or folder; the sentence names it and why",
    "key.failed": "the key store did not sign a receipt, so none was sent; the statements are "
    "kept. Look at the key file or its device",
    "note.signature": "a signature line is not dash, name and base64 with a key id; copy the note "
    "whole",
    "note.signatures": "a note must have 1 to 256 signatures, and its last line must be whole",
    "note.text": "the text of a note must be lines of UTF-8 without control characters, followed "
    "by a blank line",
    "note.too_large": "the note has more than 1000000 bytes; shorten it",
    "overdue.acknowledged": f"no officer of the party has acknowledged the item {_DUE}",
    "overdue.handed_over": f"no carrier took the item for the party {_DUE}",
    "overdue.passed_on": f"the party has not said that a unit was told {_DUE}",
    "overdue.read_back": f"the party has not read the item back {_DUE}",
    "overdue.received": f"no station of the party has signed a receipt for the item {_DUE}",
    "pack.bytes": "the bytes are not the one canonical encoding of a pack, or are of a newer "
    "format; ask for the pack anew",
    "pack.unfit": "the pack has faults; each one is named with its file and line, what is wrong "
    "and what to do. Correct them all and check it again",
    "station.down": "no station answers at the socket of this home; start it with `tieline serve`",
    "store.critical": "the disk is nearly full; make room now",
    "store.low": "the disk is filling up; make room",
    "store.room": "there is room on the disk again; nothing needs doing",
    "store.was_full": "the disk was full; what could not be stored was refused, and sending "
    "goes on now. Give the acts that were refused again",
    "test.missed": "the party whose turn it was did not call the line test of a slot; ask by "
    "another way whether its station and its clock are in order",
    "tls.own_pin": "the far end does not accept our certificate; its charter may pin another one",
    "witness.ahead": "a witness has cosigned more of our log than we hold, or another one; the "
    "store was put back, or another machine writes with our key; look at once",
    "witness.forgot": "a witness knows less of our log than it has signed for; ask who runs it",
    "field.blank": "the text is empty, or begins or ends with a space; leave the field out, or "
    "write a text",
    "field.characters": "the text holds half a character (a lone surrogate); type it again",
    "field.code": "the answer is no item of the field's code list; choose one by number, id or "
    "word",
    "field.hash": "a SHA-256 value has 32 bytes, 64 hexadecimal digits; copy it whole",
    "field.lines": "the name has more than one line; write it on one",
    "field.long": "the text is longer than the field allows; shorten it, or move the rest to the "
    "remarks",
    "field.missing": "the field must be answered; answer it, or give a special answer that it "
    "allows",
    "field.party": "the answer is no party's code; use the code in the charter, such as ALPHA",
    "field.place": "a latitude is outside -90 to 90, a longitude outside -180 to 180, or an area "
    "or route has too few or too many points; correct it",
    "field.range": "the number is outside the bounds of the field; correct it",
    "field.repeats": "the group has too few or too many repeats; add or take out some",
    "field.shape": "the value is not encoded as its type asks; its author's software is older, "
    "newer or broken",
    "field.special": "the field does not allow this special answer; give a value",
    "field.time": "the time is outside the years 1970 to 9999, or its uncertainty is over ten "
    "years; correct it",
    "field.stranger": "the party that the field names is none of this line's; use a code of its "
    "charter",
    "field.type": "the answer is of another type than the field; correct it",
    "field.clocks": "the clocks of that zone skip this time, or show it twice; write it in UTC",
    "field.numbering": "the entries of a group are not numbered from 1 without gaps; number them",
    "field.pole": "a grid reference of the polar regions is not read; write degrees",
    "field.swapped": "latitude and longitude look swapped; write the latitude first, or the "
    "letters N, S, E, W",
    "field.twice": "the field is answered twice; take one answer out",
    "field.zone": "the time has no zone, or an unknown one; write Z, J, an offset or a name",
    "field.unreadable": "the text does not read as this type of field; write it as the form shows",
    "field.unknown": "the form has no such field; correct the name, or take it out",
    "form.answers": "the message answers none of the forms that this form answers; cite the "
    "message that it answers",
    "form.large": "the answers of a form take more bytes than a statement holds; shorten the "
    "texts, or send two messages",
    "form.predecessor": "the form must cite an earlier message of a form named; cite it",
    "form.replaces": "only the party's own earlier message of the same form can be corrected, "
    "cancelled or superseded; cite that one",
    "form.serial": "the serial number is not the next one of the series; leave it out, the station "
    "gives it",
    "tls.pin": "the far end did not show the pinned certificate; compare its card with the charter",
}
