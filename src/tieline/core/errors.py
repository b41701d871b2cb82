"""The one error tree.

Every refusal that Tieline utters is one of these. A code is stable, dotted and lower case
(``statement.noncanonical``): vectors, documentation and translations hang on it. The message is one
sentence that says what is wrong, where, and what to do about it.

The classes say whose fault it is, because that decides who must act:

* ``LocalError``: our own people asked for something the rules forbid.
* ``RemoteError``: bytes from outside break a format or a rule.
* ``PackError``: agreement data is unfit.
* ``ShellError``: the world around the core failed (disk, network, key file).

This module knows nothing of exit codes or languages; the desk maps codes to both.
"""

from __future__ import annotations

from dataclasses import dataclass


class TielineError(Exception):
    """Base of every refusal. Never raised itself: raise one of its subclasses."""

    def __init__(self, code: str, message: str) -> None:
        if type(self) is TielineError:
            raise TypeError("TielineError is abstract; raise one of its subclasses")
        super().__init__(message)
        self.code = code
        self.message = message


class LocalError(TielineError):
    """Our own people asked for what the rules forbid; nothing has changed."""


class FaultsError(LocalError):
    """What an officer has filled in cannot be sent, with the faults of single fields.

    Each fault is a few named texts, ``path`` among them (empty: the whole), as an answer of the
    station's API has them (docs/api.md).
    """

    def __init__(self, code: str, message: str, faults: tuple[dict[str, str], ...]) -> None:
        super().__init__(code, message)
        self.faults = faults


class RemoteError(TielineError):
    """Bytes from a peer, a file or a medium break a format or a rule; nothing has changed."""


class PackError(TielineError):
    """The data of an agreement is unfit for use."""


@dataclass(frozen=True, slots=True)
class PackFault:
    """One thing wrong in a pack: where (``file`` empty: not a file; ``line`` 0: the whole file)."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return where + self.text


class PackUnfit(PackError):
    """Everything that is wrong in a pack, up to a bound; its message is the first fault."""

    def __init__(self, faults: tuple[PackFault, ...], *, more: bool = False) -> None:
        """``more``: reading ended at the bound, and there may be further faults."""
        rest = len(faults) - 1
        tail = f" (and {rest}{' or more' if more else ''} further)" if rest else ""
        super().__init__("pack.unfit", f"{faults[0]}{tail}")
        self.faults = faults
        self.more = more


class ShellError(TielineError):
    """The world around the core failed. ``transient`` says whether trying again can help."""

    def __init__(self, code: str, message: str, *, transient: bool = False) -> None:
        super().__init__(code, message)
        self.transient = transient


class StoreFull(ShellError):
    """The disk has no room: nothing of this commit was written, reading goes on."""

    def __init__(self, message: str) -> None:
        super().__init__("store.full", message, transient=True)


class StoreFailed(ShellError):
    """A write or a sync failed: the process must stop, it can no longer promise anything."""

    def __init__(self, message: str) -> None:
        super().__init__("store.failed", message, transient=False)
