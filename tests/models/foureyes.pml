/* Drafts that a second officer releases: who has approved what leaves.
 *
 * What is modelled: src/tieline/core/speech.py (speak, release, discard, _answer_repeat, say, signed,
 * restore_draft, restore_settled), Release in docs/protocol.md, section 5 (field "release"), and
 * docs/operations.md ("a second officer is another name"). Who writes a draft has approved its bytes.
 * A draft is never changed: who wants other words discards it and writes another one, which has the
 * next number. An approval names a number; it may have been clicked long before it comes.
 *
 * Ada has two sessions, under names that are written differently; Ben has one. Requests to the
 * station are lost, repeated at any later time and come in any order: one that was sent may come at
 * any time, any number of times, and need not. The station crashes between any
 * two acts: drafts, withdrawals and statements are in the journal; what waits for its signature is
 * not. What an officer saw when clicking is remembered here, outside the station.
 *
 * Checked: what leaves has been approved by two people, each of whom had these very bytes of this
 * very draft in view or wrote them (TWO); no draft leaves twice (ONCE); one click on "send" makes one
 * draft (ONE); and a draft of which an officer was told that it is withdrawn does not leave (GONE).
 *
 * Not modelled: which messages need two (charter, standing authority, what is replaced), passwords.
 */

#ifndef BROKEN
#define BROKEN 0
#endif
#define BY_SESSION (BROKEN == 1)     /* two sessions pass for two people */
#define EDITED (BROKEN == 2)         /* an edit changes the draft under its number */
#define NUMBERS_AGAIN (BROKEN == 3)  /* after a start, numbers go on after the drafts that wait */
#define NOT_ONCE (BROKEN == 4)       /* what was released is not remembered */
#define KEYLESS (BROKEN == 5)        /* a repeated "send" is another one */
#define DROPPED_LATE (BROKEN == 6)   /* a draft that is out for signature can be withdrawn */

#ifndef DRAFTS
#define DRAFTS 2
#endif
#define bit(x) (1 << (x))
#define ADA 1
#define BEN 2
#define key(session, text) (2 * (session) + (text) - 1)
#define person(session) ((session) == 2 -> BEN : ADA)

#define other(x, y) (BY_SESSION -> (x) != (y) : person(x) != person(y))

/* The station, on disk. Numbers from 1; a text is 1 or 2, 0 means that no draft of this number waits. */
byte text[DRAFTS + 1], writer[DRAFTS + 1];   /* the writer is a session: its name */
bit said[DRAFTS + 1];
byte last;
byte made[6];                    /* the draft that a click has become, by its key: session, text */
/* In memory. */
bit signing[DRAFTS + 1];

/* Sent: by key; bit 3 * number + session. A withdrawal may come at any time. */
int sends, releases;

/* What people know, and what they have done. */
byte approved[DRAFTS + 1];       /* who had in view, or wrote, the bytes that this draft has now */
bit withdrawn[DRAFTS + 1];       /* somebody was told so, of this draft */
bit gone[DRAFTS + 1];            /* it has left */

inline some_number() {
    if
    :: n = 1
    :: DRAFTS > 1 -> n = 2
    :: DRAFTS > 2 -> n = 3
    fi
}

inline some_text() {
    if
    :: t = 1
    :: t = 2
    fi
}

inline some_session() {
    if
    :: s = 0
    :: s = 1
    :: s = 2
    fi
}

active proctype world() {
    byte s, n, t;
    do
    /* --- people: one click on "send" for each session and text; on "release" of what is in view --- */
    :: atomic { some_session(); some_text(); sends = sends | bit(key(s, t)); s = 0; t = 0 }
    :: atomic { some_session(); some_number();
        if
        :: text[n] != 0 -> releases = releases | bit(3 * n + s); approved[n] = approved[n] | person(s)
        :: else
        fi;
        s = 0; n = 0 }
    /* --- the station: speak --- */
    :: atomic { some_session(); some_text();
        if
        :: (sends & bit(key(s, t))) && last < DRAFTS && (made[key(s, t)] == 0 || KEYLESS) ->
            assert(made[key(s, t)] == 0);                    /* ONE */
            last++; made[key(s, t)] = last;
            text[last] = t; writer[last] = s; said[last] = 0;
            approved[last] = person(s); withdrawn[last] = 0; gone[last] = 0
        :: else                                              /* the first answer, or no room here */
        fi;
        s = 0; t = 0 }
    /* --- release --- */
    :: atomic { some_session(); some_number();
        if
        :: (releases & bit(3 * n + s)) && (!said[n] || NOT_ONCE) && text[n] != 0 && !signing[n] &&
           other(s, writer[n]) -> signing[n] = 1
        :: else                                              /* the first answer, or refused */
        fi;
        s = 0; n = 0 }
    :: atomic { some_number();                               /* its signature has come: signed */
        if
        :: signing[n] && text[n] != 0 ->
            assert(approved[n] == (ADA | BEN));              /* TWO */
            assert(!gone[n]);                                /* ONCE */
            assert(!withdrawn[n]);                           /* GONE */
            gone[n] = 1; signing[n] = 0; said[n] = 1; text[n] = (NOT_ONCE -> text[n] : 0)
        :: else
        fi;
        n = 0 }
    /* --- discard --- */
    :: atomic { some_number();
        if
        :: text[n] != 0 && !signing[n] -> text[n] = 0; withdrawn[n] = 1
        :: text[n] != 0 && signing[n] && DROPPED_LATE -> withdrawn[n] = 1
        :: else
        fi;
        n = 0 }
#if BROKEN == 2
    :: atomic { text[1] == 1 && !signing[1] -> text[1] = 2; approved[1] = person(writer[1]) }
#endif
    /* --- a crash, and a new start --- */
    :: atomic {
        n = 1; last = (NUMBERS_AGAIN -> 0 : last);
        do
        :: n <= DRAFTS ->
            signing[n] = 0; last = (NUMBERS_AGAIN && text[n] != 0 -> n : last); n++
        :: else -> break
        od;
        n = 0 }
    od
}
