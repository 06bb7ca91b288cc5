------------------------------ MODULE ReaderLock ------------------------------
(* The lock of a cache with readers that announce themselves, on a processor     *)
(* with store buffers: TrackedRwLock, ReaderTable, FastPath; and the harvest of  *)
(* the dirty log, which waits for brief holds.                                   *)
(*                                                                               *)
(* Each thread has a buffer. A store goes there, and reaches the memory at any   *)
(* moment later. Stores to one place keep their order; a release follows all     *)
(* stores before it; other stores may overtake each other. A fence, and a locked *)
(* instruction, wait until the buffer is empty. That is weaker than x86, where   *)
(* the buffer is a queue: a release costs nothing there. Loads are done at once; *)
(* where the code has an acquire or a fence between two loads, the fault that    *)
(* takes it out does them in the other order.                                    *)
(*                                                                               *)
(* "fault" is an exhibit of the bug museum, a fence that is missing, or "none".  *)
EXTENDS Naturals, Sequences, TLC

CONSTANTS
    Users,     \* threads that use the bytes
    Runs       \* what is run:
               \*   fault     what is wrong, and
               \*   breaks    the invariant that does not hold then
               \*   scripts   user -> operations: "store" and "load" of FastPath, "access" by GuestAccess, which
               \*             writes, or "read", which reads
               \*   moves     how often the page moves to another frame
               \*   harvests  how often the dirty log is harvested, and the page copied after that
               \*   full      whether the table may be found full: a reader takes the lock proper then
               \*   endless   whether users begin again when they have ended

Mover == "mover"
Harvester == "harvester"
Threads == Users \union {Mover, Harvester}
Nobody == "nobody"
Freed == 99
\* What a word says: nothing, a hold, a brief hold, a brief hold that a harvest has SEEN and waits for.
None == 0
Hold == 1
Brief == 2
Seen == 3
Empty == <<>>

(* --algorithm ReaderLock {

variables
    run \in Runs;
    fault = run.fault;
    \* The sequence, even while the lock is open; the frame that the window leads to; the bit of the page in the dirty
    \* log; and of each user the word in which it announces itself. The data of two frames.
    memory = [l \in Users \union {"sequence", "bytes", "mark"} |-> IF l = "bytes" THEN 1 ELSE 0];
    data = <<0, Freed>>;
    buffer = [t \in Threads |-> Empty];
    \* the lock proper
    writer = Nobody;
    readers = {};
    \* the host: the frame of the page
    frame = 1;
    \* what the last harvest copied; the value of the last store; what was read
    copy = 0;
    stored = 0;
    got = 0;

define {
    \* Data lies in frames: place <<"data", f>> is written as 10 + f.
    Last(t, l) == LET same == {i \in 1..Len(buffer[t]) : buffer[t][i].at = l}
                  IN  IF same = {} THEN 0 ELSE CHOOSE i \in same : \A j \in same : j <= i
    Get(t, l) == IF Last(t, l) # 0 THEN buffer[t][Last(t, l)].value ELSE memory[l]
    Open(s) == s % 2 = 0
    \* What may leave a buffer next.
    Ready(t) == {i \in 1..Len(buffer[t]) :
                    IF buffer[t][i].release THEN i = 1 ELSE \A j \in 1..(i - 1) : buffer[t][j].at # buffer[t][i].at}
    Without(s, i) == SubSeq(s, 1, i - 1) \o SubSeq(s, i + 1, Len(s))
    GetData(t, f) == LET mine == {i \in 1..Len(buffer[t]) : buffer[t][i].at = "data" /\ buffer[t][i].frame = f}
                     IN  IF mine = {} THEN data[f] ELSE buffer[t][CHOOSE i \in mine : \A j \in mine : j <= i].value
}

macro put(l, v, isRelease) {
    buffer[self] := Append(buffer[self], [at |-> l, value |-> v, release |-> isRelease, frame |-> 0]);
}

macro fence() {
    await buffer[self] = Empty;
}

fair process (user \in Users)
variables script = run.scripts[self]; op = ""; seen = 0; at = 0; value = 0; open = FALSE;
{
Begin:
    while (script # <<>>) {
        op := Head(script);
        script := IF run.endless THEN script ELSE Tail(script);
        seen := 0; at := IF fault = "F6" THEN Get(self, "bytes") ELSE 0; value := 0; open := FALSE;
        if (op \in {"access", "read"}) {
            goto Announce;
        };
    Sequence: \* acquire: the bytes are no older
        seen := Get(self, "sequence");
        if (~Open(seen)) {
            goto Begin;
        };
    Bytes:
        at := IF fault = "F6" THEN at ELSE Get(self, "bytes");
        if (op = "store") {
            goto Announce;
        } else if (fault = "F4") {
            goto LookFirst;
        };

    \* ------------------------------------------------------------ FastPath.load: no lock; what it read may be worthless
    Load:
        value := GetData(self, at);
    IsStill: \* behind a load-load fence
        if (Get(self, "sequence") = seen \/ fault = "D06") {
            got := IF got = Freed THEN got ELSE value;
        };
        goto Begin;
    LookFirst:
        open := Get(self, "sequence") = seen;
    LoadLate:
        if (open) {
            got := IF got = Freed THEN got ELSE GetData(self, at);
        };
        goto Begin;

    \* ------------------------------------------------------------ a hold: announce, then look
    Announce:
        either {
            if (fault = "F1") {
                put(self, IF op = "store" THEN Brief ELSE Hold, FALSE);
            } else {
                fence();
                await memory[self] = None;
                memory[self] := IF op = "store" THEN Brief ELSE Hold;
            };
        } or {
            await run.full /\ op = "read";
            goto Proper;
        };
    Early:
        if (fault = "F9") {
            at := Get(self, "bytes");
            value := GetData(self, at);
        };
    Look: \* an acquire: what is used is no older
        if (op = "store") {
            open := Get(self, "sequence") = seen \/ fault = "D11";
        } else {
            open := Open(Get(self, "sequence")) \/ fault = "D08";
        };
        if (~open) {
            goto Leave;
        } else if (op = "store") {
            goto Mark;
        } else {
            at := IF fault = "F9" THEN at ELSE Get(self, "bytes");
            if (op = "access") {
                goto Write;
            };
        };
    Read:
        got := IF got = Freed THEN got ELSE IF fault = "F9" THEN value ELSE GetData(self, at);
        goto Leave;
    Write: \* an access marks after the data, and before its hold ends
        stored := IF run.endless THEN 1 ELSE stored + 1;
        buffer[self] := Append(buffer[self], [at |-> "data", value |-> stored, release |-> FALSE, frame |-> at]);
    Fence:
        if (fault # "F10") {
            fence();
        };
        if (Get(self, "mark") = 1) {
            goto Leave;
        };
    SetMark: \* a locked instruction
        fence();
        memory["mark"] := 1;
        goto Leave;
    Mark: \* a brief hold marks first; it has fenced already
        if (fault = "D09") {
            put(self, None, TRUE);
            goto Data;
        } else if (Get(self, "mark") = 1) {
            goto Data;
        };
    SetMarkFirst:
        fence();
        memory["mark"] := 1;
    Data:
        stored := IF run.endless THEN 1 ELSE stored + 1;
        buffer[self] := Append(buffer[self], [at |-> "data", value |-> stored, release |-> FALSE, frame |-> at]);
        if (fault = "D09") {
            goto Begin;
        };
    Leave: \* a release: who sees the word free sees what was done under the hold
        put(self, None, fault # "F3");
        goto Begin;

    \* ------------------------------------------------------------ the lock proper, if the table is full
    Proper:
        fence();
        await writer = Nobody;
        readers := readers \union {self};
    ReadProper: \* shut, and no writer: the window is not usable
        if (Open(Get(self, "sequence"))) {
            got := IF got = Freed THEN got ELSE GetData(self, Get(self, "bytes"));
        };
        readers := readers \ {self};
    };
}

\* ---------------------------------------------------------------- the writer: an invalidation, then a refresh
fair process (mover \in {Mover})
variables moves = run.moves; toScan = {}; early = 0; givesUp = FALSE;
{
Invalidate:
    while (moves # 0) {
        moves := moves - 1;
        givesUp := FALSE;
        await writer = Nobody /\ readers = {};
        writer := self;
        toScan := {};
        if (~Open(Get(self, "sequence"))) {
            goto Unlock;                 \* who shut it has waited for every reader
        };
    Shut:
        put("sequence", Get(self, "sequence") + 1, TRUE);
        toScan := Users;
    Shutting: \* volatile: shut before the announcements are looked at
        if (fault # "F2") {
            fence();
        };
        early := GetData(self, frame);
    Scan:
        while (toScan # {} /\ fault # "D07") {
            with (u \in toScan) {
                either {
                    await memory[u] = None;
                    toScan := toScan \ {u};
                } or {
                    \* an invalidation that may not block; or the deadline passes
                    await memory[u] # None;
                    toScan := {};
                    givesUp := fault # "D10";
                };
            };
        };
        if (givesUp) {
            goto Reopen;
        };
    Unlock:
        fence();
        writer := Nobody;
    Change: \* the host, under its locks
        with (other = 3 - frame) {
            data := [data EXCEPT ![other] = IF fault = "F7" THEN early ELSE data[frame], ![frame] = Freed];
            frame := other;
        };
    Refresh:
        await writer = Nobody /\ readers = {};
        writer := self;
    Install:
        put("bytes", frame, TRUE);
    Reopen: \* a release: what the writer did is there for the readers it opens the lock for
        put("sequence", Get(self, "sequence") + 1, fault # "F5");
    UnlockOpen:
        fence();
        writer := Nobody;
    };
}

\* ---------------------------------------------------------------- the harvest of the dirty log
fair process (harvester \in {Harvester})
variables harvests = run.harvests; toAwait = {}; taken = 0; awaited = "";
{
Harvest:
    while (harvests # 0) {
        harvests := harvests - 1;
        if (fault = "F8") {
            taken := memory["mark"];
            put("mark", 0, TRUE);
        } else {
            taken := memory["mark"];
            memory["mark"] := 0;
        };
        toAwait := Users;
    BriefHolds: \* those that were announced when it looks; the next at the same place has a word that is not SEEN
        while (toAwait # {} /\ fault # "F11") {
            with (u \in toAwait) {
                awaited := u;
            };
            toAwait := toAwait \ {awaited};
            if (memory[awaited] = Brief) {
                memory[awaited] := Seen;
            } else {
                goto BriefHolds;
            };
        Ends:
            await memory[awaited] # Seen /\ (fault = "F12" => memory[awaited] = None);
        };
    Copy:
        if (taken = 1) {
            copy := data[frame];
        };
    Settled:
        fence();
    };
}

\* ---------------------------------------------------------------- buffers empty at any moment
fair process (processor \in {"processor"})
{
Flush:
    while (TRUE) {
        with (t \in {t \in Threads : buffer[t] # Empty}, i \in Ready(t)) {
            with (entry = buffer[t][i]) {
                buffer[t] := Without(buffer[t], i);
                if (entry.at = "data") {
                    data[entry.frame] := entry.value;
                } else {
                    memory[entry.at] := entry.value;
                };
            };
        };
    };
}

} *)
\* BEGIN TRANSLATION
VARIABLES run, fault, memory, data, buffer, writer, readers, frame, copy, 
          stored, got, pc

(* define statement *)
Last(t, l) == LET same == {i \in 1..Len(buffer[t]) : buffer[t][i].at = l}
              IN  IF same = {} THEN 0 ELSE CHOOSE i \in same : \A j \in same : j <= i
Get(t, l) == IF Last(t, l) # 0 THEN buffer[t][Last(t, l)].value ELSE memory[l]
Open(s) == s % 2 = 0

Ready(t) == {i \in 1..Len(buffer[t]) :
                IF buffer[t][i].release THEN i = 1 ELSE \A j \in 1..(i - 1) : buffer[t][j].at # buffer[t][i].at}
Without(s, i) == SubSeq(s, 1, i - 1) \o SubSeq(s, i + 1, Len(s))
GetData(t, f) == LET mine == {i \in 1..Len(buffer[t]) : buffer[t][i].at = "data" /\ buffer[t][i].frame = f}
                 IN  IF mine = {} THEN data[f] ELSE buffer[t][CHOOSE i \in mine : \A j \in mine : j <= i].value

VARIABLES script, op, seen, at, value, open, moves, toScan, early, givesUp, 
          harvests, toAwait, taken, awaited

vars == << run, fault, memory, data, buffer, writer, readers, frame, copy, 
           stored, got, pc, script, op, seen, at, value, open, moves, toScan, 
           early, givesUp, harvests, toAwait, taken, awaited >>

ProcSet == (Users) \cup ({Mover}) \cup ({Harvester}) \cup ({"processor"})

Init == (* Global variables *)
        /\ run \in Runs
        /\ fault = run.fault
        /\ memory = [l \in Users \union {"sequence", "bytes", "mark"} |-> IF l = "bytes" THEN 1 ELSE 0]
        /\ data = <<0, Freed>>
        /\ buffer = [t \in Threads |-> Empty]
        /\ writer = Nobody
        /\ readers = {}
        /\ frame = 1
        /\ copy = 0
        /\ stored = 0
        /\ got = 0
        (* Process user *)
        /\ script = [self \in Users |-> run.scripts[self]]
        /\ op = [self \in Users |-> ""]
        /\ seen = [self \in Users |-> 0]
        /\ at = [self \in Users |-> 0]
        /\ value = [self \in Users |-> 0]
        /\ open = [self \in Users |-> FALSE]
        (* Process mover *)
        /\ moves = [self \in {Mover} |-> run.moves]
        /\ toScan = [self \in {Mover} |-> {}]
        /\ early = [self \in {Mover} |-> 0]
        /\ givesUp = [self \in {Mover} |-> FALSE]
        (* Process harvester *)
        /\ harvests = [self \in {Harvester} |-> run.harvests]
        /\ toAwait = [self \in {Harvester} |-> {}]
        /\ taken = [self \in {Harvester} |-> 0]
        /\ awaited = [self \in {Harvester} |-> ""]
        /\ pc = [self \in ProcSet |-> CASE self \in Users -> "Begin"
                                        [] self \in {Mover} -> "Invalidate"
                                        [] self \in {Harvester} -> "Harvest"
                                        [] self \in {"processor"} -> "Flush"]

Begin(self) == /\ pc[self] = "Begin"
               /\ IF script[self] # <<>>
                     THEN /\ op' = [op EXCEPT ![self] = Head(script[self])]
                          /\ script' = [script EXCEPT ![self] = IF run.endless THEN script[self] ELSE Tail(script[self])]
                          /\ seen' = [seen EXCEPT ![self] = 0]
                          /\ at' = [at EXCEPT ![self] = IF fault = "F6" THEN Get(self, "bytes") ELSE 0]
                          /\ value' = [value EXCEPT ![self] = 0]
                          /\ open' = [open EXCEPT ![self] = FALSE]
                          /\ IF op'[self] \in {"access", "read"}
                                THEN /\ pc' = [pc EXCEPT ![self] = "Announce"]
                                ELSE /\ pc' = [pc EXCEPT ![self] = "Sequence"]
                     ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                          /\ UNCHANGED << script, op, seen, at, value, open >>
               /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                               readers, frame, copy, stored, got, moves, 
                               toScan, early, givesUp, harvests, toAwait, 
                               taken, awaited >>

Sequence(self) == /\ pc[self] = "Sequence"
                  /\ seen' = [seen EXCEPT ![self] = Get(self, "sequence")]
                  /\ IF ~Open(seen'[self])
                        THEN /\ pc' = [pc EXCEPT ![self] = "Begin"]
                        ELSE /\ pc' = [pc EXCEPT ![self] = "Bytes"]
                  /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                  readers, frame, copy, stored, got, script, 
                                  op, at, value, open, moves, toScan, early, 
                                  givesUp, harvests, toAwait, taken, awaited >>

Bytes(self) == /\ pc[self] = "Bytes"
               /\ at' = [at EXCEPT ![self] = IF fault = "F6" THEN at[self] ELSE Get(self, "bytes")]
               /\ IF op[self] = "store"
                     THEN /\ pc' = [pc EXCEPT ![self] = "Announce"]
                     ELSE /\ IF fault = "F4"
                                THEN /\ pc' = [pc EXCEPT ![self] = "LookFirst"]
                                ELSE /\ pc' = [pc EXCEPT ![self] = "Load"]
               /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                               readers, frame, copy, stored, got, script, op, 
                               seen, value, open, moves, toScan, early, 
                               givesUp, harvests, toAwait, taken, awaited >>

Load(self) == /\ pc[self] = "Load"
              /\ value' = [value EXCEPT ![self] = GetData(self, at[self])]
              /\ pc' = [pc EXCEPT ![self] = "IsStill"]
              /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                              readers, frame, copy, stored, got, script, op, 
                              seen, at, open, moves, toScan, early, givesUp, 
                              harvests, toAwait, taken, awaited >>

IsStill(self) == /\ pc[self] = "IsStill"
                 /\ IF Get(self, "sequence") = seen[self] \/ fault = "D06"
                       THEN /\ got' = (IF got = Freed THEN got ELSE value[self])
                       ELSE /\ TRUE
                            /\ got' = got
                 /\ pc' = [pc EXCEPT ![self] = "Begin"]
                 /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                 readers, frame, copy, stored, script, op, 
                                 seen, at, value, open, moves, toScan, early, 
                                 givesUp, harvests, toAwait, taken, awaited >>

LookFirst(self) == /\ pc[self] = "LookFirst"
                   /\ open' = [open EXCEPT ![self] = Get(self, "sequence") = seen[self]]
                   /\ pc' = [pc EXCEPT ![self] = "LoadLate"]
                   /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                   readers, frame, copy, stored, got, script, 
                                   op, seen, at, value, moves, toScan, early, 
                                   givesUp, harvests, toAwait, taken, awaited >>

LoadLate(self) == /\ pc[self] = "LoadLate"
                  /\ IF open[self]
                        THEN /\ got' = (IF got = Freed THEN got ELSE GetData(self, at[self]))
                        ELSE /\ TRUE
                             /\ got' = got
                  /\ pc' = [pc EXCEPT ![self] = "Begin"]
                  /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                  readers, frame, copy, stored, script, op, 
                                  seen, at, value, open, moves, toScan, early, 
                                  givesUp, harvests, toAwait, taken, awaited >>

Announce(self) == /\ pc[self] = "Announce"
                  /\ \/ /\ IF fault = "F1"
                              THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> self, value |-> (IF op[self] = "store" THEN Brief ELSE Hold), release |-> FALSE, frame |-> 0])]
                                   /\ UNCHANGED memory
                              ELSE /\ buffer[self] = Empty
                                   /\ memory[self] = None
                                   /\ memory' = [memory EXCEPT ![self] = IF op[self] = "store" THEN Brief ELSE Hold]
                                   /\ UNCHANGED buffer
                        /\ pc' = [pc EXCEPT ![self] = "Early"]
                     \/ /\ run.full /\ op[self] = "read"
                        /\ pc' = [pc EXCEPT ![self] = "Proper"]
                        /\ UNCHANGED <<memory, buffer>>
                  /\ UNCHANGED << run, fault, data, writer, readers, frame, 
                                  copy, stored, got, script, op, seen, at, 
                                  value, open, moves, toScan, early, givesUp, 
                                  harvests, toAwait, taken, awaited >>

Early(self) == /\ pc[self] = "Early"
               /\ IF fault = "F9"
                     THEN /\ at' = [at EXCEPT ![self] = Get(self, "bytes")]
                          /\ value' = [value EXCEPT ![self] = GetData(self, at'[self])]
                     ELSE /\ TRUE
                          /\ UNCHANGED << at, value >>
               /\ pc' = [pc EXCEPT ![self] = "Look"]
               /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                               readers, frame, copy, stored, got, script, op, 
                               seen, open, moves, toScan, early, givesUp, 
                               harvests, toAwait, taken, awaited >>

Look(self) == /\ pc[self] = "Look"
              /\ IF op[self] = "store"
                    THEN /\ open' = [open EXCEPT ![self] = Get(self, "sequence") = seen[self] \/ fault = "D11"]
                    ELSE /\ open' = [open EXCEPT ![self] = Open(Get(self, "sequence")) \/ fault = "D08"]
              /\ IF ~open'[self]
                    THEN /\ pc' = [pc EXCEPT ![self] = "Leave"]
                         /\ at' = at
                    ELSE /\ IF op[self] = "store"
                               THEN /\ pc' = [pc EXCEPT ![self] = "Mark"]
                                    /\ at' = at
                               ELSE /\ at' = [at EXCEPT ![self] = IF fault = "F9" THEN at[self] ELSE Get(self, "bytes")]
                                    /\ IF op[self] = "access"
                                          THEN /\ pc' = [pc EXCEPT ![self] = "Write"]
                                          ELSE /\ pc' = [pc EXCEPT ![self] = "Read"]
              /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                              readers, frame, copy, stored, got, script, op, 
                              seen, value, moves, toScan, early, givesUp, 
                              harvests, toAwait, taken, awaited >>

Read(self) == /\ pc[self] = "Read"
              /\ got' = (IF got = Freed THEN got ELSE IF fault = "F9" THEN value[self] ELSE GetData(self, at[self]))
              /\ pc' = [pc EXCEPT ![self] = "Leave"]
              /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                              readers, frame, copy, stored, script, op, seen, 
                              at, value, open, moves, toScan, early, givesUp, 
                              harvests, toAwait, taken, awaited >>

Write(self) == /\ pc[self] = "Write"
               /\ stored' = IF run.endless THEN 1 ELSE stored + 1
               /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "data", value |-> stored', release |-> FALSE, frame |-> at[self]])]
               /\ pc' = [pc EXCEPT ![self] = "Fence"]
               /\ UNCHANGED << run, fault, memory, data, writer, readers, 
                               frame, copy, got, script, op, seen, at, value, 
                               open, moves, toScan, early, givesUp, harvests, 
                               toAwait, taken, awaited >>

Fence(self) == /\ pc[self] = "Fence"
               /\ IF fault # "F10"
                     THEN /\ buffer[self] = Empty
                     ELSE /\ TRUE
               /\ IF Get(self, "mark") = 1
                     THEN /\ pc' = [pc EXCEPT ![self] = "Leave"]
                     ELSE /\ pc' = [pc EXCEPT ![self] = "SetMark"]
               /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                               readers, frame, copy, stored, got, script, op, 
                               seen, at, value, open, moves, toScan, early, 
                               givesUp, harvests, toAwait, taken, awaited >>

SetMark(self) == /\ pc[self] = "SetMark"
                 /\ buffer[self] = Empty
                 /\ memory' = [memory EXCEPT !["mark"] = 1]
                 /\ pc' = [pc EXCEPT ![self] = "Leave"]
                 /\ UNCHANGED << run, fault, data, buffer, writer, readers, 
                                 frame, copy, stored, got, script, op, seen, 
                                 at, value, open, moves, toScan, early, 
                                 givesUp, harvests, toAwait, taken, awaited >>

Mark(self) == /\ pc[self] = "Mark"
              /\ IF fault = "D09"
                    THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> self, value |-> None, release |-> TRUE, frame |-> 0])]
                         /\ pc' = [pc EXCEPT ![self] = "Data"]
                    ELSE /\ IF Get(self, "mark") = 1
                               THEN /\ pc' = [pc EXCEPT ![self] = "Data"]
                               ELSE /\ pc' = [pc EXCEPT ![self] = "SetMarkFirst"]
                         /\ UNCHANGED buffer
              /\ UNCHANGED << run, fault, memory, data, writer, readers, frame, 
                              copy, stored, got, script, op, seen, at, value, 
                              open, moves, toScan, early, givesUp, harvests, 
                              toAwait, taken, awaited >>

SetMarkFirst(self) == /\ pc[self] = "SetMarkFirst"
                      /\ buffer[self] = Empty
                      /\ memory' = [memory EXCEPT !["mark"] = 1]
                      /\ pc' = [pc EXCEPT ![self] = "Data"]
                      /\ UNCHANGED << run, fault, data, buffer, writer, 
                                      readers, frame, copy, stored, got, 
                                      script, op, seen, at, value, open, moves, 
                                      toScan, early, givesUp, harvests, 
                                      toAwait, taken, awaited >>

Data(self) == /\ pc[self] = "Data"
              /\ stored' = IF run.endless THEN 1 ELSE stored + 1
              /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "data", value |-> stored', release |-> FALSE, frame |-> at[self]])]
              /\ IF fault = "D09"
                    THEN /\ pc' = [pc EXCEPT ![self] = "Begin"]
                    ELSE /\ pc' = [pc EXCEPT ![self] = "Leave"]
              /\ UNCHANGED << run, fault, memory, data, writer, readers, frame, 
                              copy, got, script, op, seen, at, value, open, 
                              moves, toScan, early, givesUp, harvests, toAwait, 
                              taken, awaited >>

Leave(self) == /\ pc[self] = "Leave"
               /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> self, value |-> None, release |-> (fault # "F3"), frame |-> 0])]
               /\ pc' = [pc EXCEPT ![self] = "Begin"]
               /\ UNCHANGED << run, fault, memory, data, writer, readers, 
                               frame, copy, stored, got, script, op, seen, at, 
                               value, open, moves, toScan, early, givesUp, 
                               harvests, toAwait, taken, awaited >>

Proper(self) == /\ pc[self] = "Proper"
                /\ buffer[self] = Empty
                /\ writer = Nobody
                /\ readers' = (readers \union {self})
                /\ pc' = [pc EXCEPT ![self] = "ReadProper"]
                /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                frame, copy, stored, got, script, op, seen, at, 
                                value, open, moves, toScan, early, givesUp, 
                                harvests, toAwait, taken, awaited >>

ReadProper(self) == /\ pc[self] = "ReadProper"
                    /\ IF Open(Get(self, "sequence"))
                          THEN /\ got' = (IF got = Freed THEN got ELSE GetData(self, Get(self, "bytes")))
                          ELSE /\ TRUE
                               /\ got' = got
                    /\ readers' = readers \ {self}
                    /\ pc' = [pc EXCEPT ![self] = "Begin"]
                    /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                    frame, copy, stored, script, op, seen, at, 
                                    value, open, moves, toScan, early, givesUp, 
                                    harvests, toAwait, taken, awaited >>

user(self) == Begin(self) \/ Sequence(self) \/ Bytes(self) \/ Load(self)
                 \/ IsStill(self) \/ LookFirst(self) \/ LoadLate(self)
                 \/ Announce(self) \/ Early(self) \/ Look(self)
                 \/ Read(self) \/ Write(self) \/ Fence(self)
                 \/ SetMark(self) \/ Mark(self) \/ SetMarkFirst(self)
                 \/ Data(self) \/ Leave(self) \/ Proper(self)
                 \/ ReadProper(self)

Invalidate(self) == /\ pc[self] = "Invalidate"
                    /\ IF moves[self] # 0
                          THEN /\ moves' = [moves EXCEPT ![self] = moves[self] - 1]
                               /\ givesUp' = [givesUp EXCEPT ![self] = FALSE]
                               /\ writer = Nobody /\ readers = {}
                               /\ writer' = self
                               /\ toScan' = [toScan EXCEPT ![self] = {}]
                               /\ IF ~Open(Get(self, "sequence"))
                                     THEN /\ pc' = [pc EXCEPT ![self] = "Unlock"]
                                     ELSE /\ pc' = [pc EXCEPT ![self] = "Shut"]
                          ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                               /\ UNCHANGED << writer, moves, toScan, givesUp >>
                    /\ UNCHANGED << run, fault, memory, data, buffer, readers, 
                                    frame, copy, stored, got, script, op, seen, 
                                    at, value, open, early, harvests, toAwait, 
                                    taken, awaited >>

Shut(self) == /\ pc[self] = "Shut"
              /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "sequence", value |-> (Get(self, "sequence") + 1), release |-> TRUE, frame |-> 0])]
              /\ toScan' = [toScan EXCEPT ![self] = Users]
              /\ pc' = [pc EXCEPT ![self] = "Shutting"]
              /\ UNCHANGED << run, fault, memory, data, writer, readers, frame, 
                              copy, stored, got, script, op, seen, at, value, 
                              open, moves, early, givesUp, harvests, toAwait, 
                              taken, awaited >>

Shutting(self) == /\ pc[self] = "Shutting"
                  /\ IF fault # "F2"
                        THEN /\ buffer[self] = Empty
                        ELSE /\ TRUE
                  /\ early' = [early EXCEPT ![self] = GetData(self, frame)]
                  /\ pc' = [pc EXCEPT ![self] = "Scan"]
                  /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                  readers, frame, copy, stored, got, script, 
                                  op, seen, at, value, open, moves, toScan, 
                                  givesUp, harvests, toAwait, taken, awaited >>

Scan(self) == /\ pc[self] = "Scan"
              /\ IF toScan[self] # {} /\ fault # "D07"
                    THEN /\ \E u \in toScan[self]:
                              \/ /\ memory[u] = None
                                 /\ toScan' = [toScan EXCEPT ![self] = toScan[self] \ {u}]
                                 /\ UNCHANGED givesUp
                              \/ /\ memory[u] # None
                                 /\ toScan' = [toScan EXCEPT ![self] = {}]
                                 /\ givesUp' = [givesUp EXCEPT ![self] = fault # "D10"]
                         /\ pc' = [pc EXCEPT ![self] = "Scan"]
                    ELSE /\ IF givesUp[self]
                               THEN /\ pc' = [pc EXCEPT ![self] = "Reopen"]
                               ELSE /\ pc' = [pc EXCEPT ![self] = "Unlock"]
                         /\ UNCHANGED << toScan, givesUp >>
              /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                              readers, frame, copy, stored, got, script, op, 
                              seen, at, value, open, moves, early, harvests, 
                              toAwait, taken, awaited >>

Unlock(self) == /\ pc[self] = "Unlock"
                /\ buffer[self] = Empty
                /\ writer' = Nobody
                /\ pc' = [pc EXCEPT ![self] = "Change"]
                /\ UNCHANGED << run, fault, memory, data, buffer, readers, 
                                frame, copy, stored, got, script, op, seen, at, 
                                value, open, moves, toScan, early, givesUp, 
                                harvests, toAwait, taken, awaited >>

Change(self) == /\ pc[self] = "Change"
                /\ LET other == 3 - frame IN
                     /\ data' = [data EXCEPT ![other] = IF fault = "F7" THEN early[self] ELSE data[frame], ![frame] = Freed]
                     /\ frame' = other
                /\ pc' = [pc EXCEPT ![self] = "Refresh"]
                /\ UNCHANGED << run, fault, memory, buffer, writer, readers, 
                                copy, stored, got, script, op, seen, at, value, 
                                open, moves, toScan, early, givesUp, harvests, 
                                toAwait, taken, awaited >>

Refresh(self) == /\ pc[self] = "Refresh"
                 /\ writer = Nobody /\ readers = {}
                 /\ writer' = self
                 /\ pc' = [pc EXCEPT ![self] = "Install"]
                 /\ UNCHANGED << run, fault, memory, data, buffer, readers, 
                                 frame, copy, stored, got, script, op, seen, 
                                 at, value, open, moves, toScan, early, 
                                 givesUp, harvests, toAwait, taken, awaited >>

Install(self) == /\ pc[self] = "Install"
                 /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "bytes", value |-> frame, release |-> TRUE, frame |-> 0])]
                 /\ pc' = [pc EXCEPT ![self] = "Reopen"]
                 /\ UNCHANGED << run, fault, memory, data, writer, readers, 
                                 frame, copy, stored, got, script, op, seen, 
                                 at, value, open, moves, toScan, early, 
                                 givesUp, harvests, toAwait, taken, awaited >>

Reopen(self) == /\ pc[self] = "Reopen"
                /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "sequence", value |-> (Get(self, "sequence") + 1), release |-> (fault # "F5"), frame |-> 0])]
                /\ pc' = [pc EXCEPT ![self] = "UnlockOpen"]
                /\ UNCHANGED << run, fault, memory, data, writer, readers, 
                                frame, copy, stored, got, script, op, seen, at, 
                                value, open, moves, toScan, early, givesUp, 
                                harvests, toAwait, taken, awaited >>

UnlockOpen(self) == /\ pc[self] = "UnlockOpen"
                    /\ buffer[self] = Empty
                    /\ writer' = Nobody
                    /\ pc' = [pc EXCEPT ![self] = "Invalidate"]
                    /\ UNCHANGED << run, fault, memory, data, buffer, readers, 
                                    frame, copy, stored, got, script, op, seen, 
                                    at, value, open, moves, toScan, early, 
                                    givesUp, harvests, toAwait, taken, awaited >>

mover(self) == Invalidate(self) \/ Shut(self) \/ Shutting(self)
                  \/ Scan(self) \/ Unlock(self) \/ Change(self)
                  \/ Refresh(self) \/ Install(self) \/ Reopen(self)
                  \/ UnlockOpen(self)

Harvest(self) == /\ pc[self] = "Harvest"
                 /\ IF harvests[self] # 0
                       THEN /\ harvests' = [harvests EXCEPT ![self] = harvests[self] - 1]
                            /\ IF fault = "F8"
                                  THEN /\ taken' = [taken EXCEPT ![self] = memory["mark"]]
                                       /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "mark", value |-> 0, release |-> TRUE, frame |-> 0])]
                                       /\ UNCHANGED memory
                                  ELSE /\ taken' = [taken EXCEPT ![self] = memory["mark"]]
                                       /\ memory' = [memory EXCEPT !["mark"] = 0]
                                       /\ UNCHANGED buffer
                            /\ toAwait' = [toAwait EXCEPT ![self] = Users]
                            /\ pc' = [pc EXCEPT ![self] = "BriefHolds"]
                       ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                            /\ UNCHANGED << memory, buffer, harvests, toAwait, 
                                            taken >>
                 /\ UNCHANGED << run, fault, data, writer, readers, frame, 
                                 copy, stored, got, script, op, seen, at, 
                                 value, open, moves, toScan, early, givesUp, 
                                 awaited >>

BriefHolds(self) == /\ pc[self] = "BriefHolds"
                    /\ IF toAwait[self] # {} /\ fault # "F11"
                          THEN /\ \E u \in toAwait[self]:
                                    awaited' = [awaited EXCEPT ![self] = u]
                               /\ toAwait' = [toAwait EXCEPT ![self] = toAwait[self] \ {awaited'[self]}]
                               /\ IF memory[awaited'[self]] = Brief
                                     THEN /\ memory' = [memory EXCEPT ![awaited'[self]] = Seen]
                                          /\ pc' = [pc EXCEPT ![self] = "Ends"]
                                     ELSE /\ pc' = [pc EXCEPT ![self] = "BriefHolds"]
                                          /\ UNCHANGED memory
                          ELSE /\ pc' = [pc EXCEPT ![self] = "Copy"]
                               /\ UNCHANGED << memory, toAwait, awaited >>
                    /\ UNCHANGED << run, fault, data, buffer, writer, readers, 
                                    frame, copy, stored, got, script, op, seen, 
                                    at, value, open, moves, toScan, early, 
                                    givesUp, harvests, taken >>

Ends(self) == /\ pc[self] = "Ends"
              /\ memory[awaited[self]] # Seen /\ (fault = "F12" => memory[awaited[self]] = None)
              /\ pc' = [pc EXCEPT ![self] = "BriefHolds"]
              /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                              readers, frame, copy, stored, got, script, op, 
                              seen, at, value, open, moves, toScan, early, 
                              givesUp, harvests, toAwait, taken, awaited >>

Copy(self) == /\ pc[self] = "Copy"
              /\ IF taken[self] = 1
                    THEN /\ copy' = data[frame]
                    ELSE /\ TRUE
                         /\ copy' = copy
              /\ pc' = [pc EXCEPT ![self] = "Settled"]
              /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                              readers, frame, stored, got, script, op, seen, 
                              at, value, open, moves, toScan, early, givesUp, 
                              harvests, toAwait, taken, awaited >>

Settled(self) == /\ pc[self] = "Settled"
                 /\ buffer[self] = Empty
                 /\ pc' = [pc EXCEPT ![self] = "Harvest"]
                 /\ UNCHANGED << run, fault, memory, data, buffer, writer, 
                                 readers, frame, copy, stored, got, script, op, 
                                 seen, at, value, open, moves, toScan, early, 
                                 givesUp, harvests, toAwait, taken, awaited >>

harvester(self) == Harvest(self) \/ BriefHolds(self) \/ Ends(self)
                      \/ Copy(self) \/ Settled(self)

Flush(self) == /\ pc[self] = "Flush"
               /\ \E t \in {t \in Threads : buffer[t] # Empty}:
                    \E i \in Ready(t):
                      LET entry == buffer[t][i] IN
                        /\ buffer' = [buffer EXCEPT ![t] = Without(buffer[t], i)]
                        /\ IF entry.at = "data"
                              THEN /\ data' = [data EXCEPT ![entry.frame] = entry.value]
                                   /\ UNCHANGED memory
                              ELSE /\ memory' = [memory EXCEPT ![entry.at] = entry.value]
                                   /\ data' = data
               /\ pc' = [pc EXCEPT ![self] = "Flush"]
               /\ UNCHANGED << run, fault, writer, readers, frame, copy, 
                               stored, got, script, op, seen, at, value, open, 
                               moves, toScan, early, givesUp, harvests, 
                               toAwait, taken, awaited >>

processor(self) == Flush(self)

Next == (\E self \in Users: user(self))
           \/ (\E self \in {Mover}: mover(self))
           \/ (\E self \in {Harvester}: harvester(self))
           \/ (\E self \in {"processor"}: processor(self))

Spec == /\ Init /\ [][Next]_vars
        /\ \A self \in Users : WF_vars(user(self))
        /\ \A self \in {Mover} : WF_vars(mover(self))
        /\ \A self \in {Harvester} : WF_vars(harvester(self))
        /\ \A self \in {"processor"} : WF_vars(processor(self))

\* END TRANSLATION

Finished == (\A t \in Threads : pc[t] = "Done") /\ \A t \in Threads : buffer[t] = Empty

\* The invariants, by the numbers of RULES.md.
\* I1: no store reaches a frame that the host has taken, and nothing that is read is from one.
I1 == data[3 - frame] = Freed /\ got # Freed
\* No store is lost on the way to another frame: the last one is what the memory has.
LastStoreStays == Finished => data[frame] = stored
\* I9: what a copy after the harvest has not got is marked for the next.
I9 == Finished /\ run.harvests # 0 => copy = data[frame] \/ memory["mark"] = 1
\* A writer never waits for a reader that is not there, nor a reader for a writer.
CallsReturn == <>(pc[Mover] = "Done" /\ pc[Harvester] = "Done" /\ (run.endless \/ \A u \in Users : pc[u] = "Done"))
===============================================================================
