package io.wxtoken.token;

import java.time.Duration;
import java.util.Optional;

import javax.sql.DataSource;

import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * The protocol without its claim, as most programs do it: they fetch, and then write if
 * the row is still what was read.
 */
public final class OptimisticUpdateOnly extends TokenRepository {

    private final JdbcClient jdbc;

    public OptimisticUpdateOnly(DataSource dataSource) {
        super(dataSource);
        this.jdbc = JdbcClient.create(dataSource);
    }

    @Override
    public Optional<Claim> claim(TokenRow seen, String run, Duration lease) {
        return Optional.of(new Claim(seen, seen.version(), run));
    }

    @Override
    public boolean publish(Claim claim, String appId, FetchedValue fetched, long notAgainFor) {
        return jdbc.sql("""
                UPDATE wx_token SET `value` = ?, expire = UNIX_TIMESTAMP(), expires_at = UNIX_TIMESTAMP() + ?,
                       app_id = ?, fingerprint = ?, version = version + 1
                 WHERE id = ? AND version = ? AND `value` = ?
                """)
            .params(fetched.value(), fetched.timeLeft(), appId, Fingerprint.of(fetched.value()), claim.seen().id(),
                    claim.version(), claim.seen().value())
            .update() == 1;
    }

    @Override
    public void requestAfterFence(int id) {
        // a program without a claim does not know that there is anything to report
    }

}
