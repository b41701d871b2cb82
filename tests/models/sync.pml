/* Two stations and one log: what the author says, what the reader holds, and what it signs for.
 *
 * What is modelled: docs/protocol.md, section 9 (have, push, receipts, "What a station must do",
 * the retry) and section 8 (a receipt), as src/tieline/core/exchange.py (arrived, _judge, cosigned,
 * feed, _retry, _tell_all, _retell), core/lack.py (lacking), core/sync.py (note_have, Peer.forget, forget_session),
 * core/repeats.py (misses) and node/runtime.py (turn: decide, commit, perform) do it. A turn keeps
 * in memory, is committed, and only then is anything told. The log is the author's own; what it
 * says is one of two contents, so that what is said twice under a number can be told apart.
 *
 * The road loses, repeats and reorders: what is under way is a set, of which any member may come,
 * and may stay there to come once more. A few faults of any kind, anywhere: a loss, a repetition, a
 * session cut, a crash of either station, which takes what was not committed, a beacon while things
 * are still under way; with PUT_BACK also a reader whose store is an older one.
 *
 * A log is a number in binary: 1 is empty, each bit after that is the content of a statement. So
 * "x >> k" are its beginnings.
 *
 * Checked: an officer was told of nothing that a crash can take (TOLD); a receipt is only for what
 * its maker holds on disk, and for the author's own words (RECEIPT); the reader's log is a beginning
 * of the author's (PREFIX); and once faults have ceased, all is at the reader and signed for after
 * at most three rounds of beacons (EQUAL).
 *
 * Not modelled: several logs at once, the window of 2048 statements, second stories, charters.
 */

#ifndef BROKEN
#define BROKEN 0
#endif
#define TOLD_AHEAD (BROKEN == 1)      /* the author tells and pushes before the commit */
#define SIGNED_AHEAD (BROKEN == 2)    /* the reader signs before the commit */
#define SENT_IS_HELD (BROKEN == 3)    /* what was pushed once counts as held, whatever comes */
#define NEVER_ASKED (BROKEN == 4)     /* a receipt that was lost is not asked for */
#define LESS_UNBELIEVED (BROKEN == 5) /* a have that names less than before is not believed */
#define GAP_TAKEN (BROKEN == 6)       /* a statement is taken without the one before it */
#define TWICE_TAKEN (BROKEN == 7)     /* what is there already is taken once more */

#ifndef SAID
#define SAID 3   /* statements */
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#define EMPTY 1
#define TOP (1 << (SAID + 1))

#define size(x) ((x) >= 8 -> 3 : ((x) >= 4 -> 2 : ((x) >= 2 -> 1 : 0)))
#define begins(x, y) (size(x) <= size(y) && ((y) >> (size(y) - size(x))) == (x))
#define bit(x) (1 << (x))

int pushes, haves, receipts;     /* what is under way: to the reader, and from it */
bit asked;                       /* a request to tell all again, to the reader */

byte mine = EMPTY, kept = EMPTY; /* the author's log: in memory, on disk */
byte told = EMPTY;               /* what an officer was told is said */
byte covered;                    /* up to where the reader's receipts go */
byte theirs, sent;               /* what the reader named, what was pushed */
byte awaited, waits;

byte held = EMPTY, disk = EMPTY; /* the reader's log: in memory, on disk */
bit owes;                        /* a receipt */

byte faults = FAULTS, rounds;
bit calm, restored;

#define quiet (pushes == 0 && haves == 0 && receipts == 0 && !asked && mine == kept && held == disk && !owes)
#define equal (disk == kept && covered == size(kept) && told == kept)

/* Push what the reader lacks: what is on disk beyond what it named and what was pushed. */
inline feed() {
    at = (sent > theirs -> sent : theirs);
    do
    :: at < size(kept) -> at++; pushes = pushes | bit(kept >> (size(kept) - at))
    :: else -> break
    od;
    if
    :: size(kept) > sent -> sent = size(kept)
    :: else
    fi
}

inline tell_all() {              /* of the reader: a full have, and its newest receipt */
    haves = haves | bit(disk);
    if
    :: disk != EMPTY -> receipts = receipts | bit(disk)
    :: else
    fi
}

/* A session ends, with all that was under way, and the next begins. */
inline session() {
    pushes = 0; haves = 0; receipts = 0; asked = 0;
    sent = 0; awaited = 0; waits = 0;
    tell_all()
}

inline believe(x) {              /* a have that names x: note_have, feed, misses */
    if
    :: size(x) < theirs && !LESS_UNBELIEVED && !SENT_IS_HELD -> theirs = size(x); sent = 0
    :: size(x) > theirs && size(x) <= size(mine) -> theirs = size(x)
    :: else
    fi;
    feed();
    if
    :: covered >= awaited -> awaited = (theirs < size(mine) -> theirs : size(mine)); waits = 0
    :: else -> waits = (waits < 4 -> waits + 1 : 4)
    fi;
    if
    :: !NEVER_ASKED && (waits == 1 || waits == 2 || waits == 4) -> asked = 1
    :: else
    fi
}

inline take(x) {                 /* a pushed statement, the end of x */
    if
    :: begins(x, held) && !TWICE_TAKEN  /* a duplicate has no effect */
    :: TWICE_TAKEN && begins(x, held) && size(held) < SAID ->
        held = (held << 1) | (x & 1); owes = 1
    :: held == (x >> 1) -> held = x; owes = 1
    :: GAP_TAKEN && size(x) > size(held) + 1 -> held = (held << 1) | (x & 1); owes = 1
    :: else ->                   /* what it follows is not here: it comes again */
        assert(GAP_TAKEN || TWICE_TAKEN || size(x) > size(held) + 1)  /* PREFIX: no other story */
    fi
}

/* One of the set, any one. */
#define one(set, k) :: (set) & bit(k) -> x = k
inline any(set) {
    if
    one(set, 2) one(set, 3) one(set, 4) one(set, 5) one(set, 6) one(set, 7) one(set, 8)
    one(set, 9) one(set, 10) one(set, 11) one(set, 12) one(set, 13) one(set, 14) one(set, 15)
    one(set, 1)
    fi
}

inline stays(set) {              /* it may come once more, which is a fault */
    if
    :: set = set & ~bit(x)
    :: faults > 0 && !calm -> faults--
    fi
}

active proctype world() {
    byte x, at;
    do
    /* --- the author --- */
    :: atomic { !calm && size(mine) < SAID && mine == kept ->
        if
        :: mine = mine << 1
        :: mine = (mine << 1) | 1
        fi;
        if
        :: TOLD_AHEAD -> told = mine; at = kept; kept = mine; feed(); kept = at; at = 0
        :: else
        fi }
    :: atomic { mine != kept -> kept = mine; told = mine; feed(); at = 0 }
    :: atomic { haves != 0 ->
        any(haves); stays(haves); believe(x); x = 0; at = 0 }
    :: atomic { receipts != 0 ->
        any(receipts); stays(receipts);
        assert(begins(x, kept));                                         /* RECEIPT */
        covered = (size(x) > covered -> size(x) : covered); x = 0 }
    /* --- the reader --- */
    :: atomic { pushes != 0 ->
        any(pushes); stays(pushes); take(x); x = 0;
        if
        :: SIGNED_AHEAD && owes -> receipts = receipts | bit(held)
        :: else
        fi }
    :: atomic { held != disk ->
        disk = held;
        assert(begins(disk, kept));                                      /* PREFIX */
        if
        :: owes -> owes = 0; receipts = receipts | bit(disk)
        :: else
        fi }
    :: atomic { held == disk && owes -> owes = 0 }
    :: atomic { asked -> asked = 0; tell_all() }
    /* --- beacons of both, and the author's retry: when all has come, or too early --- */
    :: atomic { (quiet && !equal) || (faults > 0 && !calm) ->
        if
        :: quiet ->
            if
            :: calm -> assert(rounds < ROUNDS); rounds++                 /* EQUAL */
            :: else
            fi
        :: else -> faults--
        fi;
        if
        :: sent > theirs && !SENT_IS_HELD -> sent = theirs; feed(); at = 0
        :: else
        fi;
        haves = haves | bit(disk) }
    /* --- faults --- */
    :: atomic { faults > 0 && !calm && (pushes != 0 || haves != 0 || receipts != 0 || asked) ->
        faults--;
        if
        :: pushes != 0 -> any(pushes); pushes = pushes & ~bit(x); x = 0
        :: haves != 0 -> any(haves); haves = haves & ~bit(x); x = 0
        :: receipts != 0 -> any(receipts); receipts = receipts & ~bit(x); x = 0
        :: asked -> asked = 0
        fi }
    :: atomic { faults > 0 && !calm -> faults--; session() }
    :: atomic { faults > 0 && !calm ->                                   /* the author crashes */
        faults--; mine = kept; theirs = 0; session();
        assert(begins(told, kept)) }                                     /* TOLD */
    :: atomic { faults > 0 && !calm ->                                   /* the reader crashes */
        faults--; held = disk; owes = 0; session();
        assert(restored || size(disk) >= covered) }                      /* RECEIPT */
#ifdef PUT_BACK
    :: atomic { faults > 0 && !calm && disk != EMPTY ->
        faults--; restored = 1; disk = disk >> 1; held = disk; owes = 0; session() }
#endif
    :: atomic { !calm && (faults == 0 || size(mine) == SAID) -> calm = 1; faults = 0 }
    :: atomic { calm && quiet && equal -> break }
    od;
    assert(equal)                                                        /* EQUAL */
}
