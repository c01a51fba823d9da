// Batches (docs/formats.md section 3): event lines under one signed note, as a `.batch` file.
//
//     {"note":"credence/batch@v1\n<origin>\n<furnisher>\n<batch id>\n<count>\n<base64 of the root>\n\n— <furnisher> ...\n"}
//     {...}                                                                        one event a line, every line with its newline

import { need, sha256, utf8 } from "../verify/bytes.js";
import { canonical } from "../verify/json.js";
import { leafHash, rootOf } from "../verify/trees.js";
import { toBase64 } from "./key.js";
import { signNote } from "./note.js";

export const EVENTS_MAX = 65_536;
const LINE_BYTES_MAX = 8192;
const EVENT_KIND = Uint8Array.of(1);

/** RFC 6962 over the log entries of these lines. */
async function rootOfLines(lines) {
  const leaves = [];
  for (const line of lines) leaves.push(await leafHash(EVENT_KIND, await sha256(line)));
  return rootOf(leaves);
}

/** The file's text; `lines` are canonical texts without newlines. */
export async function makeBatch(key, origin, batchId, lines) {
  need(/^[A-Za-z0-9._-]{1,64}$/.test(batchId), "a batch id is 1 to 64 characters of A-Z a-z 0-9 . _ -");
  need(lines.length >= 1 && lines.length <= EVENTS_MAX, `a batch has 1 to ${EVENTS_MAX} events`);
  const bytes = lines.map(utf8);
  need(bytes.every((line) => line.length && line.length <= LINE_BYTES_MAX), `a line has at most ${LINE_BYTES_MAX} bytes`);
  const head = ["credence/batch@v1", origin, key.name, batchId, lines.length, toBase64(await rootOfLines(bytes))];
  const note = await signNote(key, head.map((line) => `${line}\n`).join(""));
  return `${canonical({ note })}\n${lines.map((line) => `${line}\n`).join("")}`;
}
