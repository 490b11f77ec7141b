package io.wxtoken.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.springframework.util.FileSystemUtils;

import io.wxtoken.cli.Main;
import io.wxtoken.standin.StandIn;

/**
 * Starts the built program as a process, as a scheduler would: in a folder of its own,
 * with settings in its environment, and with the launcher's flags and class-data archive.
 */
public final class Program {

    private static final String JAVA = System.getProperty("java.home") + File.separator + "bin" + File.separator
            + "java";

    private static final Path ARCHIVE = Path.of(System.getProperty("wx.archive"));

    /** The archive's name and its folder's: wx-token-, and the version. */
    public static final String RELEASE = ARCHIVE.getFileName().toString().replace(".tar.gz", "");

    private static final Pattern LAUNCHER_FLAGS = Pattern.compile("\\nflags=\"([^\"]*)\"");

    private static final String JAR = "wx-token.jar";

    /** JUnit would warn of each link in a temporary folder that it deletes. */
    private static final Logger FOLDERS = Logger
        .getLogger("org.junit.jupiter.engine.extension.TempDirectory$CloseablePath");

    static {
        FOLDERS.setLevel(Level.SEVERE);
    }

    private static Path installed;

    private final Path folder;

    private List<String> program;

    private final Map<String, String> environment = new HashMap<>();

    private final List<String> starter = new ArrayList<>();

    private final List<String> jvmOptions = new ArrayList<>();

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

    /**
     * Writes a config/application.yml with so many accounts of the stand-in, which want
     * no tickets.
     */
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

    /** Adds a configuration class of the tests to the program's own. */
    public Program with(Class<?> configuration) {
        program = List.of(archived(), "-cp", linked(JAR) + File.pathSeparator + ARCHIVE.resolveSibling("test-classes"),
                Main.class.getName());
        return with("SPRING_MAIN_SOURCES", configuration.getName());
    }

    /**
     * Makes files' permissions count, as they do not for root, who may run the tests.
     */
    public Program obeyingPermissions() {
        if (System.getProperty("user.name").equals("root")) {
            starter.addAll(List.of("setpriv", "--bounding-set=-dac_override,-dac_read_search"));
        }
        return this;
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
            if (program == null) {
                program = List.of(archived(), "-jar", linked(JAR));
            }
            List<String> command = new ArrayList<>(starter);
            command.add(JAVA);
            command.addAll(launcherFlags(installed()));
            command.addAll(jvmOptions);
            command.addAll(program);
            command.addAll(arguments);
            Path output = Files.createTempFile(folder, "output", ".txt");
            ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
            builder.environment().keySet().removeIf(Program::isASetting);
            builder.environment().putAll(environment);
            return new Started(builder.start(), output);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether the program reads this environment variable. */
    private static boolean isASetting(String name) {
        return name.startsWith("WX_") || name.startsWith("SPRING_") || name.toLowerCase(Locale.ROOT).endsWith("_proxy");
    }

    public Ended run() {
        return start().end();
    }

    /** Unpacks the program, so that the first start takes no longer than others. */
    public static void install() {
        installed();
    }

    /**
     * The jar in the unpacked archive, with the launcher, config and libraries beside it.
     */
    public static synchronized Path installed() {
        if (installed == null) {
            Path target = ARCHIVE.resolveSibling("installed");
            Path jar = target.resolve(RELEASE).resolve(JAR);
            // The tests' JVMs share it, and the first one unpacks it.
            try (FileChannel lock = FileChannel.open(ARCHIVE.resolveSibling("installed.lock"),
                    StandardOpenOption.CREATE, StandardOpenOption.WRITE); FileLock held = lock.lock()) {
                if (!Files.exists(jar)
                        || Files.getLastModifiedTime(target).compareTo(Files.getLastModifiedTime(ARCHIVE)) < 0) {
                    FileSystemUtils.deleteRecursively(target);
                    Files.createDirectories(target);
                    unpack(target);
                    if (File.separatorChar == '/') {
                        execute(launcher(jar, "archive"));
                    }
                }
            }
            catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            installed = jar;
        }
        return installed;
    }

    /** The flags that the launcher beside this jar starts the JVM with. */
    public static List<String> launcherFlags(Path jar) {
        try {
            Matcher flags = LAUNCHER_FLAGS.matcher(Files.readString(jar.resolveSibling("wx-token")));
            if (!flags.find()) {
                throw new IllegalStateException("the launcher sets no flags");
            }
            return List.of(flags.group(1).trim().split("\\s+"));
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Unpacks the archive there.
     * @return the folder with the program
     */
    public static Path unpack(Path folder) throws IOException {
        execute(new ProcessBuilder("tar", "-xzf", ARCHIVE.toString(), "-C", folder.toString()));
        return folder.resolve(RELEASE);
    }

    /** The launcher, as an operator starts it, with the tests' JVM. */
    public static ProcessBuilder launcher(Path jar, String... arguments) {
        List<String> command = new ArrayList<>(List.of(jar.resolveSibling("wx-token").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(Program::isASetting);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        return builder;
    }

    /**
     * Makes the jar and its libraries appear in the folder: the JVM takes the class-data
     * archive only for a class path with the same names, and the launcher's is relative.
     */
    private String linked(String name) {
        for (String each : List.of(name, "lib")) {
            Path link = folder.resolve(each);
            if (!Files.isSymbolicLink(link)) {
                try {
                    Files.createSymbolicLink(link, installed().resolveSibling(each));
                }
                catch (FileAlreadyExistsException anotherThreadMadeIt) {
                    // It is the same link.
                }
                catch (IOException | UnsupportedOperationException noLinks) {
                    // The program starts without the archive.
                    return installed().toString();
                }
            }
        }
        return name;
    }

    /** The class-data archive that the launcher made. */
    private static String archived() {
        try (Stream<Path> files = Files.list(Files.createDirectories(installed().resolveSibling("cache")))) {
            return "-XX:SharedArchiveFile="
                    + files.filter(file -> file.toString().endsWith(".jsa")).findFirst().orElse(Path.of("none"));
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void execute(ProcessBuilder builder) throws IOException {
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.onExit().join().exitValue() != 0) {
            throw new IllegalStateException(builder.command() + ": " + output);
        }
    }

}
