package io.github.pfncache.conformance;

import io.github.pfncache.kvm.Comparison;
import io.github.pfncache.kvm.Script;
import java.util.ArrayList;
import java.util.List;

/** In what a prediction of the kernel's behaviour may deviate from what was recorded of it. */
final class Tolerance {

    private Tolerance() {}

    /**
     * Whether a prediction is that of a recording, but that a dirty log may say more: what the kernel writes without
     * marking is marked here; and but for stolen time.
     */
    static boolean agree(Script script, String recorded, String predicted) {
        List<String> expected = List.of(recorded.split(" ; ", -1));
        List<String> actual = List.of(predicted.split(" ; ", -1));
        if (expected.size() != actual.size() || expected.size() != script.ops().size()) {
            return false;
        }
        for (int i = 0; i < actual.size(); i++) { // the operations of the script
            boolean same = isLog(script.ops().get(i))
                    ? entries(actual.get(i)).containsAll(entries(expected.get(i)))
                    : Comparison.withoutTimes(actual.get(i)).equals(Comparison.withoutTimes(expected.get(i)));
            if (!same) {
                return false;
            }
        }
        return true;
    }

    /** What the dirty logs of an observation say. */
    static List<String> logs(Script script, String observed) {
        List<String> answers = List.of(observed.split(" ; ", -1));
        List<String> logs = new ArrayList<>();
        for (int i = 0; i < Math.min(answers.size(), script.ops().size()); i++) { // the operations of the script
            if (isLog(script.ops().get(i))) {
                logs.add(answers.get(i));
            }
        }
        return logs;
    }

    private static boolean isLog(Script.Op op) {
        return op.name().equals("dlog") || op.name().equals("ringget");
    }

    /** The pages that a dirty log names, or the error that it is. */
    private static List<String> entries(String log) {
        if (!log.startsWith("{")) {
            return List.of(log);
        }
        List<String> entries = new ArrayList<>(List.of(log.substring(1, log.indexOf('}')).split("[. ]")));
        entries.removeIf(String::isEmpty);
        return entries;
    }
}
