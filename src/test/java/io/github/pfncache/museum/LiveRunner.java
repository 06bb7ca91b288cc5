package io.github.pfncache.museum;

import io.github.pfncache.kvm.KvmCommand;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.UnaryOperator;
import picocli.CommandLine;

/** Runs the command {@code kvm} of the library that its own class loader has: options in, what was printed out. */
public final class LiveRunner implements UnaryOperator<String> {

    @Override
    public String apply(String options) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        boolean[] found = new boolean[1];
        int code = new CommandLine(new KvmCommand(out, out, () -> {
            found[0] = found[0] || bytes.toString(StandardCharsets.UTF_8).contains("difference: ");
            return found[0]; // one is enough
        })).execute(options.split(" "));
        return bytes.toString(StandardCharsets.UTF_8) + "exit code " + code;
    }
}
