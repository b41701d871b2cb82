"""RFC 6962 tree heads, written out apart from the core and cheap for a log that grows."""

from __future__ import annotations

import hashlib

Peaks = tuple[tuple[int, bytes], ...]


def grown(peaks: Peaks, leaf: bytes) -> Peaks:
    """The complete subtrees (height and hash) of an RFC 6962 tree after one more leaf hash."""
    height = 0
    while peaks and peaks[-1][0] == height:
        leaf = hashlib.sha256(b"\1" + peaks[-1][1] + leaf).digest()
        peaks = peaks[:-1]
        height += 1
    return (*peaks, (height, leaf))


def root_of(peaks: Peaks) -> bytes:
    """The RFC 6962 tree head (section 2.1) over complete subtrees; not the core's code."""
    root = peaks[-1][1]
    for _, left in reversed(peaks[:-1]):
        root = hashlib.sha256(b"\1" + left + root).digest()
    return root
