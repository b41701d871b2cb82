"""All rows, and those of P4, P11 and P12: fault, demand, counts, and what shows that it bites."""

from __future__ import annotations

from typing import Final

from tests.faults import (
    diskrows,
    firerows,
    heads,
    honest,
    liars,
    mistakes,
    stores,
    trust,
    unfithome,
)
from tests.faults.forgedrows import P5
from tests.faults.keptrows import P1, P2, P3, P6, P7, P9
from tests.faults.rows import Row
from tests.faults.webrows import P8, P10

_LIFE: Final = "tests/desk/test_life.py::test_"
_MACHINES: Final = (
    f"{_LIFE}yesterdays_store_with_a_peer_in_reach",
    f"{_LIFE}yesterdays_store_with_nobody_in_reach",
    f"{_LIFE}a_home_on_another_machine",
    "tests/desk/test_restored.py",
)
_TLS: Final = "tests/carriers/test_tls.py::test_"

P4: Final = (
    Row(
        promise="P4",
        name="restored-signs-again",
        fault="an old store signs again, its guard cut out",
        demand="the fork is found by all in one exchange, with a proof",
        counts=(20, 200, 1_000),
        play=stores.restored_signs_again,
        alike=True,
        sabotage=("first-story-wins", "silent-fork", "old-belief-stays"),
    ),
    Row(
        promise="P4",
        name="two-nodes-one-key",
        fault="two processes with one key: on one host, on two, as a clone",
        demand="one host: refused; two: all warned in one exchange; a fork gives proof",
        counts=(20, 200, 1_000),
        play=stores.two_nodes_one_key,
        alike=True,
        tests=(
            f"{_LIFE}a_home_that_runs_on_two_machines_is_found_by_everybody",
            "tests/desk/test_line_by_cli.py::test_doctor_verify_and_a_second_station_on_one_home",
            "tests/store/test_file.py::test_a_second_process_is_refused_and_told_who_holds_the_store",
        ),
        sabotage=("no-lock", "two-lives-unsaid", "silent-fork"),
    ),
    Row(
        promise="P4",
        name="malicious-signer",
        fault="two or three stories: to disjoint peers, to a peer and a witness, later",
        demand="found by all within one sync round of contact, proof by a second reader",
        counts=(1_000, 20_000, 200_000),
        play=liars.malicious_signer,
        alike=True,
        sabotage=("first-story-wins", "silent-fork", "note-not-compared"),
    ),
    Row(
        promise="P4",
        name="forged-heads",
        fault="a head rolled back, two of one size, one that does not extend",
        demand="refused by stations and by a witness, and kept with the proof",
        counts=(500, 5_000, 50_000),
        play=heads.forged_heads,
        alike=True,
        sabotage=("note-not-compared", "witness-signs-all"),
        few=12,
    ),
    Row(
        promise="P4",
        name="honest-under-faults",
        fault="every other fault of the simulator",
        demand="no honest station is accused",
        counts=(24, 2_000, 20_000),
        play=honest.under_every_fault,
        tests=("tests/core/test_notes.py::test_no_honest_station_is_accused_whatever_happens",),
        sabotage=("replay-accuses",),
    ),
    Row(
        promise="P4",
        name="withheld-tail",
        fault="a peer keeps its last words back",
        demand="never a proof: silent since, and the deadline escalates",
        counts=(100, 1_000, 5_000),
        play=honest.withheld_tail,
        alike=True,
        sabotage=("missed-unsaid",),
    ),
)

P11: Final = (
    Row(
        promise="P11",
        name="ended-key-dated-earlier",
        fault="statements by a rotated, revoked or replaced key, dated earlier",
        demand="refused, unless they stand before the end that the charter gives",
        counts=(trust.CELLS, trust.CELLS, trust.CELLS),
        play=trust.ended_key,
        alike=True,
        sabotage=("old-key-still-speaks",),
    ),
    Row(
        promise="P11",
        name="trust-store-back",
        fault="the store goes back to before a key was ended, and its thief comes first",
        demand="noticed, brought forward by the first peer, what the thief said taken back",
        counts=(20, 200, 1_000),
        play=trust.trust_store_back,
        alike=True,
        tests=("tests/node/test_verify.py::test_an_entry_taken_out_is_noticed",),
        sabotage=("old-key-still-speaks", "mark-ignored"),
        few=12,
    ),
    Row(
        promise="P11",
        name="charter-variants",
        fault="older, other bytes, unsigned, signed by some, by strangers; by each road",
        demand="refused with its code; of two with one number both hashes are shown",
        counts=(33, 33, 33),
        play=trust.charter_variant,
        alike=True,
        tests=(
            "tests/core/test_charter.py::test_every_changed_bit_of_a_signed_charter_is_refused",
        ),
        sabotage=("charter-unsigned", "charter-hash-unchecked"),
        few=33,
    ),
    Row(
        promise="P11",
        name="algorithm-stripped",
        fault="alg removed, moved out of the signature, or another one",
        demand="refused, on record",
        counts=(8, 8, 8),
        play=trust.stripped,
        alike=True,
        tests=("tests/core/test_crypto.py::test_vectors_sign1",),
        sabotage=("any-algorithm",),
        few=8,
    ),
    Row(
        promise="P11",
        name="hello-edited",
        fault="one byte of a TLS hello changed on the way",
        demand="no session stands on it, and the failure is told",
        counts=(trust.EDITS, 480, 480),
        play=trust.edited_hello,
        tests=(
            f"{_TLS}tls_1_2_is_refused_from_a_caller",
            f"{_TLS}tls_1_2_is_refused_from_a_station_that_was_dialled",
            f"{_TLS}another_protocol_over_tls_is_refused",
            f"{_TLS}what_is_not_tls_is_named",
            "tests/carriers/test_tls_versions.py",
        ),
        sabotage=("told-of-nothing",),
    ),
    Row(
        promise="P11",
        name="version-skew",
        fault="what a newer version wrote, and stores of older and newer ones",
        demand="kept byte for byte; an older store brought up, a newer one refused",
        counts=(20, 300, 1_000),
        play=honest.version_skew,
        sabotage=("unknown-dropped", "unknown-refused"),
        tests=(
            "tests/core/test_statement.py::test_a_newer_station_may_say_more_and_all_of_it_is_kept",
            "tests/core/test_charter.py::test_keys_of_a_newer_version_are_carried_into_amendments",
            "tests/core/test_identity.py::test_keys_of_a_newer_version_are_kept_byte_for_byte",
            "tests/store/test_file.py::test_a_store_of_an_older_version_is_brought_up_to_date",
            "tests/store/test_file.py::test_a_migration_that_fails_leaves_the_version_before_it",
            "tests/store/test_file.py::test_a_store_of_a_newer_version_is_refused_and_left_as_it_is",
            "tests/core/test_life.py::test_a_home_of_older_software_opens_a_fresh_log_once",
        ),
    ),
)

P12: Final = (
    Row(
        promise="P12",
        name="old-backup",
        fault="an old store, a snapshot, a copied home, cp of a live store, rm of -wal",
        demand="no number is signed twice; what was lost comes back; nobody is accused",
        counts=(200, 2_000, 20_000),
        play=stores.old_backup,
        alike=True,
        tests=_MACHINES,
        sabotage=("probation-off", "mark-ignored"),
        few=5,
    ),
    Row(
        promise="P12",
        name="drill-crossing",
        fault="all that an exercise carried, brought to the real line, and the reverse",
        demand="every crossing refused, nothing kept but the refusal",
        counts=(20, 200, 1_000),
        play=mistakes.drill_crossing,
        alike=True,
        tests=("tests/core/test_exercise_apart.py",),
        sabotage=("any-realm", "exercise-installed"),
    ),
    Row(
        promise="P12",
        name="wrong-stick",
        fault="a bundle of another line, yesterday's, our own, the same once more",
        demand="nothing new, and no alarm to anybody",
        counts=(100, 1_000, 5_000),
        play=mistakes.wrong_stick,
        alike=True,
        tests=(
            "tests/desk/test_bad_files.py::test_a_bundle_of_another_line_or_for_another_station",
            "tests/core/test_bundle.py::test_a_bundle_once_more_changes_nothing",
            "tests/node/test_verify.py::test_every_changed_byte_of_a_bundle_is_noticed",
        ),
        sabotage=("carrier-makes-new",),
    ),
    Row(
        promise="P12",
        name="another-word",
        fault="one of the eight words is another one, or misheard by a letter",
        demand="refused, with a limit on tries",
        counts=(256, 2_560, 25_600),
        play=mistakes.another_word,
        tests=(
            "tests/desk/test_card_words.py::test_three_wrong_tries_a_day_and_three_more_the_next_day",
        ),
        sabotage=("words-by-the-first",),
        few=16,
    ),
    Row(
        promise="P12",
        name="doctor",
        fault="a wrong clock, zone, port, address or name; a full disk, open keys",
        demand="named within 10 s",
        tests=("tests/node/test_doctor.py",),
    ),
    Row(
        promise="P12",
        name="unfit-home",
        fault="a home that others may write to, or one on a disk of the network",
        demand="refused with the cause and the cure, by all that would use it; others start",
        counts=(len(unfithome.KINDS) * 8, 2_500, 12_500),
        play=unfithome.unfit_home,
        tests=("tests/node/test_homefolder.py",),
        sabotage=("any-disk", "any-mode"),
        few=2 * len(unfithome.KINDS),
    ),
    Row(
        promise="P12",
        name="careless-hands",
        fault="init over what is there, key files open to others, a store cut short",
        demand="refused with the cause",
        tests=(
            "tests/node/test_secrets.py::test_a_home_that_has_keys_is_left_as_it_is",
            "tests/node/test_secrets.py::test_a_file_that_others_may_touch_is_refused_with_the_cure",
            "tests/desk/test_answers.py::test_an_init_that_is_refused_leaves_nothing",
            "tests/node/test_verify.py::test_a_log_cut_short_is_noticed",
            "tests/store/test_file.py::test_making_never_overwrites_and_opening_never_makes",
        ),
    ),
    Row(
        promise="P12",
        name="succession",
        fault="a passphrase or a root is lost, an officer or a station is gone",
        demand="the written procedure passes on a scratch install",
        tests=("tests/desk/test_keys_by_cli.py",),
    ),
    Row(
        promise="P12",
        name="config-typo",
        fault="an unknown or unfit key of the configuration",
        demand="an error with the key and the file, and nothing starts half",
        tests=("tests/desk/test_bad_files.py::test_a_configuration_that_is_wrong_starts_nothing",),
    ),
)

ROWS: Final = {
    row.name: row
    for row in (
        *P1, *diskrows.P1, *P2, *diskrows.P2, *P3, *P4, *P5, *P6, *P7, *diskrows.P7, *P8, *P9,
        *P10, *P11, *diskrows.P11, *P12, *firerows.ROWS,
    )
}  # fmt: skip

# What the suite plays beside each other: whole stations and crowds mostly wait, others compute.
_CROWDS: Final = frozenset({"crowded-line", "noisy-line", "crowded-desk"})
GROUPS: Final = {
    "desk": frozenset(row.name for row in (*P8, *P10)) - _CROWDS,
    "stations": frozenset(row.name for row in firerows.ROWS) - _CROWDS,
    "crowds": _CROWDS,
}
