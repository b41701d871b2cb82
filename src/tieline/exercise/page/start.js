// The start page renews its parts each second; without this it is loaded anew every five.
const policy = globalThis.trustedTypes?.createPolicy("start", { createHTML: (html) => html });
const was = new Map();
async function renew() {
  try {
    const answer = await fetch("/", { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const html = await answer.text();
    const fresh = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!next || was.get(part.dataset.part) === next.innerHTML) continue;
      was.set(part.dataset.part, next.innerHTML);
      // A button that is about to be pressed stays where it is.
      const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
      part.replaceChildren(...next.childNodes);
      if (focus) document.getElementById(focus)?.focus();
    }
    document.getElementById("gone").hidden = true;
  } catch { document.getElementById("gone").hidden = false; }
}
for (const part of document.querySelectorAll("[data-part]")) was.set(part.dataset.part, part.innerHTML);
setInterval(renew, 1000);
