// Whom a verifier trusts: C2SP tlog-policy files, and checkpoints judged by them.
//
//     log credence.example/ledger+0ab1c2d3+AX...
//     witness w1 witness.example/one+1c2d3e4f+BF...  https://witness.example/one
//     group two-of-them all w1 w2
//     quorum two-of-them
//
// A file is octets; names are opaque. Its last line ends in a newline: without it, it may have been cut off.

import { decimal, need, same, text } from "./bytes.js";
import { COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, ED25519, openNote, parseCheckpoint, parseKey, splitNote } from "./note.js";

const BYTES_MAX = 1 << 20;
const COUNT_MAX = 64; // logs, witnesses, groups

export async function parsePolicy(bytes) {
  need(bytes.length <= BYTES_MAX, "a policy of more than 1 MiB");
  const octets = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  need(octets.endsWith("\n"), "a policy does not end in a newline; it may have been cut off");
  need(!/[\x00-\x08\x0b-\x1f\x7f]/.test(octets), "a policy has a control character");
  const policy = { logs: [], witnesses: [], groups: [], quorum: null };
  const [names, free] = [new Set(["none"]), new Set()];
  const define = (name) => {
    need(!names.has(name), "a name of a policy is defined twice, or is none");
    names.add(name);
    free.add(name);
  };
  for (const line of octets.split("\n")) {
    const [what, ...items] = line.split(/[ \t]+/).filter((item) => item);
    if (what === undefined || what.startsWith("#")) continue;
    if (what === "log" && items.length >= 1 && items.length <= 2) {
      await addKey(policy.logs, items[0], [ED25519, COSIGNATURE_MLDSA44]);
    } else if (what === "witness" && items.length >= 2 && items.length <= 3) {
      define(items[0]);
      await addKey(policy.witnesses, items[1], [COSIGNATURE_ED25519, COSIGNATURE_MLDSA44], items[0]);
    } else if (what === "group" && items.length >= 3) {
      const [name, threshold, ...members] = items;
      members.forEach((member) => need(free.delete(member), "a member of a group is not defined before, or is in two groups"));
      const count = threshold === "any" ? 1n : threshold === "all" ? BigInt(members.length) : decimal(threshold);
      need(count >= 1n && count <= members.length && policy.groups.length < COUNT_MAX, "the threshold of a group, or too many groups");
      define(name);
      policy.groups.push({ name, threshold: Number(count), members });
    } else {
      need(what === "quorum" && items.length === 1 && policy.quorum === null && names.has(items[0]), "a line of a policy cannot be read");
      policy.quorum = items[0];
    }
  }
  need(policy.quorum !== null, "a policy has no quorum line");
  return policy;
}

async function addKey(keys, vkey, types, witness) {
  const key = await parseKey(text(Uint8Array.from(vkey, (char) => char.charCodeAt(0))));
  need(types.includes(key.type), "a key of a policy is of another type than its line");
  need(keys.length < COUNT_MAX && !keys.some((other) => same(other.bytes, key.bytes)), "a key of a policy is there twice, or there are too many");
  keys.push({ ...key, witness });
}

/** Whether the witnesses of these names are a quorum. */
export function satisfied(policy, names) {
  const witnessed = new Set(names);
  for (const group of policy.groups) {
    if (group.members.filter((member) => witnessed.has(member)).length >= group.threshold) witnessed.add(group.name);
  }
  return policy.quorum === "none" || witnessed.has(policy.quorum);
}

/** The checkpoint of a note that a log of the policy has signed; with `witnesses`, also cosigned by a quorum of them. */
export async function openCheckpoint(note, policy, { witnesses = true } = {}) {
  const checkpoint = await parseCheckpoint(splitNote(note)[0]);
  const logs = policy.logs.filter((key) => key.name === checkpoint.origin);
  need(logs.length, "the policy does not know this ledger");
  const { signed } = await openNote(note, witnesses ? [...logs, ...policy.witnesses] : logs);
  need(logs.some((key) => signed.has(key)), "the ledger's key has not signed its head");
  const cosigned = [...signed].filter(([key]) => key.witness !== undefined).map(([key, time]) => ({ witness: key.witness, name: key.name, time }));
  need(!witnesses || satisfied(policy, cosigned.map((each) => each.witness)), "the cosignatures are below the policy's quorum");
  return { ...checkpoint, cosigned };
}
