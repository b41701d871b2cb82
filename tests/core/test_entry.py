"""A statement as the incident layer keeps it."""

from __future__ import annotations

from tests.core.world import Net, kits, message

from tieline.core.joints import entry_of


def test_an_entry_holds_its_logs_own_names_and_the_key_of_its_item() -> None:
    net = Net(kits(2))
    net.connect_all()
    for number in range(3):
        net.post("ALPHA").speak(message(f"text {number}"))
    net.deliver()
    line = net.post("BRAVO").line
    assert len(line.record.order) >= 4
    for item in line.record.order:
        entry = entry_of(line, item)
        log = line.record.logs[item.statement.log]
        assert entry.key == item.key
        assert entry.position == item.statement.place.position
        # A book keeps an entry for each statement: these would else be its own copies.
        assert entry.log is log.id
        assert entry.station is log.station
        assert entry.key[3] is log.station
        assert entry.key[4] is log.incarnation
