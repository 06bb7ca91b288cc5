package io.github.pfncache.sweep;

import java.util.ArrayList;
import java.util.List;

/** Tells what went wrong, in one line each. */
final class Faults {

    private Faults() {}

    /** What was thrown, and where in the library. */
    static String told(Throwable thrown) {
        List<String> frames = new ArrayList<>();
        Throwable root = thrown;
        while (root.getCause() != null) { // bounded by the causes
            root = root.getCause();
        }
        for (StackTraceElement frame : root.getStackTrace()) { // bounded by the stack
            if (frame.getClassName().startsWith("io.github.pfncache.") && frames.size() < 7) {
                frames.add(frame.getClassName().replaceFirst(".*\\.", "") + "." + frame.getMethodName() + ":"
                        + frame.getLineNumber());
            }
        }
        return root.getClass().getSimpleName() + ": " + root.getMessage() + " at " + String.join(" < ", frames);
    }
}
