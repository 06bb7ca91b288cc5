------------------------------ MODULE CacheBound ------------------------------
(* Runs of the real classes, held against the module GpcCache. The explorer      *)
(* wrote down what it saw of a cache whenever threads could switch; a run is     *)
(* accepted if the model can do the same: between two of these moments the one   *)
(* thread that ran takes any number of the model's steps, of which only the last *)
(* that can be seen differs from what was seen before.                           *)
(*                                                                               *)
(* "Recorded" is written by the test: each run with its race, and its moments.   *)
EXTENDS CacheRuns, Recorded

VARIABLES which,   \* number of the run
          moment,  \* how many of its moments have been met
          taken    \* steps since then
bound == <<vars, which, moment, taken>>

MaxSteps == 24

\* The races, as the test runs them on the real classes.
Races == [
    access |-> Run("none", "none", Script(<<ActivateX, AccessX>>, <<AccessX>>), <<>>, 1, FALSE),
    refresh |-> Run("none", "none", Script(<<ActivateX, DeactivateX>>, <<<<"refresh", "x">>>>), <<>>, 1, FALSE),
    again |-> Run("none", "none", Script(<<ActivateX, AccessX, AccessX>>, <<>>), <<>>, 2, FALSE),
    deletion |-> Run("none", "none", Script(<<ActivateX, AccessX>>, <<>>), <<0>>, 0, FALSE)
]

Moments == Recorded[which].moments
Thread(m) == CASE m.thread = "delete" -> Changer [] OTHER -> m.thread

\* Where a thread stands in the model when it stands at a point of the code; at any other point it may stand anywhere.
Stands(m) ==
    LET where == pc[Thread(m)] IN
    CASE m.point = "lock CACHE" /\ m.thread \in Users ->
                where \in {"Begin", "Check", "Activate", "Repoint", "Install", "Fail", "TurnOff"}
      [] m.point = "lock REFRESH" -> where \in {"RefreshLock", "Begin"}
      [] m.point = "between check and refresh" -> where = "RefreshLock"
      [] m.point = "table phase read" -> where \in {"Begin", "Check", "RefreshLock", "EnterRead"}
      [] m.point \in {"host.resident.seen", "host.map"} -> where \in {"Resolve", "Install"}
      [] m.point = "using" -> where = "Use"
      [] m.point = "ends" /\ m.thread \in Users -> where \in {"Begin", "Done"} /\ script[m.thread] = <<>>
      [] m.point \in {"index walk", "unread"} /\ m.thread \in Movers -> where = "Walk"
      [] m.point = "index walk" -> where = "Drain"
      [] OTHER -> TRUE

\* What can be seen of the cache, of its page, and of the user that is at its bytes.
Seen == <<gpc["x"].active, gpc["x"].valid, gpc["x"].usable, gpc["x"].page, gpc["x"].khva, pt[1], Covered(1)>>
SeenAt(m) == <<m.active, m.valid, m.usable, m.page, m.khva, m.pt, m.taking>>
Before == IF moment = 0 THEN <<FALSE, FALSE, FALSE, 0, 0, 1, FALSE>> ELSE SeenAt(Moments[moment])

Takes(t) == IF t \in Users THEN user(t) ELSE IF t \in Movers THEN mover(t) ELSE change(t)

BoundInit == Init /\ which \in 1..Len(Recorded) /\ run = Races[Recorded[which].race] /\ moment = 0 /\ taken = 0

BoundNext ==
    /\ moment < Len(Moments)
    /\ LET m == Moments[moment + 1] IN
        \/ /\ taken < MaxSteps
           /\ Takes(Thread(m))
           /\ \A t \in Movers : page'[t] = 1                               \* the races take page 1 away only,
           /\ \A u \in Users : pc[u] = "LookForOne" => pc'[u] # "Fail"     \* and no deadline passes
           /\ Seen' \in {Before, SeenAt(m)}
           /\ taken' = taken + 1
           /\ UNCHANGED <<which, moment>>
        \/ /\ Seen = SeenAt(m)
           /\ Stands(m)
           /\ \A u \in m.using : pc[u] = "Use"
           /\ moment' = moment + 1
           /\ taken' = 0
           /\ UNCHANGED <<vars, which>>

BoundSpec == BoundInit /\ [][BoundNext]_bound

BoundRaces == {Races[r] : r \in DOMAIN Races}
ASSUME \A i \in 1..Len(Recorded) : TLCSet(1000 + i, FALSE)

\* A constraint: of each run the search ends where it is accepted, and says so.
Accept ==
    /\ ~TLCGet(1000 + which)
    /\ moment = Len(Moments) => /\ PrintT(<<"accepted", which>>)
                                /\ TLCSet(1000 + which, TRUE)
                                /\ FALSE
===============================================================================
