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
