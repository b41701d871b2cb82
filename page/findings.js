// What a reading means (docs/evidence.md section 5): who had each statement when, who had read it,
// who cites it, two stories, and the order in which statements are shown.

const CITING_RUNGS = new Map([
  [2, 3],
  [3, 4],
  [4, 5],
]);

// Fills in, for every good statement: heldBy, readBy, citedBy, rungs, leftOut. Returns what holds
// for the whole: { good, conflicts, shown }.
function find(reading) {
  const good = reading.statements.filter((record) => record.fault === null);
  for (const record of good) {
    Object.assign(record, { heldBy: [], readBy: [], citedBy: [], rungs: [] });
    record.leftOut = countLeftOut(reading, record);
  }
  for (const log of reading.logs) findHolders(log, reading.stations);
  findReaders(reading);
  findCitations(reading, good);
  const conflicts = findConflicts(reading);
  return { good, conflicts, shown: inDisplayOrder(reading, good) };
}

function isHere(place) {
  return place !== undefined && place.record !== null;
}

function countLeftOut(reading, { said }) {
  const targets = new Set(said.references.map((each) => each.target));
  const away = said.seen.filter((tip) => !isHere(reading.tips.get(tip))).length;
  return away + [...targets].filter((target) => !isHere(reading.places.get(target))).length;
}

// --- held by -------------------------------------------------------------------------------------

// For each cosigner the signed heads of a log by size, of equal sizes the earliest alone.
function findHolders(log, stations) {
  const heads = new Map();
  for (const { size, time, by, kind } of log.signed) {
    if (kind !== "receipt" && kind !== "cosignature") continue;
    if (by === log.station || !stations.has(by)) continue;
    if (!heads.has(by)) heads.set(by, new Map());
    const known = heads.get(by).get(size);
    if (known === undefined || time < known) heads.get(by).set(size, time);
  }
  const cosigners = [...heads].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [station, bySize] of cosigners) {
    const ascending = [...bySize].sort(([a], [b]) => a - b);
    let at = 0;
    for (const record of log.records) {
      while (at < ascending.length && ascending[at][0] <= record.position) at += 1;
      if (at === ascending.length) break;
      if (record.fault !== null) continue;
      const [size, time] = ascending[at];
      record.heldBy.push({ station, size, time });
    }
  }
}

// --- read by -------------------------------------------------------------------------------------

// Goes through the logs in the order of their ids and each log in its order. What an author has
// read of another log is a length of its main branch, and single second stories.
function findReaders(reading) {
  const logs = [...reading.logs].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const log of logs) {
    const reached = new Map(); // log: how many of its `records` were read
    const branches = new Set(); // second stories that were read
    for (const reader of inLogOrder(log)) {
      for (const tip of reader.said.seen) {
        const place = reading.tips.get(tip);
        if (place !== undefined && place.log !== log) {
          markRead(reading, place, reader, reached, branches);
        }
      }
    }
  }
}

// Main branch first where positions are equal, then by digest; without what has a fault.
function inLogOrder(log) {
  const counts = (record) => record.fault === null && !record.late;
  const all = [...log.records, ...log.seconds].filter(counts);
  const byDigest = (a, b) => (a.digest < b.digest ? -1 : 1);
  return all.sort((a, b) => a.position - b.position || a.second - b.second || byDigest(a, b));
}

function markRead(reading, tip, reader, reached, branches) {
  let place = tip;
  while (place !== undefined && place.second) {
    const { record } = place;
    if (branches.has(record)) return;
    branches.add(record);
    if (record.fault === null) record.readBy.push(reader);
    if (record.said === null || record.said.previous === null) return;
    place = reading.places.get(record.said.previous);
    if (place !== undefined && place.log !== tip.log) return;
  }
  if (place === undefined) return;
  const { records } = place.log;
  let at = reached.get(place.log) ?? 0;
  for (; at < records.length && records[at].position <= place.position; at += 1) {
    if (records[at].fault === null) records[at].readBy.push(reader);
  }
  reached.set(place.log, at);
}

// --- cited by, rungs, two stories ----------------------------------------------------------------

function findCitations(reading, good) {
  for (const record of good) {
    record.said.references.forEach(({ target, role }, at) => {
      const cited = reading.places.get(target)?.record;
      if (cited == null || cited.fault !== null) return;
      cited.citedBy.push({ record, role });
      const rung = CITING_RUNGS.get(record.said.number);
      if (at !== 0 || rung === undefined || record.late || record.observer) return;
      cited.rungs.push({ party: record.party, rung, record });
    });
  }
}

// Pairs of a second story and what it contradicts.
function findConflicts(reading) {
  const pairs = [];
  for (const log of reading.logs) {
    const first = new Map();
    const note = (record) => {
      if (record.fault !== null || record.late) return; // whoever has an ended key could make one
      const before = record.said.previous ?? "";
      if (!first.has(before)) first.set(before, []);
      first.get(before).push(record);
    };
    log.records.forEach(note);
    log.seconds.forEach(note);
    for (const record of log.seconds) {
      if (record.fault !== null || record.late) continue;
      const before = record.said.previous ?? "";
      const other = first.get(before).find((each) => each !== record);
      if (other !== undefined) pairs.push([record, other]);
    }
  }
  return pairs;
}

// --- display order (docs/protocol.md section 7) --------------------------------------------------

function inDisplayOrder(reading, good) {
  const causes = new Map();
  for (const record of good) {
    const here = causesOf(reading, record).map((place) => place.record);
    causes.set(
      record,
      here.filter((each) => each !== null && each.fault === null),
    );
  }
  const keys = new Map();
  for (const record of good) weigh(record, causes, keys);
  const byTexts = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return [...good].sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    return (
      x.sort - y.sort ||
      x.depth - y.depth ||
      a.said.claimed - b.said.claimed ||
      byTexts(a.log.station, b.log.station) ||
      compareBytes(a.log.incarnation, b.log.incarnation) ||
      a.position - b.position ||
      byTexts(a.digest, b.digest)
    );
  });
}

// Sort time and depth of a statement, after those of all its causes. No recursion: a log is a
// chain of thousands of causes. A circle cannot be, since each names the hash of its causes; were
// there one, it would be cut where it closes.
function weigh(record, causes, keys) {
  const open = [record];
  const entered = new Set();
  while (open.length > 0) {
    const top = open.at(-1);
    if (keys.has(top)) {
      open.pop();
      continue;
    }
    const waiting = causes.get(top).filter((cause) => !keys.has(cause) && !entered.has(cause));
    if (!entered.has(top) && waiting.length > 0) {
      entered.add(top);
      open.push(...waiting);
      continue;
    }
    const known = causes
      .get(top)
      .map((cause) => keys.get(cause))
      .filter((key) => key !== undefined);
    const latest = known.reduce((most, key) => Math.max(most, key.sort), 0);
    const { claimed } = top.said;
    const deepest = known.reduce(
      (most, key) => (key.sort === latest ? Math.max(most, key.depth) : most),
      -1,
    );
    keys.set(top, {
      sort: Math.max(latest, claimed),
      depth: known.length === 0 || claimed > latest ? 0 : deepest + 1,
    });
    open.pop();
  }
}

// --- facts for other programs --------------------------------------------------------------------

// What docs/evidence.md section 7 says that a reader must find.
function factsOf(reading, findings) {
  const pairs = (list) => list.map(({ code, item }) => [code, item]);
  const facts = {
    verdict: verdictOf(reading),
    broken: reading.broken,
    faults: pairs(reading.faults),
  };
  if (reading.broken) return facts;
  facts.gaps = pairs(reading.gaps);
  const { header } = reading;
  const scope = {};
  if (header.from !== null) scope["1"] = header.from;
  if (header.to !== null) scope["2"] = header.to;
  if (header.thread !== null) scope["3"] = header.thread;
  facts.header = {
    line: hex(header.line),
    realm: header.realm,
    made_ms: header.made,
    maker: hex(header.maker),
    scope,
  };
  const { signatures, packs, ...counts } = reading.counts;
  facts.counts = counts;
  facts.words = partiesOf(reading).map(({ code, words }) => [code, words.join(" ")]);
  facts.logs = reading.logs.map((log) => ({
    log: log.id,
    station: log.station,
    party: reading.stations.get(log.station)?.at(-1).party ?? null,
    size: log.size,
    root: hex(log.root),
    covered: log.covered,
    witnesses: log.signed
      .filter((each) => each.kind === "witness")
      .map(({ by, size, time }) => [by, size, time]),
  }));
  const indexes = new Map(findings.good.map((record, at) => [record, at]));
  facts.statements = findings.good.map(statementFacts);
  facts.conflicts = findings.conflicts.map(([a, b]) => [a.digest, b.digest]);
  facts.shown = findings.shown.map((record) => indexes.get(record));
  if (reading.version > 1) addPackFacts(facts, reading, findings.good);
  return facts;
}

// What a file of version 2 says besides.
function addPackFacts(facts, reading, good) {
  facts.counts.packs = reading.counts.packs;
  facts.packs = [...reading.packs.known.values()].map(packFacts);
  good.forEach(({ said }, at) => {
    const found = formOf(reading, said);
    if (found !== null) facts.statements[at].form = formFacts(found, said);
  });
}

function statementFacts(record) {
  return {
    digest: record.digest,
    log: record.log.id,
    position: record.position,
    second_story: record.second,
    late: record.late,
    observer: record.observer,
    party: record.party,
    kind: record.said.number,
    time_ms: record.said.claimed,
    admitted_ms: record.admitted,
    text: record.said.body.text ?? null,
    held_by: record.heldBy.map(({ station, size, time }) => [station, size, time]),
    read_by: record.readBy.map((reader) => [reader.log.id, reader.position, reader.digest]),
    cited_by: record.citedBy.map(({ record: by, role }) => [
      by.digest,
      REFERENCE_ROLES.indexOf(role),
    ]),
    rungs: record.rungs.map(({ party, rung, record: by }) => [party, rung, by.digest]),
    left_out: record.leftOut,
  };
}

// Every party of every version by code, once for each root that it had: with its newest name under
// that root, the root, and its words.
function partiesOf(reading) {
  const parties = new Map();
  reading.charters.forEach((charter) => {
    for (const party of charter.parties) {
      const words = wordsOf(fingerprint(party.code, charter.realm, party.root));
      const key = `${party.code} ${hex(party.root)}`;
      const known = parties.get(key) ?? { since: charter.version };
      const stations = [...(known.stations ?? [])];
      for (const station of party.stations) {
        if (!stations.includes(station.name)) stations.push(station.name);
      }
      const { code, name, root } = party;
      parties.set(key, { ...known, code, name, root, words, stations, until: charter.version });
    }
  });
  return [...parties.values()].sort((a, b) => compareTexts(a.code, b.code));
}
