package io.wxtoken.settings;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.springframework.boot.context.config.ConfigDataEnvironmentPostProcessor;
import org.springframework.boot.env.ConfigTreePropertySource;
import org.springframework.boot.env.ConfigTreePropertySource.Option;
import org.springframework.boot.env.PropertiesPropertySourceLoader;
import org.springframework.boot.env.YamlPropertySourceLoader;
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
 * name begins with "application", and when a file can't be loaded, so that its messages
 * are the same.
 */
final class ConfigFiles {

    private static final String PROGRAMS_OWN = "application.properties";

    private static final String OPERATORS = "application.yml";

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

    void load() {
        try {
            List<PropertySource<?>> files = new ArrayList<>();
            if (!usesConfigData() && addOperatorsFiles(files) && addSecrets(files)) {
                files.addAll(
                        new PropertiesPropertySourceLoader().load(PROGRAMS_OWN, new ClassPathResource(PROGRAMS_OWN)));
                files.forEach(environment.getPropertySources()::addLast);
                return;
            }
        }
        catch (IOException | RuntimeException e) {
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

    /**
     * @return whether their folder is named without a feature of Boot's
     */
    private boolean addSecrets(List<PropertySource<?>> files) {
        MutablePropertySources all = new MutablePropertySources(environment.getPropertySources());
        files.forEach(all::addLast);
        String name = new PropertySourcesPropertyResolver(all).resolvePlaceholders("${WX_SECRETS:./secrets}");
        if (name.isBlank() || name.contains("*")) {
            return false;
        }
        Path secrets = folder.resolve(name);
        if (Files.exists(secrets)) {
            files.add(new ConfigTreePropertySource("secrets", secrets, Option.AUTO_TRIM_TRAILING_NEW_LINE));
        }
        return true;
    }

    /** With Boot's own list of places each run would search every jar. */
    private void loadConfigData() {
        environment.getPropertySources()
            .addLast(new MapPropertySource("places of configuration", Map.of("spring.config.location", "classpath:/"
                    + PROGRAMS_OWN + ",optional:file:" + folder + "/;optional:file:" + folder + "/config/")));
        ConfigDataEnvironmentPostProcessor.applyTo(environment);
    }

}
