// What happens when the page is opened, and when a file is chosen: read it, show the verdict and
// everything. One file is shown at a time; the keys of the last one that was good are kept for
// checkpoints.

const SLICE = 200;
const SHOWN_WHOLE = 1000;
const COMES_INTO_VIEW = "contentvisibilityautostatechange";
const HERE = "the file in this page";

// `held` is where keys are from: { name, keys, names, realm, parties }; `evidence` the same of the
// last evidence. `blank` is the page before anything was shown; `shown` ends what belongs to the
// file in hand.
const PAGE = {
  held: null,
  evidence: null,
  busy: true,
  able: false,
  blank: null,
  shown: new AbortController(),
};

// The bytes of the block of this document.
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
  offerLanguages(reading, show);
  list.after(rest);
  section.addEventListener("toggle", ({ target }) => show.prove(target), true);
  const comes = ({ target, skipped }) => skipped || show.complete(target);
  section.addEventListener(COMES_INTO_VIEW, comes, true);
  const complete = () => {
    for (const article of section.querySelectorAll("article")) show.complete(article);
  };
  addEventListener("beforeprint", complete, { signal: PAGE.shown.signal });
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

// --- files by their kind -------------------------------------------------------------------------

async function checkEvidence(bytes, name) {
  document.documentElement.dataset.kind = "evidence";
  let reading;
  try {
    reading = await readEvidence(await bytes(), (share) =>
      say(`Checking: ${Math.floor(share * 100)} %`),
    );
  } catch (error) {
    if (!(error instanceof Break)) throw error;
    reading = brokenReading(error);
  }
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
  const verdict = verdictOf(reading);
  if (verdict !== "failed") {
    const { realm } = reading.header;
    const parties = () => partiesPart(reading, names);
    PAGE.held = { name, keys: reading, names, realm, parties };
    PAGE.evidence = PAGE.held;
  }
  globalThis.tielineFacts = () => factsOf(reading, findings);
  return { verdict, counts: reading.counts };
}

async function checkProof(bytes, name) {
  document.documentElement.dataset.kind = "proof";
  try {
    const proof = await readProofFile(await bytes());
    const before = PAGE.evidence;
    const said = before === null ? null : keysByEvidence(proof, before.keys);
    showProof(proof, said, before?.name);
    const { party, realm, root, certificates } = proof;
    const names = { station: () => `${party}/${certificates[0].name}` };
    const parties = () =>
      section("parties", "Whose keys", `The words of the root key of ${party}:`, [
        wordsShown(party, realm, root),
      ]);
    PAGE.held = { name, keys: keysOfProof(proof), names, realm, parties };
    const facts = { verdict: "checked", ...proofFacts(proof), ...(said && { evidence: said }) };
    globalThis.tielineFacts = () => facts;
    return { verdict: "checked" };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    showNoProof(error);
    globalThis.tielineFacts = () => ({ verdict: "failed", code: error.code });
    return { verdict: "failed", code: error.code };
  }
}

async function checkOther(bytes) {
  document.documentElement.dataset.kind = "checkpoint";
  let note;
  let checkpoint;
  try {
    note = readNoteBytes(await bytes());
    checkpoint = readAnyCheckpoint(note.text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return unknownFile(error.message);
  }
  const found = await judgeCheckpoint(note, checkpoint, PAGE.held?.keys ?? null);
  showCheckpoint(found, PAGE.held);
  const { verdict, faults, gaps, signers } = found;
  const codes = (list) => list.map(({ code }) => code);
  const told = { verdict, faults: codes(faults), gaps: codes(gaps) };
  const by = signers.map(({ by: signer, kind, time }) => [kind, signer, time && String(time)]);
  globalThis.tielineFacts = () => ({ ...told, signers: by });
  return told;
}

function unknownFile(why) {
  document.documentElement.dataset.kind = "none";
  titled("Check a file of a line");
  const sentence =
    "It is no evidence, no proof of two stories and no signed checkpoint, whole and unchanged. " +
    "This page reads nothing else.";
  showBox("unable", "NOT CHECKED", sentence, `Taken as a checkpoint: ${why}`);
  globalThis.tielineFacts = () => ({ verdict: "unable", code: "verify.unknown" });
  return { verdict: "unable", code: "verify.unknown" };
}

function emptyPage() {
  document.documentElement.dataset.kind = "none";
  titled("Check a file of a line");
  const sentence =
    "Choose a file below. This page checks it by itself, without any network, and sends nothing.";
  showBox("unread", "No file yet", sentence);
  globalThis.tielineFacts = () => ({ verdict: "unread" });
  return { verdict: "unread" };
}

// Shows what a file is. `bytes` gives its bytes, and may refuse.
async function checkFile(kind, bytes, name) {
  if (kind === "proof") return checkProof(bytes, name);
  if (kind === "other") return checkOther(bytes);
  return checkEvidence(bytes, name);
}

async function checkBlock() {
  const block = document.querySelector("script#evidence")?.textContent ?? "?";
  if (block.trim() === "") return emptyPage();
  let bytes = blockBytes;
  let kind = "evidence";
  try {
    const read = blockBytes();
    bytes = () => read;
    if (kindOfFile(read) === "proof") kind = "proof";
  } catch (error) {
    if (!(error instanceof Break)) throw error;
  }
  return checkFile(kind, bytes, HERE);
}

// The bytes of a file, or null: it may be a folder, or gone.
async function bytesOf(file) {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    return null;
  }
}

function unreadable() {
  titled("Check a file of a line");
  showBox("unable", "NOT CHECKED", "The browser cannot read this file. Choose it again.");
  return { verdict: "unable", code: "file.read" };
}

// A file that somebody chose. It is looked at from its beginning, and held against the limit of
// its kind, before it is read.
async function checkChosen(file) {
  const begin = await bytesOf(file.slice(0, LONGEST_BEGINNING));
  if (begin === null) return unreadable();
  const kind = kindOfFile(begin);
  if (file.size > MOST_OF_FILE[kind]) {
    const sentence = `The file has ${file.size.toLocaleString("en")} bytes, more than it may have.`;
    const codes = { proof: "armor.too_large", other: "note.too_large" };
    const tooLarge = () => {
      if (codes[kind] !== undefined) refuse(codes[kind], sentence);
      throw new Break("evidence.too_large", sentence, 0);
    };
    return checkFile(kind, tooLarge, file.name);
  }
  const whole = await bytesOf(file);
  if (whole === null) return unreadable();
  if (kind !== "document") return checkFile(kind, () => whole, file.name);
  try {
    const inner = openFile(whole);
    return await checkFile(inner.kind, () => inner.bytes, file.name);
  } catch (error) {
    if (!(error instanceof Break)) throw error;
    return checkEvidence(() => {
      throw error;
    }, file.name);
  }
}

// --- the page ------------------------------------------------------------------------------------

// Puts the page back to what it was before anything was shown.
function clearPage() {
  PAGE.shown.abort();
  PAGE.shown = new AbortController();
  document.querySelector("main").replaceWith(PAGE.blank.cloneNode(true));
  const banner = document.getElementById("exercise");
  banner.hidden = true;
  banner.textContent = "";
  document.title = "Evidence of a line";
  const { dataset } = document.documentElement;
  for (const name of ["exercise", "done", "kind"]) delete dataset[name];
  dataset.verdict = "unread";
  say("Checking");
}

// One file after another: while one is read, none is taken. Whatever goes wrong, it is no verdict.
async function run(check) {
  PAGE.busy = true;
  const began = performance.now();
  const { dataset } = document.documentElement;
  delete globalThis.tielineFacts;
  let result;
  try {
    result = await check();
  } catch (error) {
    clearPage(); // else what was shown before it would stand there as a verdict
    const sentence = "This page met a mistake of its own. Use another reader for this file.";
    showBox("unable", "NOT CHECKED", sentence);
    result = { error: String(error) };
  }
  document.getElementById("result").textContent = JSON.stringify(result);
  dataset.milliseconds = String(Math.round(performance.now() - began));
  offerFiles();
  dataset.done = "yes";
  PAGE.busy = false;
}

function offerFiles() {
  document.getElementById("choose").hidden = !PAGE.able;
  const input = document.getElementById("file");
  input.addEventListener("change", () => take(input.files));
}

async function take(files) {
  if (PAGE.busy || !PAGE.able || files.length === 0) return;
  const [file] = files;
  clearPage();
  await run(async () => {
    const result = await checkChosen(file);
    const name = make("p", { class: "of" }, "File: ", isolated(file.name));
    document.getElementById("verdict").before(name);
    return result;
  });
  document.getElementById("verdict").focus();
}

function takeDrops() {
  const over = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    event.preventDefault(); // else the browser would leave this page for the file
    over(PAGE.able && !PAGE.busy);
  });
  addEventListener("dragleave", () => over(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    take(event.dataTransfer.files);
  });
}

async function start() {
  PAGE.blank = document.querySelector("main").cloneNode(true);
  PAGE.able = await ed25519Works();
  if (PAGE.able) {
    takeDrops();
    await run(checkBlock);
    return;
  }
  document.documentElement.dataset.verdict = "unable";
  say("NOT CHECKED: this browser cannot check Ed25519 signatures as they must be checked.");
}

start();
