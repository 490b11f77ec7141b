package io.wxtoken.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.bind.DefaultValue;
import picocli.CommandLine;

import io.wxtoken.history.RefreshHistory;
import io.wxtoken.settings.WxProperties;
import io.wxtoken.status.Status;

/**
 * Each command, option, setting, variable, metric and alert that the documents name
 * exists, and the tables that promise to be complete are. ({@code .ci/check-docs} checks
 * their links.)
 */
class DocsTest {

    private static final List<Path> DOCUMENTS = documents();

    /** In code; {@code wx} is a function that docs/install.md defines. */
    private static final Pattern COMMAND = Pattern
        .compile("(?:^ {4,}|[`(]|wx-token/)(?:wx-token|wx)((?: +(?:--)?[a-z][^ `)|#>]*)+)");

    private static final Pattern SETTING = Pattern
        .compile("(?<![\\w./@-])wx\\.(?!wx_|\\w+ +TO)[a-z][a-z-]*(?:\\[?\\.?[\\w-]+]?)*");

    private static final Pattern VARIABLE = Pattern.compile("\\bWX_(?!TEST_)[A-Z][A-Z0-9_]*");

    /** The launcher's, the examples', and one that is misspelt on purpose. */
    private static final Set<String> OTHER_VARIABLES = Set.of("WX_SECRETS", "WX_CACHE", "WX_API", "WX_REFRESH_AFTR");

    private static List<Path> documents() {
        List<Path> documents = new ArrayList<>(List.of(Path.of("README.md"), Path.of("README.zh-CN.md"),
                Path.of("UPGRADING.md"), Path.of("CHANGELOG.md")));
        for (String folder : List.of("docs", "config", "examples")) {
            try (Stream<Path> files = Files.walk(Path.of(folder))) {
                files.filter(
                        file -> file.toString().matches(".*(\\.md|\\.yml|\\.yaml|\\.service|\\.sql|/cron|Dockerfile)"))
                    .forEach(documents::add);
            }
            catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return documents;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The lines in which the pattern matches something that is not right. */
    private static List<String> wrong(Pattern pattern, Predicate<MatchResult> right) {
        List<String> wrong = new ArrayList<>();
        for (Path document : DOCUMENTS) {
            int number = 0;
            for (String line : read(document).lines().toList()) {
                number++;
                Matcher matcher = pattern.matcher(line);
                while (matcher.find()) {
                    if (!right.test(matcher)) {
                        wrong.add(document + ":" + number + ": " + matcher.group() + " in " + line.strip());
                    }
                }
            }
        }
        return wrong;
    }

    @Test
    void eachCommandAndOptionExists() {
        CommandLine all = Commands.commandLine();
        Set<String> seen = new HashSet<>();
        assertThat(wrong(COMMAND, match -> {
            List<String> words = List.of(match.group(1).strip().split(" +"));
            CommandLine command = words.get(0).startsWith("--") ? all : all.getSubcommands().get(words.get(0));
            seen.add(words.get(0));
            return command != null && words.stream()
                .map(word -> word.replaceAll("[=,;].*", ""))
                .filter(word -> word.startsWith("--") && !word.contains("."))
                .allMatch(command.getCommandSpec().optionsMap()::containsKey);
        })).isEmpty();
        assertThat(seen).as("commands that the documents tell of").containsAll(all.getSubcommands().keySet());
    }

    @Test
    void eachSettingExists() {
        Set<String> names = new HashSet<>();
        for (String name : settings().keySet()) {
            // with the groups that it is in
            for (int end = name.length(); end > 0; end = name.lastIndexOf('.', end - 1)) {
                names.add(name.substring(0, end).replace("[n]", ""));
            }
        }
        assertThat(wrong(SETTING, match -> names.contains(match.group().replaceAll("\\[\\w+]|[.-]+$", "")))).isEmpty();
    }

    @Test
    void eachVariableExists() {
        Set<String> names = settings().keySet().stream().flatMap(name -> {
            String numbered = name.replaceAll("\\[n]", "_N");
            return Stream.of(numbered.replace("-", ""), numbered.replace('-', '_'));
        }).map(name -> name.replace('.', '_').toUpperCase(Locale.ROOT)).collect(Collectors.toSet());
        names.addAll(OTHER_VARIABLES);
        assertThat(wrong(VARIABLE, match -> {
            String name = match.group().replaceAll("_\\d+_", "_N_");
            // one that ends with an underscore stands for all that begin so
            return names.contains(name)
                    || name.endsWith("_") && names.stream().anyMatch(known -> known.startsWith(name));
        })).isEmpty();
    }

    @Test
    void theTableOfSettingsHasEachOneWithItsDefault() {
        Map<String, String> documented = new LinkedHashMap<>();
        Matcher rows = Pattern.compile("(?m)^\\| (`[a-z].*?) \\| .*? \\| (.*?) \\| ")
            .matcher(read(Path.of("docs/settings.md")));
        while (rows.find()) {
            String group = "";
            for (String name : rows.group(1).replace("`", "").split(", ")) {
                group = name.startsWith(".") ? group : name.substring(0, name.lastIndexOf('.'));
                documented.put(name.startsWith(".") ? group + name : name, rows.group(2).replaceAll("`(.*)`", "$1"));
            }
        }
        documented.keySet().removeIf(name -> !name.startsWith("wx."));
        Map<String, String> settings = settings();
        assertThat(documented).containsOnlyKeys(settings.keySet());
        settings.forEach((name, standard) -> {
            if (!standard.isEmpty()) {
                assertThat(documented).containsEntry(name, standard);
            }
        });
    }

    @Test
    void eachMetricAndAlertExists() {
        String metrics = sources("src/main/java/io/wxtoken/metrics") + "wx_token_history wx_token_schema_history"
                + " wx_token_account_info";
        assertThat(wrong(Pattern.compile("\\bwx_token_[a-z_]+"),
                match -> metrics.contains(match.group().replaceAll("_(total)?$", ""))))
            .isEmpty();
        Set<String> alerts = Pattern.compile("- alert: (\\w+)")
            .matcher(read(Path.of("config/prometheus/wx-token.rules.yml")))
            .results()
            .map(match -> match.group(1))
            .collect(Collectors.toSet());
        Set<String> seen = new HashSet<>();
        assertThat(wrong(Pattern.compile("`(WxToken[A-Z]\\w+)`"), match -> {
            seen.add(match.group(1));
            return alerts.contains(match.group(1));
        })).isEmpty();
        assertThat(seen).isEqualTo(alerts);
    }

    /** Each of WeChat's codes that the program knows is in the page for operators. */
    @ParameterizedTest
    @ValueSource(strings = { "docs/operate.md", "docs/zh-CN/operate.md" })
    void eachErrorCodeIsTold(String document) {
        String text = read(Path.of(document));
        assertThat(Pattern.compile("\\((-?\\d+), Kind")
            .matcher(read(Path.of("src/main/java/io/wxtoken/wechat/ErrorCode.java")))
            .results()
            .map(match -> match.group(1))
            .filter(code -> !Pattern.compile("(?<![\\d-])" + code + "(?!\\d)").matcher(text).find())).isEmpty();
    }

    /** The JSON's fields are promised, so each is documented. */
    @ParameterizedTest
    @ValueSource(strings = { "docs/operate.md", "docs/zh-CN/operate.md" })
    void eachFieldOfTheJsonIsTold(String document) {
        Set<String> told = Pattern.compile("`([a-z_]+)`")
            .matcher(read(Path.of(document)).lines()
                .filter(line -> line.startsWith("| `"))
                .collect(Collectors.joining()))
            .results()
            .map(match -> match.group(1))
            .collect(Collectors.toSet());
        Stream.of(Status.class, Status.Row.class, RefreshHistory.Entry.class)
            .flatMap(type -> Arrays.stream(type.getRecordComponents()))
            .map(component -> component.getName().replaceAll("[A-Z]", "_$0").toLowerCase(Locale.ROOT))
            .forEach(field -> assertThat(told).as(document).contains(field));
    }

    private static String sources(String folder) {
        try (Stream<Path> files = Files.list(Path.of(folder))) {
            return files.map(DocsTest::read).collect(Collectors.joining());
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All settings under {@code wx}, with their defaults; empty for none. */
    private static Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        add(WxProperties.class, "wx.", settings);
        return settings;
    }

    private static void add(Class<?> group, String prefix, Map<String, String> settings) {
        for (RecordComponent component : group.getRecordComponents()) {
            String name = prefix + DataObjectPropertyName.toDashedForm(component.getName());
            Class<?> type = component.getType();
            boolean list = type == List.class;
            if (list) {
                type = (Class<?>) ((ParameterizedType) component.getGenericType()).getActualTypeArguments()[0];
            }
            if (type.isRecord()) {
                add(type, name + (list ? "[n]." : "."), settings);
                continue;
            }
            DefaultValue standard = component.getAnnotation(DefaultValue.class);
            settings.put(name, standard == null ? "" : String.join(", ", standard.value()));
        }
    }

}
