// A private key file, as `credence keys new` writes it (docs/formats.md section 5; the form is that of golang.org/x/mod/sumdb/note):
//
//     PRIVATE+KEY+bank.example/cards+3bcab106+AQQdYnu9ggrdzFzx9FtarXGHC323GDcWeUu9x4ixj6MZgG
//
// is name, key id in hex, and base64(type || seed). The file is read here and goes nowhere: what is kept of it is a key of WebCrypto that
// cannot be read out again, for as long as the page is open.
//
//     const key = await readKey(await file.text());     // { name, id, vkey, private }

import { Refused, base64, base64url, concat, need, sha256, toHex, utf8 } from "../verify/bytes.js";
import { ED25519 } from "../verify/note.js";

export const KEY_BYTES_MAX = 4096;
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20); // RFC 8410 section 7, before the seed

export const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
export const toBase64url = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export async function readKey(file) {
  const [, name, id, material] = /^PRIVATE\+KEY\+([a-z0-9.\-/]{1,100})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\s*$/.exec(file) ?? [];
  need(name, "not a private key file: it is one line that begins with PRIVATE+KEY+");
  const raw = base64(material);
  need(raw[0] === ED25519 && raw.length === 33, "a key of another type than Ed25519");
  const seed = concat(PKCS8, raw.subarray(1));
  const typed = concat(Uint8Array.of(ED25519), await publicOf(seed));
  need(toHex((await sha256(utf8(`${name}\n`), typed)).subarray(0, 4)) === id, "the key id is not that of the key: was the file changed?");
  const held = await crypto.subtle.importKey("pkcs8", seed, "Ed25519", false, ["sign"]);
  seed.fill(0);
  raw.fill(0);
  return { name, id, vkey: `${name}+${id}+${toBase64(typed)}`, private: held };
}

async function publicOf(pkcs8) {
  try {
    const readable = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
    return base64url((await crypto.subtle.exportKey("jwk", readable)).x);
  } catch (error) {
    throw error.name === "NotSupportedError" ? new Refused("this browser cannot sign with Ed25519: use the command line, or a newer browser") : error;
  }
}
