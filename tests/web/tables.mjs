// sign/csv.js in Node: {"texts": [...], "tables": [...]} in, what they are parsed to and written as out.
import { readFileSync } from "node:fs";
import { parseCsv, toCsv } from "../../app/web/static/sign/csv.js";

const given = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify({ parsed: given.texts.map(parseCsv), written: given.tables.map(toCsv) }));
