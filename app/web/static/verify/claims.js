// The further claims of docs/formats.md section 15. Step 2 judges the head and its age together; whose file it is comes last.

import { Passkeys } from "./assertions.js";
import { base64url, concat, hashes, hex, need, same, sha256, step, toHex, u64be, utf8, vrfProof } from "./bytes.js";
import { eventLeaf, readEvent } from "./event.js";
import { canonical, day, fields, instant, integer, list, string } from "./json.js";
import { acceptBlock, checkIdentity, readBlockPart } from "./head.js";
import { openCheckpoint } from "./policy.js";
import { SCORE_FIELDS, checkScore, checkState, readAccountPart, readScore } from "./score.js";
import { checkAbsent, checkConsistency, checkInclusion, checkSubtree, leafHash, rootOf } from "./trees.js";

const EVENTS_MAX = 100_000;
const LINE_CHARS_MAX = 8192;
export async function verifyAbsent(claim, asked) {
  const [part, key, vrf, other, siblings] = await step(1, () => {
    fields(claim, ["block", "key", "kind", "tlog", "trie", "v", "vrf"], "a proof of absence", ["leaf"]);
    need(claim.leaf === undefined || list(claim.leaf, "leaf", 2).length === 2, "leaf is a key and a value");
    const leaf = claim.leaf === undefined ? null : claim.leaf.map((each) => hex(each));
    return [readBlockPart(claim), hex(claim.key), vrfProof(claim.vrf), leaf, hashes(claim.trie, "trie")];
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
  const signed = await step(4, () => checkEvents(parts, account.values.history, facts.origin, asked.identifier));
  await step(5, () => checkScore(score, part.block));
  if (asked.identifier !== null) {
    await step(6, () => checkIdentity(part.block, facts.origin, account.key, account.vrf, asked.identifier));
  }
  return { ...facts, key: account.key, score, events: parts.length, opaque: parts.filter((each) => !each.line).length, signed };
}

/** `[salt, index, line]`, or `[salt, index, leaf hash, reason, day]` for what was destroyed. */
function readPart(item, position, all) {
  need(Array.isArray(item) && (item.length === 3 || item.length === 5), "an event of a history has three parts, or five");
  const [salt, index] = [base64url(item[0]), integer(item[1], "the index of an event")];
  need(salt.length === 32, "a salt has 32 bytes");
  need(position === 0 || all[position - 1][1] < index, "the events are not in the order of the log");
  if (item.length === 3) return { salt, index, line: utf8(string(item[2], "an event", /^/, LINE_CHARS_MAX)) };
  return { salt, index, leaf: hex(item[2]), opaque: [position, string(item[3], "a reason", /^/, 64), day(item[4])] };
}

async function checkEvents(parts, history, origin, identifier) {
  const leaves = await Promise.all(
    parts.map(async ({ salt, index, line, leaf }) => leafHash(salt, u64be(index), line ? await eventLeaf(line) : leaf)),
  );
  const opaque = toHex(await sha256(utf8(canonical(parts.filter((each) => each.opaque).map((each) => each.opaque)))));
  const made = { opaque, root: toHex(await rootOf(leaves)), size: parts.length };
  need(canonical(made) === canonical(history), "these are not exactly the events that the account was made from");
  const read = parts.map((each) => (each.line ? readEvent(each.line) : null));
  const events = read.filter((each) => each !== null);
  const citizens = new Set(events.map((event) => event.citizen));
  if (identifier !== null) citizens.add(identifier);
  need(citizens.size <= 1 && events.every((event) => event.ledger === origin), "there are events of another citizen or ledger");
  return countSigned(read, parts);
}

/** How many events a passkey of the citizen's signed. One that is not known may have been registered in an earlier part that was erased. */
async function countSigned(read, parts) {
  const passkeys = new Passkeys();
  let [signed, gone] = [0, false];
  for (const [position, event] of read.entries()) {
    const holds = event === null ? false : await passkeys.follow(event);
    need(holds !== null || gone, "an event was signed by a passkey that is not the citizen's");
    signed += holds ? 1 : 0;
    gone ||= parts[position].opaque?.[1] === "erasure";
  }
  return signed;
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
    fields(claim, ["first", "kind", "second", "v"], "a contradiction", [...places, "level"]);
    const count = places.filter((name) => Object.hasOwn(claim, name)).length;
    need(count === 3 || (count === 0 && claim.level === undefined), "index, leaves and paths are there together or not at all");
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
    const level = claim.level === undefined ? 0n : BigInt(integer(claim.level, "level", 1, 62));
    const leaves = list(claim.leaves, "leaves", 2).map((leaf) => hex(leaf));
    const paths = list(claim.paths, "paths", 2).map((path) => hashes(path, "a path"));
    need(leaves.length === 2 && paths.length === 2 && !same(leaves[0], leaves[1]), "two hashes that differ, and a path for each");
    await checkSubtree(leaves[0], level, index, first.size, paths[0], first.root);
    await checkSubtree(leaves[1], level, index, second.size, paths[1], second.root);
  });
  return { origin: first.origin };
}
