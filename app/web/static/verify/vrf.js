// ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381, suite 3): verification only. All that it sees is public, so nothing is constant-time.
//
// WebCrypto has no point arithmetic, so this is edwards25519 over BigInt: extended coordinates [X, Y, Z, T] with x = X/Z, y = Y/Z,
// T = XY/Z (Hisil, Wong, Carter, Dawson 2008), and two scalars at once in windows of four bits.

import { concat, need, same, sha512 } from "./bytes.js";

const P = (1n << 255n) - 19n;
const LOW = (1n << 255n) - 1n;
const Q = (1n << 252n) + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const D2 = (2n * D) % P;
const ROOT_OF_MINUS_1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;
const IDENTITY = [0n, 1n, 1n, 0n];

/** Below 2^256 and equal modulo P, for products of two such numbers: 2^255 is 19. */
function fold(x) {
  const once = (x & LOW) + 19n * (x >> 255n);
  return (once & LOW) + 19n * (once >> 255n);
}
const mul = (a, b) => fold(a * b);
const full = (x) => ((x % P) + P) % P;

function squares(x, count) {
  for (; count > 0; count--) x = mul(x, x);
  return x;
}

/** x^(2^250 - 1) and x^11, from which the two exponents are near. */
function powers(x) {
  const x9 = mul(squares(x, 3), x);
  const x11 = mul(x9, squares(x, 1));
  const x5 = mul(squares(x11, 1), x9); // 2^5 - 1
  const x10 = mul(squares(x5, 5), x5);
  const x20 = mul(squares(x10, 10), x10);
  const x50 = mul(squares(mul(squares(x20, 20), x20), 10), x10);
  const x100 = mul(squares(x50, 50), x50);
  return [mul(squares(mul(squares(x100, 100), x100), 50), x50), x11];
}

function inverse(x) {
  const [x250, x11] = powers(x);
  return mul(squares(x250, 5), x11); // 2^255 - 21 = P - 2
}

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mul(y1 - x1 + P + P, y2 - x2 + P + P);
  const b = mul(y1 + x1, y2 + x2);
  const c = mul(mul(t1, D2), t2);
  const d = mul(2n * z1, z2);
  const [e, f, g, h] = [b - a + P + P, d - c + P + P, d + c, b + a];
  return [mul(e, f), mul(g, h), mul(f, g), mul(e, h)];
}

function double([x, y, z]) {
  const [a, b, c] = [mul(x, x), mul(y, y), 2n * mul(z, z)];
  const h = a + b;
  const e = h - mul(x + y, x + y) + P + P;
  const g = a - b + P + P;
  const f = c + g;
  return [mul(e, f), mul(g, h), mul(f, g), mul(e, h)];
}

const negate = ([x, y, z, t]) => [P + P - x, y, z, P + P - t];
const times8 = (point) => double(double(double(point)));
const isIdentity = ([x, y, z]) => full(x) === 0n && full(y - z) === 0n;

function multiples(point) {
  const table = [IDENTITY, point];
  while (table.length < 16) table.push(add(table.at(-1), point));
  return table;
}

/** a A + b B, of the tables of A and B. */
function sumOfProducts(a, tableA, b, tableB) {
  let total = IDENTITY;
  for (let shift = 252n; shift >= 0n; shift -= 4n) {
    if (total !== IDENTITY) total = double(double(double(double(total))));
    const [i, j] = [Number((a >> shift) & 15n), Number((b >> shift) & 15n)];
    if (i) total = add(total, tableA[i]);
    if (j) total = add(total, tableB[j]);
  }
  return total;
}

function littleEndian(bytes) {
  let digits = "";
  for (let i = bytes.length - 1; i >= 0; i--) digits += bytes[i].toString(16).padStart(2, "0");
  return BigInt(`0x${digits}`);
}

/** RFC 8032 section 5.1.3; null for what is no point. */
function decompress(bytes) {
  const number = littleEndian(bytes);
  const [sign, y] = [number >> 255n, number & LOW];
  if (y >= P) return null;
  const [u, v] = [mul(y, y) + P - 1n, mul(D, mul(y, y)) + 1n];
  const v3 = mul(mul(v, v), v);
  const uv7 = mul(mul(mul(v3, v3), v), fold(u));
  let x = mul(mul(fold(u), v3), mul(squares(powers(uv7)[0], 2), uv7)); // u v^3 (u v^7)^((P - 5) / 8)
  if (full(mul(v, mul(x, x)) - u) !== 0n) x = mul(x, ROOT_OF_MINUS_1);
  if (full(mul(v, mul(x, x)) - u) !== 0n) return null;
  x = full(x);
  if (x === 0n && sign) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mul(x, y)];
}

function compress([x, y, z]) {
  const inverted = inverse(z);
  let number = full(mul(y, inverted)) | ((full(mul(x, inverted)) & 1n) << 255n);
  return Uint8Array.from({ length: 32 }, () => {
    const byte = Number(number & 255n);
    number >>= 8n;
    return byte;
  });
}

const BASE = multiples(decompress(Uint8Array.from({ length: 32 }, (_, i) => (i ? 0x66 : 0x58))));
const SUITE = 3;

/** RFC 9381 section 5.4.1.1: try and increment. */
async function encodeToCurve(salt, alpha) {
  for (let attempt = 0; attempt < 256; attempt++) {
    const digest = await sha512(Uint8Array.of(SUITE, 1), salt, alpha, Uint8Array.of(attempt, 0));
    const point = decompress(digest.subarray(0, 32));
    const found = point && times8(point);
    if (found && !isIdentity(found)) return found;
  }
  return need(false, "no point for this identifier");
}

/** RFC 9381 section 5.3, with the key validated: the 64 bytes of output. */
export async function vrfOutput(publicKey, alpha, proof) {
  const [key, gamma] = [decompress(publicKey), decompress(proof.subarray(0, 32))];
  const [c, s] = [littleEndian(proof.subarray(32, 48)), littleEndian(proof.subarray(48, 80))];
  need(key && !isIdentity(times8(key)), "the block's VRF key is not valid");
  need(gamma && s < Q, "the VRF proof is not well-formed");
  const point = await encodeToCurve(publicKey, alpha);
  const u = sumOfProducts(s, BASE, c, multiples(negate(key)));
  const v = sumOfProducts(s, multiples(point), c, multiples(negate(gamma)));
  const points = concat(publicKey, compress(point), proof.subarray(0, 32), compress(u), compress(v));
  const challenge = await sha512(Uint8Array.of(SUITE, 2), points, Uint8Array.of(0));
  need(same(challenge.subarray(0, 16), proof.subarray(32, 48)), "the VRF proof is not of this identifier");
  return sha512(Uint8Array.of(SUITE, 3), compress(times8(gamma)), Uint8Array.of(0));
}
