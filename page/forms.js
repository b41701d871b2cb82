// Coded statements (docs/evidence.md section 10): which pack a form is of, what a statement says
// on it, and that in the words of one language of the pack.

const MESSAGE = 1;
const JOINT = 10;
const MOST_GROUPS = 512;

// A message on a form, or a joint statement that has the fields of one.
function isCoded({ number, form, body }) {
  if (form === null) return false;
  return number === MESSAGE || (number === JOINT && body.terms !== undefined);
}

// The form of a statement, as { pack, form, charter }, or null. The newest version of the charter
// up to its own that names a pack of the form's tag and version says which pack it is.
function formOf(reading, said) {
  if (!isCoded(said) || reading.packs.known.size === 0) return null;
  const { found } = reading.packs;
  const key = `${said.charter} ${said.form.version} ${said.form.id}`;
  if (!found.has(key)) found.set(key, lookForForm(reading, said));
  return found.get(key);
}

function lookForForm(reading, { charter, form }) {
  const cut = form.id.indexOf("/");
  if (cut < 0) return null;
  const [tag, name] = [form.id.slice(0, cut), form.id.slice(cut + 1)];
  for (let version = charter; version >= 1; version -= 1) {
    for (const digest of reading.charters[version - 1].packs) {
      const pack = reading.packs.known.get(hex(digest));
      if (pack !== undefined && pack.tag === tag && pack.version === form.version) {
        const known = pack.forms.get(name);
        return known === undefined ? null : { pack, form: known, charter: version };
      }
    }
  }
  return null;
}

// Tells which versions of the charter name packs that forms may be of and that are not here.
function noteMissingPacks(reading) {
  const told = new Set();
  for (const { said, fault } of reading.statements) {
    if (fault !== null || !isCoded(said) || told.has(said.charter)) continue;
    if (formOf(reading, said)?.charter === said.charter) continue;
    const { packs } = reading.charters[said.charter - 1];
    const away = packs.map(hex).filter((hash) => !reading.packs.known.has(hash));
    if (away.length === 0) continue;
    told.add(said.charter);
    const which = `version ${said.charter} of the charter names packs that are not in this file`;
    const list = away.map((hash) => hash.slice(0, 16)).join(", ");
    const sentence = `What some forms say is shown as numbers: ${which} (${list}).`;
    // Item 0 is the header, and the versions of the charter follow it from 1 on.
    reading.gap(said.charter, "gap.pack", sentence);
  }
}

// --- what a statement says on its form -----------------------------------------------------------

// The answers in the order of the form, as rows { path, depth, field, ids, value }, where the
// heading of a group has no value; and what breaks the form, as [path, code].
function readCoded({ form }, { body, references }) {
  const faults = [];
  const wire = body.fields ?? body.terms ?? new Map();
  const rows = readFields(form.fields, wire, { path: "", ids: [] }, faults);
  const cancels = references.some(({ role }) => role === "cancels");
  const counts = ([path, code]) => !(cancels && code === "field.missing" && !path.includes("."));
  return { rows, faults: faults.filter(counts) };
}

function readFields(known, wire, above, faults) {
  const rows = [];
  let found = 0;
  for (const field of known) {
    const path = above.path + field.id;
    if (!wire.has(field.number)) {
      if (field.required) faults.push([path, "field.missing"]);
      continue;
    }
    found += 1;
    const value = wire.get(field.number);
    const place = { path, depth: above.ids.length, field, ids: [...above.ids, field.id] };
    if (field.type === "group" && Array.isArray(value)) {
      rows.push(...readGroup(field, value, place, faults));
      continue;
    }
    const read = readFieldValue(field, value);
    if (read instanceof Unfit) faults.push([path, read.code]);
    else rows.push({ ...place, value: read });
  }
  if (found === wire.size) return rows;
  const numbers = new Set(known.map((field) => field.number));
  for (const key of wire.keys()) {
    if (!numbers.has(key)) faults.push([`${above.path}${key}`, "field.unknown"]);
  }
  return rows;
}

function readGroup(field, wire, place, faults) {
  const [low, high] = field.repeat;
  if (wire.length < Math.max(low, 1) || wire.length > Math.min(high, MOST_GROUPS)) {
    faults.push([place.path, "field.repeats"]);
    return [];
  }
  const rows = [];
  for (const [at, one] of wire.entries()) {
    if (!(one instanceof Map) || one.size === 0) {
      faults.push([place.path, "field.shape"]);
      return [];
    }
    const path = `${place.path}[${at + 1}]`;
    rows.push({ ...place, path, value: null });
    rows.push(...readFields(field.fields, one, { path: `${path}.`, ids: place.ids }, faults));
  }
  return rows;
}

// --- in words ------------------------------------------------------------------------------------

// One language over one pack. A language that the pack lacks is read in English, and marked.
class Tongue {
  constructor(pack, language) {
    this.away = !pack.tongues.has(language);
    this.language = this.away ? ENGLISH : language;
    this.own = pack.tongues.get(this.language);
    this.english = pack.tongues.get(ENGLISH);
    this.verified = this.own.verified;
  }

  // { text, fallen }, where fallen says that it is not in the language that was asked for.
  word(...parts) {
    const key = parts.join(".");
    const own = this.own.words.get(key);
    if (own !== undefined) return { text: own, fallen: this.away };
    const text = this.english.words.get(key);
    const fallen = this.away || this.language !== ENGLISH || text === undefined;
    return { text: text ?? `[${key}]`, fallen };
  }

  // What a form is called; of a phrase, what it means.
  title({ id, phrase }) {
    if (phrase !== null) return this.word("phrase", phrase.id, "meaning");
    return this.word("form", id, "title");
  }

  // How a phrase is said, this language first, as [language, wording, pronunciation]. Languages of
  // one wording stand once.
  wordings({ id }, pack) {
    const found = new Map();
    for (const tag of new Set([this.language, ...pack.tongues.keys()])) {
      const { words } = pack.tongues.get(tag);
      const text = words.get(`phrase.${id}.wording`);
      const spoken = words.get(`phrase.${id}.pronunciation`) ?? "";
      if (text === undefined || (found.get(text)?.[2] ?? "") !== "") continue;
      if (!found.has(text) || spoken !== "") found.set(text, [tag, text, spoken]);
    }
    return [...found.values()];
  }

  // The phrases that are expected in reply, those that the pack has.
  replies({ response }, pack) {
    const phrases = [...pack.forms.values()].filter((form) => form.phrase !== null);
    return response.flatMap((code) => phrases.filter(({ phrase }) => phrase.code === code));
  }

  label({ id, phrase }, { ids }) {
    if (phrase !== null) return this.word("phrase", phrase.id, "field", ...ids);
    return this.word("field", id, ...ids);
  }

  // The word of a code, or null for every other answer.
  code({ field, value }) {
    return value?.kind === "code" ? this.word("code", field.list, value.id) : null;
  }
}

// --- facts for other programs (docs/evidence.md section 7) ---------------------------------------

function packFacts({ hash, id, tag, version, provenance, tongues }) {
  const languages = [...tongues].map(([language, { verified }]) => [language, verified]);
  return { hash, id, tag, version, provenance, languages };
}

function formFacts(found, said) {
  const { pack, form, charter } = found;
  const { rows, faults } = readCoded(found, said);
  const inWords = {};
  for (const language of pack.tongues.keys()) {
    const tongue = new Tongue(pack, language);
    const title = tongue.title(form);
    inWords[language] = {
      title: [title.text, title.fallen],
      verified: tongue.verified,
      answers: rows.map((row) => {
        const [label, word] = [tongue.label(form, row), tongue.code(row)];
        return [label.text, word?.text ?? null, label.fallen || (word?.fallen ?? false)];
      }),
    };
  }
  return {
    pack: pack.hash,
    charter,
    phrase: form.phrase?.code ?? null,
    paragraph: form.paragraph,
    provenance: form.provenance,
    answers: rows.map(({ path, value, field }) => [
      path,
      value === null ? null : fieldText(value),
      field.provenance,
    ]),
    faults,
    said: inWords,
  };
}
