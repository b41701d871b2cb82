"""From a pack's files to a ``Pack``, to its canonical bytes, and back from those.

``load`` takes the parsed files of a pack's folder with the lines of their keys, and gives the pack,
or every fault at once, each with its file and line. ``pack_from_bytes`` reads the canonical
encoding: exactly the bytes that ``load`` would make of the same pack, and nothing else.

Canonical encoding: deterministic CBOR (``encode``) of one map: format, identity, languages, codes,
forms, phrases, rules, status, words. What a file can leave out is left out; what it can inherit is
written out; words are sorted by key. The order of forms, fields and code items is kept, since it is
the order in which people read them. ``cases.toml`` is no part of it: tests are not agreed.

The hash of a pack is SHA-256 over ``PACK_DOMAIN`` and these bytes. Parties sign that hash.

This module does not touch files (``tieline.node.packs``), and says nothing of what fits together
(``vet``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from tieline.core import crypto, encode
from tieline.core.agreement import kinds, shapes
from tieline.core.agreement import vocabulary as vocab
from tieline.core.agreement.kinds import Enough, Report, Source, Spot, Step, no_pack, shown
from tieline.core.agreement.model import (
    Cite,
    CodeItem,
    Form,
    Language,
    Pack,
    Phrase,
    Provenance,
    Rule,
    Status,
)
from tieline.core.agreement.shapes import Shape, Tables, key
from tieline.core.agreement.vet import ENGLISH, vet
from tieline.core.encode import Limits, Value
from tieline.core.errors import PackFault, PackUnfit, RemoteError

T = TypeVar("T")

PACK_DOMAIN: Final = b"tieline-pack-v1\0"
MAX_PACK_BYTES: Final = 1 << 20
LIMITS: Final = Limits(max_bytes=MAX_PACK_BYTES, max_depth=16, max_items=120_000)

_HEADER_FILE, _FORMS, _PHRASES, _RULES = "pack.toml", "forms", "phrases.toml", "rules.toml"
_WORDS: Final = "words/"
_DESIGN: Final = Cite("", Provenance.DESIGN)
_TEXT: Final = kinds.Text("a text without control characters", most=vocab.MAX_CHARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What ``pack.toml`` says."""

    format: int
    id: str
    tag: str
    version: int
    cite: Cite
    languages: tuple[str, ...]
    codes: tuple[vocab.CodeList, ...]
    status: tuple[Status, ...]


HEADER: Final[Shape[Header]] = Shape(
    "pack.toml",
    "What a pack is, its code lists, and its status between parties.",
    (
        key(1, "format", kinds.Whole(1, 2**31), "the format of these files, 1"),
        key(2, "id", vocab.ID, "the pack's name, which is that of its folder"),
        key(3, "tag", vocab.TAG, "one to four letters that open the ids of its forms on the wire"),
        key(4, "version", vocab.NUMBER, "its version, counted from 1"),
        key(
            5,
            "languages",
            kinds.ListOf(vocab.LANGUAGE, vocab.MAX_LANGUAGES, 1),
            "the languages that have a file in words/",
        ),
        key(6, "codes", Tables(lambda: vocab.CODES, vocab.MAX_LISTS), "code lists", default=()),
        key(7, "status", Tables(lambda: vocab.STATUS, vocab.MAX_PAIRS), "pairs", default=()),
    ),
    Header,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forms:
    form: tuple[Form, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrases:
    phrase: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    deadline: tuple[Rule, ...]
    threshold: tuple[Rule, ...]
    quota: tuple[Rule, ...]
    validity: tuple[Rule, ...]
    exchange: tuple[Rule, ...]
    simultaneous: tuple[Rule, ...]


def _of_tables(name: str, about: str, make: Callable[..., T], *tables: shapes.Key) -> Shape[T]:
    """A file that holds only arrays of tables."""
    return Shape(name, about, tables, make, cited=False)


def _heading(number: int, shape: Shape[object], most: int) -> shapes.Key:
    name = shape.name.strip("[]")
    return key(number, name, Tables(lambda: shape, most), shape.about.rstrip("."), default=())


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language, by key."""

    blank: Mapping[str, str]

    def read(self, value: object, spot: Spot) -> dict[str, str]:
        if not isinstance(value, Mapping):
            spot.wrong("a table of texts, headed [words]")
            return {}
        out: dict[str, str] = {}
        for name, text in value.items():
            here = spot.down(str(name))
            if isinstance(text, Mapping):
                here.fault(f"the key {shown(name)} holds no text; put the whole key in quotation "
                           'marks, such as "form.first.title"')  # fmt: skip
                continue
            out[vocab.WORD_KEY.read(name, here)] = _TEXT.read(text, here)
        out.pop("", None)
        return out

    def encode(self, value: object) -> Value:
        if not isinstance(value, Mapping):
            raise TypeError(type(value))
        return tuple(part for name in sorted(value) for part in (name, value[name]))

    def decode(self, value: Value) -> dict[str, str]:
        if not isinstance(value, tuple) or len(value) % 2:
            raise no_pack("no pairs of keys and texts where they belong")
        names = [str(vocab.WORD_KEY.decode(name)) for name in value[::2]]
        if names != sorted(set(names)):
            raise no_pack("texts whose keys are not in order")
        return dict(zip(names, map(_TEXT.decode, value[1::2]), strict=True))

    def schema(self) -> dict[str, kinds.Json]:
        return {"type": "object", "additionalProperties": _TEXT.schema()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tongue:
    verified: bool
    by: str
    words: Mapping[str, str]


FORMS_FILE: Final = _of_tables(
    "forms.toml", "The forms of a pack.", _Forms, _heading(1, vocab.FORM, vocab.MAX_FORMS)
)
PHRASES_FILE: Final = _of_tables(
    "phrases.toml",
    "The phrase book of a pack.",
    _Phrases,
    _heading(1, vocab.PHRASE, vocab.MAX_PHRASES),
)
RULES_FILE: Final = _of_tables(
    "rules.toml",
    "The rules of a pack.",
    _Rules,
    *(_heading(number, shape, vocab.MAX_RULES) for number, shape in enumerate(vocab.RULES, 1)),
)
WORDS_FILE: Final[Shape[_Tongue]] = Shape(
    "words file",
    "The texts of a pack in one language.",
    (
        key(1, "verified", kinds.Flag(), "whether a fluent reader went through these texts"),
        key(2, "by", kinds.Text(), "who did", default=""),
        key(3, "words", Words({}), "the texts by key"),
    ),
    _Tongue,
    cited=False,
)
FILES: Final[tuple[Shape[object], ...]] = (HEADER, FORMS_FILE, PHRASES_FILE, RULES_FILE, WORDS_FILE)


# -------------------------------------------------------------------------------------- from files


def load(sources: Iterable[Source], faults: Sequence[PackFault] = ()) -> Pack:
    """The pack that these files are. ``faults``: what reading the files already found.

    Raises ``PackUnfit`` (``pack.unfit``) with every fault, up to a bound.
    """
    reader = _Reader(faults)
    try:
        pack = reader.pack({source.name: source for source in sources})
    except Enough:
        raise PackUnfit(tuple(reader.report.faults), more=True) from None
    if pack is None:
        order = sorted(reader.report.faults, key=lambda fault: (fault.file, fault.line))
        raise PackUnfit(tuple(order))
    return pack


def read_words(source: Source) -> dict[str, str]:
    """The texts of one words file by themselves. Raises ``PackUnfit``."""
    report = Report()
    read = WORDS_FILE.read(source.table, Spot(report, source, (), _DESIGN))
    if report.faults:
        raise PackUnfit(tuple(report.faults))
    return dict(read.words)


class _Reader:
    """Reads one pack, and remembers where each thing stands."""

    def __init__(self, faults: Sequence[PackFault]) -> None:
        self.report = Report()
        self.report.faults.extend(faults)
        self._unread = {fault.file for fault in faults}
        self._places: dict[tuple[str, ...], Spot] = {}
        self._cite = _DESIGN

    def pack(self, sources: Mapping[str, Source]) -> Pack | None:
        source = sources.get(_HEADER_FILE)
        if source is None:
            if _HEADER_FILE not in self._unread:
                self.report.add(_HEADER_FILE, 0, "there is no pack.toml; every pack begins with it")
            return None
        found = source.table.get("format")
        if type(found) is int and found > vocab.FORMAT:
            self.report.add(
                _HEADER_FILE,
                source.line(("format",)),
                f"the pack is written in format {found} and this software reads format "
                f"{vocab.FORMAT}; update the software, or ask for an older pack",
            )
            return None
        head = HEADER.read(source.table, self._spot(source))
        self._cite = head.cite
        self._places[()] = self._spot(source)
        codes = self._codes(head, source)
        forms: dict[str, Form] = {}
        for name in sorted(sources):
            if name == "forms.toml" or name.startswith("forms/"):
                self._forms(sources[name], forms)
        phrases: dict[str, Phrase] = {}
        if _PHRASES in sources:
            self._phrases(sources[_PHRASES], phrases)
        rules: dict[str, Rule] = {}
        if _RULES in sources:
            self._rules(sources[_RULES], rules)
        languages, words = self._words(head, sources)
        pack = Pack(
            id=head.id,
            tag=head.tag,
            version=head.version,
            cite=head.cite,
            languages=languages,
            codes=codes,
            forms=forms,
            phrases=phrases,
            rules=rules,
            status=head.status,
            words=words,
        )
        self._known(sources)
        vet(pack, self._tell)
        return None if self.report.faults else self._seal(pack)

    def _seal(self, pack: Pack) -> Pack | None:
        body = to_bytes(pack)
        try:
            return pack_from_bytes(body)
        except RemoteError:
            self.report.add(
                _HEADER_FILE, 0, f"the pack has {len(body)} bytes or too many parts; split it"
            )
            return None

    def _known(self, sources: Mapping[str, Source]) -> None:
        for name in sources:
            if not (
                name in (_HEADER_FILE, _PHRASES, _RULES, "forms.toml")
                or name.startswith(("forms/", _WORDS))
            ):
                self.report.add(name, 0, "a pack has no file of this name; rename it or drop it")

    def _spot(self, source: Source, *path: Step) -> Spot:
        return Spot(self.report, source, path, self._cite)

    def _tell(self, place: tuple[str, ...], text: str) -> None:
        """Report a fault at the nearest thing that is known to stand somewhere."""
        for end in range(len(place), -1, -1):
            spot = self._places.get(place[:end])
            if spot is not None:
                rest = place[end:]
                (spot.down(*rest) if rest else spot).fault(text)
                return
        self.report.add("", 0, text)

    def _codes(self, head: Header, source: Source) -> dict[str, tuple[CodeItem, ...]]:
        out: dict[str, tuple[CodeItem, ...]] = {}
        for index, each in enumerate(head.codes):
            spot = self._spot(source, "codes", index)
            if self._twice("code list", each.id, out, spot):
                continue
            out[each.id] = each.items
            self._places["codes", each.id] = spot
            for number, item in enumerate(each.items):
                self._places["codes", each.id, "item", item.id] = spot.down("item", number)
        for index in range(len(head.status)):
            self._places["status", str(index)] = self._spot(source, "status", index)
        return out

    def _twice(self, what: str, name: str, known: Mapping[str, object], spot: Spot) -> bool:
        if name and name in known:
            spot.down("id").fault(f"the {what} '{name}' is there twice; rename one")
        return not name or name in known

    def _forms(self, source: Source, out: dict[str, Form]) -> None:
        for index, form in enumerate(FORMS_FILE.read(source.table, self._spot(source)).form):
            spot = self._spot(source, "form", index)
            if self._twice("form", form.id, out, spot):
                continue
            out[form.id] = form
            self._places["form", form.id] = spot
            self._field_places(form, spot, ("form", form.id))
            for number in range(len(form.predecessors)):
                where = ("form", form.id, "predecessor", str(number))
                self._places[where] = spot.down("predecessor", number)

    def _field_places(self, owner: Form | Phrase, spot: Spot, place: tuple[str, ...]) -> None:
        todo = [("", spot, owner.fields)]
        while todo:
            path, above, fields = todo.pop()
            for index, each in enumerate(fields):
                here = f"{path}.{each.id}" if path else each.id
                mine = above.down("field", index)
                self._places[(*place, "field", here)] = mine
                todo.append((here, mine, each.fields))

    def _phrases(self, source: Source, out: dict[str, Phrase]) -> None:
        read = PHRASES_FILE.read(source.table, self._spot(source))
        for index, each in enumerate(read.phrase):
            spot = self._spot(source, "phrase", index)
            if self._twice("phrase", each.id, out, spot):
                continue
            out[each.id] = each
            self._places["phrase", each.id] = spot
            self._field_places(each, spot, ("phrase", each.id))

    def _rules(self, source: Source, out: dict[str, Rule]) -> None:
        read = RULES_FILE.read(source.table, self._spot(source))
        kinds_of = {
            "deadline": read.deadline,
            "threshold": read.threshold,
            "quota": read.quota,
            "validity": read.validity,
            "exchange": read.exchange,
            "simultaneous": read.simultaneous,
        }
        for name, rules in kinds_of.items():
            for index, each in enumerate(rules):
                spot = self._spot(source, name, index)
                if self._twice("rule", each.id, out, spot):
                    continue
                out[each.id] = each
                self._places["rule", each.id] = spot

    def _words(
        self, head: Header, sources: Mapping[str, Source]
    ) -> tuple[tuple[Language, ...], dict[str, dict[str, str]]]:
        languages: list[Language] = []
        words: dict[str, dict[str, str]] = {ENGLISH: {}}
        for tag in head.languages:
            source = sources.get(f"{_WORDS}{tag}.toml")
            if source is None:
                if f"{_WORDS}{tag}.toml" not in self._unread and tag:
                    self._tell(
                        ("languages",), f"there is no words/{tag}.toml; write it, or drop '{tag}'"
                    )
                continue
            read = WORDS_FILE.read(source.table, self._spot(source))
            languages.append(Language(tag=tag, verified=read.verified, by=read.by))
            words[tag] = dict(read.words)
            for name in read.words:
                self._places["word", tag, name] = self._spot(source, "words", name)
        if ENGLISH not in head.languages:
            self._tell(("languages",), "every pack has English texts; add 'en' and words/en.toml")
        for name in sources:
            tag = name.removeprefix(_WORDS).removesuffix(".toml")
            if name.startswith(_WORDS) and tag not in head.languages:
                self.report.add(name, 0, f"pack.toml does not name the language '{tag}'; add it")
        return tuple(languages), words


# -------------------------------------------------------------------------------- canonical bytes


def pack_hash(body: bytes) -> bytes:
    """The hash by which parties agree on a pack, from its canonical bytes."""
    return crypto.sha256(PACK_DOMAIN + body)


def header(pack: Pack) -> Header:
    """What ``pack.toml`` says of the pack."""
    return Header(
        format=vocab.FORMAT,
        id=pack.id,
        tag=pack.tag,
        version=pack.version,
        cite=pack.cite,
        languages=tuple(each.tag for each in pack.languages),
        codes=tuple(
            vocab.CodeList(id=name, cite=pack.cite, items=items)
            for name, items in pack.codes.items()
        ),
        status=pack.status,
    )


def to_bytes(pack: Pack) -> bytes:
    """The canonical encoding of a pack."""
    tongues = tuple(
        WORDS_FILE.encode(_Tongue(verified=each.verified, by=each.by, words=pack.words[each.tag]))
        for each in pack.languages
    )
    return encode.dumps(
        {
            0: HEADER.encode(header(pack)),
            1: tuple(vocab.FORM.encode(form) for form in pack.forms.values()),
            2: tuple(vocab.PHRASE.encode(phrase) for phrase in pack.phrases.values()),
            3: tuple(_rule_map(rule) for rule in pack.rules.values()),
            4: tongues,
        }
    )


def _rule_map(rule: Rule) -> dict[int, Value]:
    number = next(n for n, shape in enumerate(vocab.RULES, 1) if shape.make is type(rule))
    return {0: number, **vocab.RULES[number - 1].encode(rule)}


def _rules_from(value: Value) -> Iterator[Rule]:
    if not isinstance(value, tuple) or len(value) > vocab.MAX_RULES * len(vocab.RULES):
        raise no_pack("no list of rules where it belongs")
    for each in value:
        number = each.get(0) if isinstance(each, dict) else None
        if not isinstance(each, dict) or type(number) is not int:
            raise no_pack("a rule without its kind")
        if not 1 <= number <= len(vocab.RULES):
            raise no_pack("a kind of rule that this software does not know, so it may be newer")
        yield vocab.RULES[number - 1].decode({k: v for k, v in each.items() if k})


def pack_from_bytes(body: bytes) -> Pack:
    """The pack whose canonical encoding this is.

    Raises ``RemoteError`` (``pack.bytes``, or one of ``encode``) for bytes that are no canonical
    encoding, and ``PackUnfit`` for a pack that does not fit together.
    """
    parts = encode.loads(body, LIMITS)
    if not isinstance(parts, dict) or set(parts) != {0, 1, 2, 3, 4}:
        raise no_pack("something else than the five parts of a pack")
    head = HEADER.decode(parts[0])
    if head.format != vocab.FORMAT:
        raise no_pack(f"format {head.format} where this software reads format {vocab.FORMAT}")
    forms = Tables(lambda: vocab.FORM, vocab.MAX_FORMS).decode(parts[1])
    phrases = Tables(lambda: vocab.PHRASE, vocab.MAX_PHRASES).decode(parts[2])
    pack = Pack(
        id=head.id,
        tag=head.tag,
        version=head.version,
        cite=head.cite,
        languages=(),
        codes={each.id: each.items for each in head.codes},
        forms={each.id: each for each in forms},
        phrases={each.id: each for each in phrases},
        rules={each.id: each for each in _rules_from(parts[3])},
        status=head.status,
        words={},
    )
    tongues = parts[4]
    if not isinstance(tongues, tuple) or len(tongues) != len(head.languages):
        raise no_pack("not one set of texts for each language")
    read = [WORDS_FILE.decode(each) for each in tongues]
    named = list(zip(head.languages, read, strict=True))
    pack = replace(
        pack,
        languages=tuple(
            Language(tag=tag, verified=each.verified, by=each.by) for tag, each in named
        ),
        words={tag: dict(each.words) for tag, each in named},
        hash=pack_hash(body),
        body=body,
    )
    if to_bytes(pack) != body:  # also anything named twice
        raise no_pack("what this software would write in another way")
    _fit(pack)
    return pack


def _fit(pack: Pack) -> None:
    faults: list[PackFault] = []

    def tell(_place: tuple[str, ...], text: str) -> None:
        faults.append(PackFault("", 0, text))
        if len(faults) >= kinds.MAX_FAULTS:
            raise Enough

    if ENGLISH not in pack.words:
        raise no_pack("no English texts")
    try:
        vet(pack, tell)
    except Enough:
        raise PackUnfit(tuple(faults), more=True) from None
    if faults:
        raise PackUnfit(tuple(faults))
