package io.github.pfncache.load;

import io.github.pfncache.address.Pages;
import io.github.pfncache.cache.CacheTarget;
import io.github.pfncache.host.HostFile;
import io.github.pfncache.host.HostMemory;
import io.github.pfncache.host.Protection;
import io.github.pfncache.memslot.Memslot;
import io.github.pfncache.pvclock.Kvmclock;
import io.github.pfncache.pvclock.PvclockTimeInfo;
import io.github.pfncache.pvclock.StealTime;
import io.github.pfncache.stress.ReferenceModel;
import io.github.pfncache.vm.Vcpu;
import io.github.pfncache.vm.Vm;
import io.github.pfncache.xen.EventChannels;
import io.github.pfncache.xen.TimerState;
import io.github.pfncache.xen.UpcallListener;
import io.github.pfncache.xen.XenVcpu;
import io.github.pfncache.xen.XenVm;

/**
 * The machine under load. Its host memory, in pages, with a page of nobody's before and behind each piece:
 *
 * <pre>
 *   . main 64 . plug 16 . first 8 . second 8 . scratch 8 .
 * </pre>
 *
 * <p>{@code main} is always there, and logs; its first pages hold the structures of the vCPUs, the others the lanes of
 * the devices. {@code plug} is shared memory, and is unplugged, moved and made read-only. {@code first} and
 * {@code second} take turns behind one guest window. {@code scratch} may be discarded.
 */
final class LoadMachine {

    static final long HVA = 0x7f00_0000_0000L;

    static final int MAIN = 1;
    static final int MAIN_PAGES = 64;
    static final int PLUG = 66;
    static final int PLUG_PAGES = 16;
    static final int FIRST = 83;
    static final int SECOND = 92;
    static final int WINDOW_PAGES = 8;
    static final int SCRATCH = 101;
    static final int SCRATCH_PAGES = 8;
    private static final int ALL_PAGES = 110;

    static final int MAIN_SLOT = 0;
    static final int PLUG_SLOT = 1;
    static final int WINDOW_SLOT = 2;
    static final int SCRATCH_SLOT = 3;

    static final long MAIN_GPA = 0x10_0000;
    static final long PLUG_GPA = 0x100_0000;
    static final long OTHER_PLUG_GPA = 0x200_0000;
    static final long WINDOW_GPA = 0x300_0000;
    static final long SCRATCH_GPA = 0x400_0000;

    /** First page of main that belongs to the devices. */
    static final int DEVICE_PAGE = 16;

    static final int TIMER_PORT = 60;

    private static final long SHARED_INFO = MAIN_GPA + Pages.PAGE_SIZE;
    private static final int VCPU_INFO_SIZE = 64;
    private static final int RUNSTATE_SIZE = 48;
    private static final int HALF_PAGE = Pages.PAGE_SIZE / 2;

    /** The page that a guest has used last, for a host that prefers it. */
    volatile long lastUsed = MAIN_GPA;

    final HostMemory host = HostMemory.builder().checked(true).build();
    final Vm vm;
    final Kvmclock clock;
    final StealTime steal;
    final XenVm xen;
    final ReferenceModel model;

    LoadMachine(int vcpus) {
        vm = Vm.builder().host(host).vcpus(vcpus).build();
        host.mapAnonymous(HVA, ALL_PAGES, Protection.READ_WRITE);
        HostFile shared = host.createFile(PLUG_PAGES);
        host.mapShared(hva(PLUG), PLUG_PAGES, shared, 0, Protection.READ_WRITE);
        slot(MAIN_SLOT, Memslot.FLAG_LOG_DIRTY_PAGES, MAIN_GPA, MAIN, MAIN_PAGES);
        slot(PLUG_SLOT, 0, PLUG_GPA, PLUG, PLUG_PAGES);
        slot(SCRATCH_SLOT, 0, SCRATCH_GPA, SCRATCH, SCRATCH_PAGES);
        model = ReferenceModel.of(host, HVA, ALL_PAGES);
        clock = Kvmclock.attach(vm);
        steal = StealTime.attach(vm);
        xen = XenVm.attach(vm, clock, new UpcallListener() {
            @Override
            public void kick(Vcpu vcpu) {
                // the vCPU threads enter their guests all the time
            }
        });
        leaveOutStructures();
        register();
    }

    private void slot(int id, int flags, long gpa, int page, int npages) {
        vm.memslots().set(id, flags, gpa, (long) npages << Pages.PAGE_SHIFT, hva(page));
    }

    static long hva(int page) {
        return HVA + ((long) page << Pages.PAGE_SHIFT);
    }

    /** Where a byte of main is in the model. */
    static long offsetInModel(long mainGpa) {
        return mainGpa - MAIN_GPA + ((long) MAIN << Pages.PAGE_SHIFT);
    }

    // ------------------------------------------------------------------ the structures, in pages 0 to 15 of main

    /** Where a vCPU builds the arguments of its hypercalls. */
    static long arguments(int vcpu) {
        return MAIN_GPA + 0x100 * vcpu;
    }

    static long sharedInfo() {
        return SHARED_INFO;
    }

    static long systemTime(int vcpu) {
        return MAIN_GPA + 2 * Pages.PAGE_SIZE + PvclockTimeInfo.SIZE * vcpu;
    }

    static long stealTime(int vcpu) {
        return MAIN_GPA + 2 * Pages.PAGE_SIZE + HALF_PAGE + StealTime.SIZE * vcpu;
    }

    static long vcpuInfo(int vcpu) {
        return MAIN_GPA + 3 * Pages.PAGE_SIZE + VCPU_INFO_SIZE * vcpu;
    }

    static long timeInfo(int vcpu) {
        return MAIN_GPA + 3 * Pages.PAGE_SIZE + HALF_PAGE + PvclockTimeInfo.SIZE * vcpu;
    }

    /** Crosses a page, with the flag of the update in the second. */
    static long runstate(int vcpu) {
        return MAIN_GPA + (5 + 2L * vcpu) * Pages.PAGE_SIZE - 15;
    }

    private void leaveOutStructures() {
        leaveOut(sharedInfo(), Pages.PAGE_SIZE);
        for (Vcpu vcpu : vm.vcpus()) { // bounded by the vCPUs
            int id = vcpu.id();
            leaveOut(arguments(id), 0x100);
            leaveOut(systemTime(id), PvclockTimeInfo.SIZE);
            leaveOut(stealTime(id), StealTime.SIZE);
            leaveOut(vcpuInfo(id), VCPU_INFO_SIZE);
            leaveOut(timeInfo(id), PvclockTimeInfo.SIZE);
            leaveOut(runstate(id), RUNSTATE_SIZE);
        }
    }

    private void leaveOut(long mainGpa, int length) {
        model.leaveOut(offsetInModel(mainGpa), length);
    }

    private void register() {
        xen.setRunstateUpdateFlag(true);
        xen.setSharedInfo(new CacheTarget.ByGpa(sharedInfo()));
        for (Vcpu vcpu : vm.vcpus()) { // bounded by the vCPUs
            int id = vcpu.id();
            vcpu.writeMsr(Kvmclock.MSR_SYSTEM_TIME, systemTime(id) | Kvmclock.ENABLE);
            vcpu.writeMsr(StealTime.MSR_STEAL_TIME, stealTime(id) | StealTime.ENABLE);
            XenVcpu cpu = xen.vcpu(id);
            cpu.setVcpuInfo(new CacheTarget.ByGpa(vcpuInfo(id)));
            cpu.setTimeInfo(new CacheTarget.ByGpa(timeInfo(id)));
            cpu.runstate().register(new CacheTarget.ByGpa(runstate(id)));
            cpu.setTimer(new TimerState(TIMER_PORT, EventChannels.PRIORITY_2LEVEL, 0));
        }
    }
}
