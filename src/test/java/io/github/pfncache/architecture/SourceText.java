package io.github.pfncache.architecture;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Java source as text. */
final class SourceText {

    /** A literal, which is kept, or a comment. The literal comes first: a comment cannot start inside one. */
    private static final Pattern LITERAL_OR_COMMENT = Pattern.compile(
            "(\"\"\"(?:\\\\.|[^\\\\])*?\"\"\"|\"(?:\\\\.|[^\"\\\\\\n])*\"|'(?:\\\\.|[^'\\\\\\n])+')"
                    + "|//[^\\n]*|/\\*(?s:.*?)\\*/");

    private SourceText() {}

    /** The source with its comments cut out. */
    static String withoutComments(String source) {
        return LITERAL_OR_COMMENT.matcher(source)
                .replaceAll(match -> match.group(1) == null ? " " : Matcher.quoteReplacement(match.group(1)));
    }

    /** The source with comments and the contents of literals cut out. */
    static String codeOnly(String source) {
        return LITERAL_OR_COMMENT.matcher(source).replaceAll(match -> match.group(1) == null ? " " : "\"\"");
    }

    /** The lines that say something to the machine: no comments, no blank lines, neither package nor imports. */
    static long codeLines(String source) {
        return withoutComments(source)
                .lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty() && !line.startsWith("import ") && !line.startsWith("package "))
                .count();
    }
}
