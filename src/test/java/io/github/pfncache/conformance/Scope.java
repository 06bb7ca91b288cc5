package io.github.pfncache.conformance;

import java.util.List;
import java.util.Set;

/** Which recordings count, by rules. */
final class Scope {

    /** Files of scripts. */
    static final List<String> SCRIPTS = List.of(
            "pv_registration.tsv",
            "pv_version_flags.tsv",
            "memslot_rules.tsv",
            "memslot_churn.tsv",
            "host_page_churn.tsv",
            "random_sequences.tsv",
            "steal_wall_apf_eoi.tsv",
            "misc.tsv");

    /** Files of scripts for a guest with Xen interfaces. */
    static final List<String> XEN_SCRIPTS = List.of(
            "xen_config.tsv",
            "xen_registration.tsv",
            "xen_shared_info.tsv",
            "xen_runstate.tsv",
            "xen_runstate_values.tsv",
            "xen_evtchn.tsv",
            "xen_binding.tsv",
            "xen_timer.tsv",
            "xen_poll.tsv",
            "xen_churn.tsv",
            "xen_scenarios.tsv",
            "xen_extra.tsv",
            "xen_extra2.tsv",
            "xen_extra3.tsv",
            "xen_random_1.tsv",
            "xen_random_2.tsv");

    static final String OFFSETS = "registration_offsets.tsv";
    static final String TRACES = "trace_replay.tsv";
    static final String CONCURRENCY = "concurrency.tsv";
    static final String USERFAULTFD = "userfaultfd.tsv";
    static final String PREEMPTED = "steal_preempted_stock.tsv";
    static final String STOCK = "stock_vs_vendor.tsv";
    static final String XEN_CONCURRENCY = "xen_concurrency.tsv";

    private static final List<String> SCRIPT_HEADER =
            List.of("case", "script", "observed", "stability_3runs", "model");

    private static final Set<String> STABILITIES = Set.of("stable", "varies");
    private static final Set<String> MODELS = Set.of("match", "n/a", "vendor_only", "varies");

    private static final int STABILITY = 3;
    private static final int MODEL = 4;

    private Scope() {}

    /** What becomes of a row. */
    enum Verdict {
        /** It has to agree. */
        REQUIRED,
        /** It depends on the recording machine, or on time, or is of what this library does not model. */
        OUT_OF_SCOPE,
        /** It is not in the format of these files. */
        UNKNOWN
    }

    static Verdict ofXenScript(Vectors.Table table, Vectors.Row row) {
        if (!table.header().equals(SCRIPT_HEADER) || row.columns().size() != SCRIPT_HEADER.size()
                || !STABILITIES.contains(row.get(STABILITY))) {
            return Verdict.UNKNOWN;
        }
        return whyNotXenScript(row) == null ? Verdict.REQUIRED : Verdict.OUT_OF_SCOPE;
    }

    /** Why a script for a guest with Xen interfaces does not count; null if it does. */
    static String whyNotXenScript(Vectors.Row row) {
        if (!row.get(STABILITY).equals("stable")) {
            return "the recordings of it vary";
        }
        String script = row.get(1);
        if (script.contains("xcap")) {
            return "a number of the recording kernel's capabilities";
        }
        boolean writesByHost = script.contains("vset 0 rs") && script.contains("ringget");
        return writesByHost ? "what the host's calls write is logged in no vCPU's ring" : null;
    }

    static Verdict ofScript(Vectors.Table table, Vectors.Row row) {
        if (!table.header().equals(SCRIPT_HEADER) || row.columns().size() != SCRIPT_HEADER.size()) {
            return Verdict.UNKNOWN;
        }
        String stability = row.get(STABILITY);
        String model = row.get(MODEL);
        if (!STABILITIES.contains(stability) || !MODELS.contains(model)) {
            return Verdict.UNKNOWN;
        }
        // Wall clocks are outside of the sequential model, but not outside of this library.
        boolean modelled = model.equals("match") || model.equals("n/a") && row.get(0).startsWith("wall_");
        return stability.equals("stable") && modelled ? Verdict.REQUIRED : Verdict.OUT_OF_SCOPE;
    }
}
