package io.github.pfncache.xen;

/** How a guest's structure is registered. */
enum By {
    GPA,
    HVA
}
