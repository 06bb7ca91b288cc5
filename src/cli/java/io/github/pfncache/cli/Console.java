package io.github.pfncache.cli;

import io.github.pfncache.report.Table;
import io.github.pfncache.trace.MalformedInput;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.ParameterException;

/**
 * Where a command writes. Not thread-safe.
 *
 * @param out results
 * @param err progress and complaints
 * @param terminal whether a person looks on
 * @param ansi whether to use colours
 * @param interruption whether the command is to stop with what it has
 */
record Console(PrintStream out, PrintStream err, boolean terminal, Ansi ansi, Interruption interruption) {

    /** Something was found that should not be. */
    static final int FOUND = ExitCode.SOFTWARE;

    /** The arguments or the files are wrong. */
    static final int BAD_INPUT = ExitCode.USAGE;

    private static final int LONGEST_COMPLAINT = 1000;

    /** Whether both ends of this process's standard streams are a terminal. */
    static boolean isTerminal() {
        java.io.Console console = System.console();
        if (console == null) {
            return false;
        }
        try {
            // From release 22 on there is a console object in a pipe too, and this method to ask it.
            return (boolean) java.io.Console.class.getMethod("isTerminal").invoke(console);
        } catch (NoSuchMethodException absent) {
            return true;
        } catch (IllegalAccessException | InvocationTargetException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Writes a table, with the colours of its styles. */
    void print(Table table) {
        table.lines(this::painted).forEach(out::println);
    }

    /** A text with the colours of a style, for a terminal that has colours. */
    String painted(String style, String plain) {
        String colours = style.equals("bad") ? "bold,red" : style.equals("good") ? "green" : "faint";
        return !ansi.enabled() ? plain : ansi.new Text("@|" + colours + " " + plain + "|@").toString();
    }

    /** Whether the command is to stop now, with the result it has. Ask between two pieces of work. */
    boolean isInterrupted() {
        return interruption.requested();
    }

    /** One line about a fault that is the arguments', or the file system's; everything else is ours, and goes on. */
    int complain(Exception fault) throws Exception {
        if (fault instanceof ParameterException) {
            String command = ((ParameterException) fault).getCommandLine().getCommandSpec().qualifiedName();
            err.println(oneLine(fault.getMessage()) + " (see " + command + " --help)");
            return BAD_INPUT;
        }
        if (fault instanceof MalformedInput) {
            err.println(oneLine(fault.getMessage()));
        } else if (fault instanceof IOException) {
            err.println(oneLine(describe((IOException) fault)));
        } else {
            throw fault;
        }
        return BAD_INPUT;
    }

    /** Names and arguments are quoted as they came, which may be anything: a terminal is not to act on them. */
    static String oneLine(String message) {
        String plain = message.replaceAll("\\p{Cntrl}|[\\x80-\\x9f\\u2028\\u2029]", "?");
        return plain.length() <= LONGEST_COMPLAINT ? plain : plain.substring(0, LONGEST_COMPLAINT) + "...";
    }

    private static String describe(IOException fault) {
        if (fault instanceof NoSuchFileException) {
            return fault.getMessage() + ": no such file";
        }
        if (fault instanceof AccessDeniedException) {
            return fault.getMessage() + ": access denied";
        }
        return String.valueOf(fault.getMessage());
    }
}
