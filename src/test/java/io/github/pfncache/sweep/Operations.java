package io.github.pfncache.sweep;

import java.util.ArrayList;
import java.util.List;

/** Every operation of the sweeps. */
final class Operations {

    private Operations() {}

    static List<Operation> all() {
        List<Operation> all = new ArrayList<>();
        all.addAll(CacheOperations.all());
        all.addAll(HostOperations.all());
        all.addAll(VmOperations.all());
        all.addAll(PvOperations.all());
        return all;
    }

    static Operation named(String name) {
        return all().stream()
                .filter(operation -> operation.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no operation " + name));
    }
}
