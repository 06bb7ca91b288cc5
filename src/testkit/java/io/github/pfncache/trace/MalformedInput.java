package io.github.pfncache.trace;

/**
 * A file is not what it should be; says where, and what was expected there.
 *
 * @since 0.1.0
 */
public final class MalformedInput extends Exception {

    private static final long serialVersionUID = 1L;

    private final transient String file;
    private final transient int line;
    private final transient int column;
    private final transient String expected;

    /**
     * One fault.
     *
     * @param file name of the file, as its reader gave it
     * @param line number of the line, from 1
     * @param column number of the character in the line, from 1
     * @param expected what should be there, and where it helps what is there instead
     */
    public MalformedInput(String file, int line, int column, String expected) {
        super(file + ":" + line + ":" + column + ": expected " + expected);
        this.file = file;
        this.line = line;
        this.column = column;
        this.expected = expected;
    }

    /**
     * Which file.
     *
     * @return its name, as its reader gave it
     */
    public String file() {
        return file;
    }

    /**
     * Which line.
     *
     * @return from 1
     */
    public int line() {
        return line;
    }

    /**
     * Which character of the line.
     *
     * @return from 1
     */
    public int column() {
        return column;
    }

    /**
     * What should be there.
     *
     * @return words that continue "expected"
     */
    public String expected() {
        return expected;
    }
}
