// Packs in evidence (docs/evidence.md section 10): forms, phrases, fields, code lists and texts,
// from the canonical bytes of an agreement. Rules are passed over, and so is every entry of a table
// that means nothing here.

const PACK_LIMITS = { bytes: 1048576, depth: 16, items: 120000 };
const MOST_PACKS = 64;
const MOST_PACK_BYTES = 8388608;
const PACK_DOMAIN = utf8("tieline-pack-v1\0");
const PACK_FORMAT = 1;
const MOST_FIELDS = 3000;
const MOST_WORDS = 30000;
const DEEPEST_FIELDS = 3;
const ENGLISH = "en";
const LARGEST_NUMBER = 65535;
const LARGEST_BOUND = 1e12;
const MOST_REPEATS = 500;
const PROVENANCES = ["read", "memory", "unverified", "design"];
const SPECIAL_WORDS = ["not-known", "withheld", "nil"];
const FIELD_TYPES = [
  ...["code", "count", "time", "date", "position", "area", "route"],
  ...["unit", "party", "serial", "text", "hash", "group"],
];
const PREDECESSOR_ROLES = REFERENCE_ROLES.slice(1);

// Kinds of texts: what they must match, and how many characters they have at most.
const UNSEEN = "\\0-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff";
const NO_CONTROLS = new RegExp(`^[^${UNSEEN}]*$`, "u");
const TEXT = {
  id: [/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, 32],
  tag: [/^[a-z]{1,4}$/, 4],
  language: [/^[A-Za-z0-9-]{1,16}$/, 16],
  key: [/^[a-z0-9-]+(?:\.[A-Za-z0-9-]+){0,8}$/, 200],
  paragraph: [NO_CONTROLS, 60],
  code: [/^[!-~]([ -~]*[!-~])?$/, 16],
  by: [NO_CONTROLS, 200],
  words: [NO_CONTROLS, 4000],
};

function noPack(sentence) {
  refuse("evidence.pack", `A pack ${sentence}.`);
}

function packTable(value) {
  return value instanceof Map ? value : noPack("has no table where one belongs");
}

function packList(value, least, most) {
  const good = Array.isArray(value) && value.length >= least && value.length <= most;
  return good ? value : noPack("has no list where one belongs, or a longer one than it may be");
}

// A list that is left out when it is empty.
function packEntries(table, key, most) {
  return table.has(key) ? packList(table.get(key), 1, most) : [];
}

function packText(value, [pattern, most]) {
  const good = isText(value) && characters(value) <= most && pattern.test(value);
  return good ? value : noPack("has something else where a text of a kind belongs");
}

// A text that is left out when it is empty.
function packOptional(table, key, kind) {
  if (!table.has(key)) return "";
  return packText(table.get(key), kind) || noPack("writes out what it could leave out");
}

function packWhole(value, low, high) {
  return isWhole(value, low, high) ? value : noPack("has no number where one belongs");
}

function packFlag(table, key) {
  if (table.has(key) && table.get(key) !== true) noPack("writes out what it could leave out");
  return table.has(key);
}

function packOnce(values) {
  if (new Set(values).size !== values.length) noPack("names or numbers something twice");
}

function packCite(table) {
  const provenance = table.get(2);
  if (!PROVENANCES.includes(provenance)) noPack("does not say how sure its author is");
  return { paragraph: packOptional(table, 1, TEXT.paragraph), provenance };
}

// --- code lists and forms ------------------------------------------------------------------------

function readCodeList(value) {
  const table = packTable(value);
  packCite(table);
  const items = packList(table.get(4), 1, 400).map((each) => {
    const item = packTable(each);
    const number = packWhole(item.get(3), 1, LARGEST_NUMBER);
    return { number, id: packText(item.get(4), TEXT.id), ...packCite(item) };
  });
  packOnce(items.map((item) => item.number));
  packOnce(items.map((item) => item.id));
  return [packText(table.get(3), TEXT.id), new Map(items.map((item) => [item.number, item.id]))];
}

class FormReader {
  constructor(codes) {
    this.codes = codes;
    this.left = MOST_FIELDS;
  }

  form(value) {
    const table = packTable(value);
    return {
      id: packText(table.get(3), TEXT.id),
      number: packWhole(table.get(4), 1, LARGEST_NUMBER),
      ...packCite(table),
      fields: this.fields(table, 5, 1),
      phrase: null,
      disclaimer: packOptional(table, 13, TEXT.key),
      needs: this.needs(table),
    };
  }

  // A phrase is sent as a form, whose id begins with a colon.
  phrase(value) {
    const table = packTable(value);
    const id = packText(table.get(3), TEXT.id);
    return {
      id: `:${id}`,
      number: packWhole(table.get(4), 1, LARGEST_NUMBER),
      ...packCite(table),
      phrase: {
        id,
        code: packText(table.get(5), TEXT.code),
        response: packEntries(table, 7, 20).map((each) => packText(each, TEXT.code)),
        signal: packOptional(table, 8, TEXT.key),
      },
      fields: this.fields(table, 6, 1),
      disclaimer: "",
    };
  }

  fields(table, key, level) {
    const found = packEntries(table, key, 100);
    this.left -= found.length;
    if (this.left < 0 || (found.length > 0 && level > DEEPEST_FIELDS)) {
      noPack("has more fields than a pack may have, or groups too deep");
    }
    const fields = found.map((each) => this.field(packTable(each), level));
    packOnce(fields.map((field) => field.number));
    packOnce(fields.map((field) => field.id));
    return fields;
  }

  field(table, level) {
    const type = table.get(5);
    if (!FIELD_TYPES.includes(type)) noPack("has a field of an unknown type");
    const codes = packOptional(table, 7, TEXT.id);
    const fields = this.fields(table, 13, level + 1);
    if ((type === "code") !== (codes !== "") || (codes !== "" && !this.codes.has(codes))) {
      noPack("has a field of a code list that is not there");
    }
    if ((type === "group") !== fields.length > 0) noPack("has a group without fields, or the like");
    const bound = (key) =>
      table.has(key) ? packWhole(table.get(key), -LARGEST_BOUND, LARGEST_BOUND) : null;
    return {
      number: packWhole(table.get(3), 1, LARGEST_NUMBER),
      id: packText(table.get(4), TEXT.id),
      type,
      ...packCite(table),
      required: packFlag(table, 6),
      codes: this.codes.get(codes) ?? new Map(),
      list: codes,
      specials: this.specials(table),
      low: bound(9),
      high: bound(10),
      most: table.has(11) ? packWhole(table.get(11), 1, 4000) : 0,
      repeat: this.repeat(table),
      fields,
    };
  }

  specials(table) {
    const found = packEntries(table, 8, SPECIAL_WORDS.length);
    const sorted = SPECIAL_WORDS.filter((word) => found.includes(word));
    if (sorted.length !== found.length || sorted.some((word, at) => word !== found[at])) {
      noPack("has special answers that are none, or in another order");
    }
    return found;
  }

  repeat(table) {
    if (!table.has(12)) return [0, 1];
    const [low, high] = packList(table.get(12), 2, 2);
    packWhole(low, 0, MOST_REPEATS);
    packWhole(high, low, MOST_REPEATS);
    if (low === 0 && high === 1) noPack("writes out what it could leave out");
    return [low, high];
  }

  // The forms that one must cite, one of each entry.
  needs(table) {
    return packEntries(table, 9, 20).flatMap((each) => {
      const entry = packTable(each);
      packCite(entry);
      const names = packList(entry.get(3), 1, 200).map((name) => packText(name, TEXT.id));
      packOnce(names);
      if (!PREDECESSOR_ROLES.includes(entry.get(4))) noPack("has a predecessor without a role");
      return packFlag(entry, 5) ? [names] : [];
    });
  }
}

// Refuses a circle of forms that each must cite one of the others first.
function refuseCircle(forms) {
  const can = new Set();
  let rest = forms;
  while (rest.length > 0) {
    const ready = rest.filter(({ needs }) =>
      needs.every((names) => names.some((name) => can.has(name))),
    );
    if (ready.length === 0) noPack("has forms that can never be sent");
    for (const { id } of ready) can.add(id);
    rest = rest.filter(({ id }) => !can.has(id));
  }
}

// --- texts ---------------------------------------------------------------------------------------

function readTongues(value, tags) {
  let total = 0;
  const tongues = packList(value, tags.length, tags.length).map((each) => {
    const table = packTable(each);
    const [verified, flat] = [table.get(3), table.get(5)];
    if (typeof verified !== "boolean" || !Array.isArray(flat) || flat.length % 2 !== 0) {
      noPack("has a language without its texts");
    }
    total += flat.length / 2;
    if (total > MOST_WORDS) noPack("has too many texts");
    const words = new Map();
    let last = "";
    for (let at = 0; at < flat.length; at += 2) {
      const key = packText(flat[at], TEXT.key);
      if (key <= last) noPack("has texts whose keys are not in order");
      last = key;
      words.set(key, packText(flat[at + 1], TEXT.words));
    }
    return { verified, by: packOptional(table, 4, TEXT.by), words };
  });
  return new Map(tags.map((tag, at) => [tag, tongues[at]]));
}

// --- the pack ------------------------------------------------------------------------------------

function packHash(bytes) {
  return sha256(PACK_DOMAIN, bytes);
}

// What a pack says, or null when it is of a later format. Refuses what is no pack.
function readPack(bytes) {
  let parts;
  try {
    parts = decode(bytes, PACK_LIMITS);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    noPack(`does not read: ${error.message.replace(/\.$/, "")}`);
  }
  if (!(parts instanceof Map) || [...parts.keys()].join() !== "0,1,2,3,4") {
    noPack("has not the five parts of one");
  }
  const head = packTable(parts.get(0));
  const format = head.get(3);
  if (typeof format === "bigint" ? format > 0n : isWhole(format, PACK_FORMAT + 1, Infinity)) {
    return null;
  }
  packWhole(format, PACK_FORMAT, PACK_FORMAT);
  const tags = packList(head.get(7), 1, 16).map((each) => packText(each, TEXT.language));
  packOnce(tags);
  if (!tags.includes(ENGLISH)) noPack("has no English texts");
  const lists = packEntries(head, 8, 200).map(readCodeList);
  packOnce(lists.map(([id]) => id));
  const reader = new FormReader(new Map(lists));
  const forms = packList(parts.get(1), 0, 200).map((each) => reader.form(each));
  packOnce(forms.map((form) => form.id));
  packOnce(forms.map((form) => form.number));
  refuseCircle(forms);
  const phrases = packList(parts.get(2), 0, 400).map((each) => reader.phrase(each));
  packOnce(phrases.map((phrase) => phrase.id));
  packOnce(phrases.map((phrase) => phrase.number));
  packOnce(phrases.map((phrase) => phrase.phrase.code));
  if (!Array.isArray(parts.get(3))) noPack("has no list of rules");
  return {
    id: packText(head.get(4), TEXT.id),
    tag: packText(head.get(5), TEXT.tag),
    version: packWhole(head.get(6), 1, LARGEST_NUMBER),
    ...packCite(head),
    forms: new Map([...forms, ...phrases].map((form) => [form.id, form])),
    tongues: readTongues(parts.get(4), tags),
  };
}

// A pack item: whether its bytes are what a charter names, and what they say.
function takePack(reading, item) {
  const [bytes] = item.parts;
  const hash = packHash(bytes);
  const { packs, counts } = reading;
  const bad = (sentence) => reading.fault(item.number, "evidence.pack", sentence);
  counts.packs += 1;
  packs.bytes += bytes.length;
  const follows = packs.last === null || compareBytes(packs.last, hash) < 0;
  if (follows) packs.last = hash;
  const named = () =>
    reading.charters.some((charter) => charter.packs.some((each) => sameBytes(each, hash)));
  const tooLarge = bytes.length > PACK_LIMITS.bytes || packs.bytes > MOST_PACK_BYTES;
  if (!follows) bad("A pack is there twice, or in another order than that of hashes.");
  else if (tooLarge || counts.packs > MOST_PACKS) bad("There are more packs, or larger ones.");
  else if (!named()) bad("A pack is there that no version of the charter names.");
  else keepPack(reading, item, hex(hash), bad);
}

function keepPack(reading, item, hash, bad) {
  try {
    const pack = readPack(item.parts[0]);
    if (pack !== null) reading.packs.known.set(hash, { ...pack, hash });
    else reading.gap(item.number, "gap.pack", "A pack is of a later format than this page reads.");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    bad(error.message);
  }
}
