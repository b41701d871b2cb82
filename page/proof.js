// Proofs that a station told two stories (docs/protocol.md section 8.3): a file that stands alone.

const PROOF_LABEL = "TIELINE-PROOF-1";
const PROOF_LIMITS = { bytes: 131072, depth: 3, items: 128 };
const LONGEST_PROOF_TEXT = (PROOF_LIMITS.bytes * 3) / 2 + 256;
const LARGEST_HALF_NOTE = 4096;
const ARMOR_LINE = 64;
const TWO_STATEMENTS = 1;
const SAME_SIZE = 2;
const NO_BEGINNING = 3;

// --- armor (section 4.5) -------------------------------------------------------------------------

function armored(bytes, label) {
  const lines = toBase64(bytes).match(new RegExp(`.{1,${ARMOR_LINE}}`, "g")) ?? [];
  return [label, ...lines, "END", ""].join("\n");
}

// The bytes of an armored text: exactly what `armored` writes, and nothing else.
function dearmored(text, label, longest) {
  if (!text.startsWith(`${label}\n`)) {
    refuse("armor.label", `The text does not begin with the line ${label}.`);
  }
  if (text.length > longest) refuse("armor.too_large", "The text is too long for its kind.");
  const bytes = fromBase64(text.slice(label.length + 1, -4), true);
  if (bytes === null || armored(bytes, label) !== text) {
    refuse("armor.form", "The text was changed on its way, if only in a space.");
  }
  return bytes;
}

// --- the parts of a proof ------------------------------------------------------------------------

function badProof(code, sentence) {
  return refuse(`proof_file.${code}`, sentence);
}

// The certificate under which each half stands: one for both, or two of one station.
async function readProofCertificates(items, root, party, realm) {
  if (!PARTY_CODE.test(party)) refuse("certificate.party", "The proof names no party.");
  if (!REALM.test(realm)) refuse("certificate.realm", "The proof names no proper realm.");
  const unique = items.every((each) => isBytes(each)) && new Set(items.map(hex)).size;
  if (items.length < 1 || items.length > 2 || unique !== items.length) {
    badProof("form", "It has not one certificate for both halves, or two different ones.");
  }
  const certificates = [];
  for (const item of items) certificates.push(await readProofCertificate(item, root));
  for (const each of certificates) {
    if (each.party !== party || each.realm !== realm) {
      badProof("certificate", "A certificate is of another party or realm than the proof names.");
    }
  }
  if (!sameBytes(certificates[0].id, certificates.at(-1).id)) {
    badProof("certificate", "Its certificates are of two different stations.");
  }
  return certificates;
}

async function readProofCertificate(bytes, root) {
  const message = readSign1(bytes, CERTIFICATE_LIMITS);
  if (!(await verifyCertificate({ message }, root))) {
    refuse("certificate.signature", "The root key in the proof has not signed the certificate.");
  }
  return readCertificate(bytes, root);
}

// What the evidence says: { kind, halves, root, path }.
function readProofEvidence(evidence) {
  const [kind, one, two, root, path] = evidence;
  const known = kind === TWO_STATEMENTS || kind === SAME_SIZE || kind === NO_BEGINNING;
  const count = kind === NO_BEGINNING ? 5 : 3;
  if (!known || evidence.length !== count || !isBytes(one) || !isBytes(two)) {
    badProof("form", "Its halves are of no kind that this page knows.");
  }
  const whole = isBytes(root) && Array.isArray(path) && path.every((hash) => isBytes(hash));
  if (kind === NO_BEGINNING && !whole) {
    badProof("form", "Its consistency proof is no root and list of hashes.");
  }
  return { kind, halves: [one, two], root, path };
}

// --- two statements ------------------------------------------------------------------------------

async function checkStatements(halves, certificates, realm) {
  const [one, two] = halves.map((bytes) => readStatement(bytes));
  const pairs = [
    [one, certificates[0]],
    [two, certificates.at(-1)],
  ];
  for (const [said, certificate] of pairs) {
    if (!sameBytes(said.station, certificate.id)) {
      badProof("other_log", "A statement is of another station than the one in the certificate.");
    }
    const message = statementMessage(said, realm);
    if (!(await verifyEd25519(certificate.signKey, said.message.signature, message))) {
      badProof("forged", "A statement was not signed with the key in the certificate.");
    }
  }
  const same =
    sameBytes(one.line, two.line) &&
    sameBytes(one.incarnation, two.incarnation) &&
    one.position === two.position;
  if (!same) badProof("other_log", "The statements do not stand in one place of one log.");
  if (compareBytes(one.digest, two.digest) >= 0) {
    badProof("same", "It is one statement twice, or the two are out of order.");
  }
  const { line, station, incarnation, position } = one;
  const place = { line: hex(line), station: hex(station), incarnation: hex(incarnation) };
  return { ...place, at: position, statements: [one, two], heads: [] };
}

// --- two checkpoints -----------------------------------------------------------------------------

async function readHalf(bytes, certificate) {
  if (bytes.length > LARGEST_HALF_NOTE) badProof("form", "A checkpoint in it is too large.");
  const note = readNoteBytes(bytes);
  const head = readAnyCheckpoint(note.text);
  const key = certificate.signKey;
  const [line] = linesOf(note, head.origin, SIGNATURE_ED25519, key);
  if (note.lines.length !== 1 || line === undefined) {
    badProof("forged", "A checkpoint was not signed by the certified station, or by others too.");
  }
  const { good } = await checkLine(note, line, SIGNATURE_ED25519, key);
  if (!good) refuse("note.forged", "The signature of the station under a checkpoint is not good.");
  return head;
}

async function checkHeads({ kind, halves, root, path }, certificates) {
  const one = await readHalf(halves[0], certificates[0]);
  const two = await readHalf(halves[1], certificates.at(-1));
  if (one.origin !== two.origin) badProof("other_log", "The checkpoints are of two logs.");
  const place = readOrigin(one.origin);
  if (place.station !== hex(certificates[0].id)) {
    badProof("other_log", "The checkpoints are of another station than the certificate.");
  }
  if (kind === SAME_SIZE) {
    if (one.size !== two.size) badProof("other_log", "The checkpoints are of two sizes.");
    if (sameBytes(one.root, two.root) || compareBytes(...halves) >= 0) {
      badProof("same", "It is one checkpoint twice, or the two are out of order.");
    }
  } else {
    if (one.size === 0n || one.size >= two.size) {
      badProof("other_log", "The smaller checkpoint does not come first.");
    }
    if (root.length !== 32) badProof("form", "The other root of the smaller size is none.");
    checkConsistency(one.size, two.size, root, two.root, path);
    if (sameBytes(root, one.root)) {
      badProof("same", "The larger checkpoint goes on from the smaller one, as it should.");
    }
  }
  return { ...place, at: one.size, statements: [], heads: [one, two] };
}

// --- the whole -----------------------------------------------------------------------------------

// What the bytes of a proof prove; Refused when they prove nothing.
async function readProof(bytes) {
  const parts = decode(bytes, PROOF_LIMITS);
  const [version, party, realm, root, certs, evidence] = Array.isArray(parts) ? parts : [];
  const good =
    parts?.length === 6 &&
    version === 1 &&
    isText(party) &&
    isText(realm) &&
    isBytes(root) &&
    Array.isArray(certs) &&
    Array.isArray(evidence);
  if (!good) badProof("form", "It is no proof of version 1.");
  const certificates = await readProofCertificates(certs, root, party, realm);
  const said = readProofEvidence(evidence);
  const found =
    said.kind === TWO_STATEMENTS
      ? await checkStatements(said.halves, certificates, realm)
      : await checkHeads(said, certificates);
  return { kind: said.kind, party, realm, root, certificates, other: said.root, ...found };
}

// What the text of a proof file proves.
async function readProofFile(bytes) {
  // Each byte is one character, so that nothing but ASCII passes; one too many is enough to refuse.
  let text = "";
  for (const byte of bytes.subarray(0, LONGEST_PROOF_TEXT + 1)) text += String.fromCharCode(byte);
  return readProof(dearmored(text, PROOF_LABEL, LONGEST_PROOF_TEXT));
}

// What evidence of the same line says of the keys in a proof: the versions of the charter that give
// the party this root key, and for each certificate those that give its station this statement
// key. null for evidence of another line or realm.
function keysByEvidence(proof, reading) {
  const { party, realm, root, line, station, certificates } = proof;
  const { header, charters } = reading;
  if (header === null || hex(header.line) !== line || header.realm !== realm) return null;
  const versions = (fits) => charters.filter(fits).map(({ version }) => version);
  const named = ({ code, root: key }) => code === party && sameBytes(key, root);
  const has = (key) => (charter) => {
    const known = charter.stations.get(station);
    return known !== undefined && sameBytes(known.signKey, key);
  };
  return {
    newest: charters.length,
    root: versions(({ parties }) => parties.some(named)),
    keys: certificates.map(({ signKey }) => versions(has(signKey))),
  };
}

const PROOF_KINDS = { 1: "statements", 2: "same size", 3: "no beginning" };

// What another reader of a proof must find too (vectors/README.md).
function proofFacts(proof) {
  const { party, realm, root, line, station, incarnation, certificates, statements } = proof;
  const number = (value) => (value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value));
  return {
    kind: PROOF_KINDS[proof.kind],
    at: number(proof.at),
    party,
    realm,
    root_key: hex(root),
    words: wordsOf(fingerprint(party, realm, root)).join(" "),
    line,
    station,
    station_name: certificates[0].name,
    incarnation,
    certificates: certificates.length,
    digests: statements.map((said) => hex(said.digest)),
    heads: proof.heads.map(({ size, root: of }) => [number(size), hex(of)]),
  };
}
