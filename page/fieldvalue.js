// Values of form fields (docs/protocol.md section 6.3): what a field may hold, and the same in the
// notation that all text forms share (docs/text-forms.md).

const LATEST_DAY = Math.floor(LATEST_S / 86400);
const DAY_MS = 86400000;
const LARGEST_COUNT = 1e15;
const FARTHEST_M = 20100000;
const LONGEST_SPREAD_S = 10 * 366 * 86400;
const DEGREE = 1e7;
const MOST_POINTS = 64;
const BLANK =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const BLANK_END = new RegExp(`^${BLANK}|${BLANK}$`, "u");
const SPECIALS = new Map([
  [null, "not-known"],
  [true, "withheld"],
  [false, "nil"],
]);
const SPECIAL_TEXTS = {
  "not-known": "[NOT KNOWN]",
  withheld: "[WITHHELD]",
  nil: "[NIL]",
};

// What is wrong with a value: a code that begins with "field.".
class Unfit {
  constructor(code) {
    this.code = code;
  }
}

const unfit = (code) => new Unfit(`field.${code}`);
const isInt = (value) => typeof value === "bigint" || Number.isInteger(value);
const within = (value, low, high) => value >= low && value <= high;

function isPlace(lat, lon) {
  return within(lat, -90 * DEGREE, 90 * DEGREE) && lon > -180 * DEGREE && lon <= 180 * DEGREE;
}

// --- reading: { kind, ... } or Unfit -------------------------------------------------------------

function readFieldValue(field, wire) {
  if (SPECIALS.has(wire)) {
    const special = SPECIALS.get(wire);
    return field.specials.includes(special) ? { kind: "special", special } : unfit("special");
  }
  if (isInt(wire)) return readNumber(field, wire);
  if (isText(wire)) return readString(field, wire);
  if (isBytes(wire)) {
    if (field.type !== "hash") return unfit("shape");
    return wire.length === 32 ? { kind: "hash", bytes: wire } : unfit("hash");
  }
  return Array.isArray(wire) ? readFieldArray(field, wire) : unfit("shape");
}

function readNumber(field, n) {
  if (field.type === "code") {
    const id = field.codes.get(n);
    return id === undefined ? unfit("code") : { kind: "code", n, id };
  }
  if (field.type === "serial") {
    return within(n, 1, LARGEST_COUNT) ? { kind: "serial", n } : unfit("range");
  }
  if (field.type === "date") {
    return within(n, 0, LATEST_DAY) ? { kind: "date", n } : unfit("time");
  }
  return ["count", "time"].includes(field.type) ? spread(field, n, 0) : unfit("shape");
}

// A count or a time, give or take something.
function spread(field, n, give) {
  if (field.type === "time") {
    const good = within(n, 0, LATEST_S) && within(give, 0, LONGEST_SPREAD_S);
    return good ? { kind: "time", n, give } : unfit("time");
  }
  const good = within(n, field.low ?? 0, field.high ?? LARGEST_COUNT);
  return good && within(give, 0, LARGEST_COUNT) ? { kind: "count", n, give } : unfit("range");
}

function readString(field, text) {
  if (field.type === "party") {
    return PARTY_CODE.test(text) ? { kind: "party", text } : unfit("party");
  }
  if (field.type !== "unit" && field.type !== "text") return unfit("shape");
  if (text === "" || BLANK_END.test(text)) return unfit("blank");
  const most = field.most || (field.type === "unit" ? 80 : 2000);
  if (characters(text) > most) return unfit("long");
  if (field.type === "unit" && text.includes("\n")) return unfit("lines");
  return { kind: field.type, text };
}

function readFieldArray(field, wire) {
  if (field.type === "count" || field.type === "time") {
    const good = wire.length === 2 && wire.every(isInt) && wire[1] !== 0;
    return good ? spread(field, ...wire) : unfit("shape");
  }
  if (field.type === "position") return readPosition(wire);
  if (field.type === "area") return readArea(wire);
  return field.type === "route" ? readRoute(wire) : unfit("shape");
}

function readPosition(wire) {
  const [lat, lon, error, ...texts] = wire;
  const good =
    wire.length >= 3 && wire.length <= 5 && [lat, lon, error].every(isInt) && texts.every(isText);
  if (!good || texts.at(-1) === "") return unfit("shape");
  const [datum = "", typed = ""] = texts;
  const fits =
    isPlace(lat, lon) &&
    within(error, 0, FARTHEST_M) &&
    characters(datum) <= 24 &&
    characters(typed) <= 120 &&
    !texts.join("").includes("\n");
  return fits ? { kind: "position", lat, lon, error, datum, typed } : unfit("place");
}

function readArea(wire) {
  if (wire.length === 2 && wire[0] === 1 && Array.isArray(wire[1])) {
    const [, flat] = wire;
    if (!flat.every(isInt) || flat.length % 2 !== 0) return unfit("shape");
    const points = [];
    for (let at = 0; at < flat.length; at += 2) points.push([flat[at], flat[at + 1]]);
    const good = within(points.length, 3, MOST_POINTS) && points.every((each) => isPlace(...each));
    return good ? { kind: "polygon", points } : unfit("place");
  }
  if (wire.length === 4 && wire[0] === 2 && wire.every(isInt)) {
    const [, lat, lon, radius] = wire;
    const good = isPlace(lat, lon) && within(radius, 1, FARTHEST_M);
    return good ? { kind: "circle", lat, lon, radius } : unfit("place");
  }
  return unfit("shape");
}

function readRoute(wire) {
  const point = (each) =>
    Array.isArray(each) &&
    each.length === 3 &&
    isInt(each[0]) &&
    isInt(each[1]) &&
    (each[2] === null || isInt(each[2]));
  if (!wire.every(point)) return unfit("shape");
  const fits = ([lat, lon, at]) => isPlace(lat, lon) && (at === null || within(at, 0, LATEST_S));
  const good = within(wire.length, 2, MOST_POINTS) && wire.every(fits);
  return good ? { kind: "route", points: wire } : unfit("place");
}

// --- writing -------------------------------------------------------------------------------------

const UNPRINTABLE = /[\p{C}\p{Z}]/u;

// Text on one line that cannot be taken for anything but itself.
function quoted(text, special = "") {
  const letters = [...text];
  const escape = (letter) => `\\u{${letter.codePointAt(0).toString(16).toUpperCase()}}`;
  return letters
    .map((letter, at) => {
      const before = letters[at - 1] ?? "\n";
      const after = letters[at + 1] ?? "\n";
      if (letter === "\\") return "\\\\";
      if (letter === "\n") return "\\n";
      if (letter === "[" && at === 0) return "\\[";
      if (letter === " ") return " \n".includes(before) || after === "\n" ? escape(" ") : " ";
      return special.includes(letter) || UNPRINTABLE.test(letter) ? escape(letter) : letter;
    })
    .join("");
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

// The date-time group of a time: day, hour, minute, Z, month, year.
function dateTimeGroup(ms) {
  const iso = new Date(ms).toISOString();
  const month = MONTHS[Number(iso.slice(5, 7)) - 1];
  return `${iso.slice(8, 10)}${iso.slice(11, 13)}${iso.slice(14, 16)}Z ${month} ${iso.slice(2, 4)}`;
}

function instantText(seconds) {
  const iso = new Date(seconds * 1000).toISOString();
  const short = seconds % 60 === 0 && Number(iso.slice(0, 4)) < 2070;
  return short ? dateTimeGroup(seconds * 1000) : `${iso.slice(0, 19)}Z`;
}

function degreesText(e7, letters) {
  const size = Math.abs(e7);
  const digits = String(size % DEGREE).padStart(7, "0").replace(/0+$/, "");
  return `${Math.floor(size / DEGREE)}${digits && "."}${digits}${letters[e7 < 0 ? 1 : 0]}`;
}

function pointText(lat, lon) {
  return `${degreesText(lat, "NS")} ${degreesText(lon, "EW")}`;
}

function positionText({ lat, lon, error, datum, typed }) {
  const add = (name, text) => text && ` ${name} "${quoted(text, '"')}"`;
  const give = error === 0 ? "" : ` +-${error} M`;
  return `${pointText(lat, lon)}${give}${add("DATUM", datum)}${add("TYPED", typed)}`;
}

function routePoint([lat, lon, at]) {
  return at === null ? pointText(lat, lon) : `${pointText(lat, lon)} AT ${instantText(at)}`;
}

// The value as one line, the same in every language.
function fieldText(value) {
  const { n, give } = value;
  switch (value.kind) {
    case "special":
      return SPECIAL_TEXTS[value.special];
    case "code":
    case "serial":
      return String(n);
    case "count":
      return give === 0 ? String(n) : `${n} +-${give}`;
    case "time":
      return give === 0 ? instantText(n) : `${instantText(n)} +-${give} S`;
    case "date":
      return new Date(n * DAY_MS).toISOString().slice(0, 10);
    case "position":
      return positionText(value);
    case "circle":
      return `CIRCLE ${pointText(value.lat, value.lon)} RADIUS ${value.radius} M`;
    case "polygon":
      return `POLYGON ${value.points.map((each) => pointText(...each)).join(", ")}`;
    case "route":
      return `ROUTE ${value.points.map(routePoint).join(", ")}`;
    case "hash":
      return hex(value.bytes).toUpperCase();
    default:
      return quoted(value.text);
  }
}
