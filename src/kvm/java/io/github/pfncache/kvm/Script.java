package io.github.pfncache.kvm;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A parsed script: operations separated by {@code ;}, words separated by spaces, decimal numbers, and hexadecimal ones
 * after {@code 0x}.
 */
public record Script(List<Op> ops) {

    /** Most repetitions, bytes and entries that one operation may ask for; and most vCPUs and pages. */
    static final int MAX_COUNT = 1 << 20;
    static final int MAX_VCPUS = 256;
    static final int MAX_PAGES = 256;

    private static final Pattern NUMBER = Pattern.compile("0x[0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,19}");
    private static final Pattern PLACE = Pattern.compile("[A-Z](0|[1-9][0-9]{0,5})(\\+[0-9a-f]{1,6})?");

    public static Script parse(String text) {
        return new Script(Stream.of(text.split(";", -1)).map(Op::parse).toList());
    }

    @Override
    public String toString() {
        return ops.stream().map(Op::toString).collect(Collectors.joining(";"));
    }

    /** Something that is not of this language. */
    public static final class Unreadable extends IllegalArgumentException {

        private static final long serialVersionUID = 1L;

        public Unreadable(String message) {
            super(message);
        }
    }

    /** A page of an arena, and an offset: {@code A11}, or {@code A0+11d} with a hexadecimal offset. */
    public record Place(char arena, int page, int offset) {

        public static Place parse(String word) {
            if (!PLACE.matcher(word).matches()) {
                throw new Unreadable("no place: " + word);
            }
            String[] parts = word.substring(1).split("\\+", 2);
            int offset = parts.length < 2 ? 0 : Integer.parseInt(parts[1], 16);
            return new Place(word.charAt(0), Integer.parseInt(parts[0]), offset);
        }
    }

    /** One operation. */
    public record Op(List<String> words) {

        static Op parse(String text) {
            List<String> words = List.of(text.strip().split(" +"));
            if (words.get(0).isEmpty()) {
                throw new Unreadable("an empty operation");
            }
            return new Op(words);
        }

        public String name() {
            return words.get(0);
        }

        public boolean has(int index) {
            return index < words.size();
        }

        public String word(int index) {
            if (!has(index)) {
                throw new Unreadable("word " + index + " is missing: " + this);
            }
            return words.get(index);
        }

        /** An unsigned 64-bit number; hexadecimal after {@code 0x}. */
        public long number(int index) {
            return parseNumber(word(index));
        }

        /** A number that fits into an int. */
        public int integer(int index) {
            return bounded(index, Integer.MAX_VALUE);
        }

        /** How many of something; bounded before anything is made of it. */
        public int count(int index) {
            return bounded(index, MAX_COUNT);
        }

        public int countOr(int index, int otherwise) {
            return has(index) ? count(index) : otherwise;
        }

        public int pages(int index) {
            return bounded(index, MAX_PAGES);
        }

        public int bounded(int index, int most) {
            long number = number(index);
            if (number < 0 || number > most) {
                throw new Unreadable("word " + index + " is more than " + most + ": " + this);
            }
            return (int) number;
        }

        public Place place(int index) {
            return Place.parse(word(index));
        }

        @Override
        public String toString() {
            return String.join(" ", words);
        }
    }

    public static long parseNumber(String word) {
        if (!NUMBER.matcher(word).matches()) {
            throw new Unreadable("no number: " + word);
        }
        try {
            return word.startsWith("0x")
                    ? Long.parseUnsignedLong(word.substring(2), 16)
                    : Long.parseUnsignedLong(word);
        } catch (NumberFormatException tooLarge) {
            throw new Unreadable("no number of 64 bits: " + word);
        }
    }
}
