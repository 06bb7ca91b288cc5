package io.github.pfncache.report;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A writer of HTML with SVG in it that is also well-formed XML.
 * Every text and every attribute is escaped here and nowhere
 * else, so nothing that comes from a trace can become markup. Not thread-safe.
 */
final class Markup {

    private static final char REPLACEMENT = '\uFFFD';

    private final StringBuilder text = new StringBuilder(1 << 14);
    private final Deque<String> open = new ArrayDeque<>();

    /** Opens an element; attributes are names and values in turn. */
    Markup open(String element, Object... attributes) {
        start(element, attributes);
        text.append('>');
        open.push(element);
        return this;
    }

    /** Closes the element that was opened last. */
    Markup close() {
        text.append("</").append(open.pop()).append('>');
        return this;
    }

    /** Opens a picture that says in words, too, what is on it; its size is that of its coordinates. */
    Markup picture(String kind, String id, double width, double height, String title, String description) {
        open("svg", "class", kind, "role", "img", "viewBox", "0 0 " + number(width) + " " + number(height),
                "aria-labelledby", id + "-title " + id + "-desc").line();
        return element("title", title, "id", id + "-title").line()
                .element("desc", description, "id", id + "-desc").line();
    }

    /** An element without content. */
    Markup empty(String element, Object... attributes) {
        start(element, attributes);
        text.append("/>");
        return this;
    }

    /** An element with nothing but text in it. */
    Markup element(String element, Object content, Object... attributes) {
        return open(element, attributes).text(content).close();
    }

    Markup text(Object content) {
        escape(String.valueOf(content));
        return this;
    }

    /** Breaks the line: for whoever reads the source. */
    Markup line() {
        text.append('\n');
        return this;
    }

    /** Adds what this project wrote itself and keeps as a resource: a style sheet. */
    Markup trusted(String ours) {
        text.append(ours);
        return this;
    }

    /** What was written so far: to be called when everything is closed. */
    String finish() {
        if (!open.isEmpty()) {
            throw new IllegalStateException("still open: " + open);
        }
        return text.toString();
    }

    private void start(String element, Object... attributes) {
        text.append('<').append(element);
        for (int i = 0; i < attributes.length; i += 2) { // bounded by the arguments
            text.append(' ').append(attributes[i]).append("=\"");
            escape(attributes[i + 1] instanceof Double number ? number(number) : String.valueOf(attributes[i + 1]));
            text.append('"');
        }
    }

    /** A coordinate: a tenth of a pixel is enough for anybody. */
    static String number(double value) {
        long tenths = Math.round(Math.abs(value) * 10); // there and back are the same distance
        return (value < 0 && tenths > 0 ? "-" : "") + tenths / 10 + (tenths % 10 == 0 ? "" : "." + tenths % 10);
    }

    /** A text of at most so many characters. */
    static String clip(String whole, int length) {
        return whole.length() <= length ? whole : whole.substring(0, length - 1) + "…";
    }

    private void escape(String raw) {
        for (int i = 0; i < raw.length(); i++) { // bounded by the text
            char c = raw.charAt(i);
            switch (c) {
                case '&' -> text.append("&amp;");
                case '<' -> text.append("&lt;");
                case '>' -> text.append("&gt;");
                case '"' -> text.append("&quot;");
                case '\'' -> text.append("&#39;");
                default -> {
                    boolean pair = Character.isHighSurrogate(c) && i + 1 < raw.length()
                            && Character.isLowSurrogate(raw.charAt(i + 1));
                    if (pair) {
                        text.append(c).append(raw.charAt(++i));
                    } else {
                        text.append(isPlain(c) ? c : REPLACEMENT);
                    }
                }
            }
        }
    }

    /** Whether a character can be shown: no control character, no half of a pair, none that turns text round. */
    private static boolean isPlain(char c) {
        boolean turns = c >= '\u202A' && c <= '\u202E' || c >= '\u2066' && c <= '\u2069';
        return (c == '\n' || !Character.isISOControl(c)) && !Character.isSurrogate(c) && !turns && c < '\uFFFE';
    }
}
