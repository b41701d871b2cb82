"""Put the evidence page together: one HTML template from the files in ``page/``.

    python tools/page.py            write src/tieline/node/page/evidence.html
    python tools/page.py --check    say whether it is what the files make; 1 when it is not

The scripts become one module, in the order below, and the content security policy of the page
allows that module and the style by their hashes and nothing else (docs/evidence.md section 1).
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "page"
TEMPLATE = ROOT / "src" / "tieline" / "node" / "page" / "evidence.html"
# What checks, each after what it uses; then what shows, and last what starts.
CHECKS = (
    "bytes", "cbor", "ed25519", "tree", "identity", "charter", "statement", "note", "items",
    "pack", "fieldvalue", "forms", "reading", "heads", "findings", "proof", "checkpoint", "files",
)  # fmt: skip
SHOWS = ("text", "engine", "formparts", "parts", "statements", "proofparts", "main")
# Words of the engine (packs/engine) that stand among those of a pack; they are made into a source.
ENGINE = ROOT / "packs" / "engine" / "words"
ENGINE_KEYS = (
    "special.not-known", "special.withheld", "special.nil", "mark.memory", "mark.unverified",
    "mark.design", "mark.fallen", "mark.unchecked", "phrase.wording", "phrase.pronunciation",
    "phrase.signal", "phrase.response",
)  # fmt: skip


def script(names: tuple[str, ...]) -> str:
    """One module of these files."""
    return "\n" + "\n".join(
        engine() if name == "engine" else (SOURCES / f"{name}.js").read_text("utf-8")
        for name in names
    )


def engine() -> str:
    """The engine's words in every language that has them, as a source of the page."""
    known = {}
    for path in sorted(ENGINE.glob("*.toml")):
        words = tomllib.loads(path.read_text("utf-8"))["words"]
        known[path.stem] = {key: words[key] for key in ENGINE_KEYS if key in words}
    text = json.dumps(known, ensure_ascii=False, indent=2)
    return f"// Made by tools/page.py from packs/engine/words.\n\nconst ENGINE_WORDS = {text};\n"


def hashed(text: str) -> str:
    """The hash by which a content security policy (level 3) names an inline script or style."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page(names: tuple[str, ...] = CHECKS + SHOWS) -> str:
    """The template, with the line ``@@EVIDENCE@@`` where the evidence goes."""
    code, style = script(names), "\n" + (SOURCES / "style.css").read_text("utf-8")
    if "</script" in code or "</style" in style or "@@EVIDENCE@@" in code:
        raise ValueError("a source of the page would end its own element; write it in two parts")
    parts = {
        "@@SCRIPT-HASH@@": hashed(code),
        "@@STYLE-HASH@@": hashed(style),
        "@@SCRIPT@@": code,
        "@@STYLE@@": style,
    }
    out = (SOURCES / "frame.html").read_text("utf-8")
    for mark, text in parts.items():
        out = out.replace(mark, text)
    return out


def main() -> int:
    """Write or check the template."""
    text = page()
    if sys.argv[1:] == ["--check"]:
        if TEMPLATE.is_file() and TEMPLATE.read_text("utf-8") == text:
            return 0
        print("src/tieline/node/page/evidence.html is not what page/ makes; run tools/page.py")
        return 1
    TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
    TEMPLATE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
