package io.github.pfncache.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.trace.BundledTraces;
import io.github.pfncache.trace.MalformedInput;
import io.github.pfncache.trace.MemslotTrace;
import io.github.pfncache.trace.Replay;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

final class ReplayReportTest {

    private static final String STD = "pc_m32_vga_std.tsv";
    private static final Pattern REFERENCE = Pattern.compile("\\b(?:href|src|url)\\b[=(]\"?([^\")]*)");

    private static Document parsed(String page) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(page)));
    }

    private static List<Element> elements(Document page, String name, String type) {
        List<Element> found = new ArrayList<>();
        NodeList all = page.getElementsByTagName(name);
        for (int i = 0; i < all.getLength(); i++) {
            if (((Element) all.item(i)).getAttribute("class").equals(type)) {
                found.add((Element) all.item(i));
            }
        }
        return found;
    }

    @Test
    void everyBundledTraceIsDrawnInAPageOfSensibleSize() throws Exception {
        String page = Traces.page(BundledTraces.traces());
        Document document = parsed(page);
        assertThat(elements(document, "svg", "trace")).hasSize(20).allSatisfy(picture -> {
            assertThat(picture.getAttribute("role")).isEqualTo("img");
            assertThat(picture.getElementsByTagName("desc").item(0).getTextContent()).contains("12 caches");
        });
        assertThat(page.length()).isBetween(200_000, 1_500_000);
    }

    @Test
    void aPageStandsAlone() throws IOException, MalformedInput {
        String page = Traces.page(List.of(Traces.bundled(STD)));
        Matcher reference = REFERENCE.matcher(page);
        while (reference.find()) {
            assertThat(reference.group(1)).as("what the page refers to").startsWith("#");
        }
        assertThat(page).doesNotContain("<script", "<link", "<img", "@import").contains("default-src &#39;none&#39;");
    }

    @Test
    void theSamePageComesOfTheSameTrace() throws IOException, MalformedInput {
        List<MemslotTrace> traces = List.of(Traces.bundled(STD));
        assertThat(Traces.page(traces)).isEqualTo(Traces.page(traces));
    }

    @Test
    void nothingInATraceBecomesMarkup() throws Exception {
        String name = "\"><script>alert(1)</script>&\u0007.tsv";
        String page = Traces.page(List.of(Traces.busy(name, "\"></svg><script>'&", 4)));
        assertThat(page).doesNotContain("<script").contains("&lt;script&gt;");
        assertThat(elements(parsed(page), "svg", "trace")).hasSize(1);
    }

    @Test
    void aLongTraceIsMergedAndThePageSaysSo() throws Exception {
        ReplayReport report = new ReplayReport(100, false);
        MemslotTrace trace = Traces.busy("long.tsv", "ram", 1_200);
        report.replayed(trace, Replay.observe(trace, report.observer()), List.of());
        String page = report.page();
        assertThat(page).contains("each column stands for 20 of them", "400 memslots are drawn, 200 are not",
                "placed between their neighbours");
        assertThat(page.length()).isLessThan(250_000);
        assertThat(parsed(page)).isNotNull();
    }

    @Test
    void thePageGrowsNoFurtherWithTheNumberOfTraces() {
        List<MemslotTrace> traces = new ArrayList<>();
        for (int i = 0; i < 102; i++) {
            traces.add(Traces.busy("many-" + i + ".tsv", "ram", 2));
        }
        String page = Traces.page(traces);
        assertThat(page).contains("The first 100 traces are drawn", "many-101.tsv");
        assertThat(page.split("<svg class=\"trace\"", -1)).hasSize(101);
        assertThat(page.length()).isLessThan(1_500_000);
    }

    @Test
    void aTraceWithoutOperationsHasNoPicture() throws Exception {
        String page = Traces.page(List.of(Traces.of("empty.tsv")));
        assertThat(page).contains("nothing to draw");
        assertThat(elements(parsed(page), "svg", "trace")).isEmpty();
    }

    @Test
    void whatDiffersAndWhatBrokeIsOnThePage() throws Exception {
        MemslotTrace trace = Traces.bundled(STD);
        ReplayReport report = new ReplayReport(2, true);
        report.replayed(trace, Replay.observe(trace, report.observer()), List.of("expected <here>, found there"));
        Replay.observe(trace, report.observer());
        report.broken(trace, "SomeRule.BROKEN: as it was");
        String page = report.page();
        assertThat(page).contains("expected &lt;here&gt;, found there", "A rule was broken: SomeRule.BROKEN");
        assertThat(page).contains("verdict bad", "broken off");
        assertThat(elements(parsed(page), "svg", "trace")).hasSize(2);
    }
}
