// Checks the chosen file in this browser, by verify/. Nothing is sent: the page's content security policy allows no request, and the form
// is not submitted. A browser without WebCrypto's Ed25519 is left alone, and the server checks what the form sends.
import { canVerify, given, itemsOf, partsOf } from "./page.js";
import { PROOF_BYTES_MAX, Refused, isIdentifier, parsePolicy, sentences, stepName, toHex, verify } from "./verify/verify.js";

const form = document.querySelector("form[action='/check']");

if (await canVerify()) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  document.getElementById("local").hidden = false;
  form.dataset.local = "ready";
}

async function check() {
  const value = (name) => form.elements[name].value.trim() || null;
  const file = form.querySelector("input[type=file]").files[0];
  if (!file) return problem("proof", given.problems.proof);
  if (file.size > PROOF_BYTES_MAX) return problem("proof", given.problems.large);
  const identifier = value("identifier");
  if (identifier && !isIdentifier(given.scheme, identifier)) return problem("identifier", given.problems.identifier);
  const own = value("policy");
  const policy = new TextEncoder().encode(own ? `${own}\n` : given.policy);
  try {
    await parsePolicy(policy);
  } catch {
    return problem("policy", given.problems.policy);
  }
  const asked = { atS: Math.floor(Date.now() / 1000), identifier, audience: value("audience"), nonce: value("nonce") };
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    show(holds(await verify(bytes, policy, asked), own));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    show(fails(error));
  }
}

/** A copy of a template, and its parts by name. */
function copyOf(id) {
  const copy = document.getElementById(id).content.cloneNode(true);
  return { copy, parts: partsOf(copy) };
}

function holds(found, ownPolicy) {
  const { copy, parts } = copyOf("holds");
  const score = found.kind === "score" ? found.score : {};
  parts.heading.textContent = score.score ?? given.headings[found.kind];
  parts.day.textContent = found.kind === "score" ? dayOf(found.day) : "";
  const said = sentences(found, given.language, given.measures);
  parts.proved.append(...itemsOf(said.proved));
  parts.notProved.prepend(...itemsOf(said.notProved));
  if (ownPolicy) parts.ownPolicy.remove();
  const facts = { block_hash: found.blockHash, key: found.key, scorecard: score.scorecard };
  for (const [name, bytes] of Object.entries(facts)) {
    const line = copy.querySelector(`[data-fact=${name}]`);
    if (bytes) line.querySelector("dd").textContent = toHex(bytes);
    else line.remove();
  }
  if (!found.blockHash) parts.facts.remove();
  return copy;
}

const dayOf = (day) => new Intl.DateTimeFormat(given.language === "en" ? "en-GB" : "zh-CN", { dateStyle: "long", timeZone: "UTC" }).format(new Date(day));

function fails(error) {
  const { copy, parts } = copyOf("fails");
  parts.step.textContent = stepName(error, given.language);
  parts.why.textContent = error.message;
  return copy;
}

function problem(field, sentence) {
  const { copy } = copyOf("problem");
  const link = copy.querySelector("a");
  link.href = `#${field}`;
  link.textContent = sentence;
  document.getElementById(field).closest("details")?.setAttribute("open", "");
  show(copy);
}

/** The answer takes the place of the last one, and the focus. */
function show(copy) {
  document.querySelectorAll("main .govuk-error-summary").forEach((old) => old.remove());
  const answer = document.getElementById("answer");
  answer.replaceChildren(copy);
  const summary = answer.querySelector(".govuk-error-summary, .credence-panel");
  summary.tabIndex = -1;
  summary.focus();
}
