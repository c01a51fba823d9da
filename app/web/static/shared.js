// What somebody shares is checked again in the browser of whoever opens the link, by verify/. The proof is in the page; nothing is fetched and
// nothing is sent. A browser without WebCrypto's Ed25519 leaves the page as the server made it, which says who has checked.
import { Refused, sentences, verify } from "./verify/verify.js";

const given = JSON.parse(document.getElementById("given").textContent);
const panel = document.getElementById("verdict");
const parts = Object.fromEntries([...panel.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
const bytes = (text) => new TextEncoder().encode(text);

async function canVerify() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), "Ed25519", false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

function list(place, said) {
  place.replaceChildren(...said.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })));
}

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
  list(parts.proved, said.proved);
  list(parts.notProved, said.notProved);
  panel.classList.toggle("credence-panel--good", holds);
  panel.dataset.local = "done";
}
