package io.github.pfncache.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.pfncache.rules.Rule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Rules are complete: said, traced to where they come from, and enforced. */
final class RuleCoverageTest {

    @Test
    void everyEnumNamedRuleIsOne() {
        List<Class<?>> named = BuiltClasses.all().stream()
                .filter(type -> type.isEnum() && type.getSimpleName().endsWith("Rule"))
                .collect(Collectors.toList());
        assertThat(named).isNotEmpty().allMatch(Rule.class::isAssignableFrom);
    }

    @Test
    void everyRuleIsAnEnumNamedRule() {
        List<Class<?>> rules = BuiltClasses.all().stream()
                .filter(type -> Rule.class.isAssignableFrom(type) && type != Rule.class)
                .filter(type -> !type.isAnonymousClass())
                .collect(Collectors.toList());
        assertThat(rules).isNotEmpty().allMatch(type -> type.isEnum() && type.getSimpleName().endsWith("Rule"));
    }

    @Test
    void aPackageHasOneRuleEnumAtMost() {
        TreeMap<String, List<Class<?>>> byPackage = ruleEnums().stream()
                .collect(Collectors.groupingBy(Class::getPackageName, TreeMap::new, Collectors.toList()));
        assertThat(byPackage.values()).allSatisfy(enums -> assertThat(enums).hasSize(1));
    }

    @Test
    void everyRuleSaysWhatHoldsAndWhereItComesFrom() {
        for (Class<?> type : ruleEnums()) {
            List<Rule> rules = constants(type);
            assertThat(rules).as(type.getSimpleName()).isNotEmpty();
            assertThat(rules).allSatisfy(rule -> {
                assertThat(rule.statement()).as("%s.statement", rule).isNotBlank();
                assertThat(rule.mirrors()).as("%s.mirrors", rule).isNotBlank();
            });
            assertThat(rules.stream().map(Rule::statement)).as(type.getSimpleName()).doesNotHaveDuplicates();
        }
    }

    @Test
    void everyRuleIsEnforcedSomewhere() throws IOException {
        List<String> unenforced = new ArrayList<>();
        for (Class<?> type : ruleEnums()) {
            StringBuilder others = new StringBuilder();
            for (Path file : Jars.sources()) {
                if (!file.endsWith(type.getSimpleName() + ".java")) {
                    others.append(SourceText.withoutComments(Files.readString(file)));
                }
            }
            for (Rule rule : constants(type)) {
                String use = type.getSimpleName() + "." + rule.name();
                if (!Pattern.compile("\\b" + Pattern.quote(use) + "\\b").matcher(others).find()) {
                    unenforced.add(use);
                }
            }
        }
        assertThat(unenforced).as("rules that no code outside their enum names").isEmpty();
    }

    private static List<Class<?>> ruleEnums() {
        return BuiltClasses.all().stream()
                .filter(type -> type.isEnum() && Rule.class.isAssignableFrom(type))
                .collect(Collectors.toList());
    }

    private static List<Rule> constants(Class<?> type) {
        return List.of(type.getEnumConstants()).stream().map(Rule.class::cast).collect(Collectors.toList());
    }
}
