// The parts of the page around the statements: verdict, faults and gaps, parties, charter, logs.

const VERDICTS = {
  checked: ["✓", "Everything checked"],
  partly: ["!", "Some things could not be checked here"],
  failed: ["✕", "FAILED"],
};
const MOST_LISTED_AT_ONCE = 200;

// How stations and logs are called on this page: PARTY/station, and the number of the log where a
// station has several in this file.
class Names {
  constructor(reading) {
    this.reading = reading;
    this.logs = new Map();
    const counts = new Map();
    for (const log of reading.logs) counts.set(log.station, (counts.get(log.station) ?? 0) + 1);
    const reached = new Map();
    for (const log of reading.logs) {
      const number = (reached.get(log.station) ?? 0) + 1;
      reached.set(log.station, number);
      const several = counts.get(log.station) > 1 ? ` (log ${number})` : "";
      this.logs.set(log, this.station(log.station) + several);
    }
    this.records = new Map(reading.statements.map((record) => [record.item, record]));
  }

  station(id) {
    const certificate = this.reading.stations.get(id)?.at(-1);
    return certificate === undefined
      ? `unknown station ${id}`
      : `${certificate.party}/${certificate.name}`;
  }

  record(record) {
    const where = record.position === null ? "" : ` ${record.position}`;
    return `${this.logs.get(record.log)}${where}${record.second ? ", second story" : ""}`;
  }

  // Where an item is, in words.
  place(item, code) {
    const record = this.records.get(item);
    if (record !== undefined) return `Statement ${this.record(record)}`;
    if (item === 0) return "The beginning of the file";
    if (code === "evidence.charter") return "The charter";
    if (code === "evidence.count") return "The end of the file";
    const log = this.logOf(item);
    if (log === null) return "The file";
    const names = {
      receipt: "A receipt for",
      note: "A signed checkpoint of",
      root: "A signed checkpoint of",
    };
    const kinds = {
      mldsa: "A signed checkpoint of",
      signer: "A signed checkpoint of",
      key: "A key before",
    };
    const what = { ...names, ...kinds }[code.split(".")[1]] ?? "The log";
    return what === "The log"
      ? `The log of ${this.logs.get(log)}`
      : `${what} the log of ${this.logs.get(log)}`;
  }

  logOf(item) {
    const { logs } = this.reading;
    let [low, high] = [0, logs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (logs[middle].item <= item) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? null : logs[low - 1];
  }
}

function linkTo(record, names) {
  return make("a", { href: `#s${record.item}` }, names.record(record));
}

// --- the verdict -----------------------------------------------------------------------------------------

function showVerdict(reading, findings, names) {
  const verdict = verdictOf(reading);
  const [sign, words] = VERDICTS[verdict];
  const box = document.getElementById("verdict");
  box.className = verdict;
  const two =
    findings.conflicts.length > 0 && "It also proves that a station told two stories; see below.";
  const lines = [
    make(
      "p",
      { class: "word" },
      make("span", { class: "sign", "aria-hidden": "true" }, sign),
      words,
    ),
    make("p", {}, summary(reading, verdict)),
    two ? make("p", { class: "alarm" }, two) : null,
    reading.broken
      ? make("p", {}, "The file cannot be read to its end, so nothing of its content is shown.")
      : null,
  ];
  box.replaceChildren();
  fill(box, lines);
  document.documentElement.dataset.verdict = verdict;
  const failures = listed(reading.faults, names, "What failed", "faults");
  const gaps = listed(reading.gaps, names, "What could not be checked", "gaps");
  box.after(...[failures, gaps, conflictsPart(findings, names)].filter((part) => part !== null));
}

function summary(reading, verdict) {
  const { signatures, statements, second_stories: seconds } = reading.counts;
  const done = `${plural(signatures, "signature")} checked under ${plural(statements + seconds, "statement")}, receipts, checkpoints, certificates and the charter. `;
  const meaning = {
    checked:
      "Each statement was signed by the station that it names, nothing in it was changed since, and each log is as those who signed it say.",
    partly:
      "Nothing that was checked failed. What could not be checked is listed below; do not rely on it.",
    failed: "Something in this file is not what it says it is. What failed is listed below.",
  };
  return (reading.broken ? "" : done) + meaning[verdict];
}

function listed(list, names, title, name) {
  if (list.length === 0) return null;
  const items = list.slice(0, MOST_LISTED_AT_ONCE).map(({ item, code, sentence }) => {
    const record = names.records.get(item);
    const place = names.place(item, code);
    const link = record === undefined || record.fault !== null;
    return make(
      "li",
      {},
      make("strong", {}, link ? place : make("a", { href: `#s${item}` }, place)),
      ": ",
      sentence,
      make("small", {}, ` ${code}, item ${item}`),
    );
  });
  if (list.length > MOST_LISTED_AT_ONCE) {
    items.push(make("li", {}, `… and ${list.length - MOST_LISTED_AT_ONCE} more.`));
  }
  const heading = `${title} (${list.length.toLocaleString("en")})`;
  return make("section", { id: name, class: name }, make("h2", {}, heading), make("ul", {}, items));
}

function conflictsPart(findings, names) {
  if (findings.conflicts.length === 0) return null;
  const items = findings.conflicts
    .slice(0, MOST_LISTED_AT_ONCE)
    .map(([a, b]) =>
      make(
        "li",
        {},
        make("strong", {}, names.station(a.log.station)),
        " signed two different statements in one place of its log: ",
        linkTo(a, names),
        " and ",
        linkTo(b, names),
        ". Both signatures are good. An honest station never does this.",
      ),
    );
  return make(
    "section",
    { id: "conflicts", class: "faults" },
    make("h2", {}, "Two stories"),
    make("ul", {}, items),
  );
}

// --- what the file is ------------------------------------------------------------------------------------

function table(heads, rows, caption) {
  return make(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    make(
      "table",
      {},
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          heads.map((head) => make("th", { scope: "col" }, head)),
        ),
      ),
      make(
        "tbody",
        {},
        rows.map((row) =>
          make(
            "tr",
            {},
            row.map((cell) => make("td", {}, cell)),
          ),
        ),
      ),
    ),
  );
}

function aboutPart(reading, names) {
  const { header, counts } = reading;
  const scope = [];
  if (header.thread !== null)
    scope.push("one thread: a statement and all that cites it or is cited");
  if (header.from !== null) scope.push("from ", timeText(header.from));
  if (header.to !== null) scope.push(header.from === null ? "up to " : " to ", timeText(header.to));
  if (scope.length === 0) scope.push("the whole line");
  const thread = reading.places.get(header.thread)?.record ?? null;
  if (thread !== null && thread.fault === null) scope.push(" (", linkTo(thread, names), ")");
  const left = `${plural(counts.left_out, "statement")} and ${plural(counts.second_left_out, "second story", "second stories")}`;
  const facts = [
    ["Line", [isolated(reading.charters.at(-1).name)]],
    ["Traffic", header.realm === "" ? "live" : `EXERCISE ${header.realm}`],
    ["Scope", scope],
    ["Shown", plural(findingsCount(reading), "statement")],
    ["Left out", left],
    [
      "Made by",
      [names.station(hex(header.maker)), ", at ", timeText(header.made), " (its own word)"],
    ],
    ["Line id", make("code", {}, grouped(hex(header.line)))],
  ];
  return make(
    "section",
    { id: "about" },
    make("h2", {}, "This file"),
    make(
      "dl",
      { class: "facts" },
      facts.map(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]),
    ),
  );
}

function findingsCount(reading) {
  return reading.statements.filter((record) => record.fault === null).length;
}

function partiesPart(reading) {
  const newest = reading.charters.length;
  const rows = partiesOf(reading).map(({ code, name, words, stations, since, until }) => [
    make("strong", {}, code),
    isolated(name),
    make(
      "span",
      { class: "words" },
      words.map((word) => [make("span", {}, word), " "]),
    ),
    stations.join(", "),
    until === newest ? `since version ${since}` : `versions ${since} to ${until}`,
  ]);
  return make(
    "section",
    { id: "parties" },
    make("h2", {}, "Parties and their keys"),
    make(
      "p",
      {},
      "The whole file hangs on these keys. Ask each party, by a way that you trust, for its eight words. All eight must be the same; if they are not, this file is not from that party, whatever the verdict says.",
    ),
    table(
      ["Party", "Name it chose", "Words of its root key", "Stations", "On the line"],
      rows,
      "Parties",
    ),
  );
}

function charterPart(reading) {
  const rows = reading.charters.map((charter) => [
    String(charter.version),
    charter.signatures.map(([code]) => code).join(", "),
    charter.leaving.map(({ code }) => code).join(", ") || "nobody",
    charter.witnesses.length === 0
      ? "none"
      : [
          charter.witnesses.map(({ name }, at) => [at === 0 ? "" : ", ", isolated(name)]),
          ` (${charter.quorum} needed)`,
        ],
    charter.packs.length === 0
      ? "none"
      : charter.packs.map((pack) => make("code", {}, grouped(hex(pack)))),
    make("code", {}, grouped(hex(charter.hash))),
  ]);
  return make(
    "section",
    { id: "charter" },
    make("h2", {}, "Charter"),
    make(
      "p",
      {},
      "Every version is here, each signed by all its parties and following the one before.",
    ),
    table(
      ["Version", "Signed by", "Leaving", "Witnesses", "Packs in force", "Hash"],
      rows,
      "Versions of the charter",
    ),
  );
}

// The newest head that each signer of a log signed.
function signersOfLog(log, names) {
  const newest = new Map();
  for (const each of log.signed) {
    const key = `${each.kind === "receipt" ? "cosignature" : each.kind} ${each.by}`;
    const known = newest.get(key);
    if (known === undefined || known.size < each.size) newest.set(key, each);
  }
  if (newest.size === 0) return "nobody";
  return [...newest.values()].map(({ size, time, by, kind }) => {
    const who = {
      log: [names.station(by), " itself"],
      mldsa: [names.station(by), " with ML-DSA-44"],
      witness: ["witness ", isolated(by)],
    }[kind] ?? [names.station(by)];
    const when = time === null || time === 0 ? "" : [", ", timeText(Number(time) * 1000)];
    return make("div", {}, who, `: first ${plural(size, "statement")}`, when);
  });
}

function logsPart(reading, names) {
  const rows = reading.logs
    .slice(0, MOST_LISTED_AT_ONCE)
    .map((log) => [
      make("strong", {}, names.logs.get(log)),
      log.size.toLocaleString("en"),
      log.records.length.toLocaleString("en"),
      (log.size - log.records.length).toLocaleString("en"),
      String(log.seconds.length) +
        (log.secondLeftOut > 0 ? ` (${log.secondLeftOut} more left out)` : ""),
      signersOfLog(log, names),
      make("code", {}, grouped(hex(log.root))),
    ]);
  const more = reading.logs.length - MOST_LISTED_AT_ONCE;
  return make(
    "section",
    { id: "logs" },
    make("h2", {}, "Logs"),
    make(
      "p",
      {},
      "Each station writes one log, in which nothing can be changed or taken out without changing its root. Here is who signed how much of each.",
    ),
    table(
      ["Log of", "Statements", "Here", "Left out", "Second stories", "Signed by", "Root (SHA-256)"],
      rows,
      "Logs",
    ),
    more > 0 ? make("p", {}, `… and ${plural(more, "log")} more.`) : null,
  );
}
