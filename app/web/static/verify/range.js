// Range credentials: a score is at least, at most, or between, and nothing more is shown (docs/formats.md section 16).

import { base64url, hashes, hex, need, same, sha256, step, toHex, utf8, vrfProof } from "./bytes.js";
import { NAME } from "./event.js";
import { canonical, fields, instant, integer, list, string } from "./json.js";
import { acceptBlock, checkIdentity, readBlock, readBlockPart } from "./head.js";
import { checkHolder, readHolder, readPresented } from "./holder.js";
import { SIGNER_FIELDS, checkSigner, openSignedBy, readSigner } from "./signer.js";
import { checkInclusion, leafHash } from "./trees.js";

const LIFETIME_S_MAX = 30 * 86_400;
const GIVEN = ["audience", "block", "credential", "expires", "high", "holder", "index", "key", "kind", "low", "note", "path", "scored", "scored_index", "scored_path", "tlog", "v", "vrf"];
const SHOWN = ["assertion", "at_least", "at_most", "nonce", "signature"];
const REF = /^[A-Za-z0-9._-]{1,64}$/;

export async function verifyRange(claim, asked) {
  const proof = await step(1, () => readRange(claim));
  const { part, scored, signer } = proof;
  const facts = await step(2, () => acceptBlock(part, asked));
  const scoredLeaf = await leafHash(scored.entry);
  const [context, ge, le, answer] = await step(3, async () => {
    need(signer.record.role === "service", "the key is not of the bureau's service");
    await checkSigner(signer, part.block, Number(facts.size - 1n));
    const attested = await readNote(utf8(claim.note), signer.record, facts.origin);
    const terms = [claim.key, claim.credential, toHex(scoredLeaf), claim.holder, claim.audience, claim.expires, claim.low, claim.high];
    const own = await sha256(utf8(canonical(["credence/range@v1", facts.origin, ...terms])));
    need(same(own, attested[0]), "the bureau has signed other terms");
    return attested;
  });
  await step(4, async () => {
    need(claim.scored_index < claim.index, "the answer stands before the block that has the score");
    await checkInclusion(scoredLeaf, BigInt(claim.scored_index), facts.size, proof.scoredPath, facts.root);
    await checkInclusion(await leafHash(Uint8Array.of(1), answer), BigInt(claim.index), facts.size, proof.path, facts.root);
  });
  await step(5, () => checkOccasion(claim, proof, part.block, asked));
  const { atLeast, atMost } = proof;
  await step(6, async () => {
    if (atLeast) need(same(await chainEnd("G", context, ...atLeast, claim.low), ge), "the chain does not lead to what the bureau has signed");
    if (atMost) need(same(await chainEnd("L", context, ...atMost, claim.high), le), "the chain does not lead to what the bureau has signed");
  });
  await step(7, () => {
    const lines = ["credence/presentation@v1", toHex(context), claim.audience, atLeast?.[0] ?? "", atMost?.[0] ?? "", claim.nonce ?? ""];
    return checkHolder(proof.holder, proof.presented, utf8(lines.map((line) => `${line}\n`).join("")));
  });
  if (asked.identifier !== null) {
    await step(8, () => checkIdentity(part.block, facts.origin, proof.key, proof.vrf, asked.identifier));
  }
  const { audience, credential, index, low, high } = claim;
  const said = { audience, credential, index, low, high, atLeast: atLeast?.[0], atMost: atMost?.[0] };
  return { ...facts, ...said, key: proof.key, expiresS: proof.expiresS, scoredDay: scored.block.day };
}

function readRange(claim) {
  fields(claim, [...GIVEN, ...SIGNER_FIELDS], "a range proof", SHOWN);
  need(base64url(claim.credential).length === 32, "credential is no nonce");
  string(claim.audience, "audience", NAME);
  if (claim.nonce !== undefined) string(claim.nonce, "nonce", REF);
  integer(claim.low, "low", 300, 849);
  integer(claim.high, "high", claim.low + 1, 850);
  integer(claim.scored_index, "scored_index");
  integer(claim.index, "index");
  string(claim.note, "note", /^/, 4096);
  const [atLeast, atMost] = [claim.at_least, claim.at_most].map(readBound);
  need(atLeast || atMost, "neither at_least nor at_most");
  need(!atLeast || !atMost || atLeast[0] <= atMost[0], "at_least is above at_most");
  return {
    part: readBlockPart(claim),
    scored: readBlock(claim.scored),
    signer: readSigner(claim),
    holder: readHolder(claim.holder),
    presented: readPresented(claim),
    key: hex(claim.key, 32, "key"),
    vrf: vrfProof(claim.vrf),
    expiresS: instant(claim.expires),
    path: hashes(claim.path, "path"),
    scoredPath: hashes(claim.scored_path, "scored_path"),
    atLeast,
    atMost,
  };
}

function readBound(value) {
  if (value === undefined) return undefined;
  need(list(value, "a bound", 2).length === 2, "a bound is a score and a value");
  return [integer(value[0], "a bound", 300, 850), hex(value[1])];
}

/** [context, commitment_ge, commitment_le, commitment of the answer] of the bureau's note. */
async function readNote(note, record, ledger) {
  const [magic, origin, ...hexes] = (await openSignedBy(note, record)).split("\n");
  need(magic === "credence/range@v1" && hexes.length === 5 && hexes.pop() === "", "not the text of a range note");
  need(origin === ledger, "the bureau's note is about another ledger");
  return hexes.map((each) => hex(each));
}

function checkOccasion(claim, { expiresS, scored }, block, asked) {
  need(asked.audience !== null, "a range credential is for one audience: say who you are");
  need(claim.audience === asked.audience, "the credential is for somebody else");
  need(asked.nonce === null || claim.nonce === asked.nonce, "the presentation was not made with the nonce that was given");
  need(asked.atS < expiresS, "the credential has ended");
  need(scored.block.timeS < expiresS && expiresS <= block.timeS + LIFETIME_S_MAX, "a credential ends at most 30 days after it was given");
}

/** From N(t) down (G) or up (L) to the commitment. */
async function chainEnd(direction, context, t, value, end) {
  need(t !== end, "a bound at the end of the range says nothing");
  need(direction === "G" ? t > end : t < end, "a bound is outside of the range");
  let hash = value;
  for (let at = t; at !== end; at += direction === "G" ? -1 : 1) {
    hash = await sha256(utf8(`credence.chain\0${direction}`), Uint8Array.of(at >> 8, at & 255), context, hash);
  }
  return hash;
}
