// One event: its furnisher signed it, and it is in the ledger at its place (docs/formats.md sections 2, 3 and 15).

import { readAssertion } from "./assertions.js";
import { base64, base64url, decimal, hashes, need, sha256, step, utf8 } from "./bytes.js";
import { citizen, day, decode, fields, integer, string } from "./json.js";
import { checkFiled, readFiled } from "./filed.js";
import { acceptBlock, readBlockPart } from "./head.js";
import { SIGNER_FIELDS, checkSigner, openSignedBy, readSigner } from "./signer.js";
import { checkInclusion, leafHash } from "./trees.js";

const LINE_BYTES_MAX = 8192;
const NOTE_CHARS_MAX = 65536;
export const NAME = /^[a-z0-9./-]{1,100}$/;
const TYPES = new Set(
  (
    "account_opened statement payment status account_closed rent utility telecom court_debt court_debt_settled insolvency insolvency_discharged " +
    "arrears arrears_paid collection_placed collection_settled passkey_added passkey_removed consent_given consent_withdrawn inquiry answer look " +
    "refusal freeze thaw dispute_opened dispute_closed correction retraction citizen_statement erasure"
  ).split(" "),
);

/** An event's line: its common fields (section 2). What its type has beside them is the furnisher's word, bound by the hash. */
export function readEvent(bytes) {
  const event = decode(bytes, LINE_BYTES_MAX);
  fields(event, ["v", "ledger", "furnisher", "id", "type", "citizen", "nonce", "day"], "an event", Object.keys(event));
  need(event.v === 1 && TYPES.has(event.type), "an event of an unknown version or type");
  string(event.furnisher, "the furnisher of an event", NAME);
  string(event.id, "the id of an event", /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  need(base64url(event.nonce).length === 32, "the nonce of an event has 32 bytes");
  citizen(event.citizen);
  day(event.day);
  return event;
}

export const eventLeaf = async (bytes) => leafHash(Uint8Array.of(1), await sha256(bytes));

export async function verifyEvent(claim, asked) {
  const paths = ["batch_entry_path", "batch_path", "path"];
  const [part, event, ways, signer, filed] = await step(1, () => {
    const names = ["block", "event", "index", "kind", "note", "position", "tlog", "v"];
    fields(claim, [...names, ...paths, ...SIGNER_FIELDS], "an event's proof", ["filed"]);
    integer(claim.index, "index", 1);
    integer(claim.position, "position", 0, Math.min(claim.index - 1, 65535));
    const ways = Object.fromEntries(paths.map((name) => [name, hashes(claim[name], name)]));
    string(claim.note, "note", /^/, NOTE_CHARS_MAX);
    return [readBlockPart(claim), readEvent(utf8(string(claim.event, "event"))), ways, readSigner(claim), claim.filed === undefined ? null : readFiled(claim.filed)];
  });
  const facts = await step(2, () => acceptBlock(part, asked));
  const { index, position } = claim;
  const batchIndex = index - position - 1;
  await step(3, () => checkSigner(signer, part.block, batchIndex));
  const leaf = await eventLeaf(utf8(claim.event));
  const noteHash = await step(4, async () => {
    const batch = await readBatch(utf8(claim.note), signer.record);
    need(batch.origin === facts.origin && batch.furnisher === signer.record.name, "the batch is of another ledger or furnisher");
    need(event.ledger === batch.origin && event.furnisher === batch.furnisher, "the event is of another ledger or furnisher than its batch");
    await checkInclusion(leaf, BigInt(position), batch.count, ways.batch_path, batch.root);
    if (event.assertion !== undefined) await readAssertion(event);
    return sha256(utf8(batch.text));
  });
  await step(5, async () => {
    await checkInclusion(leaf, BigInt(index), facts.size, ways.path, facts.root);
    await checkInclusion(await leafHash(Uint8Array.of(2), noteHash), BigInt(batchIndex), facts.size, ways.batch_entry_path, facts.root);
  });
  await step(6, async () => {
    need(asked.identifier === null || event.citizen === asked.identifier, "the event is about another citizen than the identifier's");
    if (filed) await checkFiled(filed, part.block, facts.origin, event, index, leaf);
  });
  const place = filed ? { filePosition: filed.position, fileSize: filed.size } : {};
  return { ...facts, ...place, index, furnisher: event.furnisher, type: event.type, eventDay: event.day, signed: event.assertion !== undefined };
}

/** A batch's note (section 3), signed by the key and by nobody else. */
async function readBatch(note, signer) {
  const noteText = await openSignedBy(note, signer);
  const [magic, origin, furnisher, batch, count, root, ...rest] = noteText.split("\n");
  need(magic === "credence/batch@v1" && rest.length === 1 && rest[0] === "", "not the text of a batch note");
  need(NAME.test(origin) && NAME.test(furnisher) && /^[A-Za-z0-9._-]{1,64}$/.test(batch), "the names of a batch note");
  const read = { text: noteText, origin, furnisher, count: decimal(count), root: base64(root) };
  need(read.count >= 1n && read.count <= 65536n && read.root.length === 32, "the count or root of a batch note");
  return read;
}
