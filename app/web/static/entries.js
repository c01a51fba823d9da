// *Verify this*: the proof of one entry is fetched from this server and checked here, by verify/. The page's policy lets it ask this
// server alone. That the proof is about the entry that the page shows is compared too: otherwise a true proof could stand below a wrong text.
import { given, itemsOf, partsOf } from "./page.js";
import { Refused, sentences, verify } from "./verify/verify.js";

const policy = new TextEncoder().encode(given.policy);

for (const button of document.querySelectorAll("[data-verify]")) {
  button.hidden = false;
  button.addEventListener("click", () => check(button));
}

async function check(button) {
  const place = button.closest(".govuk-details__text").querySelector(".credence-verdict");
  place.textContent = given.said.checking;
  let bytes;
  try {
    const answer = await fetch(button.dataset.verify, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) return say(place, given.said.unreachable, false);
    bytes = new Uint8Array(await answer.arrayBuffer());
  } catch {
    return say(place, given.said.unreachable, false);
  }
  try {
    const found = await verify(bytes, policy, { atS: Math.floor(Date.now() / 1000) });
    const { index, type, day, furnisher } = button.dataset;
    const same = found.kind === "event" && String(found.index) === index && found.type === type && found.eventDay === day && found.furnisher === furnisher;
    if (same) say(place, given.said.holds, true, sentences(found, given.language));
    else say(place, given.said.differs, false);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(place, given.said.fails, false, { proved: [], notProved: [error.message] });
  }
}

function say(place, heading, holds, said = { proved: [], notProved: [] }) {
  const copy = document.getElementById("verdict").content.cloneNode(true);
  const parts = partsOf(copy);
  parts.heading.textContent = heading;
  parts.proved.append(...itemsOf(said.proved));
  parts.notProved.append(...itemsOf(said.notProved));
  for (const name of ["proved", "notProved"]) if (!said[name].length) parts[name].remove();
  if (!said.proved.length || !said.notProved.length) parts.notProvedHeading.remove();
  if (heading !== given.said.fails && heading !== given.said.differs) parts.tell.remove();
  place.className = `credence-verdict credence-verdict--${holds ? "good" : "bad"}`;
  place.replaceChildren(copy);
}
