package io.github.pfncache.cli;

import java.lang.reflect.RecordComponent;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** A JSON object that is filled in order: numbers, texts, truth values, maps, sequences, records, other objects. */
final class Json {

    private final Map<String, Object> members = new LinkedHashMap<>();

    /** Adds a member; null is JSON's null. */
    Json put(String name, Object value) {
        members.put(name, value);
        return this;
    }

    /** Adds the components of a record as members. */
    Json putAll(Record record) {
        members.putAll(members(record));
        return this;
    }

    /** In one line. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        write(members, text);
        return text.toString();
    }

    private static void write(Object value, StringBuilder text) {
        if (value instanceof Json json) {
            write(json.members, text);
        } else if (value instanceof Map<?, ?> map) {
            String separator = "{";
            for (Map.Entry<?, ?> member : map.entrySet()) { // bounded by the map
                text.append(separator);
                quote(String.valueOf(member.getKey()), text);
                text.append(':');
                write(member.getValue(), text);
                separator = ",";
            }
            text.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Record object) {
            write(members(object), text);
        } else if (value instanceof Iterable<?> values) {
            text.append('[');
            for (Iterator<?> each = values.iterator(); each.hasNext(); ) { // bounded by the sequence
                write(each.next(), text);
                text.append(each.hasNext() ? "," : "");
            }
            text.append(']');
        } else if (value == null || value instanceof Boolean || isFinite(value)) {
            text.append(value);
        } else {
            quote(value.toString(), text);
        }
    }

    private static Map<String, Object> members(Record object) {
        Map<String, Object> members = new LinkedHashMap<>();
        for (RecordComponent component : object.getClass().getRecordComponents()) { // bounded by the record
            try {
                members.put(component.getName(), component.getAccessor().invoke(object));
            } catch (ReflectiveOperationException impossible) {
                throw new IllegalStateException(impossible); // public records of public components
            }
        }
        return members;
    }

    /** JSON has no name for what is not a finite number; it goes out as text. */
    private static boolean isFinite(Object value) {
        return value instanceof Number number && Double.isFinite(number.doubleValue());
    }

    private static void quote(String value, StringBuilder text) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) { // bounded by the text
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c) || c == '\u2028' || c == '\u2029') {
                text.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }
}
