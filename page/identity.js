// Who speaks: COSE_Sign1 messages, certificates, names, addresses, and the words of a party
// (docs/protocol.md sections 3 and 4).

const LATEST_MS = 253402300799999;
const PROTECTED = Uint8Array.of(0xa1, 0x01, 0x27);
const PARTY_CODE = /^[A-Z][A-Z0-9-]{0,11}$/;
const REALM = /^([A-Z0-9][A-Z0-9-]{0,31})?$/;
const STATION_NAME = /^[a-z0-9-]{1,12}$/;

// --- COSE_Sign1 (section 3.2) --------------------------------------------------------------------

// The payload and signature of a message, and its bytes.
function readSign1(bytes, limits) {
  const parts = decode(bytes, limits);
  if (!Array.isArray(parts) || parts.length !== 4) {
    refuse("sign1.shape", "This is not a signed message of four parts.");
  }
  const [head, bare, payload, signature] = parts;
  if (!isBytes(head) || !sameBytes(head, PROTECTED)) {
    refuse("sign1.protected", "The message does not say that it is signed with EdDSA.");
  }
  if (!(bare instanceof Map) || bare.size !== 0) {
    refuse("sign1.unprotected", "The message has headers that nobody signed.");
  }
  if (!isBytes(payload)) refuse("sign1.payload", "The message has no payload.");
  if (!isBytes(signature, 64)) refuse("sign1.signature", "The signature has not 64 bytes.");
  return { payload, signature, bytes };
}

// What the signature is made over (RFC 9052 section 4.4): this, then the payload as a byte string.
function signedHead(external) {
  const parts = [cborHead(4, 4), cborText("Signature1"), cborBytes(PROTECTED), cborBytes(external)];
  return joinBytes(...parts);
}

function toBeSigned(external, payload) {
  return joinBytes(signedHead(external), cborHead(2, payload.length), payload);
}

// --- names and addresses (sections 4.3 and 4.4) --------------------------------------------------

const NOT_IN_NAMES = new RegExp(
  `[${[
    "\\u0000-\\u001f\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5",
    "\\u180b-\\u180f\\u2000-\\u200b\\u200e\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000",
    "\\u3164\\u{d800}-\\u{f8ff}\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff\\u{1fffe}",
    "\\u{1ffff}\\u{2fffe}\\u{2ffff}\\u{e0000}-\\u{10ffff}",
  ].join("")}]`,
  "u",
);
const JOINERS_AT_END = /^[\u200c\u200d]|[\u200c\u200d]$/u;

function isName(value) {
  if (!isText(value)) return false;
  const length = characters(value);
  if (length < 1 || length > 80 || NOT_IN_NAMES.test(value)) return false;
  return value.split(" ").every((word) => word !== "" && !JOINERS_AT_END.test(word));
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const BYTE = /^(0|[1-9][0-9]{0,2})$/;

function isIpv4(host) {
  const parts = host.split(".");
  return parts.length === 4 && parts.every((part) => BYTE.test(part) && Number(part) < 256);
}

// The form of RFC 5952, and no IPv4 address within.
function isIpv6(host) {
  if (!/^[0-9a-f:]+$/.test(host) || host.split("::").length > 2) return false;
  const halves = host.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const given = halves.flat();
  if (!given.every((group) => /^(0|[1-9a-f][0-9a-f]{0,3})$/.test(group))) return false;
  const missing = 8 - given.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return false;
  const zeros = Array(halves.length === 1 ? 0 : missing).fill("0");
  const groups = [...halves[0], ...zeros, ...(halves[1] ?? [])];
  return host === shortIpv6(groups) && !/^(0 ){5}ffff /.test(`${groups.join(" ")} `);
}

function shortIpv6(groups) {
  let best = [0, 0];
  for (let from = 0; from < 8; from += 1) {
    let to = from;
    while (to < 8 && groups[to] === "0") to += 1;
    if (to - from > best[1] - best[0]) best = [from, to];
  }
  if (best[1] - best[0] < 2) return groups.join(":");
  return `${groups.slice(0, best[0]).join(":")}::${groups.slice(best[1]).join(":")}`;
}

function isHostName(host) {
  const labels = host.split(".");
  const last = labels.at(-1);
  return (
    host.length <= 253 &&
    labels.every((label) => LABEL.test(label)) &&
    !/^[0-9]+$/.test(last) &&
    !last.startsWith("0x")
  );
}

// What is wrong with an address, as a code, or "".
function addressFault(value) {
  if (!isText(value)) return "address.form";
  const port = /:([1-9][0-9]{0,4})$/.exec(value);
  if (port === null || Number(port[1]) > 65535) return "address.port";
  const host = value.slice(0, port.index);
  const inner = /^\[(.*)\]$/.exec(host);
  const good = inner === null ? isIpv4(host) || isHostName(host) : isIpv6(inner[1]);
  return good ? "" : "address.form";
}

// --- certificates (section 4.2) ------------------------------------------------------------------

const CERTIFICATE_LIMITS = { bytes: 8192, depth: 4, items: 256 };

function stationId(root, realm, name) {
  const made = cborArray(cborBytes(root), cborText(realm), cborText(name));
  return sha256(utf8("tieline-station-v1\0"), made).slice(0, 8);
}

// Whether the bytes are one DER SEQUENCE with the shortest length.
function isDerSequence(bytes) {
  if (bytes.length < 2 || bytes.length > 2048 || bytes[0] !== 0x30) return false;
  const first = bytes[1];
  if (first < 0x80) return bytes.length === 2 + first;
  if (first === 0x81) return bytes[2] >= 0x80 && bytes.length === 3 + bytes[2];
  if (first !== 0x82) return false;
  const length = bytes[2] * 256 + bytes[3];
  return length >= 0x100 && bytes.length === 4 + length;
}

function certificateField(fields, key, fits) {
  const value = fields.get(key);
  if (!fits(value))
    refuse("certificate.field", `Field ${key} of a certificate is not as it must be.`);
  return value;
}

function refuseKey(key, whose) {
  const fault = keyFault(key);
  if (fault !== "") refuse(fault, `${whose} is not a key that may be used.`);
}

// What a certificate says, under the root key of its party; the caller checks the signature.
function readCertificate(bytes, root) {
  const message = readSign1(bytes, CERTIFICATE_LIMITS);
  const fields = decode(message.payload, CERTIFICATE_LIMITS);
  if (!(fields instanceof Map)) refuse("certificate.field", "A certificate holds no map.");
  const time = (value) => isWhole(value, 0, LATEST_MS);
  const out = {
    party: certificateField(fields, 1, isText),
    name: certificateField(fields, 2, isText),
    id: certificateField(fields, 3, (value) => isBytes(value, 8)),
    realm: certificateField(fields, 4, isText),
    signKey: certificateField(fields, 5, (value) => isBytes(value, 32)),
    receiptKey: certificateField(fields, 6, (value) => isBytes(value, 32)),
    sealKey: certificateField(fields, 7, (value) => isBytes(value, 1216)),
    tls: certificateField(fields, 8, (value) => isBytes(value)),
    notBefore: certificateField(fields, 9, time),
    notAfter: certificateField(fields, 10, time),
    mlDsaHash: null,
    message,
  };
  if (fields.has(11)) out.mlDsaHash = certificateField(fields, 11, (value) => isBytes(value, 32));
  if (!PARTY_CODE.test(out.party)) refuse("certificate.party", "A certificate has no party code.");
  if (!STATION_NAME.test(out.name)) refuse("certificate.name", "A station has no proper name.");
  if (!REALM.test(out.realm)) refuse("certificate.realm", "A certificate has no proper realm.");
  if (!sameBytes(out.id, stationId(root, out.realm, out.name))) {
    refuse("certificate.station", "A station id is not that of its root key, realm and name.");
  }
  refuseKey(out.signKey, "A statement key");
  refuseKey(out.receiptKey, "A receipt key");
  const keys = new Set([root, out.signKey, out.receiptKey].map(hex));
  if (keys.size !== 3) refuse("certificate.same_key", "One key stands for two purposes.");
  if (!isDerSequence(out.tls)) refuse("certificate.tls", "A TLS certificate is not as it must be.");
  if (out.notBefore > out.notAfter)
    refuse("certificate.validity", "A validity ends before it begins.");
  return out;
}

async function verifyCertificate(certificate, root) {
  const { payload, signature } = certificate.message;
  return verifyEd25519(root, signature, toBeSigned(utf8("tieline-cert-v1"), payload));
}

// --- words (section 4.6) -------------------------------------------------------------------------

function fingerprint(code, realm, root) {
  const made = cborArray(cborText(code), cborText(realm), cborBytes(root));
  return sha256(utf8("tieline-fingerprint-v1\0"), made).slice(0, 16);
}

function wordsOf(bytes) {
  const out = [];
  for (let at = 0; at < 16; at += 2) {
    const bits = bytes[at] * 256 + bytes[at + 1];
    const consonant = (shift) => "bdfghjklmnprstvz"[(bits >> shift) & 15];
    const vowel = (shift) => "aiou"[(bits >> shift) & 3];
    out.push(consonant(12) + vowel(10) + consonant(6) + vowel(4) + consonant(0));
  }
  return out;
}
