// Signed notes, checkpoints and cosignatures: C2SP signed-note, tlog-checkpoint and tlog-cosignature.
//
//     example.com/log                       origin
//     20852163                              size
//     CsUYapGGPo4dkMgIAUqom/Xajj7h2f...     root
//
//     — example.com/log Az3grlgtzPICa5...   <key name> base64(key id || signature)

import { Refused, base64, concat, decimal, need, same, sha256, text, toHex, u64, u64be, utf8 } from "./bytes.js";
import { emptyRoot } from "./trees.js";

export const ED25519 = 1;
export const COSIGNATURE_ED25519 = 4;
export const COSIGNATURE_MLDSA44 = 6;
const KEY_BYTES = { [ED25519]: 32, [COSIGNATURE_ED25519]: 32, [COSIGNATURE_MLDSA44]: 1312 };
const NOTE_BYTES_MAX = 1 << 20;
const SIGNATURES_MAX = 100;
const BAD_NAME = /[\p{White_Space}\p{Cc}+]/u;

/** A verifier key, `<name>+<key id>+<base64(type || key)>`. */
export async function parseKey(vkey) {
  const [, name, id, material] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/s.exec(vkey) ?? [];
  need(name && !BAD_NAME.test(name), "a key is <name>+<key id>+<base64>");
  const raw = base64(material);
  need(KEY_BYTES[raw[0]] === raw.length - 1, "a key of an unknown type or length");
  need(toHex((await sha256(utf8(`${name}\n`), raw)).subarray(0, 4)) === id, "a key id is not that of its key");
  return { name, id, type: raw[0], bytes: raw.subarray(1), vkey };
}

/** [text with its last newline, signature lines] of a note, unverified. */
export function splitNote(bytes) {
  need(bytes.length <= NOTE_BYTES_MAX, "a note of more than 1 MiB");
  const note = text(bytes);
  need(!/[\x00-\x09\x0b-\x1f]/.test(note), "a note has a control character");
  const end = note.lastIndexOf("\n\n");
  need(end >= 0 && note.endsWith("\n") && note.length > end + 2, "a note has no signatures");
  const lines = note.slice(end + 2, -1).split("\n");
  need(lines.length <= SIGNATURES_MAX, "a note has more than 100 signatures");
  return [note.slice(0, end + 1), [...new Set(lines)].map(signatureLine), lines.length];
}

function signatureLine(line) {
  const [, name, blob] = /^— ([^ ]*) (.*)$/.exec(line) ?? [];
  need(name && !BAD_NAME.test(name), "not a signature line");
  const raw = base64(blob);
  need(raw.length > 4, "a signature line has no signature");
  return { name, id: toHex(raw.subarray(0, 4)), signature: raw.subarray(4) };
}

/** Whether the signature is good: true, false, or null where this machine has no such algorithm. */
export async function isGood(algorithm, format, key, message, signature) {
  try {
    const imported = await crypto.subtle.importKey(format, key, algorithm, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, imported, signature, message);
  } catch (error) {
    return error.name === "NotSupportedError" ? null : false;
  }
}

/** [good, POSIX seconds or 0] of one signature by one key. */
async function check(key, noteText, signature) {
  if (key.type === ED25519) return [await isGood("Ed25519", "raw", key.bytes, utf8(noteText), signature), 0];
  need(signature.length > 8, "a cosignature is too short");
  const time = u64(signature);
  need(time < 1n << 63n, "the time of a cosignature is beyond 2^63 - 1");
  const proper = signature.subarray(8);
  if (key.type === COSIGNATURE_ED25519) {
    const message = utf8(`cosignature/v1\ntime ${time}\n${noteText}`);
    return [await isGood("Ed25519", "raw", key.bytes, message, proper), Number(time)];
  }
  return [await isGood("ML-DSA-44", "raw-public", key.bytes, subtreeMessage(key.name, time, noteText), proper), Number(time)];
}

/** What an ML-DSA-44 cosigner signs. */
function subtreeMessage(cosigner, time, noteText) {
  const [origin, size, root] = noteText.split("\n");
  const names = [cosigner, origin].map(utf8);
  need(names.every((name) => name.length < 256), "a name of more than 255 bytes");
  const prefixed = names.map((name) => concat(Uint8Array.of(name.length), name));
  return concat(utf8("subtree/v1\n\0"), prefixed[0], u64be(time), prefixed[1], u64be(0), u64be(decimal(size)), base64(root));
}

/** { text, signed: Map of key -> POSIX seconds }. Every signature by one of these keys has to be good; of one key's, the first counts. */
export async function openNote(bytes, keys) {
  const [noteText, lines] = splitNote(bytes);
  const ours = lines.flatMap((line) => {
    const named = keys.filter((key) => key.name === line.name && key.id === line.id);
    need(named.length < 2, "two different known keys have one name and id");
    return named.map((key) => ({ key, signature: line.signature }));
  });
  const results = await Promise.all(ours.map(({ key, signature }) => check(key, noteText, signature)));
  const signed = new Map();
  results.forEach(([good, time], i) => {
    need(good !== false, `the signature by ${ours[i].key.name} is wrong`);
    if (good && !signed.has(ours[i].key)) signed.set(ours[i].key, time);
  });
  if (!signed.size && results.length) throw new Refused("this browser cannot check signatures of this kind");
  need(signed.size, "no known key has signed");
  return { text: noteText, signed };
}

/** { origin, size, root } of a note's text: exactly three lines (section 4). */
export async function parseCheckpoint(noteText) {
  const lines = noteText.split("\n");
  need(lines.length === 4 && lines[0] !== "", "a checkpoint is three lines: origin, size, root");
  const [origin, size, root] = [lines[0], decimal(lines[1]), base64(lines[2])];
  need(root.length === 32, "the root of a checkpoint is no hash");
  need(size > 0n || same(root, await emptyRoot()), "an empty tree with another root");
  return { origin, size, root };
}
