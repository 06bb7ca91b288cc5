package machine;

import io.github.pfncache.vm.RamSnapshot;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** A machine at one moment, at which it was at rest: its memory, and what its parts were in the middle of. */
record Moment(RamSnapshot memory, byte[] parts) implements AutoCloseable {

    private static final byte[] ZEROS = new byte[Region.PAGE];
    private static final long END = -1;

    static Moment of(Machine machine) { return new Moment(machine.vm.ram().snapshot(), parts(machine)); }

    static byte[] parts(Machine machine) {
        State state = new State();
        machine.state(state);
        return state.saved();
    }

    /** Back to this moment. */
    void rewind(Machine machine) {
        machine.vm.ram().rewind(memory);
        machine.state(new State(parts));
    }

    /** All pages that are not zeros, and the parts. */
    void save(Path file) throws IOException {
        byte[] page = new byte[Region.PAGE];
        try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
            for (Region region : Region.values()) {
                for (long gpa = region.gpa; gpa < region.end(); gpa += Region.PAGE) {
                    memory.read(gpa, page);
                    if (!Arrays.equals(page, ZEROS)) {
                        out.writeLong(gpa);
                        out.write(page);
                    }
                }
            }
            out.writeLong(END);
            out.write(parts);
        }
    }

    /** Makes a machine that has not run yet the one that was saved. */
    static void load(Path file, Machine machine) throws IOException {
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            for (long gpa = in.readLong(); gpa != END; gpa = in.readLong()) {
                machine.put(gpa, in.readNBytes(Region.PAGE));
            }
            machine.state(new State(in.readAllBytes()));
        }
    }

    @Override public void close() { memory.close(); }
}
