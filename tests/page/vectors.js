// The vectors of this repository, judged by the modules of the page. Each function takes one
// vector file and gives back what does not agree, as sentences; none means that all agree.

function codeOf(act) {
  try {
    act();
    return "";
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

async function lateCode(act) {
  try {
    return (await act()) ?? "";
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

function differ(name, found, wanted) {
  const [a, b] = [found, wanted].map((each) => JSON.stringify(each));
  return a === b ? [] : [`${name}: ${a} instead of ${b}`];
}

const CASES = { bytes: 65536, depth: 8, items: 4096 };

// A value in the notation of encode/accept.json.
function noted(value) {
  if (value instanceof Uint8Array) return { bytes: hex(value) };
  if (typeof value === "number" || typeof value === "bigint") return { int: String(value) };
  if (typeof value === "string") return { text: value };
  if (Array.isArray(value)) return { array: value.map(noted) };
  if (value instanceof Map)
    return { map: [...value].map(([key, each]) => [String(key), noted(each)]) };
  return value;
}

// These break two rules at once, and this reader looks at them in another order.
const EITHER = new Map([
  ["one bit of a key", "key.invalid"],
  ["a station of another party", "certificate.station"],
]);

function differInCode(name, found, wanted) {
  return EITHER.get(name) === found ? [] : differ(name, found, wanted);
}

async function verifiesCertificate(bytes, root) {
  const certificate = readCertificate(bytes, root);
  return (await verifyCertificate(certificate, root)) ? "" : "certificate.signature";
}

async function judgeCharterBytes(bytes) {
  const faults = await charterFaults(readCharter(bytes));
  return faults.length === 0 ? "" : faults[0][0];
}

const NAMED = (name) => name.replace(" ", "_").toUpperCase();

const VECTORS = {
  "encode/accept.json": ({ cases }) =>
    cases.flatMap((each) => differ(each.hex, noted(decode(fromHex(each.hex), CASES)), each.value)),
  "encode/refuse.json": ({ cases }) =>
    cases.flatMap((each) =>
      differ(
        each.hex,
        codeOf(() => decode(fromHex(each.hex), CASES)),
        each.code,
      ),
    ),
  "ed25519/keys.json": ({ cases }) =>
    cases.flatMap((each) => differ(each.about, keyFault(fromHex(each.key)), each.code)),
  "ed25519/signatures.json": async ({ cases }) => {
    const out = cases.map(async (each) => {
      const parts = [each.key, each.signature, each.message].map(fromHex);
      return differ(each.about, await verifyEd25519(...parts), each.accept);
    });
    return (await Promise.all(out)).flat();
  },
  "ed25519/sign1.json": async ({ key, cases }) => {
    const out = cases.map(async (each) => {
      const message = readSign1(fromHex(each.message), CASES);
      const signed = toBeSigned(fromHex(each.aad), message.payload);
      const good = await verifyEd25519(fromHex(key), message.signature, signed);
      return [
        ...differ(each.aad, [hex(message.payload), hex(signed)], [each.payload, each.to_be_signed]),
        ...differ(each.aad, good, true),
      ];
    });
    return (await Promise.all(out)).flat();
  },
  "tree/roots.json": ({ cases }) => {
    const tree = new GrowingTree();
    return cases.flatMap(({ size, root }) => {
      if (size > 0) tree.add(sha256(Uint8Array.of(0, 0, size - 1)));
      return differ(`size ${size}`, hex(tree.root()), root);
    });
  },
  "words/words.json": ({ cases }) =>
    cases.flatMap((each) =>
      differ(each.fingerprint, wordsOf(fromHex(each.fingerprint)), each.words),
    ),
  "card/names.json": ({ accept, refuse: bad }) => [
    ...accept.flatMap((name) => differ(name, isName(name), true)),
    ...bad.flatMap((name) => differ(name, isName(name), false)),
  ],
  "card/addresses.json": ({ accept, refuse: bad }) => [
    ...accept.flatMap((each) => differ(each, addressFault(each), "")),
    ...Object.entries(bad).flatMap(([code, list]) =>
      list.flatMap((each) => differ(each, addressFault(each), code)),
    ),
  ],
  "certificate/accept.json": async ({ cases }) => {
    const out = cases.map(async (each) => {
      const root = fromHex(each.root_key);
      const bytes = fromHex(each.certificate);
      const { party, name, id, realm, notBefore, notAfter } = readCertificate(bytes, root);
      const found = [party, name, hex(id), realm, notBefore, notAfter];
      const { station_name: station, not_before_ms: from, not_after_ms: to } = each;
      return [
        ...differ(each.name, found, [each.party, station, each.station, each.realm, from, to]),
        ...differ(each.name, await verifiesCertificate(bytes, root), ""),
      ];
    });
    return (await Promise.all(out)).flat();
  },
  "certificate/refuse.json": async ({ cases }) => {
    const out = cases.map(async (each) => {
      const bytes = fromHex(each.certificate);
      const found = await lateCode(() => verifiesCertificate(bytes, fromHex(each.root_key)));
      return differInCode(each.name, found, each.code);
    });
    return (await Promise.all(out)).flat();
  },
  "charter/accept.json": async ({ cases }) => {
    const out = cases.map(async (each) => {
      const charter = readCharter(fromHex(each.charter));
      const found = [
        charter.name,
        charter.realm,
        charter.version,
        hex(charter.line),
        hex(charter.hash),
        charter.parties.map((party) => party.code),
        charter.clocks,
        missingSigners(charter),
        charter.observers,
        charter.excused,
      ];
      const wanted = [
        each.line_name,
        each.realm,
        each.version,
        each.line,
        each.hash,
        each.parties,
        each.clocks_from_routine_up,
        each.missing,
        each.observers,
        each.excused,
      ];
      return [
        ...differ(each.name, found, wanted),
        ...differ(each.name, await charterFaults(charter), []),
      ];
    });
    return (await Promise.all(out)).flat();
  },
  "charter/refuse.json": async ({ cases }) => {
    const out = cases.map(async (each) => {
      const found = await lateCode(() => judgeCharterBytes(fromHex(each.charter)));
      return differInCode(each.name, found, each.code);
    });
    return (await Promise.all(out)).flat();
  },
  "charter/successor.json": ({ old, cases }) => {
    return cases.flatMap((each) => {
      const before = readCharter(fromHex(each.old ?? old));
      const found = successionFault(before, readCharter(fromHex(each.new)))?.[0] ?? "";
      return differ(each.name, found, each.code);
    });
  },
  "statement/accept.json": async ({ key, cases }) => {
    const out = cases.map(async (each) => {
      const said = readStatement(fromHex(each.statement));
      const message = statementMessage(said, each.realm);
      const rungs = ["ACKNOWLEDGED", "READ_BACK", "PASSED_ON"];
      const newerKind = said.kind === NO_KIND;
      const found = {
        digest: hex(said.digest),
        log: hex(logId(said.line, said.station, said.incarnation)),
        signed: hex(message),
        kind: newerKind ? "UNKNOWN" : NAMED(said.kind.name),
        precedence: PRECEDENCES[said.precedence],
        role: NAMED(ROLES[said.role]),
        asks: rungs.filter((_, bit) => (said.wants >> bit) & 1),
        refs: said.references.map(({ target, role }) => [target, NAMED(role)]),
        unknown: [
          ...(newerKind ? [9] : []),
          ...(said.body.newer.length > 0 ? [16] : []),
          ...said.newer,
        ],
        payload: diagnosticText(decode(said.message.payload, STATEMENT_LIMITS)),
        good: await verifyEd25519(fromHex(key), said.message.signature, message),
      };
      const wanted = {
        digest: each.digest,
        log: each.log,
        signed: each.to_sign,
        kind: each.kind,
        precedence: each.precedence,
        role: each.role,
        asks: each.asks_for,
        refs: each.refs,
        unknown: each.unknown,
        payload: each.payload,
        good: true,
      };
      return differ(each.name, found, wanted);
    });
    return (await Promise.all(out)).flat();
  },
  "statement/refuse.json": ({ cases }) =>
    cases.flatMap((each) =>
      differ(
        each.name,
        codeOf(() => readStatement(fromHex(each.statement))),
        each.code,
      ),
    ),
  "statement/signed.json": async ({ key, cases }) => {
    const out = cases.map(async (each) => {
      const said = readStatement(fromHex(each.statement));
      const message = statementMessage(said, each.realm);
      const good = await verifyEd25519(fromHex(key), said.message.signature, message);
      return differ(each.name, good, each.counts);
    });
    return (await Promise.all(out)).flat();
  },
  "statement/flips.json": async ({ key, realm, statement }) => {
    const good = fromHex(statement);
    const takes = async (bytes) => {
      const code = await lateCode(async () => {
        const said = readStatement(bytes);
        const message = statementMessage(said, realm);
        const right = await verifyEd25519(fromHex(key), said.message.signature, message);
        return right ? "" : "statement.forged";
      });
      return code === "";
    };
    const changed = [];
    for (let bit = 0; bit < 8 * good.length; bit += 1) {
      const copy = good.slice();
      copy[bit >> 3] ^= 1 << (bit & 7);
      changed.push(takes(copy));
    }
    for (let cut = 0; cut < good.length; cut += 1) changed.push(takes(good.slice(0, cut)));
    for (let byte = 0; byte < 256; byte += 1)
      changed.push(takes(joinBytes(good, Uint8Array.of(byte))));
    const taken = (await Promise.all(changed)).filter((each) => each).length;
    return [...differ("changed", taken, 0), ...differ("whole", await takes(good), true)];
  },
  "checkpoint/bodies.json": ({ cases }) =>
    cases.flatMap((each) => {
      let found = null;
      const code = codeOf(() => {
        found = readCheckpoint(each.text);
      });
      const wanted = each.code === "" ? [each.origin, each.size, each.root] : null;
      return [
        ...differ(each.text, code, each.code),
        ...differ(each.text, found && [found.origin, found.size, hex(found.root)], wanted),
      ];
    }),
  "checkpoint/notes.json": async ({ cases }) => {
    const out = cases.map(async (each) => {
      let note = null;
      const code = codeOf(() => {
        note = readNote(each.text);
      });
      if (code !== "" || each.code !== "") return differ(each.about, code, each.code);
      // What this browser cannot check is left to those that can.
      const checks = each.checks.filter(({ alg }) => alg !== COSIGNATURE_ML_DSA);
      const verdicts = await Promise.all(checks.map((check) => verdictOfKey(note, check)));
      return differ(
        each.about,
        verdicts,
        checks.map((check) => check.verdict),
      );
    });
    return (await Promise.all(out)).flat();
  },
  "checkpoint/receipts.json": async (file) => {
    const receipt = readReceipt(fromHex(file.encoded));
    const text = checkpointText(file.origin, receipt.size, fromHex(file.root));
    const message = cosignatureMessage(receipt.time, text);
    const good = await verifyEd25519(fromHex(file.key), receipt.signature, message);
    const found = [hex(receipt.log), receipt.size, hex(receipt.cosigner), receipt.time];
    return [
      ...differ("parts", found, [file.log, file.size, file.cosigner, file.time_s]),
      ...differ("signed text", new TextDecoder().decode(message), file.signed_text),
      ...differ("signature", good, true),
      ...Object.entries(file.refuse).flatMap(([code, list]) =>
        list.flatMap((each) =>
          differ(
            each,
            codeOf(() => readReceipt(fromHex(each))),
            code,
          ),
        ),
      ),
    ];
  },
  "checkpoint/anybodys.json": ({ cases }) =>
    cases.flatMap((each) => {
      let found = null;
      const code = codeOf(() => {
        found = readAnyCheckpoint(each.text);
      });
      const wanted = each.code === "" ? [each.origin, each.size, each.root] : null;
      return [
        ...differ(each.text, code, each.code),
        ...differ(each.text, found && [found.origin, Number(found.size), hex(found.root)], wanted),
      ];
    }),
  "tree/consistency.json": ({ cases }) =>
    cases
      .filter((each) => 0 < each.old && each.old < each.new) // others are not in any file
      .flatMap((each) => {
        const [before, after, ...path] = [each.old_root, each.new_root, ...each.proof].map(fromHex);
        const act = () => checkConsistency(BigInt(each.old), BigInt(each.new), before, after, path);
        return differ(`${each.about} ${each.old} ${each.new}`, codeOf(act), each.code);
      }),
  "card/armor.json": ({ cases }) =>
    cases.flatMap((each) =>
      differ(
        each.name,
        codeOf(() => dearmored(each.armor, "TIELINE-CARD-1", 100000)),
        each.code,
      ),
    ),
  "proof/accept.json": async ({ cases }) => {
    const out = cases.map(async (each) => {
      const { name, armor, proof, ...wanted } = each;
      const found = proofFacts(await readProof(fromHex(proof)));
      return [
        ...differ(name, found, wanted),
        ...differ(name, proofFacts(await readProofFile(utf8(armor))), wanted),
        ...differ(name, armored(fromHex(proof), PROOF_LABEL), armor),
      ];
    });
    return (await Promise.all(out)).flat();
  },
  "proof/refuse.json": async ({ cases }) => {
    const out = cases.map(async (each) =>
      differ(each.name, await lateCode(() => proofCode(fromHex(each.proof))), each.code),
    );
    return (await Promise.all(out)).flat();
  },
  "form/values.json": ({ codes, cases }) =>
    cases.flatMap(({ type, wire, text }) => {
      const field = anyField(type, codes);
      const value = readFieldValue(field, decode(fromHex(wire), CASES));
      return differ(wire, value instanceof Unfit ? value.code : fieldText(value), text);
    }),
  "form/refuse.json": ({ cases }) =>
    cases.flatMap(({ code, type, wire }) => {
      const value = readFieldValue(anyField(type, {}), decode(fromHex(wire), CASES));
      return differ(`${type} ${wire}`, value.code ?? "", code);
    }),
  "form/messages.json": ({ form, cases }) =>
    cases.flatMap(({ fields, reads, faults }) => {
      const said = { body: { fields: decode(fromHex(fields), CASES) }, references: [] };
      const read = readCoded({ form: { fields: form.map(plainField) } }, said);
      const answers = read.rows.filter(({ value }) => value !== null);
      const found = Object.fromEntries(
        answers.map(({ path, value }) => [path, fieldText(value)]),
      );
      return [...differ(fields, found, reads), ...differ(fields, read.faults, faults)];
    }),
  "pack/accept.json": ({ cases }) =>
    cases.flatMap(({ name, body, hash }) => {
      const bytes = fromHex(body);
      const { id, tag, version } = readPack(bytes);
      const known = ["golden", "go", 2, hash];
      return differ(name, [id, tag, version, hex(packHash(bytes))], known);
    }),
  "pack/refuse.json": ({ cases }) =>
    cases.flatMap(({ name, body }) => {
      const found = codeOf(() => readPack(fromHex(body)));
      return differ(name, found, PASSED_OVER.has(name) ? "" : "evidence.pack");
    }),
  "proof/armor.json": async ({ cases }) => {
    const out = cases.map(async (each) =>
      differ(each.name, await lateCode(() => readProofFile(utf8(each.armor))), each.code),
    );
    return (await Promise.all(out)).flat();
  },
};

// What a station refuses in a pack, and a reader of evidence does not look at or does not know yet.
const PASSED_OVER = new Set([
  "an unknown key",
  "a newer format",
  "an unknown kind of rule",
  "a rule on a form that is not there",
  "a text that English lacks",
]);

// A field of form/values.json: without bounds of its own, with all special answers.
function anyField(type, codes) {
  const known = new Map(Object.entries(codes).map(([number, id]) => [Number(number), id]));
  return plainField({ type, known, specials: SPECIAL_WORDS });
}

const FORM_CODES = new Map([1, 2, 7].map((number) => [number, String(number)]));

// A field as form/messages.json describes it.
function plainField({ fields = [], specials = [], repeat = [0, 1], known = FORM_CODES, ...more }) {
  const bounds = { low: more.low ?? null, high: more.high ?? null, most: more.max_chars ?? 0 };
  const required = more.required ?? false;
  const inner = fields.map(plainField);
  return { ...more, ...bounds, required, specials, repeat, codes: known, fields: inner };
}

async function proofCode(bytes) {
  await readProof(bytes);
  return "";
}

async function proofFileCode(bytes) {
  await readProofFile(bytes);
  return "";
}

// What a note says of one key: "signed", a time, "forged" or null, as in checkpoint/notes.json.
async function verdictOfKey(note, { name, alg, key }) {
  const bytes = fromHex(key);
  const lines = linesOf(note, name, alg, bytes);
  if (lines.length === 0) return null;
  const checks = await Promise.all(lines.map((line) => checkLine(note, line, alg, bytes)));
  if (checks.some(({ good }) => !good)) return "forged";
  return alg === SIGNATURE_ED25519 ? "signed" : Math.max(...checks.map(({ time }) => time));
}

function diagnosticText(value) {
  if (value instanceof Uint8Array) return `h'${hex(value)}'`;
  if (typeof value === "string") return `"${value.replace(/[\\"]/g, "\\$&")}"`;
  if (Array.isArray(value)) return `[${value.map(diagnosticText).join(", ")}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([key, each]) => `${key}: ${diagnosticText(each)}`).join(", ")}}`;
  }
  return String(value);
}

// What the page finds in evidence bytes, as in the JSON beside each vector.
globalThis.facts = async (base64) => {
  const reading = await readEvidence(fromBase64(base64));
  return factsOf(reading, reading.broken ? null : find(reading));
};
globalThis.proofCodes = (list) =>
  Promise.all(list.map((each) => lateCode(() => proofCode(fromBase64(each)))));
// Of each note, whether it passes with the keys of evidence: as the page judges it.
globalThis.checkpointVerdicts = async (evidence, list) => {
  const keys = await readEvidence(fromBase64(evidence));
  const judged = list.map(async (each) => {
    try {
      const note = readNoteBytes(fromBase64(each));
      return (await judgeCheckpoint(note, readAnyCheckpoint(note.text), keys)).verdict;
    } catch (error) {
      if (error instanceof Refused) return "unable";
      throw error;
    }
  });
  return Promise.all(judged);
};
// What the page finds in a file that somebody chooses: its kind, and what that kind has.
globalThis.fileFacts = async (base64) => {
  try {
    const { kind, bytes } = openFile(fromBase64(base64));
    if (kind === "proof") return { kind, code: await lateCode(() => proofFileCode(bytes)) };
    if (kind !== "evidence") return { kind };
    const reading = await readEvidence(bytes);
    return { kind, ...factsOf(reading, reading.broken ? null : find(reading)) };
  } catch (error) {
    if (!(error instanceof Break)) return { defect: String(error.stack ?? error) };
    return { kind: "evidence", verdict: "failed", broken: true, faults: [[error.code, error.item]] };
  }
};
// Whether every signature fits, so that what lies behind them is seen.
const STRICT = [verifyEd25519, verifyMlDsa];
globalThis.signedByAnybody = (anybody) => {
  [verifyEd25519, verifyMlDsa] = anybody
    ? [
        async (key, signature) => key.length === 32 && signature.length === 64,
        async () => true,
      ]
    : STRICT;
};
globalThis.mlDsa = async () => (await mlDsaKey(new Uint8Array(1312))) !== null;
globalThis.judge = async (name, file) => VECTORS[name](file);
globalThis.judged = Object.keys(VECTORS);
document.documentElement.dataset.done = "yes";
