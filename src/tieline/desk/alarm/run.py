"""The process beside a station that makes its alarms heard, or the same as a task of the desk."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from tieline.core.errors import LocalError
from tieline.desk.alarm.config import OutputConfig
from tieline.desk.alarm.feed import Feed
from tieline.desk.alarm.outputs import Messenger, Output, Sound
from tieline.desk.alarm.post import Hook, Webhook
from tieline.node import traces


def outputs(configs: Sequence[OutputConfig], feed: Feed) -> list[Output]:
    """The outputs of a home. Raises ``LocalError`` (``alarm.config``)."""
    return [_output(each, feed) for each in configs]


def _output(config: OutputConfig, feed: Feed) -> Output:
    match config.kind:
        case "sound":
            return Sound(config, feed)
        case "hook":
            return Messenger(config, feed, Hook(config.command, config.limit_s))
        case _:
            try:
                post = Webhook(config.url, config.secret, config.ca_file, config.limit_s)
            except OSError as error:
                raise LocalError(
                    "alarm.config", f"{config.ca_file} does not read as certificates ({error})"
                ) from error
            return Messenger(config, feed, post)


async def serve(
    socket: Path,
    configs: Sequence[OutputConfig],
    ready: Callable[[], None] | None = None,
    stopping: asyncio.Event | None = None,
) -> None:
    """Run the outputs until ``stopping`` is set, or this is cancelled. Raises ``LocalError``."""
    if not configs:
        return
    feed = Feed(socket)
    made = outputs(configs, feed)
    following = asyncio.create_task(feed.run())
    tasks = [asyncio.create_task(each.run()) for each in made]
    ended = asyncio.create_task(_wait(stopping or asyncio.Event()))
    try:
        await feed.turn(0, 5.0)
        if ready is not None:
            ready()
        await asyncio.wait({following, ended, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in (following, *tasks):
            if task.done():
                task.result()  # it never ends by itself: what it raises is a defect to be seen
    finally:
        for task in (*tasks, ended):
            task.cancel()
        await asyncio.gather(*tasks, ended, return_exceptions=True)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def until_stopped(
    socket: Path, configs: Sequence[OutputConfig], ready: Callable[[], None]
) -> None:
    """As ``serve``, until a signal ends the process."""
    traces.install()
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    await serve(socket, configs, ready, stopping)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
