// What proofs share: a block that is the last entry of a tree whose head the policy accepts, how old it is, and whose key it is.

import { base64, concat, decimal, hex, need, same, utf8 } from "./bytes.js";
import { canonical, citizen, day, fields, instant, integer, string } from "./json.js";
import { openCheckpoint, satisfied } from "./policy.js";
import { checkInclusion, leafHash } from "./trees.js";
import { vrfOutput } from "./vrf.js";

export const CLAIM_BYTES_MAX = 65536;
const FUTURE_S_MAX = 300;
const BLOCK_BYTES_MAX = 2048;
const HASHES = ["keys", "previous", "rules", "scorecard", "state", "vrf"];

/** The form of a block and of the tlog-proof of its entry. */
export function readBlockPart({ block, tlog }) {
  return { ...readBlock(block), tlog: readTlog(string(tlog, "tlog")) };
}

/** The form of a block (section 6), and its entry in the log. */
export function readBlock(block) {
  fields(block, [...HASHES, "accounts", "as_of", "block", "time", "v"], "the block");
  need(block.v === 1, "the block is of another version");
  const read = Object.fromEntries(HASHES.map((name) => [name, hex(block[name], 32, `${name} of the block`)]));
  integer(block.accounts, "accounts of the block");
  integer(block.block, "the block's number");
  need((block.block === 0) === read.previous.every((byte) => byte === 0), "only block 0 has no previous one");
  const json = utf8(canonical(block));
  need(json.length <= BLOCK_BYTES_MAX, "the block is too long");
  const times = { number: block.block, day: day(block.as_of), timeS: instant(block.time) };
  return { block: { ...read, ...times }, entry: concat(Uint8Array.of(3), json) };
}

/** C2SP tlog-proof: a header, perhaps extra data, the index, the path, an empty line, the checkpoint. */
function readTlog(proof) {
  const end = proof.indexOf("\n\n");
  need(end >= 0, "a proof of inclusion has no checkpoint");
  const lines = proof.slice(0, end).split("\n");
  need(lines.shift() === "c2sp.org/tlog-proof@v1", "not a proof of inclusion");
  const extra = lines[0]?.startsWith("extra ") ? lines.shift() : null;
  need(lines[0]?.startsWith("index "), "a proof of inclusion has no index");
  const index = decimal(lines.shift().slice(6));
  const path = lines.map(base64);
  need(path.length <= 63 && path.every((hash) => hash.length === 32), "a proof of inclusion has something else than hashes");
  return { extra, index, path, checkpoint: utf8(proof.slice(end + 2)) };
}

/** Step 2 of section 10. */
export async function checkLog({ entry, tlog }, policy) {
  need(tlog.extra === null, "the proof of inclusion has extra data");
  const head = await openCheckpoint(tlog.checkpoint, policy);
  const blockHash = await leafHash(entry);
  await checkInclusion(blockHash, tlog.index, head.size, tlog.path, head.root);
  need(tlog.index === head.size - 1n, "the block is not the last entry of the tree");
  return { ...head, blockHash };
}

/** Step 6 of section 10: the cosignatures that are recent. */
export function checkAge(block, head, asked) {
  const recent = (timeS) => asked.atS - asked.maxAgeS <= timeS && timeS <= asked.atS + FUTURE_S_MAX;
  need(recent(block.timeS), block.timeS > asked.atS ? "the block is in the future" : "the block is too old");
  const cosigned = head.cosigned.filter((each) => recent(each.time));
  need(satisfied(asked.policy, cosigned.map((each) => each.witness)), "the cosignatures of that age are below the policy's quorum");
  return cosigned;
}

/** Step 5 of section 10. */
export async function checkIdentity(block, origin, key, proof, identifier) {
  const alpha = utf8(`credence/citizen@v1\n${origin}\n${citizen(identifier)}`);
  const output = await vrfOutput(block.vrf, alpha, proof);
  need(same(output.subarray(0, 32), key), "the file is another one's than the identifier's");
}

/** Steps 2 and 6 for the claims of section 15: what is known of the block and its head. */
export async function acceptBlock(part, asked) {
  const head = await checkLog(part, asked.policy);
  return headFacts(part.block, head, checkAge(part.block, head, asked));
}

export function headFacts(block, head, cosigned) {
  return { origin: head.origin, size: head.size, root: head.root, blockHash: head.blockHash, block: block.number, blockTimeS: block.timeS, day: block.day, cosigned };
}
