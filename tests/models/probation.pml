/* One log, the machine that writes it, and two peers: who may go on writing after a start.
 *
 * What is modelled: docs/protocol.md, section 7 ("Lives"), as src/tieline/core/life.py (Life.begin,
 * standing, denied_by, trust), core/renewal.py (may_say, heard, receipted, _came_back, close) and
 * node/runtime.py (_remember, _remember_start, perform) do it. The order in a turn is: sign, commit,
 * note the mark, and only then let it leave. After each start the log is on probation, and written
 * on only when a peer has named exactly its end in a session of this run, nobody more, and everybody
 * whose session stands has said what it holds; else whoever speaks opens a fresh log, and this one is
 * left for ever.
 *
 * Faults: a crash between any two steps; the store put back to a backup taken at any moment, with
 * the machine's mark left as it is; with CLONE a second machine with a copy of home and mark, which
 * runs at the same time; with WHOLE the whole disk put back, mark and all. Peers get what has left
 * at any time later, by any road and each by itself; an old bundle comes at any time.
 *
 * A log is a number in binary, as in sync.pml: what is signed twice under one number is two numbers
 * of one length of which neither begins the other.
 *
 * Checked: of two statements that left this station, none bears the number of the other (ONCE). What
 * was signed and lost in a crash before it left was never anybody's.
 *
 * With WHOLE this holds where all that had left has reached every peer (ARRIVED). Else it does not,
 * and cannot, when the peer in reach is behind: docs/faults.md, "What is not promised". The run with
 * -DWHOLE and no ARRIVED is there to show it; with -DWHOLE -DONE_KNOWS one of two peers holds all,
 * and it still fails, since the other one may be in reach alone. With -DBOTH as well, sessions with
 * both stand or none does, and it holds, whichever of them is heard first.
 *
 * Not modelled: that who keeps silent in its session is not waited for after HEAR_MS, the limit on logs of a station, what the fresh log says, keys that the charter ends.
 */

#ifndef BROKEN
#define BROKEN 0
#endif
#define MARK_IGNORED (BROKEN == 1)      /* an older store is not seen from the mark */
#define MARK_LATE (BROKEN == 2)         /* it leaves before the machine has noted it */
#define START_UNMARKED (BROKEN == 3)    /* what a crash left unnoted leaves at the next start */
#define ANY_MACHINE (BROKEN == 4)       /* a copy on another machine passes for the first one */
#define NO_PROBATION (BROKEN == 5)      /* it writes on at once */
#define BUNDLES_CONFIRM (BROKEN == 6)   /* what an old bundle names confirms */
#define TRUST_KEPT (BROKEN == 7)        /* a confirmation counts after the next start too */
#define FIRST_CONFIRMS (BROKEN == 8)    /* nobody else in reach is heard before */

#ifndef SAID
#define SAID 3
#endif
#ifndef STARTS
#define STARTS 2
#endif
#ifdef CLONE
#define MACHINES 2
#else
#define MACHINES 1
#endif
#ifndef PEERS
#define PEERS 2
#endif
#define EMPTY 1
#define TOP (1 << (SAID + 1))

#define size(x) ((x) >= 8 -> 3 : ((x) >= 4 -> 2 : ((x) >= 2 -> 1 : 0)))
#define begins(x, y) (size(x) <= size(y) && ((y) >> (size(y) - size(x))) == (x))
#define bit(x) (1 << (x))
#define level(x) ((x) >= 8 -> 65280 : ((x) >= 4 -> 240 : 12))   /* all logs as long as x */

mtype = { down, writing, probation, closed, left };

int out;                        /* what has left the station, by whatever road */

mtype standing[MACHINES];
byte log[MACHINES], store[MACHINES];    /* in memory, on disk */
byte mark[MACHINES];            /* 0: the machine remembers no such log */
bit shut[MACHINES];             /* the journal says that it is left or closed for ever */
bit trusted[MACHINES];          /* kept only by TRUST_KEPT */
bit named[MACHINES];            /* a peer has named the end of the log since the start */

byte peer[2];
bit session[4], told[4];        /* of machine m with peer p, at 2 * m + p; a full have has come */
byte have[4];                   /* on its way */

byte backup, marked;            /* the one that there is */
bit ended, copied;
byte starts = STARTS;

#define at(m, p) (2 * (m) + (p))

inline hang_up(m) {
    session[at(m, 0)] = 0; session[at(m, 1)] = 0;
    told[at(m, 0)] = 0; told[at(m, 1)] = 0;
    have[at(m, 0)] = 0; have[at(m, 1)] = 0
}

inline begin(m) {               /* a start: Life.begin, _remember_start */
    log[m] = store[m]; named[m] = 0;
    if
    :: shut[m] || (m == 1 && !ANY_MACHINE) -> standing[m] = closed
    :: else ->
        if
        :: !MARK_IGNORED && (mark[m] == 0 || !begins(mark[m], store[m])) -> standing[m] = closed
        :: else ->
            standing[m] = (NO_PROBATION || (TRUST_KEPT && trusted[m]) -> writing : probation);
            if
            :: !START_UNMARKED -> mark[m] = store[m]
            :: else
            fi
        fi
    fi
}

inline close(m) {
    if
    :: standing[m] != left -> standing[m] = closed; shut[m] = 1; mark[m] = 0
    :: else
    fi
}

#define heard(m, p) (!session[at(m, p)] || told[at(m, p)])

inline settle(m) {              /* renewal._settle */
    if
    :: standing[m] == probation && named[m] && (FIRST_CONFIRMS || (heard(m, 0) && heard(m, 1))) ->
        standing[m] = writing; trusted[m] = 1
    :: else
    fi
}

inline leaves(x) {              /* ONCE */
    assert((out & level(x) & ~bit(x)) == 0);
    out = out | bit(x)
}

#define early(m) (MARK_LATE || (START_UNMARKED && standing[m] == probation))

/* One of the set, any one. */
#define one(set, k) :: (set) & bit(k) -> x = k
inline any(set) {
    if
    one(set, 2) one(set, 3) one(set, 4) one(set, 5) one(set, 6) one(set, 7) one(set, 8)
    one(set, 9) one(set, 10) one(set, 11) one(set, 12) one(set, 13) one(set, 14) one(set, 15)
    fi
}

#define running(m) (standing[m] != down)
#define noted(m) (log[m] == store[m] && (mark[m] == store[m] || standing[m] == closed || standing[m] == left))

proctype machine(byte m) {
    byte x, p;
    do
    /* --- an officer speaks --- */
    :: atomic { standing[m] == writing && log[m] == store[m] && size(log[m]) < SAID ->
        if
        :: log[m] = log[m] << 1
        :: log[m] = (log[m] << 1) | 1
        fi }
    :: atomic { standing[m] == probation || standing[m] == closed ->   /* a fresh log */
        standing[m] = left; shut[m] = 1; mark[m] = 0; trusted[m] = 0 }
    /* --- the rest of the turn --- */
    :: atomic { running(m) && log[m] != store[m] -> store[m] = log[m] }
    :: atomic { standing[m] == writing && log[m] == store[m] && mark[m] != store[m] ->
        mark[m] = store[m] }
    :: atomic { running(m) && store[m] != EMPTY && (out & bit(store[m])) == 0 && (noted(m) || (early(m) && log[m] == store[m])) ->
        x = store[m];
        do
        :: x > EMPTY -> leaves(x); x = x >> 1
        :: else -> break
        od;
        x = 0 }
    /* --- sessions --- */
    :: atomic { running(m) && log[m] == store[m] ->
        if
        :: p = 0
        :: PEERS > 1 -> p = 1
        fi;
        if
        :: !session[at(m, p)] ->
#ifdef BOTH
            session[at(m, 1 - p)] = 1;
#endif
            session[at(m, p)] = 1
        :: session[at(m, p)] && have[at(m, p)] == 0 && !told[at(m, p)] ->
            have[at(m, p)] = peer[p]
        :: have[at(m, p)] != 0 ->                        /* it comes: renewal.heard */
            x = have[at(m, p)]; have[at(m, p)] = 0; told[at(m, p)] = 1;
            if
            :: !begins(x, log[m]) -> close(m)
            :: x == log[m] && x != EMPTY -> named[m] = 1
            :: else
            fi;
            settle(m);
            x = 0
        :: told[at(m, p)] && peer[p] == log[m] && peer[p] != EMPTY -> /* a receipt of its own */
            named[m] = 1;
            settle(m)
        :: session[at(m, p)] && size(peer[p]) > size(log[m]) && begins(log[m], peer[p]) ->
            log[m] = peer[p] >> (size(peer[p]) - size(log[m]) - 1);   /* what was lost comes */
            store[m] = log[m];
            close(m)
        :: session[at(m, p)] ->
#ifdef BOTH
            session[at(m, 1 - p)] = 0; told[at(m, 1 - p)] = 0; have[at(m, 1 - p)] = 0;
#endif
            session[at(m, p)] = 0; told[at(m, p)] = 0; have[at(m, p)] = 0
        fi;
        p = 0 }
    /* --- a bundle, of which nobody knows how old it is: it names one that has left --- */
    :: atomic { running(m) && log[m] == store[m] && out != 0 ->
        any(out);
        if
        :: !begins(x, log[m]) -> close(m)
        :: x == log[m] && BUNDLES_CONFIRM -> named[m] = 1; settle(m)
        :: else
        fi;
        x = 0 }
    /* --- crashes and starts --- */
    :: atomic { running(m) && starts > 0 ->
        starts--; standing[m] = down; log[m] = store[m]; hang_up(m) }
    :: atomic { standing[m] == down && store[m] != 0 -> begin(m) }
    od
}

proctype world() {
    byte x, p;
    do
    /* a peer gets one more of what has left, by any road */
    :: atomic { out != 0 ->
        if
        :: p = 0
        :: PEERS > 1 -> p = 1
        fi;
        if
        :: size(peer[p]) < SAID && (out & bit(peer[p] << 1)) -> peer[p] = peer[p] << 1
        :: size(peer[p]) < SAID && (out & bit((peer[p] << 1) | 1)) -> peer[p] = (peer[p] << 1) | 1
        :: else
        fi;
        p = 0 }
    /* a backup is made, and put back once */
    :: atomic { backup == 0 && log[0] == store[0] ->
        backup = store[0]; ended = shut[0]; marked = mark[0] }
#ifdef ARRIVED
#define MAY_PUT_BACK (out == 0 || ((out & ~(bit(peer[0]) | bit(peer[0] >> 1) | bit(peer[0] >> 2))) == 0 && peer[1] == peer[0]))
#else
#ifdef ONE_KNOWS
#define MAY_PUT_BACK (out == 0 || (out & ~(bit(peer[0]) | bit(peer[0] >> 1) | bit(peer[0] >> 2))) == 0)
#else
#define MAY_PUT_BACK true
#endif
#endif
    :: atomic { backup != 0 && standing[0] == down && MAY_PUT_BACK ->
        store[0] = backup; log[0] = backup; shut[0] = ended;
#ifdef WHOLE
        mark[0] = marked;
#endif
        backup = 0 }
#ifdef CLONE
    :: atomic { backup != 0 && !copied ->
        copied = 1; store[1] = backup; log[1] = backup; shut[1] = ended; mark[1] = marked }
#endif
    od
}

init {
    atomic {
        standing[0] = writing; store[0] = EMPTY; log[0] = EMPTY; mark[0] = EMPTY;  /* it opened it */
        peer[0] = EMPTY; peer[1] = EMPTY;
#ifdef CLONE
        standing[1] = down;
        run machine(1);
#endif
        run machine(0);
        run world()
    }
}
