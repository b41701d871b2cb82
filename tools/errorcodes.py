"""Every code that a refusal or an alarm in src/tieline can bear, found in the syntax trees.

A code is mostly written out where the error is made; sometimes it is put together from a prefix and
a parameter (``refusal("clocks", ...)`` gives ``charter.clocks``). So an expression is followed to
the texts it can be: a literal is itself, an f-string is put together from its parts, a parameter is
whatever the callers of its function pass. What cannot be followed is a finding, not silence: it has
to be made plain in the source, or to be named in ``BY_HAND`` below.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

CODE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+\Z")
KINDS = {
    "LocalError": "ours",
    "RemoteError": "theirs",
    "PackError": "pack",
    "PackUnfit": "pack",
    "ShellError": "machine",
    "StoreFull": "machine",
    "StoreFailed": "machine",
    "Refused": "theirs",
    "Refusal": "theirs",
    "Alarm": "alarm",
    "Trouble": "alarm",
    "Problem": "ours",
}
# Codes whose last part is the name of an enumeration's member.
BY_HAND = {
    "store.": ("store.low", "store.critical"),
    "notice.touches.": ("notice.touches",),
    "owed.": ("owed.rule",),
    "arrived.": ("arrived.immediate", "arrived.flash"),
    "overdue.": tuple(
        f"overdue.{rung}"
        for rung in ("handed_over", "received", "acknowledged", "read_back", "passed_on")
    ),
}
_FIXED = {"PackUnfit": "pack.unfit", "StoreFull": "store.full", "StoreFailed": "store.failed"}
_DEEPEST = 6
_FIELDS = (
    "a field of the {} is missing, is of another type or is out of its bounds",
    "ask its author to repair it",
)


@dataclass(slots=True)
class Found:
    """One code: whose fault it is, and the sentences that go with it, shortest first."""

    code: str
    kinds: set[str] = field(default_factory=set)
    sentences: list[str] = field(default_factory=list)

    def add(self, kind: str, sentence: str) -> None:
        self.kinds.add(kind)
        if sentence and sentence not in self.sentences:
            self.sentences.append(sentence)


@dataclass(frozen=True, slots=True, eq=False)
class _Function:
    """A function, the module it stands in, and the names of its parameters."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    module: str
    method: bool

    @property
    def parameters(self) -> list[str]:
        names = [arg.arg for arg in (*self.node.args.posonlyargs, *self.node.args.args)]
        return names[1:] if self.method and names[:1] in (["self"], ["cls"]) else names

    def argument(self, call: ast.Call, name: str) -> ast.expr | None:
        """What a call passes for a parameter; its default when it passes nothing."""
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
        names = self.parameters
        if name in names and names.index(name) < len(call.args):
            return call.args[names.index(name)]
        defaults = self.node.args.defaults
        if name in names[len(names) - len(defaults) :] and defaults:
            return defaults[names.index(name) - len(names)]
        return None


class Codes:
    """The codes of a source tree. ``unclear`` names the places that could not be followed."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.found: dict[str, Found] = {}
        self.unclear: list[str] = []
        self._functions: dict[str, list[_Function]] = defaultdict(list)
        self._calls: dict[str, list[tuple[str, ast.Call, _Function | None]]] = defaultdict(list)
        self._imports: dict[str, set[str]] = {}
        self._trees = {name: ast.parse(text) for name, text in sorted(sources.items())}
        self._constants = {name: _constants(tree) for name, tree in self._trees.items()}
        for name, tree in self._trees.items():
            self._imports[name] = {
                alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            self._index(tree, name, None, in_class=False)
        self._called: dict[str, list[tuple[str, ast.Call, _Function | None]]] = defaultdict(list)
        for name, calls in self._calls.items():
            for where, call, inside in calls:
                self._called[where].append((name, call, inside))
        self._defined: dict[str, list[_Function]] = defaultdict(list)
        for functions in self._functions.values():
            for function in functions:
                self._defined[function.module].append(function)
        for name in self._trees:
            self._module(name)

    def _index(
        self, node: ast.AST, module: str, inside: _Function | None, *, in_class: bool
    ) -> None:
        for child in ast.iter_child_nodes(node):
            here = inside
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                here = _Function(child, module, in_class)
                self._functions[child.name].append(here)
            elif isinstance(child, ast.Call):
                self._calls[_name(child.func)].append((module, child, inside))
            self._index(child, module, here, in_class=isinstance(child, ast.ClassDef))

    def _module(self, module: str) -> None:
        for name in KINDS:
            for where, call, inside in self._calls[name]:
                if where == module:
                    self._constructed(name, call, inside)
        self._by_variable(module)
        for where, call, inside in self._calls["Fields"]:
            if where == module and len(call.args) == 2:
                for what in self._texts(call.args[1], inside, "Fields"):
                    code = re.sub("[ -]", "_", what) + ".field"
                    self._add(code, "theirs", "; ".join(_FIELDS).format(what))

    def _by_variable(self, module: str) -> None:
        """Errors whose class is a variable, and those that are written as JSON."""
        for name, call, inside in self._called[module]:
            unknown = name not in KINDS and name not in self._functions
            if unknown and len(call.args) > 1 and _is_code(call.args[0]):
                self._constructed(name, call, inside)
        for function in self._defined[module]:
            self._written_as_json(function)

    def _written_as_json(self, function: _Function) -> None:
        for node in ast.walk(function.node):
            if not isinstance(node, ast.Dict):
                continue
            pairs = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            code, text = pairs.get("code"), pairs.get("message")
            if code is None or text is None:
                continue
            if _is_code(code):
                self._add(ast.literal_eval(code), "ours", self._sentence(text, function))
            for full, sentence in self._call_by_call(code, text, function):
                self._add(full, "ours", sentence)

    def _constructed(self, name: str, call: ast.Call, inside: _Function | None) -> None:
        if name in _FIXED:
            code: ast.expr | None = ast.Constant(_FIXED[name])
            text = call.args[0] if call.args else None
        else:
            code = _given(call, "code", 0)
            text = _given(call, "text", 1) or _given(call, "message", 1)
        if code is None or _passed_on(code, inside):
            return
        bound = self._call_by_call(code, text, inside)
        if bound:
            for full, sentence in bound:
                self._add(full, KINDS.get(name, "theirs"), sentence)
            return
        for full in self._texts(code, inside, name):
            self._add(full, KINDS.get(name, "theirs"), self._sentence(text, inside))

    def _call_by_call(
        self, code: ast.expr, text: ast.expr | None, inside: _Function | None
    ) -> list[tuple[str, str]]:
        """Code and sentence for each call of a function that makes errors for its callers.

        Empty when the code does not depend on a parameter, or a caller passes it on in its turn.
        """
        if inside is None or not _names(code) & _all_parameters(inside):
            return []
        out: list[tuple[str, str]] = []
        for call, caller in self._callers(inside):
            given = {
                name: value
                for name in _all_parameters(inside)
                if (value := inside.argument(call, name)) is not None
            }
            if (
                isinstance(code, ast.Name)
                and code.id in given
                and _passed_on(given[code.id], caller)
            ):
                continue
            fixed = {
                name: value.value
                for name, value in given.items()
                if isinstance(value, ast.Constant) and isinstance(value.value, str)
            }
            copy = ast.parse(ast.unparse(code), mode="eval").body
            texts = self._follow(_Bind(fixed).visit(copy), None, 2)
            if texts is None:
                return []
            out.extend((full, self._sentence(text, caller, given)) for full in texts)
        return out

    def _callers(self, function: _Function) -> Iterator[tuple[ast.Call, _Function | None]]:
        for module, call, caller in self._calls[function.node.name]:
            if module == function.module or function.node.name in self._imports[module]:
                yield call, caller

    def _add(self, code: str, kind: str, sentence: str) -> None:
        if code == "usage":
            return  # of the command line as a whole; the page says what it is
        if not CODE.match(code):
            self.unclear.append(f"'{code}' is no code")
            return
        self.found.setdefault(code, Found(code)).add(kind, sentence)

    # ------------------------------------------------------------------------------ following

    def _texts(self, node: ast.expr, inside: _Function | None, sink: str) -> set[str]:
        """Every text an expression can be, or a finding when that cannot be told."""
        texts = self._follow(node, inside, _DEEPEST)
        if texts is None:
            plain = ast.unparse(node)
            for prefix, codes in BY_HAND.items():
                if plain.startswith(f"f'{prefix}"):
                    return set(codes)
            where = f"{inside.module}.{inside.node.name}" if inside else "a module"
            self.unclear.append(f"{where}: the code of {sink}({plain}) cannot be followed")
            return set()
        return texts

    def _follow(self, node: ast.expr, inside: _Function | None, depth: int) -> set[str] | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {node.value}
        if depth == 0:
            return None
        if isinstance(node, ast.JoinedStr):
            return self._joined(node, inside, depth)
        if isinstance(node, ast.Name) and inside is not None:
            if node.id in _all_parameters(inside):
                return self._passed(inside, node.id, depth)
            constant = self._constants[inside.module].get(node.id)
            return None if constant is None else {constant}
        if isinstance(node, ast.IfExp):
            one = self._follow(node.body, inside, depth - 1)
            other = self._follow(node.orelse, inside, depth - 1)
            return None if one is None or other is None else one | other
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            return self._returned(inside)
        return None

    def _joined(self, node: ast.JoinedStr, inside: _Function | None, depth: int) -> set[str] | None:
        parts: list[set[str]] = []
        for value in node.values:
            inner = value.value if isinstance(value, ast.FormattedValue) else value
            texts = self._follow(inner, inside, depth - 1)
            if texts is None:
                return None
            parts.append(texts)
        return {"".join(choice) for choice in product(*parts)}

    def _passed(self, function: _Function, name: str, depth: int) -> set[str] | None:
        """What the callers of a function pass for one of its parameters."""
        out: set[str] = set()
        for call, caller in self._callers(function):
            value = function.argument(call, name)
            texts = None if value is None else self._follow(value, caller, depth - 1)
            if texts is None:
                return None
            out |= texts
        return out

    def _returned(self, inside: _Function | None) -> set[str] | None:
        """The codes in pairs that a function of the same module returns (a code, a sentence)."""
        if inside is None:
            return None
        out: set[str] = set()
        for functions in self._functions.values():
            for function in functions:
                if function.module != inside.module:
                    continue
                for node in ast.walk(function.node):
                    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                        first = node.value.elts[0] if node.value.elts else None
                        if isinstance(first, ast.Constant) and CODE.match(str(first.value)):
                            out.add(str(first.value))
        return out or None

    # ------------------------------------------------------------------------------ sentences

    def _sentence(
        self,
        node: ast.expr | None,
        inside: _Function | None,
        given: dict[str, ast.expr] | None = None,
    ) -> str:
        """The sentence of an error with … for what only the moment knows; empty if unknown."""
        if isinstance(node, ast.Name) and given and node.id in given:
            return self._sentence(given[node.id], inside)
        if isinstance(node, ast.Constant):
            return str(node.value)
        if not isinstance(node, ast.JoinedStr):
            return ""
        return "".join(
            str(part.value)
            if isinstance(part, ast.Constant)
            else self._hole(part, inside, given or {})
            for part in node.values
        )

    def _hole(self, part: ast.expr, inside: _Function | None, given: dict[str, ast.expr]) -> str:
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
            if part.value.id in given:
                return self._sentence(given[part.value.id], inside) or "…"
            texts = self._follow(part.value, inside, 2)
            if texts is not None and len(texts) == 1:
                return texts.pop()
        return "…"


def _constants(tree: ast.Module) -> dict[str, str]:
    """The texts that a module gives names to."""
    out: dict[str, str] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
            continue
        out.update({each.id: value.value for each in targets if isinstance(each, ast.Name)})
    return out


class _Bind(ast.NodeTransformer):
    """Puts known texts in the place of names."""

    def __init__(self, fixed: dict[str, str]) -> None:
        self._fixed = fixed

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self._fixed[node.id]) if node.id in self._fixed else node


def _is_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(CODE.match(str(node.value)))


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _all_parameters(function: _Function) -> set[str]:
    return {arg.arg for arg in function.node.args.kwonlyargs} | set(function.parameters)


def _given(call: ast.Call, keyword: str, position: int) -> ast.expr | None:
    for each in call.keywords:
        if each.arg == keyword:
            return each.value
    if call.keywords and position >= len(call.args):
        return None
    return call.args[position] if position < len(call.args) else None


def _passed_on(code: ast.expr, inside: _Function | None) -> bool:
    """Whether this only says again what was said before: ``error.code``, a matched ``code``."""
    if isinstance(code, ast.Attribute) and code.attr == "code":
        return True
    if isinstance(code, ast.Name) and code.id == "code":
        return inside is None or "code" not in _all_parameters(inside)
    return isinstance(code, ast.Call | ast.BoolOp)  # read back from where it was kept


def sources(root: Path) -> dict[str, str]:
    """The modules below a folder, by dotted name."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_text("utf-8")
        for path in _modules(root)
    }


def _modules(root: Path) -> Iterator[Path]:
    yield from sorted(root.rglob("*.py"))


def collect(root: Path) -> Codes:
    """The codes of everything below a folder."""
    return Codes(sources(root))


def families(codes: Iterable[str]) -> dict[str, list[str]]:
    """Codes by their first part, both sorted."""
    out: dict[str, list[str]] = defaultdict(list)
    for code in sorted(codes):
        out[code.partition(".")[0]].append(code)
    return dict(sorted(out.items()))
