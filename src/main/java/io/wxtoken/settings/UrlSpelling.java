package io.wxtoken.settings;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

import com.mysql.cj.conf.ConnectionUrlParser;
import com.mysql.cj.conf.PropertyKey;
import com.mysql.cj.exceptions.CJException;

/**
 * Finds misspelt properties of Connector/J, which ignores them silently. It knows
 * {@code sslMode}, for example, and overlooks {@code sslmode}. (H2 refuses unknown ones
 * itself.)
 */
final class UrlSpelling {

    /**
     * Properties that former versions of Connector/J had, and that many URLs still have.
     */
    private static final Set<String> FORMER = Set.of("useUnicode", "useLegacyDatetimeCode",
            "useJDBCCompliantTimezoneShift");

    private UrlSpelling() {
    }

    /**
     * Returns a line for each name that is wrong.
     * @param url a URL of Connector/J
     * @param properties that it gets beside the URL
     */
    static List<String> problems(String url, Map<String, String> properties) {
        Set<String> names = new LinkedHashSet<>();
        if (url.contains("?") || url.contains("(")) {
            try {
                ConnectionUrlParser parsed = ConnectionUrlParser.parseConnectionString(url);
                parsed.getHosts().forEach(host -> names.addAll(host.getHostProperties().keySet()));
                names.addAll(parsed.getProperties().keySet());
            }
            catch (CJException | IllegalArgumentException e) {
                return List.of(); // connecting will fail, with a message of its own
            }
        }
        List<String> problems = new ArrayList<>();
        for (String name : names) {
            addProblem(problems, "spring.datasource.url", name, url.matches("(?is).*(@|password).*"));
        }
        for (String name : properties.keySet()) {
            addProblem(problems, "spring.datasource.hikari.data-source-properties", name, false);
        }
        return problems;
    }

    private static void addProblem(List<String> problems, String setting, String name, boolean mayBeSecret) {
        if (PropertyKey.fromValue(name) != null || FORMER.contains(name)) {
            return;
        }
        String closest = Spelling.closest(name,
                Stream.of(PropertyKey.values())
                    .flatMap(key -> Stream.of(key.getKeyName(), key.getCcAlias()))
                    .filter(each -> each != null)
                    .toList());
        if (closest != null) {
            problems.add(setting + ": Connector/J has no property " + name + ": write it " + closest);
        }
        else if (mayBeSecret) {
            problems.add(setting + ": Connector/J does not have all properties that it names: check their spelling (the"
                    + " wrong one is not shown, because it may be a part of the password, in which & is written %26)");
        }
        else {
            problems.add(setting + ": Connector/J has no property " + name + ": check its spelling, or leave it out");
        }
    }

}
