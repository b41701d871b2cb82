"""The arguments of an act, as JSON has them: each is asked for by name and checked as it is taken.

Whatever was not asked for is refused by name, and so is a value of the wrong kind; nothing here
knows what an act means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from tieline.core.encode import Value
from tieline.core.errors import LocalError
from tieline.core.terms import RefRole
from tieline.node.view import Json, word

T = TypeVar("T")

MAX_FIELD_DEPTH: Final = 8
_COMMON: Final = frozenset({"officer", "role", "key", "line"})
_REF_ROLES: Final = {word(role.name): role for role in RefRole}


class Arguments:
    """The arguments of one act; whatever was not asked for is refused at the end."""

    def __init__(self, act: str, args: Mapping[str, Json]) -> None:
        self._act, self._args, self._asked = act, args, set(_COMMON)

    def _get(self, name: str) -> Json:
        self._asked.add(name)
        return self._args.get(name)

    def alone(self, name: str) -> Arguments | None:
        """That argument by itself, if it was given; what is taken of it was not asked for here."""
        return Arguments(self._act, {name: self._args[name]}) if self._args.get(name) else None

    def _wrong(self, name: str, what: str) -> LocalError:
        return LocalError("act.argument", f"act '{self._act}': argument '{name}' {what}")

    def text(self, name: str, default: str | None = None) -> str:
        value = self._get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._wrong(name, "must be a text")
        return value if value.isascii() else self._whole(name, value)

    def _whole(self, name: str, value: str) -> str:
        """A text that can be written as UTF-8: JSON can hold half a character."""
        try:
            value.encode()
        except UnicodeEncodeError:
            what = "holds half a character; send it as whole UTF-8"
            raise self._wrong(name, what) from None
        return value

    def number(self, name: str, default: int | None = None) -> int:
        value = self._get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**60:
            raise self._wrong(name, "must be a whole number")
        return value

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        value = self._get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, "must be true or false")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._get(name)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        out = tuple(item for item in items if isinstance(item, str))
        if len(out) != len(items):
            raise self._wrong(name, "must be a list of texts")
        return tuple(self._whole(name, item) for item in out)

    def choice(self, name: str, choices: Mapping[str, T], default: str) -> T:
        value = self.text(name, default)
        if value not in choices:
            raise self._wrong(name, f"must be one of {', '.join(choices)}")
        return choices[value]

    def digest(self, name: str) -> str:
        value = self.text(name).lower()
        number = value.removeprefix("#")
        # A shell takes '#12' for a comment, so a bare number will do: digests are shown with eight.
        if number.isascii() and number.isdecimal() and len(number) < (20 if "#" in value else 8):
            return f"#{number}"
        if not 4 <= len(value) <= 64 or any(c not in "0123456789abcdef" for c in value):
            raise self._wrong(
                name,
                "must be the number of a statement here, as 'log' shows it, or the first 4 to 64"
                " characters of its digest",
            )
        return value

    def refs(self, name: str) -> tuple[tuple[str, RefRole], ...]:
        value = self._get(name)
        out: list[tuple[str, RefRole]] = []
        for entry in value if isinstance(value, list) else []:
            if not isinstance(entry, dict) or not isinstance(entry.get("item"), str):
                raise self._wrong(name, "must be a list of {item, role}")
            role = _REF_ROLES.get(str(entry.get("role", "answers")))
            if role is None:
                raise self._wrong(name, f"has a role that is none of {', '.join(_REF_ROLES)}")
            out.append((str(entry["item"]), role))
        if value is not None and not isinstance(value, list):
            raise self._wrong(name, "must be a list of {item, role}")
        return tuple(out)

    def fields(self, name: str) -> tuple[tuple[int, Value], ...] | None:
        value = self._get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "must map field numbers to values")
        coded = {self._field(name, key): self._coded(name, part) for key, part in value.items()}
        return tuple(sorted(coded.items()))

    def answers(self, name: str) -> dict[str, str] | None:
        """What an officer typed into a form, by the path of its field."""
        value = self._get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "must map paths of fields to texts")
        out = {}
        for path, text in value.items():
            if not isinstance(text, str):
                raise self._wrong(name, "must map paths of fields to texts")
            out[self._whole(name, path)] = self._whole(name, text)
        return out

    def objects(self, name: str) -> tuple[dict[str, str], ...]:
        """A list of objects with texts."""
        value = self._get(name)
        out: list[dict[str, str]] = []
        for entry in value if isinstance(value, list) else [value] if value is not None else []:
            texts = entry if isinstance(entry, dict) else {"": None}
            if not all(isinstance(text, str) for text in texts.values()):
                raise self._wrong(name, "must be a list of objects with texts")
            out.append({key: self._whole(name, str(text)) for key, text in texts.items()})
        return tuple(out)

    def passed(self, *names: str) -> dict[str, Json]:
        """Arguments as they were given, for an act that carries this one out and checks them."""
        given = {name: self._get(name) for name in names}
        return {name: value for name, value in given.items() if value is not None}

    def _field(self, name: str, key: str) -> int:
        if not (key.isascii() and key.isdecimal() and len(key) <= 18):
            raise self._wrong(name, "must map field numbers to values")
        return int(key)

    def _coded(self, name: str, value: Json, depth: int = 0) -> Value:
        if depth > MAX_FIELD_DEPTH:
            raise self._wrong(name, f"is nested deeper than {MAX_FIELD_DEPTH}; make it flatter")
        if isinstance(value, str):
            return self._whole(name, value)
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise self._wrong(name, "holds a number that does not fit 64 bits")
        if isinstance(value, float):
            raise self._wrong(name, "holds a fraction; coded fields take whole numbers and texts")
        if isinstance(value, list):
            return tuple(self._coded(name, part, depth + 1) for part in value)
        if isinstance(value, dict):
            return {
                self._field(name, key): self._coded(name, part, depth + 1)
                for key, part in value.items()
            }
        return value

    def done(self) -> None:
        unknown = sorted(set(self._args) - self._asked)
        if unknown:
            raise self._wrong(unknown[0], "is not one that this act takes")
