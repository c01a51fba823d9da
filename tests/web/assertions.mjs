// Judges the histories of tests/vectors/assertions.json with the browser's verifier: one JSON list of verdicts a line.
// Usage: node assertions.mjs FILE

import { readFileSync } from "node:fs";
import { Passkeys } from "../../app/web/static/verify/assertions.js";
import { Refused, utf8 } from "../../app/web/static/verify/bytes.js";
import { readEvent } from "../../app/web/static/verify/event.js";

for (const { events } of JSON.parse(readFileSync(process.argv[2], "utf8")).histories) {
  const [passkeys, verdicts] = [new Passkeys(), []];
  for (const line of events) {
    const event = readEvent(utf8(line));
    try {
      const holds = await passkeys.follow(event);
      verdicts.push(event.assertion === undefined ? "none" : holds ? "holds" : "refused");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      verdicts.push("refused");
    }
  }
  console.log(JSON.stringify(verdicts));
}
