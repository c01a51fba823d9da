// A ZIP archive without compression (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16): proofs are mostly hashes and would not shrink.
//
//     zip([["results.csv", "..."], ["proofs/2.proof", bytes]])     // a Blob
//
// Up to 65,535 files and 4 GiB. Days and hours are left at the format's first moment, so the same files make the same archive.

import { need, utf8 } from "../verify/bytes.js";

const TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 as in ISO 3309. */
export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Little-endian fields: pairs of a value and its size in bytes. */
function record(...fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

const DAY = 0x21; // 1 January 1980
const UTF8_NAMES = 0x0800;

export function zip(files) {
  need(files.length < 65_536, "an archive has at most 65,535 files");
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [name, content] of files) {
    const [path, data] = [utf8(name), typeof content === "string" ? utf8(content) : content];
    const common = [[20, 2], [UTF8_NAMES, 2], [0, 2], [0, 2], [DAY, 2], [crc32(data), 4], [data.length, 4], [data.length, 4], [path.length, 2], [0, 2]];
    const head = record([0x04034b50, 4], ...common);
    directory.push(record([0x02014b50, 4], [20, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]), path);
    parts.push(head, path, data);
    at += head.length + path.length + data.length;
  }
  const size = directory.reduce((sum, each) => sum + each.length, 0);
  const end = record([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [at, 4], [0, 2]);
  need(at + size < 2 ** 32, "an archive of more than 4 GiB");
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
