"""One output of alarms: what it is to do as the alarms of the station change, and its heartbeat.

An output beats as long as it runs, and says whether its last use worked. Where another process has
the output of that name, it does nothing and waits until that one is missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from dataclasses import dataclass
from typing import Final

from tieline.desk.alarm.config import OutputConfig
from tieline.desk.alarm.feed import RETRY_S, Feed
from tieline.desk.alarm.player import Player
from tieline.desk.alarm.post import Post
from tieline.desk.alarm.tones import EVERY_S
from tieline.node.client import ApiDown, ApiRefused
from tieline.node.view import Json

_log: Final = logging.getLogger(__name__)
ORDER: Final = ("flash", "immediate", "fault", "priority")
PROBE_S: Final = 60.0  # a loudspeaker that is not used is tried so often, with silence
AGAIN_S: Final = (2.0, 4.0, 8.0, 15.0, 30.0)  # after a use that failed
MESSAGE_S: Final = 1.0  # so long an alarm waits for words that do not come
BRIEFLY_S: Final = 0.05  # and so long each that rings with it and comes after
STATION: Final = -1  # the alarm that the station itself does not answer


@dataclass(slots=True)
class Health:
    """What an output says of itself."""

    works: bool = True
    why: str = ""
    tested: int = 0


class Output:
    """What all outputs have in common: the beat."""

    def __init__(self, config: OutputConfig, feed: Feed) -> None:
        self.config, self.feed = config, feed
        self.health = Health()
        self.ours = False
        self._run = secrets.token_hex(8)
        self._beat = asyncio.Event()

    async def run(self) -> None:
        """Beat and work, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beats())
            tasks.create_task(self.work())

    async def work(self) -> None:
        """What the output does."""
        raise NotImplementedError

    async def _beats(self) -> None:
        try:
            while True:
                self._beat.clear()
                try:
                    before, self.ours = self.ours, await self.beat()
                    if self.ours != before:
                        await self.feed.tell()
                    rest_s = self.config.beat_s
                except ApiRefused as error:
                    rest_s = self.config.beat_s
                    _log.warning("output %s: %s", self.config.name, error.message)
                except ApiDown:
                    rest_s = min(self.config.beat_s, RETRY_S)  # the feed says why
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest_s):
                        await self._beat.wait()
        finally:
            with contextlib.suppress(ApiDown, ApiRefused, asyncio.CancelledError):
                await self.leave()

    async def beat(self) -> bool:
        """Tell the station how this output fares; whether it is ours. Raises as ``Feed.call``."""
        health, config = self.health, self.config
        found = await self.feed.call(
            "output_alive", output=config.name, kind=config.kind, run=self._run,
            next_ms=int(config.beat_s * 1000), works=health.works, why=health.why,
            tested=health.tested,
        )  # fmt: skip
        return found.get("yours") is True

    async def leave(self) -> None:
        """Take leave of the station. Raises as ``Feed.call``."""
        await self.feed.call("output_alive", output=self.config.name, run=self._run, gone=True)

    def fares(self, why: str, *, tested: int = 0) -> None:
        """The last use worked (``why`` empty) or did not; the station is told at once."""
        before = (self.health.works, self.health.tested)
        self.health.works, self.health.why = not why, why
        if tested and not why:
            self.health.tested = tested
        if before != (self.health.works, self.health.tested):
            self._beat.set()

    def sounding(self) -> dict[int, dict[str, Json]]:
        """The alarms that sound and that this output is for, by number."""
        if self.feed.dead:
            there = "FAULT" in self.config.ranks
            return {STATION: _station_down(self.feed)} if there else {}
        numbers, alarms = self.feed.found.get("sounding"), self.feed.found.get("alarms")
        if not isinstance(numbers, list) or not isinstance(alarms, list):
            return {}
        found: dict[int, dict[str, Json]] = {}
        for alarm in alarms:
            if not isinstance(alarm, dict) or alarm.get("state") != "sounding":
                continue
            number = alarm.get("alarm")
            if isinstance(number, int) and str(alarm.get("tone")).upper() in self.config.ranks:
                found[number] = alarm
        return found

    def trial(self) -> int:
        """The test that this output is to sound now, 0 for none."""
        found = self.feed.found
        test = found.get("test")
        if not self.ours or found.get("testing") is not True or not isinstance(test, dict):
            return 0
        number = test.get("number")
        return number if isinstance(number, int) and number > self.health.tested else 0


def _station_down(feed: Feed) -> dict[str, Json]:
    return {
        "alarm": STATION, "code": "station.down", "rank": "FAULT", "tone": "fault",
        "state": "sounding", "text": f"the station does not answer: {feed.why}",
    }  # fmt: skip


class Sound(Output):
    """A loudspeaker: plays the most urgent tone as long as anything sounds."""

    def __init__(self, config: OutputConfig, feed: Feed) -> None:
        super().__init__(config, feed)
        self._player = Player(config.command, config.limit_s)
        self._played: set[int] = set()  # of those that sound once
        self._tried = 0  # the last test that was begun
        self._used = -PROBE_S  # when it was last used

    async def work(self) -> None:
        """Play what is to be played."""
        try:
            while True:
                await self._step()
        finally:
            self._player.close()

    async def _step(self) -> None:
        seen, clock = self.feed.turns, asyncio.get_running_loop().time
        trial, tone = self.trial(), self._tone()
        if trial and trial != self._tried and tone in ("", "priority"):
            self._tried = trial
            self.fares(await self._player.play("test"), tested=trial)
            self._used = clock()
            return
        if not tone:
            if self.ours and clock() - self._used >= PROBE_S:
                self.fares(await self._player.play("probe"))
                self._used = clock()
            await self.feed.turn(seen, PROBE_S)
            return
        began, sounding = clock(), set(self.sounding())
        playing = asyncio.create_task(self._player.play(tone))
        changing = asyncio.create_task(self._other(tone))
        try:
            await asyncio.wait({playing, changing}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                self.fares(playing.result())
                self._used = clock()
                if tone == "priority" and self.health.works:
                    self._played |= sounding
                    return
                rest_s = max(EVERY_S[tone] - (clock() - began), 0.0)
                await asyncio.wait({changing}, timeout=rest_s if self.health.works else AGAIN_S[0])
        finally:
            for task in (playing, changing):
                task.cancel()
            await asyncio.gather(playing, changing, return_exceptions=True)

    def _tone(self) -> str:
        """What is to be played now; what sounds once is left out when it has been played."""
        sounding = self.sounding() if self.ours or self.feed.dead else {}
        self._played &= set(sounding)
        tones = {str(alarm.get("tone")) for alarm in sounding.values()}
        tone = next((each for each in ORDER if each in tones), "")
        return "" if tone == "priority" and not set(sounding) - self._played else tone

    async def _other(self, tone: str) -> None:
        """Wait until something else is to be played."""
        seen = self.feed.turns
        while self._tone() == tone:
            seen = await self.feed.turn(seen, PROBE_S)


class Messenger(Output):
    """A hook or a webhook: is told of each alarm that begins to sound, and that it is quiet."""

    def __init__(self, config: OutputConfig, feed: Feed, post: Post) -> None:
        super().__init__(config, feed)
        self._post = post
        self._told: dict[int, str] = {}  # by number: the tone in which it was told of
        self._patience_s = MESSAGE_S  # with the station, for what a message says

    async def work(self) -> None:
        """Tell what is to be told; what fails is tried again as long as it holds."""
        failures = 0
        while True:
            seen = self.feed.turns
            failed, self._patience_s = False, MESSAGE_S
            for event in self._news():
                why = await self._post.send(await self._event(event))
                test = event.get("test")
                self.fares(why, tested=test if isinstance(test, int) else 0)
                failed = bool(why)
                if failed:
                    break
                self._note(event)
            failures = failures + 1 if failed else 0
            wait_s = AGAIN_S[min(failures, len(AGAIN_S)) - 1] if failed else PROBE_S
            if failed:
                await asyncio.sleep(wait_s)
            else:
                await self.feed.turn(seen, wait_s)

    def _news(self) -> list[dict[str, Json]]:
        out: list[dict[str, Json]] = []
        sounding = self.sounding()
        if not self.ours and not self.feed.dead:
            # Who has this output tells of them; that the station was away everybody told.
            sounding = {}
            self._told = {n: tone for n, tone in self._told.items() if n == STATION}
        if trial := self.trial():
            out.append({"event": "test", "test": trial})
        # The most urgent first.
        order = sorted(sounding, key=lambda n: ORDER.index(str(sounding[n].get("tone"))))
        fresh = [n for n in order if self._told.get(n) != sounding[n].get("tone")]
        out += [{"event": "sounding", "alarm": sounding[number]} for number in fresh]
        gone = sorted(set(self._told) - set(sounding))
        return out + [{"event": "quiet", "alarm": self._known(number)} for number in gone]

    def _known(self, number: int) -> dict[str, Json]:
        """What is known now of an alarm that sounds no more."""
        alarms = self.feed.found.get("alarms")
        for alarm in alarms if isinstance(alarms, list) else []:
            if isinstance(alarm, dict) and alarm.get("alarm") == number:
                return alarm
        return {"alarm": number, "state": "over"}

    def _note(self, event: dict[str, Json]) -> None:
        alarm = event.get("alarm")
        number = alarm.get("alarm") if isinstance(alarm, dict) else None
        if not isinstance(alarm, dict) or not isinstance(number, int):
            return
        if event["event"] == "sounding":
            self._told[number] = str(alarm.get("tone"))
        else:
            self._told.pop(number, None)

    async def _event(self, event: dict[str, Json]) -> dict[str, Json]:
        """What goes out: what the alarm is, never what a message says unless that was asked for."""
        found = self.feed.found
        out: dict[str, Json] = {
            "tieline": 1, "event": event["event"], "output": self.config.name,
            "exercise": found.get("exercise"), "now_ms": found.get("now_ms"),
        }  # fmt: skip
        if event["event"] == "test":
            return {**out, "test": event["test"]}
        alarm = event["alarm"]
        if not isinstance(alarm, dict):
            return out
        names = ("alarm", "code", "rank", "tone", "state", "since_ms", "text", "party", "line_name",
                 "item", "late", "due_ms")  # fmt: skip
        told: dict[str, Json] = {name: alarm[name] for name in names if name in alarm}
        said = alarm.get("said")
        if isinstance(said, dict):  # it is not stored yet, so nobody can ask for it
            told["stored"] = False
            if self.config.message:
                told["message"] = {name: said.get(name) for name in ("text", "lang", "form")}
        elif self.config.message and alarm.get("item"):
            told |= await self._message(alarm["item"])
        return {**out, "alarm": told}

    async def _message(self, item: Json) -> dict[str, Json]:
        """The words of an alarm's message, if the station says them.

        A commit that takes long holds no alarm up: where one has waited in vain, those that ring
        with it hardly wait, unless the station answers again.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                found = await self.feed.call("item", item=item)
        except TimeoutError:
            self._patience_s = BRIEFLY_S
            return {}
        except (ApiDown, ApiRefused):
            return {}
        self._patience_s = MESSAGE_S
        return {"message": {name: found.get(name) for name in ("text", "lang", "form", "told")}}
