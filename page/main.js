// What happens when the page is opened: take the block, read it, show the verdict and everything.

const SLICE = 200;
const SHOWN_WHOLE = 1000;
const COMES_INTO_VIEW = "contentvisibilityautostatechange";

// The bytes of the evidence block of this document.
function blockBytes() {
  const blocks = document.querySelectorAll("script#evidence");
  const bytes = blocks.length === 1 ? fromBase64(blocks[0].textContent, true) : null;
  if (bytes === null)
    throw new Break("evidence.magic", "The file has no readable block of evidence.", 0);
  return bytes;
}

function brokenReading(error) {
  const reading = new Reading();
  reading.broken = true;
  reading.brokenAt = error;
  reading.faults.push({ item: error.item, code: error.code, sentence: error.message });
  return reading;
}

async function read(progress) {
  try {
    return await readEvidence(blockBytes(), progress);
  } catch (error) {
    if (error instanceof Break) return brokenReading(error);
    throw error;
  }
}

function showExercise(realm) {
  if (realm === "") return;
  const banner = document.getElementById("exercise");
  banner.hidden = false;
  banner.textContent = `EXERCISE ${realm} EXERCISE`;
  document.title = `EXERCISE ${realm}: ${document.title}`;
  document.documentElement.dataset.exercise = realm;
}

// The first slice is to be seen at once. The rest is put together out of sight, since the browser
// would otherwise lay out everything again for each slice; and of a long list each statement is
// completed when it comes into view, or all when the page is printed.
async function showStatements(reading, findings, names) {
  const show = new Show(reading, names);
  const section = document.getElementById("statements");
  const list = document.getElementById("list");
  const rest = make("div", { hidden: "" });
  const { shown } = findings;
  const whole = shown.length <= SHOWN_WHOLE || !(`on${COMES_INTO_VIEW}` in list);
  section.hidden = false;
  list.after(rest);
  section.addEventListener("toggle", ({ target }) => show.prove(target), true);
  const comes = ({ target, skipped }) => skipped || show.complete(target);
  section.addEventListener(COMES_INTO_VIEW, comes, true);
  addEventListener("beforeprint", () => {
    for (const article of section.querySelectorAll("article")) show.complete(article);
  });
  for (let at = 0; at < shown.length; at += SLICE) {
    const articles = shown.slice(at, at + SLICE).map((record) => show.article(record));
    if (whole) articles.forEach((article) => show.complete(article));
    (at === 0 ? list : rest).append(...articles);
    await breathe();
  }
  rest.hidden = false;
}

function say(sentence) {
  document.getElementById("verdict").replaceChildren(make("p", { class: "word" }, sentence));
}

async function start() {
  const began = performance.now();
  const root = document.documentElement;
  if (!(await ed25519Works())) {
    root.dataset.verdict = "unable";
    say("NOT CHECKED: this browser cannot check Ed25519 signatures as they must be checked.");
    return;
  }
  const reading = await read((share) => say(`Checking: ${Math.floor(share * 100)} %`));
  performance.mark("read");
  const names = new Names(reading);
  const findings = reading.broken ? { good: [], conflicts: [], shown: [] } : find(reading);
  performance.mark("found");
  if (reading.header !== null) showExercise(reading.header.realm);
  showVerdict(reading, findings, names);
  if (!reading.broken) {
    const parts = [aboutPart, partiesPart, charterPart, logsPart].map((part) =>
      part(reading, names),
    );
    document.getElementById("parts").append(...parts);
    performance.mark("parts");
    await showStatements(reading, findings, names);
  }
  performance.mark("shown");
  const result = { verdict: verdictOf(reading), counts: reading.counts };
  document.getElementById("result").textContent = JSON.stringify(result);
  root.dataset.milliseconds = String(Math.round(performance.now() - began));
  root.dataset.done = "yes";
  globalThis.tielineFacts = () => factsOf(reading, findings);
}

start().catch((error) => {
  document.documentElement.dataset.verdict = "unable";
  say(
    "NOT CHECKED: this page met a mistake of its own. Use another reader for the evidence bytes.",
  );
  document.getElementById("result").textContent = JSON.stringify({ error: String(error) });
  document.documentElement.dataset.done = "yes";
});
