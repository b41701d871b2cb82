// Statements: their form, what they say, and what their signature is made over
// (docs/protocol.md section 6).

const STATEMENT_LIMITS = { bytes: 32768, depth: 8, items: 4096 };
const MOST_STATEMENTS = 2 ** 48;
const LONGEST_TEXT = 12000;
const LONGEST_REMARK = 200;
const LONGEST_NAME = 80;

const PRECEDENCES = ["ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH"];
const ROLES = ["station", "watch officer", "treaty officer", "releaser"];
const RUNGS = ["", "handed over", "received", "acknowledged", "read back", "passed on"];
const REFERENCE_ROLES = [
  "",
  "answers",
  "corrects",
  "cancels",
  "supersedes",
  "predecessor",
  "concerns",
];

// Body fields by key: what a value must be, and the code when it is not.
const BODY_CODE = "statement_body.field";

function textUpTo(most) {
  return (value) => isText(value) && characters(value) <= most;
}

function isTime(value) {
  return isWhole(value, 0, LATEST_MS);
}

function isHold(value) {
  return (
    Array.isArray(value) &&
    value.length === 3 &&
    isBytes(value[0], 8) &&
    (isWhole(value[1], 1, Number.MAX_SAFE_INTEGER) || typeof value[1] === "bigint") &&
    value[1] > 0 &&
    isBytes(value[2], 32)
  );
}

// Party codes, ascending, each once, 1 to 64.
function isPartyList(value) {
  if (!Array.isArray(value) || value.length < 1 || value.length > 64) return false;
  if (!value.every((code) => isText(code) && PARTY_CODE.test(code))) return false;
  return value.every((code, at) => at === 0 || value[at - 1] < code);
}

function isFlag(value) {
  return value === true || value === false;
}

// A field whose last part is there is refused under that code when it is false or empty.
const BODY_FIELDS = new Map([
  [1, ["text", textUpTo(LONGEST_TEXT), BODY_CODE]],
  [2, ["lang", (value) => isText(value) && /^[A-Za-z0-9-]{1,16}$/.test(value), "statement.body"]],
  [3, ["fields", (value) => value instanceof Map, BODY_CODE]],
  [4, ["unit", textUpTo(LONGEST_REMARK), BODY_CODE]],
  [5, ["time", isTime, BODY_CODE]],
  [6, ["cause", textUpTo(LONGEST_REMARK), BODY_CODE]],
  [7, ["staffed", isFlag, BODY_CODE]],
  [8, ["slot", isTime, BODY_CODE]],
  [9, ["holds", (value) => Array.isArray(value) && value.every(isHold), "statement.body"]],
  [10, ["parties", isPartyList, "statement.parties"]],
  [11, ["rung", (value) => isWhole(value, 1, 5), "statement.rung"]],
  [12, ["party", (value) => isText(value) && PARTY_CODE.test(value), "statement.party"]],
  [13, ["due", isTime, BODY_CODE]],
  [14, ["attempts", isTime, BODY_CODE]],
  [15, ["effective", isTime, BODY_CODE]],
  [16, ["bindsLate", isFlag, BODY_CODE, "statement.body"]],
  [17, ["reserve", isFlag, BODY_CODE, "statement.body"]],
  [18, ["through", textUpTo(LONGEST_NAME), BODY_CODE, "statement.body"]],
  [19, ["terms", (value) => value instanceof Map, BODY_CODE]],
]);

// Kinds: name, body fields that must be there, those that may, and the rungs asked for by default.
// 17, without prejudice, stands in what officers say; 18, whose word it is, in what they hand on.
const KINDS = new Map([
  [0, { name: "open", must: [6], may: [], wants: 0 }],
  [1, { name: "message", must: [], may: [1, 2, 3, 17, 18], wants: 1 }],
  [2, { name: "acknowledge", must: [], may: [17, 18], wants: 0, answers: true }],
  [3, { name: "read back", must: [1, 2], may: [17, 18], wants: 0, answers: true }],
  [4, { name: "pass on", must: [4, 5], may: [17, 18], wants: 0, answers: true }],
  [5, { name: "test", must: [1, 8, 9], may: [], wants: 1 }],
  [6, { name: "suspend", must: [6], may: [17], wants: 0 }],
  [7, { name: "resume", must: [], may: [6, 17], wants: 0 }],
  [8, { name: "silence", must: [12, 13, 14], may: [6, 8, 11], wants: 0 }],
  [9, { name: "watch", must: [7], may: [6, 17], wants: 0 }],
  [10, { name: "joint", must: [1, 2, 10], may: [15, 16, 17, 18, 19], wants: 1 }],
  [11, { name: "assent", must: [], may: [17], wants: 0, answers: true }],
]);
const NO_KIND = { name: "kind of newer software", wants: 0 };

function statementField(fields, key, fits) {
  const value = fields.get(key);
  if (!fits(value)) refuse("statement.field", `Field ${key} of a statement is not as it must be.`);
  return value;
}

function readSeen(fields) {
  if (!fields.has(6)) return [];
  const tips = fields.get(6);
  const good =
    Array.isArray(tips) &&
    tips.length >= 1 &&
    tips.length <= 512 &&
    tips.every((tip) => isBytes(tip, 16)) &&
    tips.every((tip, at) => at === 0 || compareBytes(tips[at - 1], tip) < 0);
  if (!good) refuse("statement.seen", "What the author had read is not given as it must be.");
  return tips.map(hex);
}

function readReferences(fields, kind) {
  const flat = fields.has(15) ? fields.get(15) : [];
  const pairs = [];
  const known = new Set();
  let good = Array.isArray(flat) && flat.length % 2 === 0 && flat.length <= 32;
  if (fields.has(15) && flat.length === 0) good = false;
  for (let at = 0; good && at < flat.length; at += 2) {
    const [target, role] = [flat[at], flat[at + 1]];
    good = isBytes(target, 32) && isWhole(role, 1, 6) && !known.has(`${role} ${hex(target)}`);
    if (!good) break;
    known.add(`${role} ${hex(target)}`);
    pairs.push({ target: hex(target), role: REFERENCE_ROLES[role] });
  }
  if (kind.answers && pairs[0]?.role !== "answers") good = false;
  if (!good)
    refuse("statement.references", "The references of a statement are not as they must be.");
  return pairs;
}

function readBody(fields, kind) {
  const body = {};
  const raw = fields.has(16) ? fields.get(16) : new Map();
  if (!(raw instanceof Map)) refuse("statement.field", "The body of a statement is not a map.");
  if (fields.has(16) && raw.size === 0) refuse("statement.body", "A statement has an empty body.");
  body.newer = [];
  if (kind === NO_KIND) return body;
  for (const [key, value] of raw) {
    const field = BODY_FIELDS.get(key);
    if (field === undefined) {
      body.newer.push(key);
      continue;
    }
    if (!kind.must.includes(key) && !kind.may.includes(key)) {
      refuse("statement.body", `The body of a ${kind.name} has a field that it may not have.`);
    }
    const [name, fits, code, empty] = field;
    const what = `The field "${name}" of a statement is not as it must be.`;
    if (!fits(value)) refuse(code, what);
    if (empty !== undefined && (value === false || value === "")) refuse(empty, what);
    body[name] = value;
  }
  if (
    kind.must.some((key) => !raw.has(key)) ||
    (raw.has(1) && !raw.has(2) && kind.may.includes(2))
  ) {
    refuse("statement.body", `The body of a ${kind.name} lacks a field that it must have.`);
  }
  if ((raw.has(16) && !raw.has(15)) || (raw.has(19) && !fields.has(14))) {
    refuse("statement.body", "A joint statement lacks what one of its fields needs beside it.");
  }
  return body;
}

function readForm(fields) {
  if (!fields.has(14)) return null;
  const form = fields.get(14);
  const good =
    Array.isArray(form) &&
    form.length === 2 &&
    isText(form[0]) &&
    FORM_ID.test(form[0]) &&
    isWhole(form[1], 0, 65536);
  if (!good) refuse("statement.form", "The form of a statement is not as it must be.");
  return { id: form[0], version: form[1] };
}

function readWants(fields, kind) {
  if (!fields.has(13)) return kind.wants;
  const wants = statementField(fields, 13, (value) => isWhole(value, 0, 7));
  if (wants === kind.wants) refuse("statement.wants", "A statement writes what is the default.");
  return wants;
}

function readPrevious(fields, position) {
  if (fields.has(5) === (position === 0)) {
    refuse("statement.previous", "Only the first statement of a log has none before it.");
  }
  return position === 0 ? null : hex(statementField(fields, 5, (value) => isBytes(value, 32)));
}

function readRole(fields) {
  if (!fields.has(11)) return 0;
  const role = fields.get(11);
  if (!isWhole(role, 1, 3)) refuse("statement.role", "A statement has no known role.");
  return role;
}

// What the bytes of a statement say, with tips and digests that it names in hexadecimal; the caller
// checks the signature.
function readStatement(bytes, digest = leafHash(bytes)) {
  const message = readSign1(bytes, STATEMENT_LIMITS);
  const fields = decode(message.payload, STATEMENT_LIMITS);
  if (!(fields instanceof Map)) refuse("statement.field", "A statement holds no map.");
  const number = statementField(fields, 9, (value) => isWhole(value, 0, 65536));
  if (number === 255) refuse("statement.kind", "A statement has the reserved kind.");
  const kind = KINDS.get(number) ?? NO_KIND;
  const position = statementField(fields, 4, (value) => isWhole(value, 0, MOST_STATEMENTS));
  const precedence = statementField(fields, 8, (value) => isWhole(value, 0, Infinity));
  if (precedence > 3) refuse("statement.precedence", "A statement has no known precedence.");
  if (fields.has(12) && !isPartyList(fields.get(12))) {
    refuse("statement.addressees", "The addressees of a statement are not as they must be.");
  }
  const form = readForm(fields);
  const body = readBody(fields, kind);
  if (number === 8 && (body.rung === undefined) !== Boolean(form?.id)) {
    refuse("statement.body", "A silence is of a rung, or else of the rule that its form names.");
  }
  return {
    message,
    digest,
    line: statementField(fields, 1, (value) => isBytes(value, 16)),
    station: statementField(fields, 2, (value) => isBytes(value, 8)),
    incarnation: statementField(fields, 3, (value) => isBytes(value, 8)),
    position,
    previous: readPrevious(fields, position),
    seen: readSeen(fields),
    claimed: statementField(fields, 7, isTime),
    precedence,
    number,
    kind,
    charter: statementField(fields, 10, (value) => isWhole(value, 0, 65536)),
    role: readRole(fields),
    to: fields.get(12) ?? null,
    wants: readWants(fields, kind),
    form,
    references: readReferences(fields, kind),
    body,
    newer: [...fields.keys()].filter((key) => key === 0 || key > 16),
  };
}

// The beginning of what is signed, by realm.
const STATEMENT_HEADS = new Map();

function statementMessage(statement, realm) {
  if (!STATEMENT_HEADS.has(realm)) {
    STATEMENT_HEADS.set(realm, signedHead(utf8(`tieline-statement-v1\0${realm}`)));
  }
  const { payload } = statement.message;
  return joinBytes(STATEMENT_HEADS.get(realm), cborHead(2, payload.length), payload);
}

const LOG_DOMAIN = utf8("tieline-log-v1\0");

function logId(line, station, incarnation) {
  return sha256(LOG_DOMAIN, line, station, incarnation).slice(0, 8);
}
