package io.github.pfncache.wasm;

import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wabt.Wat2WasmModule;
import com.dylibso.chicory.wasi.WasiExitException;
import com.dylibso.chicory.wasi.WasiOptions;
import com.dylibso.chicory.wasi.WasiPreview1;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * The program that is the guest: {@code wat2wasm} of the WebAssembly Binary Toolkit, C++ compiled to WebAssembly, which
 * turns a module's text into its binary form. Its file and its output are the host's, through WASI.
 */
final class Wat2Wasm {

    /** How the guest's code is run. */
    enum Machine {
        /** As Java methods, which were made from the program ahead of time. */
        COMPILED,
        /** Instruction by instruction, from the program itself. */
        INTERPRETED
    }

    /** What came of a run: the module, or what went wrong. */
    record Result(int exitCode, byte[] output, String errors) {}

    private static final String INPUT = "input.wat";

    private final Machine machine;
    private final Path directory;

    /** A converter of one text, which is put into a directory. */
    Wat2Wasm(Machine machine, Path directory, String text) throws IOException {
        this.machine = machine;
        this.directory = directory;
        Files.writeString(directory.resolve(INPUT), text);
    }

    /** A module of so many functions, of all kinds of constants, and a table of all their names. */
    static String text(int functions) {
        StringBuilder text = new StringBuilder("(module (memory 1)\n");
        for (int i = 0; i < functions; i++) { // bounded by the parameter
            text.append("(func $f").append(i).append(" (param $x i64) (result f64)\n  (f64.mul (f64.const ")
                    .append(i * 0.37 + 1e-3).append(") (f64.convert_i64_s (i64.xor (local.get $x) (i64.const 0x")
                    .append(Long.toHexString(i * 0x9e37_79b9_7f4a_7c15L >>> 1)).append(")))))\n")
                    .append("(export \"function ").append(i).append("\" (func $f").append(i).append("))\n");
        }
        return text.append(")\n").toString();
    }

    /**
     * Runs the program to its end.
     *
     * @throws RuntimeException a trap of the guest, or of what it called
     */
    Result run(Function<MemoryLimits, Memory> memory) {
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        ByteArrayOutputStream errors = new ByteArrayOutputStream();
        WasiOptions options = WasiOptions.builder()
                .withStdout(output)
                .withStderr(errors)
                .withDirectory("/", directory)
                .withArguments(List.of("wat2wasm", "/" + INPUT, "--output=-"))
                .build();
        int exitCode = 0;
        try (WasiPreview1 wasi = WasiPreview1.builder().withOptions(options).build();
                InputStream program = Wat2WasmModule.class.getResourceAsStream("/wat2wasm")) {
            Instance.Builder builder = Instance.builder(
                            machine == Machine.COMPILED ? Wat2WasmModule.load() : Parser.parse(program))
                    .withImportValues(ImportValues.builder().addFunction(wasi.toHostFunctions()).build())
                    .withMemoryFactory(memory);
            if (machine == Machine.COMPILED) {
                builder.withMachineFactory(Wat2WasmModule::create);
            }
            builder.build(); // runs it: the program's entry is its start function
        } catch (WasiExitException exit) {
            exitCode = exit.exitCode();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Result(exitCode, output.toByteArray(), errors.toString(StandardCharsets.UTF_8));
    }
}
