package machine;

import io.github.pfncache.vm.Vm;

/** What is seen of the framebuffer: painted anew where the guest has written, by the dirty log. */
record Screen(Vm vm, byte[] picture) {

    Screen(Vm vm) {
        this(vm, new byte[Region.SCREEN.bytes()]);
        vm.guestMemory().read(Region.SCREEN.gpa(), picture);
    }

    void repaint() {
        for (long page : vm.memslots().harvestDirty(Region.SCREEN.slot()).harvest().pages()) {
            int at = (int) page * Region.PAGE;
            vm.guestMemory().read(Region.SCREEN.gpa() + at, picture, at, Region.PAGE);
        }
    }
}
