package machine;

/** What is reached by an address: memory, a device, all devices. */
interface Bus {

    /** Sign-extended. */
    default long load(long gpa, int width) { return 0; }

    void store(long gpa, int width, long value);
}
