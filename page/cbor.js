// The strict reader of CBOR (docs/protocol.md section 2): one encoding for each value, and no
// memory for a claim that the bytes do not bear out.
//
// Values: integers as numbers (as BigInt beyond 2^53), byte strings as views of the input, texts
// as strings, arrays as arrays, maps as Map, and false, true, null.

class CborReader {
  constructor(data, start, { bytes, depth, items }) {
    this.data = data;
    this.at = start;
    this.limit = start + bytes; // where the value must have ended, whatever there is
    this.depth = depth;
    this.items = items;
  }

  need(count) {
    if (count > this.limit - this.at) refuse("encode.too_large", "There are too many bytes.");
    if (count > this.data.length - this.at) {
      refuse("encode.truncated", "The encoding ends in the middle of a value.");
    }
  }

  // The argument of a head (RFC 8949 section 3), in its shortest form only.
  argument(info) {
    if (info < 24) return info;
    if (info === 31) refuse("encode.unsupported", "A length is left open.");
    if (info > 27) refuse("encode.unsupported", "A head has a reserved length.");
    const size = 2 ** (info - 24);
    this.need(size);
    let value = 0;
    for (let i = 0; i < Math.min(size, 4); i += 1) value = value * 256 + this.data[this.at + i];
    if (size === 8) {
      let low = 0;
      for (let i = 4; i < 8; i += 1) low = low * 256 + this.data[this.at + i];
      if (value === 0) refuse("encode.noncanonical", "A number is not in its shortest form.");
      value = value < 0x200000 ? value * 2 ** 32 + low : (BigInt(value) << 32n) | BigInt(low);
    } else if (value < [24, 256, 65536][info - 24]) {
      refuse("encode.noncanonical", "A number is not in its shortest form.");
    }
    this.at += size;
    return value;
  }

  string(length) {
    this.need(length);
    const from = this.at;
    this.at += Number(length);
    return this.data.subarray(from, this.at);
  }

  // Room for `count` elements of a container, `width` values each.
  open(count, width, level) {
    if (level >= this.depth) refuse("encode.too_deep", "Values are nested too deeply.");
    if (BigInt(count) * BigInt(width) > BigInt(this.items)) {
      refuse("encode.too_many", "There are too many values.");
    }
    this.items -= Number(count) * width;
    this.need(Number(count) * width);
  }

  array(count, level) {
    this.open(count, 1, level);
    const out = [];
    for (let i = 0; i < count; i += 1) out.push(this.value(level + 1));
    return out;
  }

  map(count, level) {
    this.open(count, 2, level);
    const out = new Map();
    let last = -1;
    for (let i = 0; i < count; i += 1) {
      this.need(1);
      if (this.data[this.at] >> 5 !== 0) refuse("encode.unsupported", "A key is not a number.");
      const key = this.value(level + 1);
      if (key === last) refuse("encode.duplicate_key", "A key stands twice in a map.");
      if (key < last) refuse("encode.unsorted", "The keys of a map are not in order.");
      last = key;
      out.set(key, this.value(level + 1));
    }
    return out;
  }

  value(level) {
    this.need(1);
    const head = this.data[this.at];
    this.at += 1;
    const major = head >> 5;
    if (major === 7) return this.simple(head & 31);
    if (major === 6) refuse("encode.unsupported", "There is a tag, which this format has not.");
    const argument = this.argument(head & 31);
    if (major === 0) return argument;
    if (major === 1) {
      return argument < Number.MAX_SAFE_INTEGER ? -1 - Number(argument) : -1n - BigInt(argument);
    }
    if (major === 2) return this.string(argument);
    if (major === 3) return this.text(argument);
    return major === 4 ? this.array(argument, level) : this.map(argument, level);
  }

  text(length) {
    return strictText(this.string(length));
  }

  simple(info) {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    return refuse("encode.unsupported", "There is a value that this format has not.");
  }
}

// The value of a whole input. `limits` is { bytes, depth, items }.
function decode(data, limits) {
  if (data.length > limits.bytes) refuse("encode.too_large", "There are too many bytes.");
  const reader = new CborReader(data, 0, { ...limits, bytes: Infinity });
  const value = reader.value(0);
  if (reader.at !== data.length) refuse("encode.trailing", "Something follows the value.");
  return value;
}

// The next value of a sequence (RFC 8742), as { value, end }.
function decodeNext(data, at, limits) {
  const reader = new CborReader(data, at, limits);
  return { value: reader.value(0), end: reader.at };
}

// --- writing: only what hashes and signatures are made over --------------------------------------

function cborHead(major, count) {
  if (count < 24) return Uint8Array.of((major << 5) | count);
  if (count < 256) return Uint8Array.of((major << 5) | 24, count);
  if (count < 65536) return Uint8Array.of((major << 5) | 25, count >> 8, count & 255);
  const out = new Uint8Array(5);
  out[0] = (major << 5) | 26;
  new DataView(out.buffer).setUint32(1, count);
  return out;
}

function cborBytes(bytes) {
  return joinBytes(cborHead(2, bytes.length), bytes);
}

function cborText(text) {
  const bytes = utf8(text);
  return joinBytes(cborHead(3, bytes.length), bytes);
}

function cborArray(...encoded) {
  return joinBytes(cborHead(4, encoded.length), ...encoded);
}

// --- small questions about decoded values --------------------------------------------------------

function isBytes(value, size = null) {
  return value instanceof Uint8Array && (size === null || value.length === size);
}

function isWhole(value, low, high) {
  return typeof value === "number" && value >= low && value <= high;
}

function isText(value) {
  return typeof value === "string";
}
