"""Checks that the documentation says what is: ``./dev docs``; ``--write`` renews what is made.

Checked: links between pages and to files lead somewhere, headings included; commands and options
that a page names exist; ``docs/commands.md`` is what the parser gives and ``docs/errors.md`` what
the source says; no page holds a path of somebody's machine. Each finding is one line with its page.

Each check is a function from texts to findings, so that a test can show it a page that is wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import errorcodes
import packlist
import packpage
import rightspage
import statelist
from errorfamilies import FAMILIES, SENTENCES

ROOT: Final = Path(__file__).resolve().parent.parent
SKIPPED: Final = {".venv", ".git", "out", "build", "dist", "node_modules"}
MACHINE: Final = re.compile(r"(?<![\w.$~])/(?:work|root|home/[a-z]\w*|Users)/[.\w]")
LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)(?:\s+\"[^\"]*\")?\)")
PATH: Final = re.compile(
    r"(?:src|tests|tools|docs|vectors|exercises|requirements|bench)/[\w./*-]*\Z"
)
HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
FENCE: Final = re.compile(r"^\s*(```|~~~)")
SPAN: Final = re.compile(r"`([^`\n]+)`")
FILES: Final = re.compile(
    r"\.(md|toml|py|sock|txt|json|tlk|db|id|clock|tlcard|lock|reserve|charter|bundle|svg|cddl)\Z"
)
_WHOSE: Final = {"ours": "us", "theirs": "them", "pack": "pack", "machine": "machine"}


# ------------------------------------------------------------------------------------------ pages


def pages(root: Path) -> dict[str, str]:
    """Every Markdown page by its path from the root."""
    found = (
        path
        for path in sorted(root.rglob("*.md"))
        if not SKIPPED & set(path.relative_to(root).parts)
    )
    return {str(path.relative_to(root)): path.read_text("utf-8") for path in found}


def outside_fences(text: str) -> Iterator[str]:
    """The lines of a page that are not within a block of code."""
    fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield line


def within_fences(text: str) -> Iterator[str]:
    """The lines of a page that are within a block of code; one cut with a backslash is joined."""
    fenced, held = False, ""
    for line in text.splitlines():
        if FENCE.match(line):
            fenced, held = not fenced, ""
        elif fenced:
            if line.endswith("\\"):
                held += line[:-1] + " "
                continue
            yield held + line
            held = ""


def anchors(text: str) -> set[str]:
    """The names by which a page's headings can be linked to."""
    out: set[str] = set()
    for line in outside_fences(text):
        match = HEADING.match(line)
        if match:
            plain = re.sub(r"[`*]|\[|\]\([^)]*\)", "", match.group(1)).lower()
            name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            out.add(name if name not in out else f"{name}-1")
    return out


def _of(path: Path) -> str:
    return path.read_text("utf-8")


def check_links(texts: dict[str, str], root: Path) -> list[str]:
    """Links that lead nowhere."""
    out: list[str] = []
    for page, text in texts.items():
        for line in outside_fences(text):
            for target in LINK.findall(SPAN.sub("", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                there = (root / page).parent / path if path else root / page
                if not there.exists():
                    out.append(f"{page}: the link {target} leads nowhere")
                elif anchor and there.suffix == ".md" and anchor not in anchors(_of(there)):
                    out.append(f"{page}: {target}: there is no such heading")
    return out


def check_paths(texts: dict[str, str], root: Path) -> list[str]:
    """Files of the repository that a page names in backticks and that are not there."""
    return [
        f"{page}: there is no {span}"
        for page, text in texts.items()
        for line in outside_fences(text)
        for span in SPAN.findall(line)
        if PATH.match(span) and not any(root.glob(span.rstrip("/")))
    ]


def check_machine(texts: dict[str, str]) -> list[str]:
    """Paths of somebody's machine."""
    return [
        f"{page}: '{match.group()}...' is a path of a machine"
        for page, text in texts.items()
        for match in MACHINE.finditer(text)
    ]


# --------------------------------------------------------------------------------------- commands


def commands(text: str) -> Iterator[list[str]]:
    """The commands ``tieline ...`` and ``./dev ...`` that a page names, in words."""
    named = [span for line in outside_fences(text) for span in SPAN.findall(line)]
    for line in (*named, *within_fences(text)):
        plain = re.sub(r"(?:^|\s)#\s.*", "", line).strip().removeprefix("$ ")
        plain = re.sub(r"^(?:[A-Z_]+=\S+\s+)+", "", plain)
        plain = re.sub(r"\"[^\"]*\"|'[^']*'", "TEXT", plain)
        words = re.split(r"\s+", plain)
        if words[0].removeprefix(".venv/bin/") == "tieline":
            yield ["tieline", *words[1:]]
        elif words[0] == "./dev":
            yield words


def check_commands(texts: dict[str, str], parser: argparse.ArgumentParser, usage: str) -> list[str]:
    """Verbs and options that do not exist. ``usage`` is what ``./dev help`` prints."""
    out: list[str] = []
    for page, text in texts.items():
        for words in commands(text):
            problem = _dev(words, usage) if words[0] == "./dev" else _tieline(words, parser)
            if problem:
                out.append(f"{page}: '{' '.join(words)}': {problem}")
    return out


def _dev(words: list[str], usage: str) -> str:
    if len(words) == 1 or words[1] in ("help", "VERB", "..."):
        return ""
    lines = re.findall(rf"^  {re.escape(words[1])}\b.*$", usage, re.MULTILINE)
    if not lines:
        return f"./dev has no verb {words[1]}"
    for word in words[2:]:
        if re.match(r"--[a-z]", word) and word.partition("=")[0] not in " ".join(lines):
            return f"./dev {words[1]} has no option {word}"
    return ""


def verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the verbs of a command."""
    for action in parser._actions:  # noqa: SLF001  # there is no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


def _all_verbs(
    parser: argparse.ArgumentParser, above: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The verbs, each followed by its own, with the names that one types."""
    for name, verb in verbs(parser).items():
        yield above + name, verb
        yield from _all_verbs(verb, f"{above}{name} ")


def _tieline(words: list[str], parser: argparse.ArgumentParser) -> str:
    known = verbs(parser)
    here, rest = parser, words[1:]
    choices: set[str] = set()
    while rest:
        word = rest.pop(0).rstrip(",;")
        if word in ("&", "|", "&&", ">", ">>", "<"):
            return ""
        if re.match(r"--?[a-z]", word):
            option = word.partition("=")[0]
            action = here._option_string_actions.get(option)  # noqa: SLF001
            if action is None:
                return f"there is no option {option}"
            if action.nargs is None and "=" not in word and rest:
                rest.pop(0)
        elif known and re.match(r"[a-z]", word):
            for name in word.split("|"):
                if name not in known:
                    return f"there is no verb {name}"
            here = known[word.split("|")[0]]
            choices, known = _choices(here), verbs(here)
        elif choices and re.match(r"[a-z|-]+\Z", word):
            wrong = set(word.split("|")) - choices
            if wrong:
                return f"{min(wrong)} is none of {', '.join(sorted(choices))}"
            choices = set()
    return ""


def _choices(parser: argparse.ArgumentParser) -> set[str]:
    for action in parser._actions:  # noqa: SLF001
        if not action.option_strings and action.choices is not None and not verbs(parser):
            return {str(choice) for choice in action.choices}
    return set()


def commands_page(parser: argparse.ArgumentParser) -> str:
    """``docs/commands.md``, from the parser."""
    out = [
        "# Commands",
        "",
        "Made by `./dev docs --write` from the parser; do not edit. `tieline VERB --help` says the",
        "same. Every verb takes `--home DIR` (the station's folder; default `$TIELINE_HOME`, else",
        "`.tieline` in the user's home folder) and `--json` (one JSON object on standard output).",
        "",
        "Exit codes: 0 done, 1 refused, 2 usage, 3 line down, 4 verification failed, 5 a bundle",
        "that brings nothing new. Every refusal is one sentence on standard error, with `--json`",
        "an object on standard output; its code stands in [errors](errors.md).",
    ]
    for name, verb in _all_verbs(parser):
        positional = [
            action
            for action in verb._actions  # noqa: SLF001
            if not action.option_strings and not verbs(verb)
        ]
        shown = " ".join(_place(action) for action in positional) or "|".join(verbs(verb))
        level = "###" if " " in name else "##"
        out += ["", f"{level} {name}", "", f"{_sentence(verb.description)}", ""]
        out += [f"`tieline {name}{' ' + shown if shown else ''}`", ""]
        rows = [
            f"| `{_spelled(action)}` | {_help(action)} |"
            for action in verb._actions  # noqa: SLF001
            if action.dest not in ("help", "home", "json") and _help(action)
        ]
        if rows:
            out += ["| argument | meaning |", "| --- | --- |", *rows, ""]
        out.pop()
    return "\n".join(out).rstrip() + "\n"


def _place(action: argparse.Action) -> str:
    name = "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    if action.nargs == "*":
        return f"[{name} ...]"
    return f"[{name}]" if action.nargs == "?" else name


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        return action.dest.upper()
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    return f"{names} {action.metavar or action.dest.upper()}"


def _help(action: argparse.Action) -> str:
    parts = [action.help] if action.help else []
    if action.choices and action.option_strings:
        parts.append("one of " + ", ".join(f"`{choice}`" for choice in action.choices))
    return "; ".join(parts)


def _sentence(text: str | None) -> str:
    plain = (text or "").strip()
    return plain[:1].upper() + plain[1:] + ("" if plain.endswith(".") else ".")


# ----------------------------------------------------------------------------------------- errors


def errors_page(codes: errorcodes.Codes) -> str:
    """``docs/errors.md``, from the codes and sentences in the source."""
    out = [
        "# Error codes",
        "",
        "Made by `./dev docs --write` from the source; do not edit. Families and remedies that no",
        "sentence carries stand in `tools/errorfamilies.py`.",
        "",
        "Every refusal has a code, which is stable, and one sentence that says what is wrong,",
        "where, and what to do; `…` stands for what only the moment knows. *Whose* says who has to",
        "act: `us` (our own people asked for what the rules forbid), `them` (bytes from a peer, a",
        "file or a medium break a format or a rule), `machine` (the world around the station",
        "failed: disk, network, key file), `alarm` (nothing was refused; an officer must know).",
        "",
        "The command line ends with 4 for codes that begin with `verify.` or `words.` and for",
        "whatever `tieline verify` finds, with 3 when no station answers (`station.down`), with 2",
        "for a command line that is wrong (the code is `usage`), and with 1 for every other",
        "refusal. With `--json` a refusal is an object: `ok` false, and `error` with `code` and",
        "`message`.",
    ]
    for family, members in errorcodes.families(codes.found).items():
        out += ["", f"## {family}", ""]
        out += [
            FAMILIES.get(family, ""),
            "",
            "| code | whose | what it says |",
            "| --- | --- | --- |",
        ]
        for code in members:
            found = codes.found[code]
            whose = ", ".join(_WHOSE.get(kind, kind) for kind in sorted(found.kinds))
            out.append(f"| `{code}` | {whose} | {said(found)} |")
    return "\n".join(out) + "\n"


def said(found: errorcodes.Found) -> str:
    """What a row says: the sentence of the table when there is one, else those of the source."""
    if found.code in SENTENCES:
        return SENTENCES[found.code]
    whole = [text for text in found.sentences if re.search(r"\w+ \w+ \w+", text)]
    longest_first = sorted(whole or found.sentences, key=len, reverse=True)
    return "; or: ".join(text.replace("|", "\\|") for text in longest_first[:2])


def check_errors(codes: errorcodes.Codes) -> list[str]:
    """Codes that cannot be followed or explained, and explanations of what is not there."""
    out = [f"tools/errorcodes.py: {what}" for what in codes.unclear]
    families = errorcodes.families(codes.found)
    out += [
        f"tools/errorfamilies.py: the family '{name}' has no line in FAMILIES"
        for name in families
        if name not in FAMILIES
    ]
    out += [
        f"tools/errorfamilies.py: no error has the family '{name}'"
        for name in FAMILIES
        if name not in families
    ]
    out += [
        f"tools/errorfamilies.py: no error has the code '{code}'"
        for code in SENTENCES
        if code not in codes.found
    ]
    out += [
        f"tools/errorfamilies.py: '{code}' has no sentence in the source; give it one in SENTENCES"
        for code, found in sorted(codes.found.items())
        if not said(found)
    ]
    return out


def check_named_codes(
    texts: dict[str, str], codes: errorcodes.Codes, settings: frozenset[str] = frozenset()
) -> list[str]:
    """Codes in backticks, of a family that exists, which no source raises.

    ``settings`` are names in ``config.toml``, which look like codes.
    """
    families = errorcodes.families(codes.found)
    out: list[str] = []
    for page, text in texts.items():
        for line in outside_fences(text):
            for span in SPAN.findall(line):
                looks_like_one = errorcodes.CODE.match(span) and not FILES.search(span)
                family = span.partition(".")[0]
                known = span in codes.found or span in settings
                if looks_like_one and family in families and not known:
                    out.append(f"{page}: no error has the code {span}")
    return out


# ------------------------------------------------------------------------------------------- main


def made(root: Path) -> tuple[dict[str, str], errorcodes.Codes, argparse.ArgumentParser]:
    """The pages that are made, and what they are made from."""
    from tieline.desk.cli import build_parser
    from tieline.exercise import verbs as exercise_verbs

    codes = errorcodes.collect(root / "src" / "tieline")
    parser = build_parser()
    for action in parser._actions:  # noqa: SLF001  # the program of exercises has a parser of its own
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            action.choices["exercise"] = exercise_verbs.parser()
    texts = {
        "docs/commands.md": commands_page(parser),
        "docs/errors.md": errors_page(codes),
        "docs/desk-rights.md": rightspage.page(),
        **packlist.renewed(root),
        **packpage.renewed(root),
        **statelist.renewed(root),
    }
    return texts, codes, parser


def evidence_codes(root: Path) -> frozenset[str]:
    """What a reader may find wrong in an evidence file and read on: the vectors name them all."""
    vectors = sorted((root / "vectors" / "evidence").glob("*.json"))
    texts = (path.read_text("utf-8") for path in vectors)
    return frozenset(code for text in texts for code in re.findall(r'"(evidence\.\w+)"', text))


def settings() -> frozenset[str]:
    """The names of all settings, as ``config.unknown`` lists them."""
    from tieline.node.config import _PLACES

    return frozenset(f"{table}.{key}" for table, key in _PLACES)


def findings(root: Path, *, write: bool) -> list[str]:
    """Everything that is wrong; with ``write`` the made pages are renewed first."""
    fresh, codes, parser = made(root)
    out: list[str] = []
    for name, text in fresh.items():
        path = root / name
        if not path.is_file() or path.read_text("utf-8") != text:
            if write:
                path.write_text(text, "utf-8")
            else:
                out.append(f"{name}: is not what it would be now; run ./dev docs --write")
    texts = pages(root)
    out += check_links(texts, root)
    out += check_paths(texts, root)
    out += check_machine(texts)
    out += check_commands(texts, parser, (root / "dev").read_text("utf-8"))
    out += check_errors(codes)
    out += check_named_codes(texts, codes, settings() | evidence_codes(root))
    return out


def main(argv: list[str]) -> int:
    """1 when something is wrong."""
    options = argparse.ArgumentParser(prog="./dev docs", description="Check the documentation.")
    options.add_argument("--write", action="store_true", help="renew the pages that are made")
    wrong = findings(ROOT, write=options.parse_args(argv).write)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
