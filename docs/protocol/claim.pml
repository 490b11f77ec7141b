/* The wx_token row protocol (protocol.md, which also says which Java method each step stands for) under the semantics of
 * GET /cgi-bin/token: every issue kills the token before it at once (the 5 minutes' grace is left out: harsher than reality).
 *
 * Each atomic step is one statement, or one answer of WeChat. The nodes run without end. Between any two steps a run may
 * pause for as long as you like, lose its lease, or die; an application may request a refresh, and clear requests; another
 * program, which knows nothing of the protocol, may fetch a token, and write it into the row or not. A wait (retry_after)
 * only delays: a run may leave a due row alone. A row may be due at any time, for its age or because an operator forces it.
 *
 * Versions and tokens would grow without end. All that is ever asked of them is whether the row's are still those that a
 * run has read, and whether a token is the one issued last: the model keeps the answers, and so its states are finite.
 *
 * P1: a row that looks clean holds the token issued last, or whoever has that token is alive and has not finished, or it
 *     was a blind event, of which only the probe can know.
 * P2: a run claims only what no other run holds.
 * P6: until a fetch answers an application's request, the row does not look clean.
 * P7: wherever everybody stops, one run (all waits over, the probe's time come, no trouble) leaves the row with that token.
 *
 * With -DAUTHORIZER the row is that of an account which authorized a third-party platform. WeChat is asked with the account's
 * refresh token, and answers with the next one, too. It accepts the one that was used last, and all that were issued in answer
 * to that one. The account may authorize anew, or withdraw: WeChat then accepts no former one, and the platform's web
 * application stores the new one, or deletes the row, at any time after that.
 *
 * P8: WeChat accepts the stored refresh token, unless the web application has not stored yet what the account did.
 * P9: a row that looks clean and holds the token issued last has the refresh token issued last beside it.
 * P10: a row is left alone because its refresh token was refused only while the refused one is the stored one.
 */
#ifndef NODES
#define NODES 2
#endif
#if NODES == 2
#define each(x) x(0); x(1); x(2)
#define some(x) (x(0) || x(1) || x(2))
#define resting (node[1]@read && node[2]@read && tok[0] == none && !late && authorized)
#else
#define each(x) x(0); x(1); x(2); x(3)
#define some(x) (x(0) || x(1) || x(2) || x(3))
#define resting (node[1]@read && node[2]@read && node[3]@read && tok[0] == none && !late && authorized)
#endif

mtype = { none, dead, live }           /* live: the token issued last; dead: any before it */

/* the row */
mtype value = live;                    /* an adopted token, say */
bool foreign;                          /* the value does not match the fingerprint */
byte owner;                            /* claimed_by; 0: nobody */
bool leased;                           /* claimed_until is in the future */
bool requested;                        /* refresh_requested: applications set it, and clear it */
bool doomed;                           /* what a run knows of the value: 1 and 2 differ only in how long they wait */
bool failures;                         /* failures > 0 */

/* what each program remembers: the nodes are 1, 2 …, and 0 is the other program */
mtype tok[NODES + 1] = none;           /* the token that it got, and has neither written nor reported yet */
bool sameValue[NODES + 1];             /* the row's value is what it read */
bool sameVersion[NODES + 1];           /* the row's version is what it read, or that of its claim */

bool late;                             /* a request that WeChat serves after its run gave up; [0]: that run's version */

/* for the properties alone */
bool blind;                            /* nobody will ever tell of the token issued last */
bool wanted;                           /* an application's request, and no fetch that answers it has begun since */
byte calm;                             /* from now on one run alone, without trouble; counts its looks at the row */

#ifdef AUTHORIZER
mtype = { fresh, used, stored, parent }
mtype refresh = fresh;                 /* the stored refresh token; WeChat accepts it if it is fresh or used; none: no row */
bool newest = true;                    /* it is the one issued last */
bool renewed;                          /* the account authorized anew after the value was fetched */
bool outdated;                         /* the web application has not stored yet what the account did */
bool waits;                            /* the row is left alone because its refresh token was refused */
mtype asks[NODES + 1] = none;          /* what each run asks with: the stored one; the parent of the stored one, which WeChat */
                                       /* accepts until the stored one is used; or a dead one. [0]: the late request */
bool refused[NODES + 1];               /* WeChat refused it */

#define authorized (refresh == fresh || refresh == used)
#define accepted(i) (asks[i] == stored && authorized || asks[i] == parent)
#define sameRefresh (asks[_pid] == stored)
#define parentDies(i) asks[i] = (asks[i] == parent -> dead : asks[i])
#define becomesParent(i) asks[i] = (asks[i] == stored -> parent : asks[i])
#define becomesDead(i) asks[i] = (asks[i] == none -> none : dead)
#define forget(i) asks[i] = none; refused[i] = false
#define lateAsks() asks[0] = asks[_pid]
#define wait() waits = refused[_pid] && sameRefresh
inline stores() { d_step { outdated = false; waits = false; each(becomesDead) } }
inline use(i) { d_step {
  newest = false;
  if :: asks[i] == stored && refresh == fresh -> refresh = used; each(parentDies) :: else fi } }
inline rotate() { d_step {
  newest = (tok[_pid] == live);
  if
  :: accepted(_pid) -> refresh = fresh; renewed = false; each(becomesParent)
  :: else -> refresh = dead; each(becomesDead)
  fi } }
#else
#define renewed false
#define authorized true
#define accepted(i) true
#define sameRefresh true
#define forget(i) skip
#define lateAsks() skip
#define use(i) skip
#define rotate() skip
#define wait() skip
#endif

#define clean (!foreign && owner == 0 && !failures && !requested && !doomed && !renewed)
#define held (owner != 0 && leased)
#define mine (fenced && owner == _pid)
#define ours (sameVersion[_pid] && owner == _pid)
#define mayPublish (ours && sameValue[_pid] && sameRefresh)
#define maybe (calm == 0)              /* what may happen, but not in a calm run */

#define hasIt(i) tok[i] == live
#define losesIt(i) tok[i] = (tok[i] == live -> dead : tok[i])
#define newValue(i) sameValue[i] = false
#define newVersion(i) sameVersion[i] = false
#define oldVersion(i) sameVersion[i] = true
#define answered() requested = false; doomed = false
inline issue() { d_step { value = dead; each(losesIt); blind = false } }
inline write() { d_step { value = tok[_pid]; each(newValue) } }
inline take() { d_step { each(newVersion); sameVersion[_pid] = true; owner = _pid; leased = true; answered(); failures = true } }
inline publish() { d_step { write(); foreign = false; each(newVersion); owner = 0; leased = false; failures = false; rotate() } }
inline release() { d_step { wait(); each(newVersion); owner = 0; leased = false; failures = true } }
inline over() { d_step { forget(_pid); tok[_pid] = none; sameValue[_pid] = false; sameVersion[_pid] = false; fenced = false } goto read }
inline noLonger() { d_step { forget(0); late = false; sameVersion[0] = false } }
inline dies() { blind = blind || tok[_pid] == live && !ours; over() }

active proctype other() provided (maybe) {
  do
  :: atomic { issue(); tok[0] = live }
     if
     :: d_step { write(); foreign = true; tok[0] = none }                     /* UPDATE … SET value, expire */
     :: d_step { write(); foreign = true; tok[0] = none;                      /* REPLACE INTO: the job's columns are as new, */
          owner = 0; leased = false; failures = false; answered(); each(oldVersion) } /* so the version may come again */
     :: d_step { blind = blind || tok[0] == live; tok[0] = none }             /* it keeps the token to itself */
     fi
  od
}

active [NODES] proctype node() provided (maybe || _pid == 1) {
  bool fenced;                                                                /* this run was, and starts over */
read:
  atomic {
    if
    :: calm == 3 -> goto done
    :: calm != 3 && held && !mine -> over()
    :: calm != 3 && !(held && !mine) ->
       sameValue[_pid] = true; sameVersion[_pid] = true; calm = (calm == 0 -> 0 : calm + 1);
       if
       :: !clean || maybe -> goto claim                                       /* due, perhaps for its age */
       :: clean -> goto probe                                                 /* fresh */
       :: maybe -> over()                                                     /* fresh, or due but not before retry_after */
       fi
    fi
  }
claim:
  atomic {
    if
    :: sameVersion[_pid] && sameValue[_pid] -> assert(!held || mine); take(); fenced = false  /* P2 */
    :: else -> over()
    fi
  }
#ifdef AUTHORIZER
input:
  atomic {
    if
    :: refresh != none -> asks[_pid] = stored
    :: refresh == none -> goto giveBack                                       /* the account withdrew */
    :: maybe -> dies()
    fi
  }
#endif
ask:
  atomic {
    if
    :: accepted(_pid) -> issue(); use(_pid); tok[_pid] = live; wanted = wanted && !ours  /* WeChat serves it */
#ifdef AUTHORIZER
    :: !accepted(_pid) -> refused[_pid] = true; goto giveBack                 /* WeChat refuses the refresh token */
#endif
    :: maybe -> goto giveBack                                                 /* WeChat refuses, or was not asked */
    :: maybe -> goto lapse                                                    /* no answer, and WeChat never saw it */
    :: maybe && !late -> late = true; sameVersion[0] = sameVersion[_pid]; lateAsks(); goto lapse  /* no answer, and it is served later */
    :: maybe -> dies()
    fi
  }
answer:
  atomic {
    if
    :: mayPublish -> publish(); over()
    :: !mayPublish -> goto report                                             /* fenced */
    :: maybe && mayPublish -> publish(); goto report                          /* a database error, but it was done */
    :: maybe -> goto report                                                   /* a database error, and it was not done */
    :: maybe -> goto ask                                                      /* no usable answer: asked again at once */
    :: maybe -> goto lapse                                                    /* the answer was lost */
    :: maybe -> dies()
    fi
  }
report:
  atomic {
    if
    :: true -> doomed = true; tok[_pid] = none; forget(_pid); fenced = true; goto read      /* where it may as well end */
    :: maybe -> dies()
    fi
  }
giveBack:
  atomic {
    if
    :: ours -> release(); over()
    :: !ours -> goto report
    :: maybe && ours -> release(); goto report                                /* a database error, but it was done */
    :: maybe -> goto report                                                   /* a database error, and it was not done */
    :: maybe -> dies()
    fi
  }
lapse:
  atomic {
    if
    :: ours -> over()
    :: !ours -> goto report
    :: maybe -> goto report                                                   /* a database error */
    :: maybe -> dies()
    fi
  }
probe:
  atomic {
    if
    :: sameValue[_pid] && value == dead -> skip                               /* of a value replaced since, no matter what */
    :: value == live || maybe -> over()                                       /* alive, no clear answer, or not its time yet */
    fi
  }
request:
  atomic {
    if
    :: sameValue[_pid] -> doomed = true; blind = false                        /* from here on it must not look clean */
    :: else -> skip
    fi;
    over()                                                                    /* to the read, that is */
  }
done: skip
}

active proctype weChat() provided (maybe) {
  do
  :: d_step { late && accepted(0) -> issue(); use(0); blind = !(owner != 0 && sameVersion[0]); noLonger() }
  :: d_step { late && !accepted(0) -> noLonger() }
  od
}

active proctype application() provided (maybe) {
  do :: d_step { requested = true; wanted = true } :: d_step { requested = false; wanted = false } od
}

#ifdef AUTHORIZER
active proctype account() provided (maybe) {
  do
  :: d_step { authorized -> issue(); blind = true; refresh = dead; each(parentDies); outdated = true }  /* it withdraws, say */
  :: d_step { !authorized -> refresh = fresh; newest = true; renewed = true; blind = false; stores() }  /* INSERT, or UPDATE */
  :: d_step { outdated -> refresh = none; stores() }                          /* DELETE */
  od
}
#endif

active proctype clock() provided (maybe) { do :: leased -> leased = false od }

active proctype properties() {
  do
  :: d_step { clean && (wanted || value != live && !some(hasIt) && !blind) -> assert(!wanted /* P6 */); assert(false /* P1 */) }
#ifdef AUTHORIZER
  :: d_step { refresh == dead && !outdated -> assert(outdated /* P8 */) }
  :: d_step { clean && value == live && authorized && !newest -> assert(newest /* P9 */) }
  :: d_step { waits && authorized -> assert(!waits /* P10 */) }
#endif
  :: atomic { maybe && resting -> calm = 1; leased = false }
  :: timeout -> assert(calm == 3 && value == live /* P7 */); break
  od
}
