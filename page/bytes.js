// Bytes: comparison, hexadecimal, base64, UTF-8, and SHA-256 (FIPS 180-4) without waiting.
//
// WebCrypto has SHA-256 too, but each call is a promise; a tree of ten thousand statements needs
// twice as many hashes one after another, and this is then the faster way.

// What a reader refuses: a dotted code (docs/errors.md) and one sentence for a person.
class Refused extends Error {
  constructor(code, sentence) {
    super(sentence);
    this.code = code;
  }
}

function refuse(code, sentence) {
  throw new Refused(code, sentence);
}

const ASCII = new TextEncoder();
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(text) {
  return ASCII.encode(text);
}

function strictText(bytes) {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch {
    return refuse("encode.bad_utf8", "A text is not UTF-8.");
  }
}

// Below zero, zero or above zero, as the first bytes stand before, with or after the second ones.
function compareBytes(a, b) {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) {
    if (a[at] !== b[at]) return a[at] - b[at];
  }
  return a.length - b.length;
}

function sameBytes(a, b) {
  return compareBytes(a, b) === 0;
}

function joinBytes(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hex(bytes) {
  let out = "";
  for (const byte of bytes) out += HEX[byte];
  return out;
}

function fromHex(text) {
  const out = new Uint8Array(text.length / 2);
  for (let at = 0; at < out.length; at += 1) {
    out[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  }
  return out;
}

// The number of characters (code points) of a text.
function characters(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

// --- base64 --------------------------------------------------------------------------------------

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_VALUE = new Int16Array(128).fill(-1);
for (let value = 0; value < 64; value += 1) BASE64_VALUE[BASE64.charCodeAt(value)] = value;

// The bytes of a standard base64 text with padding (RFC 4648 section 4), or null: no other letter,
// no padding but at the end, and no bit set that stands for nothing. Line feeds are passed over
// when `lines` says so.
function fromBase64(text, lines = false) {
  const out = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  let letters = 0;
  let padding = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (lines && code === 10) continue;
    if (code === 61) {
      padding += 1;
      continue;
    }
    const value = code < 128 ? BASE64_VALUE[code] : -1;
    if (value < 0 || padding > 0) return null;
    letters += 1;
    bits = ((bits << 6) | value) & 0x3fff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[length] = (bits >> held) & 0xff;
      length += 1;
    }
  }
  if (padding > 2 || (letters + padding) % 4 !== 0) return null;
  if ((bits & ((1 << held) - 1)) !== 0) return null;
  return out.subarray(0, length);
}

function toBase64(bytes) {
  let out = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const three = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    out += BASE64[three >> 18] + BASE64[(three >> 12) & 63];
    out += left > 1 ? BASE64[(three >> 6) & 63] : "=";
    out += left > 2 ? BASE64[three & 63] : "=";
  }
  return out;
}

// --- SHA-256 -------------------------------------------------------------------------------------

// The first 32 bits of the fractional parts of roots of the first primes: cube roots for the
// rounds, square roots for the start. In integers, so that no rounding of this machine counts.
function rootBits(prime, degree) {
  const wanted = BigInt(prime) << BigInt(32 * degree);
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(degree) <= wanted) low = middle;
    else high = middle;
  }
  return Number(low & 0xffffffffn) | 0;
}

function firstPrimes(count) {
  const primes = [];
  for (let n = 2; primes.length < count; n += 1) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
}

const SHA_ROUNDS = Int32Array.from(firstPrimes(64), (prime) => rootBits(prime, 3));
const SHA_START = Int32Array.from(firstPrimes(8), (prime) => rootBits(prime, 2));
const SHA_W = new Int32Array(64);

function shaBlock(state, data, from) {
  const w = SHA_W;
  for (let i = 0, at = from; i < 16; i += 1, at += 4) {
    w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
  }
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15];
    const y = w[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + SHA_ROUNDS[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

const SHA_STATE = new Int32Array(8);
const SHA_TAIL = new Uint8Array(128);
const SHA_TAIL_VIEW = new DataView(SHA_TAIL.buffer);

// SHA-256 of the parts, one after another.
function sha256(...parts) {
  const data = parts.length === 1 ? parts[0] : joinBytes(...parts);
  SHA_STATE.set(SHA_START);
  const whole = data.length - (data.length % 64);
  for (let at = 0; at < whole; at += 64) shaBlock(SHA_STATE, data, at);
  const rest = data.length - whole;
  const end = rest < 56 ? 64 : 128;
  SHA_TAIL.fill(0);
  for (let at = 0; at < rest; at += 1) SHA_TAIL[at] = data[whole + at];
  SHA_TAIL[rest] = 0x80;
  SHA_TAIL_VIEW.setUint32(end - 8, Math.floor(data.length / 0x20000000));
  SHA_TAIL_VIEW.setUint32(end - 4, (data.length * 8) >>> 0);
  for (let at = 0; at < end; at += 64) shaBlock(SHA_STATE, SHA_TAIL, at);
  const out = new Uint8Array(32);
  for (let at = 0; at < 32; at += 1) out[at] = SHA_STATE[at >> 2] >>> (24 - 8 * (at & 3));
  return out;
}
