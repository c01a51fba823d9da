// Signs a batch in this browser with the furnisher's key file, which is read here and goes nowhere, and hands it to the form that sends batches.
// The events are those that the page prepared, or a file of plain ones. Without WebCrypto's Ed25519 the form stays hidden: sign elsewhere.
import { given } from "./page.js";
import { makeBatch } from "./sign/batch.js";
import { eventLine } from "./sign/event.js";
import { KEY_BYTES_MAX, readKey } from "./sign/key.js";
import { Refused, sha256, toHex, utf8 } from "./verify/bytes.js";

const form = document.getElementById("sign");
const problem = document.getElementById("sign-problem");
const chosen = (id) => document.getElementById(id)?.files[0];

async function canSign() {
  try {
    await crypto.subtle.generateKey("Ed25519", false, ["sign"]);
    return true;
  } catch {
    return false;
  }
}

/** In the reader's language; what else is refused is refused in English. */
class Said extends Refused {}

if (await canSign()) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    try {
      send(await signed());
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem.lang = error instanceof Said ? document.documentElement.lang : "en";
      problem.textContent = error.message;
    }
  });
}

async function signed() {
  const file = chosen("key");
  if (!file || file.size > KEY_BYTES_MAX) throw new Said(given.said.noKey);
  const key = await readKey(await file.text());
  if (key.name !== given.furnisher) throw new Said(given.said.otherKey);
  const { events, batchId } = given.events ? given : await plainEvents();
  const now = Date.now();
  const lines = events.map(({ type, ...fields }) => eventLine(given.ledger, key.name, type, fields, now));
  return makeBatch(key, given.ledger.origin, batchId, lines);
}

/** The events of a file, and the id that `credence furnish` gives their batch: the same file is never taken twice. */
async function plainEvents() {
  const file = chosen("plain");
  if (!file) throw new Said(given.said.noEvents);
  const text = await file.text();
  const events = text.replace(/\n$/, "").split("\n").map((line, place) => {
    try {
      return JSON.parse(line);
    } catch {
      throw new Said(`${given.said.badEvents}${place + 1}`);
    }
  });
  return { events, batchId: `${toHex(await sha256(utf8(text))).slice(0, 32)}.1-of-1` };
}

function send(batch) {
  const transfer = new DataTransfer();
  transfer.items.add(new File([batch], "signed.batch"));
  document.getElementById("batch").files = transfer.files;
  document.getElementById("send").submit();
}
