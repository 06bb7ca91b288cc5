package machine;

import io.github.pfncache.vm.Vm;

/** What is seen of the framebuffer: painted anew where the guest has written, by the dirty log. */
final class Screen {

    private final Vm vm;
    final byte[] picture = new byte[Region.SCREEN.pages * Region.PAGE];

    Screen(Vm vm) { this.vm = vm; }

    void repaint() {
        byte[] tile = new byte[Region.PAGE];
        for (long page : vm.memslots().harvestDirty(Region.SCREEN.ordinal()).harvest().pages()) {
            vm.guestMemory().read(Region.SCREEN.gpa + page * Region.PAGE, tile);
            System.arraycopy(tile, 0, picture, (int) page * Region.PAGE, Region.PAGE);
        }
    }
}
