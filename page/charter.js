// Charters: what a version says, who signed it, and whether it follows the one before
// (docs/protocol.md section 5).

const SIGNED_CHARTER_LIMITS = { bytes: 1081344, depth: 4, items: 1024 };
const CHARTER_LIMITS = { bytes: 1048576, depth: 8, items: 8192 };
const MOST_LISTED = 64;
const MOST_ENDS = 1024;
const LARGEST_LOG = 2 ** 48;
const LONGEST_CLOCK_S = 31622400;
const CHARTER_DOMAIN = utf8("tieline-charter-v1\0");
const FORM_ID = /^[!-~]{1,64}$/;

function charterField(fields, key, fits) {
  const value = fields.get(key);
  if (!fits(value)) refuse("charter.field", `Field ${key} of a charter is not as it must be.`);
  return value;
}

// Refuses a list that does not ascend; `key` gives what is compared, as bytes or text.
function ascending(values, compare, what) {
  for (let at = 1; at < values.length; at += 1) {
    if (compare(values[at - 1], values[at]) >= 0) {
      refuse("charter.noncanonical", `The ${what} of a charter are not in their order.`);
    }
  }
}

function compareNumbers(a, b) {
  return a - b;
}

// Party codes are ASCII, so that their order is that of their bytes.
function compareTexts(a, b) {
  return compareBytes(utf8(a), utf8(b));
}

// --- the parts of a body -------------------------------------------------------------------------

function readStation(entry, party) {
  if (!(entry instanceof Map) || !isBytes(entry.get(1)) || !Array.isArray(entry.get(2))) {
    refuse("card_station.field", "A station of a charter is not as it must be.");
  }
  const addresses = entry.get(2);
  const unique = new Set(addresses);
  const fault = addresses.map(addressFault).find((each) => each !== "");
  if (fault !== undefined) refuse(fault, "An address of a station is not as it must be.");
  if (addresses.length > 8 || unique.size !== addresses.length) {
    refuse("address.many", "A station has too many addresses, or one of them twice.");
  }
  const certificate = readCertificate(entry.get(1), party.root);
  return { ...certificate, addresses };
}

function readParty(entry) {
  if (!(entry instanceof Map)) refuse("charter.field", "A party of a charter is not a map.");
  const party = { code: entry.get(1), name: entry.get(2), root: entry.get(3), stations: [], entry };
  if (!isText(party.code) || !PARTY_CODE.test(party.code)) {
    refuse("charter.party", "A party of a charter has no proper code.");
  }
  if (!isName(party.name)) refuse("charter.name", `The name of ${party.code} is not one.`);
  if (!isBytes(party.root)) refuse("charter.field", `${party.code} has no root key.`);
  refuseKey(party.root, `The root key of ${party.code}`);
  const stations = entry.get(4);
  if (!Array.isArray(stations) || stations.length < 1 || stations.length > 2) {
    refuse("charter.stations", `${party.code} has not one or two stations.`);
  }
  party.stations = stations.map((each) => readStation(each, party));
  if (party.stations.length === 2) {
    const order = compareBytes(party.stations[0].id, party.stations[1].id);
    if (order === 0) refuse("charter.stations", `${party.code} names one station twice.`);
    if (order > 0)
      refuse("charter.noncanonical", `The stations of ${party.code} are not in order.`);
  }
  return party;
}

function readClocks(value) {
  const clock = (each) => isWhole(each, 1, LONGEST_CLOCK_S);
  const row = (each) => Array.isArray(each) && each.length === 5 && each.every(clock);
  if (!Array.isArray(value) || value.length !== 4 || !value.every(row)) {
    refuse("charter.clocks", "The clocks of a charter are not as they must be.");
  }
  return value;
}

function readTests(value) {
  const [interval, window, answer] = Array.isArray(value) ? value : [];
  const good =
    value?.length === 3 &&
    isWhole(interval, 0, LONGEST_CLOCK_S) &&
    isWhole(window, 1, interval === 0 ? LONGEST_CLOCK_S : interval) &&
    (answer === "officer" || answer === "station");
  if (!good) refuse("charter.tests", "The line tests of a charter are not as they must be.");
  return { interval, window, answer };
}

function readRelease(value) {
  const [eyes, standing] = Array.isArray(value) ? value : [];
  const good =
    value?.length === 2 &&
    Array.isArray(eyes) &&
    eyes.every((each) => isWhole(each, 0, 3)) &&
    Array.isArray(standing) &&
    standing.length <= MOST_LISTED &&
    standing.every((each) => isText(each) && FORM_ID.test(each));
  if (!good) refuse("charter.release", "The release rules of a charter are not as they must be.");
  ascending(eyes, compareNumbers, "precedences that need two people");
  ascending(standing, compareTexts, "standing authorities");
  return { eyes, standing };
}

function readPacks(value) {
  const good = Array.isArray(value) && value.length <= MOST_LISTED;
  if (!good || !value.every((each) => isBytes(each, 32))) {
    refuse("charter.packs", "The packs of a charter are not as they must be.");
  }
  ascending(value, compareBytes, "packs");
  return value;
}

function readWitnesses(value) {
  const entry = (each) =>
    Array.isArray(each) &&
    isName(each[0]) &&
    isBytes(each[1]) &&
    (each.length === 2 || (each.length === 3 && isBytes(each[2], 1312)));
  const good = Array.isArray(value) && value.length <= MOST_LISTED;
  if (!good || !value.every(entry)) {
    refuse("charter.witnesses", "The witnesses of a charter are not as they must be.");
  }
  const late = value.filter((each) => each.length === 3).map((each) => hex(each[2]));
  refuseTwins(late, "charter.witnesses", "An ML-DSA-44 key");
  for (const [name, key] of value) refuseKey(key, `The key of witness ${name}`);
  ascending(value, (a, b) => compareTexts(a[0], b[0]), "witnesses");
  return value.map(([name, key, late]) => ({ name, key, late: late ?? null }));
}

// Pairs of a party and a root key; `what` is who they are.
function readRoots(value, what) {
  const pair = (each) => Array.isArray(each) && each.length === 2 && isText(each[0]);
  const good = Array.isArray(value) && value.length <= MOST_LISTED;
  if (!good || !value.every((each) => pair(each) && isBytes(each[1]))) {
    refuse("charter.field", `The ${what} of a charter are not as they must be.`);
  }
  for (const [code, root] of value) {
    if (!PARTY_CODE.test(code)) refuse("charter.party", `One of the ${what} has no proper code.`);
    refuseKey(root, `The root key of ${code} among the ${what}`);
  }
  return value.map(([code, root]) => ({ code, root }));
}

function readLeaving(value) {
  const leaving = readRoots(value, "leaving parties");
  ascending(leaving, (a, b) => compareTexts(a.code, b.code), "leaving parties");
  return leaving;
}

// Parties that are under another root than in the version before, with the root they had.
function readReplaced(value, parties) {
  const what = "parties with another root";
  const replaced = readRoots(value, what);
  if (replaced.length === 0) {
    refuse("charter.noncanonical", "A charter lists that no root is replaced.");
  }
  const here = new Set(parties.map((party) => party.code));
  const codes = replaced.map(({ code }) => code);
  if (new Set(codes).size !== codes.length || !codes.every((code) => here.has(code))) {
    refuse("charter.reroot", "A charter replaces the root of a stranger, or one root twice.");
  }
  ascending(codes, compareTexts, what);
  return replaced;
}

// Where logs end: the log, its size, and the digest of its last statement.
function readEnds(value) {
  const end = (each) =>
    Array.isArray(each) &&
    each.length === 3 &&
    isBytes(each[0], 8) &&
    isWhole(each[1], 1, LARGEST_LOG) &&
    isBytes(each[2], 32);
  if (value.length > MOST_ENDS || !value.every(end)) {
    refuse("charter.closed", "The ends of logs in a charter are not as they must be.");
  }
  if (new Set(value.map(([log]) => hex(log))).size !== value.length) {
    refuse("charter.closed", "A charter ends one log twice.");
  }
  ascending(value, (a, b) => compareBytes(a[0], b[0]), "ends of logs");
  return value.map(([log, size, last]) => ({ log, size, last }));
}

// The parties that read and do not write; absent where there is none, and only then.
function readObservers(value, parties) {
  for (const code of value) {
    if (!isText(code)) refuse("charter.observers", "An observer is not named by a text.");
    if (!PARTY_CODE.test(code)) refuse("charter.party", "An observer has no proper code.");
  }
  if (new Set(value).size !== value.length) {
    refuse("charter.observers", "A charter names an observer twice.");
  }
  if (value.length === 0) refuse("charter.noncanonical", "A charter lists that nobody observes.");
  ascending(value, compareTexts, "observers");
  const here = new Set(parties.map((party) => party.code));
  if (!value.every((code) => here.has(code))) {
    refuse("charter.observers", "A charter makes an observer of one that is no party.");
  }
  if (parties.length - value.length < 2) {
    refuse("charter.observers", "A charter leaves no two parties that speak.");
  }
  return value;
}

// Those without whose signature a version is complete: observers of it, or parties that leave.
function readExcused(value, charter) {
  for (const code of value) {
    if (!isText(code)) refuse("charter.excused", "One who need not sign is not named by a text.");
    if (!PARTY_CODE.test(code)) {
      refuse("charter.party", "One who need not sign has no proper code.");
    }
  }
  if (new Set(value).size !== value.length) {
    refuse("charter.excused", "A charter excuses one party twice.");
  }
  if (value.length === 0) refuse("charter.noncanonical", "A charter lists that nobody is excused.");
  ascending(value, compareTexts, "parties that need not sign");
  const replaced = new Set(charter.replaced.map((party) => party.code));
  const idle = new Set([...charter.observers, ...charter.leaving.map((party) => party.code)]);
  if (!value.every((code) => idle.has(code) && !replaced.has(code))) {
    refuse("charter.excused", "A charter excuses one that neither observes nor leaves.");
  }
  return value;
}

// How often logs are signed and sealed, in seconds; absent for the usual intervals, and only then.
function readIntervals(value) {
  const interval = (each) => isWhole(each, 1, LONGEST_CLOCK_S);
  if (value.length !== 2 || !value.every(interval)) {
    refuse("charter.intervals", "The intervals of a charter are not as they must be.");
  }
  if (value[0] === 300 && value[1] === 86400) {
    refuse("charter.noncanonical", "A charter writes the intervals that are meant anyway.");
  }
  return value;
}

// --- rules for the whole -------------------------------------------------------------------------

// What is left of a code when letters that look alike are read as one.
function shapeOf(code) {
  const alike = { O: "0", I: "1", L: "1", S: "5", B: "8", Z: "2" };
  return [...code.replaceAll("-", "")].map((letter) => alike[letter] ?? letter).join("");
}

function refuseTwins(values, code, what) {
  if (new Set(values).size !== values.length) refuse(code, `${what} stands twice in a charter.`);
}

function checkWhole(charter) {
  const stations = charter.parties.flatMap((party) => party.stations);
  const codes = [...charter.parties, ...charter.leaving].map((party) => shapeOf(party.code));
  refuseTwins(codes, "charter.alike", "A party code, or one that looks like it,");
  ascending(
    charter.parties.map((party) => party.code),
    compareTexts,
    "parties",
  );
  for (const party of charter.parties) {
    for (const station of party.stations) {
      if (station.party !== party.code || station.realm !== charter.realm) {
        refuse("charter.stations", `A station of ${party.code} is of another party or realm.`);
      }
    }
  }
  refuseTwins(
    stations.map((each) => hex(each.id)),
    "charter.duplicate",
    "A station",
  );
  refuseTwins(
    stations.map((each) => hex(each.sealKey)),
    "charter.duplicate",
    "A seal key",
  );
  refuseTwins(
    stations.map((each) => hex(each.tls)),
    "charter.duplicate",
    "A TLS certificate",
  );
  const keys = [
    ...[...charter.parties, ...charter.leaving, ...charter.replaced].map((party) => party.root),
    ...stations.flatMap((each) => [each.signKey, each.receiptKey]),
    ...charter.witnesses.map((witness) => witness.key),
  ];
  refuseTwins(keys.map(hex), "charter.duplicate", "A key");
  if (charter.quorum > charter.witnesses.length) {
    refuse("charter.witnesses", "A charter wants more witnesses than it names.");
  }
}

function readCharterBody(body) {
  const fields = decode(body, CHARTER_LIMITS);
  if (!(fields instanceof Map)) refuse("charter.shape", "A charter holds no map.");
  const version = charterField(fields, 3, (value) => isWhole(value, 1, 4294967295));
  const first = version === 1;
  if (first && [4, 5, 15, 17, 18, 20].some((key) => fields.has(key))) {
    refuse("charter.noncanonical", "A first version says what only later ones may say.");
  }
  const parties = charterField(fields, 7, Array.isArray);
  if (parties.length < 2 || parties.length > 64) {
    refuse("charter.parties", "A charter has not 2 to 64 parties.");
  }
  if (fields.has(16)) readIntervals(charterField(fields, 16, Array.isArray));
  const named = parties.map(readParty);
  const charter = {
    body,
    name: charterField(fields, 1, isText),
    realm: charterField(fields, 2, isText),
    version,
    hash: sha256(CHARTER_DOMAIN, body),
    before: first ? null : charterField(fields, 4, (value) => isBytes(value, 32)),
    line: first
      ? sha256(utf8("tieline-line-v1\0"), body).slice(0, 16)
      : charterField(fields, 5, (value) => isBytes(value, 16)),
    nonce: charterField(fields, 6, (value) => isBytes(value, 16)),
    parties: named,
    clocks: readClocks(charterField(fields, 8, Array.isArray)),
    tests: readTests(charterField(fields, 9, Array.isArray)),
    release: readRelease(charterField(fields, 10, Array.isArray)),
    packs: readPacks(charterField(fields, 11, Array.isArray)),
    witnesses: readWitnesses(charterField(fields, 12, Array.isArray)),
    quorum: charterField(fields, 13, (value) => isWhole(value, 0, 64)),
    silence: charterField(fields, 14, (value) => isWhole(value, 0, 86400)),
    leaving: first ? [] : readLeaving(charterField(fields, 15, Array.isArray)),
    // null where the version says nothing of ends: an empty list says more than none.
    ends: fields.has(17) ? readEnds(charterField(fields, 17, Array.isArray)) : null,
    replaced: fields.has(18) ? readReplaced(charterField(fields, 18, Array.isArray), named) : [],
    observers: fields.has(19) ? readObservers(charterField(fields, 19, Array.isArray), named) : [],
    excused: [],
  };
  if (fields.has(20)) {
    charter.excused = readExcused(charterField(fields, 20, Array.isArray), charter);
  }
  if (!isName(charter.name)) refuse("charter.name", "A line has no proper name.");
  if (!REALM.test(charter.realm)) refuse("charter.realm", "A charter has no proper realm.");
  if (charter.silence < 1) refuse("charter.silence", "A charter calls nothing silence.");
  checkWhole(charter);
  return charter;
}

// A signed charter: what it says, and [code, signature] of each who signed. Signatures are not
// checked here, since that takes a promise: charterFaults does it.
function readCharter(bytes) {
  const parts = decode(bytes, SIGNED_CHARTER_LIMITS);
  if (!Array.isArray(parts) || parts.length !== 2 || !isBytes(parts[0])) {
    refuse("charter.shape", "This is not a body with signatures.");
  }
  const [body, signatures] = parts;
  const pair = (each) =>
    Array.isArray(each) && each.length === 2 && isText(each[0]) && isBytes(each[1], 64);
  if (!Array.isArray(signatures) || signatures.length > 128 || !signatures.every(pair)) {
    refuse("charter.shape", "The signatures of a charter are not as they must be.");
  }
  for (let at = 1; at < signatures.length; at += 1) {
    if (compareTexts(signatures[at - 1][0], signatures[at][0]) >= 0) {
      refuse("charter.shape", "The signatures of a charter are not in the order of codes.");
    }
  }
  const charter = readCharterBody(body);
  charter.signatures = signatures;
  return charter;
}

function signersOf(charter) {
  return [...charter.parties, ...charter.leaving];
}

// The codes of parties whose signature is needed and is not there.
function missingSigners(charter) {
  const there = new Set(charter.signatures.map(([code]) => code));
  return signersOf(charter)
    .map((party) => party.code)
    .filter((code) => !there.has(code) && !charter.excused.includes(code))
    .sort();
}

// What is wrong with the signatures and certificates of a charter: [code, sentence] for each.
async function charterFaults(charter) {
  const roots = new Map(signersOf(charter).map((party) => [party.code, party.root]));
  const message = joinBytes(CHARTER_DOMAIN, charter.body);
  const checks = charter.signatures.map(async ([code, signature]) => {
    if (!roots.has(code)) return ["charter.signer", `${code} signed and is no party of it`];
    const good = await verifyEd25519(roots.get(code), signature, message);
    return good ? null : ["charter.signature", `the signature of ${code} is not good`];
  });
  for (const party of charter.parties) {
    for (const station of party.stations) {
      const where = `the certificate of ${party.code}/${station.name} is not signed by its root`;
      checks.push(
        verifyCertificate(station, party.root).then((good) =>
          good ? null : ["certificate.signature", where],
        ),
      );
    }
  }
  return (await Promise.all(checks)).filter((fault) => fault !== null);
}

// Why `after` is not the version that follows `before`, as [code, sentence], or null.
function successionFault(before, after) {
  const sequence =
    after.version === before.version + 1 &&
    sameBytes(after.line, before.line) &&
    sameBytes(after.nonce, before.nonce) &&
    after.before !== null &&
    sameBytes(after.before, before.hash);
  if (!sequence) return ["charter.sequence", "it does not name the version before it"];
  if (after.realm !== before.realm) return ["charter.realm", "it changes the realm"];
  const staying = new Map(after.parties.map((party) => [party.code, party.root]));
  const former = new Map(after.replaced.map((party) => [party.code, party.root]));
  const gone = [];
  for (const party of before.parties) {
    const root = staying.get(party.code);
    if (root === undefined) {
      gone.push(`${party.code} ${hex(party.root)}`);
    } else if (!sameBytes(root, party.root) && !former.has(party.code)) {
      const sentence = `it changes the root key of ${party.code} and does not say so`;
      return ["charter.root_changed", sentence];
    }
  }
  for (const party of before.parties) {
    const had = former.get(party.code);
    if (had === undefined) continue;
    former.delete(party.code);
    if (sameBytes(staying.get(party.code), party.root) || !sameBytes(had, party.root)) {
      return ["charter.reroot", `the root key of ${party.code} is not replaced as it says`];
    }
  }
  if (former.size > 0) {
    return ["charter.reroot", "it replaces the root key of a party that was not there"];
  }
  const listed = after.leaving.map((party) => `${party.code} ${hex(party.root)}`);
  if (gone.join() !== listed.join()) {
    return ["charter.leaving", "it does not list exactly the parties that leave"];
  }
  if (!after.excused.every((code) => mayExcuse(before, after, code))) {
    return ["charter.excused", "it excuses one from signing that has to sign"];
  }
  return null;
}

// Whether a version needs no signature of a party: it observed, and goes, or stays as it was.
function mayExcuse(before, after, code) {
  const find = (charter) => charter.parties.find((party) => party.code === code);
  const [was, is] = [find(before), find(after)];
  if (was === undefined || !before.observers.includes(code)) return false;
  if (is === undefined) return true;
  return after.observers.includes(code) && sameValue(was.entry, is.entry);
}

// Whether two decoded values are one: texts, whole numbers, bytes, arrays and maps of these.
function sameValue(one, other) {
  if (isBytes(one) && isBytes(other)) return sameBytes(one, other);
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, at) => sameValue(each, other[at]));
  }
  if (one instanceof Map && other instanceof Map) {
    if (one.size !== other.size) return false;
    return [...one].every(([key, each]) => other.has(key) && sameValue(each, other.get(key)));
  }
  return one === other;
}
