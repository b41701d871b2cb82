// The framing of evidence (docs/evidence.md sections 1 and 2): the items of the sequence, their
// forms, and where each may stand. What is wrong here breaks the reading off.

// By version; the lines are of one length.
const EVIDENCE_MAGICS = [1, 2].map((version) => utf8(`TIELINE-EVIDENCE-${version}\n`));
const MAGIC_BYTES = EVIDENCE_MAGICS[0].length;
const MOST_EVIDENCE_BYTES = 268435456;
const ITEM_LIMITS = { bytes: 1114112, depth: 3, items: 512 };
const TYPE = {
  header: 1,
  charter: 2,
  key: 3,
  log: 4,
  statement: 5,
  run: 6,
  second: 7,
  receipt: 8,
  note: 9,
  end: 10,
  pack: 11, // of version 2
};

// What ends the reading: a code, a sentence, and the number of the item.
class Break extends Refused {
  constructor(code, sentence, item) {
    super(code, sentence);
    this.item = item;
  }
}

const isCount = (value) => isWhole(value, 0, MOST_STATEMENTS);
const isSize = (value) => isWhole(value, 1, MOST_STATEMENTS);
const isUpTo = (most) => (value) => isBytes(value) && value.length >= 1 && value.length <= most;
const isStatement = isUpTo(STATEMENT_LIMITS.bytes);
const isId = (value) => isBytes(value, 8);
const isDigest = (value) => isBytes(value, 32);

function isRunHashes(value) {
  return Array.isArray(value) && value.length >= 1 && value.length <= 96 && value.every(isDigest);
}

function isScope(value) {
  if (!(value instanceof Map)) return false;
  for (const [key, part] of value) {
    if (key === 3 ? !isDigest(part) : !((key === 1 || key === 2) && isTime(part))) return false;
  }
  return !(value.has(1) && value.has(2) && value.get(1) > value.get(2));
}

const FORMS = {
  1: [
    (value) => isBytes(value, 16),
    (value) => isText(value) && REALM.test(value),
    isTime,
    isId,
    isScope,
  ],
  2: [(value) => isBytes(value)],
  3: [(value) => isBytes(value, 1312)],
  4: [isId, isId, isSize, isDigest, isCount],
  5: [isStatement, isTime],
  6: [isSize, isRunHashes],
  7: [isStatement, isTime],
  8: [isUpTo(RECEIPT_LIMITS.bytes)],
  9: [isUpTo(MOST_NOTE_BYTES)],
  10: [isCount, isCount, isCount, isCount, isCount],
  11: [(value) => isBytes(value)],
};

// The version of evidence bytes, from their first line.
function versionOfEvidence(bytes) {
  const start = bytes.subarray(0, MAGIC_BYTES);
  const version = EVIDENCE_MAGICS.findIndex((magic) => sameBytes(start, magic)) + 1;
  if (version > 0) return version;
  throw new Break("evidence.magic", "This is not Tieline evidence of version 1 or 2.", 0);
}

// The items of evidence bytes one after another, as { number, type, parts, end }.
function* itemsOf(bytes, version) {
  if (bytes.length > MOST_EVIDENCE_BYTES) {
    throw new Break("evidence.too_large", "The file is larger than 256 MiB.", 0);
  }
  let at = MAGIC_BYTES;
  for (let number = 0; at < bytes.length; number += 1) {
    const { value, end } = nextItem(bytes, at, number);
    at = end;
    const known = Array.isArray(value) && !(value[0] === TYPE.pack && version === 1);
    const form = known ? FORMS[value[0]] : undefined;
    const parts = form === undefined ? [] : value.slice(1);
    if (
      form === undefined ||
      parts.length !== form.length ||
      !form.every((fits, i) => fits(parts[i]))
    ) {
      throw new Break("evidence.form", "An item has none of the forms that it may have.", number);
    }
    yield { number, type: value[0], parts, end };
  }
}

function nextItem(bytes, at, number) {
  try {
    return decodeNext(bytes, at, ITEM_LIMITS);
  } catch (error) {
    const codes = {
      "encode.truncated": ["evidence.truncated", "The file ends in the middle of an item."],
      "encode.too_large": ["evidence.too_large", "An item is larger than it may be."],
    };
    const [code, sentence] = codes[error.code] ?? [
      "evidence.encoding",
      `An item is not encoded as it must be. ${error.message}`,
    ];
    throw new Break(code, sentence, number);
  }
}

// Keeps watch over the order of items: which types may follow, and what ascends. `before` is the
// type that came last.
class Order {
  constructor() {
    this.before = 0;
    this.last = new Map(); // what ascends, by what it is of
    this.left = 0; // positions of the log in hand that are still to come
  }

  broken(number, sentence) {
    throw new Break("evidence.order", sentence, number);
  }

  // Whether an item of this type may stand here.
  step({ number, type }) {
    const { header, charter, pack, key, log, statement, run, end } = TYPE;
    const before = this.before;
    let may;
    if (type === header) may = before === 0;
    else if (type === charter) may = before === header || before === charter;
    else if (type === pack) may = before === charter || before === pack;
    else if (type === key) may = [charter, pack, key].includes(before);
    else if (type === log || type === end) may = before >= charter && before !== end;
    else if (type === statement || type === run) may = [log, statement, run].includes(before);
    else may = before >= log && before <= type;
    if (!may) this.broken(number, "An item stands where it may not stand.");
    const inside = type === statement || type === run;
    if (!inside && this.left > 0) this.broken(number, "A log ends before all of it has come.");
    this.before = type;
  }

  begin(size) {
    this.left = size;
    for (const of of ["second", "receipt", "note"]) this.last.delete(of);
  }

  take(count, number) {
    if (count > this.left) this.broken(number, "There is more in a log than its size says.");
    this.left -= count;
  }

  // Refuses a value that does not ascend; values are lists of numbers and bytes.
  ascend(of, value, number) {
    const last = this.last.get(of);
    this.last.set(of, value);
    if (last === undefined) return;
    for (let at = 0; at < value.length; at += 1) {
      const [a, b] = [last[at], value[at]];
      const order = typeof a === "number" ? a - b : compareBytes(a, b);
      if (order < 0) return;
      if (order > 0) break;
    }
    this.broken(number, `The items of one kind (${of}) are not in ascending order.`);
  }

  finish(count) {
    if (this.before !== TYPE.end) {
      throw new Break("evidence.truncated", "The file ends before its end item.", count);
    }
  }
}
