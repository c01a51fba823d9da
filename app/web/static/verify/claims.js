// The further claims of docs/formats.md section 15. Step 2 judges the head and its age together; whose file it is comes last.

import { base64, concat, decimal, hashes, hex, need, same, sha256, step, toHex, u64be, utf8, base64url } from "./bytes.js";
import { canonical, citizen, day, decode, fields, instant, integer, list, string } from "./json.js";
import { acceptBlock, checkIdentity, readBlockPart } from "./head.js";
import { ED25519, openNote, parseKey, splitNote } from "./note.js";
import { openCheckpoint } from "./policy.js";
import { SCORE_FIELDS, checkScore, checkState, readAccountPart, readScore } from "./score.js";
import { checkAbsent, checkConsistency, checkInclusion, leafHash, rootFromSides, rootOf } from "./trees.js";

const EVENTS_MAX = 100_000;
const LINE_BYTES_MAX = 8192;
const NOTE_CHARS_MAX = 65536;
const NAME = /^[a-z0-9./-]{1,100}$/;
const TYPES = new Set(
  (
    "account_opened statement payment status account_closed rent utility telecom court_debt court_debt_settled insolvency insolvency_discharged " +
    "arrears arrears_paid collection_placed collection_settled passkey_added passkey_removed consent_given consent_withdrawn inquiry answer look " +
    "refusal freeze thaw dispute_opened dispute_closed correction retraction citizen_statement erasure"
  ).split(" "),
);

/** An event's line: its common fields (section 2). What its type has beside them is the furnisher's word, bound by the hash. */
function readEvent(line) {
  const bytes = utf8(string(line, "an event", /^/, LINE_BYTES_MAX));
  const event = decode(bytes, LINE_BYTES_MAX);
  fields(event, ["v", "ledger", "furnisher", "id", "type", "citizen", "nonce", "day"], "an event", Object.keys(event));
  need(event.v === 1 && TYPES.has(event.type), "an event of an unknown version or type");
  string(event.furnisher, "the furnisher of an event", NAME);
  string(event.id, "the id of an event", /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  need(base64url(event.nonce).length === 32, "the nonce of an event has 32 bytes");
  citizen(event.citizen);
  day(event.day);
  return { ...event, bytes };
}

const eventLeaf = async (bytes) => leafHash(Uint8Array.of(1), await sha256(bytes));

export async function verifyAbsent(claim, asked) {
  const [part, key, vrf, other, siblings] = await step(1, () => {
    fields(claim, ["block", "key", "kind", "tlog", "trie", "v", "vrf"], "a proof of absence", ["leaf"]);
    need(claim.leaf === undefined || list(claim.leaf, "leaf", 2).length === 2, "leaf is a key and a value");
    const leaf = claim.leaf === undefined ? null : claim.leaf.map((each) => hex(each));
    return [readBlockPart(claim), hex(claim.key), hex(claim.vrf, 80, "vrf"), leaf, hashes(claim.trie, "trie")];
  });
  const facts = await step(2, () => acceptBlock(part, asked));
  await step(3, () => checkAbsent(key, other, siblings, part.block.state));
  if (asked.identifier !== null) await step(4, () => checkIdentity(part.block, facts.origin, key, vrf, asked.identifier));
  return { ...facts, key };
}

export async function verifyHistory(claim, asked) {
  const [part, account, score, parts] = await step(1, () => {
    fields(claim, [...SCORE_FIELDS, "events"], "a history");
    const read = readAccountPart(claim);
    need(read.values.history, "the history is not shown");
    return [readBlockPart(claim), read, readScore(read.values.score), list(claim.events, "events", EVENTS_MAX).map(readPart)];
  });
  const facts = await step(2, () => acceptBlock(part, asked));
  await step(3, () => checkState(account, part.block));
  await step(4, () => checkEvents(parts, account.values.history, facts.origin, asked.identifier));
  await step(5, () => checkScore(score, part.block));
  if (asked.identifier !== null) {
    await step(6, () => checkIdentity(part.block, facts.origin, account.key, account.vrf, asked.identifier));
  }
  return { ...facts, key: account.key, score, events: parts.length, opaque: parts.filter((each) => !each.event).length };
}

/** `[salt, index, line]`, or `[salt, index, leaf hash, reason, day]` for what was destroyed. */
function readPart(item, position, all) {
  need(Array.isArray(item) && (item.length === 3 || item.length === 5), "an event of a history has three parts, or five");
  const [salt, index] = [base64url(item[0]), integer(item[1], "the index of an event")];
  need(salt.length === 32, "a salt has 32 bytes");
  need(position === 0 || all[position - 1][1] < index, "the events are not in the order of the log");
  if (item.length === 3) return { salt, index, event: readEvent(item[2]) };
  return { salt, index, leaf: hex(item[2]), opaque: [position, string(item[3], "a reason", /^/, 64), day(item[4])] };
}

async function checkEvents(parts, history, origin, identifier) {
  const leaves = await Promise.all(
    parts.map(async ({ salt, index, event, leaf }) => leafHash(salt, u64be(index), event ? await eventLeaf(event.bytes) : leaf)),
  );
  const opaque = toHex(await sha256(utf8(canonical(parts.filter((each) => each.opaque).map((each) => each.opaque)))));
  const made = { opaque, root: toHex(await rootOf(leaves)), size: parts.length };
  need(canonical(made) === canonical(history), "these are not exactly the events that the account was made from");
  const events = parts.flatMap((each) => each.event ?? []);
  const citizens = new Set(events.map((event) => event.citizen));
  if (identifier !== null) citizens.add(identifier);
  need(citizens.size <= 1 && events.every((event) => event.ledger === origin), "there are events of another citizen or ledger");
}

export async function verifyEvent(claim, asked) {
  const paths = ["batch_entry_path", "batch_path", "path", "signer_path"];
  const [part, event, sides] = await step(1, () => {
    const names = ["block", "event", "index", "kind", "note", "position", "signer", "signer_sides", "tlog", "v"];
    fields(claim, [...names, ...paths], "an event's proof");
    integer(claim.index, "index", 1);
    integer(claim.position, "position", 0, Math.min(claim.index - 1, 65535));
    const ways = Object.fromEntries(paths.map((name) => [name, hashes(claim[name], name)]));
    string(claim.signer_sides, "signer_sides", /^[lr]*$/);
    need(claim.signer_sides.length === ways.signer_path.length, "signer_sides says l or r for each hash");
    string(claim.note, "note", /^/, NOTE_CHARS_MAX);
    readSigner(claim.signer);
    return [readBlockPart(claim), readEvent(claim.event), ways];
  });
  const facts = await step(2, () => acceptBlock(part, asked));
  const { index, position, signer } = claim;
  const batchIndex = index - position - 1;
  await step(3, async () => {
    const root = await rootFromSides(await leafHash(utf8(canonical(signer))), sides.signer_path, claim.signer_sides);
    need(same(root, part.block.keys), "the key is not in the block's register");
    need(signer.from < batchIndex && batchIndex < signer.to, "the key was not valid where the batch stands in the log");
  });
  const leaf = await eventLeaf(event.bytes);
  const noteHash = await step(4, async () => {
    const batch = await readBatch(utf8(claim.note), signer);
    need(batch.origin === facts.origin && batch.furnisher === signer.name, "the batch is of another ledger or furnisher");
    need(event.ledger === batch.origin && event.furnisher === batch.furnisher, "the event is of another ledger or furnisher than its batch");
    await checkInclusion(leaf, BigInt(position), batch.count, sides.batch_path, batch.root);
    return sha256(utf8(batch.text));
  });
  await step(5, async () => {
    await checkInclusion(leaf, BigInt(index), facts.size, sides.path, facts.root);
    await checkInclusion(await leafHash(Uint8Array.of(2), noteHash), BigInt(batchIndex), facts.size, sides.batch_entry_path, facts.root);
  });
  return { ...facts, index, furnisher: event.furnisher, type: event.type, eventDay: event.day };
}

/** The record of a key (section 5, "The register"). */
function readSigner(record) {
  fields(record, ["from", "name", "role", "to", "vkey"], "signer");
  ["name", "role", "vkey"].forEach((name) => string(record[name], `signer.${name}`));
  ["from", "to"].forEach((name) => integer(record[name], `signer.${name}`));
}

/** A batch's note (section 3), signed by the key and by nobody else. */
async function readBatch(note, signer) {
  const key = await parseKey(signer.vkey);
  need(key.type === ED25519 && splitNote(note)[2] === 1, "a batch note has one signature, of type 0x01");
  const opened = await openNote(note, [key]);
  const [magic, origin, furnisher, batch, count, root, ...rest] = opened.text.split("\n");
  need(magic === "credence/batch@v1" && rest.length === 1 && rest[0] === "", "not the text of a batch note");
  need(NAME.test(origin) && NAME.test(furnisher) && /^[A-Za-z0-9._-]{1,64}$/.test(batch), "the names of a batch note");
  const read = { text: opened.text, origin, furnisher, count: decimal(count), root: base64(root) };
  need(read.count >= 1n && read.count <= 65536n && read.root.length === 32, "the count or root of a batch note");
  return read;
}

export async function verifyErasure(claim, asked) {
  const [part, path] = await step(1, () => {
    fields(claim, ["block", "index", "kind", "notice", "path", "tlog", "v"], "a proof of erasure");
    integer(claim.index, "index");
    readDestroyed(claim.notice);
    return [readBlockPart(claim), hashes(claim.path, "path")];
  });
  const { notice, index } = claim;
  const facts = await step(2, () => acceptBlock(part, asked));
  const entry = concat(Uint8Array.of(4), utf8(canonical(notice)));
  await step(3, async () => checkInclusion(await leafHash(entry), BigInt(index), facts.size, path, facts.root));
  return { ...facts, index, entries: notice.entries.length, reason: notice.reason, noticeTimeS: instant(notice.time) };
}

/** The notice `destroyed` of section 5. */
function readDestroyed(notice) {
  fields(notice, ["entries", "notice", "reason", "time", "v"], "the notice");
  need(notice.v === 1 && notice.notice === "destroyed", "the notice is of another kind");
  need(["retention", "erasure"].includes(notice.reason), "the notice has an unknown reason");
  instant(notice.time);
  const entries = list(notice.entries, "entries", 1500);
  need(entries.length && entries.every((entry, i) => integer(entry, "an entry") > (entries[i - 1] ?? -1)), "the entries do not ascend");
}

export async function verifyConsistency(claim, asked) {
  const [notes, path] = await step(1, () => {
    fields(claim, ["hashes", "kind", "new", "old", "v"], "a proof of consistency");
    return [[claim.old, claim.new].map((note) => utf8(string(note, "a checkpoint"))), hashes(claim.hashes, "hashes")];
  });
  const [older, newer] = await step(2, async () => {
    const opened = [await openCheckpoint(notes[0], asked.policy, { witnesses: false }), await openCheckpoint(notes[1], asked.policy)];
    need(opened[0].origin === opened[1].origin, "the two heads are of different ledgers");
    return opened;
  });
  await step(3, () => checkConsistency(older.size, older.root, newer.size, newer.root, path));
  return { origin: newer.origin, oldSize: older.size, newSize: newer.size };
}

export async function verifyContradiction(claim, asked) {
  const places = ["index", "leaves", "paths"];
  const notes = await step(1, () => {
    fields(claim, ["first", "kind", "second", "v"], "a contradiction", places);
    const count = places.filter((name) => Object.hasOwn(claim, name)).length;
    need(count === 0 || count === 3, "index, leaves and paths are there together or not at all");
    return [claim.first, claim.second].map((note) => utf8(string(note, "a checkpoint")));
  });
  const [first, second] = await step(2, async () => {
    const opened = [];
    for (const note of notes) opened.push(await openCheckpoint(note, asked.policy, { witnesses: false }));
    need(opened[0].origin === opened[1].origin, "the two heads are of different ledgers");
    return opened;
  });
  await step(3, async () => {
    if (claim.index === undefined) {
      need(first.size === second.size && !same(first.root, second.root), "the two heads do not contradict each other by themselves");
      return;
    }
    const index = BigInt(integer(claim.index, "index"));
    const leaves = list(claim.leaves, "leaves", 2).map((leaf) => hex(leaf));
    const paths = list(claim.paths, "paths", 2).map((path) => hashes(path, "a path"));
    need(leaves.length === 2 && paths.length === 2 && !same(leaves[0], leaves[1]), "two leaves that differ, and a path for each");
    await checkInclusion(leaves[0], index, first.size, paths[0], first.root);
    await checkInclusion(leaves[1], index, second.size, paths[1], second.root);
  });
  return { origin: first.origin };
}
