// One event as a canonical line (docs/formats.md section 2). What its type may say is judged by the ledger, which names each wrong line; here
// the fields that every event has are filled in: version, ledger, furnisher, a UUIDv7, 32 random bytes, the local day.
//
//     const ledger = { origin, utcOffsetMinutes };
//     eventLine(ledger, key.name, "inquiry", { citizen: "uci:17", purpose: "account_review", time: instantOf(nowMs) }, nowMs)

import { need, toHex } from "../verify/bytes.js";
import { canonical } from "../verify/json.js";
import { toBase64url } from "./key.js";

export const RANDOM_BYTES = 42; // 10 for the id, 32 for the nonce

/** `YYYY-MM-DDThh:mm:ssZ`, whole seconds. */
export const instantOf = (ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** The ledger's local day. */
export const dayOf = (ms, utcOffsetMinutes) => new Date(ms + 60_000 * utcOffsetMinutes).toISOString().slice(0, 10);

/** RFC 9562 version 7: 48 bits of milliseconds, then random ones around version and variant. */
export function uuid7(ms, random) {
  need(random.length === 10, "a UUIDv7 takes 10 random bytes");
  const hex = ms.toString(16).padStart(12, "0") + toHex(random);
  const version = `7${hex.slice(13, 16)}`;
  const variant = ((parseInt(hex[16], 16) & 3) | 8).toString(16) + hex.slice(17, 20);
  return [hex.slice(0, 8), hex.slice(8, 12), version, variant, hex.slice(20)].join("-");
}

export function eventLine(ledger, furnisher, type, fields, nowMs, random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES))) {
  need(random.length === RANDOM_BYTES, `an event takes ${RANDOM_BYTES} random bytes`);
  const common = {
    v: 1,
    ledger: ledger.origin,
    furnisher,
    id: uuid7(nowMs, random.subarray(0, 10)),
    type,
    nonce: toBase64url(random.subarray(10)),
    day: dayOf(nowMs, ledger.utcOffsetMinutes),
  };
  return canonical({ ...common, ...fields });
}
