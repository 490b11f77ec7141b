package io.wxtoken.settings;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

import org.springframework.boot.context.config.ConfigDataEnvironmentPostProcessor;
import org.springframework.boot.env.ConfigTreePropertySource;
import org.springframework.boot.env.ConfigTreePropertySource.Option;
import org.springframework.boot.env.PropertiesPropertySourceLoader;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.boot.origin.TextResourceOrigin;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.MutablePropertySources;
import org.springframework.core.env.PropertySource;
import org.springframework.core.env.PropertySourcesPropertyResolver;
import org.springframework.core.io.ClassPathResource;
import org.springframework.core.io.FileSystemResource;

/**
 * Loads the configuration files: {@code config/application.yml}, then
 * {@code application.yml}, the files with secrets, and the program's own; the first one
 * that has a setting wins.
 * <p>
 * Spring Boot's {@link ConfigDataEnvironmentPostProcessor} does the same, and much more,
 * and takes a sixth of a run in which nothing is due. So it is left out where its
 * features are not used, and Boot's loaders are called in its order. It does the work
 * when a profile, an import or another place is set, when there is another file whose
 * name begins with "application", and when a file can't be parsed, so that its messages
 * are the same.
 */
final class ConfigFiles {

    private static final String PROGRAMS_OWN = "application.properties";

    private static final String OPERATORS = "application.yml";

    private static final String SECRETS = "WX_SECRETS";

    private final ConfigurableEnvironment environment;

    private final Path folder;

    /**
     * @param environment with all that is not in files
     * @param folder the program's working directory
     */
    ConfigFiles(ConfigurableEnvironment environment, Path folder) {
        this.environment = environment;
        this.folder = folder;
    }

    /**
     * Loads them into the environment.
     * @throws InvalidSettingsException when this user can't read one of them, or the
     * folder with secrets that is named does not exist
     */
    void load() {
        List<PropertySource<?>> files = new ArrayList<>();
        try {
            // Boot would overlook a folder that can't be read, so all are looked for
            // first
            if (addOperatorsFiles(files) & addSecrets(files) && !usesConfigData()) {
                files.addAll(
                        new PropertiesPropertySourceLoader().load(PROGRAMS_OWN, new ClassPathResource(PROGRAMS_OWN)));
                files.forEach(environment.getPropertySources()::addLast);
                return;
            }
        }
        catch (InvalidSettingsException e) {
            throw e;
        }
        catch (IOException | RuntimeException e) {
            if (NestedExceptionUtils.getMostSpecificCause(e) instanceof AccessDeniedException denied) {
                throw unreadable(Path.of(denied.getFile()));
            }
            // Boot meets the same problem, and the program knows Boot's exceptions
        }
        loadConfigData();
    }

    private boolean usesConfigData() {
        return environment.getPropertySources().stream().anyMatch(ConfigFiles::isForConfigData);
    }

    private static boolean isForConfigData(PropertySource<?> source) {
        return Arrays.stream(((EnumerablePropertySource<?>) source).getPropertyNames())
            .filter(name -> name.regionMatches(true, 0, "spring", 0, 6))
            .map(name -> name.replace('_', '.').toLowerCase(Locale.ROOT))
            .anyMatch(name -> name.startsWith("spring.profiles") || name.startsWith("spring.config."));
    }

    /**
     * @return whether none of them uses a feature of Boot's
     */
    private boolean addOperatorsFiles(List<PropertySource<?>> files) throws IOException {
        for (Path place : List.of(folder.resolve("config"), folder)) {
            if (Files.isDirectory(place)) {
                try (DirectoryStream<Path> found = Files.newDirectoryStream(place,
                        "application{,-*}.{yml,yaml,properties,xml}")) {
                    for (Path file : found) {
                        requireReadable(file);
                        if (!file.endsWith(OPERATORS)) {
                            return false;
                        }
                        List<PropertySource<?>> documents = new ArrayList<>(new YamlPropertySourceLoader()
                            .load(file.toString(), new FileSystemResource(file.normalize())));
                        if (documents.stream().anyMatch(ConfigFiles::isForConfigData)) {
                            return false;
                        }
                        // a later document overrides an earlier one
                        Collections.reverse(documents);
                        files.addAll(documents);
                    }
                }
            }
        }
        return true;
    }

    private static void requireReadable(Path file) {
        if (Files.isDirectory(file)) {
            throw new InvalidSettingsException(file.normalize() + " is a folder, and must be a file");
        }
        if (Files.notExists(file)) {
            throw new InvalidSettingsException(file.normalize() + " is a link to a file that does not exist");
        }
        if (!Files.isReadable(file)) {
            throw unreadable(file);
        }
    }

    /**
     * @return whether their folder is named without a feature of Boot's
     */
    private boolean addSecrets(List<PropertySource<?>> files) {
        MutablePropertySources all = new MutablePropertySources(environment.getPropertySources());
        files.forEach(all::addLast);
        PropertySourcesPropertyResolver settings = new PropertySourcesPropertyResolver(all);
        String name = settings.resolvePlaceholders("${" + SECRETS + ":./secrets}");
        if (name.isBlank()) {
            throw new InvalidSettingsException(SECRETS
                    + " is empty: name the folder with the secrets, or unset it (then the folder is ./secrets)");
        }
        if (name.contains("*")) {
            return false;
        }
        Path secrets = folder.resolve(name);
        if (Files.notExists(secrets)) {
            if (settings.containsProperty(SECRETS)) {
                throw new InvalidSettingsException(SECRETS + " = '" + name
                        + "' does not exist: create this folder with a file for each secret, such as wx.app-secret, or"
                        + " correct the path");
            }
            return true;
        }
        if (Files.exists(secrets) && !Files.isDirectory(secrets)) {
            throw new InvalidSettingsException(SECRETS + " (or ./secrets) is no folder: it must be a folder with a file"
                    + " for each secret, such as wx.app-secret");
        }
        if (!Files.isReadable(secrets) || !Files.isExecutable(secrets)) {
            throw unreadable(secrets);
        }
        files.add(new ConfigTreePropertySource("secrets", secrets, Option.AUTO_TRIM_TRAILING_NEW_LINE));
        return true;
    }

    /**
     * Returns a line for each secret's file that this user can't read.
     * @param isUsed whether a file of this name is used; others may lie in the same
     * folder
     */
    static List<String> unreadableSecrets(ConfigurableEnvironment environment, Predicate<String> isUsed) {
        List<String> problems = new ArrayList<>();
        for (PropertySource<?> source : environment.getPropertySources()) {
            if (source instanceof ConfigTreePropertySource secrets) {
                for (String name : secrets.getPropertyNames()) {
                    if (secrets.getOrigin(name) instanceof TextResourceOrigin origin
                            && origin.getResource() instanceof FileSystemResource file && !file.isReadable()
                            && isUsed.test(name)) {
                        problems.addAll(unreadable(Path.of(file.getPath())).problems());
                    }
                }
            }
        }
        return problems;
    }

    private static InvalidSettingsException unreadable(Path path) {
        String right = Files.isDirectory(path) ? " the right to list this folder and to enter it"
                : " the right to read it, and to enter its folder";
        return new InvalidSettingsException(path.normalize() + " can't be read by the user "
                + System.getProperty("user.name") + ": give this user" + right);
    }

    /** With Boot's own list of places each run would search every jar. */
    private void loadConfigData() {
        environment.getPropertySources()
            .addLast(new MapPropertySource("places of configuration", Map.of("spring.config.location", "classpath:/"
                    + PROGRAMS_OWN + ",optional:file:" + folder + "/;optional:file:" + folder + "/config/")));
        ConfigDataEnvironmentPostProcessor.applyTo(environment);
    }

}
