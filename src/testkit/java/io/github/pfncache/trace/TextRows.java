package io.github.pfncache.trace;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * The lines of a file of tab-separated columns, one after the other, each with its place. Bounded: what is kept is the
 * file, which may not be longer than {@link #MAX_BYTES}, and one line.
 */
final class TextRows {

    static final int MAX_BYTES = 64 << 20;
    static final int MAX_LINE_BYTES = 64 << 10;

    private static final int SHOWN = 40;
    private static final Pattern DECIMAL = Pattern.compile("-?[0-9]{1,18}");
    private static final Pattern HEX = Pattern.compile("0x[0-9a-f]{1,16}");

    private final String file;
    private final byte[] bytes;
    private int next;
    private int line;
    private String text;

    private TextRows(String file, byte[] bytes) {
        this.file = file;
        this.bytes = bytes;
    }

    static TextRows read(String file, InputStream in) throws IOException, MalformedInput {
        byte[] bytes = in.readNBytes(MAX_BYTES + 1);
        TextRows rows = new TextRows(file, bytes);
        if (bytes.length > MAX_BYTES) {
            int lines = 1;
            for (byte each : bytes) { // bounded by MAX_BYTES
                lines += each == '\n' ? 1 : 0;
            }
            throw new MalformedInput(file, lines, 1, "the end of the file before byte " + MAX_BYTES);
        }
        return rows;
    }

    /** Goes to the next line; false at the end of the file. */
    boolean advance() throws MalformedInput {
        line++;
        if (next >= bytes.length) {
            text = "";
            return false;
        }
        int end = next;
        while (end < bytes.length && bytes[end] != '\n') { // bounded by the file, and left at the longest line
            end++;
            if (end - next > MAX_LINE_BYTES) {
                throw new MalformedInput(file, line, 1, "a line of at most " + MAX_LINE_BYTES + " bytes");
            }
        }
        text = decode(next, end - next);
        next = end + 1;
        return true;
    }

    private String decode(int start, int length) throws MalformedInput {
        CharsetDecoder decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        CharBuffer decoded = CharBuffer.allocate(length);
        CoderResult result = decoder.decode(ByteBuffer.wrap(bytes, start, length), decoded, true);
        decoded.flip();
        if (result.isError()) {
            throw new MalformedInput(file, line, decoded.length() + 1, "UTF-8 text");
        }
        for (int i = 0; i < decoded.length(); i++) { // bounded by the line
            if (isControl(decoded.charAt(i))) {
                String found = String.format("a control character, 0x%02x", (int) decoded.charAt(i));
                throw new MalformedInput(file, line, i + 1, "text or a tab, found " + found);
            }
        }
        return decoded.toString();
    }

    /** Whether a text can stand in a line. */
    static boolean isPlain(String text) {
        return text.chars().noneMatch(c -> isControl((char) c)) && StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    private static boolean isControl(char c) {
        return c != '\t' && Character.isISOControl(c);
    }

    /** A text for a message: short, on one line. */
    static String show(String text) {
        String plain = text.replaceAll("\\p{Cntrl}", "?");
        return "'" + (plain.length() <= SHOWN ? plain : plain.substring(0, SHOWN) + "...") + "'";
    }

    String text() {
        return text;
    }

    MalformedInput expected(int column, String what) {
        return new MalformedInput(file, line, column, what);
    }

    /** The columns of this line. */
    Columns columns(String[] names) throws MalformedInput {
        return new Columns(names);
    }

    /** This line must be the header. */
    void header(String[] names) throws MalformedInput {
        String header = String.join("\t", names);
        if (!text.equals(header)) {
            int same = 0;
            while (same < Math.min(text.length(), header.length()) && text.charAt(same) == header.charAt(same)) {
                same++; // bounded by the header
            }
            throw expected(same + 1, "the header " + String.join("<tab>", names));
        }
    }

    /** The columns of one line, taken from left to right. */
    final class Columns {

        private final String[] names;
        private final String[] fields;
        private int at = -1;
        private int column = 1;

        private Columns(String[] names) throws MalformedInput {
            this.names = names;
            this.fields = text.split("\t", -1);
            if (fields.length < names.length) {
                throw expected(text.length() + 1, "a tab and " + names[fields.length]);
            }
            if (fields.length > names.length) {
                int extra = names.length;
                for (int i = 0; i < names.length; i++) { // bounded by the columns
                    extra += fields[i].length();
                }
                throw expected(extra, "the end of the line after " + names[names.length - 1]);
            }
        }

        /** The next column. */
        String take() {
            column += at < 0 ? 0 : fields[at].length() + 1;
            at++;
            return fields[at];
        }

        /** A fault at the start of the column taken last. */
        MalformedInput expectedHere(String what) {
            return expected(column, names[at] + ": " + what + ", found " + show(fields[at]));
        }

        /** A fault in the middle of the column taken last. */
        MalformedInput expectedAt(int offset, String what) {
            return expected(column + offset, names[at] + ": " + what + ", found " + show(fields[at]));
        }

        /** A fault in a column taken earlier, which only a later one has shown. */
        MalformedInput misplaced(int earlier, String what) {
            int start = 1;
            for (int i = 0; i < earlier; i++) { // bounded by the columns
                start += fields[i].length() + 1;
            }
            return expected(start, names[earlier] + ": " + what + ", found " + show(fields[earlier]));
        }

        long decimal(long lowest, long highest) throws MalformedInput {
            String field = take();
            if (!DECIMAL.matcher(field).matches()) {
                throw expectedHere("a decimal number");
            }
            long value = Long.parseLong(field);
            if (value < lowest || value > highest) {
                throw expectedHere("a number in " + lowest + ".." + highest);
            }
            return value;
        }

        /** An unsigned number of at most {@code bits} bits. */
        long hex(int bits) throws MalformedInput {
            return hex(take(), 0, bits);
        }

        long hex(String digits, int offset, int bits) throws MalformedInput {
            if (!HEX.matcher(digits).matches()) {
                throw expectedAt(offset, "a number like 0x1fc0, of at most 16 digits");
            }
            long value = Long.parseUnsignedLong(digits.substring(2), 16);
            if (bits < Long.SIZE && value >>> bits != 0) {
                throw expectedAt(offset, "a number of at most " + bits + " bits");
            }
            return value;
        }
    }
}
