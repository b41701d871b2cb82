"""The template is what its sources make, and allows nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "src" / "tieline" / "node" / "page" / "evidence.html").read_text("utf-8")
START = '<script type="application/vnd.tieline.evidence" id="evidence">'


def test_the_template_is_fresh(files: Any) -> None:
    assert files.page.page() == TEMPLATE, "run tools/page.py"


def test_the_place_of_the_evidence_stands_once_in_a_line_of_its_own() -> None:
    assert TEMPLATE.count(START) == 1
    assert TEMPLATE.count("@@") == 2
    assert f"{START}\n@@EVIDENCE@@\n</script>" in TEMPLATE


def test_the_policy_allows_the_script_and_the_style_by_their_hashes_alone() -> None:
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', TEMPLATE)
    assert found is not None
    policy = dict(part.strip().split(" ", 1) for part in found[1].split(";"))

    def hashed(pattern: str) -> str:
        inner = re.findall(pattern, TEMPLATE, re.DOTALL)
        assert len(inner) == 1
        return (
            "'sha256-" + base64.b64encode(hashlib.sha256(inner[0].encode()).digest()).decode() + "'"
        )

    assert policy == {
        "default-src": "'none'",
        "script-src": hashed('<script type="module">(.*?)</script>'),
        "style-src": hashed("<style>(.*?)</style>"),
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_the_sources_make_no_html_from_text_and_reach_for_nothing() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|\bimport\b\s*\(|"
        r"fetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|localStorage|https?://"
    )
    for path in sorted((ROOT / "page").iterdir()):
        assert forbidden.search(path.read_text("utf-8")) is None, path.name


def test_sources_are_short_enough_to_read() -> None:
    for path in sorted((ROOT / "page").iterdir()):
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) <= 600, path.name
        longest = max(map(len, lines))
        assert path.suffix != ".js" or longest <= 100, path.name
