// Coded statements on the page: each label and answer in the language that its reader chose, with
// what is doubtful about the words. What was sent stays within reach, as numbers.

const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];
const MARKS_OF = { memory: "mark.memory", unverified: "mark.unverified", design: "mark.design" };

// The words of this page itself that stand among those of a pack: special answers, and doubts.
function engineWord(language, key) {
  return ENGINE_WORDS[language]?.[key] ?? ENGINE_WORDS[ENGLISH][key];
}

function isRightToLeft(language) {
  return RIGHT_TO_LEFT.includes(language.split("-")[0].toLowerCase());
}

// What a language calls itself, where the browser knows it.
function languageName(tag) {
  try {
    return new Intl.DisplayNames([tag], { type: "language" }).of(tag);
  } catch {
    return tag;
  }
}

// The languages of the packs of a file, English first, as [tag, verified in every pack of it].
function languagesOf(reading) {
  const known = new Map([[ENGLISH, true]]);
  for (const { tongues } of reading.packs.known.values()) {
    for (const [tag, { verified }] of tongues) {
      known.set(tag, verified && (known.get(tag) ?? true));
    }
  }
  return [...known];
}

// Fills the choice of a language, and shows it where there is one to make.
function offerLanguages(reading, show) {
  const languages = languagesOf(reading);
  const select = document.getElementById("language");
  const options = languages.map(([tag, verified]) => {
    const doubt = verified ? "" : " (words not checked by a fluent reader)";
    return make("option", { value: tag }, `${languageName(tag)}${doubt}`);
  });
  select.replaceChildren(...options);
  document.getElementById("speak").hidden = reading.packs.known.size === 0;
  select.addEventListener("change", () => show.speak(select.value));
}

// One form statement: its title, and, when it is whole, marks, answers and what was sent.
class FormShow {
  constructor(reading, language) {
    this.reading = reading;
    this.language = language;
    this.tongues = new Map();
  }

  tongue(pack) {
    if (!this.tongues.has(pack)) this.tongues.set(pack, new Tongue(pack, this.language));
    return this.tongues.get(pack);
  }

  // A text of the pack in its own language and direction.
  word({ text, fallen }, tongue, tag = "bdi") {
    const language = fallen ? ENGLISH : tongue.language;
    const title = fallen ? engineWord(this.language, "mark.fallen") : null;
    return make(tag, { lang: language, dir: "auto", class: fallen && "fallen", title }, safe(text));
  }

  heading(found, said) {
    const { pack, form } = found;
    const tongue = this.tongue(pack);
    const charter = `charter version ${said.charter}`;
    const named =
      found.charter === said.charter
        ? `in force by ${charter}`
        : `named by charter version ${found.charter}, and no longer by ${charter}`;
    const paragraph = form.paragraph === "" ? "" : [", paragraph ", isolated(form.paragraph)];
    const dir = isRightToLeft(tongue.language) ? "rtl" : "ltr";
    const of = this.word(tongue.word("pack", "title"), tongue);
    const title = this.word(tongue.title(form), tongue, "strong");
    const code = form.phrase === null ? null : [make("bdi", {}, form.phrase.code), ": "];
    return [
      make("p", { class: "title", dir }, code, title),
      make("p", { class: "line", dir }, of, paragraph),
      make(
        "p",
        { class: "line" },
        `Form ${said.form.id}, version ${said.form.version}, of the pack ${pack.id}, ${named}: `,
        make("code", {}, grouped(pack.hash)),
      ),
    ];
  }

  fill(box, record, whole) {
    const found = formOf(this.reading, record.said);
    const wire = box.querySelector("details.wire") ?? wireDetails();
    box.replaceChildren(...this.heading(found, record.said));
    if (whole) fill(box, [this.whole(found, record.said), wire]);
  }

  whole(found, said) {
    const { pack, form } = found;
    const tongue = this.tongue(pack);
    const { rows, faults } = readCoded(found, said);
    let fallen = tongue.title(form).fallen;
    const list = rows.map((row) => {
      const label = tongue.label(form, row);
      const code = tongue.code(row);
      fallen ||= label.fallen || (code?.fallen ?? false);
      const sure = row.field.provenance;
      const doubt = sure === form.provenance || sure === "read" ? null : this.mark(MARKS_OF[sure]);
      const level = { class: `level${row.depth}` };
      const repeat = row.value === null ? ` (${/(\d+)\]$/.exec(row.path)[1]})` : "";
      return [
        make("dt", level, this.word(label, tongue), repeat, doubt && [" ", doubt]),
        make("dd", level, this.answer(row, code, tongue, said)),
      ];
    });
    const direction = isRightToLeft(tongue.language) ? "rtl" : "ltr";
    const blame = form.disclaimer === "" ? null : tongue.word(form.disclaimer);
    return [
      this.marks(form, tongue, fallen),
      form.phrase && this.spoken(form, pack, tongue, direction),
      make("dl", { class: "answers", dir: direction }, list),
      blame && make("p", { class: "line", dir: direction }, this.word(blame, tongue)),
      faults.length === 0 ? null : make("ul", { class: "flags" }, faults.map(faultItem)),
    ];
  }

  // How a phrase is said, given without a voice, and answered.
  spoken({ phrase }, pack, tongue, dir) {
    const say = (key, tag = null) =>
      make("dt", {}, this.mark(key), tag === null ? null : ` (${tag})`);
    const rows = tongue.wordings(phrase, pack).map(([tag, text, spoken]) => [
      say("phrase.wording", tag),
      make("dd", {}, make("bdi", { lang: tag, dir: "auto" }, safe(text))),
      spoken && [say("phrase.pronunciation", tag), make("dd", {}, make("bdi", {}, safe(spoken)))],
    ]);
    if (phrase.signal !== "") {
      const signal = this.word(tongue.word(phrase.signal), tongue);
      rows.push([say("phrase.signal"), make("dd", {}, signal)]);
    }
    for (const reply of tongue.replies(phrase, pack)) {
      const meaning = this.word(tongue.title(reply), tongue);
      const code = make("bdi", {}, reply.phrase.code);
      rows.push([say("phrase.response"), make("dd", {}, code, " ", meaning)]);
    }
    return rows.length === 0 ? null : make("dl", { class: "answers spoken", dir }, rows);
  }

  answer({ value }, code, tongue, said) {
    if (value === null) return [];
    const text = make("bdi", { dir: "ltr" }, value.text === undefined ? fieldText(value) : "");
    if (code !== null) return [this.word(code, tongue), " (", text, ")"];
    if (value.kind === "special") return [this.mark(`special.${value.special}`), " ", text];
    if (value.text === undefined) return text;
    const language = value.kind === "text" ? (said.body.lang ?? null) : null;
    return make("span", { class: "free", dir: "auto", lang: language }, safe(value.text));
  }

  mark(key) {
    const text = engineWord(this.language, key);
    return make("bdi", { class: "doubt", dir: "auto" }, text);
  }

  marks(form, tongue, fallen) {
    const keys = [];
    if (form.provenance !== "read") keys.push(MARKS_OF[form.provenance]);
    if (!tongue.verified) keys.push("mark.unchecked");
    if (fallen) keys.push("mark.fallen");
    if (keys.length === 0) return null;
    const direction = isRightToLeft(this.language) ? "rtl" : "ltr";
    const items = keys.map((key) => make("li", {}, this.mark(key)));
    return make("ul", { class: "marks", lang: this.language, dir: direction }, items);
  }
}

function faultItem([path, code]) {
  return make("li", {}, `The answer to ${path} breaks the form (${code}).`);
}

function wireDetails() {
  return make("details", { class: "wire" }, make("summary", {}, "As it was sent"));
}

// The fields as they are on the wire, by number.
function wireFields({ fields, terms }) {
  const rows = [...(fields ?? terms ?? [])].map(([key, value]) => [
    make("dt", {}, `Field ${key}`),
    make("dd", {}, diagnostic(value)),
  ]);
  return make("dl", { class: "facts" }, rows);
}

// What a file carries of packs, for the part about the file.
function packsOfFile(reading) {
  const packs = [...reading.packs.known.values()].map((pack) => {
    const title = pack.tongues.get(ENGLISH).words.get("pack.title") ?? pack.id;
    const mark = MARKS_OF[pack.provenance];
    const sure = mark === undefined ? "" : `, ${engineWord(ENGLISH, mark)}`;
    const said = `: ${pack.id}, version ${pack.version}${sure} `;
    return make("div", {}, isolated(title), said, make("code", {}, grouped(pack.hash)));
  });
  return packs.length === 0 ? "none" : packs;
}
