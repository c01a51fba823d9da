// A broken promise: a receipt whose time is over at a block (docs/formats.md sections 3 and 15).

import { decimal, hex, need, step, utf8 } from "./bytes.js";
import { fields, instant, string } from "./json.js";
import { acceptBlock, readBlockPart } from "./head.js";
import { SIGNER_FIELDS, checkMember, openSignedBy, readSigner } from "./signer.js";

const RECEIPT_BYTES_MAX = 4096;

export async function verifyOverdue(claim, asked) {
  const [part, signer, note] = await step1(claim);
  const facts = await step(2, () => acceptBlock(part, asked));
  await step(3, async () => {
    need(signer.record.role === "service", "the key is not of the bureau's service");
    await checkMember(signer, part.block);
  });
  const receipt = await step(4, async () => {
    const read = readReceipt(await openSignedBy(note, signer.record));
    need(read.origin === facts.origin, "the receipt is of another ledger");
    need(part.block.timeS > read.byS, "the time that the receipt names is not over at this block");
    return read;
  });
  return { ...facts, ...receipt, service: signer.record.name };
}

const step1 = (claim) =>
  step(1, () => {
    fields(claim, ["block", "kind", "receipt", "tlog", "v", ...SIGNER_FIELDS], "an overdue receipt");
    const note = utf8(string(claim.receipt, "the receipt"));
    need(note.length <= RECEIPT_BYTES_MAX, "the receipt is too long");
    return [readBlockPart(claim), readSigner(claim), note];
  });

function readReceipt(text) {
  const [magic, origin, batch, count, admitted, by, ...rest] = text.split("\n");
  need(magic === "credence/receipt@v1" && rest.length === 1 && rest[0] === "", "not the text of a receipt");
  hex(batch);
  const read = { origin, batch, count: Number(decimal(count)), admittedS: instant(admitted), byS: instant(by) };
  need(/^[a-z0-9./-]{1,100}$/.test(origin) && read.count >= 1 && read.count <= 65536, "the origin or count of a receipt");
  need(read.admittedS <= read.byS, "a receipt promises a block before its admission");
  return read;
}
