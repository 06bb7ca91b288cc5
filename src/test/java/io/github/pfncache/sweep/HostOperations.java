package io.github.pfncache.sweep;

import static io.github.pfncache.sweep.CacheOperations.done;
import static io.github.pfncache.sweep.SweepMachine.FILE;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.host.HostWindow;
import io.github.pfncache.host.Protection;
import io.github.pfncache.host.RewindRange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** What the host does with its memory while a guest has it. */
final class HostOperations {

    private static final long COLD = 0x80_0000;

    private HostOperations() {}

    static List<Operation> all() {
        List<Operation> all = new ArrayList<>();
        all.addAll(pages());
        all.addAll(mappings());
        all.addAll(copies());
        all.addAll(families());
        all.addAll(files());
        return all;
    }

    private static List<Operation> pages() {
        return List.of(
                new Operation("host.migrate", m -> done(() -> m.host.migrate(m.scratch(0)))),
                new Operation("host.migrate, cached", m -> done(() -> m.host.migrate(m.hvaOf(SweepMachine.CACHED)))),
                new Operation("host.migrate, file", m -> done(() -> m.host.migrate(m.hvaOf(FILE)))),
                new Operation("host.evict", m -> m.host.evict(m.lowHva, SweepMachine.PAGES)),
                new Operation("host.evict, file", m -> m.host.evict(m.hvaOf(FILE), 2)),
                new Operation("host.tryEvict", m -> m.host.tryEvict(m.lowHva, SweepMachine.PAGES)),
                new Operation("host.discard", m -> m.host.discard(m.scratch(0), 2)),
                new Operation("host.remove", m -> m.host.remove(m.hvaOf(FILE), 1)),
                new Operation("host.freeLazily", m -> m.host.freeLazily(m.scratch(1), 1)),
                new Operation("host.collapse", m -> m.host.collapse(m.scratch(0), 2)),
                new Operation("host.fill", m -> m.host.fill(m.scratch(0), 2) + " "
                        + m.host.unfilledPages(m.scratch(0), 2)),
                new Operation("host.populateWrite", m -> m.host.populateWrite(m.lowHva, SweepMachine.PAGES)),
                new Operation("host.protect", m -> m.host.protect(m.scratch(0), 1, Protection.READ) + " "
                        + m.host.protect(m.scratch(0), 1, Protection.READ_WRITE)),
                new Operation("host.writeProtect", m -> m.host.writeProtect(m.scratch(0), 1, true) + " "
                        + m.host.copyToUser(m.scratch(0), new byte[] {1}, 0, 1)),
                new Operation("host.look", m -> m.host.isPresent(m.lowHva - Pages.PAGE_SIZE) + " "
                        + m.host.presentPfn(m.lowHva - Pages.PAGE_SIZE)));
    }

    private static List<Operation> mappings() {
        return List.of(
                new Operation("host.move", m -> {
                    long from = m.host.reserve(1);
                    m.host.mapAnonymous(from, 1, Protection.READ_WRITE);
                    m.host.poke(from, new byte[] {1});
                    long to = m.host.reserve(1);
                    Adopter told = new Adopter(m.points);
                    m.host.registerFaultHandler(HvaRange.ofPages(from, 1), told, false, false);
                    try {
                        byte[] bytes = new byte[1];
                        return m.host.move(from, 1, to) + " " + m.host.peek(to, bytes) + " " + bytes[0];
                    } finally {
                        m.host.unregisterFaultHandler(told);
                        m.host.unmap(from, 1);
                        m.host.unmap(to, 1);
                    }
                }),
                new Operation("host.mapAnonymous", m -> m.host.mapAnonymous(m.scratch(2), 1, Protection.READ_WRITE)),
                new Operation("host.mapShared, mapPrivate", m -> {
                    HostFile some = m.host.createFile(2);
                    return m.host.mapShared(m.scratch(2), 1, some, 0, Protection.READ_WRITE) + " "
                            + m.host.mapPrivate(m.scratch(3), 1, some, 1, Protection.READ_WRITE);
                }),
                new Operation("host.mapBuffer", m ->
                        m.host.mapBuffer(m.scratch(2), new byte[Pages.PAGE_SIZE], Protection.READ_WRITE) + " "
                        + m.host.mapBuffer(m.scratch(3), ByteBuffer.allocate(Pages.PAGE_SIZE), Protection.READ_WRITE)),
                new Operation("host.mapBuffers", m -> m.host.mapBuffers(m.scratch(2),
                        List.of(ByteBuffer.allocate(2 * Pages.PAGE_SIZE)), Protection.READ_WRITE)),
                new Operation("host.unmap", m -> {
                    long place = m.host.reserve(2);
                    try {
                        return m.host.mapAnonymous(place, 2, Protection.READ_WRITE) + " "
                                + m.host.populateWrite(place, 2);
                    } finally {
                        m.host.unmap(place, 2);
                    }
                }),
                new Operation("host.register", m -> {
                    Adopter other = new Adopter(m.points);
                    m.host.registerNotifier(other);
                    m.host.registerFaultHandler(HvaRange.pageOf(m.scratch(0)), other, true, true);
                    m.host.unregisterFaultHandler(other);
                    m.host.unregisterNotifier(other);
                    return "done";
                }));
    }

    private static List<Operation> copies() {
        return List.of(
                new Operation("host.copyToUser", m -> m.host.copyToUser(m.scratch(1), new byte[] {1, 2, 3, 4}, 0, 4)),
                new Operation("host.copyFromUser", m -> m.host.copyFromUser(m.scratch(1), new byte[4], 0, 4)),
                new Operation("host.peek", m -> m.host.peek(m.hvaOf(SweepMachine.ARRAY), new byte[8])),
                new Operation("host.poke", m -> m.host.poke(m.scratch(1) - 2, new byte[] {1, 2, 3, 4})),
                new Operation("host.hvaToPage, for reading", m -> {
                    HostPage page = m.host.hvaToPage(m.scratch(1), false);
                    if (page == null) {
                        return "no page";
                    }
                    m.host.release(page);
                    return "a page";
                }),
                new Operation("host.hvaToPage", m -> {
                    HostPage page = m.host.hvaToPage(m.scratch(1));
                    if (page == null) {
                        return "no page";
                    }
                    try {
                        return mapped(m.host, page, null) + mapped(m.host, page, m.host.map(page));
                    } finally {
                        m.host.release(page);
                    }
                }));
    }

    private static String mapped(HostMemory host, HostPage page, HostMapping former) {
        HostMapping mapping = former;
        try {
            mapping = host.map(page, former);
            return atomics(mapping);
        } finally {
            if (mapping != null) {
                host.unmap(mapping);
            }
        }
    }

    private static String atomics(HostMapping mapping) {
        HostWindow window = mapping.window(8, 8);
        window.put(0, 4, 7);
        mapping.put(16, 4, 1);
        mapping.compareAndSet(16, 4, 1, 2);
        mapping.put(24, 8, 1);
        mapping.compareAndSet(24, 8, 1, 2);
        return window.get(0, 4) + " " + mapping.getVolatile(16, 4) + " " + mapping.getVolatile(24, 8);
    }

    private static List<Operation> families() {
        return List.of(
                new Operation("host.fork", m -> {
                    try (HostMemory fork = m.host.fork()) {
                        return fork.copyToUser(m.scratch(1), new byte[] {1}, 0, 1);
                    }
                }),
                new Operation("host.snapshot", m -> {
                    try (HostMemory copy = m.host.snapshot()) {
                        return copy.peek(m.scratch(1), new byte[8]);
                    }
                }),
                new Operation("host.rewind", m -> m.host.rewind(
                        m.child, List.of(new RewindRange(m.scratch(0), m.scratch(0), 4)), m.adopter)),
                new Operation("host.rewind, ranges", m -> {
                    try (HostMemory copy = m.host.snapshot(List.of(HvaRange.ofPages(m.scratch(0), 2)))) {
                        return m.host.rewind(copy, List.of(new RewindRange(m.scratch(0), m.scratch(0), 2)), m.adopter);
                    }
                }),
                new Operation("a fork writes", m -> m.child.copyToUser(m.scratch(1), new byte[] {1}, 0, 1)),
                new Operation("another host", m -> {
                    try (HostMemory other = HostMemory.builder().chunkBytes(1 << 14, 1 << 14).checked(true)
                            .maxBytes(1 << 16).maxMappings(4).build()) {
                        return other.mapAnonymous(0, 1, Protection.READ_WRITE) + " " + other.populateWrite(0, 1);
                    }
                }),
                new Operation("host, looks", m -> m.host.framesInUse() + m.host.liveMappings() + m.host.pageReferences()
                        >= 0 && HostMemory.hasNativeAtomics(ByteBuffer.allocateDirect(8))
                        && m.host.mappingOwners() > 0 && !m.host.runs(m.lowHva, 4).isEmpty()
                        && m.file.readFailure() == null && m.file.changedPages() >= 0),
                new Operation("host.audit", m -> done(m.host::audit)));
    }

    private static List<Operation> files() {
        return List.of(
                new Operation("file.write", m -> m.file.write(Pages.PAGE_SIZE - 2, new byte[] {1, 2, 3})),
                new Operation("file.read", m -> m.file.read(Pages.PAGE_SIZE - 2, new byte[4])),
                new Operation("file.sync", m -> {
                    m.file.write(8, new byte[] {4});
                    return m.file.sync();
                }),
                new Operation("host.openFile", m -> {
                    if (m.vm.memslots().table().byId(8) != null) { // of a run that was cut short
                        m.vm.ram().remove(8);
                    }
                    HostFile cold = m.host.openFile(m.coldChannel);
                    try {
                        byte[] bytes = new byte[8];
                        return m.vm.ram().add(8, 0, COLD, cold) + " " + m.vm.guestMemory().read(COLD, bytes) + " "
                                + m.vm.guestMemory().write(COLD + 0x1000, bytes) + " " + cold.sync();
                    } finally {
                        m.vm.ram().remove(8);
                    }
                }),
                new Operation("file.close", m -> {
                    try (HostFile some = m.host.createFile(2); HostFile reader = some.asReadOnly()) {
                        return m.host.mapShared(m.scratch(2), 1, some, 0, Protection.READ_WRITE) + " "
                                + m.host.openFiles().contains(reader);
                    }
                }),
                new Operation("host.unlikePages", m -> m.host
                        .unlikePages(m.child, new RewindRange(m.scratch(0), m.scratch(0), 4))
                        .count() >= 0),
                new Operation("file.punchHole", m -> m.file.punchHole(1, 1)),
                new Operation("file.truncate", m -> {
                    HostFile some = m.host.createFile(2);
                    return some.truncate(1) + " " + some.npages() + " " + some.asReadOnly().isWritable();
                }));
    }
}
