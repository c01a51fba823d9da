// signing.js in Node: one JSON object in, one out.
import { readFileSync } from "node:fs";

const source = readFileSync(new URL("signing.js", import.meta.url), "utf8").replace(/^\/\/.*$/gm, "").trim().replace(/;$/, "");
const base = new URL("../../app/web/static", import.meta.url).href;
const work = eval(source);
console.log(JSON.stringify(await work(JSON.parse(readFileSync(0, "utf8")), base)));
