// The alarm test of a handover: the click that sounds it also lets this browser sound later.
// Two tones, three times, as FLASH has them; what comes next is the officer's to say.
const button = document.getElementById("sound");
const told = document.getElementById("sounded");
if (button && globalThis.AudioContext) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    document.dispatchEvent(new Event("desk:arm"));
    const context = new AudioContext();
    try {
      // A browser that forbids sound never answers: it is waited for a second.
      await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 1000))]);
      const level = context.createGain();
      level.gain.value = 0.25;
      level.connect(context.destination);
      const tone = context.createOscillator();
      for (let beat = 0; beat < 6; beat += 1)
        tone.frequency.setValueAtTime(beat % 2 ? 660 : 880, context.currentTime + beat * 0.3);
      tone.connect(level);
      tone.onended = () => context.close();
      tone.start();
      tone.stop(context.currentTime + 1.8);
      told.textContent = context.state === "running" ? told.dataset.done : told.dataset.none;
      button.dataset.state = context.state;
    } catch { told.textContent = told.dataset.none; }
  });
}
