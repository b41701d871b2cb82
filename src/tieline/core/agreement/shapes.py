"""Which tables and keys a pack's files may hold: the closed vocabulary, in one place.

A *shape* is one kind of table: its keys with their kinds, their numbers in the canonical encoding,
and a sentence for an author's editor. Reading files, the canonical encoding and the JSON Schema all
follow the shapes, so that none of them can know a key that another does not.

Numbers here never change and are never used again: old packs are read by them. A key whose value is
its default is not encoded.

This module does not know what fits together (``vet``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tieline.core.agreement import kinds
from tieline.core.agreement.kinds import Json, Kind, Spot, near, no_pack
from tieline.core.agreement.model import Cite, Provenance
from tieline.core.encode import Value

T = TypeVar("T", covariant=True)  # noqa: PLC0105  # one letter, as everywhere

MAX_NESTING: Final = 3  # groups inside groups: more does not fit into a statement
_FIRST_KEY: Final = 3  # 0 is the kind of a rule, 1 and 2 are the cite


class _Required:
    """The mark of a key that must be there."""


REQUIRED: Final = _Required()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table. ``attrs``: the attributes that its value gives (one but for dates)."""

    number: int
    name: str
    kind: Kind
    default: object
    about: str
    attrs: tuple[str, ...]


def key(
    number: int,
    name: str,
    kind: Kind,
    about: str,
    *attrs: str,
    default: object = REQUIRED,
) -> Key:
    """A key whose attribute has its name unless others are given."""
    return Key(number + _FIRST_KEY - 1, name, kind, default, about, attrs or (name,))


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """A table: what it is called, its keys, and what is made of it.

    ``cited``: it may have ``paragraph`` and ``provenance``, which else are those around it, and
    hands them to what is made as ``cite``.
    """

    name: str
    about: str
    keys: tuple[Key, ...]
    make: Callable[..., T]
    cited: bool = True

    def names(self) -> list[str]:
        """The keys that the table may have."""
        cite = ["paragraph", "provenance"] if self.cited else []
        return [each.name for each in self.keys] + cite

    def read(self, value: object, spot: Spot) -> T:
        """Read a table; whatever is wrong is reported, and a blank stands in its place."""
        table: Mapping[object, object] = {}
        if isinstance(value, Mapping):
            table = value
        else:
            spot.fault(f"{self.name} must be a table; write its keys below its heading")
        names = self.names()
        for name in table:
            if name not in names:
                hint = near(str(name), names)
                spot.down(str(name)).fault(
                    f"{self.name} has no key {kinds.shown(name)}{hint}; correct it or take it out"
                )
        attrs: dict[str, object] = {}
        if self.cited:
            spot = read_cite(table, spot)
            attrs["cite"] = spot.cite
        for each in self.keys:
            if each.name in table:
                got = each.kind.read(table[each.name], spot.down(each.name))
            elif each.default is REQUIRED:
                spot.fault(f"{self.name} lacks the key '{each.name}' ({each.about}); add it")
                got = each.kind.blank
            else:
                got = each.default
            attrs.update(_spread(each, got))
        return self.make(**attrs)

    def encode(self, made: object) -> dict[int, Value]:
        """The canonical map of what was made."""
        out: dict[int, Value] = {}
        if self.cited:
            cite = made.cite  # type: ignore[attr-defined]  # ``cited`` says so
            if cite.paragraph:
                out[1] = cite.paragraph
            out[2] = cite.provenance.value
        for each in self.keys:
            value = collect(each, made)
            if each.default is REQUIRED or value != each.default:
                out[each.number] = each.kind.encode(value)
        return out

    def decode(self, value: Value) -> T:
        """What the canonical map says. Raises ``RemoteError`` (``pack.bytes``)."""
        if not isinstance(value, dict):
            raise no_pack(f"no map where {self.name} belongs")
        known = {each.number for each in self.keys} | ({1, 2} if self.cited else set())
        if not known.issuperset(value):
            raise no_pack(f"an unknown entry in {self.name}, so it may be newer than this software")
        attrs: dict[str, object] = {}
        if self.cited:
            paragraph = kinds.PARAGRAPH.decode(value.get(1, ""))
            attrs["cite"] = Cite(paragraph, decode_provenance(value.get(2)))
        for each in self.keys:
            if each.number in value:
                got = each.kind.decode(value[each.number])
            elif each.default is REQUIRED:
                raise no_pack(f"{self.name} without '{each.name}'")
            else:
                got = each.default
            attrs.update(_spread(each, got))
        return self.make(**attrs)

    def schema(self) -> dict[str, Json]:
        """The table for an editor (JSON Schema 2020-12)."""
        properties: dict[str, Json] = {}
        if self.cited:
            properties["paragraph"] = {
                **kinds.PARAGRAPH.schema(),
                "description": "The paragraph it comes from; else that of what is around it.",
            }
            properties["provenance"] = {
                **kinds.PROVENANCE.schema(),
                "description": "How sure we are of it; else as what is around it.",
            }
        for each in self.keys:
            about = each.about[:1].upper() + each.about[1:] + "."
            properties[each.name] = {**each.kind.schema(), "description": about}
        required: list[Json] = [each.name for each in self.keys if each.default is REQUIRED]
        return {
            "type": "object",
            "description": self.about,
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


def read_cite(table: Mapping[object, object], spot: Spot) -> Spot:
    """The spot with the cite that holds inside the table."""
    cite = spot.cite
    if "paragraph" in table:
        paragraph = kinds.PARAGRAPH.read(table["paragraph"], spot.down("paragraph"))
        cite = Cite(paragraph, cite.provenance)
    if "provenance" in table:
        got = kinds.PROVENANCE.read(table["provenance"], spot.down("provenance"))
        cite = Cite(cite.paragraph, Provenance(str(got)))
    return Spot(spot.report, spot.source, spot.path, cite)


def decode_provenance(value: Value) -> Provenance:
    """A provenance in the canonical encoding. Raises ``RemoteError`` (``pack.bytes``)."""
    return Provenance(str(kinds.PROVENANCE.decode(value)))


def _spread(each: Key, value: object) -> dict[str, object]:
    if len(each.attrs) == 1:
        return {each.attrs[0]: value}
    if not isinstance(value, tuple):
        raise TypeError(type(value))
    return dict(zip(each.attrs, value, strict=True))


def collect(each: Key, made: object) -> object:
    """What the key holds in what was made."""
    if len(each.attrs) == 1:
        return getattr(made, each.attrs[0])
    return tuple(getattr(made, name) for name in each.attrs)


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """One table as a value (an inline table, or a heading of its own)."""

    shape: Callable[[], Shape[T]]
    blank: object = None

    def read(self, value: object, spot: Spot) -> T:
        return self.shape().read(value, spot)

    def encode(self, value: object) -> Value:
        return self.shape().encode(value)

    def decode(self, value: Value) -> T:
        return self.shape().decode(value)

    def schema(self) -> dict[str, Json]:
        return {"$ref": f"#/$defs/{definition(self.shape())}"}


@dataclass(frozen=True, slots=True)
class Tables(Generic[T]):
    """An array of tables: ``[[form]]`` and the like."""

    shape: Callable[[], Shape[T]]
    most: int
    least: int = 0
    blank: tuple[T, ...] = ()

    def read(self, value: object, spot: Spot) -> tuple[T, ...]:
        shape = self.shape()
        if not isinstance(value, list | tuple):
            spot.wrong(f"an array of tables; head each one with two square brackets ({shape.name})")
            return ()
        if not self.least <= len(value) <= self.most:
            spot.wrong(f"{self.least} to {self.most} times there; it is there {len(value)} times")
            return ()
        if sum(1 for step in spot.path if step == "field") > MAX_NESTING:
            spot.fault(f"groups may nest {MAX_NESTING - 1} deep at most; flatten them")
            return ()
        return tuple(shape.read(item, spot.down(index)) for index, item in enumerate(value))

    def encode(self, value: object) -> Value:
        if not isinstance(value, tuple):
            raise TypeError(type(value))
        shape = self.shape()
        return tuple(shape.encode(item) for item in value)

    def decode(self, value: Value) -> tuple[T, ...]:
        shape = self.shape()
        if not isinstance(value, tuple) or not self.least <= len(value) <= self.most:
            raise no_pack(f"not {self.least} to {self.most} of {shape.name}")
        return tuple(shape.decode(item) for item in value)

    def schema(self) -> dict[str, Json]:
        return {
            "type": "array",
            "items": {"$ref": f"#/$defs/{definition(self.shape())}"},
            "minItems": self.least,
            "maxItems": self.most,
        }


def definition(shape: Shape[object]) -> str:
    """The name of a shape in a JSON Schema."""
    return shape.name.strip("[]").replace(".", "-").replace(" ", "-")
