// What a file is, by how it begins, and the block in a document (docs/evidence.md sections 1
// and 9). A document is never opened as one: it is bytes here, and nothing in it runs.

// In two parts, since the start tag may stand in this document only once.
const BLOCK_START = utf8(`<${"script"} type="application/vnd.tieline.evidence" id="evidence">`);
const FARTHEST_BLOCK = 4194304;
const LONGEST_BEGINNING = 4096;
const EVIDENCE_BEGINS = "TIELINE-EVIDENCE-";
const PROOF_BEGINS = "TIELINE-PROOF";

// "evidence", "proof", "document" or "other".
function kindOfFile(bytes) {
  let begin = "";
  for (const byte of bytes.subarray(0, LONGEST_BEGINNING)) begin += String.fromCharCode(byte);
  if (begin.startsWith(EVIDENCE_BEGINS)) return "evidence";
  if (begin.startsWith(PROOF_BEGINS)) return "proof";
  return /^[\t-\r ]*<(!doctype html|html)/i.test(begin) ? "document" : "other";
}

// How large a file of a kind may be.
const MOST_OF_FILE = {
  evidence: MOST_EVIDENCE_BYTES,
  document: MOST_EVIDENCE_BYTES,
  proof: LONGEST_PROOF_TEXT,
  other: MOST_NOTE_BYTES,
};

// Where `wanted` begins in `bytes` at or after `from`, or -1.
function findBytes(bytes, wanted, from) {
  for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (sameBytes(bytes.subarray(at, at + wanted.length), wanted)) return at;
  }
  return -1;
}

// The content of the one block of a document.
function blockOfDocument(bytes) {
  const broken = (sentence) => {
    throw new Break("evidence.magic", sentence, 0);
  };
  const start = findBytes(bytes, BLOCK_START, 0);
  if (start < 0 || start > FARTHEST_BLOCK) broken("The document has no block of evidence.");
  const from = start + BLOCK_START.length;
  if (findBytes(bytes, BLOCK_START, from) >= 0) broken("The document has two blocks of evidence.");
  const end = bytes.indexOf(60, from);
  if (end < 0) broken("The block of evidence in the document has no end.");
  const inner = fromBase64(new TextDecoder("latin1").decode(bytes.subarray(from, end)), true);
  return inner ?? broken("The block of evidence in the document is no base64.");
}

// What is in a file: { kind, bytes }, where a document has given what its block holds.
function openFile(bytes) {
  const kind = kindOfFile(bytes);
  if (kind !== "document") return { kind, bytes };
  const inner = blockOfDocument(bytes);
  return { kind: kindOfFile(inner) === "proof" ? "proof" : "evidence", bytes: inner };
}
