// What citizens sign with passkeys (section 2): the assertion of an event, by a passkey that an earlier event of the citizen registered.

import { Refused, base64url, concat, need, same, sha256, text, utf8 } from "./bytes.js";
import { fromDer } from "./holder.js";
import { canonical, fields, string } from "./json.js";
import { isGood } from "./note.js";

const PARTS = ["authenticator_data", "client_data", "credential", "signature"];
const PART_CHARS_MAX = 4096;
const CREDENTIAL_CHARS_MAX = 1023;
const USER_PRESENT = 1;
const ORIGIN = /^(?:https:\/\/((?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63})|http:\/\/((?:[a-z0-9-]{1,63}\.)*localhost))(?::[0-9]{1,5})?$/;

// COSE keys as authenticators write them: what stands around the numbers.
const ES256 = [[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20], [0x22, 0x58, 0x20]];
const ED25519 = [0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20];

/** The passkeys of one citizen, followed event by event in the order of the log. */
export class Passkeys {
  #keys = new Map();
  #removed = new Set();

  /** Whether the event carries an assertion, which holds; null when it is by a passkey that is not known. */
  async follow(event) {
    try {
      if (event.assertion === undefined) return false;
      const { credential, data, client, signature } = await readAssertion(event);
      if (!this.#keys.has(credential) || this.#removed.has(credential)) return null;
      const message = concat(data, await sha256(client));
      need(await isSignedBy(this.#keys.get(credential).public_key, message, signature), "the signature of the assertion is wrong");
      return true;
    } finally {
      this.#take(event);
    }
  }

  #take({ type, credential, day, public_key }) {
    if (type === "passkey_removed") this.#removed.add(credential);
    if (type !== "passkey_added") return;
    const known = this.#keys.get(credential);
    if (!known || day < known.day || (day === known.day && public_key < known.public_key)) this.#keys.set(credential, { day, public_key });
  }
}

/** The parts of an event's assertion, which are about this event and agree with each other; whose key it was remains open. */
export async function readAssertion(event) {
  const { assertion, ...bare } = event;
  fields(assertion, PARTS, "an assertion");
  const part = (name) => base64url(string(assertion[name], name, /^/, PART_CHARS_MAX));
  const [data, client, signature] = ["authenticator_data", "client_data", "signature"].map(part);
  base64url(string(assertion.credential, "credential", /^./, CREDENTIAL_CHARS_MAX));
  need(data.length >= 37 && data[32] & USER_PRESENT, "the assertion was made without its user");
  let said;
  try {
    said = JSON.parse(text(client)); // the browser's JSON, which nobody promises to be canonical
  } catch {
    throw new Refused("the client data is not JSON");
  }
  need(said?.type === "webauthn.get", "not an assertion of a passkey");
  const challenge = await sha256(utf8(canonical(bare)));
  const asked = btoa(String.fromCharCode(...challenge)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  need(said.challenge === asked, "the assertion is about something else than this event");
  need((said.crossOrigin ?? false) === false && typeof said.origin === "string", "the assertion was made in a frame of another site");
  need(await isOfOrigin(said.origin, data.subarray(0, 32)), "the assertion's relying party is not that of its origin");
  return { credential: assertion.credential, data, client, signature };
}

/** Whether the relying party is the origin's host, or a domain that it is under. */
async function isOfOrigin(origin, relyingParty) {
  const [, host, local] = ORIGIN.exec(origin) ?? [];
  const labels = (host ?? local ?? "").split(".");
  const hashes = await Promise.all(labels.map((_, n) => sha256(utf8(labels.slice(n).join(".")))));
  return labels[0] !== "" && hashes.some((hash) => same(hash, relyingParty));
}

async function isSignedBy(encoded, message, signature) {
  const key = base64url(encoded);
  const [head, middle] = ES256;
  if (key.length === 77 && same(key.subarray(0, 10), head) && same(key.subarray(42, 45), middle)) {
    const point = concat(Uint8Array.of(4), key.subarray(10, 42), key.subarray(45));
    return isGood({ name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, "raw", point, message, fromDer(signature));
  }
  need(key.length === 42 && same(key.subarray(0, 10), ED25519), "the passkey's public key is of another kind");
  return isGood("Ed25519", "raw", key.subarray(10), message, signature);
}
