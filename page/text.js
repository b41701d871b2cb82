// Text of others, made safe to look at: what does not show, or turns the line around, is shown as
// its code point; words that mix alphabets are marked. Nothing here becomes HTML.

const HIDDEN = new RegExp(
  `[${[
    "\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\p{Cn}\\p{Zl}\\p{Zp}\\u00a0\\u034f\\u115f\\u1160\\u1680",
    "\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200a\\u202f\\u205f\\u2800\\u3000\\u3164",
    "\\ufe00-\\ufe0f\\uffa0\\u{e0100}-\\u{e01ef}",
  ].join("")}]`,
  "u",
);
const JOINER_IN_WORD = /(?<=[\p{L}\p{M}])[\u200c\u200d](?=[\p{L}\p{M}])/u;
const STACKED = /\p{M}{5,}/u;
const PLAIN = /^[\x20-\x7e\n]*$/;
const PARTS = new RegExp(
  [
    `(?<line>\\n)|(?<joiner>${JOINER_IN_WORD.source})|(?<hidden>${HIDDEN.source})`,
    `(?<stack>${STACKED.source})|(?<word>[\\p{L}\\p{N}]+)`,
  ].join("|"),
  "gu",
);
const ALPHABETS = ["Latin", "Cyrillic", "Greek", "Armenian", "Cherokee"].map(
  (script) => new RegExp(`\\p{Script=${script}}`, "u"),
);

function codePoint(character) {
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function mixesAlphabets(word) {
  return ALPHABETS.filter((alphabet) => alphabet.test(word)).length > 1;
}

// An element with attributes and children; texts become text nodes and nothing else. Lists within
// children are taken apart, and what is null is left out.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const name in attributes) {
    const value = attributes[name];
    if (value !== null && value !== false) element.setAttribute(name, value);
  }
  fill(element, children);
  return element;
}

function fill(element, children) {
  const text = fillAfter(element, children, "");
  if (text !== "") element.append(text);
}

// Appends children, but keeps back the text that has come last, so that texts side by side become
// one node: ten thousand statements have many.
function fillAfter(element, children, before) {
  let text = before;
  for (const child of children) {
    if (child === null) continue;
    if (typeof child === "string") text += child;
    else if (Array.isArray(child)) text = fillAfter(element, child, text);
    else {
      if (text !== "") element.append(text);
      text = "";
      element.append(child);
    }
  }
  return text;
}

// The nodes that show a text of others.
function safe(text) {
  if (PLAIN.test(text)) return [text];
  const out = [];
  let plain = "";
  let from = 0;
  const mark = (kind, title, shown) => {
    if (plain !== "") out.push(plain);
    plain = "";
    out.push(make("span", { class: kind, title }, shown));
  };
  for (const found of text.matchAll(PARTS)) {
    plain += text.slice(from, found.index);
    from = found.index + found[0].length;
    const { hidden, stack, word } = found.groups;
    if (hidden !== undefined)
      mark("hidden-character", "a character that does not show", codePoint(hidden));
    else if (stack !== undefined)
      mark("hidden-character", "marks upon one letter", `${[...stack].length} marks`);
    else if (word !== undefined && mixesAlphabets(word)) {
      mark("mixed", "letters of more than one alphabet in one word", word);
    } else plain += found[0];
  }
  plain += text.slice(from);
  if (plain !== "") out.push(plain);
  return out;
}

// A text of others within a line of ours, so that its direction does not reach beyond it.
function isolated(text) {
  return make("bdi", {}, safe(text));
}

// --- times ---------------------------------------------------------------------------------------

// A time in milliseconds; signed notes may hold times that no calendar has.
function timeText(ms) {
  if (!(ms <= LATEST_MS)) return "after the year 9999";
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

// --- numbers and lists ---------------------------------------------------------------------------

function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

// Hexadecimal in groups of eight, so that it can be read aloud and may break in lines.
function grouped(digits) {
  return digits.match(/.{1,8}/g).join(" ");
}

// A decoded value in the diagnostic notation of CBOR (RFC 8949 section 8), with texts made safe.
function diagnostic(value) {
  if (value instanceof Uint8Array) return [`h'${hex(value)}'`];
  if (typeof value === "string") return ['"', isolated(value), '"'];
  if (Array.isArray(value)) {
    return ["[", value.map((each, at) => [at === 0 ? "" : ", ", diagnostic(each)]), "]"];
  }
  if (value instanceof Map) {
    const pairs = [...value].map(([key, each], at) => [
      at === 0 ? "" : ", ",
      `${key}: `,
      diagnostic(each),
    ]);
    return ["{", pairs, "}"];
  }
  return [String(value)];
}
