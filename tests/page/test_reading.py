"""The page's own reader against the vectors: each format, and every evidence file."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parents[2] / "vectors"
FORMATS = [
    "encode/accept.json", "encode/refuse.json", "ed25519/keys.json", "ed25519/signatures.json",
    "ed25519/sign1.json", "tree/roots.json", "words/words.json", "card/names.json",
    "card/addresses.json", "certificate/accept.json", "certificate/refuse.json",
    "charter/accept.json", "charter/refuse.json", "charter/successor.json",
    "statement/accept.json", "statement/refuse.json", "statement/signed.json",
    "statement/flips.json", "checkpoint/bodies.json", "checkpoint/notes.json",
    "checkpoint/receipts.json", "checkpoint/anybodys.json", "tree/consistency.json",
    "card/armor.json", "proof/accept.json", "proof/refuse.json", "form/values.json",
    "form/refuse.json", "form/messages.json", "pack/accept.json", "pack/refuse.json",
    "proof/armor.json",
]  # fmt: skip
EVIDENCE = sorted(path.stem for path in (VECTORS / "evidence").glob("*.tle"))


@pytest.mark.parametrize("name", FORMATS)
def test_every_case_of_a_format_is_judged_as_the_vector_says(laboratory: Any, name: str) -> None:
    file = (VECTORS / name).read_text("utf-8")
    assert json.loads(file)
    assert laboratory.value(f"judge({json.dumps(name)}, {file})") == []


def test_no_format_is_left_out(laboratory: Any) -> None:
    assert laboratory.value("judged") == FORMATS


def facts(laboratory: Any, data: bytes) -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    found: dict[str, Any] = laboratory.value(f'facts("{text}")')
    return found


@pytest.mark.parametrize("name", EVIDENCE)
def test_evidence_is_found_to_be_what_the_vector_says(laboratory: Any, name: str) -> None:
    wanted = json.loads((VECTORS / "evidence" / f"{name}.json").read_text("utf-8"))
    found = facts(laboratory, (VECTORS / "evidence" / f"{name}.tle").read_bytes())
    wanted.pop("about")
    unchecked = [["gap.mldsa", item] for item in wanted.pop("mldsa", [])]
    if unchecked and not laboratory.value("mlDsa()"):
        wanted["gaps"] = sorted(wanted["gaps"] + unchecked, key=lambda gap: (gap[1], gap[0]))
        wanted["verdict"] = "partly" if wanted["verdict"] == "checked" else wanted["verdict"]
    assert found == wanted


def signed_part(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What a reader finds that is not the maker's word (docs/evidence.md section 6)."""
    return [{k: v for k, v in each.items() if k != "admitted_ms"} for each in found["statements"]]


def test_a_changed_bit_is_refused_or_changes_only_the_makers_word(
    laboratory: Any, files: Any
) -> None:
    whole = files.vector("two-parties")
    good = facts(laboratory, whole)
    chance = random.Random(31)
    places = sorted(chance.sample(range(len(whole)), 500))
    texts = []
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        texts.append(base64.b64encode(bytes(changed)).decode())
    every = laboratory.value(f"Promise.all({json.dumps(texts)}.map(facts))")
    passed = [
        (at, one) for at, one in zip(places, every, strict=True) if one["verdict"] != "failed"
    ]
    assert all(signed_part(one) == signed_part(good) for _, one in passed), [at for at, _ in passed]
    assert len(passed) < len(places) / 20


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_anywhere_fails(laboratory: Any, files: Any, share: float) -> None:
    whole = files.vector("four-parties")
    found = facts(laboratory, whole[: int(share * len(whole))])
    assert (found["verdict"], found["broken"]) == ("failed", True)


@pytest.mark.parametrize(("answer", "verdict"), [("true", "checked"), ("false", "failed")])
def test_where_the_browser_checks_mldsa_its_answer_counts(
    browser: Any, files: Any, tmp_path: Path, answer: str, verdict: str
) -> None:
    """No browser here does: one that does is played, and only the names are its own."""
    path = tmp_path / "laboratory.html"
    path.write_text(files.laboratory(), "utf-8")
    with browser.page() as page:
        page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="""
              const { importKey, verify } = SubtleCrypto.prototype;
              const is = (name) => (name.name ?? name) === "ML-DSA-44";
              SubtleCrypto.prototype.importKey = function (form, key, name, ...rest) {
                if (is(name)) return Promise.resolve({ form, key });
                return importKey.call(this, form, key, name, ...rest);
              };
              SubtleCrypto.prototype.verify = function (name, key, signature, message) {
                if (!is(name)) return verify.call(this, name, key, signature, message);
                const label = new TextDecoder().decode(message.subarray(0, 12));
                const good = label === "subtree/v1\\n\\0" && signature.length === 2420;
                return Promise.resolve(good && key.form === "raw-public" && ANSWER);
              };
            """.replace("ANSWER", answer),
        )
        page.open(path)
        assert page.value("mlDsa()") is True
        found = facts(page, files.vector("sealed"))
    assert found["verdict"] == verdict
    assert [code for code, _ in found["gaps"]] == []
    if verdict == "failed":
        assert [code for code, _ in found["faults"]] == ["evidence.note"]
