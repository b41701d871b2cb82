// Merkle trees of RFC 6962 section 2.1, with runs of which only subtree hashes are known.
//
// Sizes go up to 2^48, so numbers are divided, never shifted: JavaScript shifts 32 bits.

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const EMPTY_ROOT = sha256(new Uint8Array(0));

function leafHash(bytes) {
  return sha256(LEAF, bytes);
}

function nodeHash(left, right) {
  return sha256(NODE, left, right);
}

// The width of the largest complete subtree that begins at `from` and ends at or before `to`.
function widthAt(from, to) {
  let width = 1;
  while (from % (2 * width) === 0 && from + 2 * width <= to) width *= 2;
  return width;
}

// The widths of the complete aligned subtrees that cover the run from `from` to `to`.
function coverOf(from, to) {
  const widths = [];
  for (let at = from; at < to;) {
    const width = widthAt(at, to);
    widths.push(width);
    at += width;
  }
  return widths;
}

// Refuses a consistency proof (RFC 9162 section 2.1.4.2) that does not lead from the root of the
// tree of `first` leaves to that of `second`, where 0 < first < second. Sizes are BigInts.
function checkConsistency(first, second, firstRoot, secondRoot, path) {
  const shape = () =>
    refuse("proof.shape", "The consistency proof has not the hashes that these two sizes need.");
  if (path.some((hash) => hash.length !== 32)) shape();
  const power = (first & (first - 1n)) === 0n; // then the smaller tree is a node of the larger one
  const [seed, ...rest] = power ? [firstRoot, ...path] : path;
  if (seed === undefined) shape();
  let [at, last] = [first - 1n, second - 1n];
  while (at & 1n) [at, last] = [at >> 1n, last >> 1n];
  let [before, after] = [seed, seed];
  for (const hash of rest) {
    if (last === 0n) shape();
    if (at & 1n || at === last) {
      [before, after] = [nodeHash(hash, before), nodeHash(hash, after)];
      while (!(at & 1n) && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else after = nodeHash(after, hash);
    [at, last] = [at >> 1n, last >> 1n];
  }
  if (last !== 0n) shape();
  if (!sameBytes(before, firstRoot) || !sameBytes(after, secondRoot)) {
    refuse("proof.root", "The consistency proof does not lead to the roots of both sizes.");
  }
}

// A tree that grows to the right, by leaves and by complete subtrees. It keeps one hash for each
// bit of its size, and gives the root at every size at which it stands.
class GrowingTree {
  constructor() {
    this.size = 0;
    this.peaks = []; // [width, hash], widths falling
  }

  add(hash, width = 1) {
    if (this.size % width !== 0) throw new RangeError("a subtree out of its place");
    let whole = hash;
    let reach = width;
    while (this.peaks.length > 0 && this.peaks.at(-1)[0] === reach) {
      whole = nodeHash(this.peaks.pop()[1], whole);
      reach *= 2;
    }
    this.peaks.push([reach, whole]);
    this.size += width;
  }

  root() {
    if (this.peaks.length === 0) return EMPTY_ROOT;
    let out = this.peaks.at(-1)[1];
    for (let at = this.peaks.length - 2; at >= 0; at -= 1) out = nodeHash(this.peaks[at][1], out);
    return out;
  }
}
