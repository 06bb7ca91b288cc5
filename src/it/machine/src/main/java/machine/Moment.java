package machine;

import io.github.pfncache.vm.RamSnapshot;
import io.github.pfncache.vm.Vm;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BiFunction;

/** A machine at one moment, at which it was at rest: its memory, and what its parts were in the middle of. */
record Moment(RamSnapshot memory, byte[] parts) implements AutoCloseable {

    static Moment of(Machine machine) { return new Moment(machine.vm.ram().snapshot(), partsOf(machine)); }

    static byte[] partsOf(Machine machine) {
        State state = new State();
        machine.state(state);
        return state.saved();
    }

    void rewind(Machine machine) {
        machine.vm.ram().rewind(memory);
        machine.state(new State(parts));
    }

    /** Writes the pages that have content, and the parts. */
    void save(Path file) throws IOException {
        try (OutputStream out = Files.newOutputStream(file)) {
            memory.save(out);
            out.write(parts);
        }
    }

    /** Makes a machine of a VM without memory and what was saved. */
    static Machine load(Path file, Vm vm, BiFunction<Vm, Bus, Memory> way) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
            vm.ram().load(in);
            Machine machine = new Machine(vm, way);
            machine.state(new State(in.readAllBytes()));
            return machine;
        }
    }

    @Override public void close() { memory.close(); }
}
