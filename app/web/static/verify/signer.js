// Whose key signed a note: its record in the key register, and that record's place under a block's `keys` (sections 5 and 15).

import { hashes, need, same, utf8 } from "./bytes.js";
import { canonical, fields, integer, string } from "./json.js";
import { ED25519, openNote, parseKey, splitNote } from "./note.js";
import { leafHash, rootFromSides } from "./trees.js";

export const SIGNER_FIELDS = ["signer", "signer_path", "signer_sides"];

export function readSigner({ signer: record, signer_path, signer_sides }) {
  fields(record, ["from", "name", "role", "to", "vkey"], "signer");
  ["name", "role", "vkey"].forEach((name) => string(record[name], `signer.${name}`));
  ["from", "to"].forEach((name) => integer(record[name], `signer.${name}`));
  const path = hashes(signer_path, "signer_path");
  string(signer_sides, "signer_sides", /^[lr]*$/);
  need(signer_sides.length === path.length, "signer_sides says l or r for each hash");
  return { record, path, sides: signer_sides };
}

/** The record is in the block's register. */
export async function checkMember({ record, path, sides }, block) {
  const root = await rootFromSides(await leafHash(utf8(canonical(record))), path, sides);
  need(same(root, block.keys), "the key is not in the block's register");
}

/** And valid at a log index. */
export async function checkSigner(signer, block, index) {
  await checkMember(signer, block);
  const { record } = signer;
  need(record.from < index && index < record.to, "the key was not valid where its signature stands in the log");
}

/** The text of a note that this key has signed, and nobody else. */
export async function openSignedBy(note, record) {
  const key = await parseKey(record.vkey);
  need(key.type === ED25519 && splitNote(note)[2] === 1, "the note has exactly one signature, of type 0x01");
  return (await openNote(note, [key])).text;
}
