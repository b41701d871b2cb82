// The statements, each with who had seen it when.

const MOST_AHEAD_MS = 60000;
const OBSERVER = "OBSERVER: not heard, without effect. Its author only reads this line";

// What is wanted to show any statement.
class Show {
  constructor(reading, names) {
    this.reading = reading;
    this.names = names;
    this.exercise = reading.header.realm;
    this.forms = new FormShow(reading, ENGLISH);
  }

  // Shows coded statements in another language, each as far as it was shown before.
  speak(language) {
    this.forms = new FormShow(this.reading, language);
    for (const box of document.querySelectorAll("#statements .form")) {
      this.forms.fill(box, this.recordOf(box), box.querySelector("dl") !== null);
    }
  }

  recordOf(element) {
    return this.names.records.get(Number(element.closest("article").id.slice(1)));
  }

  // A statement, without what `complete` adds.
  article(record) {
    const { said } = record;
    const precedence = PRECEDENCES[said.precedence];
    const second = record.late
      ? "LATE: signed with a key that the charter ended, beyond the end of its log. Without effect"
      : "SECOND STORY: beside the main branch of its log";
    return make(
      "article",
      {
        id: `s${record.item}`,
        class: `${precedence.toLowerCase()}${record.second ? " second" : ""}`,
      },
      this.exercise === "" ? null : make("p", { class: "drill" }, `EXERCISE ${this.exercise}`),
      record.second ? make("p", { class: "alarm" }, second) : null,
      record.observer ? make("p", { class: "alarm" }, OBSERVER) : null,
      make(
        "h3",
        {},
        make("span", { class: "party" }, record.party),
        make("span", { class: "station" }, `/${record.stationName}`),
        make("span", { class: "precedence" }, precedence),
        make("span", { class: "kind" }, kindName(said)),
        make("span", { class: "dtg" }, dateTimeGroup(said.claimed)),
      ),
      make("p", { class: "line" }, heading(record, this.names)),
      contentOf(record, this.reading, this.forms),
    );
  }

  // Adds to a statement what it cites, who had seen it, and what is unusual about it; once.
  complete(article) {
    if (article.lastElementChild.localName === "details") return;
    const record = this.recordOf(article);
    const form = article.querySelector(".form");
    if (form !== null) this.forms.fill(form, record, true);
    fill(article, [
      referencesOf(record, this.reading, this.names),
      seenBy(record, this.reading, this.names),
      flagsOf(record, this.reading),
      make("details", {}, make("summary", {}, "Proof")),
    ]);
  }

  // Writes the proof of a statement, or what was sent, when somebody opens it; once.
  prove(details) {
    if (details.childElementCount > 1) return;
    const record = this.recordOf(details);
    details.append(
      details.classList.contains("wire")
        ? wireFields(record.said.body)
        : make("dl", { class: "facts" }, proofOf(record, this.reading, this.names)),
    );
  }
}

function heading(record, names) {
  const { said, admitted } = record;
  const wants = ["acknowledgement", "read-back", "passing on"].filter(
    (_, bit) => (said.wants >> bit) & 1,
  );
  return [
    names.record(record),
    ", ",
    ROLES[said.role],
    said.to === null ? ", to all parties" : `, to ${said.to.join(", ")}`,
    wants.length === 0 ? "" : `, wants ${wants.join(", ")}`,
    said.body.lang === undefined ? "" : `, text in “${said.body.lang}”`,
    `. Written ${timeText(said.claimed)} by its author’s clock;`,
    ` the maker of this file had it at ${timeText(admitted)}.`,
  ];
}

// --- what it says --------------------------------------------------------------------------------

const CALLED = new Map([
  [0, "log opened"],
  [2, "acknowledgement"],
  [3, "read-back"],
  [4, "passed on"],
  [5, "line test"],
  [6, "suspension"],
  [7, "resumption"],
  [10, "joint statement"],
]);

function kindName({ number, kind }) {
  return CALLED.get(number) ?? kind.name;
}

// Of a form whose pack is in the file, the title; the rest comes when it is completed. Which of
// several packs any other form is of cannot be told. A proof has no `reading`, and so no packs.
function contentOf({ said }, reading = null, forms = null) {
  const { body, form } = said;
  const parts = marksOf(body);
  const found = reading === null ? null : formOf(reading, said);
  if (found !== null) parts.push(make("div", { class: "form" }, forms.heading(found, said)));
  else if (form !== null) {
    const packs = reading === null ? [] : reading.charters[said.charter - 1].packs;
    const hashes = packs.map((pack) => [" ", make("code", {}, grouped(hex(pack)))]);
    const of = packs.length === 1 ? ", the pack:" : ", one of the packs:";
    const charter = `; in force by charter version ${said.charter}`;
    const named = packs.length === 0 ? `${charter}: no pack` : [charter, of, hashes];
    parts.push(make("p", {}, "Form ", isolated(form.id), `, version ${form.version}`, named));
  }
  if (body.text) {
    const attributes = { lang: body.lang ?? null, dir: "auto" };
    parts.push(make("blockquote", attributes, safe(body.text)));
  }
  const sentences = sentencesOf(body);
  if (sentences.length > 0) parts.push(make("p", {}, sentences));
  if ((body.fields ?? body.terms) !== undefined && found === null) parts.push(wireFields(body));
  return parts;
}

// What nobody may miss who reads the words below it.
function marksOf(body) {
  const out = [];
  if (body.reserve) out.push(make("p", { class: "mark" }, make("strong", {}, "WITHOUT PREJUDICE")));
  if (body.through !== undefined) {
    const words = [make("strong", {}, "THROUGH "), isolated(body.through)];
    out.push(make("p", { class: "mark" }, words, ": whose word its author hands on."));
  }
  return out;
}

// The fields of a body that are no text, as sentences.
function sentencesOf(body) {
  const out = [];
  if (body.unit !== undefined) {
    out.push("Told to ", isolated(body.unit), ` at ${timeText(body.time)}. `);
  }
  if (body.staffed !== undefined) {
    out.push(body.staffed ? "An officer is on watch. " : "No officer is on watch. ");
  }
  if (body.party !== undefined) {
    const tries = plural(body.attempts, "attempt");
    const owed = body.rung === undefined ? "what the rule asks" : `“${RUNGS[body.rung]}”`;
    out.push(`${body.party} owes ${owed} since ${timeText(body.due)} (${tries}). `);
  }
  if (body.slot !== undefined) out.push(`Slot of the line test: ${body.slot}. `);
  if (body.holds !== undefined) {
    out.push(`Its author held ${plural(body.holds.length, "log")} of others. `);
  }
  if (body.parties !== undefined) out.push(`Proposed for ${body.parties.join(", ")}. `);
  if (body.effective !== undefined) {
    const late = body.bindsLate ? ", also if a signature is late" : "";
    out.push(`Effective at ${timeText(body.effective)}${late}. `);
  }
  if (body.cause !== undefined) out.push("Cause given: ", isolated(body.cause));
  return out;
}

function referencesOf(record, reading, names) {
  const { references } = record.said;
  if (references.length === 0) return null;
  const effects = ["corrects", "cancels", "supersedes"];
  const items = references.map(({ target, role }) => {
    const cited = reading.places.get(target);
    if (!isHere(cited) || cited.record.fault !== null) {
      const name = make("code", {}, target.slice(0, 16));
      return make("li", {}, `${role} a statement that is left out (digest `, name, " …)");
    }
    const foreign = effects.includes(role) && cited.record.party !== record.party;
    const note = record.late
      ? " (late: without effect)"
      : record.observer
        ? " (of an observer: without effect)"
        : foreign
          ? " (of another party: without effect)"
          : "";
    return make("li", {}, `${role} `, linkTo(cited.record, names), note);
  });
  return make("ul", { class: "refs" }, items);
}

// --- who had seen it -----------------------------------------------------------------------------

const MOST_SEEN = 60;

// What each party had of a statement and did with it: by party a list of each column of COLUMNS.
const COLUMNS = ["Held", "Read", "Acknowledged", "Read back", "Passed on"];

function seenByParty(record, reading, names) {
  const parties = new Map();
  const add = (party, column, ...what) => {
    if (!parties.has(party))
      parties.set(
        party,
        COLUMNS.map(() => []),
      );
    parties.get(party)[column].push(what);
  };
  for (const { station, time } of record.heldBy.slice(0, MOST_SEEN)) {
    const { party, name } = reading.stations.get(station).at(-1);
    add(party, 0, `${name}, ${timeText(Number(time) * 1000)}`);
  }
  for (const reader of record.readBy.slice(0, MOST_SEEN)) {
    add(reader.party, 1, "before ", linkTo(reader, names));
  }
  for (const { party, rung, record: by } of record.rungs.slice(0, MOST_SEEN)) {
    const { claimed, role } = by.said;
    add(party, rung - 1, linkTo(by, names), `, ${ROLES[role]}, ${timeText(claimed)}`);
  }
  return [...parties].sort(([a], [b]) => compareTexts(a, b));
}

// Where something is asked for, or was done, the ladder as a table; else one line for each party.
function seenBy(record, reading, names) {
  const parties = seenByParty(record, reading, names);
  const parts = [];
  if (parties.length > 0 && (record.said.wants > 0 || record.rungs.length > 0)) {
    const cell = (list) => (list.length === 0 ? "–" : list.map((what) => make("div", {}, what)));
    const rows = parties.map(([party, columns]) => [make("b", {}, party), ...columns.map(cell)]);
    parts.push(table(["Party", ...COLUMNS], rows, "Who had seen it"));
  } else if (parties.length > 0) {
    const lines = parties.map(([party, [held, read]]) => {
      const had = held.map((what, at) => [at === 0 ? "held by " : "; held by ", what]);
      const knew = read.map((what, at) => [at + held.length === 0 ? "read " : "; read ", what]);
      return make("li", {}, make("b", {}, party), ": ", had, knew);
    });
    parts.push(make("ul", { class: "refs" }, lines));
  }
  const silent = silentParties(record, reading, parties);
  if (silent.length > 0) {
    const sentence = `Nothing in this file shows that ${silent.join(", ")} had it.`;
    parts.push(make("p", { class: "line" }, sentence));
  }
  return make("div", { class: "seen" }, parts, citedBy(record, names));
}

// The parties to which a statement went, without its author's, of which nothing is known.
function silentParties(record, reading, parties) {
  const charter = reading.charters[record.said.charter - 1];
  const known = new Set([record.party, ...parties.map(([party]) => party)]);
  const codes = record.said.to ?? charter.parties.map((party) => party.code);
  return codes.filter((code) => !known.has(code) && !charter.observers.includes(code));
}

// Who cites it otherwise than by a rung of the ladder.
function citedBy(record, names) {
  const rungs = new Set(record.rungs.map((rung) => rung.record));
  const others = record.citedBy.filter(
    (cite) => !(cite.role === "answers" && rungs.has(cite.record)),
  );
  if (others.length === 0) return null;
  const cites = others
    .slice(0, MOST_SEEN)
    .map(({ record: by, role }, at) => [at === 0 ? "" : ", ", linkTo(by, names), ` (${role} it)`]);
  const more = others.length > MOST_SEEN ? ` and ${others.length - MOST_SEEN} more` : "";
  return make("p", { class: "line" }, "Cited by ", cites, more, ".");
}

// --- flags and proof -----------------------------------------------------------------------------

// What is unusual about a statement, or about what of it is in this file.
function flagsOf(record, reading) {
  const { said, admitted, leftBefore, leftOut } = record;
  const is = (count) => `${plural(count, "statement")} ${count === 1 ? "is" : "are"}`;
  const flags = [];
  if (leftBefore > 0) flags.push(`${is(leftBefore)} left out of its log right before it.`);
  if (leftOut > 0) flags.push(`${is(leftOut)} left out that it cites or had read.`);
  if (said.claimed > admitted + MOST_AHEAD_MS) flags.push("Its clock was ahead of the maker’s.");
  const before = said.previous === null ? undefined : reading.places.get(said.previous);
  const earlier = isHere(before) ? before.record.said : null;
  if (earlier !== null && earlier.claimed > said.claimed + MOST_AHEAD_MS) {
    flags.push("Its author’s clock went back: the statement before it has a later time.");
  }
  if (said.newer.length + said.body.newer.length > 0) {
    flags.push("It has fields of newer software, which are not shown.");
  }
  if (said.kind === NO_KIND) {
    flags.push(`It is of kind ${said.number}, which this page does not know.`);
  }
  if (flags.length === 0) return null;
  const items = flags.map((flag) => make("li", {}, flag));
  return make("ul", { class: "flags" }, items);
}

function proofOf(record, reading, names) {
  const { said, log } = record;
  const station = reading.charters[said.charter - 1].stations.get(log.station);
  const facts = [
    ["Digest", record.digest],
    ["Signature", hex(said.message.signature)],
    ["Signed by", hex(station.signKey)],
    ["Log", log.id],
  ];
  const code = ([term, value]) => [
    make("dt", {}, term),
    make("dd", {}, make("code", {}, grouped(value))),
  ];
  const place = [
    `position ${record.position} of the log of ${names.logs.get(log)}`,
    `charter version ${said.charter}`,
    `item ${record.item} of the file`,
  ];
  return [facts.map(code), make("dt", {}, "Place"), make("dd", {}, place.join(", "))];
}
