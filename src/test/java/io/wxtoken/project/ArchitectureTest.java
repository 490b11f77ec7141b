package io.wxtoken.project;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

import io.wxtoken.token.Authorizers;
import io.wxtoken.token.DueQuery;
import io.wxtoken.token.TokenRepository;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.ConnectionSettings;
import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.HttpProxy;
import io.wxtoken.wechat.Lifetimes;
import io.wxtoken.wechat.Route;
import io.wxtoken.wechat.Ticket;

/**
 * Checks which packages each package may depend on (docs/design.md draws it), and what
 * the sources look like.
 */
class ArchitectureTest {

    private static final int LONGEST_LINE = 120;

    private static final Pattern SQL_ON_THE_ROWS = Pattern.compile("(FROM|UPDATE|INTO|TABLE)\\s+wx_token\\b");

    private static final JavaClasses PROGRAM = new ClassFileImporter()
        .withImportOption(new ImportOption.DoNotIncludeTests())
        .importPackages("io.wxtoken");

    @Test
    void noPackagesKnowEachOtherInACircle() {
        slices().matching("io.wxtoken.(*)..").should().beFreeOfCycles().check(PROGRAM);
    }

    @Test
    void theSharedPackageDependsOnNoOther() {
        noClasses().that()
            .resideInAPackage("io.wxtoken")
            .should()
            .dependOnClassesThat(resideInAPackage("io.wxtoken.*.."))
            .check(PROGRAM);
    }

    @Test
    void wechatKnowsNoOtherPackage() {
        noClasses().that()
            .resideInAPackage("..wechat..")
            .should()
            .dependOnClassesThat(resideInAPackage("io.wxtoken.*..").and(not(resideInAPackage("..wechat.."))))
            .check(PROGRAM);
    }

    @Test
    void wechatAloneTalksToWeChatAndReadsItsJson() {
        noClasses().that()
            .resideOutsideOfPackage("..wechat..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("java.net.http")
            .orShould()
            .dependOnClassesThat()
            .haveSimpleName("JsonParser")
            .check(PROGRAM);
    }

    @Test
    void settingsKnowsValuesOfWeChatsAndNothingElse() {
        noClasses().that()
            .resideInAPackage("..settings..")
            .should()
            .dependOnClassesThat(resideInAPackage("io.wxtoken.*..").and(not(resideInAPackage("..settings..")))
                .and(not(belongToAnyOf(Account.class, Endpoint.class, Ticket.class, Lifetimes.class,
                        ConnectionSettings.class, Route.class, HttpProxy.class))))
            .check(PROGRAM);
    }

    @Test
    void tokenKnowsNeitherSpringNorTheCommandLine() {
        noClasses().that()
            .resideInAPackage("..token..")
            .should()
            .dependOnClassesThat(resideInAnyPackage("picocli..", "..cli..", "..job..", "..metrics..", "..mirror..",
                    "..history..", "..status.."))
            .orShould()
            .dependOnClassesThat(
                    resideInAPackage("org.springframework..").and(not(resideInAPackage("org.springframework.dao.."))
                        .and(not(resideInAPackage("org.springframework.jdbc..")))))
            .check(PROGRAM);
        noClasses().that()
            .resideInAPackage("..token..")
            .and(not(belongToAnyOf(TokenRepository.class, DueQuery.class, Authorizers.class)))
            .should()
            .dependOnClassesThat(resideInAnyPackage("org.springframework.jdbc..", "java.sql.."))
            .check(PROGRAM);
    }

    @Test
    void theRepositoryHoldsTheStatementsOnTheRowsAndTheDueQueryItsCondition() {
        List<String> those = sources("src/main/java").filter(file -> SQL_ON_THE_ROWS.matcher(read(file)).find())
            .map(file -> file.getFileName().toString())
            .filter(name -> !List.of("TokenRepository.java", "DueQuery.java").contains(name))
            .toList();
        assertThat(those).as("these make or check the schema, and change no row")
            .containsOnly("Schema.java", "Servers.java");
    }

    @Test
    void everyPackageHasADescription() {
        assertThat(sources("src/main/java").map(Path::getParent)
            .distinct()
            .filter(folder -> !Files.exists(folder.resolve("package-info.java")))).isEmpty();
    }

    @Test
    void noLineIsLongerThanAScreenIsWide() {
        assertThat(Stream.of("src/main/java", "src/test/java", "src/proof/java", "src/bench/java")
            .flatMap(ArchitectureTest::sources)
            .flatMap(file -> read(file).lines()
                .filter(line -> line.length() > LONGEST_LINE)
                .map(line -> file + ": " + line.strip())))
            .isEmpty();
    }

    private static Stream<Path> sources(String folder) {
        try (Stream<Path> files = Files.walk(Path.of(folder))) {
            return files.filter(file -> file.toString().endsWith(".java")).toList().stream();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

}
