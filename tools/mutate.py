"""Small changes to a module, as a slip of the hand makes them: what ``./dev mutation`` tries.

A module's changes are found on its syntax tree, in the order of the source, so that equal sources
have equal lists. A change replaces one child of one node; ``Source.compiled`` makes the module's
code with it and leaves the tree as it was.

Not changed: annotations, decorators, docstrings, texts and what stands in an f-string (sentences
are for people; codes of errors are compared by tests as they are), ``strict`` of a ``zip``, and
what only a check of types reads.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Final

_BOUNDARY: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_NEGATED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATOR: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_LEAVES: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_FUNCTION: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_NOT_ENTERED: Final = (ast.JoinedStr, ast.Import, ast.ImportFrom)
# With their arguments the other way round these raise at once, say the same, or are for types.
_NOT_TURNED: Final = frozenset(
    ("isinstance", "issubclass", "getattr", "hasattr", "cast", "NewType", "min", "max")
)


@dataclass(frozen=True, slots=True)
class Place:
    """The outermost function around a change, as its code object names it; no name: the module."""

    qualname: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: its kind, where it stands, and the text around it before and after."""

    module: str
    place: Place
    inside: str  # the innermost function, with its classes: what a reader looks for
    line: int
    kind: str
    before: str
    after: str
    number: int  # in the module's list

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a judgement about it is kept by: it stays when lines above it come and go."""
        return self.module, self.inside, self.before, self.after


@dataclass(slots=True)
class _Change:
    """A child of ``holder`` (the one at ``index`` where it is a list) becomes ``new``."""

    holder: ast.AST
    name: str
    index: int | None
    new: object

    def swap(self) -> None:
        """Do it, or undo it."""
        held = getattr(self.holder, self.name)
        if self.index is None:
            setattr(self.holder, self.name, self.new)
            self.new = held
        else:
            held[self.index], self.new = self.new, held[self.index]


@dataclass(slots=True)
class Source:
    """A module with all changes that can be made to it."""

    name: str
    path: Path
    tree: ast.Module
    mutants: list[Mutant] = field(default_factory=list)
    changes: list[_Change] = field(default_factory=list)

    def compiled(self, number: int | None = None) -> CodeType:
        """The module's code, with one change or as it is."""
        if number is None:
            return compile(self.tree, str(self.path), "exec", dont_inherit=True)
        change = self.changes[number]
        change.swap()
        try:
            return compile(self.tree, str(self.path), "exec", dont_inherit=True)
        finally:
            change.swap()


@dataclass(slots=True)
class _Finder:
    """Goes through a module and notes what can be changed."""

    source: Source
    place: Place = field(default_factory=Place)
    names: tuple[str, ...] = ()

    def note(self, kind: str, holder: ast.AST, name: str, index: int | None, new: object) -> None:
        """Note one change; where a statement goes, its own text is what was there."""
        change = _Change(holder, name, index, new)
        old = getattr(holder, name) if index is None else getattr(holder, name)[index]
        shown = old if isinstance(old, ast.stmt) else holder
        before = _text(shown)
        change.swap()
        after = _text(new if isinstance(new, ast.stmt) else shown)
        change.swap()
        line = getattr(old, "lineno", 0) or getattr(shown, "lineno", 0) or self.place.line
        found = Mutant(
            module=self.source.name,
            place=self.place,
            inside=".".join(self.names),
            line=int(line),
            kind=kind,
            before=before,
            after=after,
            number=len(self.source.mutants),
        )
        self.source.mutants.append(found)
        self.source.changes.append(change)

    def visit(self, node: ast.AST) -> None:
        """Note what can be changed in a node and below it."""
        if isinstance(node, _NOT_ENTERED) or _for_types(node):
            return
        if isinstance(node, _FUNCTION):
            self.function(node)
            return
        if isinstance(node, ast.ClassDef):
            self.body(node, (*self.names, node.name), self.place)
            return
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "type_params", "pattern"}:
                continue
            for index, child in _children(value):
                self.changes(node, name, index, child)
                self.visit(child)
        self.of_itself(node)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A function: its defaults belong to what is around it."""
        for name in ("defaults", "kw_defaults"):
            for index, child in _children(getattr(node.args, name)):
                self.changes(node.args, name, index, child)
                self.visit(child)
        names = (*self.names, node.name)
        line = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        self.body(node, names, self.place if self.place.qualname else Place(".".join(names), line))

    def body(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        names: tuple[str, ...],
        place: Place,
    ) -> None:
        """What stands in a function or class, under its name."""
        outer = self.names, self.place
        self.names, self.place = names, place
        for index, child in enumerate(node.body):
            self.changes(node, "body", index, child)
            self.visit(child)
        self.names, self.place = outer

    def changes(self, holder: ast.AST, name: str, index: int | None, child: ast.AST) -> None:
        """What the child may become."""
        match child:
            case ast.Constant(value=bool(held)) if not _strict(holder):
                self.note("constant", holder, name, index, _at(child, ast.Constant(not held)))
            case ast.Constant(value=int(number)) if not isinstance(number, bool):
                self.note("constant", holder, name, index, _at(child, ast.Constant(number + 1)))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.note("negation", holder, name, index, operand)
            case ast.Break():
                self.note("statement", holder, name, index, _at(child, ast.Continue()))
            case ast.stmt() if _removable(child):
                self.note("statement", holder, name, index, _at(child, ast.Pass()))
            case ast.expr() if name in {"test", "ifs", "guard"} and _plain(child):
                turned = _at(child, ast.UnaryOp(ast.Not(), child))
                self.note("negation", holder, name, index, turned)

    def of_itself(self, node: ast.AST) -> None:
        """What changes of the node's own."""
        match node:
            case ast.Compare(ops=ops):
                for index, op in enumerate(ops):
                    for table, kind in ((_BOUNDARY, "boundary"), (_NEGATED, "comparison")):
                        if type(op) in table:
                            self.note(kind, node, "ops", index, table[type(op)]())
            case ast.BoolOp(op=op):
                other = ast.Or() if isinstance(op, ast.And) else ast.And()
                self.note("and/or", node, "op", None, other)
            case ast.BinOp(op=ast.BitOr()) if not self.place.qualname:
                pass  # of types
            case ast.BinOp(op=op) | ast.AugAssign(op=op) if not _of_text(node):
                self.note("arithmetic", node, "op", None, _OPERATOR[type(op)]())
            case ast.Call(args=[first, second, *others]) if _turnable(node, first, second):
                self.note("arguments", node, "args", None, [second, first, *others])
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                self.note("return", node, "value", None, _at(value, ast.Constant(None)))


def _children(value: object) -> Iterator[tuple[int | None, ast.AST]]:
    if isinstance(value, ast.AST):
        yield None, value
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, ast.AST):
                yield index, child


def _at(old: ast.AST, new: ast.AST) -> ast.AST:
    return ast.fix_missing_locations(ast.copy_location(new, old))


def _text(node: ast.AST) -> str:
    """A node as one line; of a statement with a body only its head."""
    text = ast.unparse(node)
    if isinstance(node, ast.If | ast.While | ast.For | ast.With | ast.Match | ast.match_case):
        text = text.strip().split("\n", 1)[0]
    return " ".join(text.split())


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _strict(holder: ast.AST) -> bool:
    return isinstance(holder, ast.keyword) and holder.arg == "strict"


def _plain(test: ast.AST) -> bool:
    """Whether no change of its own turns the condition round."""
    if isinstance(test, ast.Compare):
        return len(test.ops) > 1
    return not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not))


def _removable(statement: ast.stmt) -> bool:
    """Whether the statement can go; a guard goes as a whole, unless all it does is to raise."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Continue() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            return True
        case ast.If(body=[ast.Raise()]):
            return False
        case ast.If(body=[*_, last], orelse=[]):
            return isinstance(last, _LEAVES)
    return False


def _of_text(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether a text is put together: minus would be no slip of the hand."""
    sides = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.value]
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
        for side in sides
    )


def _turnable(call: ast.Call, first: ast.expr, second: ast.expr) -> bool:
    """Whether the first two arguments, the other way round, may go unnoticed."""
    if isinstance(call.func, ast.Name) and call.func.id in _NOT_TURNED:
        return False
    starred = isinstance(first, ast.Starred) or isinstance(second, ast.Starred)
    return not starred and ast.dump(first) != ast.dump(second)


def read(name: str, path: Path) -> Source:
    """A module with all its changes. ``name`` is how reports call it: ``core/encode``."""
    source = Source(name, path, ast.parse(path.read_text("utf-8")))
    _Finder(source).visit(source.tree)
    return source
