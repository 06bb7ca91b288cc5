package io.github.pfncache.report;

/** The mark of what changed a machine, by its form. */
enum Mark {
    START("the recording begins"),
    CREATE("memslot created"),
    DELETE("memslot deleted"),
    MOVE("memslot moved"),
    FLAGS("flags of a memslot changed"),
    HOST("the host takes pages away");

    private final String meaning;

    Mark(String meaning) {
        this.meaning = meaning;
    }

    String meaning() {
        return meaning;
    }

    /** Its outline round a point. */
    Outline at(double x, double y, double size) {
        Outline outline = new Outline();
        return switch (this) {
            case START -> outline.box(x - size / 4, y - size, size / 2, 2 * size);
            case CREATE -> outline.add('M', x, y - size).add('l', size, 2 * size).add('h', -2 * size).shut();
            case DELETE -> outline.add('M', x, y + size).add('l', size, -2 * size).add('h', -2 * size).shut();
            case MOVE -> outline.add('M', x, y - size).add('l', size, size).add('l', -size, size)
                    .add('l', -size, -size).shut();
            case FLAGS -> outline.add('M', x - size, y).add('a', size, size, 0, 1, 0, 2 * size, 0)
                    .add('a', size, size, 0, 1, 0, -2 * size, 0).shut();
            case HOST -> outline.box(x - size, y - size / 2, 2 * size, size);
        };
    }
}
