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
    if (certificate === undefined) return `unknown station ${id}`;
    const gone = this.reading.charters.at(-1).stations.has(id) ? "" : " (no longer on the line)";
    return `${certificate.party}/${certificate.name}${gone}`;
  }

  record(record) {
    const where = record.position === null ? "" : ` ${record.position}`;
    return `${this.logs.get(record.log)}${where}${this.kindOfPlace(record)}`;
  }

  kindOfPlace({ second, late, observer }) {
    if (late) return ", late";
    if (observer) return second ? ", second story of an observer" : ", of an observer";
    return second ? ", second story" : "";
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

// --- the verdict ---------------------------------------------------------------------------------

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
  box.after(
    ...[
      listed(reading.faults, names, "What failed", "faults"),
      listed(reading.gaps, names, "What could not be checked", "gaps"),
      conflictsPart(findings, names),
    ].filter((part) => part !== null),
  );
}

function summary(reading, verdict) {
  const { signatures, statements, second_stories: seconds } = reading.counts;
  const under = plural(statements + seconds, "statement");
  const done =
    `${plural(signatures, "signature")} checked, under ${under} and the receipts, ` +
    "checkpoints, certificates and charter that belong to them. ";
  const meaning = {
    checked:
      "Each statement was signed by the station that it names and was not changed since, " +
      "and each log is as those who signed it say.",
    partly:
      "Nothing that was checked failed. What could not be checked is listed below; " +
      "do not rely on it.",
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
  const more = list.length - MOST_LISTED_AT_ONCE;
  if (more > 0) items.push(make("li", {}, `… and ${more.toLocaleString("en")} more.`));
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

// --- what the file is ----------------------------------------------------------------------------

// A table that scrolls sideways by itself where the window is narrow.
function table(heads, rows, caption) {
  const head = heads.map((each) => make("th", { scope: "col" }, each));
  const body = rows.slice(0, MOST_LISTED_AT_ONCE).map((row) =>
    make(
      "tr",
      {},
      row.map((cell) => make("td", {}, cell)),
    ),
  );
  const more = rows.length - MOST_LISTED_AT_ONCE;
  return make(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, body)),
    more > 0 ? make("p", {}, `… and ${more.toLocaleString("en")} more.`) : null,
  );
}

function section(id, title, sentence, ...rest) {
  const said = sentence === "" ? null : make("p", {}, sentence);
  return make("section", { id }, make("h2", {}, title), said, rest);
}

function scopeOf({ header, places }, names) {
  const { from, to, thread } = header;
  const out = [];
  if (thread !== null) {
    const record = places.get(thread)?.record ?? null;
    const here = record !== null && record.fault === null;
    out.push("one thread: ", here ? linkTo(record, names) : "a statement that is not here");
    out.push(", with all that it cites and all that cite it");
  }
  const comma = out.length > 0 ? "; " : "";
  if (from !== null && to !== null) out.push(`${comma}from ${timeText(from)} to ${timeText(to)}`);
  else if (from !== null) out.push(`${comma}from ${timeText(from)} on`);
  else if (to !== null) out.push(`${comma}up to ${timeText(to)}`);
  return out.length > 0 ? out : "the whole line";
}

function aboutPart(reading, names) {
  const { header, counts } = reading;
  const shown = reading.statements.filter((record) => record.fault === null).length;
  const seconds = plural(counts.second_left_out, "second story", "second stories");
  const maker = names.station(hex(header.maker));
  const facts = [
    ["Line", isolated(reading.charters.at(-1).name)],
    ["Traffic", header.realm === "" ? "live" : `EXERCISE ${header.realm}`],
    ["Scope", scopeOf(reading, names)],
    ["Shown", plural(shown, "statement")],
    ["Left out", `${plural(counts.left_out, "statement")} and ${seconds}`],
    ...(reading.version > 1 ? [["Packs", packsOfFile(reading)]] : []),
    ["Made by", `${maker}, at ${timeText(header.made)} (its own word)`],
    ["Line id", make("code", {}, grouped(hex(header.line)))],
  ];
  const rows = facts.map(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]);
  return section("about", "This file", "", make("dl", { class: "facts" }, rows));
}

const WORDS_HELP =
  "The whole file hangs on these keys. Ask each party, by a way that you trust, for its eight " +
  "words. All eight must be the same; if they are not, this file is not from that party, " +
  "whatever the verdict says.";

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
  const heads = ["Party", "Name it chose", "Words of its root key", "Stations", "On the line"];
  return section("parties", "Parties and their keys", WORDS_HELP, table(heads, rows, "Parties"));
}

// What a version changes of keys, against the one before, in plain words.
function keysOf(charter, before, names) {
  if (before === undefined) return "first version";
  const out = charter.replaced.map(
    ({ code }) => `${code} has another root key, for which all others vouch`,
  );
  for (const [id, station] of before.stations) {
    const now = charter.stations.get(id);
    if (now !== undefined && !sameBytes(now.signKey, station.signKey)) {
      out.push(`${names.station(id)} has new keys`);
    }
  }
  if (charter.ends !== null) {
    const count = plural(charter.ends.length, "log");
    out.push(`it says where ${count} of ended keys end: nothing beyond counts`);
  }
  return out.length === 0 ? "none" : out.map((line) => make("div", {}, line));
}

function charterPart(reading, names) {
  const witnessesOf = ({ witnesses, quorum }) => {
    if (witnesses.length === 0) return "none";
    const list = witnesses.map(({ name }, at) => [at === 0 ? "" : ", ", isolated(name)]);
    return [list, ` (${quorum} needed)`];
  };
  const packsOf = ({ packs }) =>
    packs.length === 0 ? "none" : packs.map((pack) => make("code", {}, grouped(hex(pack))));
  const rows = reading.charters.map((charter) => [
    String(charter.version),
    charter.signatures.map(([code]) => code).join(", "),
    charter.leaving.map(({ code }) => code).join(", ") || "nobody",
    charter.observers.join(", ") || "nobody",
    keysOf(charter, reading.charters[charter.version - 2], names),
    witnessesOf(charter),
    packsOf(charter),
    make("code", {}, grouped(hex(charter.hash))),
  ]);
  const heads = ["Version", "Signed by", "Leaving", "Observers", "Changes of keys"];
  heads.push("Witnesses", "Packs in force", "Hash");
  const help =
    "Every version is here, each signed by all its parties and following the one before.";
  return section("charter", "Charter", help, table(heads, rows, "Versions of the charter"));
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
      "late witness": ["witness ", isolated(by), " with ML-DSA-44"],
    }[kind] ?? [names.station(by)];
    const when = time === null || time === 0 ? "" : `, ${timeText(Number(time) * 1000)}`;
    return make("div", {}, who, `: the first ${size.toLocaleString("en")}${when}`);
  });
}

// How much of a log as many witnesses signed as the newest charter wants, or null.
function witnessed(log, charter) {
  const names = new Set(charter.witnesses.map(({ name }) => name));
  const sizes = new Map();
  for (const { size, by, kind } of log.signed) {
    if (kind === "witness" && names.has(by)) sizes.set(by, Math.max(size, sizes.get(by) ?? 0));
  }
  if (charter.quorum === 0) return null;
  const size = [...sizes.values()].sort((a, b) => b - a)[charter.quorum - 1] ?? 0;
  const wanted = `(${charter.quorum} needed)`;
  if (size === 0) return make("div", {}, `no, or too few, witnesses ${wanted}`);
  return make("div", {}, `enough witnesses ${wanted}: the first ${size.toLocaleString("en")}`);
}

const LOGS_HELP =
  "Each station writes one log, in which nothing can be changed or taken out without changing " +
  "its root. Here is who signed how much of each.";

function logsPart(reading, names) {
  const rows = reading.logs
    .slice(0, MOST_LISTED_AT_ONCE)
    .map((log) => [
      [make("strong", {}, names.logs.get(log)), make("code", {}, grouped(hex(log.root)))],
      log.size.toLocaleString("en"),
      log.records.length.toLocaleString("en"),
      (log.size - log.records.length).toLocaleString("en"),
      log.seconds.length + (log.secondLeftOut > 0 ? ` (${log.secondLeftOut} more left out)` : ""),
      [signersOfLog(log, names), witnessed(log, reading.charters.at(-1))],
    ]);
  const more = reading.logs.length - rows.length;
  return section(
    "logs",
    "Logs",
    LOGS_HELP,
    table(
      ["Log of, and its root", "Size", "Here", "Left out", "Second stories", "Signed by"],
      rows,
      "Logs",
    ),
    more > 0 ? make("p", {}, `… and ${plural(more, "log")} more.`) : null,
  );
}
