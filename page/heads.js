// What others signed of a log: receipts and signed checkpoints against the root of its tree
// (docs/evidence.md section 4), and what can only be judged after the end of the file.

// When all of a log has come: its roots, and every signature over one of them.
function closeLog(reading, log) {
  const wanted = new Set([log.size, ...log.receipts.map((each) => each.size)]);
  for (const { checkpoint } of log.notes) wanted.add(checkpoint.size);
  const roots = rootsAt(log.pieces, wanted);
  log.root = roots.get(log.size);
  log.versions = versionsOf(reading, log);
  if (log.ends === null) {
    reading.fault(log.item, "evidence.last", "The last statement of the log is not named.");
  } else if (log.ends !== log.last) {
    reading.fault(log.item, "evidence.last", "The last statement of the log is another one.");
  }
  judgeEnd(reading, log);
  const { from, to, thread } = reading.header;
  const whole = from === null && to === null && thread === null;
  if (whole && (log.runs.length > 0 || log.secondLeftOut > 0)) {
    const sentence = "The file says that it holds the whole line, and leaves something out.";
    reading.fault(log.item, "evidence.left_out", sentence);
  }
  if (log.secondLeftOut > 0) {
    const count = log.secondLeftOut;
    const sentence = `Second stories are left out; their number, ${count}, is the maker’s word.`;
    reading.gap(log.item, "gap.second_stories", sentence);
  }
  for (const receipt of log.receipts) judgeReceipt(reading, log, receipt, roots);
  for (const note of log.notes) reading.later(judgeNote(reading, log, note, roots));
}

// The log against the end that the charter gives it, if it gives one.
function judgeEnd(reading, log) {
  const end = endOf(reading, log);
  if (end === null) return;
  if (log.size > end.size) {
    const sentence =
      `The charter ended the key of its station, and this log after ${end.size} statements; ` +
      `the file says that there are ${log.size}.`;
    reading.fault(log.item, "evidence.closed", sentence);
  }
  const place = reading.places.get(end.last);
  const there = place?.log === log && !place.second && place.position === end.size - 1;
  if (!there) {
    const sentence =
      `The charter names the statement with which this log ends, after ${end.size}; ` +
      "it does not stand there in this file.";
    reading.gap(log.item, "gap.closed", sentence);
  }
}

// The roots at those of the sizes at which one can be computed.
function rootsAt(pieces, sizes) {
  const tree = new GrowingTree();
  const roots = new Map();
  if (sizes.has(0)) roots.set(0, tree.root());
  for (const [width, hash] of pieces) {
    tree.add(hash, width);
    if (sizes.has(tree.size)) roots.set(tree.size, tree.root());
  }
  return roots;
}

function covered(log, size, time, by, kind) {
  log.signed.push({ size, time, by, kind });
  if (kind !== "mldsa" && kind !== "late witness") log.covered = Math.max(log.covered, size);
}

// The places in a log from which on its statements go by a later version of the charter.
function versionsOf(reading, log) {
  const steps = [];
  let latest = 1;
  for (const { position, said } of log.records) {
    if (said === null || said.charter <= latest || said.charter > reading.charters.length) continue;
    latest = said.charter;
    steps.push({ position, version: latest });
  }
  return steps;
}

// The latest version of the charter by which a statement below a size goes: a receipt key that no
// version from that on gives its station signs for nothing there.
function versionAt(log, size) {
  return log.versions.findLast(({ position }) => position < size)?.version ?? 1;
}

// --- receipts ------------------------------------------------------------------------------------

function judgeReceipt(reading, log, receipt, roots) {
  const { item, size, time, signature } = receipt;
  const bad = (sentence) => reading.fault(item, "evidence.receipt", sentence);
  const cosigner = hex(receipt.cosigner);
  const certificates = reading.stations.get(cosigner);
  if (!sameBytes(receipt.log, log.idBytes)) return bad("It is the receipt of another log.");
  if (size > log.size) return bad("It is of a larger log than the one in this file.");
  if (certificates === undefined) return bad("It is of a station that no charter names.");
  const root = roots.get(size);
  if (root === undefined) {
    const sentence = `The root at size ${size} lies within what is left out.`;
    return reading.gap(item, "gap.receipt", sentence);
  }
  const message = cosignatureMessage(time, checkpointText(log.origin, size, root));
  const since = versionAt(log, size);
  const then = certificates.filter(({ version }) => version >= since);
  const keys = new Map(then.map((each) => [hex(each.receiptKey), each.receiptKey]));
  const tries = [...keys.values()].map((key) => verifyEd25519(key, signature, message));
  reading.counts.signatures += 1;
  return reading.later(
    Promise.all(tries).then((outcomes) => {
      if (outcomes.includes(true)) covered(log, size, time, cosigner, "receipt");
      else bad("Its signature is not good for the statements in this file.");
    }),
  );
}

// --- notes ---------------------------------------------------------------------------------------

function keyIdOnce(reading, name, type, key) {
  const known = `${type} ${name} ${hex(key)}`;
  if (!reading.keyIds.has(known)) reading.keyIds.set(known, keyId(name, type, key));
  return reading.keyIds.get(known);
}

// Whose key a signature line is of: { type, key, by, kind }, or null.
function knownKey(reading, log, line, since) {
  const is = (type, key) => keyIdOnce(reading, line.name, type, key) === line.id;
  const length = line.blob.length;
  if (length === 64 && line.name === log.origin) {
    for (const { signKey } of reading.stations.get(log.station) ?? []) {
      if (is(1, signKey)) return { type: 1, key: signKey, by: log.station, kind: "log" };
    }
  }
  if (length === 72) {
    for (const [by, certificates] of reading.stations) {
      for (const { receiptKey, version } of certificates) {
        if (version < since || !is(4, receiptKey)) continue;
        return { type: 4, key: receiptKey, by, kind: "cosignature" };
      }
    }
    for (const { name, key } of reading.witnesses) {
      if (line.name === name && is(4, key)) return { type: 4, key, by: name, kind: "witness" };
    }
  }
  if (length === 2428) {
    for (const { key, owner } of reading.keys) {
      if (owner !== null && is(6, key)) return { type: 6, key, by: owner, kind: "mldsa" };
    }
    for (const { name, late } of reading.witnesses) {
      if (line.name === name && late !== null && is(6, late)) {
        return { type: 6, key: late, by: name, kind: "late witness" };
      }
    }
  }
  return null;
}

async function judgeNote(reading, log, { item, note, checkpoint }, roots) {
  const good = [];
  let bad = null;
  let strangers = 0;
  let unchecked = 0;
  const since = versionAt(log, checkpoint.size);
  for (const line of note.lines) {
    const known = knownKey(reading, log, line, since);
    if (known === null) {
      strangers += 1;
      continue;
    }
    const outcome = await checkLine(note, line, known.type, known.key);
    if (outcome.good === null) unchecked += 1;
    else reading.counts.signatures += 1;
    if (outcome.good) good.push({ ...known, time: outcome.time });
    else if (outcome.good === false) bad ??= known;
  }
  if (strangers > 0) {
    const sentence = `${strangers} of its signatures are by keys that no charter names.`;
    reading.gap(item, "gap.signer", sentence);
  }
  if (unchecked > 0) {
    const sentence = "It has an ML-DSA-44 signature, which is not checked by this browser.";
    reading.gap(item, "gap.mldsa", sentence);
  }
  if (bad !== null) {
    reading.fault(item, "evidence.note", "A signature under it, by a known key, is not good.");
    return;
  }
  if (good.length === 0) return;
  const root = roots.get(checkpoint.size);
  if (root === undefined) {
    const sentence = `The root at size ${checkpoint.size} lies within what is left out.`;
    reading.gap(item, "gap.note", sentence);
  } else if (!sameBytes(root, checkpoint.root)) {
    const sentence = "What it signs is another tree than the statements in this file make.";
    reading.fault(item, "evidence.root", sentence);
  } else {
    for (const { time, by, kind } of good) covered(log, checkpoint.size, time, by, kind);
  }
}

// --- after the end -------------------------------------------------------------------------------

// First the scope, then causes, both in the order of the file and without what has a fault so far.
function afterTheEnd(reading) {
  const good = () => reading.statements.filter((record) => record.fault === null);
  for (const record of outOfScope(reading, good())) {
    const sentence = "It is not within what the file says that it holds.";
    reading.fault(record.item, "evidence.scope", sentence, record);
  }
  for (const record of good()) {
    const sentence = causeFault(reading, record);
    if (sentence !== null) reading.fault(record.item, "evidence.cause", sentence, record);
  }
  for (const log of reading.logs) noteUncovered(reading, log);
  if (reading.version > 1) noteMissingPacks(reading);
}

function causesOf(reading, record) {
  const places = record.said.seen.map((tip) => reading.tips.get(tip));
  if (record.said.previous !== null) places.push(reading.places.get(record.said.previous));
  return places.filter((place) => place !== undefined);
}

function causeFault(reading, record) {
  const own = record.said.seen.some((tip) => reading.tips.get(tip)?.log === record.log);
  if (own) return "It says that it had read of its own log.";
  const later = causesOf(reading, record).some(
    ({ record: cause }) =>
      cause !== null && cause.fault === null && cause.said.charter > record.said.charter,
  );
  return later ? "It goes by an older charter than what it had read." : null;
}

function outOfScope(reading, records) {
  const { from, to, thread } = reading.header;
  if (from !== null || to !== null) {
    const within = (time) => time >= (from ?? 0) && time <= (to ?? LATEST_MS);
    return records.filter((record) => !within(record.said.claimed) && !within(record.admitted));
  }
  if (thread === null) return [];
  // The statement of the scope counts by its digest, also when it is not here itself.
  const neighbours = new Map(records.map((record) => [record.digest, []]));
  if (!neighbours.has(thread)) neighbours.set(thread, []);
  for (const record of records) {
    for (const { target } of record.said.references) {
      neighbours.get(record.digest).push(target);
      neighbours.get(target)?.push(record.digest);
    }
  }
  const reached = new Set([thread]);
  const open = [thread];
  while (open.length > 0) {
    for (const next of neighbours.get(open.pop()) ?? []) {
      if (!reached.has(next)) {
        reached.add(next);
        open.push(next);
      }
    }
  }
  return records.filter((record) => !reached.has(record.digest));
}

function noteUncovered(reading, log) {
  let end = log.signed.reduce((most, each) => Math.max(most, each.size), 0);
  for (const record of log.records) {
    if (record.fault === null) end = Math.max(end, record.position + 1);
  }
  if (log.runs.some(([, to]) => to > end)) {
    const after = end === 0 ? "All of this log" : `What stands in this log after the first ${end}`;
    const sentence = `${after} is left out, and nobody signed how much it is.`;
    reading.gap(log.item, "gap.uncovered", sentence);
  }
}
