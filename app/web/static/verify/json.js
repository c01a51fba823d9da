// Canonical JSON (docs/formats.md section 1): RFC 8785 with ASCII keys, strings, integers, booleans, arrays and objects only.
//
// A reader parses, writes again and compares: that refuses spaces, other orders, needless escapes, doubled keys, 1.0, 1e3 and -0.
// Below that, the forms of fields that every part of a proof uses.

import { Refused, need, text } from "./bytes.js";

const DEPTH_MAX = 32;

/** The canonical text of a value that JSON.parse has made. */
export function canonical(value, depth = 0) {
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    need(Number.isSafeInteger(value), "a number is not an integer up to 2^53 - 1");
    return String(value);
  }
  if (typeof value === "string") {
    need(value.isWellFormed(), "a text has half a surrogate pair");
    return JSON.stringify(value); // escapes exactly as RFC 8785 section 3.2.2.2
  }
  need(typeof value === "object" && value !== null, "null is no canonical JSON");
  need(depth < DEPTH_MAX, "nested too deep");
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join()}]`;
  const members = Object.keys(value).sort().map((key) => {
    need(/^[\x00-\x7f]*$/.test(key), "a key is not ASCII");
    return `${JSON.stringify(key)}:${canonical(value[key], depth + 1)}`;
  });
  return `{${members.join()}}`;
}

/** The value of canonical bytes. */
export function decode(bytes, bytesMax) {
  need(bytes.length <= bytesMax, `more than ${bytesMax} bytes`);
  const written = text(bytes);
  let value;
  try {
    value = JSON.parse(written);
  } catch {
    throw new Refused("not JSON");
  }
  need(canonical(value) === written, "not canonical JSON");
  return value;
}

/** An object with exactly these fields, and perhaps some of the optional ones. */
export function fields(value, names, what, optional = []) {
  need(typeof value === "object" && value !== null && !Array.isArray(value), `${what} is not an object`);
  const known = new Set([...names, ...optional]);
  need(names.every((name) => Object.hasOwn(value, name)) && Object.keys(value).every((name) => known.has(name)), `${what} has other fields`);
  return value;
}

export function integer(value, what, low = 0, high = Number.MAX_SAFE_INTEGER) {
  need(Number.isSafeInteger(value) && low <= value && value <= high, `${what} is not an integer of ${low} to ${high}`);
  return value;
}

export function list(value, what, countMax) {
  need(Array.isArray(value) && value.length <= countMax, `${what} is not a list of at most ${countMax}`);
  return value;
}

export function string(value, what, pattern = /^/, lengthMax = 65536) {
  need(typeof value === "string" && value.length <= lengthMax && pattern.test(value), `${what} is not as it is written`);
  return value;
}

/** A real day of 1900 to 2199, `YYYY-MM-DD`: the text itself, which compares as the day does. */
export function day(value, what = "a day") {
  string(value, what, /^(19|20|21)\d\d-\d\d-\d\d$/);
  need(isoOf(Date.parse(`${value}T00:00:00Z`)).slice(0, 10) === value, `${what} is not in the calendar`);
  return value;
}

/** POSIX seconds of `YYYY-MM-DDThh:mm:ssZ`. */
export function instant(value, what = "an instant") {
  string(value, what, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const milliseconds = Date.parse(value);
  need(isoOf(milliseconds) === value, `${what} is not in the calendar`);
  return milliseconds / 1000;
}

const isoOf = (milliseconds) => (Number.isNaN(milliseconds) ? "" : `${new Date(milliseconds).toISOString().slice(0, 19)}Z`);

/** Section 1, "citizen"; a resident number has its birth day and its ISO 7064 MOD 11-2 check character right. */
export function citizen(value) {
  if (/^uci:[1-9]\d{0,8}$/.test(value)) return value;
  const match = /^cn:(\d{6}(\d{4})(\d\d)(\d\d)\d{3})[\dX]$/.exec(value);
  need(match, "not an identifier");
  day(`${match[2]}-${match[3]}-${match[4]}`, "the birth day");
  const sum = Array.from(match[1]).reduce((total, digit) => (2 * (total + Number(digit))) % 11, 0);
  need(value.endsWith("10X98765432"[sum]), "the check character of the resident number is wrong");
  return value;
}
