// Signed notes (C2SP signed-note) with one signature, and the texts of those that an organisation signs beside batches: a line each, every
// line with its newline (docs/formats.md sections 5, 13 and 14).

import { concat, need, utf8 } from "../verify/bytes.js";
import { toBase64 } from "./key.js";

const NOTE_TEXT = /^[^\x00-\x09\x0b-\x1f]*\n$/;

/** The whole note: the text, a blank line, the signature line. */
export async function signNote(key, text) {
  need(NOTE_TEXT.test(text), "the text of a note ends in a newline and has no other control characters");
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key.private, utf8(text)));
  const id = Uint8Array.from(key.id.match(/../g), (pair) => parseInt(pair, 16));
  return `${text}\n— ${key.name} ${toBase64(concat(id, signature))}\n`;
}

const lines = (...each) => each.map((line) => `${line}\n`).join("");

/** That the key is held by whoever asks for its registration in a role. */
export const possessionText = (origin, key, role) => lines("credence/possession@v1", origin, key.name, role, key.vkey);

/** A bank's for corrections with numbers above `after`; `instant` is when it is signed. */
export const correctionsText = (origin, key, after, instant) => lines("credence/corrections@v1", origin, key.name, after, instant);

/** A regulator's for an audit under a case. */
export const auditText = (origin, key, reference, instant) => lines("credence/audit@v1", origin, key.name, reference, instant);

/** A bank's for a letter about one of its answers, by the answer's id (section 18). */
export const letterText = (origin, key, answer, instant) => lines("credence/letter@v1", origin, key.name, answer, instant);
