------------------------------ MODULE CacheRuns ------------------------------
(* What is run on the module GpcCache: sound, and with a fault of the museum.    *)
EXTENDS GpcCache

Run(f, i, s, ch, m, t) ==
    [fault |-> f, breaks |-> i, scripts |-> s, changes |-> ch, moves |-> m, throws |-> t]
Sound(s, ch, m, t) == {Run("none", "none", s, ch, m, t)}

\* ---------------------------------------------------------------- scripts
ActivateX == <<"activate", "x">>
AccessX == <<"access", "x">>
DeactivateX == <<"deactivate", "x">>
Script(s1, s2) == [a |-> s1, b |-> s2]

TwoAccesses == Script(<<ActivateX, AccessX>>, <<AccessX>>)
TwoActivations == Script(<<ActivateX, AccessX>>, <<ActivateX>>)
OneAfterTheOther == Script(<<ActivateX, AccessX, AccessX>>, <<>>)
Alone == Script(<<ActivateX>>, <<>>)
Nothing == Script(<<>>, <<>>)
GoesOutOfUse == Script(<<ActivateX, DeactivateX>>, <<AccessX>>)
ComesBack == Script(<<ActivateX, DeactivateX, ActivateX>>, <<AccessX>>)
TwoCaches == Script(<<ActivateX>>, <<<<"activate", "y">>, <<"access", "y">>>>)

\* ---------------------------------------------------------------- sound
Migration == Sound(TwoAccesses, <<>>, 1, FALSE) \union Sound(ComesBack, <<>>, 1, FALSE)
Returning == Sound(TwoAccesses, <<2, 1>>, 0, FALSE) \union Sound(OneAfterTheOther, <<>>, 1, TRUE)
Endlessly == Sound(Alone, <<>>, Endless, FALSE) \union Sound(Nothing, <<2>>, Endless, FALSE)
StarvedChange == {Run("B86", "CallsReturn", Nothing, <<2>>, Endless, FALSE)}
Everything == Sound(TwoAccesses, <<2>>, 1, TRUE)
TwoOfThem == Sound(TwoCaches, <<2>>, 1, FALSE)

\* ---------------------------------------------------------------- with a fault: the first invariant to be broken
Faulty == <<
    Run("B00", "I1", OneAfterTheOther, <<>>, 1, FALSE),
    Run("B01", "I1", OneAfterTheOther, <<>>, 1, FALSE),
    Run("B02", "I1", TwoAccesses, <<2>>, 0, FALSE),
    Run("B04", "I1", TwoAccesses, <<2>>, 0, FALSE),
    Run("B06", "I2", GoesOutOfUse, <<>>, 0, FALSE),
    Run("B07", "I2", OneAfterTheOther, <<>>, 0, FALSE),
    Run("B07b", "I1", OneAfterTheOther, <<>>, 1, FALSE),
    Run("B07c", "I1", GoesOutOfUse, <<>>, 1, FALSE),
    Run("B08", "I4", TwoActivations, <<>>, 0, FALSE),
    Run("B09", "I3", GoesOutOfUse, <<>>, 1, FALSE),
    Run("B10", "NoDeadlock", TwoAccesses, <<>>, 0, FALSE),
    Run("B11", "I5", OneAfterTheOther, <<>>, 1, FALSE),
    Run("B13", "I5", OneAfterTheOther, <<>>, 0, FALSE),
    Run("B23", "I6", OneAfterTheOther, <<>>, 2, FALSE),
    Run("B24", "I1", OneAfterTheOther, <<>>, 1, FALSE),
    Run("B30", "I9", TwoAccesses, <<2>>, 0, FALSE),
    Run("B35", "I8", OneAfterTheOther, <<2>>, 0, FALSE),
    Run("D01", "I1", OneAfterTheOther, <<>>, 1, FALSE),
    Run("D02", "I1", OneAfterTheOther, <<>>, 1, FALSE),
    Run("D03", "I9", OneAfterTheOther, <<2>>, 0, FALSE),
    Run("D04", "I8", OneAfterTheOther, <<2>>, 0, FALSE),
    Run("D05", "I6", OneAfterTheOther, <<2, 1, 2>>, 0, FALSE),
    Run("E02", "I9", OneAfterTheOther, <<>>, 0, TRUE),
    Run("E06", "NotifierPairs", OneAfterTheOther, <<>>, 1, FALSE)
>>

Faults == {Faulty[i] : i \in 1..Len(Faulty)}
Number == CHOOSE i \in 1..Len(Faulty) : Faulty[i] = run
ASSUME \A i \in 1..Len(Faulty) : TLCSet(i, FALSE)

IsBroken ==
    CASE run.breaks = "I1" -> ~I1
      [] run.breaks = "I2" -> ~I2
      [] run.breaks = "I3" -> ~I3
      [] run.breaks = "I4" -> ~I4
      [] run.breaks = "I5" -> ~I5
      [] run.breaks = "I6" -> ~I6
      [] run.breaks = "I8" -> ~I8
      [] run.breaks = "I9" -> ~I9
      [] run.breaks = "I14" -> ~I14
      [] run.breaks = "NotifierPairs" -> ~NotifierPairs
      [] run.breaks = "NoDeadlock" -> ~NoDeadlock

\* A constraint: of each fault the search ends where it is found, and says so.
Search ==
    /\ ~TLCGet(Number)
    /\ IsBroken => /\ PrintT(<<"found", fault, run.breaks, TLCGet("level")>>)
                   /\ TLCSet(Number, TRUE)
                   /\ FALSE
\* No thread is owed a turn: what returns here returns under any scheduler.
Unfair == Init /\ [][Next]_vars /\ WF_vars(Next)
===============================================================================
