package io.wxtoken.settings;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.zaxxer.hikari.HikariDataSource;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.env.ConfigTreePropertySource;
import org.springframework.boot.origin.PropertySourceOrigin;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.util.StringUtils;

/**
 * Finds misspelt names outside {@code wx} in files and on the command line, which Spring
 * Boot would ignore silently. (Under {@code wx} the binder finds them; {@link Settings}
 * reports those.) A name of an operator's own is right if a placeholder names it, or
 * another one of its group; and a file with a secret may have any name.
 */
final class FileSpelling {

    private static final String HIKARI = "spring.datasource.hikari";

    /**
     * Settings that the program reads, or Spring Boot for it. With a star at its end it
     * stands for all below it.
     */
    private static final List<String> KNOWN = List.of("wx.*", "spring.application.*", "spring.config.*",
            "spring.main.*", "spring.output.*", "spring.profiles.*", "spring.datasource.url",
            "spring.datasource.username", "spring.datasource.password", "spring.datasource.driver-class-name",
            // these in each run; HikariDataSource has the others
            HIKARI + ".minimum-idle", HIKARI + ".connection-timeout", HIKARI + ".data-source-properties.*",
            "logging.charset.console", "logging.charset.file", "logging.config", "logging.console.enabled",
            "logging.exception-conversion-word", "logging.file.name", "logging.file.path", "logging.group.*",
            "logging.include-application-group", "logging.include-application-name", "logging.level.*",
            "logging.logback.rollingpolicy.clean-history-on-start", "logging.logback.rollingpolicy.file-name-pattern",
            "logging.logback.rollingpolicy.max-file-size", "logging.logback.rollingpolicy.max-history",
            "logging.logback.rollingpolicy.total-size-cap", "logging.pattern.console", "logging.pattern.correlation",
            "logging.pattern.dateformat", "logging.pattern.file", "logging.pattern.level",
            "logging.register-shutdown-hook", "logging.structured.ecs.service.environment",
            "logging.structured.ecs.service.name", "logging.structured.ecs.service.node-name",
            "logging.structured.ecs.service.version", Settings.LOG_FORMAT, "logging.structured.format.file",
            "logging.structured.gelf.host", "logging.structured.gelf.service.version", "logging.structured.json.*",
            "logging.threshold.console", "logging.threshold.file");

    private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{([^}:$]+)");

    private static final Pattern SEPARATOR = Pattern.compile("\\.|(?=\\[)");

    /** The plain names of settings and of groups, each with what may stand below it. */
    private final Map<String, Set<String>> children = new HashMap<>();

    private final ConfigurableEnvironment environment;

    private Set<String> placeholders;

    private Set<String> placeholdersGroups;

    FileSpelling(ConfigurableEnvironment environment) {
        this.environment = environment;
    }

    private void add(String known) {
        String parent = "";
        for (String element : known.split("\\.")) {
            children.computeIfAbsent(parent, none -> new TreeSet<>()).add(element);
            parent = parent.isEmpty() ? element : parent + "." + Spelling.plain(element);
        }
    }

    /** Returns a line for each name that is wrong. */
    List<String> problems() {
        Map<String, String> problems = new LinkedHashMap<>();
        sources().forEach(source -> {
            for (String name : source.getPropertyNames()) {
                // each run pays for what is right; only a rare name needs a second look
                if (!name.equals("wx") && !isWrittenAsKnown(name)) {
                    if (children.isEmpty()) {
                        KNOWN.forEach(this::add);
                    }
                    check(source, name, problems);
                }
            }
        });
        return new ArrayList<>(problems.values());
    }

    private static boolean isWrittenAsKnown(String name) {
        for (String known : KNOWN) {
            if (known.endsWith("*") ? name.startsWith(known.substring(0, known.length() - 1)) : name.equals(known)) {
                return true;
            }
        }
        return false;
    }

    /**
     * The environment and the JVM's properties hold other programs' names.
     */
    private Stream<EnumerablePropertySource<?>> sources() {
        return environment.getPropertySources()
            .stream()
            .filter(source -> !source.getName().equals(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME)
                    && !source.getName().equals(StandardEnvironment.SYSTEM_PROPERTIES_PROPERTY_SOURCE_NAME))
            .filter(EnumerablePropertySource.class::isInstance)
            .map(source -> (EnumerablePropertySource<?>) source);
    }

    private void check(EnumerablePropertySource<?> source, String name, Map<String, String> problems) {
        String parent = "";
        int end = 0;
        for (String element : SEPARATOR.split(name)) {
            Set<String> known = children.get(parent);
            end += (end == 0 || element.startsWith("[") ? 0 : 1) + element.length();
            if (known == null && element.startsWith("[")) {
                return; // a list
            }
            if (known != null && known.contains("*")) {
                return;
            }
            if (known == null || !contains(known, element, parent)) {
                boolean isOwn = parent.isEmpty()
                        && (source instanceof ConfigTreePropertySource || isPlaceholdersGroup(element));
                if (!isOwn) {
                    String wrong = name.substring(0, end);
                    problems.putIfAbsent(wrong, wrong + " is no setting of wx-token ("
                            + PropertySourceOrigin.get(source, name) + "): " + advice(parent, element, known));
                }
                return;
            }
            parent = (parent.isEmpty() ? "" : parent + ".") + Spelling.plain(element);
        }
        if (children.containsKey(parent) && !"".equals(String.valueOf(source.getProperty(name)))) {
            problems.putIfAbsent(name, name + " is a group of settings and has no value of its own: write them below"
                    + " it, indented (" + PropertySourceOrigin.get(source, name) + ")");
        }
    }

    private static boolean contains(Set<String> known, String element, String parent) {
        String plain = Spelling.plain(element);
        return known.stream().anyMatch(each -> Spelling.plain(each).equals(plain)) || parent.equals(HIKARI)
                && poolProperties().stream().anyMatch(each -> Spelling.plain(each).equals(plain));
    }

    private static String advice(String parent, String element, Set<String> known) {
        Collection<String> names = parent.equals(HIKARI) ? poolProperties() : known == null ? Set.of() : known;
        String closest = Spelling.closest(element, names);
        return closest == null ? "check its spelling and its indentation against config/application.yml"
                : "write it " + (parent.isEmpty() ? "" : parent + ".") + closest;
    }

    private static Set<String> poolProperties() {
        return Stream.of(HikariDataSource.class.getMethods())
            .filter(method -> method.getName().startsWith("set") && method.getParameterCount() == 1)
            .map(method -> DataObjectPropertyName
                .toDashedForm(StringUtils.uncapitalize(method.getName().substring("set".length()))))
            .collect(Collectors.toSet());
    }

    /**
     * Whether a setting's value has a placeholder with this name.
     */
    boolean isPlaceholder(String name) {
        findPlaceholders();
        return placeholders.contains(name);
    }

    /**
     * Whether a file with a secret that has this name is used.
     */
    boolean isUsed(String name) {
        return name.matches("(wx|spring|logging)\\..*") || isPlaceholder(name);
    }

    private boolean isPlaceholdersGroup(String element) {
        findPlaceholders();
        return placeholdersGroups.contains(element);
    }

    /**
     * This takes long when there are many accounts, and a name that nobody knows is rare.
     */
    private void findPlaceholders() {
        if (placeholders == null) {
            placeholders = new HashSet<>();
            Stream
                .concat(sources().filter(source -> !(source instanceof ConfigTreePropertySource))
                    .flatMap(source -> Stream.of(source.getPropertyNames()).map(source::getProperty)),
                        environment.getSystemEnvironment().values().stream())
                .map(String::valueOf)
                .flatMap(value -> PLACEHOLDER.matcher(value).results())
                .forEach(found -> placeholders.add(found.group(1).strip()));
            placeholdersGroups = placeholders.stream()
                .map(name -> SEPARATOR.split(name)[0])
                .collect(Collectors.toSet());
        }
    }

}
