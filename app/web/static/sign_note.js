// A form for one note: signs it in this browser with the key file, then sends it like any form. The key file goes nowhere.

import { instantOf } from "./sign/event.js";
import { readKey } from "./sign/key.js";
import { auditText, letterText, signNote } from "./sign/note.js";

const TEXTS = { audit: auditText, letter: letterText };
const form = document.querySelector("form[data-note]");
const error = document.getElementById("sign-error");
form.querySelector("[data-scripted]").hidden = false;

document.getElementById("sign").addEventListener("click", async () => {
  error.hidden = true;
  try {
    const key = await readKey(await (document.getElementById("key").files[0] ?? new Blob()).text());
    const about = document.getElementById(form.dataset.about).value.trim();
    const text = TEXTS[form.dataset.note](form.dataset.origin, key, about, instantOf(Date.now()));
    document.getElementById("note").value = await signNote(key, text);
    form.submit();
  } catch (failure) {
    error.replaceChildren(`${form.dataset.refused}: `, Object.assign(document.createElement("span"), { lang: "en", textContent: failure.message }));
    error.hidden = false;
  }
});
