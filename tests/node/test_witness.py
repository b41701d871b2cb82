"""A witness: what it cosigns, what it keeps, and what strangers can do to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.test_tlogwitness import NAME, OTHER, grown, note, request
from tests.core.world import found, kits, sign_all
from tests.node.pair import make_homes
from tests.node.witnesses import VKEY, Bench, http, make, raw

from tieline.core import checkpoint, crypto
from tieline.core.charter import SignedCharter, dearmor_charter, finish
from tieline.core.errors import LocalError, RemoteError, StoreFailed, TielineError
from tieline.core.succession import amend
from tieline.core.tlogwitness import read_answer
from tieline.core.tree import Tree, leaf_hash
from tieline.node import secrets
from tieline.node.askwitness import Ahead, Cosigned, Target, ask
from tieline.node.httpd import Bounds, HttpServer
from tieline.node.witnesshome import WitnessHome
from tieline.node.witnessing import report

Serve = Callable[[HttpServer], Awaitable[None]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "w")
    yield made
    made.close()


def test_a_growing_log_is_cosigned(bench: Bench) -> None:
    status, answer = bench.grow(0, 3)
    assert status == 200
    time_s, _ = read_answer(note(3).body, answer, "w.example/w1", bench.key.public)
    assert time_s == int(bench.now)
    made = checkpoint.SignedNote.parse(note(3).body + b"\n" + answer)
    assert made.cosigned_by("w.example/w1", bench.key.public) == time_s
    assert made.mldsa_cosigned_by("w.example/w1", bench.key.late) == time_s
    assert bench.grow(3, 7)[0] == 200
    assert bench.grow(7, 7)[0] == 200
    assert bench.grow(3, 9) == (409, b"7\n")
    assert bench.grow(0, 3) == (409, b"7\n")
    assert report(bench.home)["conflicts"] == []


def test_what_was_cosigned_is_durable_before_the_answer(bench: Bench) -> None:
    bench.grow(0, 3)
    copy = bench.home.path.with_name("copy")
    shutil.copytree(bench.home.path, copy)  # as if the power went at the answer
    found = report(WitnessHome.open(copy))["logs"]
    assert isinstance(found, list)
    assert [log["size"] for log in found if isinstance(log, dict)] == [3]


def test_two_requests_that_were_both_checked_before_either_was_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that C2SP tlog-witness describes: the later head must not be rolled back."""
    bench.grow(0, 3)
    look = bench.store.latest
    between: list[tuple[int, bytes]] = []

    def slow(origin: str) -> checkpoint.Checkpoint | None:
        seen = look(origin)
        monkeypatch.undo()  # the other request comes after this one has looked
        between.append(bench.grow(3, 9))
        return seen

    monkeypatch.setattr(bench.store, "latest", slow)
    late = bench.grow(3, 5)
    assert [status for status, _ in between] == [200]
    assert late == (409, b"9\n")
    assert bench.grow(9, 9)[0] == 200
    assert report(bench.home)["conflicts"] == []


def test_a_log_that_tells_two_stories_is_caught(bench: Bench) -> None:
    bench.grow(0, 3)
    bench.grow(3, 7)
    assert bench.told == []
    assert bench.grow(3, 7, b"x")[0] == 409  # the same size as now, and the old size is another
    assert bench.grow(7, 7, b"x")[0] == 409
    assert bench.grow(0, 3, b"y")[0] == 409  # an earlier size
    assert bench.grow(7, 9, b"x")[0] == 422
    assert len(bench.told) == 3
    found = report(bench.home)["conflicts"]
    assert isinstance(found, list)
    assert [c["size"] for c in found if isinstance(c, dict)] == [7, 3, 7]
    assert [bool(c["consistency"]) for c in found if isinstance(c, dict)] == [False, False, True]
    for conflict in found[:2]:
        assert isinstance(conflict, dict)
        ours, theirs = (str(conflict[name]).encode() for name in ("cosigned", "also_signed"))
        notes = [checkpoint.SignedNote.parse(text) for text in (ours, theirs)]
        keys = bench.home.directory().keys(NAME)
        assert all(each.signed_by(NAME, keys[0].key) for each in notes)
        heads = [checkpoint.read_checkpoint(each.body) for each in notes]
        assert heads[0].size == heads[1].size
        assert heads[0].root != heads[1].root
    assert bench.grow(7, 9)[0] == 200  # it says what it checked, as before


def test_nobody_else_can_make_a_log_look_guilty(bench: Bench) -> None:
    bench.grow(0, 3)
    assert bench.add(3, note(3, b"x", OTHER), ())[0] == 403
    assert bench.add(0, note(3, b"x", OTHER), ())[0] == 403
    assert bench.grow(3, 7)[0] == 200
    assert bench.grow(0, 3)[0] == 409  # an old checkpoint, replayed
    assert bench.told == []
    assert report(bench.home)["conflicts"] == []


def test_a_log_that_was_added_while_it_runs_is_known(bench: Bench) -> None:
    text = checkpoint.body("other.example", 3, grown(3).root())
    line = checkpoint.log_signature("k", OTHER.public, OTHER.sign(text))
    made = checkpoint.SignedNote(body=text, signatures=(line,))
    assert bench.add(0, made, ())[0] == 404
    bench.home.add_log(checkpoint.vkey("k", 1, OTHER.public), "other.example")
    assert bench.add(0, made, ())[0] == 200


def test_a_restored_witness_does_not_start(bench: Bench) -> None:
    bench.grow(0, 3)
    kept = bench.home.heads_file.read_bytes()
    bench.grow(3, 7)
    bench.close()
    bench.home.heads_file.write_bytes(kept)
    with pytest.raises(LocalError) as caught:
        Bench(bench.home.path)
    assert caught.value.code == "witness.put_back"


def test_a_copied_witness_does_not_start(bench: Bench) -> None:
    bench.grow(0, 3)
    copy = bench.home.path.with_name("copy")
    shutil.copytree(bench.home.path, copy)
    with pytest.raises(LocalError) as caught:
        Bench(copy)
    assert caught.value.code == "witness.moved"


def test_a_failed_store_ends_it(bench: Bench) -> None:
    bench.store._failed = "the disk is gone"
    status, answer = bench.grow(0, 3)
    assert status == 503
    assert b"\xe2\x80\x94" not in answer  # no signature line
    assert isinstance(bench.failed[0], StoreFailed)


# ----------------------------------------------------------------------------------------- folders


def test_a_folder_opens_again_and_only_with_its_key(tmp_path: Path) -> None:
    home, key = make(tmp_path / "w")
    again = WitnessHome.open(home.path)
    assert again == home
    assert again.unlock(secrets.KeyFile(home.path / "key")).vkey == key.vkey
    with pytest.raises(LocalError) as caught:
        again.unlock(secrets.create_key_file(tmp_path / "other"))
    assert caught.value.code == "keys.locked"
    with pytest.raises(LocalError) as caught:
        secrets.unlock(home.keys_file, secrets.KeyFile(home.path / "key"))
    assert caught.value.code == "keys.kind"


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", 'a"b', "n" * 81, "a\u00a0b"])
def test_a_name_that_cannot_sign_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LocalError) as caught:
        make(tmp_path / "w", name)
    assert caught.value.code == "witness.name"


def test_only_a_logs_own_key_is_taken(tmp_path: Path) -> None:
    home, key = make(tmp_path / "w")
    home.add_log(key.late_vkey, "late.example")
    assert home.directory().keys("late.example")[0].alg == crypto.ALG_MLDSA
    with pytest.raises(RemoteError) as caught:
        home.add_log(key.vkey, "")
    assert caught.value.code == "vkey.type"
    home.add_log(VKEY, "")
    assert home.logs_file.read_text().count("\n") == 2


def test_of_a_line_it_takes_every_log_of_every_station(tmp_path: Path) -> None:
    (alpha, bravo), text = make_homes(tmp_path / "homes")
    signed = dearmor_charter(text)
    home, _ = make(tmp_path / "w")
    home.add_charter(signed)
    line = signed.charter.line
    keys = home.directory().keys
    for seat in (alpha, bravo):
        for incarnation in (bytes(8), b"12345678"):
            origin = checkpoint.origin(line, seat.keys.station, incarnation)
            assert [each.key for each in keys(origin)] == [seat.keys.certificate.sign_key]
            assert [each.name for each in keys(origin)] == [origin]
    for strange in (
        checkpoint.origin(line, b"stranger", bytes(8)),
        checkpoint.origin(bytes(16), alpha.keys.station, bytes(8)),
        checkpoint.origin(line, alpha.keys.station, bytes(8)).upper(),
        checkpoint.origin(line, alpha.keys.station, bytes(8)) + "/x",
    ):
        assert keys(strange) == ()


def test_a_charter_must_be_signed_by_all_and_newer(tmp_path: Path) -> None:
    _, text = make_homes(tmp_path / "homes")
    signed = dearmor_charter(text)
    home, _ = make(tmp_path / "w")
    newer = amend(signed.charter, name="renamed")
    with pytest.raises(LocalError) as caught:
        home.add_charter(SignedCharter(charter=newer))
    assert caught.value.code == "witness.charter"
    home.add_charter(signed)
    home.add_charter(signed)  # twice does no harm
    assert [charter.version for charter in home.lines().values()] == [1]


# -------------------------------------------------------------------------------------------- http


def over_http(bench: Bench, test: Serve, bounds: Bounds | None = None) -> None:
    async def run() -> None:
        server = await bench.listen(bounds)
        try:
            await test(server)
        finally:
            await server.stop()

    asyncio.run(run())


def status_of(said: bytes) -> int:
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (http(request(0, 3)), 200),
        (http(request(3, 7)), 409),
        (http(b"old 0\n"), 400),
        (http(b""), 400),
        (http(request(0, 3), path="/"), 404),
        (http(request(0, 3), path="/add-checkpoint/"), 404),
        (b"GET /add-checkpoint HTTP/1.1\r\nhost: w\r\n\r\n", 405),
        (http(bytes(131_073)), 413),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: w\r\nx: " + b"y" * 20_000, 431),
        (http(request(0, 3), more="expect: 100-continue\r\n"), 100),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), 400),
    ],
)
def test_what_comes_over_http_has_its_status(bench: Bench, data: bytes, wanted: int) -> None:
    async def test(server: HttpServer) -> None:
        said = await raw(server, data)
        assert status_of(said) == wanted
        if wanted == 409:
            assert b"content-type: text/x.tlog.size\r\n" in said
            assert said.endswith(b"\r\n\r\n0\n")
        if wanted == 100:
            assert b"HTTP/1.1 200" in said

    over_http(bench, test)


def test_a_connection_is_kept_for_further_requests(bench: Bench) -> None:
    async def test(server: HttpServer) -> None:
        said = await raw(server, http(request(0, 3)) + http(request(3, 7)) + http(request(3, 9)))
        assert said.count(b"HTTP/1.1 200") == 2
        assert said.count(b"HTTP/1.1 409") == 1

    over_http(bench, test)


def test_a_slow_caller_is_put_out(bench: Bench) -> None:
    async def test(server: HttpServer) -> None:
        async with asyncio.timeout(20):
            assert await raw(server, http(request(0, 3))[:50], end=False) == b""
            assert await raw(server, b"", end=False) == b""
            said = await raw(server, http(request(0, 3)), end=False)  # then it says nothing more
            assert status_of(said) == 200
        assert server.inside == 0

    over_http(bench, test, Bounds(request_s=0.3, idle_s=0.3))


def test_many_silent_callers_keep_nobody_out(bench: Bench) -> None:
    async def test(server: HttpServer) -> None:
        host, _, port = server.bound[0].rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(12)]
        said = await raw(server, http(request(0, 3)))
        assert status_of(said) == 200
        assert server.inside <= 4
        for _, writer in silent:
            writer.close()

    over_http(bench, test, Bounds(per_source=4, connections=8))


def test_no_changed_byte_of_the_http_request_makes_another_cosignature(bench: Bench) -> None:
    """What is cosigned is what the log signed, whatever is done to the request around it."""
    whole = http(request(0, 3))

    async def test(server: HttpServer) -> None:
        for index in range(0, len(whole), 3):
            data = whole[:index] + bytes((whole[index] ^ 0x11,)) + whole[index + 1 :]
            said = await raw(server, data)
            if b"\r\n\r\n" in said and status_of(said) == 200:
                answer = said.partition(b"\r\n\r\n")[2]
                read_answer(note(3).body, answer, "w.example/w1", bench.key.public)

    over_http(bench, test)
    assert not bench.failed


# ------------------------------------------------------------------------------------- the client


def target(bench: Bench, server: HttpServer) -> Target:
    return Target(name="w.example/w1", key=bench.key.public, url=f"http://{server.bound[0]}")


async def cosign(where: Target, size: int, known: int, story: bytes = b"") -> Cosigned | Ahead:
    made = note(size, story)
    head = checkpoint.read_checkpoint(made.body)
    tree = grown(size, story)
    return await ask(where, made, head, lambda old: tree.consistency(old, size), known=known)


def test_a_client_gets_its_cosignature_from_whatever_size(bench: Bench) -> None:
    async def test(server: HttpServer) -> None:
        where = target(bench, server)
        first = await cosign(where, 3, known=0)
        assert isinstance(first, Cosigned)
        assert first.size == 3
        for size, known in ((7, 3), (9, 0), (12, 5), (12, 99)):
            found = await cosign(where, size, known)
            assert isinstance(found, Cosigned)
            assert found.root == grown(size).root()

    over_http(bench, test)


def test_a_client_whose_store_was_put_back_hears_it(bench: Bench) -> None:
    async def test(server: HttpServer) -> None:
        where = target(bench, server)
        await cosign(where, 9, known=0)
        assert await cosign(where, 7, known=7) == Ahead(size=9, same_size=False)
        assert await cosign(where, 9, known=9, story=b"x") == Ahead(size=9, same_size=True)
        with pytest.raises(RemoteError) as caught:
            await cosign(where, 12, known=9, story=b"x")
        assert caught.value.code == "witness.refused"
        assert "does not follow" in caught.value.message

    over_http(bench, test)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "note.signatures"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes", "note.signatures"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(100_000), "witness.answer"),
        (b"HTTP/1.1 409 C\r\ncontent-length: 2\r\n\r\n0\n", "witness.answer"),
        (
            b"HTTP/1.1 409 C\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 4\r\n\r\nmany",
            "witness.answer",
        ),
        (
            b"HTTP/1.1 409 C\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 2\r\n\r\n0\n",
            "witness.answer",
        ),
        (b"HTTP/1.1 403 F\r\ncontent-length: 0\r\n\r\n", "witness.refused"),
        (b"HTTP/1.1 500 F\r\ncontent-length: 2\r\n\r\n\x1b[", "witness.refused"),
        (b"HTTP/1.1 302 F\r\nlocation: http://x\r\ncontent-length: 0\r\n\r\n", "witness.refused"),
        (b"SSH-2.0-OpenSSH\r\n", "witness.answer"),
        (b"", "witness.answer"),
    ],
)
def test_a_witness_that_answers_nonsense_is_named(answer: bytes, code: str) -> None:
    async def test() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        where = Target(name="w", key=OTHER.public, url=f"http://127.0.0.1:{port}")
        try:
            with pytest.raises(TielineError) as caught:
                await cosign(where, 3, known=0)
            assert caught.value.code == code
        finally:
            server.close()
            await server.wait_closed()

    asyncio.run(test())


def test_a_witness_that_signs_with_another_key_is_named(bench: Bench) -> None:
    async def test(server: HttpServer) -> None:
        where = Target(name="w.example/w1", key=OTHER.public, url=f"http://{server.bound[0]}")
        with pytest.raises(RemoteError) as caught:
            await cosign(where, 3, known=0)
        assert caught.value.code == "witness.silent"

    over_http(bench, test)


def test_a_witness_that_is_not_there_is_no_more_than_late() -> None:
    where = Target(name="w", key=OTHER.public, url="http://127.0.0.1:9")
    with pytest.raises(TielineError) as caught:
        asyncio.run(cosign(where, 3, known=0))
    assert caught.value.code == "witness.unreachable"


# -------------------------------------------------------------------------------- logs of a line


def test_a_station_that_tells_two_stories_is_proved_by_a_file(tmp_path: Path) -> None:
    from tests.interop import logs

    from tieline.core import proof

    bench = Bench(tmp_path / "w")
    bench.home.add_charter(logs.line())
    bench.now += 5

    def other(size: int, story: bytes) -> tuple[checkpoint.SignedNote, Tree]:
        grown = Tree()
        for number in range(size):
            grown.append(leaf_hash(b"%d" % number + story))
        text = checkpoint.body(logs.origin(), size, grown.root())
        key = logs.AUTHOR.sign_key
        line = checkpoint.log_signature(logs.origin(), key.public, key.sign(text))
        return checkpoint.SignedNote(body=text, signatures=(line,)), grown

    assert bench.add(0, logs.note(5), ())[0] == 200
    made, _ = other(5, b"x")
    assert bench.add(5, made, ())[0] == 409  # the same size
    made, grown = other(9, b"y")
    assert bench.add(5, made, grown.consistency(5, 9))[0] == 422  # no beginning of it
    conflicts = report(bench.home)["conflicts"]
    assert isinstance(conflicts, list)
    kinds = []
    for conflict in conflicts:
        assert isinstance(conflict, dict)
        proven = proof.check(proof.dearmor_proof(str(conflict["proof"])))
        assert proven.party == "ALPHA"
        kinds.append(proven.kind)
    assert kinds == [proof.SAME_SIZE, proof.NO_BEGINNING]
    bench.close()


def test_a_wrong_proof_for_a_true_checkpoint_accuses_nobody(tmp_path: Path) -> None:
    from tests.interop import logs

    bench = Bench(tmp_path / "w")
    bench.home.add_charter(logs.line())
    bench.now += 5
    assert bench.add(0, logs.note(5), ())[0] == 200
    right = logs.tree(9).consistency(5, 9)
    for index in range(len(right)):
        wrong = (*right[:index], bytes(32), *right[index + 1 :])
        assert bench.add(5, logs.note(9), wrong)[0] == 422
    assert report(bench.home)["conflicts"] == []
    assert bench.add(5, logs.note(9), right)[0] == 200
    bench.close()


def test_a_log_may_sign_with_mldsa_alone(bench: Bench) -> None:
    """As C2SP tlog-checkpoint wants it of new logs."""
    key = secrets.LateKey(bytes(32))
    name = "late.example"
    bench.home.add_log(checkpoint.vkey(name, crypto.ALG_MLDSA, key.public), "")

    def made(size: int) -> checkpoint.SignedNote:
        head = checkpoint.Checkpoint(origin=name, size=size, root=grown(size).root())
        line = checkpoint.mldsa_cosignature(
            name, key.public, 5, key.sign(checkpoint.mldsa_message(name, 5, head))
        )
        text = checkpoint.body(name, size, head.root)
        return checkpoint.SignedNote(body=text, signatures=(line,))

    assert bench.add(0, made(3), ())[0] == 200
    assert bench.add(3, made(7), grown(7).consistency(3, 7))[0] == 200
    wrong = checkpoint.SignedNote(body=made(9).body, signatures=made(8).signatures)
    assert bench.add(7, wrong, grown(9).consistency(7, 9))[0] == 403


def test_a_newer_charter_follows_the_one_that_is_here(tmp_path: Path) -> None:
    """ALPHA and BRAVO take CHARLIE off the line, and excuse it from signing that."""
    first = found(kits(3))
    forged = finish(replace(amend(first.charter, leave=("CHARLIE",)), excused=("CHARLIE",)))
    home, _ = make(tmp_path / "w")
    home.add_charter(first)
    with pytest.raises(RemoteError) as caught:
        home.add_charter(sign_all(forged, kits(3)[:2]))
    assert caught.value.code == "charter.excused"
    assert [charter.version for charter in home.lines().values()] == [1]
