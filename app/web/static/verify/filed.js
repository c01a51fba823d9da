// An event's place in the file of the citizen whom it names: the member `filed` of an event's proof (docs/formats.md section 15).

import { base64url, hashes, hex, need, u64be } from "./bytes.js";
import { fields, integer } from "./json.js";
import { checkIdentity } from "./head.js";
import { checkState, readAccountPart } from "./score.js";
import { checkInclusion, leafHash } from "./trees.js";

export function readFiled(filed) {
  fields(filed, ["digests", "disclosures", "key", "path", "position", "salt", "trie", "vrf"], "filed");
  const account = readAccountPart(filed);
  need(account.shown.length === 1 && account.values.history, "filed shows the history, and nothing else of the account");
  fields(account.values.history, ["opaque", "root", "size"], "the history");
  const salt = base64url(filed.salt);
  need(salt.length === 32, "a salt has 32 bytes");
  const size = integer(account.values.history.size, "size of the history", 1);
  return { account, salt, size, root: hex(account.values.history.root), position: integer(filed.position, "position"), path: hashes(filed.path, "path") };
}

/** The account is the named citizen's and in the block's state, and the event in its citizen tree. */
export async function checkFiled({ account, salt, size, root, position, path }, block, origin, event, index, leaf) {
  await checkIdentity(block, origin, account.key, account.vrf, event.citizen);
  await checkState(account, block);
  await checkInclusion(await leafHash(salt, u64be(index), leaf), BigInt(position), BigInt(size), path, root);
}
