// What is shown of a proof of two stories, and of a checkpoint that came alone.

// The box at the top: a verdict as on evidence, its words, and sentences.
function showBox(verdict, word, ...sentences) {
  const box = document.getElementById("verdict");
  box.className = verdict;
  const sign = VERDICTS[verdict]?.[0];
  const attributes = { class: "sign", "aria-hidden": "true" };
  const shown = sign === undefined ? null : make("span", attributes, sign);
  const lines = sentences.map((sentence) => make("p", {}, sentence));
  box.replaceChildren(make("p", { class: "word" }, shown, word), ...lines);
  document.documentElement.dataset.verdict = verdict;
}

function titled(title) {
  document.querySelector("main h1").textContent = title;
  document.title = title;
}

function facts(pairs) {
  const rows = pairs.map(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]);
  return make("dl", { class: "facts" }, rows);
}

function bullets(lines) {
  return make(
    "ul",
    {},
    lines.map((line) => make("li", {}, line)),
  );
}

function wordsShown(party, realm, root) {
  const words = wordsOf(fingerprint(party, realm, root));
  return make(
    "span",
    { class: "words" },
    words.map((word) => [make("span", {}, word), " "]),
  );
}

function drill(realm) {
  return realm === "" ? null : make("p", { class: "drill" }, `EXERCISE ${realm}`);
}

// --- a proof -------------------------------------------------------------------------------------

const PROOF_TITLE = "Proof of two stories";

function showNoProof(refused) {
  titled(PROOF_TITLE);
  showBox(
    "failed",
    "It proves nothing",
    refused.message,
    "Nothing else of the file is shown. It accuses nobody: whoever made it may have erred, or it " +
      "was changed on its way. Ask its sender for another.",
    make("small", {}, refused.code),
  );
}

// How many statement keys signed: two certificates may name one.
function statementKeys({ certificates }) {
  return new Set(certificates.map(({ signKey }) => hex(signKey))).size;
}

// Who did what, in one sentence.
function accusation(proof) {
  const { party, certificates, kind, at, heads } = proof;
  const who =
    statementKeys(proof) === 1
      ? `The key of the station ${certificates[0].name} of ${party}`
      : `Two keys of the station ${certificates[0].name} of ${party}`;
  const count = at.toLocaleString("en");
  const did = {
    [TWO_STATEMENTS]:
      `signed two different statements under number ${count} of one log, where there can be ` +
      "only one.",
    [SAME_SIZE]:
      `signed two different roots for the first ${count} statements of one log, and so vouched ` +
      "for two different contents.",
    [NO_BEGINNING]:
      `signed a checkpoint of the first ${count} statements of one log and one of the first ` +
      `${heads[1]?.size.toLocaleString("en")}, and the larger one does not begin with the ` +
      "smaller one: they vouch for two different contents.",
  };
  return `${who} ${did[kind]}`;
}

function accusedPart({ party, realm, root, line, incarnation, certificates }) {
  const [{ name, id }] = certificates;
  return section(
    "accused",
    "Whom it accuses",
    "",
    facts([
      ["Party", make("strong", {}, party)],
      ["Station", [name, " ", make("code", {}, hex(id))]],
      ["Traffic", realm === "" ? "live" : `EXERCISE ${realm}`],
      ["Line id", make("code", {}, grouped(line))],
      ["Log", make("code", {}, grouped(incarnation))],
      ["Words of the root key", wordsShown(party, realm, root)],
    ]),
    make(
      "p",
      {},
      `All of this hangs on the root key in the file. Ask ${party}, by a way that you trust, for ` +
        "its eight words. All eight must be the same; if they are not, the proof is not against " +
        `the ${party} that you know.`,
    ),
  );
}

function keyOfHalf({ certificates }, at) {
  return certificates.length === 1
    ? "signed with the key in the one certificate of the file"
    : `signed with the key in certificate ${at + 1} of 2`;
}

function halvesPart(proof) {
  const { statements, heads, realm } = proof;
  const said = statements.map((each, at) => {
    const precedence = PRECEDENCES[each.precedence];
    return make(
      "article",
      { class: precedence.toLowerCase() },
      drill(realm),
      make(
        "h3",
        {},
        make("span", { class: "party" }, proof.party),
        make("span", { class: "station" }, `/${proof.certificates[0].name}`),
        make("span", { class: "precedence" }, precedence),
        make("span", { class: "kind" }, kindName(each)),
        make("span", { class: "dtg" }, dateTimeGroup(each.claimed)),
      ),
      make(
        "p",
        { class: "line" },
        `Number ${each.position.toLocaleString("en")}, ${ROLES[each.role]}, `,
        `${keyOfHalf(proof, at)}. `,
        `Written ${timeText(each.claimed)} by its author’s clock. Digest `,
        make("code", {}, grouped(hex(each.digest))),
      ),
      contentOf({ said: each }),
    );
  });
  const signed = heads.map(({ size, root }, at) =>
    make(
      "article",
      {},
      drill(realm),
      make("h3", {}, `The first ${size.toLocaleString("en")} statements`),
      make("p", { class: "line" }, `A checkpoint, ${keyOfHalf(proof, at)}. Root `),
      make("p", {}, make("code", {}, grouped(hex(root)))),
    ),
  );
  const other =
    proof.kind === NO_BEGINNING
      ? make(
          "p",
          {},
          `In the larger one the first ${heads[0].size.toLocaleString("en")} statements have ` +
            "another root: ",
          make("code", {}, grouped(hex(proof.other))),
        )
      : null;
  return section("halves", "What was signed twice", "", said, signed, other);
}

function stepsPart({ party, realm, certificates, kind }) {
  const both = certificates.length === 1 ? "The certificate" : "Both certificates";
  const live = realm === "" ? "live traffic" : `the exercise ${realm}`;
  const last = {
    [TWO_STATEMENTS]: "Both stand under one number of one log of one line, and they differ.",
    [SAME_SIZE]: "Both are of one log and one size, and their roots differ.",
    [NO_BEGINNING]:
      "Both are of one log; the hashes in the file lead from another root of the smaller size to " +
      "the root of the larger one, so the larger tree does not begin with the smaller one.",
  };
  return section(
    "steps",
    "What was checked",
    "",
    bullets([
      `${both} in the file: signed by the root key in it, for the station ` +
        `${certificates[0].name} of ${party}, for ${live}.`,
      "Each half: signed with the statement key of its certificate (Ed25519), unchanged since.",
      last[kind],
      "All from the file alone, without any network.",
    ]),
  );
}

const ENDED_KEY =
  "Whether that key was in force: no charter is in a proof, and whoever has " +
  "stolen a key can sign with it also after the parties have ended it. What was signed with an " +
  "ended key, beyond the end of its log, accuses nobody. Evidence of the line says which keys " +
  "ended, and where.";

const TWO_KEYS =
  "This proof carries two certificates of one station: its keys were renewed in between, and " +
  "each half was signed with another key. An honest station that gets new keys begins a new log, " +
  "so ask first whether one of the two keys had ended: then a thief of it may have made that half.";

function caveatsPart(proof) {
  const { length } = proof.certificates;
  let two =
    "Both halves here stand under one certificate. A proof may also carry two certificates of " +
    "one station, when its keys were renewed in between.";
  if (length === 2) {
    two =
      statementKeys(proof) === 1
        ? "This proof carries two certificates of one station, which name one statement key."
        : make("strong", {}, TWO_KEYS);
  }
  return section(
    "caveats",
    "What it does not show",
    "",
    bullets([
      "Which of the two is true.",
      "Who held the key: a stolen key, or a copy of the station, leaves the same trace as a lie.",
      ENDED_KEY,
      two,
      "That the root key is that party’s: its words tell, above.",
    ]),
  );
}

const ENDED_BY_EVIDENCE =
  "By the evidence that was read before, a key that signed is the station’s no more: see below.";

// What evidence that was read before says of the keys; `name` is whence it came.
function evidencePart(proof, { newest, root, keys }, name) {
  const { party, certificates } = proof;
  const named = root.length === 1 ? "version" : "versions";
  const line =
    root.length === 0
      ? make(
          "strong",
          {},
          `No version of the charter gives ${party} this root key: the proof is not against the ` +
            `${party} of that evidence.`,
        )
      : `The root key is that of ${party} in ${named} ${root.join(", ")} of the charter.`;
  const one = certificates.length === 1;
  const which = (at) => (one ? "The key" : `The key in certificate ${at + 1}`);
  const each = keys.map((versions, at) => {
    if (versions.length === 0) return `${which(at)} is in no version of the charter there.`;
    const last = versions.at(-1);
    if (last === newest) {
      return `${which(at)} is the station’s also in the newest version there, which is ${newest}.`;
    }
    return make(
      "strong",
      {},
      `${which(at)} is the station’s no more since version ${last + 1}. Whoever has it since ` +
        "then may have signed with it, so the proof alone accuses nobody: ask who had seen both " +
        "halves before.",
    );
  });
  return section(
    "by-evidence",
    "What the evidence says that was read before",
    "",
    make("p", {}, "From ", isolated(name), ", as far as its charter goes:"),
    bullets([line, ...each]),
  );
}

// `said` is what evidence says of it, or null, and `name` whence that came.
function showProof(proof, said, name) {
  titled(PROOF_TITLE);
  showExercise(proof.realm);
  const drillWord = proof.realm === "" ? [] : ["This is no live traffic."];
  const limit = "It does not show who held the key; what else it does not show is below.";
  const ended = said !== null && said.keys.some((versions) => versions.at(-1) < said.newest);
  const warned = ended ? [make("p", { class: "alarm" }, ENDED_BY_EVIDENCE)] : [];
  showBox("checked", "The proof holds", accusation(proof), limit, ...drillWord, ...warned);
  const parts = [accusedPart(proof), halvesPart(proof), caveatsPart(proof), stepsPart(proof)];
  if (said !== null) parts.splice(3, 0, evidencePart(proof, said, name));
  document.getElementById("parts").append(...parts);
}

// --- a checkpoint --------------------------------------------------------------------------------

const CHECKPOINT_TITLE = "Signed checkpoint";
const NO_KEY =
  "This page has no key of the log that it is of, so no signature could be checked. Choose " +
  "evidence of its line first, or a proof that bears a certificate of its station, and then the " +
  "checkpoint again.";

function plainList(list, title, name) {
  if (list.length === 0) return null;
  const items = list.map(({ code, sentence }) => [sentence, make("small", {}, ` ${code}`)]);
  return make("section", { id: name, class: name }, make("h2", {}, title), bullets(items));
}

// `held` is what the keys are from: { name, keys, names, reading or proof }.
function showCheckpoint(found, held) {
  titled(CHECKPOINT_TITLE);
  const { checkpoint, verdict, log, signers } = found;
  const size = checkpoint.size.toLocaleString("en");
  if (verdict === "unable") {
    showBox(verdict, "NOT CHECKED", NO_KEY);
  } else {
    showExercise(held.realm);
    const who = held.names.station(log.station);
    const meaning = {
      checked:
        `${who} signed that its log had ${size} statements under this root. Those in the ` +
        "evidence have the same.",
      partly:
        `${who} signed that its log had ${size} statements under this root. What could not be ` +
        "checked is listed below.",
      failed: "Something under it is not what it says it is. What failed is listed below.",
    };
    showBox(verdict, VERDICTS[verdict][1], meaning[verdict]);
  }
  const by = signers.map(({ by: signer, kind, time }) => {
    const isWitness = kind === "witness" || kind === "late witness";
    const who = isWitness ? ["witness ", isolated(signer)] : held.names.station(signer);
    const late = " with ML-DSA-44";
    const what = { log: " itself", mldsa: late, "late witness": late }[kind] ?? "";
    const when = time === null || time === 0 ? "" : `, ${timeText(Number(time) * 1000)}`;
    return make("div", {}, who, what, when);
  });
  const rows = [
    ["Says of itself", [isolated(checkpoint.origin)]],
    ["Size", size],
    ["Root", make("code", {}, grouped(hex(checkpoint.root)))],
    ["Signed by", by.length > 0 ? by : "nobody whose signature could be checked"],
  ];
  if (log !== null) rows.push(["Keys from", isolated(held.name)]);
  const parts = [
    plainList(found.faults, "What failed", "faults"),
    plainList(found.gaps, "What could not be checked", "gaps"),
    section("about", "This checkpoint", "", facts(rows)),
    log === null ? null : caveatsOfCheckpoint(),
    log === null ? null : held.parties(),
  ];
  document.getElementById("parts").append(...parts.filter((part) => part !== null));
}

function caveatsOfCheckpoint() {
  return section(
    "caveats",
    "What it does not show",
    "",
    bullets([
      "What the statements say: it holds their number and one hash of all of them.",
      "Who held the key. Whoever has stolen a key can sign with it, also after it has ended.",
      "That there is no other checkpoint of this log: compare it with those that others have.",
    ]),
  );
}
