package io.github.pfncache.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.pfncache.address.HvaRange;
import io.github.pfncache.address.Pages;
import io.github.pfncache.host.HostMapping;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.HostPage;
import io.github.pfncache.host.MmuNotifier;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslots;
import io.github.pfncache.rules.RuleViolation;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The audit finds what it is for. */
final class CacheAuditTest {

    private static final long HVA = 0x7f00_0000_0000L;

    private final HostMemory host = HostMemory.builder().checked(true).build();
    private final CacheDomain domain = new CacheDomain(new Memslots(), host, RetryPolicy.DEFAULT);
    private final GfnPfnCache cache = domain.newCache(64);

    CacheAuditTest() {
        host.mapAnonymous(HVA, 2, Protection.READ_WRITE);
        cache.activateHva(HVA);
    }

    @Test
    void aPageReferenceThatWasKeptBreaksTheBalance() {
        HostPage page = host.hvaToPage(HVA);
        domain.audit(false);
        assertThatThrownBy(() -> domain.audit(true))
                .isInstanceOf(RuleViolation.class)
                .hasMessageContaining("I5_BALANCE");
        host.release(page);
        domain.audit(true);
    }

    @Test
    void aMappingThatNoCacheOwnsBreaksTheBalance() {
        HostPage page = host.hvaToPage(HVA + Pages.PAGE_SIZE);
        HostMapping mapping = host.map(page);
        host.release(page);
        assertThatThrownBy(() -> domain.audit(true))
                .isInstanceOf(RuleViolation.class)
                .hasMessageContaining("mappings 2, owned 1");
        host.unmap(mapping);
        domain.audit(true);
    }

    @Test
    void nothingIsAtRestInsideAnInvalidation() {
        AtomicReference<RuleViolation> found = new AtomicReference<>();
        MmuNotifier auditor = new MmuNotifier() {
            @Override
            public boolean invalidateRangeStart(HvaRange range, boolean mayBlock) {
                domain.audit(false);
                try {
                    domain.audit(true);
                } catch (RuleViolation e) {
                    found.set(e);
                }
                return true;
            }

            @Override
            public void invalidateRangeEnd(HvaRange range) {
                domain.audit(false);
            }
        };
        host.registerNotifier(auditor);
        host.discard(HVA, 1);
        host.unregisterNotifier(auditor);
        assertThat(found.get()).hasMessageContaining("NOTIFIER_PAIRS");
        domain.audit(true);
    }

    @Test
    void everyInvalidationIsCountedAndEveryCacheItHits() {
        CacheStats before = domain.stats();
        host.discard(HVA, 1);
        host.discard(HVA + Pages.PAGE_SIZE, 1);
        assertThat(domain.stats().invalidations() - before.invalidations()).isEqualTo(2);
        assertThat(domain.stats().invalidated() - before.invalidated()).isEqualTo(1);
    }

    @Test
    void aRetryPolicyHasAnAttemptAndAPatienceThatCanBeAdded() {
        Duration most = Duration.ofNanos(1L << 62);
        assertThat(new RetryPolicy(1, Duration.ZERO).attempts()).isEqualTo(1);
        assertThat(new RetryPolicy(1, most).patience()).isEqualTo(most);
        assertThatThrownBy(() -> new RetryPolicy(0, Duration.ZERO)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new RetryPolicy(1, Duration.ofNanos(-1))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new RetryPolicy(1, most.plusNanos(1))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aValidCacheThatNoWalkFindsBreaksARule() {
        GfnPfnCache lost = domain.newCache(8);
        CacheIndex.Entry elsewhere = new CacheIndex.Entry(lost.mapping);
        assertThat(lost.activateHva(HVA + Pages.PAGE_SIZE)).isEqualTo(Outcome.OK);
        domain.audit(true);
        domain.state.index.add(elsewhere); // the same cache once more, so as to take away its place
        domain.state.index.move(elsewhere, new Translation(null, null, 0, 0, HVA + Pages.PAGE_SIZE));
        domain.state.index.remove(elsewhere);
        assertThatThrownBy(() -> domain.audit(true))
                .isInstanceOf(RuleViolation.class)
                .hasMessageContaining("I14_VALID_IS_FOUND");
        assertThat(lost.deactivate()).isEqualTo(Outcome.OK);
        domain.audit(true);
    }
}
