// Many inquiries from a list: one signed batch, the answers checked one by one as they come, a table and an archive in the end. A stream that
// broke off, or what waits for a block, is asked for with the same batch again; nobody is asked about twice.
import { attempt, checked, chosenKey, inquiryBatch, Problem, reach, save } from "./bank.js";
import { given } from "./page.js";
import { parseCsv, toCsv } from "./sign/csv.js";
import { canonical } from "./verify/json.js";
import { Refused } from "./verify/verify.js";
import { zip } from "./sign/zip.js";

const COLUMNS = ["citizen", "purpose", "consent", "class", "case"];
const RESULT = ["line", "citizen", "outcome", "score", "insufficient", "reasons", "block", "detail"];
const form = document.querySelector("form[data-act=many]");
const place = document.getElementById("answer");
const part = (name) => place.querySelector(`[data-part=${name}]`);
const said = (name) => document.getElementById("many-said").content.querySelector(`[data-said=${name}]`).textContent;
const SHOW_EVERY_MS = 200; // counting thousands of rows for each line would take longer than checking them
let shownAt = 0;
let asked = null; // the inquiries, the batch, what was answered by line

form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(begin);
});
place.querySelector("[data-save='results.csv']").addEventListener("click", () => save("results.csv", table()));
place.querySelector("[data-save='answers.zip']").addEventListener("click", () => save("answers.zip", archive()));
place.querySelector("[data-save=again]").addEventListener("click", () => attempt(ask));

async function begin() {
  const key = await chosenKey();
  const file = document.getElementById("list").files[0];
  if (!file) throw new Problem(said("list"));
  const inquiries = readList(await file.text(), document.getElementById("purpose").value);
  asked = { inquiries, batch: await inquiryBatch(key, inquiries), rows: new Map() };
  await ask();
}

/** The inquiries of a list: CSV with the column `citizen`, or one identifier a line. */
function readList(text, purpose) {
  const rows = parseCsv(text.replace(/^\ufeff/, ""));
  const named = rows[0]?.includes("citizen");
  const header = named ? rows[0] : ["citizen"];
  if (header.some((name) => !COLUMNS.includes(name))) throw new Problem(`${said("list")} ${COLUMNS.join(", ")}`);
  const found = rows.slice(named ? 1 : 0).map((row) => {
    const fields = header.map((name, i) => [name, row[i] ?? ""]).filter(([, value]) => value);
    return { purpose, ...Object.fromEntries(fields) };
  });
  if (!found.length || found.some((each) => !each.citizen)) throw new Problem(said("list"));
  return found;
}

async function ask() {
  place.hidden = false;
  part("saves").hidden = true;
  part("said").textContent = said("asking");
  show();
  const response = await reach("/v1/inquiries/bulk", { body: asked.batch, headers: { "Content-Type": "application/x-ndjson" }, credentials: "omit" });
  if (!response.ok) {
    place.hidden = true;
    const problem = await response.json();
    throw new Problem(said("refused"), [problem.detail, ...(problem.problems ?? []).map((each) => `${each.line}: ${each.detail}`)].join(" "));
  }
  for await (const line of linesOf(response.body)) {
    await take(JSON.parse(line));
    if (performance.now() - shownAt > SHOW_EVERY_MS) show();
  }
  show();
  const missing = asked.inquiries.length - [...asked.rows.values()].filter((row) => row.outcome !== "not-yet").length;
  part("said").textContent = missing ? said("broken") : said("done");
  part("saves").hidden = false;
  place.querySelector("[data-save=again]").hidden = !missing;
  place.focus();
}

/** The lines that came whole; a connection that breaks ends them. */
async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield* lines;
  }
}

/** One line of the answer, checked; `asked.rows` holds what became of each line of the batch. */
async function take(told) {
  const { citizen } = asked.inquiries[told.line - 2];
  const row = { line: told.line, citizen, told };
  if (!told.answer) {
    asked.rows.set(told.line, { ...row, outcome: told.code, reason: told.reason, detail: told.detail });
    return;
  }
  const proof = canonical(told.proof);
  try {
    const found = await checked({ answer: { answer: told.answer }, proof }, citizen);
    const insufficient = (found.score.insufficient ?? []).join(" ");
    const reasons = (found.receipt?.reasons ?? []).join(" ");
    asked.rows.set(told.line, { ...row, outcome: "answered", score: found.score.score ?? "", insufficient, reasons, block: found.block });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    asked.rows.set(told.line, { ...row, outcome: "not-proved", detail: `${given.said.fails} ${error.message}`, told: undefined });
  }
}

function show() {
  shownAt = performance.now();
  const rows = [...asked.rows.values()];
  const count = (test) => rows.filter(test).length;
  const answered = count((row) => row.outcome === "answered");
  const refused = count((row) => row.reason);
  part("count").textContent = asked.inquiries.length;
  part("answered").textContent = answered;
  part("refused").textContent = refused;
  part("other").textContent = rows.length - answered - refused;
  for (const item of place.querySelectorAll("[data-reason]")) {
    const number = count((row) => row.reason === item.dataset.reason);
    item.hidden = !number;
    item.querySelector("[data-part=number]").textContent = number;
  }
}

const sorted = () => [...asked.rows.values()].sort((a, b) => a.line - b.line);
const table = () => toCsv([RESULT, ...sorted().map((row) => RESULT.map((name) => row[name] ?? ""))]);

function archive() {
  const rows = sorted();
  const answers = rows.filter((row) => row.told).map((row) => `${JSON.stringify(row.told)}\n`);
  const proofs = rows.filter((row) => row.told?.proof).map((row) => [`proofs/${row.line}.proof`, canonical(row.told.proof)]);
  return zip([["inquiries.batch", asked.batch], ["results.csv", table()], ["answers.ndjson", answers.join("")], ...proofs]);
}
