// The form for an audit: signs the note in this browser with the key file, then sends it like any form. The key file goes nowhere.

import { readKey } from "./sign/key.js";
import { auditText, signNote } from "./sign/note.js";

const form = document.getElementById("audit");
const error = document.getElementById("sign-error");
form.querySelector("[data-scripted]").hidden = false;

document.getElementById("sign").addEventListener("click", async () => {
  error.hidden = true;
  try {
    const key = await readKey(await (document.getElementById("key").files[0] ?? new Blob()).text());
    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    const reference = document.getElementById("case").value.trim();
    document.getElementById("note").value = await signNote(key, auditText(form.dataset.origin, key, reference, now));
    form.submit();
  } catch (failure) {
    error.textContent = `${form.dataset.refused}: ${failure.message}`;
    error.hidden = false;
  }
});
