// Checkpoints, receipts and signed notes (docs/protocol.md section 8; C2SP signed-note,
// tlog-checkpoint and tlog-cosignature).

const RECEIPT_LIMITS = { bytes: 128, depth: 1, items: 5 };
const MOST_NOTE_BYTES = 1000000;
const LATEST_S = 253402300799;
const LATEST_STAMP = 2n ** 63n - 1n; // of a cosignature in a note
const SIGNATURE_ED25519 = 1;
const COSIGNATURE_ED25519 = 4;
const COSIGNATURE_ML_DSA = 6;

function originOf(line, station, incarnation) {
  return `tieline.invalid/${hex(line)}/${hex(station)}/${hex(incarnation)}`;
}

function checkpointText(origin, size, root) {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

// The name of a key or a log: no space, no plus sign, nothing below U+0020, 1 to 255 bytes.
function isKeyName(name) {
  return !/[\p{White_Space}\u0000-\u001f+]/u.test(name) && name !== "" && utf8(name).length <= 255;
}

// Size (a BigInt: it may be above 2^53) and root of a checkpoint, from its lines.
function readHead([, size, encoded]) {
  const small = /^(0|[1-9][0-9]{0,18})$/.test(size) && BigInt(size) < 2n ** 63n;
  if (!small) refuse("checkpoint.size", "A checkpoint has no proper size.");
  const root = fromBase64(encoded);
  if (root === null || root.length !== 32) refuse("checkpoint.root", "A checkpoint has no root.");
  return { size: BigInt(size), root };
}

// Origin, size and root of a checkpoint of a line, which has no extension lines.
function readCheckpoint(text) {
  const lines = text.split("\n");
  if (lines.length !== 4 || lines[3] !== "") {
    refuse("checkpoint.lines", "A checkpoint has not three lines.");
  }
  const [origin] = lines;
  if (!isKeyName(origin)) refuse("checkpoint.origin", "A checkpoint has no proper origin.");
  const { size, root } = readHead(lines);
  return { origin, size: Number(size), root };
}

// The same of anybody's checkpoint: any origin, and extension lines, none of them empty. The size
// is a BigInt.
function readAnyCheckpoint(text) {
  const lines = text.split("\n");
  const whole = lines.length >= 4 && lines.pop() === "" && !lines.slice(3).includes("");
  if (!whole) refuse("checkpoint.lines", "A checkpoint has not three or more whole lines.");
  const [origin] = lines;
  if (origin === "" || /[\u0000-\u001f]/.test(origin)) {
    refuse("checkpoint.origin", "A checkpoint has no origin.");
  }
  return { origin, ...readHead(lines) };
}

const ORIGIN = /^tieline\.invalid\/([0-9a-f]{32})\/([0-9a-f]{16})\/([0-9a-f]{16})$/;

// Line, station and incarnation in an origin, in hexadecimal.
function readOrigin(origin) {
  const found = ORIGIN.exec(origin);
  if (found === null) refuse("checkpoint.origin", "The checkpoint is of no log of a line.");
  const [, line, station, incarnation] = found;
  return { line, station, incarnation };
}

// The text of a note, and { name, id, blob } of each signature line.
function readNote(text) {
  if (utf8(text).length > MOST_NOTE_BYTES) refuse("note.too_large", "A note has too many bytes.");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) {
    refuse("note.text", "A note has control characters.");
  }
  const split = text.lastIndexOf("\n\n");
  if (split < 0) refuse("note.text", "A note has no blank line before its signatures.");
  const rest = text.slice(split + 2);
  if (rest === "" || !rest.endsWith("\n")) {
    refuse("note.signatures", "The signature lines of a note are cut.");
  }
  const lines = rest.slice(0, -1).split("\n");
  if (lines.length > 256) refuse("note.signatures", "A note has too many signatures.");
  return { text: text.slice(0, split + 1), lines: lines.map(readSignatureLine) };
}

// The note of these bytes.
function readNoteBytes(bytes) {
  if (bytes.length > MOST_NOTE_BYTES) refuse("note.too_large", "A note has too many bytes.");
  try {
    return readNote(STRICT_UTF8.decode(bytes));
  } catch (error) {
    if (error instanceof Refused) throw error;
    return refuse("note.text", "A note is not UTF-8.");
  }
}

function readSignatureLine(line) {
  const found = /^— ([^ ]+) ([^ ]+)$/.exec(line);
  const blob = found === null ? null : fromBase64(found[2]);
  if (blob === null || blob.length < 5 || !isKeyName(found[1])) {
    refuse("note.signature", "A signature line of a note is not as it must be.");
  }
  return { name: found[1], id: hex(blob.subarray(0, 4)), blob: blob.subarray(4) };
}

function keyId(name, type, key) {
  return hex(sha256(utf8(name), Uint8Array.of(10, type), key).subarray(0, 4));
}

// The signature lines that bear the name and id of a key; it may have several.
function linesOf(note, name, type, key) {
  const id = keyId(name, type, key);
  return note.lines.filter((line) => line.name === name && line.id === id);
}

function cosignatureMessage(time, text) {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`);
}

function eightBytes(value) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}

// The cosigned_message of tlog-cosignature for a whole checkpoint: start is 0, end is the size.
function subtreeMessage(name, time, checkpoint) {
  const counted = (text) => joinBytes(Uint8Array.of(utf8(text).length), utf8(text));
  return joinBytes(
    utf8("subtree/v1\n\0"),
    counted(name),
    eightBytes(time),
    counted(checkpoint.origin),
    eightBytes(0),
    eightBytes(checkpoint.size),
    checkpoint.root,
  );
}

// Whether a line of a known key is good: { good, time } with the cosigner's seconds (null for a
// log's own signature), where `good` is null when this browser does not check such signatures.
async function checkLine(note, line, type, key) {
  if (type === SIGNATURE_ED25519) {
    return { good: await verifyEd25519(key, line.blob, utf8(note.text)), time: null };
  }
  if (line.blob.length !== (type === COSIGNATURE_ED25519 ? 72 : 2428)) {
    return { good: false, time: null };
  }
  const stamp = new DataView(line.blob.buffer, line.blob.byteOffset).getBigUint64(0);
  if (stamp > LATEST_STAMP) return { good: false, time: null };
  const time = stamp <= Number.MAX_SAFE_INTEGER ? Number(stamp) : stamp;
  const signature = line.blob.subarray(8);
  if (type === COSIGNATURE_ED25519) {
    return { good: await verifyEd25519(key, signature, cosignatureMessage(time, note.text)), time };
  }
  const message = subtreeMessage(line.name, time, readAnyCheckpoint(note.text));
  return { good: await verifyMlDsa(key, signature, message), time };
}

// A receipt as it travels.
function readReceipt(bytes) {
  const parts = decode(bytes, RECEIPT_LIMITS);
  const [log, size, cosigner, time, signature] = Array.isArray(parts) ? parts : [];
  const good =
    parts.length === 5 &&
    isBytes(log, 8) &&
    isWhole(size, 1, MOST_STATEMENTS) &&
    isBytes(cosigner, 8) &&
    isWhole(time, 0, LATEST_S) &&
    isBytes(signature, 64);
  if (!good) refuse("receipt.form", "This is not a receipt.");
  return { log, size, cosigner, time, signature };
}
