// Score proofs: the six steps of docs/formats.md section 10.

import { base64url, hashes, hex, need, sha256, step, utf8, vrfProof } from "./bytes.js";
import { canonical, day, fields, integer, list, string } from "./json.js";
import { checkAge, checkIdentity, checkLog, headFacts, readBlockPart } from "./head.js";
import { checkMember } from "./trees.js";

export const NAMES = ["history", "score", "receipt", "file", "flags"];
export const SCORE_FIELDS = ["block", "digests", "disclosures", "key", "kind", "tlog", "trie", "v", "vrf"];
const WHY = ["too_young", "nothing_reported"];
const CRITERION = /^[A-Za-z0-9._-]{1,64}$/;

/** What the proofs of one citizen have in common: key, VRF proof, disclosures and path. */
export function readAccountPart(claim) {
  const [shown, values] = [[], {}];
  for (const item of list(claim.disclosures, "disclosures", NAMES.length)) {
    need(list(item, "a disclosure", 3).length === 3 && NAMES.includes(item[1]), "a disclosure is salt, name and value");
    need(base64url(item[0]).length === 32, "a salt has 32 bytes");
    fields(item[2], [], "the value of a disclosure", Object.keys(item[2]));
    need(!shown.length || NAMES.indexOf(shown.at(-1)[1]) < NAMES.indexOf(item[1]), "the disclosures are not in their order");
    shown.push(item);
    values[item[1]] = item[2];
  }
  fields(claim.digests, NAMES.filter((name) => !(name in values)), "digests");
  const digests = Object.fromEntries(Object.entries(claim.digests).map(([name, digest]) => [name, hex(digest, 32, "a digest")]));
  return { key: hex(claim.key, 32, "key"), vrf: vrfProof(claim.vrf), siblings: hashes(claim.trie, "trie"), shown, values, digests };
}

/** Step 3: the account value of disclosures and digests is in the block's state under the key. */
export async function checkState(account, block) {
  const shown = await Promise.all(account.shown.map((item) => sha256(utf8(canonical(item)))));
  const digests = { ...account.digests };
  account.shown.forEach(([, name], i) => (digests[name] = shown[i]));
  const value = await sha256(utf8("credence/account@v1\0"), ...NAMES.map((name) => digests[name]));
  await checkMember(account.key, value, account.siblings, block.state);
}

export function readScore(value) {
  need(value !== undefined, "the score is not shown");
  const outcome = Object.hasOwn(value, "score") ? "score" : "insufficient";
  fields(value, ["as_of", "disputed", "scorecard", "until", outcome], "score");
  if (outcome === "score") integer(value.score, "score", 300, 850);
  else distinct(value.insufficient, "insufficient", WHY.length, (why) => WHY.includes(why));
  need(outcome === "score" || value.insufficient.length, "no score, and no reason");
  integer(value.disputed, "disputed");
  return { ...value, scorecard: hex(value.scorecard), asOf: day(value.as_of), until: day(value.until) };
}

function distinct(items, what, countMax, isGood) {
  list(items, what, countMax).forEach((item) => need(typeof item === "string" && isGood(item), `${what} has something unknown`));
  need(new Set(items).size === items.length, `${what} has something twice`);
}

function readReceipt(value, score) {
  fields(value, ["base", "criteria", "reasons"], "receipt");
  integer(value.base, "base", 0, 850);
  const names = list(value.criteria, "criteria", 64).map((item) => {
    need(list(item, "a criterion", 4).length === 4, "a criterion is name, bin, points and maximum");
    string(item[0], "a criterion", CRITERION);
    integer(item[1], "a bin", 0, 1000);
    integer(item[3], "a maximum", 0, 850);
    integer(item[2], "points", 0, item[3]);
    return item[0];
  });
  need(new Set(names).size === names.length, "a criterion is there twice");
  distinct(value.reasons, "reasons", 5, (reason) => names.includes(reason));
  need(score.score !== undefined || !names.length, "a receipt without a score has no criteria");
}

/** Step 4; what the score is of. */
export function checkScore(score, block) {
  need(score.scorecard.every((byte, i) => byte === block.scorecard[i]), "the score is by another scorecard than the block's");
  need(score.asOf <= block.day && block.day < score.until, "the score does not hold on the block's day");
}

export async function verifyScore(claim, asked) {
  const [part, account, score] = await step(1, () => {
    fields(claim, SCORE_FIELDS, "a score proof");
    const read = readAccountPart(claim);
    const made = readScore(read.values.score);
    if (read.values.receipt) readReceipt(read.values.receipt, made);
    return [readBlockPart(claim), read, made];
  });
  const head = await step(2, () => checkLog(part, asked.policy));
  await step(3, () => checkState(account, part.block));
  const { receipt } = account.values;
  await step(4, () => {
    checkScore(score, part.block);
    const sum = receipt && receipt.criteria.reduce((total, [, , points]) => total + points, receipt.base);
    need(!receipt || score.score === undefined || sum === score.score, "base and points do not add up to the score");
  });
  if (asked.identifier !== null) {
    await step(5, () => checkIdentity(part.block, head.origin, account.key, account.vrf, asked.identifier));
  }
  const cosigned = await step(6, () => checkAge(part.block, head, asked));
  const hidden = NAMES.filter((name) => name in account.digests);
  return { ...headFacts(part.block, head, cosigned), key: account.key, score, receipt, hidden };
}
