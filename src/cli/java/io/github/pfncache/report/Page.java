package io.github.pfncache.report;

import io.github.pfncache.scenario.Resource;
import java.util.function.Consumer;

/** A page: a document that needs no other, its style, light or dark as the reader prefers. */
final class Page {

    /** Nothing is fetched, and nothing runs, even if something should slip in. */
    private static final String POLICY = "default-src 'none'; style-src 'unsafe-inline'";

    private Page() {}

    static String html(String title, Consumer<Markup> body) {
        Markup to = new Markup();
        to.trusted("<!DOCTYPE html>\n");
        to.open("html", "lang", "en", "xmlns", "http://www.w3.org/1999/xhtml").line();
        to.open("head").line();
        to.empty("meta", "charset", "utf-8").line();
        to.empty("meta", "http-equiv", "Content-Security-Policy", "content", POLICY).line();
        to.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1").line();
        to.empty("meta", "name", "color-scheme", "content", "light dark").line();
        to.element("title", title).line();
        to.open("style").trusted(Resource.text(Page.class, "page.css")).close().line();
        to.close().line();
        to.open("body").line();
        body.accept(to);
        to.close().line().close().line();
        return to.finish();
    }

    /** What this is all about, for whoever opens a page and nothing else. */
    static void idea(Markup to) {
        to.element("p", "A gfn-to-pfn cache remembers where in the host's memory an address of a guest leads to: clocks"
                + " and devices need not translate it each time, and never use a page that has gone.",
                "class", "lead").line();
        to.element("pre", "guest address (gpa)\n   ▼ by memslots; a change: look again\n"
                        + "host address (hva)\n   ▼ by the host; page taken: look again\n"
                        + "page (a frame)").line();
    }

    /** A big number with what it counts. */
    static void figure(Markup to, Object number, String what) {
        to.open("div", "class", "figure").element("b", number).element("span", what).close().line();
    }
}
