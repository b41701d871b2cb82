"""The digest of what a page shows, as it is printed at its foot.

It is the SHA-256 of the words of the page's ``<main>`` in UTF-8, each run of white space as one
space: without forms and buttons, which no paper has, and without what counts down. The page's own
script (``desk.js``) makes the same of a page that has renewed itself. So two prints of one state
have one digest, and a paper on which a word was changed has another.
"""

from __future__ import annotations

import hashlib
import html
import re
from typing import Final

MARK: Final = "@@DIGEST@@"
LETTERS: Final = 16  # of the digest that are shown
_APART: Final = re.compile(
    r"<(form|button|script|style)\b.*?</\1>"
    r"|<(\w+) class=\"(?:[^\"]* )?(?:noprint|left)(?: [^\"]*)?\"[^>]*>.*?</\2>",
    re.DOTALL,
)
_TAG: Final = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
_SPACE: Final = re.compile(r"\s+")


def words(page: str) -> str:
    """What ``<main>`` of a page says."""
    _, _, rest = page.partition("<main ")
    main = rest.partition(">")[2].rpartition("</main>")[0]
    text = html.unescape(_TAG.sub("", _APART.sub("", main)))
    return _SPACE.sub(" ", text).strip()


def digest(page: str) -> str:
    """The first letters of the digest."""
    return hashlib.sha256(words(page).encode("utf-8", "replace")).hexdigest()[:LETTERS]


def put(page: str) -> str:
    """A page with its digest in its foot."""
    before, found, after = page.rpartition(MARK)
    return f"{before}{digest(page)}{after}" if found else page
