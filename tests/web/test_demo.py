"""`./dev demo` as somebody new meets it: the start page, two desks, five steps, and a clean end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.page.browser import Browser, Page
from tests.web.house import RULES, axe_script

# What the desk gives out when evidence is asked for.
EVIDENCE = """(async () => {
  const form = document.querySelector("form[action^='/record/evidence']");
  const body = new URLSearchParams(new FormData(form));
  return await (await fetch(form.action, { method: "POST", body })).text();
})()"""
ROOT = Path(__file__).parents[2]


class Demo:
    """A running demo. ``told``: what it has printed until everything was ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told = ""
        assert process.stdout is not None
        while "desks are ready" not in self.told:
            line = process.stdout.readline()
            assert line, self.told
            self.told += line
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?t=\S+", self.told)
        assert found is not None
        self.url, self.base = found[0], found[1]

    @property
    def password(self) -> str:
        return self.told.partition("Password of all officers: ")[2].split()[0]


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Demo]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tieline.exercise", "--no-browser", *words],
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield Demo(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


def submit(page: Page, selector: str) -> None:
    """Press what sends a form once it is there, in the same window, and wait for the answer."""
    page.wait(f"document.querySelector({json.dumps(selector)}) !== null")
    page.value(
        "document.querySelectorAll('form[target]').forEach((each) => each.target = '');"
        f"window.before = true; document.querySelector({json.dumps(selector)}).click()"
    )
    page.wait("!window.before && document.readyState === 'complete'")


def sit(page: Page, demo: Demo, selector: str) -> None:
    page.go(demo.base + "/")
    submit(page, selector)


def ticked(start: Page, step: int) -> None:
    start.wait(f"document.querySelector('[data-step=\"{step}\"].done') !== null")


def there(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)}) !== null"


def password(page: Page, demo: Demo) -> None:
    """Type the password into the first form that asks for it, and send that."""
    page.wait(there("main [name=password]"))
    page.value(
        "(() => { const field = document.querySelector('main [name=password]');"
        f" field.value = {json.dumps(demo.password)};"
        " field.form.querySelector('button.main').id = 'wanted'; })()"
    )
    submit(page, "#wanted")
    page.wait("!document.body.innerText.includes('is not right')")


def until(page: Page, demo: Demo, selector: str) -> None:
    """Let the clock jump to what comes next until the start page has something."""
    for _ in range(40):
        page.go(demo.base + "/")
        page.wait("document.readyState === 'complete'")
        if page.value(there(selector)):
            return
        submit(page, "#step")
        page.wait(there("#go"))
    raise AssertionError(selector)


def check(page: Page, demo: Demo, file: Path) -> None:
    """Give a file to the checker of the start page."""
    page.go(demo.base + "/")
    root = page.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    found = page.call("DOM.querySelector", nodeId=root, selector="[name=file]")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(file)], nodeId=found)
    submit(page, "#check-it")


def left_over(folder: Path) -> list[str]:
    """Command lines of processes that were started for this folder and still live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


def test_the_five_steps_as_somebody_new_goes_them(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path) as demo, browser.page(alone=True) as page:
        # Without the word of chance the page gives nothing away.
        page.go(demo.base + "/")
        assert demo.password not in str(page.value("document.body.innerText"))
        page.go(demo.url)
        page.wait('document.querySelector(\'[data-step="1"] [name=to][value^="/item/"]\') !== null')
        page.value(axe_script())
        found = page.value(
            "axe.run({runOnly: " + json.dumps(RULES) + "}).then((done) => done.violations.map("
            "(each) => each.id + ': ' + each.nodes.map((node) => node.html).join(' | ')))"
        )
        assert found == []

        sit(page, demo, "#step-1")
        submit(page, "#acknowledge button")
        page.go(demo.base + "/")
        ticked(page, 1)

        # What the script would say stands in the form; the officer sends it.
        until(page, demo, "[id^=suggest-]")
        submit(page, "[id^=suggest-]")
        page.wait("document.querySelector('[name=\"a:count[1].is\"]')?.value === '4'")
        submit(page, "main form button.main")
        page.go(demo.base + "/")
        ticked(page, 2)
        sit(page, demo, "#step-2")
        page.wait("document.querySelector('.is-differ') !== null")  # 6 and 4

        page.go(demo.base + "/")
        submit(page, "#cut")
        sit(page, demo, "#sit-BRAVO-0")
        page.wait(f"{there('[data-live=lines]')} && {there('.lamp.bad')}")
        until(page, demo, "[id^=suggest-]")
        submit(page, "[id^=suggest-]")  # a message in words
        submit(page, "main button[value=send]")
        page.wait("location.pathname.startsWith('/item/')")  # signed; until then it is held
        sit(page, demo, "#heal")
        ticked(page, 3)

        until(page, demo, "[data-step='4'] [name=to][value^='/joint/']")
        sit(page, demo, "#step-4")
        password(page, demo)
        assert not page.value(there("form[action$='/sign']"))  # it is signed as far as this one can
        sit(page, demo, "#sit-BRAVO-1")
        page.wait(f"location.pathname === '/' && {there('[data-live=lines]')}")
        page.value("location.href = '/drafts'")
        page.wait(there("main a[href^='/draft/']"))
        page.value("document.querySelector(\"main a[href^='/draft/']\").click()")
        password(page, demo)
        page.go(demo.base + "/")
        ticked(page, 4)

        sit(page, demo, "#step-5")
        page.wait(there("form[action^='/record/evidence']"))
        file = tmp_path / "evidence.html"
        file.write_text(str(page.value(EVIDENCE)), encoding="utf-8")
        check(page, demo, file)
        ticked(page, 5)
        assert "everything in it was checked" in str(
            page.value("document.querySelector('pre').innerText")
        )


def test_it_ends_clean_and_a_party_can_be_taken_and_given_back(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path) as demo, browser.page(alone=True) as page:
        page.go(demo.url)
        submit(page, "#leave-BRAVO")
        page.wait("document.querySelector('#take-BRAVO') !== null")
        submit(page, "#step")  # the script acknowledges and answers by itself
        page.wait("document.querySelector('#go') !== null")
        for _ in range(6):
            submit(page, "#step")
        page.wait("document.body.innerText.includes('acknowledgement')")
        assert len(left_over(tmp_path)) >= 4
    assert demo.process.returncode == 0
    assert left_over(tmp_path) == []
    assert not list(tmp_path.glob("tieline-exercise-*"))


@pytest.mark.parametrize("words", [["--desks", "9"], ["--port", "0"]])
def test_wrong_words_are_refused(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tieline.exercise", *words], capture_output=True, check=False
    )
    assert done.returncode == 2
