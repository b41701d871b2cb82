"""Sessions between stations over real loopback sockets: who gets one, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import random
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from tests.carriers.stations import (
    FAST,
    LOOPS,
    STATIONS,
    Events,
    Keys,
    World,
    introduce,
    joined,
    keys_of,
    make_keys,
    run,
)
from tests.carriers.strangers import call, client_context, server_context, until_closed

from tieline.carriers import frames
from tieline.carriers.tls import TlsCarrier, TlsTuning
from tieline.core.errors import LocalError, ShellError
from tieline.exercise.wire import Wire
from tieline.ports import Endpoint


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


# --------------------------------------------------------------------------- envelopes


@pytest.mark.parametrize("loop", LOOPS)
def test_envelopes_go_both_ways(loop: str) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(alpha, bravo)
            await joined(alpha, bravo)
            sent = [bytes([n]) * (1 + n * 400) for n in range(50)]
            for envelope in sent:
                assert alpha.carrier.send(bravo.id, envelope)
                assert bravo.carrier.send(alpha.id, envelope)
            await alpha.events.until(lambda: len(alpha.events.envelopes) == 50)
            await bravo.events.until(lambda: len(bravo.events.envelopes) == 50)
            assert bravo.events.heard_from(alpha.id) == sent
            assert alpha.events.heard_from(bravo.id) == sent

    run(test(), loop)


def test_the_largest_envelope_passes_and_a_larger_one_is_refused() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(alpha, bravo)
            await joined(alpha, bravo)
            largest = random.Random(7).randbytes(frames.MAX_ENVELOPE)
            assert alpha.carrier.send(bravo.id, largest)
            await bravo.events.until(lambda: bool(bravo.events.envelopes))
            assert bravo.events.envelopes == [(alpha.id, largest)]
            for unfit in (b"", largest + b"x"):
                with pytest.raises(LocalError) as refused:
                    alpha.carrier.send(bravo.id, unfit)
                assert refused.value.code == "frame.envelope"

    run(test())


def test_without_a_session_nothing_is_taken() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            assert not alpha.carrier.send(STATIONS["BRAVO"], b"x")
            alpha.carrier.set_peers(
                [Endpoint(station=STATIONS["BRAVO"], tls_der=(b"",), addresses=())][:0]
            )
            assert not alpha.carrier.send(STATIONS["BRAVO"], b"x")

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_from_within_heard_leaves_at_once(loop: str) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            bravo.events.on_heard = lambda peer, body: bravo.carrier.send(peer, body[::-1])
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            for n in range(20):
                alpha.carrier.send(bravo.id, b"word %d" % n)
            await alpha.events.until(lambda: len(alpha.events.envelopes) == 20)

    run(test(), loop)


# --------------------------------------------------------------------------- who gets a session


def test_six_stations_with_one_subject_name_are_told_apart() -> None:
    """All our certificates may look alike; only the exact bytes say who is who."""

    async def test() -> None:
        async with World() as world:
            made = {name: make_keys("tieline") for name in STATIONS}
            all_of = [await world.station(name, keys=made[name]) for name in STATIONS]
            for one in all_of:
                one.carrier.set_peers(
                    [other.endpoint(other.address) for other in all_of if other is not one]
                )
            for one in all_of:
                for other in all_of:
                    if one is not other:
                        await one.events.count("connected", peer=other.id)
            for one in all_of:
                for other in all_of:
                    if one is not other:
                        assert one.carrier.send(other.id, one.name.encode())
            for one in all_of:
                await one.events.arrived(3)
                assert dict(one.events.envelopes) == {
                    other.id: other.name.encode() for other in all_of if other is not one
                }

    run(test())


def test_the_calendar_does_not_break_the_line() -> None:
    """Whether a pinned certificate is in force is the charter's word."""

    async def test() -> None:
        async with World() as world:
            long_ago = datetime.datetime(1971, 1, 1, tzinfo=datetime.UTC)
            alpha = await world.station("ALPHA", keys=make_keys(after=long_ago))
            bravo = await world.station("BRAVO", keys=make_keys(after=long_ago))
            introduce(alpha, bravo)
            await joined(alpha, bravo)

    run(test())


def test_a_station_that_shows_another_certificate_is_refused() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO", keys=make_keys("BRAVO"))
            alpha.carrier.set_peers([bravo.endpoint(bravo.address, keys=keys_of("BRAVO"))])
            bravo.carrier.set_peers([alpha.endpoint()])
            await alpha.events.count("failed")
            assert "did not show the pinned certificate" in alpha.events.of("failed")[0]
            await bravo.events.until(lambda: bravo.carrier.strangers_refused > 0)
            assert "does not accept our certificate" in bravo.told[0]
            assert not alpha.events.of("connected")
            assert not bravo.events.of("connected")

    run(test())


def test_a_station_that_does_not_know_us_says_so() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            alpha.carrier.set_peers([bravo.endpoint(bravo.address)])
            await alpha.events.count("failed")
            assert "does not accept our certificate" in alpha.events.of("failed")[0]
            await bravo.events.until(lambda: bool(bravo.told))
            assert "did not show the pinned certificate" in bravo.told[0]

    run(test())


def test_another_peer_at_the_address_is_not_taken_for_the_one_dialled() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            charlie = await world.station("CHARLIE")
            alpha.carrier.set_peers(
                [
                    Endpoint(
                        station=STATIONS["BRAVO"],
                        tls_der=(keys_of("BRAVO").cert_der,),
                        addresses=(charlie.address,),
                    ),
                    charlie.endpoint(),
                ]
            )
            charlie.carrier.set_peers([alpha.endpoint()])
            await alpha.events.count("failed", peer=STATIONS["BRAVO"])
            assert "did not show the pinned certificate" in alpha.events.of("failed")[0]
            assert not alpha.events.of("connected")

    run(test())


def test_a_certificate_signed_with_a_pinned_key_is_not_the_pinned_one() -> None:
    async def test() -> None:
        async with World() as world:
            pinned = make_keys("BRAVO", ca=True)
            alpha = await world.station("ALPHA")
            alpha.carrier.set_peers(
                [Endpoint(station=STATIONS["BRAVO"], tls_der=(pinned.cert_der,), addresses=())]
            )
            child = sign_child(pinned)
            context = client_context(child, [alpha.keys.cert_der])
            reader, writer = await call(alpha.address, context)
            await until_closed(reader)
            writer.close()
            await alpha.events.until(lambda: bool(alpha.told))
            assert "did not show the pinned certificate" in alpha.told[0]
            assert not alpha.events.seen

    run(test())


def sign_child(parent: Keys) -> Keys:
    """A certificate of a new key, issued by the parent's."""
    issuer = x509.load_der_x509_certificate(parent.cert_der)
    key = serialization.load_pem_private_key(parent.key_pem, None)
    child = make_keys("child")
    own = x509.load_der_x509_certificate(child.cert_der)
    made = (
        x509.CertificateBuilder()
        .subject_name(own.subject)  # not the issuer's: TLS itself would refuse it then
        .issuer_name(issuer.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(issuer.not_valid_after_utc)
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]  # an EC key, as made above
    )
    return Keys(cert_der=made.public_bytes(serialization.Encoding.DER), key_pem=child.key_pem)


def test_tls_1_2_is_refused_from_a_caller() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            alpha.carrier.set_peers(
                [
                    Endpoint(
                        station=STATIONS["BRAVO"],
                        tls_der=(keys_of("BRAVO").cert_der,),
                        addresses=(),
                    )
                ]
            )
            context = client_context(keys_of("BRAVO"), [alpha.keys.cert_der])
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
                await call(alpha.address, context)
            await alpha.events.until(lambda: bool(alpha.told))
            assert "does not speak TLS 1.3" in alpha.told[0]

    run(test())


def shake_hands_once(server: socket.socket, context: ssl.SSLContext) -> None:
    """Blocking, because asyncio's own TLS hangs up without the alert that others send."""
    sock, _ = server.accept()
    with contextlib.suppress(ssl.SSLError), context.wrap_socket(sock, server_side=True):
        pass


def test_tls_1_2_is_refused_from_a_station_that_was_dialled() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            made = server_context(keys_of("BRAVO"), [alpha.keys.cert_der])
            made.minimum_version = ssl.TLSVersion.TLSv1_2
            made.maximum_version = ssl.TLSVersion.TLSv1_2
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                alpha.carrier.set_peers([bravo_at(f"127.0.0.1:{port}")])
                await asyncio.to_thread(shake_hands_once, server, made)
                await alpha.events.count("failed")
            assert "does not speak TLS 1.3" in alpha.events.of("failed")[0]

    run(test())


def bravo_at(*addresses: str) -> Endpoint:
    return Endpoint(
        station=STATIONS["BRAVO"], tls_der=(keys_of("BRAVO").cert_der,), addresses=addresses
    )


def test_what_is_not_tls_is_named() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP ready\r\n")
        await until_closed(reader)
        writer.close()

    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            server = await asyncio.start_server(greet, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            alpha.carrier.set_peers([bravo_at(f"127.0.0.1:{port}")])
            await alpha.events.count("failed")
            assert "is not TLS" in alpha.events.of("failed")[0]
            server.close()

    run(test())


def test_another_protocol_over_tls_is_refused() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            alpha.carrier.set_peers([bravo_at()])
            context = client_context(keys_of("BRAVO"), [alpha.keys.cert_der])
            context.set_alpn_protocols(["tieline/99"])
            reader, writer = await call(alpha.address, context)
            await until_closed(reader)
            writer.close()
            await alpha.events.until(lambda: bool(alpha.told))
            assert "does not speak tieline/1" in alpha.told[0]

    run(test())


# --------------------------------------------------------------------------- peers that change


def test_a_peer_that_is_taken_off_the_list_is_cut_off() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(alpha, bravo)
            await joined(alpha, bravo)
            alpha.carrier.set_peers([])
            assert not alpha.carrier.send(bravo.id, b"x")
            await alpha.events.count("lost")
            await bravo.events.count("lost")
            assert "no longer listed" in alpha.events.of("lost")[0]
            assert "no longer lists you" in bravo.events.of("lost")[0]

    run(test())


def test_a_new_certificate_takes_the_place_of_the_old_one() -> None:
    async def test() -> None:
        async with World() as world:
            old, new = make_keys("BRAVO"), make_keys("BRAVO")
            alpha = await world.station("ALPHA")
            before = await world.station("BRAVO", keys=old)
            introduce(before, alpha)
            await joined(alpha, before)
            after = await world.station("BRAVO", keys=new)
            alpha.carrier.set_peers([after.endpoint()])
            await alpha.events.count("lost")
            assert "no longer pinned" in alpha.events.of("lost")[0]
            after.carrier.set_peers([alpha.endpoint(alpha.address)])
            await alpha.events.count("connected", 2)
            await before.events.count("failed")
            assert "does not accept our certificate" in before.events.of("failed")[0]
            assert after.carrier.send(alpha.id, b"new")
            await alpha.events.until(lambda: bool(alpha.events.envelopes))
            assert len(alpha.events.of("connected")) == 2

    run(test())


def test_both_certificates_hold_while_a_key_is_changed() -> None:
    async def test() -> None:
        async with World() as world:
            old, new = make_keys("BRAVO"), make_keys("BRAVO")
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO", keys=old)
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            both = Endpoint(station=bravo.id, tls_der=(old.cert_der, new.cert_der), addresses=())
            alpha.carrier.set_peers([both])
            assert alpha.carrier.send(bravo.id, b"still here")
            await bravo.events.until(lambda: bool(bravo.events.envelopes))
            assert not alpha.events.of("lost")

    run(test())


def test_peers_may_change_from_within_an_event() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            alpha.events.on_heard = lambda peer, body: alpha.carrier.set_peers([])
            introduce(alpha, bravo)
            await joined(alpha, bravo)
            for body in (b"first", b"second", b"third"):
                bravo.carrier.send(alpha.id, body)
            await alpha.events.count("lost")
            assert alpha.events.heard_from(bravo.id) == [b"first"]

    run(test())


@pytest.mark.parametrize(
    ("peers", "code"),
    [
        ([bravo_at(), bravo_at()], "carrier.peer_twice"),
        ([Endpoint(station=STATIONS["ALPHA"], tls_der=(), addresses=())], "carrier.peer_twice"),
        (
            [bravo_at(), dataclasses.replace(bravo_at(), station=STATIONS["DELTA"])],
            "carrier.pin_twice",
        ),
        ([bravo_at("nowhere")], "carrier.address"),
        ([bravo_at("127.0.0.1:99999")], "carrier.address"),
        ([bravo_at("::1:7001")], "carrier.address"),
        ([dataclasses.replace(bravo_at(), tls_der=(b"\x30\x03abc",))], "carrier.pin"),
    ],
)
def test_an_unfit_set_of_peers_changes_nothing(peers: list[Endpoint], code: str) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            with pytest.raises(LocalError) as refused:
                alpha.carrier.set_peers(peers)
            assert refused.value.code == code
            assert alpha.carrier.send(bravo.id, b"x")

    run(test())


# --------------------------------------------------------------------------- how it ends


def test_a_station_that_stops_says_so_and_then_nothing() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(alpha, bravo)
            await joined(alpha, bravo)
            assert alpha.carrier.send(bravo.id, b"last word")
            await alpha.carrier.stop()
            await bravo.events.count("lost")
            assert bravo.events.of("lost") == ["ended by the far end: the station stops"]
            assert bravo.events.heard_from(alpha.id) == [b"last word"]
            assert not alpha.events.of("lost")

    run(test())


@pytest.mark.parametrize(
    ("junk", "cause"),
    [
        (b"\x7f\xff\xff\xff\x02", "announces 2147483647 bytes"),
        (b"\x00\x10\x00\x01\x02", "announces 1048577 bytes"),
        (b"\x00\x00\x00\x00", "announces no bytes"),
        (b"\x00\x00\x00\x05\x09abcd", "has the type 9"),
        (frames.pong(2**63), "answers a ping that was never sent"),
        (frames.close("x") + frames.ping(1), "came after a close frame"),
        (b"\x00\x00\x00\x03\x03\xff\xfe", "not UTF-8"),
    ],
)
def test_a_peer_that_breaks_the_format_is_told_once_and_cut_off(junk: bytes, cause: str) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            alpha.carrier.set_peers([bravo_at()])
            context = client_context(keys_of("BRAVO"), [alpha.keys.cert_der])
            reader, writer = await call(alpha.address, context)
            writer.write(frames.ping(1) + frames.envelope(b"sound") + junk)
            said = await until_closed(reader)
            writer.close()
            await alpha.events.count("lost")
            assert alpha.events.envelopes == [(STATIONS["BRAVO"], b"sound")]
            assert len(alpha.events.of("lost")) == 1
            got = list(frames.FrameReader().feed(said))
            if "close" in cause:
                return  # the close frame was answered before what came after it was read
            assert cause in alpha.events.of("lost")[0]
            assert got[-1][0] is frames.FrameType.CLOSE
            assert cause in frames.cause(got[-1][1])

    run(test())


def test_a_peer_that_hangs_up_without_a_word_is_lost() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            alpha.carrier.set_peers([bravo_at()])
            context = client_context(keys_of("BRAVO"), [alpha.keys.cert_der])
            _, writer = await call(alpha.address, context)
            writer.write(frames.ping(1))
            await alpha.events.count("connected")
            writer.transport.abort()
            await alpha.events.count("lost")

    run(test())


# --------------------------------------------------------------------------- addresses


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def test_addresses_are_tried_in_order() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA", dial_from="127.0.0.11")
            bravo = await world.station("BRAVO")
            dead = f"127.0.0.1:{free_port()}"
            alpha.carrier.set_peers([bravo.endpoint(dead, bravo.address)])
            bravo.carrier.set_peers([alpha.endpoint()])
            await joined(alpha, bravo)
            assert alpha.events.story("failed", "connected") == ["failed", "connected"]
            assert "refused" in alpha.events.of("failed")[0]
            assert alpha.events.of("connected") == [bravo.address]
            assert bravo.events.of("connected")[0].startswith("127.0.0.11:")

    run(test())


def test_an_address_that_only_listens_is_given_up_for_the_next() -> None:
    async def test() -> None:
        async with World() as world:
            tuning = dataclasses.replace(FAST, attempt_s=0.3)
            alpha = await world.station("ALPHA", tuning=tuning)
            bravo = await world.station("BRAVO")
            with socket.create_server(("127.0.0.1", 0)) as mute:
                silent = f"127.0.0.1:{mute.getsockname()[1]}"
                alpha.carrier.set_peers([bravo.endpoint(silent, bravo.address)])
                bravo.carrier.set_peers([alpha.endpoint()])
                await joined(alpha, bravo)
            assert "no answer within 0.3 s" in alpha.events.of("failed")[0]

    run(test())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.skipif(not has_ipv6(), reason="THIS MACHINE HAS NO IPv6 LOOPBACK: not tested")
def test_ipv6(loop: str) -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA", listen=("[::1]:0", "127.0.0.1:0"))
            bravo = await world.station("BRAVO", listen=("[::1]:0",), dial_from="127.0.0.11")
            assert alpha.address.startswith("[::1]:")
            introduce(bravo, alpha)
            await joined(alpha, bravo)
            assert alpha.events.of("connected")[0].startswith("[::1]:")

    run(test(), loop)


def test_an_address_in_use_is_refused_with_a_sentence() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            with pytest.raises(ShellError) as refused:
                await world.station("BRAVO", listen=("127.0.0.1:0", alpha.address))
            assert refused.value.code == "carrier.listen"
            assert alpha.address in refused.value.message

    run(test())


def test_a_key_that_does_not_fit_its_certificate_is_refused() -> None:
    def make() -> TlsCarrier:
        return TlsCarrier(
            self_id=STATIONS["ALPHA"],
            cert_der=keys_of("ALPHA").cert_der,
            key_pem=keys_of("BRAVO").key_pem,
            events=Events(),
            rng=random.Random(1),
        )

    async def test() -> None:
        with pytest.raises(LocalError) as refused:
            make()
        assert refused.value.code == "carrier.key"

    run(test())


@pytest.mark.parametrize(
    "change",
    [{"ping_s": 0}, {"ping_s": 7}, {"max_strangers": -1}, {"low_water": 2_000_000}],
)
def test_unfit_tuning_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(LocalError) as refused:
        TlsTuning(**change)  # type: ignore[arg-type]  # a table of one number each
    assert refused.value.code == "carrier.tuning"


# --------------------------------------------------------------------------- back-pressure


@pytest.mark.parametrize("loop", LOOPS)
def test_a_peer_that_does_not_read_pushes_back(loop: str) -> None:
    async def test() -> None:
        async with World() as world:
            # Nobody is lost for silence in this test.
            tuning = dataclasses.replace(FAST, lost_s=60.0)
            alpha = await world.station("ALPHA", tuning=tuning, dial_from="127.0.0.11")
            bravo = await world.station("BRAVO", tuning=tuning)
            wire = Wire()
            world.push_async_callback(wire.close)
            front = await wire.add("127.0.0.1:0", bravo.address)
            alpha.carrier.set_peers([bravo.endpoint(front)])
            bravo.carrier.set_peers([alpha.endpoint()])
            await joined(alpha, bravo)
            wire.stall("127.0.0.11", front)
            taken = 0
            filler = bytes(60_000)
            while alpha.carrier.send(bravo.id, taken.to_bytes(4, "big") + filler):
                taken += 1
                if taken % 8 == 0:
                    # A turn of the loop, so that the kernel's buffers fill as well.
                    await asyncio.sleep(0)
            assert taken * 60_000 >= tuning.high_water
            assert not alpha.events.of("ready")
            wire.heal()
            await alpha.events.count("ready")
            assert alpha.carrier.send(bravo.id, b"done")
            await bravo.events.until(lambda: len(bravo.events.envelopes) == taken + 1)
            got = bravo.events.heard_from(alpha.id)
            assert [int.from_bytes(each[:4], "big") for each in got[:-1]] == list(range(taken))
            assert not alpha.events.of("lost")
            assert len(alpha.events.of("ready")) == 1

    run(test(), loop)


def test_a_burst_within_one_turn_is_refused_above_the_mark_and_taken_later() -> None:
    async def test() -> None:
        async with World() as world:
            alpha = await world.station("ALPHA")
            bravo = await world.station("BRAVO")
            introduce(alpha, bravo)
            await joined(alpha, bravo)
            left = list(range(100))

            def fill(peer: bytes) -> None:
                while left and alpha.carrier.send(peer, left[0].to_bytes(1, "big") * 100_000):
                    left.pop(0)

            alpha.events.on_ready = fill
            fill(bravo.id)
            assert left
            await bravo.events.until(lambda: len(bravo.events.envelopes) == 100)
            assert [each[0] for each in bravo.events.heard_from(alpha.id)] == list(range(100))

    run(test())
