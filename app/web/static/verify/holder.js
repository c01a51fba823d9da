// The holder of a range credential: an Ed25519 key that signs a text, or a passkey that signs an assertion about it (section 16).

import { Refused, base64url, concat, need, sha256, text } from "./bytes.js";
import { fields, string } from "./json.js";
import { isGood } from "./note.js";

const PART_CHARS_MAX = 4096;
const ASSERTION = ["authenticator_data", "client_data", "signature"];
const USER_PRESENT = 1;

// P-256 (SP 800-186): y^2 = x^3 - 3x + B over P
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** The key of `ed25519:...` or `es256:...`, as bytes for WebCrypto. */
export function readHolder(value) {
  const [, kind, encoded] = /^(ed25519|es256):([A-Za-z0-9_-]+)$/.exec(string(value, "holder")) ?? [];
  need(kind, "the holder is a key of another kind");
  const bytes = base64url(encoded);
  need(bytes.length === (kind === "ed25519" ? 32 : 33), "the holder's key is of another length");
  return { kind, bytes: kind === "ed25519" ? bytes : uncompressed(bytes) };
}

/** SEC 1 section 2.3.4: browsers take the long form of a point only. */
function uncompressed(bytes) {
  need(bytes[0] === 2 || bytes[0] === 3, "the passkey is no compressed point");
  const x = toNumber(bytes.subarray(1));
  const square = (((x * x - 3n) * x + B) % P + P) % P;
  let [y, base] = [1n, square]; // square^((P + 1) / 4)
  for (let exponent = (P + 1n) / 4n; exponent; exponent >>= 1n, base = (base * base) % P) if (exponent & 1n) y = (y * base) % P;
  need(x < P && (y * y) % P === square, "the passkey is no point of P-256");
  return concat(Uint8Array.of(4), bytes.subarray(1), to32(y % 2n === BigInt(bytes[0] & 1) ? y : P - y));
}

const toNumber = (bytes) => bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
const to32 = (number) => Uint8Array.from({ length: 32 }, (_, i) => Number((number >> BigInt(8 * (31 - i))) & 255n));

/** The form of a signature or of an assertion. */
export function readPresented({ signature, assertion }) {
  need((signature === undefined) !== (assertion === undefined), "either a signature or an assertion");
  const part = (value) => base64url(string(value, "a part of a signature", /^/, PART_CHARS_MAX));
  if (assertion === undefined) return { signature: part(signature) };
  fields(assertion, ASSERTION, "assertion");
  const [data, client, signed] = ASSERTION.map((name) => part(assertion[name]));
  let said;
  try {
    said = JSON.parse(text(client)); // the browser's JSON, which nobody promises to be canonical
  } catch {
    throw new Refused("the client data is not JSON");
  }
  need(said?.type === "webauthn.get" && data.length >= 37, "not an assertion of a passkey");
  return { assertion: { data, client, signed, challenge: String(said.challenge) } };
}

export async function checkHolder({ kind, bytes }, { signature, assertion }, presentation) {
  need((kind === "ed25519") === (assertion === undefined), "the signature is not of the holder's kind of key");
  if (kind === "ed25519") {
    need(await isGood("Ed25519", "raw", bytes, presentation, signature), "the holder's signature is wrong");
    return;
  }
  const challenge = await sha256(presentation);
  const asked = btoa(String.fromCharCode(...challenge)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  need(assertion.challenge === asked, "the assertion is about something else");
  need(assertion.data[32] & USER_PRESENT, "the assertion was made without its user");
  const message = concat(assertion.data, await sha256(assertion.client));
  const good = await isGood({ name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, "raw", bytes, message, fromDer(assertion.signed));
  need(good, "the signature of the assertion is wrong");
}

/** r and s, 32 bytes each, of SEQUENCE { INTEGER r, INTEGER s } in DER. */
export function fromDer(der) {
  const numbers = [];
  need(der[0] === 0x30 && der[1] === der.length - 2 && der.length <= 72, "not a DER signature");
  for (let at = 2; at < der.length; at += 2 + der[at + 1]) {
    const number = der.subarray(at + 2, at + 2 + der[at + 1]);
    const shortest = number.length && number[0] < 0x80 && (number[0] || number.length === 1 || number[1] >= 0x80);
    need(der[at] === 2 && number.length === der[at + 1] && shortest, "not a DER signature");
    numbers.push(toNumber(number));
  }
  need(numbers.length === 2 && numbers.every((number) => number < 1n << 256n), "not a DER signature");
  return concat(...numbers.map(to32));
}
