// The alarm test of a handover. The click that begins it also lets this browser sound, now and later;
// the page is not loaded anew, so that nothing typed is lost. The part with the outputs renews itself.
const form = document.getElementById("sounding");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  document.dispatchEvent(new Event("desk:arm"));
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
    .catch(() => null);
  if (!answer?.ok) form.submit(); // it is said by the page
});
