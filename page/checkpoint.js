// A checkpoint that comes alone, judged with the keys of what the page holds: evidence that was
// read to its end, or a proof that holds (docs/evidence.md section 9.2).

// The keys in a proof, as if a reading had them: those of one station, and nothing else.
function keysOfProof(proof) {
  const reading = new Reading();
  const id = hex(proof.certificates[0].id);
  const certificates = proof.certificates.map((each, at) => ({ ...each, version: at + 1 }));
  reading.stations.set(id, certificates);
  return reading;
}

// The log of an origin as far as the keys' holder knows it; `held` when its statements are there.
function logOfOrigin(keys, origin) {
  const known = keys.logs.find((log) => log.origin === origin);
  if (known !== undefined) return { log: known, held: true };
  const found = ORIGIN.exec(origin);
  const { header } = keys;
  const line = header === null || found?.[1] === hex(header.line);
  if (found === null || !line || !keys.stations.has(found[2])) return { log: null, held: false };
  return { log: { origin, station: found[2], versions: [] }, held: false };
}

// The statement keys that speak for a log: the one under which it was written where a statement
// of it is there, else every key that its station had.
function ownKeys(keys, log, held) {
  const certificates = keys.stations.get(log.station);
  const said = held ? log.records.find(({ fault, late }) => fault === null && !late)?.said : null;
  const then = said == null ? undefined : certificates.find((c) => c.version === said.charter);
  return then === undefined ? certificates.map((each) => each.signKey) : [then.signKey];
}

// What is found of a checkpoint: { checkpoint, log, signers, verdict, faults, gaps }, where
// `signers` are { by, kind, time } of each good line. Without a key here it is "unable".
async function judgeCheckpoint(note, checkpoint, keys) {
  const { log, held } = keys === null ? { log: null } : logOfOrigin(keys, checkpoint.origin);
  const found = { checkpoint, log, signers: [], faults: [], gaps: [], verdict: "unable" };
  if (log === null) return found;
  await judgeLines(found, note, keys, ownKeys(keys, log, held));
  if (found.faults.length === 0) compareRoots(found, held);
  if (found.faults.length > 0) found.verdict = "failed";
  else found.verdict = found.gaps.length > 0 ? "partly" : "checked";
  return found;
}

async function judgeLines(found, note, keys, own) {
  const { log, checkpoint } = found;
  const since = versionAt(log, checkpoint.size);
  let bad = false;
  let strangers = 0;
  let unchecked = 0;
  for (const line of note.lines) {
    const known = knownKey(keys, log, line, since);
    const ofLog = known?.kind !== "log" || own.some((key) => sameBytes(key, known.key));
    if (known === null || !ofLog) {
      strangers += 1;
      continue;
    }
    const { good, time } = await checkLine(note, line, known.type, known.key);
    if (good === null) unchecked += 1;
    else if (good) found.signers.push({ by: known.by, kind: known.kind, time });
    else bad = true;
  }
  const fault = (code, sentence) => found.faults.push({ code, sentence });
  if (bad) fault("note.forged", "A signature under it, by a key that is known here, is not good.");
  else if (!found.signers.some(({ kind }) => kind === "log")) {
    fault("note.unsigned", "It is not signed with the key of the station whose log it is of.");
  }
  const gap = (code, sentence) => found.gaps.push({ code, sentence });
  if (strangers > 0) {
    gap("gap.signer", `${strangers} of its signatures are by keys that are not known here.`);
  }
  if (unchecked > 0) {
    gap("gap.mldsa", "It has an ML-DSA-44 signature, which is not checked by this browser.");
  }
}

// The root against the statements that are here.
function compareRoots(found, held) {
  const { log, checkpoint } = found;
  const { size, root } = checkpoint;
  const gap = (code, sentence) => found.gaps.push({ code, sentence });
  if (!held || size > log.size) {
    const sentence = held
      ? `This page holds the first ${log.size} statements of this log: whether the checkpoint ` +
        "goes on from them cannot be seen here."
      : "No statement of this log is here: what the root stands for cannot be seen.";
    gap("gap.record", sentence);
    return;
  }
  const here = rootsAt(log.pieces, new Set([Number(size)])).get(Number(size));
  if (here === undefined) {
    gap("gap.note", `The root at size ${size} lies within what is left out of the evidence.`);
  } else if (!sameBytes(here, root)) {
    const sentence =
      "The station signed it, and the statements of this log that are here make another tree. " +
      "Both cannot be of one log: either it has two stories, or what is left out of the evidence " +
      "is not what its maker says.";
    found.faults.push({ code: "evidence.root", sentence });
  }
}
