------------------------------- MODULE GpcCache -------------------------------
(* The cache, and what takes its page away: refresh, activate, deactivate and    *)
(* access of its users; invalidations of the host; a change of the memslots.     *)
(*                                                                               *)
(* One guest page, which the memslots put at host page 1, and later at others.   *)
(* A step is what happens between two points at which threads may switch. A      *)
(* critical section of a cache's lock is one step, since the lock admits no      *)
(* other thread. How the lock does that is the module ReaderLock.                *)
(*                                                                               *)
(* "fault" is the number of an exhibit of the bug museum, or "none". With "none" *)
(* each place where a fault goes in reads as the code does.                      *)
EXTENDS Naturals, FiniteSets, Sequences, TLC

CONSTANTS
    Caches,        \* the caches of the VM
    Users,         \* threads that access, activate and deactivate caches
    Movers,        \* threads that take pages away and give them other frames
    NFrames,       \* frames of the host: two are in use, the others are free
    MaxAttempts,   \* the retry policy
    Runs           \* what is run:
                   \*   fault    what is wrong, and
                   \*   breaks   the invariant that does not hold then
                   \*   scripts  user -> sequence of <<operation, cache>>
                   \*   changes  where the memslots put the guest page, one after the other; 0 is nowhere
                   \*   moves    how many pages each mover takes away, or Endless
                   \*   throws   whether a page-fault handler throws, and the stack ends within a store

Pages == {1, 2}
Frames == 1..NFrames
Nobody == "nobody"
Endless == 99
Changer == "changer"
Empty == [active |-> FALSE, valid |-> FALSE, usable |-> FALSE, page |-> 0, gen |-> 0, khva |-> 0]

(* --algorithm GpcCache {

variables
    run \in Runs;
    fault = run.fault;
    \* the host: the frame of each page, free frames, references besides the page table's own, live mappings
    pt = [p \in Pages |-> p];
    free = 3..NFrames;
    refs = [f \in Frames |-> 0];
    maps = 0;
    \* invalidations in progress, with their ranges: kvm->mn_active_invalidate_count
    taking = {};
    \* the memslots, who reads them, the readers that a change waits for, and the generation whose change has returned
    slots = [gen |-> 1, page |-> 1];
    reading = {};
    awaited = {};
    done = 1;
    \* the index: listed (kvm->gpc_list), and by host page
    listed = {};
    placed = [x \in Caches |-> 0];
    \* what the lock of a cache guards, and who holds the lock for reading
    gpc = [x \in Caches |-> Empty];
    readers = [x \in Caches |-> {}];
    \* gpc->refresh_lock, and the refreshes that no invalidation has hit since they took their sample of the sequence
    refresher = [x \in Caches |-> Nobody];
    unhit = [x \in Caches |-> {}];
    \* the dirty log by host page, and the pages that ended holds have written
    dirty = {};
    written = {};

define {
    Covered(p) == \E t \in taking : t[2] = p
    Unread(x) == readers[x] = {}
}

fair process (user \in Users)
variables
    script = run.scripts[self]; op = ""; c = CHOOSE x \in Caches : TRUE;
    at = [gen |-> 0, page |-> 0]; frame = 0; former = 0; tries = 0; rounds = 0; ok = FALSE;
{
Begin:
    while (script # <<>>) {
        op := Head(script)[1]; c := Head(script)[2]; script := Tail(script);
        \* what an operation leaves behind means nothing to the next one
        at := [gen |-> 0, page |-> 0]; frame := 0; former := 0; tries := 0; rounds := 0; ok := FALSE;
        if (op # "access") {
            goto RefreshLock;
        };

    \* -------------------------------------------------------- GfnPfnCache.access
    Check: \* the read side is taken, and kept if the window is usable [L1]
        if (gpc[c].usable) {
            readers[c] := readers[c] \union {self};
            reading := reading \ {self} || awaited := awaited \ {self};
            goto Use;
        } else if (rounds < MaxAttempts) {
            rounds := rounds + 1;
            \* a change of the memslots waits for this access: one more generation can come, and no stream of them
            if (fault # "D05") {
                reading := reading \union {self};
            };
            goto RefreshLock;
        };
    GiveUp:
        reading := reading \ {self} || awaited := awaited \ {self};
        goto Begin;
    Use: \* the bytes of the mapping are used while pc is here; a store marks its page before its hold ends [L12]
        either {
            if (fault # "B30") {
                dirty := dirty \union {IF fault = "D03" THEN 1 ELSE gpc[c].page};
            };
            written := written \union {gpc[c].page};
        } or {
            \* cut short between the mark and the data: what E02 does the other way round
            await run.throws;
            if (fault = "E02") {
                written := written \union {gpc[c].page};
            } else {
                dirty := dirty \union {gpc[c].page};
            };
        };
        readers[c] := readers[c] \ {self};
        if (fault # "B30") {
            goto Begin;
        };
    MarkedLate:
        dirty := dirty \union ({gpc[c].page} \ {0});
        goto Begin;

    \* -------------------------------------------------------- refresh, activate, deactivate: one at a time [L3]
    RefreshLock:
        if (fault # "B04" /\ ~(fault = "B09" /\ op = "deactivate")) {
            await refresher[c] = Nobody;
            refresher[c] := self;
        };
        if (op = "deactivate") {
            goto Deactivate;
        } else if (op = "activate" /\ ~gpc[c].active) {
            if (fault = "B07") {
                goto Activate;
            };
        } else if (gpc[c].active \/ fault = "B06") {
            if (op = "activate" /\ fault = "B08") {
                goto Activate;
            } else {
                goto EnterRead;
            };
        } else {
            goto Inactive;
        };
    List: \* before it is active [L7]
        listed := listed \union {c};
    Activate:
        await Unread(c);
        maps := IF gpc[c].khva # 0 THEN maps - 1 ELSE maps;
        gpc[c] := [gpc[c] EXCEPT !.active = TRUE, !.khva = 0];
        if (fault # "B07") {
            goto EnterRead;
        };
    ListedLate:
        listed := listed \union {c};

    \* -------------------------------------------------------- gpa -> memslot -> uhva, in a read section [L11]
    EnterRead:
        reading := reading \union {self};
    ReadTable:
        at := slots;
    Repoint: \* valid goes before the lock does [L4]
        if (~gpc[c].valid) {
            gpc[c].page := at.page || gpc[c].gen := at.gen;
        } else {
            await Unread(c);
            with (same = gpc[c].page = at.page, keep = same \/ (fault = "B02" /\ at.page # 0)) {
                gpc[c] := [gpc[c] EXCEPT !.page = at.page, !.gen = at.gen, !.valid = keep, !.usable = keep];
                if (same) {
                    ok := TRUE;
                    goto End;
                };
            };
        };
    Place: \* before the first sample: the walk finds the cache, or the refresh finds the invalidation
        if (fault # "B07b") {
            placed[c] := at.page;
        };
        if (at.page = 0) {
            goto Fail;
        };

    \* -------------------------------------------------------- hva_to_pfn_retry(): uhva -> page -> khva
    Sample:
        if (tries = MaxAttempts /\ fault # "B23") {
            goto Fail;
        } else {
            tries := tries + 1;
            unhit[c] := unhit[c] \union {self};
        };
    LookForOne: \* waits for its end, up to a deadline
        if (Covered(at.page) /\ fault # "D02") {
            either {
                await ~Covered(at.page);
                goto Sample;
            } or {
                goto Fail;
            };
        };
    Resolve: \* faults a page in that is not there; and maps it, unless the mapping that is owned is of this frame
        either {
            with (f \in IF pt[at.page] # 0 THEN {pt[at.page]} ELSE free) {
                frame := f;
                pt[at.page] := f;
                free := free \ {f};
                refs[f] := refs[f] + 1;
                former := gpc[c].khva;
                maps := IF former # f THEN maps + 1 ELSE maps;
            };
        } or {
            await pt[at.page] = 0 /\ free = {};
            goto Fail;
        } or {
            await run.throws;
            goto End;
        };
    Install: \* with the write side held: those in progress first, then those that ended [L5]
        await Unread(c);
        if ((~Covered(at.page) \/ fault = "D02") /\ self \in unhit[c]) {
            gpc[c] := [gpc[c] EXCEPT !.khva = frame, !.valid = TRUE, !.usable = TRUE];
            ok := TRUE;
        };
    Put: \* unmaps what is not owned, or no longer; from here on the notifier protects the page, not the reference
        maps := IF former # frame /\ (former # 0 \/ ~ok) THEN maps - 1 ELSE maps;
        if (fault # "B13" /\ ~(fault = "B11" /\ former = frame)) {
            refs[frame] := refs[frame] - 1;
            if (refs[frame] = 0 /\ \A p \in Pages : pt[p] # frame) {
                free := free \union {frame};
            };
        };
        unhit[c] := unhit[c] \ {self};
        if (~ok) {
            goto Sample;
        } else if (fault = "B07b") {
            placed[c] := at.page;
            goto End;
        } else {
            goto End;
        };
    Fail:
        await Unread(c);
        maps := IF gpc[c].khva # 0 THEN maps - 1 ELSE maps;
        gpc[c] := [gpc[c] EXCEPT !.khva = 0, !.valid = FALSE, !.usable = FALSE];
    End: \* read section, then refresh lock
        if (op # "access" \/ ~ok \/ fault = "D05") {
            reading := reading \ {self};
            awaited := awaited \ {self};
        };
        unhit[c] := unhit[c] \ {self};
        refresher[c] := IF refresher[c] = self THEN Nobody ELSE refresher[c];
        if (op = "access" /\ ok) {
            ok := FALSE;
            tries := 0;
            goto Check;
        } else {
            goto Begin;
        };
    Inactive:
        reading := reading \ {self} || awaited := awaited \ {self};
        if (fault # "B10") {
            refresher[c] := IF refresher[c] = self THEN Nobody ELSE refresher[c];
        };
        goto Begin;

    \* -------------------------------------------------------- kvm_gpc_deactivate(): inactive before unlisted [L7]
    Deactivate:
        if (fault = "B07c") {
            listed := listed \ {c};
            placed[c] := 0;
        } else {
            goto TurnOff;
        };
    TurnOff:
        await Unread(c);
        maps := IF gpc[c].khva # 0 THEN maps - 1 ELSE maps;
        gpc[c] := Empty;
    Unlist:
        listed := listed \ {c};
        placed[c] := 0;
        goto End;
    };
}

\* ---------------------------------------------------------------- the host takes a page away
fair process (mover \in Movers)
variables moves = run.moves; page = 1; toVisit = {};
{
Move:
    while (moves # 0) {
        moves := IF moves = Endless THEN Endless ELSE moves - 1;
        with (p \in Pages) {
            page := p;
        };
        if (fault = "B24") {
            goto Change;
        };
    Start: \* invalidate_range_start: in progress before the walk [L6]
        if (fault # "B01") {
            taking := taking \union {<<self, page>>};
        };
        toVisit := Caches;
    Walk: \* of the index, by host page
        while (toVisit # {}) {
            with (x \in toVisit) {
                if (placed[x] = page) {
                    await Unread(x);
                    gpc[x].valid := FALSE || gpc[x].usable := (fault = "B00" /\ gpc[x].usable);
                    if (fault # "D01") {
                        unhit[x] := {};
                    };
                };
                toVisit := toVisit \ {x};
            };
        };
        if (fault = "B01") {
            taking := taking \union {<<self, page>>};
        };
    Change: \* under the page-table lock: the page moves, unless it has a reference; or it goes; or all stays
        either {
            with (f \in free) {
                await pt[page] # 0 /\ refs[pt[page]] = 0;
                free := (free \ {f}) \union {pt[page]};
                pt[page] := f;
            };
        } or {
            free := free \union {f \in {pt[page]} : f # 0 /\ refs[f] = 0};
            pt[page] := 0;
        } or {
            skip;
        };
    Finish: \* invalidate_range_end
        if (fault # "E06") {
            taking := taking \ {<<self, page>>};
        };
        if (fault # "B24") {
            goto Move;
        } else {
            toVisit := Caches;
        };
    WalkLate:
        while (toVisit # {}) {
            with (x \in toVisit) {
                if (placed[x] = page) {
                    await Unread(x);
                    gpc[x].valid := FALSE || gpc[x].usable := FALSE;
                    unhit[x] := {};
                };
                toVisit := toVisit \ {x};
            };
        };
    };
}

\* ---------------------------------------------------------------- install_new_memslots()
fair process (change \in {Changer})
variables todo = run.changes; formerPage = 1; toDrain = {};
{
Publish: \* while no invalidation is in progress, so that a start and its end see one table; up to a deadline
    while (todo # <<>>) {
        either {
            await taking = {};
            formerPage := slots.page;
            slots := [gen |-> slots.gen + 1, page |-> Head(todo)];
            todo := Tail(todo);
            awaited := reading;
        } or {
            await taking # {} /\ fault # "B86";
            todo := Tail(todo);
            goto Publish;
        };
    AwaitReaders: \* synchronize_srcu() [L11]
        if (fault # "B35") {
            await awaited = {};
        };
        toDrain := IF fault = "D04" THEN {} ELSE Caches;
    Drain: \* those at the former place: waits for the accesses through them
        while (toDrain # {}) {
            with (x \in toDrain) {
                if (placed[x] = formerPage) {
                    await Unread(x);
                    gpc[x].usable := FALSE;
                };
                toDrain := toDrain \ {x};
            };
        };
        done := slots.gen;
    };
}

} *)
\* BEGIN TRANSLATION
VARIABLES run, fault, pt, free, refs, maps, taking, slots, reading, awaited, 
          done, listed, placed, gpc, readers, refresher, unhit, dirty, 
          written, pc

(* define statement *)
Covered(p) == \E t \in taking : t[2] = p
Unread(x) == readers[x] = {}

VARIABLES script, op, c, at, frame, former, tries, rounds, ok, moves, page, 
          toVisit, todo, formerPage, toDrain

vars == << run, fault, pt, free, refs, maps, taking, slots, reading, awaited, 
           done, listed, placed, gpc, readers, refresher, unhit, dirty, 
           written, pc, script, op, c, at, frame, former, tries, rounds, ok, 
           moves, page, toVisit, todo, formerPage, toDrain >>

ProcSet == (Users) \cup (Movers) \cup ({Changer})

Init == (* Global variables *)
        /\ run \in Runs
        /\ fault = run.fault
        /\ pt = [p \in Pages |-> p]
        /\ free = 3..NFrames
        /\ refs = [f \in Frames |-> 0]
        /\ maps = 0
        /\ taking = {}
        /\ slots = [gen |-> 1, page |-> 1]
        /\ reading = {}
        /\ awaited = {}
        /\ done = 1
        /\ listed = {}
        /\ placed = [x \in Caches |-> 0]
        /\ gpc = [x \in Caches |-> Empty]
        /\ readers = [x \in Caches |-> {}]
        /\ refresher = [x \in Caches |-> Nobody]
        /\ unhit = [x \in Caches |-> {}]
        /\ dirty = {}
        /\ written = {}
        (* Process user *)
        /\ script = [self \in Users |-> run.scripts[self]]
        /\ op = [self \in Users |-> ""]
        /\ c = [self \in Users |-> CHOOSE x \in Caches : TRUE]
        /\ at = [self \in Users |-> [gen |-> 0, page |-> 0]]
        /\ frame = [self \in Users |-> 0]
        /\ former = [self \in Users |-> 0]
        /\ tries = [self \in Users |-> 0]
        /\ rounds = [self \in Users |-> 0]
        /\ ok = [self \in Users |-> FALSE]
        (* Process mover *)
        /\ moves = [self \in Movers |-> run.moves]
        /\ page = [self \in Movers |-> 1]
        /\ toVisit = [self \in Movers |-> {}]
        (* Process change *)
        /\ todo = [self \in {Changer} |-> run.changes]
        /\ formerPage = [self \in {Changer} |-> 1]
        /\ toDrain = [self \in {Changer} |-> {}]
        /\ pc = [self \in ProcSet |-> CASE self \in Users -> "Begin"
                                        [] self \in Movers -> "Move"
                                        [] self \in {Changer} -> "Publish"]

Begin(self) == /\ pc[self] = "Begin"
               /\ IF script[self] # <<>>
                     THEN /\ op' = [op EXCEPT ![self] = Head(script[self])[1]]
                          /\ c' = [c EXCEPT ![self] = Head(script[self])[2]]
                          /\ script' = [script EXCEPT ![self] = Tail(script[self])]
                          /\ at' = [at EXCEPT ![self] = [gen |-> 0, page |-> 0]]
                          /\ frame' = [frame EXCEPT ![self] = 0]
                          /\ former' = [former EXCEPT ![self] = 0]
                          /\ tries' = [tries EXCEPT ![self] = 0]
                          /\ rounds' = [rounds EXCEPT ![self] = 0]
                          /\ ok' = [ok EXCEPT ![self] = FALSE]
                          /\ IF op'[self] # "access"
                                THEN /\ pc' = [pc EXCEPT ![self] = "RefreshLock"]
                                ELSE /\ pc' = [pc EXCEPT ![self] = "Check"]
                     ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                          /\ UNCHANGED << script, op, c, at, frame, former, 
                                          tries, rounds, ok >>
               /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                               reading, awaited, done, listed, placed, gpc, 
                               readers, refresher, unhit, dirty, written, 
                               moves, page, toVisit, todo, formerPage, toDrain >>

Check(self) == /\ pc[self] = "Check"
               /\ IF gpc[c[self]].usable
                     THEN /\ readers' = [readers EXCEPT ![c[self]] = readers[c[self]] \union {self}]
                          /\ /\ awaited' = awaited \ {self}
                             /\ reading' = reading \ {self}
                          /\ pc' = [pc EXCEPT ![self] = "Use"]
                          /\ UNCHANGED rounds
                     ELSE /\ IF rounds[self] < MaxAttempts
                                THEN /\ rounds' = [rounds EXCEPT ![self] = rounds[self] + 1]
                                     /\ IF fault # "D05"
                                           THEN /\ reading' = (reading \union {self})
                                           ELSE /\ TRUE
                                                /\ UNCHANGED reading
                                     /\ pc' = [pc EXCEPT ![self] = "RefreshLock"]
                                ELSE /\ pc' = [pc EXCEPT ![self] = "GiveUp"]
                                     /\ UNCHANGED << reading, rounds >>
                          /\ UNCHANGED << awaited, readers >>
               /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                               done, listed, placed, gpc, refresher, unhit, 
                               dirty, written, script, op, c, at, frame, 
                               former, tries, ok, moves, page, toVisit, todo, 
                               formerPage, toDrain >>

GiveUp(self) == /\ pc[self] = "GiveUp"
                /\ /\ awaited' = awaited \ {self}
                   /\ reading' = reading \ {self}
                /\ pc' = [pc EXCEPT ![self] = "Begin"]
                /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                slots, done, listed, placed, gpc, readers, 
                                refresher, unhit, dirty, written, script, op, 
                                c, at, frame, former, tries, rounds, ok, moves, 
                                page, toVisit, todo, formerPage, toDrain >>

Use(self) == /\ pc[self] = "Use"
             /\ \/ /\ IF fault # "B30"
                         THEN /\ dirty' = (dirty \union {IF fault = "D03" THEN 1 ELSE gpc[c[self]].page})
                         ELSE /\ TRUE
                              /\ dirty' = dirty
                   /\ written' = (written \union {gpc[c[self]].page})
                \/ /\ run.throws
                   /\ IF fault = "E02"
                         THEN /\ written' = (written \union {gpc[c[self]].page})
                              /\ dirty' = dirty
                         ELSE /\ dirty' = (dirty \union {gpc[c[self]].page})
                              /\ UNCHANGED written
             /\ readers' = [readers EXCEPT ![c[self]] = readers[c[self]] \ {self}]
             /\ IF fault # "B30"
                   THEN /\ pc' = [pc EXCEPT ![self] = "Begin"]
                   ELSE /\ pc' = [pc EXCEPT ![self] = "MarkedLate"]
             /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                             reading, awaited, done, listed, placed, gpc, 
                             refresher, unhit, script, op, c, at, frame, 
                             former, tries, rounds, ok, moves, page, toVisit, 
                             todo, formerPage, toDrain >>

MarkedLate(self) == /\ pc[self] = "MarkedLate"
                    /\ dirty' = (dirty \union ({gpc[c[self]].page} \ {0}))
                    /\ pc' = [pc EXCEPT ![self] = "Begin"]
                    /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                    slots, reading, awaited, done, listed, 
                                    placed, gpc, readers, refresher, unhit, 
                                    written, script, op, c, at, frame, former, 
                                    tries, rounds, ok, moves, page, toVisit, 
                                    todo, formerPage, toDrain >>

RefreshLock(self) == /\ pc[self] = "RefreshLock"
                     /\ IF fault # "B04" /\ ~(fault = "B09" /\ op[self] = "deactivate")
                           THEN /\ refresher[c[self]] = Nobody
                                /\ refresher' = [refresher EXCEPT ![c[self]] = self]
                           ELSE /\ TRUE
                                /\ UNCHANGED refresher
                     /\ IF op[self] = "deactivate"
                           THEN /\ pc' = [pc EXCEPT ![self] = "Deactivate"]
                           ELSE /\ IF op[self] = "activate" /\ ~gpc[c[self]].active
                                      THEN /\ IF fault = "B07"
                                                 THEN /\ pc' = [pc EXCEPT ![self] = "Activate"]
                                                 ELSE /\ pc' = [pc EXCEPT ![self] = "List"]
                                      ELSE /\ IF gpc[c[self]].active \/ fault = "B06"
                                                 THEN /\ IF op[self] = "activate" /\ fault = "B08"
                                                            THEN /\ pc' = [pc EXCEPT ![self] = "Activate"]
                                                            ELSE /\ pc' = [pc EXCEPT ![self] = "EnterRead"]
                                                 ELSE /\ pc' = [pc EXCEPT ![self] = "Inactive"]
                     /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                     slots, reading, awaited, done, listed, 
                                     placed, gpc, readers, unhit, dirty, 
                                     written, script, op, c, at, frame, former, 
                                     tries, rounds, ok, moves, page, toVisit, 
                                     todo, formerPage, toDrain >>

List(self) == /\ pc[self] = "List"
              /\ listed' = (listed \union {c[self]})
              /\ pc' = [pc EXCEPT ![self] = "Activate"]
              /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                              reading, awaited, done, placed, gpc, readers, 
                              refresher, unhit, dirty, written, script, op, c, 
                              at, frame, former, tries, rounds, ok, moves, 
                              page, toVisit, todo, formerPage, toDrain >>

Activate(self) == /\ pc[self] = "Activate"
                  /\ Unread(c[self])
                  /\ maps' = (IF gpc[c[self]].khva # 0 THEN maps - 1 ELSE maps)
                  /\ gpc' = [gpc EXCEPT ![c[self]] = [gpc[c[self]] EXCEPT !.active = TRUE, !.khva = 0]]
                  /\ IF fault # "B07"
                        THEN /\ pc' = [pc EXCEPT ![self] = "EnterRead"]
                        ELSE /\ pc' = [pc EXCEPT ![self] = "ListedLate"]
                  /\ UNCHANGED << run, fault, pt, free, refs, taking, slots, 
                                  reading, awaited, done, listed, placed, 
                                  readers, refresher, unhit, dirty, written, 
                                  script, op, c, at, frame, former, tries, 
                                  rounds, ok, moves, page, toVisit, todo, 
                                  formerPage, toDrain >>

ListedLate(self) == /\ pc[self] = "ListedLate"
                    /\ listed' = (listed \union {c[self]})
                    /\ pc' = [pc EXCEPT ![self] = "EnterRead"]
                    /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                    slots, reading, awaited, done, placed, gpc, 
                                    readers, refresher, unhit, dirty, written, 
                                    script, op, c, at, frame, former, tries, 
                                    rounds, ok, moves, page, toVisit, todo, 
                                    formerPage, toDrain >>

EnterRead(self) == /\ pc[self] = "EnterRead"
                   /\ reading' = (reading \union {self})
                   /\ pc' = [pc EXCEPT ![self] = "ReadTable"]
                   /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                   slots, awaited, done, listed, placed, gpc, 
                                   readers, refresher, unhit, dirty, written, 
                                   script, op, c, at, frame, former, tries, 
                                   rounds, ok, moves, page, toVisit, todo, 
                                   formerPage, toDrain >>

ReadTable(self) == /\ pc[self] = "ReadTable"
                   /\ at' = [at EXCEPT ![self] = slots]
                   /\ pc' = [pc EXCEPT ![self] = "Repoint"]
                   /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                   slots, reading, awaited, done, listed, 
                                   placed, gpc, readers, refresher, unhit, 
                                   dirty, written, script, op, c, frame, 
                                   former, tries, rounds, ok, moves, page, 
                                   toVisit, todo, formerPage, toDrain >>

Repoint(self) == /\ pc[self] = "Repoint"
                 /\ IF ~gpc[c[self]].valid
                       THEN /\ gpc' = [gpc EXCEPT ![c[self]].page = at[self].page,
                                                  ![c[self]].gen = at[self].gen]
                            /\ pc' = [pc EXCEPT ![self] = "Place"]
                            /\ ok' = ok
                       ELSE /\ Unread(c[self])
                            /\ LET same == gpc[c[self]].page = at[self].page IN
                                 LET keep == same \/ (fault = "B02" /\ at[self].page # 0) IN
                                   /\ gpc' = [gpc EXCEPT ![c[self]] = [gpc[c[self]] EXCEPT !.page = at[self].page, !.gen = at[self].gen, !.valid = keep, !.usable = keep]]
                                   /\ IF same
                                         THEN /\ ok' = [ok EXCEPT ![self] = TRUE]
                                              /\ pc' = [pc EXCEPT ![self] = "End"]
                                         ELSE /\ pc' = [pc EXCEPT ![self] = "Place"]
                                              /\ ok' = ok
                 /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                 slots, reading, awaited, done, listed, placed, 
                                 readers, refresher, unhit, dirty, written, 
                                 script, op, c, at, frame, former, tries, 
                                 rounds, moves, page, toVisit, todo, 
                                 formerPage, toDrain >>

Place(self) == /\ pc[self] = "Place"
               /\ IF fault # "B07b"
                     THEN /\ placed' = [placed EXCEPT ![c[self]] = at[self].page]
                     ELSE /\ TRUE
                          /\ UNCHANGED placed
               /\ IF at[self].page = 0
                     THEN /\ pc' = [pc EXCEPT ![self] = "Fail"]
                     ELSE /\ pc' = [pc EXCEPT ![self] = "Sample"]
               /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                               reading, awaited, done, listed, gpc, readers, 
                               refresher, unhit, dirty, written, script, op, c, 
                               at, frame, former, tries, rounds, ok, moves, 
                               page, toVisit, todo, formerPage, toDrain >>

Sample(self) == /\ pc[self] = "Sample"
                /\ IF tries[self] = MaxAttempts /\ fault # "B23"
                      THEN /\ pc' = [pc EXCEPT ![self] = "Fail"]
                           /\ UNCHANGED << unhit, tries >>
                      ELSE /\ tries' = [tries EXCEPT ![self] = tries[self] + 1]
                           /\ unhit' = [unhit EXCEPT ![c[self]] = unhit[c[self]] \union {self}]
                           /\ pc' = [pc EXCEPT ![self] = "LookForOne"]
                /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                slots, reading, awaited, done, listed, placed, 
                                gpc, readers, refresher, dirty, written, 
                                script, op, c, at, frame, former, rounds, ok, 
                                moves, page, toVisit, todo, formerPage, 
                                toDrain >>

LookForOne(self) == /\ pc[self] = "LookForOne"
                    /\ IF Covered(at[self].page) /\ fault # "D02"
                          THEN /\ \/ /\ ~Covered(at[self].page)
                                     /\ pc' = [pc EXCEPT ![self] = "Sample"]
                                  \/ /\ pc' = [pc EXCEPT ![self] = "Fail"]
                          ELSE /\ pc' = [pc EXCEPT ![self] = "Resolve"]
                    /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                    slots, reading, awaited, done, listed, 
                                    placed, gpc, readers, refresher, unhit, 
                                    dirty, written, script, op, c, at, frame, 
                                    former, tries, rounds, ok, moves, page, 
                                    toVisit, todo, formerPage, toDrain >>

Resolve(self) == /\ pc[self] = "Resolve"
                 /\ \/ /\ \E f \in IF pt[at[self].page] # 0 THEN {pt[at[self].page]} ELSE free:
                            /\ frame' = [frame EXCEPT ![self] = f]
                            /\ pt' = [pt EXCEPT ![at[self].page] = f]
                            /\ free' = free \ {f}
                            /\ refs' = [refs EXCEPT ![f] = refs[f] + 1]
                            /\ former' = [former EXCEPT ![self] = gpc[c[self]].khva]
                            /\ maps' = (IF former'[self] # f THEN maps + 1 ELSE maps)
                       /\ pc' = [pc EXCEPT ![self] = "Install"]
                    \/ /\ pt[at[self].page] = 0 /\ free = {}
                       /\ pc' = [pc EXCEPT ![self] = "Fail"]
                       /\ UNCHANGED <<pt, free, refs, maps, frame, former>>
                    \/ /\ run.throws
                       /\ pc' = [pc EXCEPT ![self] = "End"]
                       /\ UNCHANGED <<pt, free, refs, maps, frame, former>>
                 /\ UNCHANGED << run, fault, taking, slots, reading, awaited, 
                                 done, listed, placed, gpc, readers, refresher, 
                                 unhit, dirty, written, script, op, c, at, 
                                 tries, rounds, ok, moves, page, toVisit, todo, 
                                 formerPage, toDrain >>

Install(self) == /\ pc[self] = "Install"
                 /\ Unread(c[self])
                 /\ IF (~Covered(at[self].page) \/ fault = "D02") /\ self \in unhit[c[self]]
                       THEN /\ gpc' = [gpc EXCEPT ![c[self]] = [gpc[c[self]] EXCEPT !.khva = frame[self], !.valid = TRUE, !.usable = TRUE]]
                            /\ ok' = [ok EXCEPT ![self] = TRUE]
                       ELSE /\ TRUE
                            /\ UNCHANGED << gpc, ok >>
                 /\ pc' = [pc EXCEPT ![self] = "Put"]
                 /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                 slots, reading, awaited, done, listed, placed, 
                                 readers, refresher, unhit, dirty, written, 
                                 script, op, c, at, frame, former, tries, 
                                 rounds, moves, page, toVisit, todo, 
                                 formerPage, toDrain >>

Put(self) == /\ pc[self] = "Put"
             /\ maps' = (IF former[self] # frame[self] /\ (former[self] # 0 \/ ~ok[self]) THEN maps - 1 ELSE maps)
             /\ IF fault # "B13" /\ ~(fault = "B11" /\ former[self] = frame[self])
                   THEN /\ refs' = [refs EXCEPT ![frame[self]] = refs[frame[self]] - 1]
                        /\ IF refs'[frame[self]] = 0 /\ \A p \in Pages : pt[p] # frame[self]
                              THEN /\ free' = (free \union {frame[self]})
                              ELSE /\ TRUE
                                   /\ free' = free
                   ELSE /\ TRUE
                        /\ UNCHANGED << free, refs >>
             /\ unhit' = [unhit EXCEPT ![c[self]] = unhit[c[self]] \ {self}]
             /\ IF ~ok[self]
                   THEN /\ pc' = [pc EXCEPT ![self] = "Sample"]
                        /\ UNCHANGED placed
                   ELSE /\ IF fault = "B07b"
                              THEN /\ placed' = [placed EXCEPT ![c[self]] = at[self].page]
                                   /\ pc' = [pc EXCEPT ![self] = "End"]
                              ELSE /\ pc' = [pc EXCEPT ![self] = "End"]
                                   /\ UNCHANGED placed
             /\ UNCHANGED << run, fault, pt, taking, slots, reading, awaited, 
                             done, listed, gpc, readers, refresher, dirty, 
                             written, script, op, c, at, frame, former, tries, 
                             rounds, ok, moves, page, toVisit, todo, 
                             formerPage, toDrain >>

Fail(self) == /\ pc[self] = "Fail"
              /\ Unread(c[self])
              /\ maps' = (IF gpc[c[self]].khva # 0 THEN maps - 1 ELSE maps)
              /\ gpc' = [gpc EXCEPT ![c[self]] = [gpc[c[self]] EXCEPT !.khva = 0, !.valid = FALSE, !.usable = FALSE]]
              /\ pc' = [pc EXCEPT ![self] = "End"]
              /\ UNCHANGED << run, fault, pt, free, refs, taking, slots, 
                              reading, awaited, done, listed, placed, readers, 
                              refresher, unhit, dirty, written, script, op, c, 
                              at, frame, former, tries, rounds, ok, moves, 
                              page, toVisit, todo, formerPage, toDrain >>

End(self) == /\ pc[self] = "End"
             /\ IF op[self] # "access" \/ ~ok[self] \/ fault = "D05"
                   THEN /\ reading' = reading \ {self}
                        /\ awaited' = awaited \ {self}
                   ELSE /\ TRUE
                        /\ UNCHANGED << reading, awaited >>
             /\ unhit' = [unhit EXCEPT ![c[self]] = unhit[c[self]] \ {self}]
             /\ refresher' = [refresher EXCEPT ![c[self]] = IF refresher[c[self]] = self THEN Nobody ELSE refresher[c[self]]]
             /\ IF op[self] = "access" /\ ok[self]
                   THEN /\ ok' = [ok EXCEPT ![self] = FALSE]
                        /\ tries' = [tries EXCEPT ![self] = 0]
                        /\ pc' = [pc EXCEPT ![self] = "Check"]
                   ELSE /\ pc' = [pc EXCEPT ![self] = "Begin"]
                        /\ UNCHANGED << tries, ok >>
             /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                             done, listed, placed, gpc, readers, dirty, 
                             written, script, op, c, at, frame, former, rounds, 
                             moves, page, toVisit, todo, formerPage, toDrain >>

Inactive(self) == /\ pc[self] = "Inactive"
                  /\ /\ awaited' = awaited \ {self}
                     /\ reading' = reading \ {self}
                  /\ IF fault # "B10"
                        THEN /\ refresher' = [refresher EXCEPT ![c[self]] = IF refresher[c[self]] = self THEN Nobody ELSE refresher[c[self]]]
                        ELSE /\ TRUE
                             /\ UNCHANGED refresher
                  /\ pc' = [pc EXCEPT ![self] = "Begin"]
                  /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                  slots, done, listed, placed, gpc, readers, 
                                  unhit, dirty, written, script, op, c, at, 
                                  frame, former, tries, rounds, ok, moves, 
                                  page, toVisit, todo, formerPage, toDrain >>

Deactivate(self) == /\ pc[self] = "Deactivate"
                    /\ IF fault = "B07c"
                          THEN /\ listed' = listed \ {c[self]}
                               /\ placed' = [placed EXCEPT ![c[self]] = 0]
                               /\ pc' = [pc EXCEPT ![self] = "TurnOff"]
                          ELSE /\ pc' = [pc EXCEPT ![self] = "TurnOff"]
                               /\ UNCHANGED << listed, placed >>
                    /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                    slots, reading, awaited, done, gpc, 
                                    readers, refresher, unhit, dirty, written, 
                                    script, op, c, at, frame, former, tries, 
                                    rounds, ok, moves, page, toVisit, todo, 
                                    formerPage, toDrain >>

TurnOff(self) == /\ pc[self] = "TurnOff"
                 /\ Unread(c[self])
                 /\ maps' = (IF gpc[c[self]].khva # 0 THEN maps - 1 ELSE maps)
                 /\ gpc' = [gpc EXCEPT ![c[self]] = Empty]
                 /\ pc' = [pc EXCEPT ![self] = "Unlist"]
                 /\ UNCHANGED << run, fault, pt, free, refs, taking, slots, 
                                 reading, awaited, done, listed, placed, 
                                 readers, refresher, unhit, dirty, written, 
                                 script, op, c, at, frame, former, tries, 
                                 rounds, ok, moves, page, toVisit, todo, 
                                 formerPage, toDrain >>

Unlist(self) == /\ pc[self] = "Unlist"
                /\ listed' = listed \ {c[self]}
                /\ placed' = [placed EXCEPT ![c[self]] = 0]
                /\ pc' = [pc EXCEPT ![self] = "End"]
                /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                slots, reading, awaited, done, gpc, readers, 
                                refresher, unhit, dirty, written, script, op, 
                                c, at, frame, former, tries, rounds, ok, moves, 
                                page, toVisit, todo, formerPage, toDrain >>

user(self) == Begin(self) \/ Check(self) \/ GiveUp(self) \/ Use(self)
                 \/ MarkedLate(self) \/ RefreshLock(self) \/ List(self)
                 \/ Activate(self) \/ ListedLate(self) \/ EnterRead(self)
                 \/ ReadTable(self) \/ Repoint(self) \/ Place(self)
                 \/ Sample(self) \/ LookForOne(self) \/ Resolve(self)
                 \/ Install(self) \/ Put(self) \/ Fail(self) \/ End(self)
                 \/ Inactive(self) \/ Deactivate(self) \/ TurnOff(self)
                 \/ Unlist(self)

Move(self) == /\ pc[self] = "Move"
              /\ IF moves[self] # 0
                    THEN /\ moves' = [moves EXCEPT ![self] = IF moves[self] = Endless THEN Endless ELSE moves[self] - 1]
                         /\ \E p \in Pages:
                              page' = [page EXCEPT ![self] = p]
                         /\ IF fault = "B24"
                               THEN /\ pc' = [pc EXCEPT ![self] = "Change"]
                               ELSE /\ pc' = [pc EXCEPT ![self] = "Start"]
                    ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                         /\ UNCHANGED << moves, page >>
              /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                              reading, awaited, done, listed, placed, gpc, 
                              readers, refresher, unhit, dirty, written, 
                              script, op, c, at, frame, former, tries, rounds, 
                              ok, toVisit, todo, formerPage, toDrain >>

Start(self) == /\ pc[self] = "Start"
               /\ IF fault # "B01"
                     THEN /\ taking' = (taking \union {<<self, page[self]>>})
                     ELSE /\ TRUE
                          /\ UNCHANGED taking
               /\ toVisit' = [toVisit EXCEPT ![self] = Caches]
               /\ pc' = [pc EXCEPT ![self] = "Walk"]
               /\ UNCHANGED << run, fault, pt, free, refs, maps, slots, 
                               reading, awaited, done, listed, placed, gpc, 
                               readers, refresher, unhit, dirty, written, 
                               script, op, c, at, frame, former, tries, rounds, 
                               ok, moves, page, todo, formerPage, toDrain >>

Walk(self) == /\ pc[self] = "Walk"
              /\ IF toVisit[self] # {}
                    THEN /\ \E x \in toVisit[self]:
                              /\ IF placed[x] = page[self]
                                    THEN /\ Unread(x)
                                         /\ gpc' = [gpc EXCEPT ![x].valid = FALSE,
                                                               ![x].usable = (fault = "B00" /\ gpc[x].usable)]
                                         /\ IF fault # "D01"
                                               THEN /\ unhit' = [unhit EXCEPT ![x] = {}]
                                               ELSE /\ TRUE
                                                    /\ unhit' = unhit
                                    ELSE /\ TRUE
                                         /\ UNCHANGED << gpc, unhit >>
                              /\ toVisit' = [toVisit EXCEPT ![self] = toVisit[self] \ {x}]
                         /\ pc' = [pc EXCEPT ![self] = "Walk"]
                         /\ UNCHANGED taking
                    ELSE /\ IF fault = "B01"
                               THEN /\ taking' = (taking \union {<<self, page[self]>>})
                               ELSE /\ TRUE
                                    /\ UNCHANGED taking
                         /\ pc' = [pc EXCEPT ![self] = "Change"]
                         /\ UNCHANGED << gpc, unhit, toVisit >>
              /\ UNCHANGED << run, fault, pt, free, refs, maps, slots, reading, 
                              awaited, done, listed, placed, readers, 
                              refresher, dirty, written, script, op, c, at, 
                              frame, former, tries, rounds, ok, moves, page, 
                              todo, formerPage, toDrain >>

Change(self) == /\ pc[self] = "Change"
                /\ \/ /\ \E f \in free:
                           /\ pt[page[self]] # 0 /\ refs[pt[page[self]]] = 0
                           /\ free' = ((free \ {f}) \union {pt[page[self]]})
                           /\ pt' = [pt EXCEPT ![page[self]] = f]
                   \/ /\ free' = (free \union {f \in {pt[page[self]]} : f # 0 /\ refs[f] = 0})
                      /\ pt' = [pt EXCEPT ![page[self]] = 0]
                   \/ /\ TRUE
                      /\ UNCHANGED <<pt, free>>
                /\ pc' = [pc EXCEPT ![self] = "Finish"]
                /\ UNCHANGED << run, fault, refs, maps, taking, slots, reading, 
                                awaited, done, listed, placed, gpc, readers, 
                                refresher, unhit, dirty, written, script, op, 
                                c, at, frame, former, tries, rounds, ok, moves, 
                                page, toVisit, todo, formerPage, toDrain >>

Finish(self) == /\ pc[self] = "Finish"
                /\ IF fault # "E06"
                      THEN /\ taking' = taking \ {<<self, page[self]>>}
                      ELSE /\ TRUE
                           /\ UNCHANGED taking
                /\ IF fault # "B24"
                      THEN /\ pc' = [pc EXCEPT ![self] = "Move"]
                           /\ UNCHANGED toVisit
                      ELSE /\ toVisit' = [toVisit EXCEPT ![self] = Caches]
                           /\ pc' = [pc EXCEPT ![self] = "WalkLate"]
                /\ UNCHANGED << run, fault, pt, free, refs, maps, slots, 
                                reading, awaited, done, listed, placed, gpc, 
                                readers, refresher, unhit, dirty, written, 
                                script, op, c, at, frame, former, tries, 
                                rounds, ok, moves, page, todo, formerPage, 
                                toDrain >>

WalkLate(self) == /\ pc[self] = "WalkLate"
                  /\ IF toVisit[self] # {}
                        THEN /\ \E x \in toVisit[self]:
                                  /\ IF placed[x] = page[self]
                                        THEN /\ Unread(x)
                                             /\ gpc' = [gpc EXCEPT ![x].valid = FALSE,
                                                                   ![x].usable = FALSE]
                                             /\ unhit' = [unhit EXCEPT ![x] = {}]
                                        ELSE /\ TRUE
                                             /\ UNCHANGED << gpc, unhit >>
                                  /\ toVisit' = [toVisit EXCEPT ![self] = toVisit[self] \ {x}]
                             /\ pc' = [pc EXCEPT ![self] = "WalkLate"]
                        ELSE /\ pc' = [pc EXCEPT ![self] = "Move"]
                             /\ UNCHANGED << gpc, unhit, toVisit >>
                  /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                  slots, reading, awaited, done, listed, 
                                  placed, readers, refresher, dirty, written, 
                                  script, op, c, at, frame, former, tries, 
                                  rounds, ok, moves, page, todo, formerPage, 
                                  toDrain >>

mover(self) == Move(self) \/ Start(self) \/ Walk(self) \/ Change(self)
                  \/ Finish(self) \/ WalkLate(self)

Publish(self) == /\ pc[self] = "Publish"
                 /\ IF todo[self] # <<>>
                       THEN /\ \/ /\ taking = {}
                                  /\ formerPage' = [formerPage EXCEPT ![self] = slots.page]
                                  /\ slots' = [gen |-> slots.gen + 1, page |-> Head(todo[self])]
                                  /\ todo' = [todo EXCEPT ![self] = Tail(todo[self])]
                                  /\ awaited' = reading
                                  /\ pc' = [pc EXCEPT ![self] = "AwaitReaders"]
                               \/ /\ taking # {} /\ fault # "B86"
                                  /\ todo' = [todo EXCEPT ![self] = Tail(todo[self])]
                                  /\ pc' = [pc EXCEPT ![self] = "Publish"]
                                  /\ UNCHANGED <<slots, awaited, formerPage>>
                       ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                            /\ UNCHANGED << slots, awaited, todo, formerPage >>
                 /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                 reading, done, listed, placed, gpc, readers, 
                                 refresher, unhit, dirty, written, script, op, 
                                 c, at, frame, former, tries, rounds, ok, 
                                 moves, page, toVisit, toDrain >>

AwaitReaders(self) == /\ pc[self] = "AwaitReaders"
                      /\ IF fault # "B35"
                            THEN /\ awaited = {}
                            ELSE /\ TRUE
                      /\ toDrain' = [toDrain EXCEPT ![self] = IF fault = "D04" THEN {} ELSE Caches]
                      /\ pc' = [pc EXCEPT ![self] = "Drain"]
                      /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, 
                                      slots, reading, awaited, done, listed, 
                                      placed, gpc, readers, refresher, unhit, 
                                      dirty, written, script, op, c, at, frame, 
                                      former, tries, rounds, ok, moves, page, 
                                      toVisit, todo, formerPage >>

Drain(self) == /\ pc[self] = "Drain"
               /\ IF toDrain[self] # {}
                     THEN /\ \E x \in toDrain[self]:
                               /\ IF placed[x] = formerPage[self]
                                     THEN /\ Unread(x)
                                          /\ gpc' = [gpc EXCEPT ![x].usable = FALSE]
                                     ELSE /\ TRUE
                                          /\ gpc' = gpc
                               /\ toDrain' = [toDrain EXCEPT ![self] = toDrain[self] \ {x}]
                          /\ pc' = [pc EXCEPT ![self] = "Drain"]
                          /\ done' = done
                     ELSE /\ done' = slots.gen
                          /\ pc' = [pc EXCEPT ![self] = "Publish"]
                          /\ UNCHANGED << gpc, toDrain >>
               /\ UNCHANGED << run, fault, pt, free, refs, maps, taking, slots, 
                               reading, awaited, listed, placed, readers, 
                               refresher, unhit, dirty, written, script, op, c, 
                               at, frame, former, tries, rounds, ok, moves, 
                               page, toVisit, todo, formerPage >>

change(self) == Publish(self) \/ AwaitReaders(self) \/ Drain(self)

(* Allow infinite stuttering to prevent deadlock on termination. *)
Terminating == /\ \A self \in ProcSet: pc[self] = "Done"
               /\ UNCHANGED vars

Next == (\E self \in Users: user(self))
           \/ (\E self \in Movers: mover(self))
           \/ (\E self \in {Changer}: change(self))
           \/ Terminating

Spec == /\ Init /\ [][Next]_vars
        /\ \A self \in Users : WF_vars(user(self))
        /\ \A self \in Movers : WF_vars(mover(self))
        /\ \A self \in {Changer} : WF_vars(change(self))

Termination == <>(\A self \in ProcSet: pc[self] = "Done")

\* END TRANSLATION

Using(u) == pc[u] = "Use"
Finished == \A p \in ProcSet : pc[p] = "Done"
Owned == Cardinality({x \in Caches : gpc[x].khva # 0})

\* The invariants, by the numbers of RULES.md.
I1 == \A u \in Users : Using(u) => gpc[c[u]].khva # 0 /\ gpc[c[u]].khva = pt[gpc[c[u]].page]
I2 == \A x \in Caches : (gpc[x].active \/ placed[x] # 0 => x \in listed)
                     /\ (x \in listed => gpc[x].active \/ \E u \in Users : c[u] = x /\ pc[u] \in {"Activate", "Unlist"})
I3 == \A x \in Caches : gpc[x].valid => gpc[x].active
I4 == \A x \in Caches : gpc[x].valid => gpc[x].khva # 0 /\ gpc[x].page # 0
I5 == Finished => maps = Owned /\ \A f \in Frames : refs[f] = 0
\* Attempts are bounded; and slot changes alone, however many, make no access give up.
I6 == \A u \in Users : tries[u] <= MaxAttempts /\ (run.moves = 0 /\ ~run.throws => pc[u] # "GiveUp")
I8 == \A u \in Users : Using(u) => gpc[c[u]].gen >= done
I9 == written \subseteq dirty \/ \E u \in Users : pc[u] = "MarkedLate"
I14 == \A x \in Caches : gpc[x].valid => placed[x] = gpc[x].page
NotifierPairs == Finished => taking = {}
\* A thread that has not ended can go on: else a wake-up was lost, or threads wait for each other.
NoDeadlock == Finished \/ ENABLED Next

\* Each call and each change of the memslots returns, whatever the host does meanwhile, if it never stops.
CallsReturn == <>(\A p \in Users \union {Changer} : pc[p] = "Done")
===============================================================================
