// The form for a letter: signs the note in this browser with the key file, then sends it like any form. The key file goes nowhere.

import { readKey } from "./sign/key.js";
import { letterText, signNote } from "./sign/note.js";

const form = document.getElementById("letter");
const error = document.getElementById("sign-error");
form.querySelector("[data-scripted]").hidden = false;

document.getElementById("sign").addEventListener("click", async () => {
  error.hidden = true;
  try {
    const key = await readKey(await (document.getElementById("key").files[0] ?? new Blob()).text());
    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    const answer = document.getElementById("answer").value.trim();
    document.getElementById("note").value = await signNote(key, letterText(form.dataset.origin, key, answer, now));
    form.submit();
  } catch (failure) {
    error.textContent = `${form.dataset.refused}: ${failure.message}`;
    error.hidden = false;
  }
});
