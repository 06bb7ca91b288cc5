package io.github.pfncache.conformance;

import java.util.LinkedHashMap;
import java.util.Map;

/** What was observed in one row of {@code name:value} fields joined by commas. */
final class Fields {

    private final Map<String, String> values = new LinkedHashMap<>();

    static Fields parse(String observed) {
        Fields fields = new Fields();
        for (String field : observed.split(",")) { // bounded by the line
            String[] parts = field.split("[:=]", 2);
            fields.values.put(parts[0], parts.length < 2 ? "" : parts[1]);
        }
        return fields;
    }

    Fields put(String name, Object value) {
        values.put(name, String.valueOf(value));
        return this;
    }

    /** A number; must be there. */
    long number(String name) {
        if (!values.containsKey(name)) {
            throw new IllegalArgumentException("no field " + name + " in " + this);
        }
        return Long.parseLong(values.get(name));
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    /** Of these fields only those that another one has too: what a test compares of a recorded row. */
    Fields only(Fields others) {
        Fields some = new Fields();
        for (String name : others.values.keySet()) { // bounded by the other's fields
            some.values.put(name, values.getOrDefault(name, "(not recorded)"));
        }
        return some;
    }

    @Override
    public String toString() {
        return values.toString();
    }
}
