package machine;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A two-pass assembler: the first pass finds where the labels are, the second knows them. */
final class Assembler {

    private static final List<String> REGISTERS = List.of(("zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7"
            + " s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6").split(" "));

    /** Which fields the operands fill, and the other bits. */
    private record Instruction(String fields, int bits) {}

    private final Map<String, Instruction> instructions = new HashMap<>();
    private final Map<String, String> shorthands = new HashMap<>();
    private final Map<String, Long> symbols = new HashMap<>();
    private final long origin;
    private ByteBuffer code;
    private boolean last;

    private Assembler(long origin) { this.origin = origin; }

    /** The bytes of a listing, a resource, that begins at an address. */
    static byte[] assemble(String listing, long origin, int size) throws IOException {
        Assembler assembler = new Assembler(origin);
        for (int pass = 1; pass <= 2; pass++) {
            assembler.last = pass == 2;
            assembler.code = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
            (text("rv64ima.txt") + text(listing)).lines().forEach(assembler::line);
        }
        return assembler.code.array();
    }

    private static String text(String resource) throws IOException {
        try (InputStream in = Assembler.class.getResourceAsStream(resource)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void line(String full) {
        String line = full.replaceAll("#.*", "").strip();
        String[] words = line.split("[\\s,()]+");
        switch (words[0]) {
            case "" -> { }
            case ".op" -> Arrays.stream(words).skip(2).map(each -> each.split("=")).forEach(each -> instructions.put(
                    each[0], new Instruction(words[1].replace("-", ""), Integer.parseUnsignedInt(each[1], 16))));
            case ".short" -> shorthands.put(words[1], line.split("\\s+", 3)[2]);
            case ".equ" -> symbols.put(words[1], value(words[2]));
            case ".word" -> code.putInt((int) value(words[1]));
            case ".asciz" -> {
                String text = line.substring(line.indexOf('"') + 1, line.lastIndexOf('"')).translateEscapes();
                code.put((text + "\0").getBytes(StandardCharsets.US_ASCII));
            }
            default -> {
                if (words[0].endsWith(":")) {
                    symbols.put(words[0].replace(":", ""), origin + code.position());
                    line(line.substring(words[0].length()));
                } else if (shorthands.containsKey(words[0])) {
                    String longer = shorthands.get(words[0]);
                    for (int i = 1; i < words.length; i++) {
                        longer = longer.replace("$" + i, words[i]);
                    }
                    Arrays.stream(longer.split(";")).forEach(this::line);
                } else {
                    instruction(words);
                }
            }
        }
    }

    private void instruction(String[] words) {
        Instruction instruction = instructions.get(words[0]);
        require(instruction != null && instruction.fields().length() == words.length - 1, String.join(" ", words));
        int bits = instruction.bits();
        for (int i = 1; i < words.length; i++) {
            bits |= field(instruction.fields().charAt(i - 1), words[i]);
        }
        code.putInt(bits);
    }

    private int field(char field, String text) {
        int value = "d12".indexOf(field) >= 0 ? REGISTERS.indexOf(text) : (int) value(text);
        int by = last ? value - (int) origin - code.position() : 0;
        require("d12".indexOf(field) < 0 || value >= 0, text);
        require("is".indexOf(field) < 0 || value == value << 20 >> 20, text);
        require(field != 'b' || by == by << 19 >> 19, text);
        return switch (field) {
            case 'd' -> value << 7;
            case '1' -> value << 15;
            case '2', 'i', 'c' -> value << 20;
            case 's' -> value >> 5 << 25 | (value & 31) << 7;
            case 'u' -> value << 12;
            case 'b' -> by >> 12 << 31 | (by >> 5 & 63) << 25 | (by >> 1 & 15) << 8 | (by >> 11 & 1) << 7;
            default -> by >> 20 << 31 | (by >> 1 & 1023) << 21 | (by >> 11 & 1) << 20 | (by >> 12 & 255) << 12;
        };
    }

    private long value(String text) {
        if (text.startsWith("hi.") || text.startsWith("lo.")) {
            long whole = value(text.substring(3));
            return text.startsWith("hi.") ? whole + 0x800 >> 12 : whole << 52 >> 52;
        }
        boolean isNumber = !Character.isLetter(text.charAt(0));
        require(!last || isNumber || symbols.containsKey(text), text);
        return isNumber ? Long.decode(text) : symbols.getOrDefault(text, 0L);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalArgumentException("not understood: " + what);
        }
    }
}
