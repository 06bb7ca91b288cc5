package io.github.pfncache.conformance;

import java.util.List;
import java.util.stream.Stream;

/**
 * A parsed script: operations separated by {@code ;}, words separated by spaces, numbers as C's {@code strtoull} with
 * base 0 reads them.
 */
record Script(List<Op> ops) {

    static Script parse(String text) {
        return new Script(Stream.of(text.split(";")).map(Op::parse).toList());
    }

    /** Something that is not of this language. */
    static final class Unreadable extends IllegalArgumentException {

        private static final long serialVersionUID = 1L;

        Unreadable(String message) {
            super(message);
        }
    }

    /** A page of an arena, and an offset: {@code A11}, or {@code A0+11d} with a hexadecimal offset. */
    record Place(char arena, int page, int offset) {

        static Place parse(String word) {
            String[] parts = word.substring(1).split("\\+", 2);
            try {
                int offset = parts.length < 2 ? 0 : Integer.parseInt(parts[1], 16);
                return new Place(word.charAt(0), Integer.parseInt(parts[0]), offset);
            } catch (NumberFormatException e) {
                throw new Unreadable("no place: " + word);
            }
        }
    }

    /** One operation. */
    record Op(List<String> words) {

        static Op parse(String text) {
            List<String> words = List.of(text.strip().split(" +"));
            if (words.get(0).isEmpty()) {
                throw new Unreadable("an empty operation");
            }
            return new Op(words);
        }

        String name() {
            return words.get(0);
        }

        boolean has(int index) {
            return index < words.size();
        }

        String word(int index) {
            if (!has(index)) {
                throw new Unreadable("word " + index + " is missing: " + this);
            }
            return words.get(index);
        }

        /** An unsigned 64-bit number; hexadecimal after {@code 0x}. */
        long number(int index) {
            return parseNumber(word(index));
        }

        int count(int index) {
            return Math.toIntExact(number(index));
        }

        int countOr(int index, int otherwise) {
            return has(index) ? count(index) : otherwise;
        }

        Place place(int index) {
            return Place.parse(word(index));
        }

        @Override
        public String toString() {
            return String.join(" ", words);
        }
    }

    static long parseNumber(String word) {
        try {
            return word.startsWith("0x")
                    ? Long.parseUnsignedLong(word.substring(2), 16)
                    : Long.parseUnsignedLong(word);
        } catch (NumberFormatException e) {
            throw new Unreadable("no number: " + word);
        }
    }
}
