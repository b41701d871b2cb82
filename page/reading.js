// One reading of evidence (docs/evidence.md section 4): what is in the file, what of it is good,
// and every break, fault and gap with its item. What it means is found in findings.js.

const MOST_PENDING = 2048;
const LONGEST_BREATH_MS = 200;

// Lets the browser draw and hear its user, then goes on.
function breathe() {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}

class Reading {
  constructor() {
    this.broken = false;
    this.version = 1;
    this.header = null;
    this.charters = [];
    // Good ones by hash in hex; what was looked for in them; bytes of all, and the greatest hash.
    this.packs = { known: new Map(), found: new Map(), bytes: 0, last: null };
    this.keys = []; // ML-DSA-44: { item, key, known }
    this.logs = [];
    this.statements = []; // records of types 5 and 7, in the order of the file
    this.places = new Map(); // digest in hex: the first place in the file that has it
    this.tips = new Map(); // the first 16 bytes of it in hex: the same
    this.faults = [];
    this.gaps = [];
    this.counts = { charters: 0, keys: 0, logs: 0, statements: 0, left_out: 0, second_stories: 0 };
    Object.assign(this.counts, { second_left_out: 0, receipts: 0, notes: 0, signatures: 0 });
    this.counts.packs = 0;
    this.stations = new Map(); // station id in hex: its certificates, oldest first
    this.witnesses = [];
    this.endedBy = new Map(); // station id in hex: the versions with ends of logs that end its keys
    this.ends = new Map(); // version: log id in hex: { size, last }
    this.pending = [];
    this.keyIds = new Map();
  }

  fault(item, code, sentence, record = null) {
    this.faults.push({ item, code, sentence });
    if (record !== null) record.fault = code;
  }

  gap(item, code, sentence) {
    this.gaps.push({ item, code, sentence });
  }

  // Lets a check run beside the reading.
  later(promise) {
    this.pending.push(promise);
  }

  async drain() {
    const waiting = this.pending;
    this.pending = [];
    await Promise.all(waiting);
  }

  place(digest, place) {
    if (!this.places.has(digest)) this.places.set(digest, place);
    const tip = digest.slice(0, 32);
    if (!this.tips.has(tip)) this.tips.set(tip, place);
  }

  async verify(key, signature, message) {
    this.counts.signatures += 1;
    return verifyEd25519(key, signature, message);
  }
}

// Reads evidence bytes. `progress` is called with the share that is done, from 0 to 1.
async function readEvidence(bytes, progress = () => {}) {
  const reading = new Reading();
  try {
    await walk(reading, bytes, progress);
    await reading.drain();
    afterTheEnd(reading);
  } catch (error) {
    await reading.drain();
    if (!(error instanceof Break)) throw error;
    reading.broken = true;
    reading.brokenAt = error;
  }
  const byItem = (a, b) => a.item - b.item || (a.code < b.code ? -1 : 1);
  reading.faults.sort(byItem);
  reading.gaps.sort(byItem);
  if (reading.broken) {
    const { item, code, message } = reading.brokenAt;
    reading.faults.push({ item, code, sentence: message });
  }
  return reading;
}

function verdictOf(reading) {
  if (reading.faults.length > 0) return "failed";
  return reading.gaps.length > 0 ? "partly" : "checked";
}

async function walk(reading, bytes, progress) {
  const order = new Order();
  let log = null;
  let count = 0;
  let rest = performance.now() + LONGEST_BREATH_MS;
  reading.version = versionOfEvidence(bytes);
  for (const item of itemsOf(bytes, reading.version)) {
    count = item.number + 1;
    order.step(item);
    if (item.type === TYPE.log || item.type === TYPE.end) {
      if (reading.logs.length === 0 && log === null) nameKeys(reading);
      if (log !== null) closeLog(reading, log);
      log = null;
    }
    if (item.type === TYPE.header) takeHeader(reading, item);
    else if (item.type === TYPE.charter) await takeCharter(reading, item);
    else if (item.type === TYPE.pack) takePack(reading, item);
    else if (item.type === TYPE.key) takeKey(reading, item, order);
    else if (item.type === TYPE.log) log = openLog(reading, item, order);
    else if (item.type === TYPE.end) takeEnd(reading, item);
    else takeContent(reading, log, item, order);
    if (reading.pending.length >= MOST_PENDING) await reading.drain();
    if (count % 256 === 0 && performance.now() > rest) {
      progress(item.end / bytes.length);
      await breathe();
      rest = performance.now() + LONGEST_BREATH_MS;
    }
  }
  order.finish(count);
}

// --- header, charters, keys ----------------------------------------------------------------------

function takeHeader(reading, item) {
  const [line, realm, made, maker, scope] = item.parts;
  reading.header = {
    line,
    realm,
    made,
    maker,
    from: scope.get(1) ?? null,
    to: scope.get(2) ?? null,
    thread: scope.has(3) ? hex(scope.get(3)) : null,
  };
}

async function takeCharter(reading, item) {
  const broken = (sentence) => {
    const version = reading.charters.length + 1;
    throw new Break(
      "evidence.charter",
      `Version ${version} of the charter: ${sentence}.`,
      item.number,
    );
  };
  let charter;
  try {
    charter = readCharter(item.parts[0]);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    broken(error.message.replace(/\.$/, ""));
  }
  const before = reading.charters.at(-1);
  const missing = missingSigners(charter);
  if (charter.version !== reading.charters.length + 1) broken("it is not the next version");
  if (missing.length > 0) broken(`it is not signed by ${missing.join(", ")}`);
  const { line, realm } = reading.header;
  if (!sameBytes(charter.line, line)) broken("it is of another line than the file says");
  if (charter.realm !== realm) broken("it is of another realm than the file says");
  const fault = before === undefined ? null : successionFault(before, charter);
  if (fault !== null) broken(fault[1]);
  const faults = await charterFaults(charter);
  if (faults.length > 0) broken(faults[0][1]);
  reading.counts.signatures += charter.signatures.length;
  addCharter(reading, charter);
}

function addCharter(reading, charter) {
  charter.stations = new Map();
  for (const party of charter.parties) {
    for (const station of party.stations) {
      const id = hex(station.id);
      station.version = charter.version;
      charter.stations.set(id, station);
      if (!reading.stations.has(id)) reading.stations.set(id, []);
      reading.stations.get(id).push(station);
      reading.counts.signatures += 1;
    }
  }
  endKeys(reading, reading.charters.at(-1), charter);
  reading.charters.push(charter);
  reading.witnesses.push(...charter.witnesses);
  reading.counts.charters += 1;
}

// Which keys a version ends, and where logs end (docs/protocol.md section 7.1).
function endKeys(reading, before, charter) {
  if (charter.ends === null || before === undefined) return;
  for (const [id, { signKey }] of before.stations) {
    const now = charter.stations.get(id);
    if (now === undefined || !sameBytes(now.signKey, signKey)) {
      reading.endedBy.set(id, [...(reading.endedBy.get(id) ?? []), charter.version]);
    }
  }
  const ends = charter.ends.map(({ log, size, last }) => [hex(log), { size, last: hex(last) }]);
  reading.ends.set(charter.version, new Map(ends));
}

// Where a log ends by the charter: by the first version that ended a key of its station and names
// the log; or null.
function endOf(reading, log) {
  const versions = reading.endedBy.get(log.station) ?? [];
  const names = versions.find((version) => reading.ends.get(version).has(log.id));
  return names === undefined ? null : reading.ends.get(names).get(log.id);
}

// Whether a statement that is in its place is beyond the end of its log, or of its key.
function isLate(reading, { log, position, said }) {
  const ended = reading.endedBy.get(log.station);
  if (ended === undefined) return false;
  const end = endOf(reading, log);
  return end === null ? said.charter < ended.at(-1) : position >= end.size;
}

function takeKey(reading, item, order) {
  order.ascend("key", item.parts, item.number);
  reading.keys.push({ item: item.number, key: item.parts[0], owner: null });
  reading.counts.keys += 1;
}

// After the last key item: whose the keys are, and whether the maker is anybody.
function nameKeys(reading) {
  const named = new Map();
  for (const [id, certificates] of reading.stations) {
    for (const { mlDsaHash } of certificates) {
      if (mlDsaHash !== null) named.set(hex(mlDsaHash), id);
    }
  }
  for (const each of reading.keys) {
    each.owner = named.get(hex(sha256(each.key))) ?? null;
    if (each.owner === null) {
      reading.gap(each.item, "gap.key", "An ML-DSA-44 key is of no station. It is not used.");
    }
  }
  if (!reading.stations.has(hex(reading.header.maker))) {
    const sentence = "The file says that it was made by a station that no charter names.";
    reading.fault(0, "evidence.maker", sentence);
  }
}

// --- logs ----------------------------------------------------------------------------------------

function openLog(reading, item, order) {
  const [station, incarnation, size, last, secondLeftOut] = item.parts;
  const id = logId(reading.header.line, station, incarnation);
  order.ascend("log", [id], item.number);
  order.begin(size);
  const log = {
    item: item.number,
    id: hex(id),
    idBytes: id,
    station: hex(station),
    stationBytes: station,
    incarnation,
    origin: originOf(reading.header.line, station, incarnation),
    size,
    last: hex(last),
    secondLeftOut,
    position: 0,
    pieces: [], // [width, hash] in order: leaves and subtrees; checkpoints may come later
    ends: null, // digest of the leaf before `position`, when it is known
    runs: [], // [from, to]
    leftBefore: 0, // left out since the last statement that is here
    records: [],
    seconds: [],
    receipts: [],
    notes: [],
    signed: [], // { size, time, by, kind } of each signature over a head that verified
    covered: 0,
    root: null,
  };
  reading.logs.push(log);
  reading.counts.logs += 1;
  reading.counts.second_left_out += secondLeftOut;
  return log;
}

function takeContent(reading, log, item, order) {
  if (item.type === TYPE.statement) takeStatement(reading, log, item, order);
  else if (item.type === TYPE.run) takeRun(reading, log, item, order);
  else if (item.type === TYPE.second) takeSecond(reading, log, item, order);
  else if (item.type === TYPE.receipt) takeReceipt(reading, log, item, order);
  else takeNote(reading, log, item, order);
}

function takeRun(reading, log, item, order) {
  const [count, hashes] = item.parts;
  order.take(count, item.number);
  const from = log.position;
  const widths = coverOf(from, from + count);
  if (widths.length !== hashes.length) {
    const sentence = `The hashes of ${count} left-out statements are not as many as they must be.`;
    throw new Break("evidence.run", sentence, item.number);
  }
  hashes.forEach((hash, at) => log.pieces.push([widths[at], hash]));
  log.position += count;
  log.runs.push([from, log.position]);
  log.leftBefore += count;
  log.ends = count === 1 ? hex(hashes[0]) : null;
  if (count === 1) reading.place(log.ends, { log, position: from, second: false, record: null });
  reading.counts.left_out += count;
}

function newRecord(reading, log, item, second) {
  const [bytes, admitted] = item.parts;
  const record = { item: item.number, log, second, admitted, said: null, fault: null };
  record.late = record.observer = false;
  record.leftBefore = 0;
  record.digestBytes = leafHash(bytes);
  record.digest = hex(record.digestBytes);
  try {
    record.said = readStatement(bytes, record.digestBytes);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    record.unread = error.message;
  }
  return record;
}

function takeStatement(reading, log, item, order) {
  order.take(1, item.number);
  const record = newRecord(reading, log, item, false);
  record.position = log.position;
  record.leftBefore = log.leftBefore;
  log.leftBefore = 0;
  const before = log.ends;
  const chained =
    record.said?.previous == null || before === null || record.said.previous === before;
  log.pieces.push([1, record.digestBytes]);
  log.position += 1;
  log.ends = record.digest;
  log.records.push(record);
  reading.counts.statements += 1;
  addRecord(
    reading,
    record,
    chained ? null : "It does not follow the statement that stands before it.",
  );
}

function takeSecond(reading, log, item, order) {
  const record = newRecord(reading, log, item, true);
  record.position = record.said?.position ?? null;
  if (record.said !== null) {
    order.ascend("second", [record.position, record.digestBytes], item.number);
  }
  log.seconds.push(record);
  reading.counts.second_stories += 1;
  addRecord(reading, record, record.said === null ? null : branchFault(reading, log, record));
}

// Why a second story does not belong beside its log, or null.
function branchFault(reading, log, record) {
  const itself = reading.places.get(record.digest);
  if (itself !== undefined && !itself.second) return "It stands in the log itself too.";
  if (record.said.previous === null) return null;
  const previous = record.said.previous;
  const before = reading.places.get(previous);
  if (before === undefined) return null;
  const fits = before.log === log && before.position === record.position - 1;
  return fits ? null : "It does not follow the statement that it names as the one before it.";
}

// Judges a statement by everything but what others say of it.
function addRecord(reading, record, chainFault) {
  const { said, log } = record;
  reading.statements.push(record);
  reading.place(record.digest, { log, position: record.position, second: record.second, record });
  const fault = (code, sentence) => reading.fault(record.item, code, sentence, record);
  if (said === null) {
    fault("evidence.statement", `It is no statement. ${record.unread}`);
    return;
  }
  const { line } = reading.header;
  const here =
    sameBytes(said.line, line) &&
    sameBytes(said.station, log.stationBytes) &&
    sameBytes(said.incarnation, log.incarnation) &&
    said.position === record.position;
  if (!here) {
    fault("evidence.place", "It says that it stands elsewhere than where it is in this file.");
    return;
  }
  const charter = reading.charters[said.charter - 1];
  const station = charter?.stations.get(log.station);
  if (station === undefined) {
    fault("evidence.stranger", `Version ${said.charter} of the charter does not name its station.`);
    return;
  }
  record.late = isLate(reading, record);
  record.party = station.party;
  record.observer = said.number !== 0 && charter.observers.includes(station.party);
  record.stationName = station.name;
  const message = statementMessage(said, reading.header.realm);
  reading.later(
    reading.verify(station.signKey, said.message.signature, message).then((good) => {
      if (!good) fault("evidence.signature", "Its signature is not good.");
      else if (chainFault !== null) fault("evidence.chain", chainFault);
      else if (record.late && !record.second) {
        const sentence = "The charter ended its key, and its log ends before it.";
        fault("evidence.closed", sentence);
      }
    }),
  );
}

function takeReceipt(reading, log, item, order) {
  reading.counts.receipts += 1;
  let receipt;
  try {
    receipt = readReceipt(item.parts[0]);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    reading.fault(item.number, "evidence.receipt", `It is no receipt. ${error.message}`);
    return;
  }
  order.ascend("receipt", [receipt.size, receipt.cosigner], item.number);
  log.receipts.push({ item: item.number, ...receipt });
}

function takeNote(reading, log, item, order) {
  reading.counts.notes += 1;
  const bytes = item.parts[0];
  const bad = (sentence) => reading.fault(item.number, "evidence.note", sentence);
  let note;
  let checkpoint;
  try {
    note = readNote(strictText(bytes));
    checkpoint = readCheckpoint(note.text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    bad(`It is no signed checkpoint. ${error.message}`);
    return;
  }
  order.ascend("note", [checkpoint.size, bytes], item.number);
  if (checkpoint.origin !== log.origin) bad("It is the checkpoint of another log.");
  else if (checkpoint.size > log.size) bad("It is of a larger log than the one in this file.");
  else log.notes.push({ item: item.number, note, checkpoint });
}

function takeEnd(reading, item) {
  const { counts } = reading;
  const { statements, left_out: leftOut, second_stories: seconds, receipts, notes } = counts;
  if (item.parts.join() !== [statements, leftOut, seconds, receipts, notes].join()) {
    const sentence = "The numbers at the end of the file are not those of what is in it.";
    reading.fault(item.number, "evidence.count", sentence);
  }
}
