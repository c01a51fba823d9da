// The bank's pages: signs in this browser what their forms ask, with the key file, and checks the proof of what comes back. The key file is
// read here and goes nowhere: its field has no name, and what is kept of it is a WebCrypto key that cannot be read out.
import { given, itemsOf } from "./page.js";
import { makeBatch } from "./sign/batch.js";
import { eventLine, instantOf, uuid7 } from "./sign/event.js";
import { readKey } from "./sign/key.js";
import { correctionsText, possessionText, signNote } from "./sign/note.js";
import { Refused, isIdentifier, sentences, verify } from "./verify/verify.js";

const form = document.querySelector("form[data-act]");
let busy = false;

/** What went wrong, in the reader's language; `english` is what only the server's own words say. */
export class Problem extends Error {
  constructor(message, english = "") {
    super(message);
    this.english = english;
  }
}

/** The key of the chosen file. */
export async function chosenKey() {
  const file = document.getElementById("key").files[0];
  if (!file) throw new Problem(given.said.key);
  return readKey(await file.text());
}

/** The signed batch of these inquiries: objects with the fields of the event. */
export async function inquiryBatch(key, inquiries) {
  const nowMs = Date.now();
  const lines = inquiries.map((each) => {
    if (!isIdentifier(given.scheme, each.citizen)) throw new Problem(`${given.said.identifier} ${each.citizen}`);
    return eventLine(given, key.name, "inquiry", { ...each, time: instantOf(nowMs) }, nowMs);
  });
  return makeBatch(key, given.origin, `inquiry-${uuid7(nowMs, crypto.getRandomValues(new Uint8Array(10)))}`, lines);
}

/** What the proof of an answer shows about this citizen; `Refused` when it does not hold, or says something else than the answer. */
export async function checked(whole, citizen) {
  const proof = new TextEncoder().encode(whole.proof);
  const found = await verify(proof, new TextEncoder().encode(given.policy), { atS: Math.floor(Date.now() / 1000), identifier: citizen });
  const said = whole.answer.answer;
  const agrees = found.kind === "score" && said.citizen === citizen && said.block === found.block && (said.score ?? null) === (found.score.score ?? null);
  if (!agrees) throw new Refused(given.said.differs);
  return found;
}

export function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(text instanceof Blob ? text : new Blob([text]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** An answer of this server, whatever its status. */
export async function reach(path, options) {
  try {
    return await fetch(path, { method: "POST", redirect: "error", ...options });
  } catch {
    throw new Problem(given.said.offline);
  }
}

/** Runs what a form asks; what goes wrong is said beside the key. */
export async function attempt(work) {
  if (busy) return; // a second click on the same button
  busy = true;
  const place = document.getElementById("sign-error");
  place.hidden = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Problem)) throw error;
    const [said, english] = error instanceof Problem ? [error.message, error.english] : ["", error.message];
    place.replaceChildren(said, " ", Object.assign(document.createElement("span"), { lang: "en", textContent: english }));
    place.hidden = false;
    place.scrollIntoView({ block: "center" });
  } finally {
    busy = false;
  }
}

/** Sends the form without leaving the page, so that the key stays chosen; its answer takes the place of the last one. */
async function send() {
  const answer = await reach(form.action, { body: new URLSearchParams(new FormData(form)), credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("answer");
  if (!fresh) throw new Problem(page.querySelector("h1")?.textContent ?? given.said.offline);
  document.getElementById("answer").replaceWith(fresh);
  form.elements.csrf_token.value = page.querySelector("[name=csrf_token]")?.value ?? form.elements.csrf_token.value;
  const shown = fresh.querySelector("[tabindex], .govuk-error-summary");
  if (shown) {
    shown.tabIndex = -1;
    shown.focus();
  }
  return fresh;
}

const part = (place, name) => place.querySelector(`[data-part=${name}]`);

async function judge(place) {
  const data = part(place, "whole");
  const refusal = part(place, "refusal");
  if (refusal) offer(place, { refusal: refusal.textContent });
  if (!data) return;
  const { citizen, answer, proof } = JSON.parse(data.textContent);
  offer(place, { proof, answer });
  const verdict = part(place, "verdict");
  let said = { proved: [], notProved: [] };
  try {
    said = sentences(await checked({ answer: JSON.parse(answer), proof }, citizen), given.language, given.measures);
    verdict.textContent = given.said.holds;
    verdict.className = "govuk-body credence-verdict--good";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    verdict.textContent = `${given.said.fails} (${error.message})`;
    verdict.className = "govuk-body credence-verdict--bad";
  }
  part(place, "sentences").replaceChildren(...itemsOf([...said.proved, ...said.notProved]));
}

function offer(place, texts) {
  for (const button of place.querySelectorAll("[data-from]")) {
    button.hidden = false;
    button.addEventListener("click", () => save(button.dataset.save, texts[button.dataset.from]));
  }
}

const value = (id) => document.getElementById(id).value.trim();
const filled = (fields) => Object.fromEntries(Object.entries(fields).filter(([, text]) => text));

const ACTS = {
  async one() {
    const fields = ["citizen", "purpose", "class", "consent", "case"].map((name) => [name, value(name)]);
    form.elements.batch.value = await inquiryBatch(await chosenKey(), [filled(Object.fromEntries(fields))]);
    await judge(await send());
  },
  async corrections() {
    const key = await chosenKey();
    form.elements.note.value = await signNote(key, correctionsText(given.origin, key, value("after") || "0", instantOf(Date.now())));
    const next = part(await send(), "after");
    if (next) document.getElementById("after").value = next.textContent;
  },
  async possession() {
    const key = await chosenKey();
    const role = form.elements.role.value;
    form.elements.possession.value = await signNote(key, possessionText(given.origin, key, role));
    form.submit();
  },
};

if (form) {
  form.querySelectorAll("[data-scripted]").forEach((each) => (each.hidden = false));
  const act = ACTS[form.dataset.act];
  if (form.dataset.act === "possession") document.getElementById("sign").addEventListener("click", () => attempt(act));
  else if (act) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(act);
    });
  }
  form.dataset.ready = "yes";
}
