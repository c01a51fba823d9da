// What the scripts of pages share: what the server gave them, the named parts of a place, sentences as a list, and whether this browser can verify.

export const given = JSON.parse(document.getElementById("given").textContent);

/** The elements with `data-part`, by name. */
export const partsOf = (place) => Object.fromEntries([...place.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));

export const itemsOf = (sentences) => sentences.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence }));

/** WebCrypto's Ed25519 is there. */
export async function canVerify() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), "Ed25519", false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}
