------------------------------- MODULE LockRuns -------------------------------
(* What is run on the module ReaderLock: sound, with a fault of the museum, and  *)
(* with each fence of the lock taken out.                                        *)
EXTENDS ReaderLock

Run(f, i, s, m, h, isFull) ==
    [fault |-> f, breaks |-> i, scripts |-> s, moves |-> m, harvests |-> h, full |-> isFull, endless |-> FALSE]
Script(s1, s2) == [a |-> s1, b |-> s2]
Sound(s, m, h, isFull) == {Run("none", "none", s, m, h, isFull)}

\* ---------------------------------------------------------------- scripts
TwoStores == Script(<<"store", "store">>, <<>>)
StoreAndLoad == Script(<<"store">>, <<"load">>)
AccessAndRead == Script(<<"access">>, <<"read">>)
OneStore == Script(<<"store">>, <<>>)
OneLoad == Script(<<"load">>, <<>>)
OneRead == Script(<<"read">>, <<>>)
OneAccess == Script(<<"access">>, <<>>)
TwoAccesses == Script(<<"access", "access">>, <<>>)
StoreThenAccess == Script(<<"store", "access">>, <<"read">>)

\* ---------------------------------------------------------------- sound
Stores ==
    Sound(TwoStores, 2, 0, FALSE) \union Sound(StoreAndLoad, 1, 0, FALSE)
    \union Sound(TwoStores, 0, 2, FALSE) \union Sound(TwoAccesses, 0, 2, FALSE)
Together == Sound(StoreThenAccess, 2, 0, TRUE) \union Sound(StoreAndLoad, 1, 1, FALSE)
Returning == Sound(AccessAndRead, 1, 0, TRUE)
Endlessly == {[Run("none", "none", OneStore, 0, 1, FALSE) EXCEPT !.endless = TRUE]}
StarvedHarvest == {[Run("F12", "CallsReturn", OneStore, 0, 1, FALSE) EXCEPT !.endless = TRUE]}

\* ---------------------------------------------------------------- with a fault
Faulty == <<
    Run("D06", "I1", OneLoad, 1, 0, FALSE),
    Run("D07", "I1", OneStore, 1, 0, FALSE),
    Run("D08", "I1", OneRead, 1, 0, FALSE),
    Run("D09", "I1", OneStore, 1, 0, FALSE),
    Run("D10", "I1", OneStore, 1, 0, FALSE),
    Run("D11", "I1", OneStore, 1, 0, FALSE),
    \* a reader announces itself with a store, not a locked instruction
    Run("F1", "I1", OneStore, 1, 0, FALSE),
    \* a writer shuts the lock with a release, not a volatile store
    Run("F2", "I1", OneStore, 1, 0, FALSE),
    \* a reader leaves with a plain store, not a release
    Run("F3", "I1", OneStore, 1, 0, FALSE),
    \* a load looks at the sequence without the load-load fence before
    Run("F4", "I1", OneLoad, 1, 0, FALSE),
    \* a writer opens the lock with a plain store, not a release
    Run("F5", "I1", OneRead, 1, 0, FALSE),
    \* the sequence is read without an acquire: the bytes are older
    Run("F6", "I1", OneStore, 1, 0, FALSE),
    \* a writer reads announcements without an acquire: its copy is older
    Run("F7", "LastStoreStays", OneStore, 1, 0, FALSE),
    \* a harvest clears the marks without a fence before it looks for brief holds
    Run("F8", "I9", TwoStores, 0, 1, FALSE),
    \* an announced reader looks at the sequence without an acquire
    Run("F9", "I1", OneRead, 1, 0, FALSE),
    \* an access marks without a fence between the data and the look at the bit
    Run("F10", "I9", TwoAccesses, 0, 2, FALSE),
    \* a harvest does not wait for brief holds
    Run("F11", "I9", TwoStores, 0, 1, FALSE)
>>

Faults == {Faulty[i] : i \in 1..Len(Faulty)}
Number == CHOOSE i \in 1..Len(Faulty) : Faulty[i] = run
ASSUME \A i \in 1..Len(Faulty) : TLCSet(i, FALSE)

IsBroken ==
    CASE run.breaks = "I1" -> ~I1
      [] run.breaks = "I9" -> ~I9
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
