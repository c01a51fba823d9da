// Runs the browser's verifier in Node. One JSON object a line comes in, one goes out.
//
//     {"proof": base64, "policy": text, "at": instant, "max_age_s": n, "identifier": text or null, ...}
//     {"step": null, "en": {"proved": [...], "notProved": [...]}, "zh-Hans": {...}}   it holds
//     {"step": 3, "kind": "score", "why": "..."}                                      it is refused
//     {"foreign": "TypeError: ..."}                                                   an error of another class, which is never right
//
// `ms` is the processor time that it took, so that a busy machine does not count. Usage: node verifier.mjs NAMES, a JSON file of the measures' words by language.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Refused, sentences, verify } from "../../app/web/static/verify/verify.js";

const names = JSON.parse(readFileSync(process.argv[2], "utf8"));
const encoder = new TextEncoder();

function spent(began) {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

async function answer(row) {
  const began = process.cpuUsage();
  const asked = { atS: Date.parse(row.at) / 1000, maxAgeS: row.max_age_s, identifier: row.identifier, audience: row.audience ?? null, nonce: row.nonce ?? null };
  try {
    const found = await verify(new Uint8Array(Buffer.from(row.proof, "base64")), encoder.encode(row.policy), asked);
    const ms = spent(began);
    const said = Object.fromEntries(Object.keys(names).map((language) => [language, sentences(found, language, names[language])]));
    return { step: null, ms, ...said };
  } catch (error) {
    const ms = spent(began);
    return error instanceof Refused ? { step: error.step, kind: error.kind, why: error.message, ms } : { foreign: String(error.stack), ms };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
