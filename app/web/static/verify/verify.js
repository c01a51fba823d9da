// A verifier of Credence's `.proof` files for browsers and Node: docs/formats.md sections 10, 15 and 16, with WebCrypto, and nothing else.
//
//     const found = await verify(bytes, policy, { atS, maxAgeS, identifier });
//     sentences(found, "en");           // { proved: [...], notProved: [...] }
//
// `bytes` and `policy` (C2SP tlog-policy) are Uint8Arrays, `atS` POSIX seconds, `identifier` a text or null;
// for a range credential, `audience` is the verifier's own name and `nonce` what it gave. Whatever the bytes are, the
// answer is what they prove or a `Refused` with the number of the step that refuses. Nothing is fetched and nothing is sent: there is
// no such call in these files, and the page's policy allows none.

import { Refused, need, step } from "./bytes.js";
import { citizen, decode, fields } from "./json.js";
import { CLAIM_BYTES_MAX } from "./head.js";
import { parsePolicy } from "./policy.js";
import { verifyScore } from "./score.js";
import { verifyAbsent, verifyConsistency, verifyContradiction, verifyErasure, verifyHistory } from "./claims.js";
import { verifyEvent } from "./event.js";
import { verifyOverdue } from "./overdue.js";
import { verifyRange } from "./range.js";

export { Refused, toHex } from "./bytes.js";
export { parsePolicy } from "./policy.js";
export { sentences, stepName } from "./words.js";

export const MAX_AGE_S = 48 * 3600;
export const PROOF_BYTES_MAX = 32 << 20;

const VERIFIERS = {
  absent: verifyAbsent,
  consistency: verifyConsistency,
  contradiction: verifyContradiction,
  erasure: verifyErasure,
  event: verifyEvent,
  history: verifyHistory,
  overdue: verifyOverdue,
  range: verifyRange,
  score: verifyScore,
};

/** Whether this is an identifier of a scheme, `cn` or `uci`. */
export function isIdentifier(scheme, text) {
  try {
    return citizen(text).startsWith(`${scheme}:`);
  } catch {
    return false;
  }
}

export async function verify(bytes, policy, { atS, maxAgeS = MAX_AGE_S, identifier = null, audience = null, nonce = null }) {
  const asked = { policy: await parsePolicy(policy), atS, maxAgeS, identifier, audience, nonce };
  const claim = await step(1, () => {
    const value = decode(bytes, PROOF_BYTES_MAX);
    fields(value, ["kind", "v"], "a proof", Object.keys(value));
    need(value.v === 1 && Object.hasOwn(VERIFIERS, value.kind), "not a proof of a known kind and version");
    need(bytes.length <= CLAIM_BYTES_MAX || value.kind === "history", "a proof of this kind has at most 65,536 bytes");
    return value;
  });
  let found;
  try {
    found = await VERIFIERS[claim.kind](claim, asked);
  } catch (error) {
    if (error instanceof Refused) error.kind = claim.kind;
    throw error;
  }
  return { kind: claim.kind, atS, maxAgeS, identityChecked: identifier !== null, nonceChecked: nonce !== null, quorumRequired: asked.policy.quorum !== "none", ...found };
}
