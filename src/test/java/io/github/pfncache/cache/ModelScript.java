package io.github.pfncache.cache;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The steps of {@link CacheModelTest}, as data: short to print, easy to shrink, possible to replay. */
final class ModelScript {

    private ModelScript() {}

    /** What a step does; what its three numbers mean is said at each. */
    enum Kind {
        /** Cache a, at guest page b, at one of the offsets c. */
        ACTIVATE,
        /** Cache a, at host page b, at one of the offsets c. */
        ACTIVATE_HVA,
        /** Cache a. */
        DEACTIVATE,
        /** Cache a. */
        REFRESH,
        /** Cache a, at offset b, in the form c. */
        WRITE,
        /** Cache a, at offset b. */
        READ,
        /** Area at guest page a and one of the offsets b, of length c. */
        AREA_ACTIVATE,
        /** Area, at offset a. */
        AREA_WRITE,
        /** Slot a, at guest page b; host page and flags by c. */
        CREATE,
        /** Slot a. */
        DELETE,
        /** Slot a, to guest page b. */
        MOVE_SLOT,
        /** Slot a, flags by b. */
        FLAGS,
        /** The dirty log of slot a. */
        HARVEST,
        /** Host pages from a, b of them. */
        UNMAP,
        /** Host pages from a, b of them: fresh ones. */
        MAP,
        /** Host pages from a, b of them, protection by c. */
        PROTECT,
        /** Host pages from a, b of them. */
        DISCARD,
        /** Host pages from a, b of them, to c. */
        MOVE,
        /** File pages from a, b of them. */
        PUNCH,
        /** Host page a. */
        MIGRATE,
        /** Host pages from a, b of them. */
        EVICT,
        /** A child: it sees what was there when it was made, until it ends with the next fork. */
        FORK
    }

    /** One step. */
    record Step(Kind kind, int a, int b, int c) {
        @Override
        public String toString() {
            return kind.name().toLowerCase(Locale.ROOT) + " " + a + " " + b + " " + c;
        }
    }

    static String print(List<Step> script) {
        return script.stream().map(Step::toString).collect(Collectors.joining("; "));
    }

    static List<Step> parse(String text) {
        return Arrays.stream(text.split(";")).map(String::trim).map(ModelScript::parseStep).toList();
    }

    private static Step parseStep(String text) {
        String[] words = text.split(" ");
        return new Step(
                Kind.valueOf(words[0].toUpperCase(Locale.ROOT)),
                Integer.parseInt(words[1]),
                Integer.parseInt(words[2]),
                Integer.parseInt(words[3]));
    }
}
