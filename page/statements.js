// The statements, each with who had seen it when.

const MOST_AHEAD_MS = 60000;

// What is wanted to show any statement.
class Show {
  constructor(reading, names) {
    this.reading = reading;
    this.names = names;
    this.exercise = reading.header.realm;
  }

  // A statement, without what `complete` adds.
  article(record) {
    const { said } = record;
    const precedence = PRECEDENCES[said.precedence];
    const second = "SECOND STORY: beside the main branch of its log";
    return make(
      "article",
      {
        id: `s${record.item}`,
        class: `${precedence.toLowerCase()}${record.second ? " second" : ""}`,
      },
      this.exercise === "" ? null : make("p", { class: "drill" }, `EXERCISE ${this.exercise}`),
      record.second ? make("p", { class: "alarm" }, second) : null,
      make(
        "h3",
        {},
        make("span", { class: "party" }, record.party),
        make("span", { class: "station" }, `/${record.stationName}`),
        make("span", { class: "precedence" }, precedence),
        make("span", { class: "kind" }, said.kind.name),
        make("span", { class: "dtg" }, dateTimeGroup(said.claimed)),
      ),
      make("p", { class: "line" }, heading(record, this.names)),
      contentOf(record),
    );
  }

  // Adds to a statement what it cites, who had seen it, and what is unusual about it; once.
  complete(article) {
    if (article.lastElementChild.localName === "details") return;
    const record = this.names.records.get(Number(article.id.slice(1)));
    fill(article, [
      referencesOf(record, this.reading, this.names),
      seenBy(record, this.reading, this.names),
      flagsOf(record, this.reading),
      make("details", {}, make("summary", {}, "Proof")),
    ]);
  }

  // Writes the proof of a statement when somebody opens it; once.
  prove(details) {
    if (details.childElementCount > 1) return;
    const record = this.names.records.get(Number(details.parentElement.id.slice(1)));
    details.append(make("dl", { class: "facts" }, proofOf(record, this.reading, this.names)));
  }
}

function heading({ said, admitted, ...record }, names) {
  const wants = ["acknowledgement", "read-back", "passing on"].filter(
    (_, bit) => (said.wants >> bit) & 1,
  );
  return [
    names.record({ said, ...record }),
    ", ",
    ROLES[said.role],
    said.to === null ? ", to all parties" : `, to ${said.to.join(", ")}`,
    wants.length === 0 ? "" : `, wants ${wants.join(", ")}`,
    ". Written ",
    timeText(said.claimed),
    " by its author’s clock; the maker of this file had it at ",
    timeText(admitted),
    ".",
  ];
}

// --- what it says --------------------------------------------------------------------------------------

function contentOf({ said }) {
  const { body, form, number } = said;
  const parts = [];
  if (form !== null)
    parts.push(make("p", {}, "Form ", isolated(form.id), `, version ${form.version}`));
  if (body.text !== undefined) {
    parts.push(
      make("blockquote", { lang: body.lang ?? null, dir: "auto" }, safe(body.text)),
      body.lang === undefined ? null : make("p", { class: "line" }, `Language: ${body.lang}`),
    );
  }
  for (const [name, show] of Object.entries(SHOWN_FIELDS)) {
    if (body[name] !== undefined) parts.push(make("p", {}, show(body[name], number)));
  }
  if (body.fields !== undefined) {
    const rows = [...body.fields].map(([key, value]) => [
      make("dt", {}, String(key)),
      make("dd", {}, diagnostic(value)),
    ]);
    parts.push(make("dl", { class: "facts coded" }, rows));
  }
  return parts;
}

const SHOWN_FIELDS = {
  unit: (value) => ["Passed on to: ", isolated(value)],
  time: (value) => ["Told at ", timeText(value)],
  staffed: (value) => (value ? "An officer is on watch." : "No officer is on watch."),
  party: (value) => `Party that owes it: ${value}`,
  rung: (value) => `What is owed: ${RUNGS[value]}`,
  due: (value) => ["Due since ", timeText(value)],
  attempts: (value) => `Attempts: ${value}`,
  slot: (value) => `Slot of the line test: ${value}`,
  holds: (value) => `Its author held ${plural(value.length, "log")} of others.`,
  parties: (value) => `Joint statement of ${value.join(", ")}`,
  cause: (value) => ["Cause given: ", isolated(value)],
};

function referencesOf(record, reading, names) {
  const { references } = record.said;
  if (references.length === 0) return null;
  const items = references.map(({ target, role }) => {
    const cited = reading.places.get(target);
    const here = isHere(cited) && cited.record.fault === null;
    const idle =
      here &&
      ["corrects", "cancels", "supersedes"].includes(role) &&
      cited.record.party !== record.party;
    return make(
      "li",
      {},
      `${role} `,
      here
        ? linkTo(cited.record, names)
        : ["a statement that is left out ", make("code", {}, target.slice(0, 16))],
      idle ? " (of another party: without effect)" : "",
    );
  });
  return make("ul", { class: "refs" }, items);
}

// --- who had seen it -----------------------------------------------------------------------------------

// One line for each party: what it had and did, in the order of the rungs.
function seenBy(record, reading, names) {
  const lines = new Map();
  const line = (party) => {
    if (!lines.has(party)) lines.set(party, []);
    return lines.get(party);
  };
  const partyOf = (station) => reading.stations.get(station).at(-1).party;
  for (const { station, time } of record.heldBy) {
    line(partyOf(station)).push([
      "held by ",
      names.station(station).split("/")[1],
      " at ",
      timeText(Number(time) * 1000),
    ]);
  }
  for (const reader of record.readBy) {
    line(reader.party).push(["read before writing ", linkTo(reader, names)]);
  }
  for (const { party, rung, record: by } of record.rungs) {
    line(party).push([
      make("strong", {}, RUNGS[rung]),
      ` (${ROLES[by.said.role]}, `,
      linkTo(by, names),
      ", ",
      timeText(by.said.claimed),
      ")",
    ]);
  }
  for (const { record: by, role } of record.citedBy) {
    if (role === "answers" && CITING_RUNGS.has(by.said.number)) continue;
    line(by.party).push([`${role} it in `, linkTo(by, names)]);
  }
  const items = [...lines]
    .sort(([a], [b]) => compareTexts(a, b))
    .map(([party, parts]) =>
      make(
        "li",
        {},
        make("b", {}, party),
        ": ",
        parts.map((part, at) => [at === 0 ? "" : "; ", part]),
      ),
    );
  if (items.length === 0)
    items.push(make("li", {}, "Nothing in this file shows that anyone else had it."));
  return make("ul", { class: "seen", "aria-label": "Who had seen it" }, items);
}

// --- flags and proof -----------------------------------------------------------------------------------

function flagsOf(record, reading) {
  const { said, log, admitted } = record;
  const flags = [];
  if (!record.second) {
    const run = log.runs.find(([, to]) => to === record.position);
    if (run !== undefined) {
      flags.push(
        `Before it ${plural(run[1] - run[0], "statement")} of this log ${run[1] - run[0] === 1 ? "is" : "are"} left out of this file.`,
      );
    }
  }
  if (record.leftOut > 0) {
    flags.push(
      `${plural(record.leftOut, "statement")} that it cites or had read ${record.leftOut === 1 ? "is" : "are"} left out of this file.`,
    );
  }
  if (said.claimed > admitted + MOST_AHEAD_MS) flags.push("Its clock was ahead of the maker’s.");
  const before = said.previous === null ? undefined : reading.places.get(hex(said.previous));
  if (
    isHere(before) &&
    before.record.said !== null &&
    before.record.said.claimed > said.claimed + MOST_AHEAD_MS
  ) {
    flags.push("Its author’s clock went back: the statement before it has a later time.");
  }
  if (said.newer.length + said.body.newer.length > 0)
    flags.push("It has fields of newer software, which are not shown.");
  if (said.kind === NO_KIND)
    flags.push(`It is of kind ${said.number}, which this page does not know.`);
  if (flags.length === 0) return null;
  return make(
    "ul",
    { class: "flags" },
    flags.map((flag) => make("li", {}, flag)),
  );
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
  return [
    facts.map(code),
    make("dt", {}, "Place"),
    make(
      "dd",
      {},
      `position ${record.position} of the log of ${names.logs.get(log)}, charter version ${said.charter}, item ${record.item} of the file`,
    ),
  ];
}
