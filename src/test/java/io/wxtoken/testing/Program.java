package io.wxtoken.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

import io.wxtoken.standin.StandIn;

/** The built jar, started as a process in a folder of its own, as a scheduler would: with settings in its environment. */
public final class Program {

    private final Path folder;

    private final Map<String, String> environment = new HashMap<>();

    private final List<String> jvmOptions = new ArrayList<>(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));

    private final List<String> arguments = new ArrayList<>();

    public Program(Path folder) {
        this.folder = folder;
    }

    /** Set up to refresh the stand-in's account. */
    public static Program against(StandIn weChat, Path folder) {
        return new Program(folder).with("WX_APPID", StandIn.APP_ID)
            .with("WX_APPSECRET", StandIn.SECRET)
            .with("WX_API_BASEURL", weChat.baseUrl());
    }

    public Program on(TestDatabase database) {
        return with("SPRING_DATASOURCE_URL", database.url());
    }

    public Program with(String variable, String value) {
        environment.put(variable, value);
        return this;
    }

    public Program without(String variable) {
        environment.remove(variable);
        return this;
    }

    /** A config/application.yml with so many accounts of the stand-in's, which want no tickets. */
    public Program withAccounts(int accounts, StandIn weChat) {
        StringBuilder yaml = new StringBuilder("wx:\n  tickets: []\n  accounts:\n");
        for (int i = 0; i < accounts; i++) {
            weChat.addAccount(accountId(i), "secret-" + i);
            yaml.append("  - { app-id: ").append(accountId(i)).append(", app-secret: secret-").append(i).append(" }\n");
        }
        try {
            Files.createDirectories(folder.resolve("config"));
            Files.writeString(folder.resolve("config/application.yml"), yaml);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return without("WX_APPID").without("WX_APPSECRET");
    }

    public static String accountId(int i) {
        return "wx%06d".formatted(i);
    }

    public Program jvm(String option) {
        jvmOptions.add(option);
        return this;
    }

    public Program argument(String argument) {
        arguments.add(argument);
        return this;
    }

    /** A process that was started, and what it said on both streams. */
    public record Started(Process process, Path output) {

        public String text() {
            try {
                return Files.readString(output);
            }
            catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** Waits until something has come about, as long as the process lives. */
        public void until(BooleanSupplier cameAbout) throws InterruptedException {
            while (!cameAbout.getAsBoolean()) {
                if (!process.isAlive()) {
                    throw new AssertionError("ended too early: " + text());
                }
                Thread.sleep(20);
            }
        }

        /** Waits for the end, two minutes at most. */
        public Ended end() {
            try {
                if (!process.waitFor(2, TimeUnit.MINUTES)) {
                    process.destroyForcibly();
                    throw new AssertionError("still running after two minutes: " + text());
                }
                return new Ended(process.exitValue(), text());
            }
            catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    public record Ended(int exitCode, String text) {
    }

    public Started start() {
        try {
            List<String> command = new ArrayList<>(
                    List.of(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java"));
            command.addAll(jvmOptions);
            command.addAll(List.of("-jar", System.getProperty("wx.jar")));
            command.addAll(arguments);
            Path output = Files.createTempFile(folder, "output", ".txt");
            ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
            builder.environment().keySet().removeIf(name -> name.startsWith("WX_") || name.startsWith("SPRING_"));
            builder.environment().putAll(environment);
            return new Started(builder.start(), output);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public Ended run() {
        return start().end();
    }
}
