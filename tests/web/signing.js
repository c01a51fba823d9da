// What the modules of static/sign make of the vectors; the same function runs in Node and in Chromium, which import them by different names.
async (given, base) => {
  const load = (name) => import(`${base}/${name}`);
  const [{ readKey }, notes, events, { makeBatch }, { canonical }] = await Promise.all(
    ["sign/key.js", "sign/note.js", "sign/event.js", "sign/batch.js", "verify/json.js"].map(load),
  );
  const key = await readKey(given.key);
  const { v, ledger, furnisher, id, type, nonce, day, ...fields } = given.events[0];
  const refused = [];
  for (const file of given.refused) {
    refused.push(await readKey(file).then(() => "taken", (error) => error.name));
  }
  return {
    vkey: key.vkey,
    extractable: key.private.extractable,
    batch: await makeBatch(key, given.origin, given.batch, given.events.map((event) => canonical(event))),
    possession: await notes.signNote(key, notes.possessionText(given.origin, key, "bank")),
    corrections: await notes.signNote(key, notes.correctionsText(given.origin, key, 7, events.instantOf(given.ms))),
    letter: await notes.signNote(key, notes.letterText(given.origin, key, given.letter, events.instantOf(given.ms))),
    audit: await notes.signNote(key, notes.auditText(given.origin, key, "case-1", events.instantOf(given.ms))),
    canonical: given.values.map((value) => canonical(value)),
    line: events.eventLine({ origin: given.origin, utcOffsetMinutes: 480 }, furnisher, type, { ...fields, day }, given.ms, Uint8Array.from(given.random)),
    day: events.dayOf(given.ms, 480),
    refused,
  };
};
