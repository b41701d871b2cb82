// The tones of alarms in this browser. A browser sounds only after a click; it then says every five
// seconds that it does, as every other output. A tone is one sound that repeats itself, so no timer
// of a hidden page can hold it up; what is to sound comes with each message of the stream.
const body = document.body;
const RATE = 22050;
const BEAT_MS = 5000;
const DOWN_MS = 10000; // so long the station may be away (it is started anew) until that sounds
const SILENCE_MS = 30000;
// Notes (frequency, 0 for none, and seconds) and how long from one beginning to the next; 0: once.
const TONES = {
  flash: [[[960, .25], [770, .25]], .5],
  immediate: [[[880, .2], [0, .15], [880, .2], [0, .15], [880, .2]], 10],
  fault: [[[330, .4], [0, .15], [247, .5]], 15],
  priority: [[[660, .25]], 0],
  test: [[[523, .25], [659, .25], [784, .4]], 0],
};

let context = null;
let armed = null; // the name of this tab as an output
let wanted = ""; // the tone that is to sound
let source = null;
let played = new Set(); // of those that sound once
let sounding = [];
let tested = 0;
let beaten = 0;
let down = 0; // since when the station is away
let hushed = 0; // until when a fault of the desk itself is silenced here

function made(tone) {
  const [notes, every] = TONES[tone];
  const length = Math.max(every, notes.reduce((sum, [, seconds]) => sum + seconds, 0));
  const buffer = context.createBuffer(1, Math.ceil(length * RATE), RATE);
  const data = buffer.getChannelData(0);
  let at = 0;
  for (const [frequency, seconds] of notes) {
    const count = Math.floor(seconds * RATE);
    for (let place = 0; frequency && place < count; place += 1) {
      const swell = Math.min(1, place / 110, (count - place) / 110);
      data[at + place] = .6 * swell * Math.sin((2 * Math.PI * frequency * place) / RATE);
    }
    at += count;
  }
  return [buffer, every > 0];
}

function stop() {
  source?.stop();
  source = null;
}

function play(tone) {
  stop();
  if (!tone || context?.state !== "running") return;
  const [buffer, again] = made(tone);
  source = context.createBufferSource();
  source.buffer = buffer;
  source.loop = again;
  source.connect(context.destination);
  source.start();
}

function sound(tone) {
  if (tone === wanted) return;
  wanted = tone;
  body.dataset.tone = tone;
  play(tone);
}

const dead = () => body.dataset.dead === "yes" && body.dataset.polling !== "yes";

function look(ring) {
  const now = performance.now();
  if (ring) {
    down = ring.station ? 0 : down || now;
    if (ring.station) sounding = ring.sounding;
    for (const number of played) if (!sounding.includes(number)) played.delete(number);
  }
  if (dead() || (down && now - down >= DOWN_MS)) { sound(now < hushed ? "" : "fault"); return; }
  if (!ring || down) return;
  if (ring.tone === "priority") {
    const fresh = sounding.filter((number) => !played.has(number));
    if (fresh.length) { wanted = ""; sound("priority"); for (const number of fresh) played.add(number); }
  } else sound(ring.tone);
  if (armed && ring.test > tested && (ring.tone === "" || ring.tone === "priority")) {
    play("test");
    if (context.state === "running") { tested = ring.test; beaten = 0; }
  }
  if (armed && now - beaten >= BEAT_MS) beat();
}

async function tell(fields) {
  try {
    const answer = await fetch("/alarms/alive", {
      method: "POST",
      headers: { "x-csrf": body.dataset.csrf },
      body: new URLSearchParams({ tab: armed, ...fields }),
      keepalive: true,
    });
    return answer.ok;
  } catch { return false; }
}
function beat() {
  beaten = performance.now();
  const works = context?.state === "running";
  tell({ works: works ? "yes" : "no", why: works ? "" : "the browser wants a click first", tested: String(tested) });
}

function show() {
  const place = document.getElementById("armed");
  if (!place) return;
  const running = armed && context?.state === "running";
  const lamp = place.querySelector(".lamp");
  lamp.classList.toggle("good", Boolean(running));
  lamp.classList.toggle("warn", !running);
  const words = place.dataset;
  place.querySelector(".word").textContent = running ? words.on : armed ? words.wait : words.off;
  const button = document.getElementById("arm");
  button.hidden = false;
  button.textContent = running ? button.dataset.disarm : button.dataset.arm;
  place.title = armed ? `browser ${armed.slice(0, 6)}` : "";
  body.dataset.armed = running ? "yes" : armed ? "wait" : "no";
}

async function arm() {
  armed ||= [...crypto.getRandomValues(new Uint8Array(8))].map((each) => each.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem("alarm", armed);
  if (!context) {
    context = new AudioContext();
    context.onstatechange = () => { show(); play(wanted); if (armed) beat(); };
  }
  if (context.state !== "running") await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 500))]);
  show();
  play(wanted);
  beat();
}
function disarm() {
  tell({ gone: "yes" });
  stop();
  armed = null;
  sessionStorage.removeItem("alarm");
  context?.close();
  context = null;
  show();
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#arm")) { if (armed && context?.state === "running") disarm(); else arm(); }
  else if (armed && context?.state === "suspended") context.resume();
});
document.addEventListener("keydown", (event) => {
  if (armed && context?.state === "suspended") context.resume();
  // What the desk itself cannot be told of any more is silenced here.
  if (event.key === "s" && wanted === "fault" && (dead() || down)) { hushed = performance.now() + SILENCE_MS; sound(""); }
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-silence]")) {
    event.preventDefault();
    const form = new URLSearchParams(new FormData(event.target));
    sound("");
    fetch("/silence", { method: "POST", body: form, redirect: "manual" }).catch(() => {});
  } else if (event.target.matches("form[action='/logout']") && armed) disarm();
});
document.addEventListener("desk:arm", () => { if (context?.state !== "running") arm(); });
document.addEventListener("desk:ring", (event) => look(event.detail));
document.addEventListener("desk:part", (event) => { if (event.detail.name === "frame") show(); });
setInterval(() => look(null), 1000);

armed = sessionStorage.getItem("alarm");
show();
if (armed) arm();
