// Bytes, texts and the one error of this verifier.
//
// Everything here refuses with `Refused` and nothing else; `step` is the number of the step of docs/formats.md that refuses (0: what
// was brought along, the policy). Encodings are strict: what would not be written the same way again is refused.

export class Refused extends Error {
  constructor(why, step = 0) {
    super(why);
    this.name = "Refused";
    this.step = step;
  }
}

export function need(condition, why) {
  if (!condition) throw new Refused(why);
}

/** Run a part of the verification; what it refuses carries the number of the step. */
export async function step(number, work) {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Refused ? new Refused(error.message, number) : error;
  }
}

export const utf8 = (text) => new TextEncoder().encode(text);

export function text(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused("not UTF-8");
  }
}

export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Lower-case hex of exactly `size` bytes. */
export function hex(value, size = 32, what = "a hash") {
  need(typeof value === "string" && value.length === 2 * size && /^[0-9a-f]*$/.test(value), `${what} is not ${size} bytes in lower-case hex`);
  return Uint8Array.from({ length: size }, (_, i) => parseInt(value.slice(2 * i, 2 * i + 2), 16));
}

/** RFC 4648 section 4, with padding. */
export function base64(value) {
  let raw = "";
  try {
    raw = atob(value);
  } catch {
    throw new Refused("not base64");
  }
  need(btoa(raw) === value, "not base64 in its one form");
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}

/** RFC 4648 section 5, without padding. */
export function base64url(value) {
  need(typeof value === "string" && /^[A-Za-z0-9_-]*$/.test(value), "not base64url without padding");
  const padded = value.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (value.length % 4)) % 4);
  return base64(padded);
}

/** A VRF proof of 80 bytes in base64url, or in the hex that proofs had before (section 10). */
export function vrfProof(value) {
  if (typeof value === "string" && value.length === 160) return hex(value, 80, "vrf");
  const raw = base64url(value);
  need(raw.length === 80, "vrf is not 80 bytes");
  return raw;
}

/** At most 256 hashes, joined, in base64url (section 15). */
export function hashes(value, what) {
  const raw = base64url(value);
  need(raw.length % 32 === 0 && raw.length <= 256 * 32, `${what} is not at most 256 hashes`);
  return Array.from({ length: raw.length / 32 }, (_, i) => raw.subarray(32 * i, 32 * i + 32));
}

/** A decimal of 0 to 2^63 - 1, without leading zeros, as a BigInt. */
export function decimal(value) {
  need(/^(0|[1-9][0-9]{0,18})$/.test(value) && BigInt(value) < 1n << 63n, "not a decimal number");
  return BigInt(value);
}

export function u64(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
}

export function u64be(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

const digest = async (name, data) => new Uint8Array(await crypto.subtle.digest(name, data));
export const sha256 = (...parts) => digest("SHA-256", concat(...parts));
export const sha512 = (...parts) => digest("SHA-512", concat(...parts));
