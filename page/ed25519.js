// Ed25519 under the one rule of docs/protocol.md section 3.1. The browser's WebCrypto checks the
// equation; what browsers do not agree about (points of small order, encodings that are not
// canonical, the range of S) is refused here before WebCrypto is asked.

const FIELD_PRIME = 2n ** 255n - 19n;
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function modulo(value) {
  const rest = value % FIELD_PRIME;
  return rest < 0n ? rest + FIELD_PRIME : rest;
}

function power(base, exponent) {
  let out = 1n;
  let square = modulo(base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) out = modulo(out * square);
    square = modulo(square * square);
  }
  return out;
}

function inverse(value) {
  return power(value, FIELD_PRIME - 2n);
}

const CURVE_D = modulo(-121665n * inverse(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (FIELD_PRIME - 1n) / 4n);

function squareRoot(value) {
  let root = power(value, (FIELD_PRIME + 3n) / 8n);
  if (modulo(root * root) !== value) root = modulo(root * ROOT_OF_MINUS_ONE);
  return modulo(root * root) === value ? root : null;
}

function yOf(encoded) {
  return BigInt(`0x${hex(Uint8Array.from(encoded).reverse())}`) & (2n ** 255n - 1n);
}

// The x of a point of this y with this lowest bit (RFC 8032 section 5.1.3), or null.
function recoverX(y, sign) {
  const x = squareRoot(modulo((y * y - 1n) * inverse(CURVE_D * y * y + 1n)));
  if (x === null || (x === 0n && sign === 1n)) return null;
  return (x & 1n) === sign ? x : FIELD_PRIME - x;
}

// Points in extended coordinates (RFC 8032 section 5.1.4).
function addPoints([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = modulo((y1 - x1) * (y2 - x2));
  const b = modulo((y1 + x1) * (y2 + x2));
  const c = modulo(2n * t1 * t2 * CURVE_D);
  const d = modulo(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [modulo(e * f), modulo(g * h), modulo(f * g), modulo(e * h)];
}

function multiplyPoint(scalar, point) {
  let out = [0n, 1n, 1n, 0n];
  let doubled = point;
  for (let left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) out = addPoints(out, doubled);
    doubled = addPoints(doubled, doubled);
  }
  return out;
}

// The y of the eight points of small order: 1, -1, 0 (order 1, 2, 4) and two of order 8. With y
// and y + p, when that fits into 255 bits, every encoding of such a point is among them.
const ORDER_EIGHT_Y = (() => {
  // Doubling (x, y) gives y' = (y^2 + x^2) / (1 - d x^2 y^2), which is 0 where x^2 = -y^2. With the
  // curve's equation y^2 - x^2 = 1 + d x^2 y^2 that is d y^4 + 2 y^2 - 1 = 0.
  const root = squareRoot(modulo(1n + CURVE_D));
  const ys = [root, -root].map((each) => squareRoot(modulo((each - 1n) * inverse(CURVE_D))));
  const y = ys.find((each) => each !== null);
  return [y, FIELD_PRIME - y];
})();

const SMALL_ORDER_Y = new Set([0n, 1n, FIELD_PRIME - 1n, ...ORDER_EIGHT_Y]);

function isSmallOrder(encoded) {
  return SMALL_ORDER_Y.has(yOf(encoded) % FIELD_PRIME);
}

function isCanonical(encoded) {
  return yOf(encoded) < FIELD_PRIME;
}

// What is wrong with a key that is to be enrolled, as a code, or "".
const ENROLLED = new Map();

function keyFault(key) {
  if (key.length !== 32) return "key.length";
  const name = hex(key);
  if (!ENROLLED.has(name)) ENROLLED.set(name, judgeKey(key));
  return ENROLLED.get(name);
}

function judgeKey(key) {
  if (isSmallOrder(key)) return "key.small_order";
  if (!isCanonical(key)) return "key.noncanonical";
  const y = yOf(key);
  const x = recoverX(y, BigInt(key[31] >> 7));
  if (x === null) return "key.invalid";
  const [rx, ry, rz] = multiplyPoint(GROUP_ORDER, [x, y, 1n, modulo(x * y)]);
  return rx === 0n && ry === rz ? "" : "key.invalid";
}

// --- verification --------------------------------------------------------------------------------

const IMPORTED = new Map();

function importedKey(key) {
  const name = hex(key);
  if (!IMPORTED.has(name)) {
    IMPORTED.set(name, crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]));
  }
  return IMPORTED.get(name);
}

// Whether a point passes steps 2 and 3 of the rule.
function mayBeUsed(encoded) {
  return isCanonical(encoded) && !isSmallOrder(encoded);
}

const GROUP_ORDER_BYTES = Uint8Array.from({ length: 32 }, (_, at) =>
  Number((GROUP_ORDER >> BigInt(8 * at)) & 0xffn),
);

function scalarInRange(scalar) {
  for (let at = 31; at >= 0; at -= 1) {
    if (scalar[at] !== GROUP_ORDER_BYTES[at]) return scalar[at] < GROUP_ORDER_BYTES[at];
  }
  return false;
}

// Whether the signature verifies under the rule: a promise of true or false.
async function verifyEd25519(key, signature, message) {
  if (key.length !== 32 || signature.length !== 64) return false;
  if (!scalarInRange(signature.subarray(32))) return false;
  if (!mayBeUsed(key) || !mayBeUsed(signature.subarray(0, 32))) return false;
  let imported;
  try {
    imported = await importedKey(key);
  } catch {
    return false; // some browsers refuse a key that is no point when it is imported
  }
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

// --- what this browser can do --------------------------------------------------------------------

// A signature that is right, the same over another message, and one that is right only with the
// factor 8, which the rule refuses. From vectors/ed25519/signatures.json.
const TRIAL = [
  [
    "6e66d072a186cfc8a727ae9639878e1fb4c20704b94d867e786ff206e8d2b855",
    "4d696e65206164726966742074776f206d696c65732077657374206f66207468652062756f792e",
    "d04497d6e8cb80483deb3883233d93e7f32da2dcea196a902f1c12d3c1a846c0" +
      "8b39666a026f0577c9e75acf4a8e21f7b2244d840e483c21e62a1a258131940a",
    true,
  ],
  [
    "6e66d072a186cfc8a727ae9639878e1fb4c20704b94d867e786ff206e8d2b855",
    "4d696e65206164726966742074776f206d696c65732077657374206f66207468652062756f792e00",
    "d04497d6e8cb80483deb3883233d93e7f32da2dcea196a902f1c12d3c1a846c0" +
      "8b39666a026f0577c9e75acf4a8e21f7b2244d840e483c21e62a1a258131940a",
    false,
  ],
  [
    "35f1b6c432659db1b78b1c608806e17f843f4ee3e33881b667717080d6c8d6ad",
    "4d696e65206164726966742074776f206d696c65732077657374206f66207468652062756f792e",
    "7362cde457d783d2ea3b6ef46737b73bdc8be7e9c45e0d73bb2ac6e31b1d5a96" +
      "ae16f2e8e6f0f71acb7d1fea1097da388befd08b33bbc5897298d63faf4d3505",
    false,
  ],
];

// Whether this browser checks Ed25519, and by this rule; false also where WebCrypto is missing.
async function ed25519Works() {
  try {
    for (const [key, message, signature, expected] of TRIAL) {
      const parts = [key, signature, message].map(fromHex);
      if ((await verifyEd25519(...parts)) !== expected) return false;
    }
    const imported = await importedKey(fromHex(TRIAL[0][0]));
    return imported.type === "public";
  } catch {
    return false;
  }
}

const ML_DSA = "ML-DSA-44";

// A key of ML-DSA-44 (FIPS 204) as this browser takes it, or null where it does not know them.
async function mlDsaKey(key) {
  try {
    return await crypto.subtle.importKey("raw-public", key, { name: ML_DSA }, false, ["verify"]);
  } catch {
    return null;
  }
}

// true, false, or null when this browser does not check such signatures.
async function verifyMlDsa(key, signature, message) {
  const imported = await mlDsaKey(key);
  if (imported === null) return null;
  try {
    return await crypto.subtle.verify({ name: ML_DSA }, imported, signature, message);
  } catch {
    return null;
  }
}
