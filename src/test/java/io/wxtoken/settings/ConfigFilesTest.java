package io.wxtoken.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.context.config.ConfigDataEnvironmentPostProcessor;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;

/** Files are read as Spring Boot reads them, whether Boot does it or the program. */
class ConfigFilesTest {

    private static final List<String> NAMES = List.of("a", "b", "c", "wx.app-secret", "wx.list[0]", "wx.list[1]",
            "spring.main.banner-mode", "logging.level.root");

    @TempDir
    Path folder;

    @BeforeEach
    void makeTheFolderThatIsNamed() throws IOException {
        Files.createDirectory(folder.resolve("secrets"));
    }

    static Stream<Map<String, String>> layouts() {
        return Stream.of(Map.of(), Map.of("config/application.yml", "a: 1\nwx.list: [x, y]\n"),
                Map.of("config/application.yml", "a: 1\nb: 1\n", "application.yml", "b: 2\nc: 2\n"),
                Map.of("config/application.yml", "a: 1\nb: 1\n---\nb: 2\nlogging.level.root: debug\n"),
                Map.of("secrets/wx.app-secret", "s\n", "secrets/a", "secret", "config/application.yml", "a: file\n"),
                Map.of("config/application.example.yml", "a: 1\n", "config/application.yml", "b: 1\n"),
                Map.of("config/application.yml", ""),
                // from here on Boot has to do it
                Map.of("config/application.yml", "a: 1\nspring.profiles.active: p\n", "config/application-p.yml",
                        "a: 2\n"),
                Map.of("config/application-default.yml", "a: 1\n"), Map.of("config/application.properties", "a=1\n"),
                Map.of("config/application.yaml", "a: 1\n"),
                Map.of("config/application.yml", "a: 1\nb: 1\n---\nspring.config.activate.on-profile: p\nb: 2\n"));
    }

    private ConfigurableEnvironment loaded() {
        ConfigurableEnvironment environment = new StandardEnvironment();
        environment.getPropertySources()
            .addFirst(new MapPropertySource("set", Map.of("WX_SECRETS", folder.resolve("secrets").toString())));
        new ConfigFiles(environment, folder).load();
        return environment;
    }

    private ConfigurableEnvironment loadedByBoot() {
        ConfigurableEnvironment environment = new StandardEnvironment();
        environment.getPropertySources()
            .addFirst(new MapPropertySource("set",
                    Map.of("WX_SECRETS", folder.resolve("secrets").toString(), "spring.config.location",
                            "classpath:/application.properties,optional:file:" + folder + "/;optional:file:" + folder
                                    + "/config/")));
        ConfigDataEnvironmentPostProcessor.applyTo(environment);
        return environment;
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void eachSettingHasTheValueThatBootGivesIt(Map<String, String> files) throws IOException {
        for (Map.Entry<String, String> file : files.entrySet()) {
            Path path = folder.resolve(file.getKey());
            Files.createDirectories(path.getParent());
            Files.writeString(path, file.getValue());
        }
        ConfigurableEnvironment ours = loaded();
        ConfigurableEnvironment boots = loadedByBoot();
        for (String name : NAMES) {
            assertThat(ours.getProperty(name)).as(name).isEqualTo(boots.getProperty(name));
        }
        assertThat(ours.getActiveProfiles()).isEqualTo(boots.getActiveProfiles());
    }

    @Test
    void aFileThatCanNotBeReadFailsAsItDoesWithBoot() throws IOException {
        Files.createDirectories(folder.resolve("config"));
        Files.writeString(folder.resolve("config/application.yml"), "a: [\n");
        assertThatThrownBy(this::loadedByBoot)
            .satisfies(boots -> assertThatThrownBy(this::loaded).hasSameClassAs(boots));
    }

}
