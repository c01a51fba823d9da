// The two kinds of trees: RFC 6962 (log, batches, citizen trees, key register) and the state trie (docs/formats.md section 7).

import { need, same, sha256 } from "./bytes.js";

export const EMPTY = new Uint8Array(32);
const byte = (value) => Uint8Array.of(value);

export const leafHash = (...entry) => sha256(byte(0), ...entry);
export const node = (left, right) => sha256(byte(1), left, right);
export const emptyRoot = () => sha256();

/** RFC 6962 section 2.1.1, as RFC 9162 section 2.1.3.2 verifies it. Index and size are BigInts. */
export async function checkInclusion(leaf, index, size, path, root) {
  need(index < size, "the index is outside the tree");
  let [fn, sn, hash] = [index, size - 1n, leaf];
  for (const sibling of path) {
    need(sn !== 0n, "an inclusion path has too many hashes");
    if (fn & 1n || fn === sn) {
      hash = await node(sibling, hash);
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      hash = await node(hash, sibling);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  need(sn === 0n, "an inclusion path has too few hashes");
  need(same(hash, root), "an inclusion path does not lead to the root");
}

/** The complete subtree of 2 ** level leaves with this index: the nodes of a level are the leaves of a tree of the same shape. */
export async function checkSubtree(hash, level, index, size, path, root) {
  need((index + 1n) << level <= size, "there is no such complete subtree");
  await checkInclusion(hash, index, (size + (1n << level) - 1n) >> level, path, root);
}

/** RFC 6962 section 2.1.2, as RFC 9162 section 2.1.4.2 verifies it. */
export async function checkConsistency(first, firstRoot, second, secondRoot, path) {
  need(first <= second, "the older tree is larger than the newer one");
  if (first === second || first === 0n) {
    need(path.length === 0, "a consistency path has too many hashes");
    need(same(firstRoot, first === 0n ? await emptyRoot() : secondRoot), "the roots do not agree");
    return;
  }
  const rest = [...path];
  let [fn, sn] = [first - 1n, second - 1n];
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  const start = fn === 0n ? firstRoot : rest.shift();
  need(start, "a consistency path has too few hashes");
  let [older, newer] = [start, start];
  for (const hash of rest) {
    need(sn !== 0n, "a consistency path has too many hashes");
    if (fn & 1n || fn === sn) {
      [older, newer] = [await node(hash, older), await node(hash, newer)];
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      newer = await node(newer, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  need(sn === 0n, "a consistency path has too few hashes");
  need(same(older, firstRoot) && same(newer, secondRoot), "a consistency path does not lead to the roots");
}

/** The root over leaf hashes: pairs level by level, an odd one goes up as it is. */
export async function rootOf(leaves) {
  if (leaves.length === 0) return emptyRoot();
  let level = leaves;
  while (level.length > 1) {
    const pairs = [];
    for (let i = 0; i < level.length; i += 2) pairs.push(i + 1 < level.length ? node(level[i], level[i + 1]) : level[i]);
    level = await Promise.all(pairs);
  }
  return level[0];
}

/** The root to which `path` leads, when each hash says by `l` that it is on the left. */
export async function rootFromSides(leaf, path, sides) {
  let hash = leaf;
  for (const [i, sibling] of path.entries()) hash = await (sides[i] === "l" ? node(sibling, hash) : node(hash, sibling));
  return hash;
}

const bit = (key, depth) => (key[depth >> 3] >> (7 - (depth & 7))) & 1;

/** `siblings`, root first, lead from `end` (a leaf's hash or EMPTY) at the end of the key's way to the root. */
async function checkTriePath(key, end, siblings, root) {
  need(siblings.length === 0 || !same(siblings.at(-1), EMPTY), "a trie path goes on where the subtree has one leaf");
  let hash = end;
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const pair = bit(key, depth) ? [siblings[depth], hash] : [hash, siblings[depth]];
    hash = await sha256(byte(3), ...pair);
  }
  need(same(hash, root), "the trie path does not lead to the block's state");
}

const trieLeaf = (key, value) => sha256(byte(2), key, value);

export async function checkMember(key, value, siblings, root) {
  await checkTriePath(key, await trieLeaf(key, value), siblings, root);
}

/** There is nothing under the key: its way ends at an empty child, or at `other` ([key, value]). */
export async function checkAbsent(key, other, siblings, root) {
  if (other === null) return checkTriePath(key, EMPTY, siblings, root);
  need(!same(other[0], key), "the way ends at the very key");
  const agree = siblings.every((_, depth) => bit(key, depth) === bit(other[0], depth));
  need(agree, "the other leaf is not on the key's way");
  return checkTriePath(key, await trieLeaf(...other), siblings, root);
}
