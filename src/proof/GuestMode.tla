------------------------------- MODULE GuestMode -------------------------------
(* A page that a vCPU holds raw, and gives back when it is kicked: GuestMode,     *)
(* GuestEntry, HeldPages on the side of the vCPU; GuestModes.takeBack on the side *)
(* of those who take the page away.                                               *)
(*                                                                                *)
(* Store buffers are those of the module ReaderLock. The locks GUEST_MODE and     *)
(* INVALIDATIONS are held within one step; what is done under one is seen by none *)
(* before what came earlier, since giving it back is a release.                   *)
(*                                                                                *)
(* "fault" is an exhibit of the bug museum, a fence that is missing, or "none".   *)
EXTENDS Naturals, Sequences, TLC

CONSTANTS
    Takers,    \* threads that take the page away, or its writable holds
    Runs       \* what is run:
               \*   fault    what is wrong, and
               \*   breaks   the invariant that does not hold then
               \*   script   of the vCPU: "enter", "hold", "use", "poll", "leave"
               \*   takers   taker -> operations: "migrate" the page, "delete" its slot, "harvest" the dirty log
               \*   patient  whether takers wait as long as it takes; else their deadline may pass

Vcpu == "vcpu"
Threads == Takers \union {Vcpu}
Freed == 99
Empty == <<>>
Attempts == 2                            \* the retry policy

(* --algorithm GuestMode {

variables
    run \in Runs;
    fault = run.fault;
    \* Whether the vCPU is inside; how often it was kicked; the number of the hold that the index has, and of the one
    \* that may be written, 0 for none; the bit of the page in the dirty log; whether the slot is there; and of each
    \* taker whether its invalidation is in progress.
    memory = [l \in Takers \union {"inside", "requests", "indexed", "writable", "mark", "slot"} |->
                 IF l = "slot" THEN 1 ELSE 0];
    data = <<0, Freed>>;
    buffer = [t \in Threads |-> Empty];
    \* under the lock GUEST_MODE: the holds that are wanted back, and the request up to which they were given back
    wanted = {};
    acknowledged = 0;
    asleep = {};                         \* takers that wait to be signalled
    \* the host: the frame of the page; 0 if its slot is gone
    frame = 1;
    \* what the last harvest copied; the value of the last raw store
    copy = 0;
    stored = 0;

define {
    Last(t, l) == LET same == {i \in 1..Len(buffer[t]) : buffer[t][i].at = l}
                  IN  IF same = {} THEN 0 ELSE CHOOSE i \in same : \A j \in same : j <= i
    Get(t, l) == IF Last(t, l) # 0 THEN buffer[t][Last(t, l)].value ELSE memory[l]
    Ready(t) == {i \in 1..Len(buffer[t]) :
                    IF buffer[t][i].release THEN i = 1 ELSE \A j \in 1..(i - 1) : buffer[t][j].at # buffer[t][i].at}
    Without(s, i) == SubSeq(s, 1, i - 1) \o SubSeq(s, i + 1, Len(s))
}

macro put(l, v, isRelease) {
    buffer[self] := Append(buffer[self], [at |-> l, value |-> v, release |-> isRelease, frame |-> 0]);
}

macro fence() {
    await buffer[self] = Empty;
}

fair process (vcpu \in {Vcpu})
variables script = run.script; op = ""; held = 0; number = 0; writable = FALSE; list = {}; upTo = 0; tries = 0;
{
Begin:
    while (script # <<>>) {
        op := Head(script);
        script := Tail(script);
        tries := 0;
        if (op = "enter") {
            goto GoInside;
        } else if (op = "leave") {
            goto GoOutside;
        } else if (op = "poll") {
            goto Poll;
        } else if (op = "hold" /\ held = 0) {
            goto GoOutside;
        } else if (op = "use" /\ held # 0 /\ writable) {
            goto Use;
        } else {
            goto Begin;
        };

    Use: \* raw: nothing looks at it
        stored := stored + 1;
        buffer[self] := Append(buffer[self], [at |-> "data", value |-> stored, release |-> FALSE, frame |-> held]);
        goto Begin;

    Poll: \* one opaque look
        if (Get(self, "requests") # acknowledged) {
            goto GiveBack;
        } else {
            goto Begin;
        };

    \* ------------------------------------------------------------ enter, and the end of a hold
    GoInside:
        put("inside", 1, TRUE);
    LookAtRequests: \* inside first, then the look: pairs with the kick
        if (fault # "F13") {
            fence();
        };
        if (Get(self, "requests") # acknowledged /\ fault # "G03") {
            goto GiveBack;
        } else if (op = "hold" /\ held # 0) {
            goto Writable;
        } else {
            goto Begin;
        };

    \* ------------------------------------------------------------ drop, then acknowledge
    GiveBack: \* the list, under the lock; to take a lock is no release
        list := wanted;
        upTo := Get(self, "requests");
        if (fault = "G01") {
            acknowledged := upTo;
            wanted := {};
            asleep := {};
        };
    Drop:
        if (number \in list) {
            if (fault = "G01" /\ held # 0 /\ writable) {
                stored := stored + 1;
                buffer[self] := Append(buffer[self],
                        [at |-> "data", value |-> stored, release |-> FALSE, frame |-> held]);
            };
            held := 0;
            writable := FALSE;
            number := 0;
        };
    Forget:
        if (number = 0) {
            put("indexed", 0, TRUE);
        };
    Acknowledge: \* under the lock: who sees it sees what the vCPU did
        if (fault # "F19") {
            fence();
        };
        acknowledged := IF acknowledged > upTo THEN acknowledged ELSE upTo;
        wanted := wanted \ list;
        asleep := {};
        if (op = "hold" /\ held # 0) {
            goto Writable;
        } else {
            goto Begin;
        };

    \* ------------------------------------------------------------ leave, and the begin of a hold
    GoOutside: \* a release: who sees it sees what the vCPU did
        put("inside", 0, fault # "F20");
    LookAgain: \* outside first, then the look: pairs with the wait for an acknowledgement
        if (fault \notin {"F20", "F21"}) {
            fence();
        };
        if (Get(self, "requests") = acknowledged) {
            if (op = "hold") {
                goto Register;
            } else {
                goto Begin;
            };
        };
    Signal: \* under the lock
        if (fault # "F20") {
            fence();
        };
        asleep := {};
        if (op # "hold") {
            goto Begin;
        };

    \* ------------------------------------------------------------ hold: registered, then the looks, then resolved
    Register:
        tries := tries + 1;
        number := tries + 10 * Len(script);
        if (fault # "G06") {
            put("indexed", number, TRUE);
        };
    LookForOne:
        if (fault # "F15") {
            fence();
        };
        if (Get(self, "slot") = 0) {
            goto Refused;
        } else if (\E t \in Takers : Get(self, t) = 1) {
            goto Unregister;
        };
    Resolve:
        held := frame;
        if (frame = 0) {
            goto Refused;
        } else if (fault # "G06") {
            goto GoInside;
        };
    RegisteredLate:
        put("indexed", number, TRUE);
        goto GoInside;
    Unregister: \* waits until it is over, up to a deadline, and begins again
        put("indexed", 0, TRUE);
    Wait:
        either {
            await \A t \in Takers : Get(self, t) = 0;
            if (tries < Attempts) {
                goto Register;
            } else {
                goto Refused;
            };
        } or {
            await \E t \in Takers : Get(self, t) = 1;
        };
    Refused:
        put("indexed", 0, TRUE);
        held := 0;
        number := 0;
        goto GoInside;
    Writable: \* first, then the mark: pairs with the harvest
        put("writable", number, TRUE);
        writable := TRUE;
    Mark:
        if (fault # "F17") {
            fence();
        };
        if (Get(self, "mark") = 1) {
            goto Begin;
        };
    SetMark: \* a locked instruction
        fence();
        memory["mark"] := 1;
    };
}

\* ---------------------------------------------------------------- those who take pages
fair process (taker \in Takers)
variables todo = run.takers[self]; what = ""; found = 0; request = 0; taken = 0;
{
Take:
    while (todo # <<>>) {
        what := Head(todo);
        todo := Tail(todo);
        if (what = "migrate") {
            put(self, 1, TRUE);          \* the invalidation is in progress [L6]
        } else if (what = "delete") {
            put("slot", 0, TRUE);        \* the new table is published
        } else if (fault = "F18") {
            taken := memory["mark"];
            put("mark", 0, TRUE);
        } else {
            taken := memory["mark"];     \* a locked instruction
            memory["mark"] := 0;
        };
    LookAtHolds: \* GuestModes.takeBack: behind a full fence
        if (fault # "F16") {
            fence();
        };
        found := IF what = "harvest" /\ (fault = "G04" \/ Get(self, "writable") # Get(self, "indexed"))
                 THEN 0 ELSE Get(self, "indexed");
        if (found = 0) {
            goto Gone;
        } else if (fault = "G02") {
            request := Get(self, "requests") + 1;
            put("requests", request, TRUE);
        };
    Kick: \* under the lock: the list is complete before the request; then the look at the mode
        fence();
        wanted := wanted \union {found};
        if (fault # "G02") {
            request := memory["requests"] + 1;
            put("requests", request, TRUE);
        };
    LookAtMode:
        if (fault # "F14") {
            fence();
        };
        if (acknowledged >= request \/ (Get(self, "inside") = 0 /\ fault # "G07")) {
            goto Gone;
        } else {
            asleep := asleep \union {self};
        };
    AwaitGone: \* until it is signalled; or up to a deadline, and nothing has changed then
        either {
            await self \notin asleep;
            goto LookAtMode;
        } or {
            await ~run.patient;
            asleep := asleep \ {self};
            if (fault # "B90") {
                goto TooLate;
            };
        };
    Gone:
        if (what = "harvest") {
            copy := IF taken = 1 /\ frame # 0 THEN data[frame] ELSE copy;
        } else if (frame # 0) {
            with (other = 3 - frame) {
                data := [data EXCEPT ![other] = IF what = "migrate" THEN data[frame] ELSE Freed, ![frame] = Freed];
                frame := IF what = "migrate" THEN other ELSE 0;
            };
        };
        goto Ended;
    TooLate: \* what it took is put back
        if (what = "delete") {
            put("slot", 1, TRUE);
        } else if (what = "harvest" /\ taken = 1) {
            memory["mark"] := 1;
        };
    Ended:
        if (what = "migrate") {
            put(self, 0, TRUE);
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
VARIABLES run, fault, memory, data, buffer, wanted, acknowledged, asleep, 
          frame, copy, stored, pc

(* define statement *)
Last(t, l) == LET same == {i \in 1..Len(buffer[t]) : buffer[t][i].at = l}
              IN  IF same = {} THEN 0 ELSE CHOOSE i \in same : \A j \in same : j <= i
Get(t, l) == IF Last(t, l) # 0 THEN buffer[t][Last(t, l)].value ELSE memory[l]
Ready(t) == {i \in 1..Len(buffer[t]) :
                IF buffer[t][i].release THEN i = 1 ELSE \A j \in 1..(i - 1) : buffer[t][j].at # buffer[t][i].at}
Without(s, i) == SubSeq(s, 1, i - 1) \o SubSeq(s, i + 1, Len(s))

VARIABLES script, op, held, number, writable, list, upTo, tries, todo, what, 
          found, request, taken

vars == << run, fault, memory, data, buffer, wanted, acknowledged, asleep, 
           frame, copy, stored, pc, script, op, held, number, writable, list, 
           upTo, tries, todo, what, found, request, taken >>

ProcSet == ({Vcpu}) \cup (Takers) \cup ({"processor"})

Init == (* Global variables *)
        /\ run \in Runs
        /\ fault = run.fault
        /\ memory = [l \in Takers \union {"inside", "requests", "indexed", "writable", "mark", "slot"} |->
                        IF l = "slot" THEN 1 ELSE 0]
        /\ data = <<0, Freed>>
        /\ buffer = [t \in Threads |-> Empty]
        /\ wanted = {}
        /\ acknowledged = 0
        /\ asleep = {}
        /\ frame = 1
        /\ copy = 0
        /\ stored = 0
        (* Process vcpu *)
        /\ script = [self \in {Vcpu} |-> run.script]
        /\ op = [self \in {Vcpu} |-> ""]
        /\ held = [self \in {Vcpu} |-> 0]
        /\ number = [self \in {Vcpu} |-> 0]
        /\ writable = [self \in {Vcpu} |-> FALSE]
        /\ list = [self \in {Vcpu} |-> {}]
        /\ upTo = [self \in {Vcpu} |-> 0]
        /\ tries = [self \in {Vcpu} |-> 0]
        (* Process taker *)
        /\ todo = [self \in Takers |-> run.takers[self]]
        /\ what = [self \in Takers |-> ""]
        /\ found = [self \in Takers |-> 0]
        /\ request = [self \in Takers |-> 0]
        /\ taken = [self \in Takers |-> 0]
        /\ pc = [self \in ProcSet |-> CASE self \in {Vcpu} -> "Begin"
                                        [] self \in Takers -> "Take"
                                        [] self \in {"processor"} -> "Flush"]

Begin(self) == /\ pc[self] = "Begin"
               /\ IF script[self] # <<>>
                     THEN /\ op' = [op EXCEPT ![self] = Head(script[self])]
                          /\ script' = [script EXCEPT ![self] = Tail(script[self])]
                          /\ tries' = [tries EXCEPT ![self] = 0]
                          /\ IF op'[self] = "enter"
                                THEN /\ pc' = [pc EXCEPT ![self] = "GoInside"]
                                ELSE /\ IF op'[self] = "leave"
                                           THEN /\ pc' = [pc EXCEPT ![self] = "GoOutside"]
                                           ELSE /\ IF op'[self] = "poll"
                                                      THEN /\ pc' = [pc EXCEPT ![self] = "Poll"]
                                                      ELSE /\ IF op'[self] = "hold" /\ held[self] = 0
                                                                 THEN /\ pc' = [pc EXCEPT ![self] = "GoOutside"]
                                                                 ELSE /\ IF op'[self] = "use" /\ held[self] # 0 /\ writable[self]
                                                                            THEN /\ pc' = [pc EXCEPT ![self] = "Use"]
                                                                            ELSE /\ pc' = [pc EXCEPT ![self] = "Begin"]
                     ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                          /\ UNCHANGED << script, op, tries >>
               /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                               acknowledged, asleep, frame, copy, stored, held, 
                               number, writable, list, upTo, todo, what, found, 
                               request, taken >>

Use(self) == /\ pc[self] = "Use"
             /\ stored' = stored + 1
             /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "data", value |-> stored', release |-> FALSE, frame |-> held[self]])]
             /\ pc' = [pc EXCEPT ![self] = "Begin"]
             /\ UNCHANGED << run, fault, memory, data, wanted, acknowledged, 
                             asleep, frame, copy, script, op, held, number, 
                             writable, list, upTo, tries, todo, what, found, 
                             request, taken >>

Poll(self) == /\ pc[self] = "Poll"
              /\ IF Get(self, "requests") # acknowledged
                    THEN /\ pc' = [pc EXCEPT ![self] = "GiveBack"]
                    ELSE /\ pc' = [pc EXCEPT ![self] = "Begin"]
              /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                              acknowledged, asleep, frame, copy, stored, 
                              script, op, held, number, writable, list, upTo, 
                              tries, todo, what, found, request, taken >>

GoInside(self) == /\ pc[self] = "GoInside"
                  /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "inside", value |-> 1, release |-> TRUE, frame |-> 0])]
                  /\ pc' = [pc EXCEPT ![self] = "LookAtRequests"]
                  /\ UNCHANGED << run, fault, memory, data, wanted, 
                                  acknowledged, asleep, frame, copy, stored, 
                                  script, op, held, number, writable, list, 
                                  upTo, tries, todo, what, found, request, 
                                  taken >>

LookAtRequests(self) == /\ pc[self] = "LookAtRequests"
                        /\ IF fault # "F13"
                              THEN /\ buffer[self] = Empty
                              ELSE /\ TRUE
                        /\ IF Get(self, "requests") # acknowledged /\ fault # "G03"
                              THEN /\ pc' = [pc EXCEPT ![self] = "GiveBack"]
                              ELSE /\ IF op[self] = "hold" /\ held[self] # 0
                                         THEN /\ pc' = [pc EXCEPT ![self] = "Writable"]
                                         ELSE /\ pc' = [pc EXCEPT ![self] = "Begin"]
                        /\ UNCHANGED << run, fault, memory, data, buffer, 
                                        wanted, acknowledged, asleep, frame, 
                                        copy, stored, script, op, held, number, 
                                        writable, list, upTo, tries, todo, 
                                        what, found, request, taken >>

GiveBack(self) == /\ pc[self] = "GiveBack"
                  /\ list' = [list EXCEPT ![self] = wanted]
                  /\ upTo' = [upTo EXCEPT ![self] = Get(self, "requests")]
                  /\ IF fault = "G01"
                        THEN /\ acknowledged' = upTo'[self]
                             /\ wanted' = {}
                             /\ asleep' = {}
                        ELSE /\ TRUE
                             /\ UNCHANGED << wanted, acknowledged, asleep >>
                  /\ pc' = [pc EXCEPT ![self] = "Drop"]
                  /\ UNCHANGED << run, fault, memory, data, buffer, frame, 
                                  copy, stored, script, op, held, number, 
                                  writable, tries, todo, what, found, request, 
                                  taken >>

Drop(self) == /\ pc[self] = "Drop"
              /\ IF number[self] \in list[self]
                    THEN /\ IF fault = "G01" /\ held[self] # 0 /\ writable[self]
                               THEN /\ stored' = stored + 1
                                    /\ buffer' = [buffer EXCEPT ![self] =         Append(buffer[self],
                                                                          [at |-> "data", value |-> stored', release |-> FALSE, frame |-> held[self]])]
                               ELSE /\ TRUE
                                    /\ UNCHANGED << buffer, stored >>
                         /\ held' = [held EXCEPT ![self] = 0]
                         /\ writable' = [writable EXCEPT ![self] = FALSE]
                         /\ number' = [number EXCEPT ![self] = 0]
                    ELSE /\ TRUE
                         /\ UNCHANGED << buffer, stored, held, number, 
                                         writable >>
              /\ pc' = [pc EXCEPT ![self] = "Forget"]
              /\ UNCHANGED << run, fault, memory, data, wanted, acknowledged, 
                              asleep, frame, copy, script, op, list, upTo, 
                              tries, todo, what, found, request, taken >>

Forget(self) == /\ pc[self] = "Forget"
                /\ IF number[self] = 0
                      THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "indexed", value |-> 0, release |-> TRUE, frame |-> 0])]
                      ELSE /\ TRUE
                           /\ UNCHANGED buffer
                /\ pc' = [pc EXCEPT ![self] = "Acknowledge"]
                /\ UNCHANGED << run, fault, memory, data, wanted, acknowledged, 
                                asleep, frame, copy, stored, script, op, held, 
                                number, writable, list, upTo, tries, todo, 
                                what, found, request, taken >>

Acknowledge(self) == /\ pc[self] = "Acknowledge"
                     /\ IF fault # "F19"
                           THEN /\ buffer[self] = Empty
                           ELSE /\ TRUE
                     /\ acknowledged' = (IF acknowledged > upTo[self] THEN acknowledged ELSE upTo[self])
                     /\ wanted' = wanted \ list[self]
                     /\ asleep' = {}
                     /\ IF op[self] = "hold" /\ held[self] # 0
                           THEN /\ pc' = [pc EXCEPT ![self] = "Writable"]
                           ELSE /\ pc' = [pc EXCEPT ![self] = "Begin"]
                     /\ UNCHANGED << run, fault, memory, data, buffer, frame, 
                                     copy, stored, script, op, held, number, 
                                     writable, list, upTo, tries, todo, what, 
                                     found, request, taken >>

GoOutside(self) == /\ pc[self] = "GoOutside"
                   /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "inside", value |-> 0, release |-> (fault # "F20"), frame |-> 0])]
                   /\ pc' = [pc EXCEPT ![self] = "LookAgain"]
                   /\ UNCHANGED << run, fault, memory, data, wanted, 
                                   acknowledged, asleep, frame, copy, stored, 
                                   script, op, held, number, writable, list, 
                                   upTo, tries, todo, what, found, request, 
                                   taken >>

LookAgain(self) == /\ pc[self] = "LookAgain"
                   /\ IF fault \notin {"F20", "F21"}
                         THEN /\ buffer[self] = Empty
                         ELSE /\ TRUE
                   /\ IF Get(self, "requests") = acknowledged
                         THEN /\ IF op[self] = "hold"
                                    THEN /\ pc' = [pc EXCEPT ![self] = "Register"]
                                    ELSE /\ pc' = [pc EXCEPT ![self] = "Begin"]
                         ELSE /\ pc' = [pc EXCEPT ![self] = "Signal"]
                   /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                                   acknowledged, asleep, frame, copy, stored, 
                                   script, op, held, number, writable, list, 
                                   upTo, tries, todo, what, found, request, 
                                   taken >>

Signal(self) == /\ pc[self] = "Signal"
                /\ IF fault # "F20"
                      THEN /\ buffer[self] = Empty
                      ELSE /\ TRUE
                /\ asleep' = {}
                /\ IF op[self] # "hold"
                      THEN /\ pc' = [pc EXCEPT ![self] = "Begin"]
                      ELSE /\ pc' = [pc EXCEPT ![self] = "Register"]
                /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                                acknowledged, frame, copy, stored, script, op, 
                                held, number, writable, list, upTo, tries, 
                                todo, what, found, request, taken >>

Register(self) == /\ pc[self] = "Register"
                  /\ tries' = [tries EXCEPT ![self] = tries[self] + 1]
                  /\ number' = [number EXCEPT ![self] = tries'[self] + 10 * Len(script[self])]
                  /\ IF fault # "G06"
                        THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "indexed", value |-> number'[self], release |-> TRUE, frame |-> 0])]
                        ELSE /\ TRUE
                             /\ UNCHANGED buffer
                  /\ pc' = [pc EXCEPT ![self] = "LookForOne"]
                  /\ UNCHANGED << run, fault, memory, data, wanted, 
                                  acknowledged, asleep, frame, copy, stored, 
                                  script, op, held, writable, list, upTo, todo, 
                                  what, found, request, taken >>

LookForOne(self) == /\ pc[self] = "LookForOne"
                    /\ IF fault # "F15"
                          THEN /\ buffer[self] = Empty
                          ELSE /\ TRUE
                    /\ IF Get(self, "slot") = 0
                          THEN /\ pc' = [pc EXCEPT ![self] = "Refused"]
                          ELSE /\ IF \E t \in Takers : Get(self, t) = 1
                                     THEN /\ pc' = [pc EXCEPT ![self] = "Unregister"]
                                     ELSE /\ pc' = [pc EXCEPT ![self] = "Resolve"]
                    /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                                    acknowledged, asleep, frame, copy, stored, 
                                    script, op, held, number, writable, list, 
                                    upTo, tries, todo, what, found, request, 
                                    taken >>

Resolve(self) == /\ pc[self] = "Resolve"
                 /\ held' = [held EXCEPT ![self] = frame]
                 /\ IF frame = 0
                       THEN /\ pc' = [pc EXCEPT ![self] = "Refused"]
                       ELSE /\ IF fault # "G06"
                                  THEN /\ pc' = [pc EXCEPT ![self] = "GoInside"]
                                  ELSE /\ pc' = [pc EXCEPT ![self] = "RegisteredLate"]
                 /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                                 acknowledged, asleep, frame, copy, stored, 
                                 script, op, number, writable, list, upTo, 
                                 tries, todo, what, found, request, taken >>

RegisteredLate(self) == /\ pc[self] = "RegisteredLate"
                        /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "indexed", value |-> number[self], release |-> TRUE, frame |-> 0])]
                        /\ pc' = [pc EXCEPT ![self] = "GoInside"]
                        /\ UNCHANGED << run, fault, memory, data, wanted, 
                                        acknowledged, asleep, frame, copy, 
                                        stored, script, op, held, number, 
                                        writable, list, upTo, tries, todo, 
                                        what, found, request, taken >>

Unregister(self) == /\ pc[self] = "Unregister"
                    /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "indexed", value |-> 0, release |-> TRUE, frame |-> 0])]
                    /\ pc' = [pc EXCEPT ![self] = "Wait"]
                    /\ UNCHANGED << run, fault, memory, data, wanted, 
                                    acknowledged, asleep, frame, copy, stored, 
                                    script, op, held, number, writable, list, 
                                    upTo, tries, todo, what, found, request, 
                                    taken >>

Wait(self) == /\ pc[self] = "Wait"
              /\ \/ /\ \A t \in Takers : Get(self, t) = 0
                    /\ IF tries[self] < Attempts
                          THEN /\ pc' = [pc EXCEPT ![self] = "Register"]
                          ELSE /\ pc' = [pc EXCEPT ![self] = "Refused"]
                 \/ /\ \E t \in Takers : Get(self, t) = 1
                    /\ pc' = [pc EXCEPT ![self] = "Refused"]
              /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                              acknowledged, asleep, frame, copy, stored, 
                              script, op, held, number, writable, list, upTo, 
                              tries, todo, what, found, request, taken >>

Refused(self) == /\ pc[self] = "Refused"
                 /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "indexed", value |-> 0, release |-> TRUE, frame |-> 0])]
                 /\ held' = [held EXCEPT ![self] = 0]
                 /\ number' = [number EXCEPT ![self] = 0]
                 /\ pc' = [pc EXCEPT ![self] = "GoInside"]
                 /\ UNCHANGED << run, fault, memory, data, wanted, 
                                 acknowledged, asleep, frame, copy, stored, 
                                 script, op, writable, list, upTo, tries, todo, 
                                 what, found, request, taken >>

Writable(self) == /\ pc[self] = "Writable"
                  /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "writable", value |-> number[self], release |-> TRUE, frame |-> 0])]
                  /\ writable' = [writable EXCEPT ![self] = TRUE]
                  /\ pc' = [pc EXCEPT ![self] = "Mark"]
                  /\ UNCHANGED << run, fault, memory, data, wanted, 
                                  acknowledged, asleep, frame, copy, stored, 
                                  script, op, held, number, list, upTo, tries, 
                                  todo, what, found, request, taken >>

Mark(self) == /\ pc[self] = "Mark"
              /\ IF fault # "F17"
                    THEN /\ buffer[self] = Empty
                    ELSE /\ TRUE
              /\ IF Get(self, "mark") = 1
                    THEN /\ pc' = [pc EXCEPT ![self] = "Begin"]
                    ELSE /\ pc' = [pc EXCEPT ![self] = "SetMark"]
              /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                              acknowledged, asleep, frame, copy, stored, 
                              script, op, held, number, writable, list, upTo, 
                              tries, todo, what, found, request, taken >>

SetMark(self) == /\ pc[self] = "SetMark"
                 /\ buffer[self] = Empty
                 /\ memory' = [memory EXCEPT !["mark"] = 1]
                 /\ pc' = [pc EXCEPT ![self] = "Begin"]
                 /\ UNCHANGED << run, fault, data, buffer, wanted, 
                                 acknowledged, asleep, frame, copy, stored, 
                                 script, op, held, number, writable, list, 
                                 upTo, tries, todo, what, found, request, 
                                 taken >>

vcpu(self) == Begin(self) \/ Use(self) \/ Poll(self) \/ GoInside(self)
                 \/ LookAtRequests(self) \/ GiveBack(self) \/ Drop(self)
                 \/ Forget(self) \/ Acknowledge(self) \/ GoOutside(self)
                 \/ LookAgain(self) \/ Signal(self) \/ Register(self)
                 \/ LookForOne(self) \/ Resolve(self)
                 \/ RegisteredLate(self) \/ Unregister(self) \/ Wait(self)
                 \/ Refused(self) \/ Writable(self) \/ Mark(self)
                 \/ SetMark(self)

Take(self) == /\ pc[self] = "Take"
              /\ IF todo[self] # <<>>
                    THEN /\ what' = [what EXCEPT ![self] = Head(todo[self])]
                         /\ todo' = [todo EXCEPT ![self] = Tail(todo[self])]
                         /\ IF what'[self] = "migrate"
                               THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> self, value |-> 1, release |-> TRUE, frame |-> 0])]
                                    /\ UNCHANGED << memory, taken >>
                               ELSE /\ IF what'[self] = "delete"
                                          THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "slot", value |-> 0, release |-> TRUE, frame |-> 0])]
                                               /\ UNCHANGED << memory, taken >>
                                          ELSE /\ IF fault = "F18"
                                                     THEN /\ taken' = [taken EXCEPT ![self] = memory["mark"]]
                                                          /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "mark", value |-> 0, release |-> TRUE, frame |-> 0])]
                                                          /\ UNCHANGED memory
                                                     ELSE /\ taken' = [taken EXCEPT ![self] = memory["mark"]]
                                                          /\ memory' = [memory EXCEPT !["mark"] = 0]
                                                          /\ UNCHANGED buffer
                         /\ pc' = [pc EXCEPT ![self] = "LookAtHolds"]
                    ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                         /\ UNCHANGED << memory, buffer, todo, what, taken >>
              /\ UNCHANGED << run, fault, data, wanted, acknowledged, asleep, 
                              frame, copy, stored, script, op, held, number, 
                              writable, list, upTo, tries, found, request >>

LookAtHolds(self) == /\ pc[self] = "LookAtHolds"
                     /\ IF fault # "F16"
                           THEN /\ buffer[self] = Empty
                           ELSE /\ TRUE
                     /\ found' = [found EXCEPT ![self] = IF what[self] = "harvest" /\ (fault = "G04" \/ Get(self, "writable") # Get(self, "indexed"))
                                                         THEN 0 ELSE Get(self, "indexed")]
                     /\ IF found'[self] = 0
                           THEN /\ pc' = [pc EXCEPT ![self] = "Gone"]
                                /\ UNCHANGED << buffer, request >>
                           ELSE /\ IF fault = "G02"
                                      THEN /\ request' = [request EXCEPT ![self] = Get(self, "requests") + 1]
                                           /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "requests", value |-> request'[self], release |-> TRUE, frame |-> 0])]
                                      ELSE /\ TRUE
                                           /\ UNCHANGED << buffer, request >>
                                /\ pc' = [pc EXCEPT ![self] = "Kick"]
                     /\ UNCHANGED << run, fault, memory, data, wanted, 
                                     acknowledged, asleep, frame, copy, stored, 
                                     script, op, held, number, writable, list, 
                                     upTo, tries, todo, what, taken >>

Kick(self) == /\ pc[self] = "Kick"
              /\ buffer[self] = Empty
              /\ wanted' = (wanted \union {found[self]})
              /\ IF fault # "G02"
                    THEN /\ request' = [request EXCEPT ![self] = memory["requests"] + 1]
                         /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "requests", value |-> request'[self], release |-> TRUE, frame |-> 0])]
                    ELSE /\ TRUE
                         /\ UNCHANGED << buffer, request >>
              /\ pc' = [pc EXCEPT ![self] = "LookAtMode"]
              /\ UNCHANGED << run, fault, memory, data, acknowledged, asleep, 
                              frame, copy, stored, script, op, held, number, 
                              writable, list, upTo, tries, todo, what, found, 
                              taken >>

LookAtMode(self) == /\ pc[self] = "LookAtMode"
                    /\ IF fault # "F14"
                          THEN /\ buffer[self] = Empty
                          ELSE /\ TRUE
                    /\ IF acknowledged >= request[self] \/ (Get(self, "inside") = 0 /\ fault # "G07")
                          THEN /\ pc' = [pc EXCEPT ![self] = "Gone"]
                               /\ UNCHANGED asleep
                          ELSE /\ asleep' = (asleep \union {self})
                               /\ pc' = [pc EXCEPT ![self] = "AwaitGone"]
                    /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                                    acknowledged, frame, copy, stored, script, 
                                    op, held, number, writable, list, upTo, 
                                    tries, todo, what, found, request, taken >>

AwaitGone(self) == /\ pc[self] = "AwaitGone"
                   /\ \/ /\ self \notin asleep
                         /\ pc' = [pc EXCEPT ![self] = "LookAtMode"]
                         /\ UNCHANGED asleep
                      \/ /\ ~run.patient
                         /\ asleep' = asleep \ {self}
                         /\ IF fault # "B90"
                               THEN /\ pc' = [pc EXCEPT ![self] = "TooLate"]
                               ELSE /\ pc' = [pc EXCEPT ![self] = "Gone"]
                   /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                                   acknowledged, frame, copy, stored, script, 
                                   op, held, number, writable, list, upTo, 
                                   tries, todo, what, found, request, taken >>

Gone(self) == /\ pc[self] = "Gone"
              /\ IF what[self] = "harvest"
                    THEN /\ copy' = (IF taken[self] = 1 /\ frame # 0 THEN data[frame] ELSE copy)
                         /\ UNCHANGED << data, frame >>
                    ELSE /\ IF frame # 0
                               THEN /\ LET other == 3 - frame IN
                                         /\ data' = [data EXCEPT ![other] = IF what[self] = "migrate" THEN data[frame] ELSE Freed, ![frame] = Freed]
                                         /\ frame' = (IF what[self] = "migrate" THEN other ELSE 0)
                               ELSE /\ TRUE
                                    /\ UNCHANGED << data, frame >>
                         /\ copy' = copy
              /\ pc' = [pc EXCEPT ![self] = "Ended"]
              /\ UNCHANGED << run, fault, memory, buffer, wanted, acknowledged, 
                              asleep, stored, script, op, held, number, 
                              writable, list, upTo, tries, todo, what, found, 
                              request, taken >>

TooLate(self) == /\ pc[self] = "TooLate"
                 /\ IF what[self] = "delete"
                       THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> "slot", value |-> 1, release |-> TRUE, frame |-> 0])]
                            /\ UNCHANGED memory
                       ELSE /\ IF what[self] = "harvest" /\ taken[self] = 1
                                  THEN /\ memory' = [memory EXCEPT !["mark"] = 1]
                                  ELSE /\ TRUE
                                       /\ UNCHANGED memory
                            /\ UNCHANGED buffer
                 /\ pc' = [pc EXCEPT ![self] = "Ended"]
                 /\ UNCHANGED << run, fault, data, wanted, acknowledged, 
                                 asleep, frame, copy, stored, script, op, held, 
                                 number, writable, list, upTo, tries, todo, 
                                 what, found, request, taken >>

Ended(self) == /\ pc[self] = "Ended"
               /\ IF what[self] = "migrate"
                     THEN /\ buffer' = [buffer EXCEPT ![self] = Append(buffer[self], [at |-> self, value |-> 0, release |-> TRUE, frame |-> 0])]
                     ELSE /\ TRUE
                          /\ UNCHANGED buffer
               /\ pc' = [pc EXCEPT ![self] = "Settled"]
               /\ UNCHANGED << run, fault, memory, data, wanted, acknowledged, 
                               asleep, frame, copy, stored, script, op, held, 
                               number, writable, list, upTo, tries, todo, what, 
                               found, request, taken >>

Settled(self) == /\ pc[self] = "Settled"
                 /\ buffer[self] = Empty
                 /\ pc' = [pc EXCEPT ![self] = "Take"]
                 /\ UNCHANGED << run, fault, memory, data, buffer, wanted, 
                                 acknowledged, asleep, frame, copy, stored, 
                                 script, op, held, number, writable, list, 
                                 upTo, tries, todo, what, found, request, 
                                 taken >>

taker(self) == Take(self) \/ LookAtHolds(self) \/ Kick(self)
                  \/ LookAtMode(self) \/ AwaitGone(self) \/ Gone(self)
                  \/ TooLate(self) \/ Ended(self) \/ Settled(self)

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
               /\ UNCHANGED << run, fault, wanted, acknowledged, asleep, frame, 
                               copy, stored, script, op, held, number, 
                               writable, list, upTo, tries, todo, what, found, 
                               request, taken >>

processor(self) == Flush(self)

Next == (\E self \in {Vcpu}: vcpu(self))
           \/ (\E self \in Takers: taker(self))
           \/ (\E self \in {"processor"}: processor(self))

Spec == /\ Init /\ [][Next]_vars
        /\ \A self \in {Vcpu} : WF_vars(vcpu(self))
        /\ \A self \in Takers : WF_vars(taker(self))
        /\ \A self \in {"processor"} : WF_vars(processor(self))

\* END TRANSLATION

Finished == (\A t \in Threads : pc[t] = "Done") /\ \A t \in Threads : buffer[t] = Empty

\* The invariants, by the numbers of RULES.md.
\* I1: no raw store reaches a frame that was taken. It would be lost, or in another's data.
I1 == \A f \in {1, 2} \ {frame} : data[f] = Freed
\* No raw store is lost on the way to another frame.
LastStoreStays == Finished /\ frame # 0 => data[frame] = stored
\* I9: what a copy after the harvest has not got is marked for the next.
I9 == Finished /\ frame # 0 /\ (\E t \in Takers : \E i \in 1..Len(run.takers[t]) : run.takers[t][i] = "harvest")
          => copy = data[frame] \/ memory["mark"] = 1
\* I10: no taker sleeps on when the vCPU has left for good: no wake-up is lost, and no taker waits for who is outside.
I10 == pc[Vcpu] = "Done" /\ buffer[Vcpu] = Empty /\ memory["inside"] = 0 => asleep = {}
\* Each call returns, of a vCPU that leaves in the end, and of takers that wait as long as it takes.
CallsReturn == <>(\A t \in Threads : pc[t] = "Done")
===============================================================================
