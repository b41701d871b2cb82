// Security keys. A form with fields [data-touch] is sent after the key of each officer concerned has
// signed this very form; who has none here, or types a code, sends it as it is. [data-make]: the
// form keeps a key that is made first.
const there = isSecureContext && globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON;
const done = new WeakSet();

const address = (form, by) => new URL(by?.hasAttribute("formaction") ? by.formAction : form.action);
async function options(place, form, by) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form, by))
    if (typeof value === "string" && !/(^|_)(password|code|touch|made)$/.test(name)) fields.append(name, value);
  const answer = await fetch(place, { method: "POST", body: fields });
  if (!answer.ok) throw new Error(answer.status);
  return answer.status === 204 ? null : answer.json();
}
const say = (form, word, name = "") => {
  const line = form.querySelector("[data-touch-say]");
  line.hidden = !word;
  line.textContent = word ? line.dataset[word].replace("{name}", name) : "";
};

async function sign(form, by) {
  for (const field of form.querySelectorAll("[data-touch]")) {
    field.value = "";
    const who = field.dataset.who;
    const name = who ? form.elements[who].value : field.dataset.name;
    if (form.elements[field.dataset.touch]?.value || (who && !name)) continue;
    const at = address(form, by);
    const to = new URL(form.dataset.touchAt || "/touch", location.href);
    to.searchParams.set("for", at.pathname + at.search);
    if (who) to.searchParams.set("who", who);
    const asked = await options(to, form, by);
    if (!asked) continue;
    say(form, "wait", name);
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
    field.value = JSON.stringify(await navigator.credentials.get({ publicKey }));
  }
}

async function make(form) {
  const asked = await options(form.dataset.make, form);
  if (!asked) return;
  say(form, "wait", form.dataset.name);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked);
  form.elements.made.value = JSON.stringify(await navigator.credentials.create({ publicKey }));
}

const touches = (form) => form.dataset.make || form.querySelector("[data-touch]");
async function submitted(event) {
  const form = event.target, by = event.submitter;
  if (!touches(form) || !there) return;
  if (done.delete(form)) return;
  event.preventDefault();
  try {
    await (form.dataset.make ? make(form) : sign(form, by));
    say(form, "");
    done.add(form);
    form.requestSubmit(by);
  } catch (error) { say(form, error.name === "InvalidStateError" ? "double" : "failed"); }
}

// In the way down, so that the desk's own script sees what has become of it.
document.addEventListener("submit", submitted, true);
if (!there)
  for (const form of document.querySelectorAll("[data-make], [data-touch-at]")) say(form, "none");
