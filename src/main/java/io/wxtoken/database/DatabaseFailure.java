package io.wxtoken.database;

import java.io.EOFException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import javax.net.ssl.SSLException;

import com.mysql.cj.exceptions.SSLParamsException;
import com.mysql.cj.exceptions.UnableToConnectException;
import com.mysql.cj.jdbc.exceptions.PacketTooBigException;
import org.flywaydb.core.api.FlywayException;
import org.springframework.dao.DataAccessException;

import io.wxtoken.ExitCode;

/**
 * What a failure of the database means to an operator.
 *
 * @param text what is wrong and what to do, on one line, without secrets
 */
public record DatabaseFailure(ExitCode exitCode, String text) {

    /** H2's code for "Database may be already in use". */
    private static final int H2_IN_USE = 90020;

    /**
     * Why there is no connection, by a cause that the driver hides behind words like
     * "Communications link failure". The first row that fits counts, so a row stands
     * before those that would fit as well.
     */
    private static final List<ConnectionProblem> CONNECTION_PROBLEMS = List.of(
            new ConnectionProblem(SSLParamsException.class, "",
                    "TLS can't be set up (%s): check the trust store's file, type and password in"
                            + " spring.datasource.url (docs/install.md: TLS to the database)"),
            new ConnectionProblem(CertificateExpiredException.class, "",
                    "TLS failed, as the server's certificate has expired (%s): renew it, or correct this machine's"
                            + " clock"),
            new ConnectionProblem(CertificateNotYetValidException.class, "",
                    "TLS failed, as the server's certificate is not valid yet (%s): correct this machine's clock, or"
                            + " wait"),
            new ConnectionProblem(CertificateException.class, "identity verification failed",
                    "TLS failed, as the server's certificate is for another name (%s): write the host in"
                            + " spring.datasource.url as the certificate does; if it names no host, as the one that"
                            + " MySQL makes for itself, set sslMode=VERIFY_CA"),
            new ConnectionProblem(GeneralSecurityException.class, "",
                    "TLS failed, as the server's certificate is not trusted (%s): add its authority to a trust store,"
                            + " and name that in spring.datasource.url (docs/install.md: TLS to the database); for the"
                            + " certificate that MySQL makes for itself, which names no host, set sslMode=VERIFY_CA,"
                            + " too"),
            new ConnectionProblem(SSLException.class, "",
                    "TLS failed (%s): Java refuses a server that has no TLS newer than 1.1, such as MySQL 5.7 or"
                            + " MariaDB 10.2; upgrade it, or set sslMode=DISABLED on a network that you trust"),
            new ConnectionProblem(UnableToConnectException.class, "SSL Connection required",
                    "the server has no TLS, and sslMode requires it: give the server a certificate, or set"
                            + " sslMode=DISABLED on a network that you trust"),
            new ConnectionProblem(UnableToConnectException.class, "Public Key Retrieval is not allowed",
                    "the server takes this user's password over TLS, or encrypted with its public key (%s): set"
                            + " sslMode=REQUIRED or a stricter one, or add allowPublicKeyRetrieval=true to"
                            + " spring.datasource.url on a network that you trust"),
            new ConnectionProblem(UnableToConnectException.class, "Unsupported protocol version",
                    "no MySQL server, or another port of one, answers there (%s): correct the host and the port in"
                            + " spring.datasource.url"),
            // before the handshake the driver's limit is 65,535, which no server can have
            new ConnectionProblem(PacketTooBigException.class, "> 65.535\\)",
                    "what answers there is no MySQL server: correct the host and the port in spring.datasource.url"),
            new ConnectionProblem(UnknownHostException.class, "",
                    "the host is unknown (%s): correct it in spring.datasource.url, or check this machine's DNS"),
            new ConnectionProblem(ConnectException.class, "refused",
                    "nothing listens on that port (%s): start the server, or correct the host and the port in"
                            + " spring.datasource.url; a firewall may refuse, too"),
            new ConnectionProblem(SocketTimeoutException.class, "(?i)connect timed out",
                    "no answer within connectTimeout (%s): check that the host and the port in spring.datasource.url"
                            + " are right, that the machine is up, and that no firewall is between"),
            new ConnectionProblem(SocketTimeoutException.class, "",
                    "no answer within socketTimeout (%s): the server hangs, or another session has locked the table"
                            + " (SHOW PROCESSLIST), or no MySQL server listens on that port"),
            new ConnectionProblem(SocketException.class, "(?i)route|unreachable|timed out",
                    "no way leads to that host (%s): check the host in spring.datasource.url, the network and the"
                            + " firewall"),
            new ConnectionProblem(SocketException.class, "",
                    "the connection was cut (%s): check whether the server was stopped, and what is between, such as"
                            + " a firewall or a proxy"),
            new ConnectionProblem(EOFException.class, "",
                    "the other end closed the connection (%s): check whether the server was stopped, what is between,"
                            + " such as a proxy, and that a MySQL server listens on that port"));

    /** What the codes of a server mean that lets nobody in, or not this user. */
    private static final Map<Integer, String> REFUSALS = Map.of(1049,
            "does not exist: create it, or correct spring.datasource.url", 1040,
            "has no connection left: raise max_connections there, or end idle sessions (SHOW PROCESSLIST)", 1203,
            "allows this user no more connections: raise max_user_connections, or lower wx.refresh.concurrency", 1226,
            "allows this user no more connections: raise max_user_connections, or lower wx.refresh.concurrency", 1129,
            "blocks this machine after too many broken connections: run FLUSH HOSTS there (from MySQL 8.4 on TRUNCATE"
                    + " TABLE performance_schema.host_cache), and find out what breaks them",
            1130, "has no user for this machine: create the user for this machine's address, or for '%'");

    /**
     * A row of {@link #CONNECTION_PROBLEMS}.
     *
     * @param cause the exception among the causes
     * @param words a pattern that is found in its message
     * @param text what is wrong and what to do; %s stands for the message
     */
    private record ConnectionProblem(Class<? extends Throwable> cause, String words, String text) {

        Optional<String> in(Throwable failure) {
            return causes(failure)
                .filter(e -> cause.isInstance(e) && Pattern.compile(words).matcher(firstLine(e)).find())
                .reduce((outer, inner) -> inner)
                .map(e -> text.formatted(firstLine(e)));
        }
    }

    /**
     * @param failure the exception, or one that was caused by it
     * @param url the configured URL, for the text
     * @return empty when the failure is not the database's
     */
    public static Optional<DatabaseFailure> of(Throwable failure, String url) {
        // The innermost SQLException has the driver's own words.
        return causes(failure).filter(SQLException.class::isInstance)
            .map(SQLException.class::cast)
            .reduce((outer, inner) -> inner)
            .map(e -> new DatabaseFailure(DatabaseErrors.lostAConflict(e) || DatabaseErrors.waitedForALock(e)
                    ? ExitCode.RETRY : ExitCode.DATABASE, text(e, withoutSecrets(url))))
            .or(() -> causes(failure).filter(e -> e instanceof DataAccessException || e instanceof FlywayException)
                .findFirst()
                .map(e -> new DatabaseFailure(ExitCode.DATABASE,
                        "the database at " + withoutSecrets(url) + " failed: " + firstLine(e))));
    }

    private static String text(SQLException e, String url) {
        String database = "the database at " + url.replaceFirst("^(jdbc:mysql://[^/:,()]+)/", "$1:3306/");
        String state = String.valueOf(e.getSQLState());
        String detail = " (" + firstLine(e) + ")";
        Optional<String> known = replicationProblem(e)
            .or(() -> connectionProblem(e).map(problem -> "can't reach " + database + ": " + problem));
        if (known.isPresent()) {
            return known.get();
        }
        if (e.getErrorCode() == H2_IN_USE) {
            return "another process has the H2 file of " + url
                    + " open: wait for it, or use MySQL (spring.datasource.url), which several nodes can share";
        }
        if (REFUSALS.containsKey(e.getErrorCode())) {
            return database + " " + REFUSALS.get(e.getErrorCode()) + detail;
        }
        if (DatabaseErrors.waitedForALock(e)) {
            return "another session has locked the row and does not commit, probably an application that requested a"
                    + " refresh: let it commit, or use autocommit. SELECT * FROM information_schema.innodb_trx (as a"
                    + " user with the right PROCESS) names the session in trx_mysql_thread_id, and KILL ends it; the"
                    + " next run tries again" + detail;
        }
        if (state.startsWith("08")) {
            return "can't reach " + database
                    + ", or it does not answer: check spring.datasource.url, the server and the network" + detail;
        }
        if (state.startsWith("28") || DatabaseErrors.denies(e)) {
            return database + " refuses: check spring.datasource.username, .password and the user's grants" + detail
                    + (state.startsWith("28") ? "; a user made with REQUIRE SSL needs TLS, too" : "");
        }
        if (state.startsWith("42S")) {
            return database + " lacks a table or a column" + detail
                    + ": restore it from a backup; or, when wx_token as a whole is gone,"
                    + " drop wx_token_schema_history, and the next run makes the table again";
        }
        return database + " failed: " + firstLine(e) + " (SQLState " + state + ", code " + e.getErrorCode() + ")";
    }

    /** What is wrong with a replicated server, and what to do; empty for other errors. */
    private static Optional<String> replicationProblem(Throwable e) {
        String detail = " ("
                + String.valueOf(DatabaseErrors.innermostSqlException(e).getMessage()).lines().findFirst().orElse("")
                + ")";
        if (DatabaseErrors.innermostSqlException(e) instanceof UnusableServerException) {
            return Optional.of("no server of spring.datasource.url takes writes" + detail + ": "
                    + (detail.contains("can't be reached") ? "check the servers and the network, or " : "")
                    + "name a server that does, or all servers, as in jdbc:mysql://db1,db2,db3/wx");
        }
        if (DatabaseErrors.lostAConflict(e)) {
            return Optional
                .of("the statement lost each conflict with others on its row" + detail + ": the next run tries again");
        }
        if (DatabaseErrors.hasCode(e, DatabaseErrors.NOT_IN_THE_MAJORITY)) {
            return Optional.of("this server is not part of the majority of its cluster" + detail
                    + ": bring it back, or name all members, as in jdbc:mysql://db1,db2,db3/wx");
        }
        return DatabaseErrors.takesNoWrites(e) ? Optional.of("this server is read-only" + detail
                + ": name a server that takes writes in spring.datasource.url, or all servers, as in"
                + " jdbc:mysql://db1,db2,db3/wx") : Optional.empty();
    }

    /**
     * Why there is no connection to the server, and what to do, by
     * {@link #CONNECTION_PROBLEMS}; empty for other failures.
     */
    static Optional<String> connectionProblem(Throwable e) {
        return CONNECTION_PROBLEMS.stream().flatMap(problem -> problem.in(e).stream()).findFirst();
    }

    /**
     * Removes the password from a JDBC URL, which may carry it before the host or among
     * its properties.
     */
    public static String withoutSecrets(String url) {
        return url.replaceAll("[?;].*", "")
            .replaceAll("//[^/]*@", "//")
            .replaceAll("(?i)(password\\s*=)[^,)&]*", "$1***");
    }

    /** The exception and its causes, the innermost last. */
    public static Stream<Throwable> causes(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause).limit(50);
    }

    /**
     * The first line of an exception's text, without the statement that H2 adds in the
     * next line, and without names of classes and the driver's words around a server's.
     */
    public static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage())
            .lines()
            .map(String::strip)
            .filter(line -> !line.isEmpty())
            .findFirst()
            .orElse("")
            .replaceAll("; SQL statement:|([a-z]\\w*\\.)+\\w+Exception: ", "")
            .replaceFirst(".*  message from server: \"(.*)\"", "$1");
    }
}
