package io.github.pfncache.trace;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The recordings that come with this project: 20 machine boots, and what real KVM did. Stateless.
 *
 * @since 0.1.0
 */
public final class BundledTraces {

    /** Name of the table of landings. */
    public static final String TABLE = "trace_replay.tsv";

    private static final String INDEX = "index.txt";

    private BundledTraces() {}

    /**
     * Reads the traces.
     *
     * @return all of them, in the order of the table
     * @throws IOException if they cannot be read
     * @throws MalformedInput if they are not as they were recorded
     */
    public static List<MemslotTrace> traces() throws IOException, MalformedInput {
        List<String> names;
        try (InputStream in = open(INDEX);
                BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            names = reader.lines().collect(Collectors.toList());
        }
        List<MemslotTrace> traces = new ArrayList<>();
        for (String name : names) { // bounded by the index
            try (InputStream in = open(name)) {
                traces.add(TraceParser.parse(name, in));
            }
        }
        return traces;
    }

    /**
     * Reads the table.
     *
     * @param traces what {@link #traces} returned
     * @return where real KVM's updates landed in each of the traces
     * @throws IOException if it cannot be read
     * @throws MalformedInput if it is not as it was recorded
     */
    public static ProbeTable table(List<MemslotTrace> traces) throws IOException, MalformedInput {
        try (InputStream in = open(TABLE)) {
            return ProbeTableParser.parse(TABLE, in, traces);
        }
    }

    private static InputStream open(String name) throws IOException {
        InputStream in = BundledTraces.class.getResourceAsStream(name);
        if (in == null) {
            throw new IOException("not bundled: " + name);
        }
        return in;
    }
}
