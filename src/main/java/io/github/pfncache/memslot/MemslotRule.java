package io.github.pfncache.memslot;

import io.github.pfncache.rules.Rule;

/**
 * The rules of the memory map. The first ones reject a request, as KVM does: then nothing has changed, and the caller
 * gets {@link Memslots.Rejected}. The others are invariants; a broken one is a fault of this library or of an
 * implementation of its interfaces.
 *
 * @since 0.1.0
 */
public enum MemslotRule implements Rule {

    /** Ids end at 32764; the upper half of KVM's number would be an address space, and there is one only. */
    ID_IN_RANGE(Errno.EINVAL, "a slot id is 0 to 32763, in address space 0"),
    /** Any flag but LOG_DIRTY_PAGES and READONLY. */
    FLAGS_KNOWN(Errno.EINVAL, "the flags are LOG_DIRTY_PAGES and READONLY"),
    /** A slot is whole pages. */
    SIZE_ALIGNED(Errno.EINVAL, "the size is a multiple of the page size"),
    /** A slot starts at a guest page. */
    GPA_ALIGNED(Errno.EINVAL, "the gpa is page aligned"),
    /** A slot starts at a host page. */
    HVA_ALIGNED(Errno.EINVAL, "the hva is page aligned"),
    /** Size 0 deletes; also what the conveniences for an existing slot ask for. */
    SLOT_EXISTS(Errno.EINVAL, "a slot that is deleted or modified exists"),
    /** The exclusive end must be representable. */
    GPA_DOES_NOT_WRAP(Errno.EINVAL, "gpa + size stays below 2^64"),
    /** Page numbers in a slot are 31 bits wide. */
    NPAGES_IN_RANGE(Errno.EINVAL, "a slot has at most 2^31 - 1 pages"),
    /** The backing is user memory; whether anything is mapped there does not matter. */
    HVA_IS_USER(Errno.EINVAL, "the host range lies in user space, below 2^56"),
    /** Highest gfn of the MMU. */
    GPA_IN_RANGE(Errno.EINVAL, "guest physical memory ends at 2^52"),
    /** A slot is never resized. */
    SIZE_FIXED(Errno.EINVAL, "a slot keeps its size"),
    /** A slot keeps its memory, also when it moves. */
    HVA_FIXED(Errno.EINVAL, "a slot keeps its hva"),
    /** READONLY is set at creation or never. */
    READONLY_FIXED(Errno.EINVAL, "a slot keeps its READONLY flag"),
    /** No two slots share a guest frame; checked at creation and move, not against the slot itself. */
    NO_OVERLAP(Errno.EEXIST, "slots do not overlap"),

    /** [I8]: no two published tables have one generation. */
    GENERATION_GROWS("every published table has the next generation", "kvm_memslots.generation"),
    /** An implementation of InvalidationGate that says DONE has run the publication, and has not if it says BUSY. */
    GATE_ANSWERS_TRULY("the gate has published iff it says so", "install_new_memslots()"),
    /** Look-ups by frame and by id agree. */
    SLOT_FOUND_WHERE_PUT("a new slot is found by its first frame, its last frame and its id", "search_memslots()"),
    /** The index counts what it holds. */
    SLOTS_DISJOINT("neighbouring slots do not overlap", "kvm_check_memslot_overlap()"),
    /** [rule L11]: it would wait for ever, if it had no deadline. */
    NO_WAIT_IN_OWN_SECTION("a thread does not wait for its own read section", "synchronize_srcu()"),
    /** Only the thread that runs the vCPU writes its ring. */
    RING_HAS_ONE_WRITER("a dirty ring is written by the thread it is bound to", "kvm_dirty_ring_push()");

    private enum Errno {
        EINVAL,
        EEXIST
    }

    private final String errno;
    private final String statement;
    private final String mirrors;

    MemslotRule(Errno errno, String statement) {
        this.errno = errno.name();
        this.statement = statement;
        this.mirrors = "KVM_SET_USER_MEMORY_REGION";
    }

    MemslotRule(String statement, String mirrors) {
        this.errno = "";
        this.statement = statement;
        this.mirrors = mirrors;
    }

    /**
     * What KVM answers to a request that breaks the rule.
     *
     * @return {@code "EINVAL"} or {@code "EEXIST"}; empty for an invariant
     */
    public String errno() {
        return errno;
    }

    /** Rejects a request that breaks this rule; a request that keeps it counts as a check. */
    void require(boolean kept, Object request) {
        if (!kept) {
            throw new Memslots.Rejected(this, String.valueOf(request));
        }
        check(true, request);
    }

    @Override
    public String statement() {
        return statement;
    }

    @Override
    public String mirrors() {
        return mirrors;
    }
}
