package io.wxtoken.outside;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

import io.wxtoken.ExitCode;
import io.wxtoken.fixtures.H2FileFixture;
import io.wxtoken.standin.StandIn;

/**
 * Files and folders that the job's user may not read: processes without root's rights.
 */
@DisabledOnOs(OS.WINDOWS)
class UnreadableFilesProof extends H2FileFixture {

    @Test
    void eachIsNamedWithTheUserAndTheRightThatIsMissing() throws IOException {
        String user = System.getProperty("user.name");
        Path config = Files.createDirectories(folder.resolve("config"));
        Path yaml = Files.writeString(config.resolve("application.yml"), "");
        Path secrets = Files.createDirectories(folder.resolve("mounted"));
        Path secret = Files.writeString(secrets.resolve("wx.app-secret"), StandIn.SECRET);
        Path other = Files.writeString(secrets.resolve("other"), "not used");
        program.obeyingPermissions().with("WX_SECRETS", "mounted");
        withoutRights(yaml, "wx-token: config/application.yml can't be read by the user " + user
                + ": give this user the right to read it, and to enter its folder");
        withoutRights(config, "wx-token: config can't be read by the user " + user
                + ": give this user the right to list this folder and to enter it");
        withoutRights(secrets, "wx-token: mounted can't be read by the user " + user);
        withoutRights(secret, "mounted/wx.app-secret can't be read by the user " + user + ": give this user the right");
        program.with("SPRING_PROFILES_ACTIVE", "p"); // Spring Boot reads the files itself
        withoutRights(yaml, "wx-token: config/application.yml can't be read by the user " + user);
        withoutRights(config, "wx-token: config can't be read by the user " + user);
        withoutRights(secret, "mounted/wx.app-secret can't be read by the user " + user + ": give this user the right");
        Files.setPosixFilePermissions(other, Set.of());
        ends(program.start(), ExitCode.OK, "2 refreshed");
    }

    private void withoutRights(Path path, String says) throws IOException {
        Set<PosixFilePermission> rights = Files.getPosixFilePermissions(path);
        Files.setPosixFilePermissions(path, Set.of());
        assertThat(ends(program.start(), ExitCode.ACT, says).text().lines()).hasSize(1);
        assertThat(weChat.requests()).isZero();
        assertThat(folder.resolve("data")).doesNotExist();
        Files.setPosixFilePermissions(path, rights);
    }

}
