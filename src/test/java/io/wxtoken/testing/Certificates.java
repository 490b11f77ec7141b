package io.wxtoken.testing;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** Makes an authority, and certificates that it signs, with keytool. */
public final class Certificates {

    public static final char[] PASSWORD = "changeit".toCharArray();

    private final Path folder;

    public Certificates(Path folder) {
        this.folder = folder;
        keytool("authority", "-ext", "bc:c");
        try {
            KeyStore trusted = newStore();
            trusted.setCertificateEntry("authority", keys().getCertificate("authority"));
            try (OutputStream out = Files.newOutputStream(trusted())) {
                trusted.store(out, PASSWORD);
            }
        }
        catch (GeneralSecurityException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A PKCS12 store that trusts the authority, and nobody else. */
    public Path trusted() {
        return folder.resolve("trusted.p12");
    }

    /**
     * @param options of keytool's -genkeypair; "-signer authority" among them, else it is
     * signed by itself
     */
    public void keytool(String alias, String... options) {
        List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/keytool", "-genkeypair",
                "-alias", alias, "-dname", "CN=" + alias, "-keyalg", "EC", "-keystore",
                folder.resolve("keys.p12").toString(), "-storepass", new String(PASSWORD)));
        command.addAll(List.of(options));
        try {
            Process keytool = new ProcessBuilder(command).redirectErrorStream(true).start();
            String text = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (keytool.onExit().join().exitValue() != 0) {
                throw new IllegalStateException(text);
            }
        }
        catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A store with that key alone. */
    public KeyStore key(String alias) throws GeneralSecurityException, IOException {
        KeyStore key = newStore();
        key.setKeyEntry(alias, keys().getKey(alias, PASSWORD), PASSWORD, keys().getCertificateChain(alias));
        return key;
    }

    /** What a server speaks TLS with, as the alias. */
    public SSLContext tls(String alias) {
        try {
            KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            managers.init(key(alias), PASSWORD);
            SSLContext tls = SSLContext.getInstance("TLS");
            tls.init(managers.getKeyManagers(), null, null);
            return tls;
        }
        catch (GeneralSecurityException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * The key as a server reads it, and its chain beside it, as .pem files named after
     * the alias.
     */
    public void writePem(String alias) throws GeneralSecurityException, IOException {
        Files.writeString(folder.resolve(alias + "-key.pem"),
                pem("PRIVATE KEY", keys().getKey(alias, PASSWORD).getEncoded()));
        StringBuilder chain = new StringBuilder();
        for (Certificate certificate : keys().getCertificateChain(alias)) {
            chain.append(pem("CERTIFICATE", certificate.getEncoded()));
        }
        Files.writeString(folder.resolve(alias + "-cert.pem"), chain);
    }

    private static String pem(String what, byte[] der) {
        return "-----BEGIN " + what + "-----\n" + Base64.getMimeEncoder(64, new byte[] { '\n' }).encodeToString(der)
                + "\n-----END " + what + "-----\n";
    }

    private KeyStore keys() throws GeneralSecurityException, IOException {
        return KeyStore.getInstance(folder.resolve("keys.p12").toFile(), PASSWORD);
    }

    private static KeyStore newStore() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, PASSWORD);
        return store;
    }

}
