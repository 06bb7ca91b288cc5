----------------------------- MODULE GuestModeRuns -----------------------------
(* What is run on the module GuestMode: sound, with a fault of the museum, and    *)
(* with each fence of guest mode taken out.                                       *)
EXTENDS GuestMode

Run(f, i, s, t1, t2, isPatient) ==
    [fault |-> f, breaks |-> i, script |-> s, takers |-> [m |-> t1, h |-> t2], patient |-> isPatient]
Sound(s, t1, t2, isPatient) == {Run("none", "none", s, t1, t2, isPatient)}

\* ---------------------------------------------------------------- scripts
HoldAndUse == <<"enter", "hold", "use", "leave">>
UseAndPoll == <<"enter", "hold", "use", "poll", "use", "leave">>
HoldTwice == <<"enter", "hold", "use", "poll", "hold", "use", "leave">>
ComesBack == <<"enter", "hold", "leave", "enter", "use", "leave">>

\* ---------------------------------------------------------------- sound
Migrations == Sound(UseAndPoll, <<"migrate">>, <<"migrate">>, TRUE) \union Sound(ComesBack, <<"migrate">>, <<>>, FALSE)
Returning == Sound(HoldTwice, <<>>, <<"harvest", "harvest">>, TRUE) \union Sound(UseAndPoll, <<"delete">>, <<>>, FALSE)
Together == Sound(HoldTwice, <<"migrate">>, <<"harvest">>, FALSE)

\* ---------------------------------------------------------------- with a fault
Faulty == <<
    Run("G01", "I1", UseAndPoll, <<"migrate">>, <<>>, TRUE),
    Run("G02", "I1", UseAndPoll, <<"migrate">>, <<"migrate">>, TRUE),
    Run("G03", "I1", ComesBack, <<"migrate">>, <<>>, TRUE),
    Run("G04", "I9", UseAndPoll, <<>>, <<"harvest">>, TRUE),
    Run("G06", "I1", HoldAndUse, <<"migrate">>, <<>>, TRUE),
    Run("G07", "I10", ComesBack, <<"migrate">>, <<>>, TRUE),
    Run("B90", "I1", HoldAndUse, <<"migrate">>, <<>>, FALSE),
    \* a vCPU enters with a release before it looks at the requests
    Run("F13", "I1", ComesBack, <<"migrate">>, <<>>, TRUE),
    \* a request is a release before the look at the mode
    Run("F14", "I1", ComesBack, <<"migrate">>, <<>>, TRUE),
    \* a hold is registered without a fence before it looks for an invalidation
    Run("F15", "I1", HoldAndUse, <<"migrate">>, <<>>, TRUE),
    \* a taker looks at the holds without a fence behind "in progress"
    Run("F16", "I1", HoldAndUse, <<"migrate">>, <<>>, TRUE),
    \* a hold is writable without a fence before the mark
    Run("F17", "I9", HoldTwice, <<>>, <<"harvest", "harvest">>, TRUE),
    \* a harvest clears the mark without a fence before it looks at holds
    Run("F18", "I9", HoldTwice, <<>>, <<"harvest", "harvest">>, TRUE),
    \* an acknowledgement is a plain store
    Run("F19", "I1", UseAndPoll, <<"migrate">>, <<>>, TRUE),
    \* a vCPU leaves with a plain store
    Run("F20", "I1", HoldAndUse, <<"migrate">>, <<>>, TRUE),
    \* a vCPU leaves with a release before it looks at the requests
    Run("F21", "I10", HoldAndUse, <<"migrate">>, <<>>, TRUE)
>>

Faults == {Faulty[i] : i \in 1..Len(Faulty)}
Number == CHOOSE i \in 1..Len(Faulty) : Faulty[i] = run
ASSUME \A i \in 1..Len(Faulty) : TLCSet(i, FALSE)

IsBroken ==
    CASE run.breaks = "I1" -> ~I1
      [] run.breaks = "I9" -> ~I9
      [] run.breaks = "I10" -> ~I10
      [] run.breaks = "LastStoreStays" -> ~LastStoreStays

\* A constraint: of each fault the search ends where it is found, and says so.
Search ==
    /\ ~TLCGet(Number)
    /\ IsBroken => /\ PrintT(<<"found", fault, run.breaks, TLCGet("level")>>)
                   /\ TLCSet(Number, TRUE)
                   /\ FALSE
\* No thread is owed a turn: what returns here returns under any scheduler.
Unfair == Init /\ [][Next]_vars /\ WF_vars(Next)
===============================================================================
