// What somebody shares is checked again in the browser of whoever opens the link, by verify/. The proof is in the page; nothing is fetched and
// nothing is sent. A browser without WebCrypto's Ed25519 leaves the page as the server made it, which says who has checked.
import { canVerify, given, itemsOf, partsOf } from "./page.js";
import { Refused, sentences, verify } from "./verify/verify.js";

const panel = document.getElementById("verdict");
const parts = partsOf(panel);
const bytes = (text) => new TextEncoder().encode(text);

if (await canVerify()) {
  let said = { proved: [], notProved: [] };
  let holds = false;
  try {
    const found = await verify(bytes(given.proof), bytes(given.policy), { atS: Math.floor(Date.now() / 1000), audience: given.audience });
    said = sentences(found, given.language);
    holds = true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    said.notProved = [error.message];
  }
  parts.heading.textContent = holds ? given.said.holds : given.said.fails;
  parts.by.textContent = given.said.local;
  parts.proved.replaceChildren(...itemsOf(said.proved));
  parts.notProved.replaceChildren(...itemsOf(said.notProved));
  panel.classList.toggle("credence-panel--good", holds);
  panel.dataset.local = "done";
}
