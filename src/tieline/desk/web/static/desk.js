// The desk's own script: parts of the page that renew themselves, the lamp, keys, drafts.
// Without it every page still works and is loaded anew each 15 seconds.
const policy = globalThis.trustedTypes?.createPolicy("desk", { createHTML: (html) => html });
const trusted = (html) => (policy ? policy.createHTML(html) : html);
const body = document.body;
const DEAD_MS = 5000;
const POLL_MS = 5000; // between two questions while the stream is blocked
document.documentElement.dataset.script = "yes"; // else a bar says that the page does not renew itself

// --- parts -------------------------------------------------------------------------------------

const parts = () => [...document.querySelectorAll("[data-live]")];
const wants = (part, names) => {
  const on = part.dataset.on.split(" ");
  if (names.includes("lagged")) return part.dataset.on !== "none"; // whatever has changed meanwhile
  return names.some((name) => on.includes(name));
};

// What a part was made of, apart from what makes each form its own.
const was = new WeakMap();
const plain = (part) => part.outerHTML.replace(/(name="once" value=")[^"]*/g, "$1");

// A form is on its way: what its act changes comes as an event, too, and to load this page anew
// for that would end the way to the next one.
let going = 0;
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) going = performance.now() + 10000; // else it stays on this page
});
addEventListener("pageshow", () => { going = 0; });

// Where this page is asked for anew. One that answers a form (data-answers) has another address than
// its own, or none (then only what stands around each page is asked for); and it is never loaded
// anew: that would send the form once more, and what it answers would be gone.
const answers = body.dataset.answers === "yes";
function at(name) {
  const url = new URL(body.dataset.at || "/", location.href);
  url.searchParams.set("part", name);
  return url;
}
const loggedOut = () => { if (answers) location.replace(body.dataset.at || "/"); else location.reload(); };

async function renew(name) {
  if (performance.now() < going) return;
  const old = document.querySelector(`[data-live="${name}"]`);
  if (!old || (!body.dataset.at && name !== "frame" && !old.dataset.reload)) return;
  const url = at(name);
  const answer = await fetch(url, { headers: { accept: "text/html" } });
  if (answer.status === 401) { loggedOut(); return; }
  const text = await answer.text();
  if (performance.now() < going) return;
  if (!old.isConnected) return;
  if (answers && old.dataset.reload && !text.trim()) { old.remove(); return; } // it is over
  if (!text.trim() || !answer.ok || old.dataset.reload) {
    if (!answers) location.reload();
    return;
  }
  const made = new DOMParser().parseFromString(trusted(text), "text/html");
  const fresh = made.querySelector(`[data-live="${name}"]`);
  const made_of = fresh && plain(fresh);
  if (!fresh || made_of === was.get(old)) return;
  was.set(fresh, made_of);
  keep(old, fresh);
  announce(old, fresh);
  const focus = place(old);
  old.replaceWith(fresh);
  focus?.(fresh);
  if (dead) showLamp();
  document.dispatchEvent(new CustomEvent("desk:part", { detail: { name, part: fresh } }));
  tick();
}

// What an officer is typing, and what is open, stays.
function keep(old, fresh) {
  for (const field of old.querySelectorAll("input[name], textarea[name], select[name]")) {
    if (field.type === "hidden") continue;
    // Rows have fields of one name each: by id where there is one, and a box by what it stands for.
    const box = field.type === "checkbox" || field.type === "radio";
    const named = `[name="${CSS.escape(field.name)}"]${box ? `[value="${CSS.escape(field.value)}"]` : ""}`;
    const twin = fresh.querySelector(field.id ? `#${CSS.escape(field.id)}` : named);
    if (!twin) continue;
    if (box) twin.checked = field.checked;
    else if (field.type !== "file") twin.value = field.value;
  }
  for (const open of old.querySelectorAll("details[open][id]"))
    fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
}

function place(old) {
  const active = document.activeElement;
  if (!active || !old.contains(active)) return null;
  const row = active.closest("[data-item]")?.dataset.item;
  const selector = active.id ? `#${CSS.escape(active.id)}`
    : active.name ? `[name="${CSS.escape(active.name)}"]`
    : active.dataset.key ? `[data-key="${active.dataset.key}"]` : null;
  return (fresh) => {
    const within = (row && fresh.querySelector(`[data-item="${row}"]`)) || fresh;
    const target = (selector && within.querySelector(selector)) || (row && within);
    target?.focus?.({ preventScroll: true });
  };
}

// FLASH alone is said aloud by a screen reader, and once.
function announce(old, fresh) {
  const there = new Set([...old.querySelectorAll("[data-loud]")].map((row) => row.dataset.item));
  for (const row of fresh.querySelectorAll("[data-loud]"))
    if (!there.has(row.dataset.item))
      document.getElementById("news").textContent = row.textContent.replace(/\s+/g, " ").trim();
}

// What is read first (``data-first``) is asked for first, and the rest a moment later; each part goes
// its own way, and waits for no other that is slow.
const FIRST_MS = 300;
const waiting = new Set();
const renewing = new Set();
async function renewOne(name) {
  if (renewing.has(name)) return;
  renewing.add(name);
  try {
    while (waiting.delete(name)) await renew(name).catch(() => {});
  } finally { renewing.delete(name); }
}
async function renewAll() {
  const first = parts().filter((part) => "first" in part.dataset && waiting.has(part.dataset.live));
  if (first.length) {
    const done = Promise.all(first.map((part) => renewOne(part.dataset.live)));
    await Promise.race([done, new Promise((late) => setTimeout(late, FIRST_MS))]);
  }
  for (const name of [...waiting]) renewOne(name);
}

// --- the stream and the lamp -------------------------------------------------------------------

let heard = performance.now();
let dead = false;
let stream = null;

function listen() {
  stream = new EventSource(`/events?since=${body.dataset.seq}`);
  stream.onmessage = (message) => {
    heard = performance.now();
    lamp(false);
    polled(false);
    const { on, ring, station } = JSON.parse(message.data);
    document.dispatchEvent(new CustomEvent("desk:ring", { detail: { ...ring, station } }));
    document.dispatchEvent(new CustomEvent("desk:event", { detail: on }));
    if (on.includes("lagged") && !answers) { location.reload(); return; }
    if (!on.length) return;
    for (const part of parts()) if (wants(part, on)) waiting.add(part.dataset.live);
    renewAll();
  };
  stream.onerror = () => { if (stream.readyState === 2) setTimeout(listen, 1000); };
}

function lamp(isDead) {
  if (isDead === dead) return;
  dead = isDead;
  document.getElementById("dead").hidden = !dead;
  body.dataset.dead = dead ? "yes" : "";
  showLamp();
}

function showLamp() {
  const sign = document.getElementById("lamp");
  if (!sign) return;
  sign.classList.toggle("bad", dead && !polling);
  sign.classList.toggle("warn", polling);
  sign.classList.toggle("good", !dead);
  sign.querySelector(".word").textContent =
    polling ? sign.dataset.poll : dead ? sign.dataset.dead : sign.dataset.liveWord;
}

// The stream is blocked, and the desk may be there all the same: it is asked, and the page says so.
let polling = false;
let asked = 0;
function polled(is) {
  polling = is;
  body.dataset.polling = is ? "yes" : "";
  document.getElementById("poll").hidden = !is;
  document.getElementById("dead").hidden = !dead || is;
  if (is) document.querySelector("#poll .at").textContent = zulu(new Date(Date.now() + ahead));
  showLamp();
}
async function poll() {
  asked = performance.now();
  let answer = null;
  try {
    answer = await fetch(at("frame"), { signal: AbortSignal.timeout(POLL_MS - 500) });
    await answer.text();
  } catch { answer = null; }
  if (!dead) return;
  if (answer?.status === 401) { loggedOut(); return; }
  polled(Boolean(answer));
  if (!polling) return;
  for (const part of parts()) if (wants(part, ["lagged"])) waiting.add(part.dataset.live);
  renewAll();
}

// --- clocks ------------------------------------------------------------------------------------

const ahead = Number(body.dataset.now) - Date.now();
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const two = (number) => String(number).padStart(2, "0");
function left(ms) {
  const total = Math.floor(Math.abs(ms) / 1000);
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const sign = ms < 0 ? "−" : "";
  if (h >= 48) return `${sign}${Math.floor(h / 24)} d ${h % 24} h`;
  return h ? `${sign}${h} h ${two(m)} min` : `${sign}${m}:${two(s)} min`;
}
const zulu = (at) => `${two(at.getUTCDate())}${two(at.getUTCHours())}${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}Z ${MONTHS[at.getUTCMonth()]} ${two(at.getUTCFullYear() % 100)}`;
function tick() {
  const now = new Date(Date.now() + ahead);
  const clock = document.querySelector("#clock bdi");
  if (clock) clock.textContent = zulu(now);
  for (const due of document.querySelectorAll("[data-due]")) {
    const rest = Number(due.dataset.due) - now.getTime();
    const text = due.querySelector(".left");
    if (text) text.textContent = left(rest);
    if (rest < 0 && !due.classList.contains("over")) {
      due.classList.add("over");
      const word = Object.assign(document.createElement("strong"), { textContent: `${due.dataset.over} ` });
      due.replaceChildren(word, ...(text ? [text] : []));
    }
  }
  if (performance.now() - heard > DEAD_MS) lamp(true);
  if (dead && performance.now() - asked > POLL_MS) poll();
}

// --- paper -------------------------------------------------------------------------------------

// As tieline.desk.web.digest makes it of the page that was sent.
async function foot() {
  const main = document.getElementById("content").cloneNode(true);
  for (const apart of main.querySelectorAll("form, button, script, style, .noprint, .left")) apart.remove();
  const words = new TextEncoder().encode(main.textContent.replace(/\s+/g, " ").trim());
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", words));
  const hex = [...hash.slice(0, 8)].map((each) => each.toString(16).padStart(2, "0")).join("");
  const [time, , , shown] = document.querySelectorAll(".print-foot > bdi");
  if (shown) shown.textContent = hex;
  if (time && !dead) {
    const at = new Date(Date.now() + ahead);
    time.textContent = zulu(at).replace(/:\d\dZ/, "Z");
  }
}
let seen = "";
function footLater() {
  const text = document.getElementById("content").textContent;
  if (text !== seen) { seen = text; foot().catch(() => {}); }
}

// --- keys --------------------------------------------------------------------------------------

const rows = () => [...document.querySelectorAll("[data-row]")];
const chosen = () => document.activeElement?.closest?.("[data-row]");
function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(chosen());
  all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))].focus();
}
function press(event) {
  if (body.dataset.keys !== "on" || event.ctrlKey || event.altKey || event.metaKey) return;
  const at = event.target;
  if (at.closest("input, textarea, select, [contenteditable]")) return;
  if (event.key === "j") return step(1);
  if (event.key === "k") return step(-1);
  const row = chosen();
  if (event.key === "Enter") {
    if (row && at === row) row.querySelector("[data-open], a[href]")?.click();
    return;
  }
  const key = CSS.escape(event.key.toLowerCase());
  const target = row?.querySelector(`[data-key="${key}"]`) ?? document.querySelector(`[data-key="${key}"]`);
  if (!target) return;
  event.preventDefault();
  // What speaks to another party is only gone to: the officer presses it itself.
  if (target.matches(".speak, input, textarea, select")) target.focus();
  else target.click();
}

// --- drafts ------------------------------------------------------------------------------------

const timers = new Map();
function changed(event) {
  const form = event.target.closest?.("form[data-draft]");
  if (!form) return;
  clearTimeout(timers.get(form));
  timers.set(form, setTimeout(() => save(form), 700));
}
// A form with a preview sends what it holds, and shows what the desk makes of it beside the form.
const looks = new Map();
function look(event) {
  const form = event.target.form;
  if (!form?.dataset.preview) return;
  clearTimeout(looks.get(form));
  looks.set(form, setTimeout(() => preview(form), 500));
}
async function preview(form) {
  const url = new URL(form.action);
  url.searchParams.set("part", form.dataset.preview);
  const fields = new URLSearchParams(new FormData(form));
  fields.set("do", "look");
  try {
    const answer = await fetch(url, { method: "POST", body: fields });
    if (!answer.ok) return;
    const made = new DOMParser().parseFromString(trusted(await answer.text()), "text/html");
    const fresh = made.querySelector(`[data-live="${form.dataset.preview}"]`);
    const old = document.querySelector(`[data-live="${form.dataset.preview}"]`);
    if (!fresh || !old) return;
    const focus = place(old);
    old.replaceWith(fresh);
    focus?.(fresh);
    for (const back of document.querySelectorAll("[data-back]"))
      back.replaceChildren(...[...(fresh.querySelector(`[data-for="${CSS.escape(back.dataset.back)}"]`)?.childNodes ?? [])]);
    form.dataset.looked = String(Number(form.dataset.looked ?? 0) + 1);
  } catch { /* the next change looks again */ }
}
async function save(form) {
  if (performance.now() < going) return;
  const fields = {};
  // What proves who an officer is, and what it has only heard, is kept nowhere.
  const secret = new Set(["csrf", "once", "heard"]);
  for (const field of form.querySelectorAll("[type=password], [data-secret]")) secret.add(field.name);
  for (const [name, value] of new FormData(form))
    if (typeof value === "string" && !secret.has(name)) fields[name] = value;
  try {
    const answer = await fetch("/keep", {
      method: "POST",
      headers: { "x-csrf": body.dataset.csrf },
      body: new URLSearchParams({
        kind: form.dataset.draft, body: JSON.stringify(fields), once: form.elements.once?.value ?? "",
      }),
    });
    form.dataset.kept = answer.ok ? "yes" : "no";
  } catch { form.dataset.kept = "no"; }
}

for (const part of parts()) was.set(part, plain(part));
document.addEventListener("keydown", press);
document.addEventListener("input", changed);
document.addEventListener("input", look);
document.querySelector(`${location.hash || "#none"} [data-focus]`)?.focus();
listen();
addEventListener("beforeprint", () => { foot().catch(() => {}); });
setInterval(footLater, 2000);
setInterval(tick, 500);
tick();
