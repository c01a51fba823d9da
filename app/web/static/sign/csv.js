// Comma-separated values (RFC 4180): quoted fields, either line end, empty lines passed over.

/** Rows of trimmed texts. */
export function parseCsv(text) {
  const rows = [];
  let row = [];
  const field = /[ \t]*(?:"((?:[^"]|"")*)"[ \t]*|([^,"\r\n]*))(,|\r\n|\n|\r|$)/y;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (!match) return []; // a quote that nobody closes
    row.push((match[1]?.replaceAll('""', '"') ?? match[2]).trim());
    if (match[3] === ",") continue;
    if (row.some(Boolean)) rows.push(row);
    row = [];
    if (match[3] === "") break;
  }
  if (row.some(Boolean)) rows.push(row);
  return rows;
}

/** A field that begins like a formula is kept from being one: spreadsheets would run it. */
function cell(value) {
  const text = String(value);
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export const toCsv = (rows) => rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
