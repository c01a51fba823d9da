// Passkeys: asks the browser's authenticator, puts its answer into the form, and sends the form. Nothing is fetched.
//
//   <form data-passkey="sign" data-challenges='["..."]' data-credentials='["..."]' data-relying-party="...">  one answer for each challenge
//   <form data-passkey="enter" data-challenges='["..."]' data-relying-party="...">                          whichever passkey the person chooses
//   <form data-passkey="register" data-options='{...}'>                                                     a new one (WebAuthn's creation options)
//
// Each has a hidden field `answer`. What goes wrong is said by the element [data-says="none|cancelled|known"] beside it.
// Source: WebAuthn level 3 sections 5.1, 5.4, 5.5.

const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const keyOf = (id) => ({ type: "public-key", id: toBytes(id) });

function get(challenge, form) {
  const allowed = JSON.parse(form.dataset.credentials ?? "[]").map(keyOf);
  const asked = { challenge: toBytes(challenge), rpId: form.dataset.relyingParty, allowCredentials: allowed, userVerification: "required" };
  return navigator.credentials.get({ publicKey: asked });
}

const WAYS = {
  async sign(form) {
    const answers = [];
    for (const challenge of JSON.parse(form.dataset.challenges)) {
      const { rawId, response } = await get(challenge, form);
      answers.push({
        authenticator_data: toText(response.authenticatorData),
        client_data: toText(response.clientDataJSON),
        credential: toText(rawId),
        signature: toText(response.signature),
      });
    }
    return answers;
  },

  async enter(form) {
    const { rawId, response } = await get(JSON.parse(form.dataset.challenges)[0], form);
    const parts = { authenticatorData: response.authenticatorData, clientDataJSON: response.clientDataJSON, signature: response.signature };
    const texts = Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, toText(value)]));
    texts.userHandle = response.userHandle ? toText(response.userHandle) : "";
    return { id: toText(rawId), rawId: toText(rawId), type: "public-key", response: texts };
  },

  async register(form) {
    const options = JSON.parse(form.dataset.options);
    options.challenge = toBytes(options.challenge);
    options.user.id = toBytes(options.user.id);
    options.excludeCredentials = (options.excludeCredentials ?? []).map((each) => keyOf(each.id));
    const { rawId, response } = await navigator.credentials.create({ publicKey: options });
    const texts = { attestationObject: toText(response.attestationObject), clientDataJSON: toText(response.clientDataJSON) };
    return { id: toText(rawId), rawId: toText(rawId), type: "public-key", response: texts };
  },
};

function say(form, what) {
  for (const each of document.querySelectorAll("[data-says]")) each.hidden = each.dataset.says !== what;
  document.querySelector(`[data-says="${what}"]`)?.focus();
  form.querySelector("button").disabled = false;
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!globalThis.PublicKeyCredential) return say(form, "none");
    form.querySelector("button").disabled = true; // one question at a time
    try {
      form.elements.answer.value = JSON.stringify(await WAYS[form.dataset.passkey](form));
    } catch (error) {
      return say(form, error.name === "InvalidStateError" ? "known" : "cancelled");
    }
    form.submit();
  });
}
