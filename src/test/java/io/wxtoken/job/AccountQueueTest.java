package io.wxtoken.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import io.wxtoken.token.RowKey;
import io.wxtoken.token.TokenRow;
import io.wxtoken.wechat.Account;
import io.wxtoken.wechat.Endpoint;

/** Each account is handed out once, with rows that were read a moment before. */
class AccountQueueTest {

    private final AtomicLong nanos = new AtomicLong();

    /** How many rows each statement read. */
    private final List<Integer> reads = new ArrayList<>();

    private boolean failing;

    private AccountQueue queue(int accounts) {
        List<Account> all = IntStream.range(0, accounts)
            .mapToObj(i -> new Account("wx" + i, "s", Endpoint.TOKEN, List.of(), false))
            .toList();
        Map<RowKey, TokenRow> rows = new HashMap<>();
        all.forEach(account -> rows.put(RowKey.token(account), null));
        return new AccountQueue(all, rows, seen -> {
            reads.add(seen.size());
            if (failing) {
                throw new IllegalStateException("the database is gone");
            }
            return seen;
        }, nanos::get, nanos.get());
    }

    @Test
    void eachAccountIsHandedOutOnceAndAllButTheFirstFiftyAreReadAgain() {
        AccountQueue queue = queue(120);
        Set<String> seen = new HashSet<>();
        for (AccountQueue.Next next = queue.next(); next != null; next = queue.next()) {
            assertThat(seen.add(next.account().appId())).isTrue();
        }
        assertThat(seen).hasSize(120);
        assertThat(reads).containsExactly(50, 20);
    }

    @Test
    void anAccountThatWaitedBehindSlowOnesIsReadAgain() {
        AccountQueue queue = queue(10);
        queue.next();
        nanos.addAndGet(Duration.ofSeconds(5).toNanos());
        queue.next();
        assertThat(reads).isEmpty();
        nanos.addAndGet(1);
        queue.next();
        queue.next();
        assertThat(reads).containsExactly(8);
    }

    @Test
    void rowsThatCanNotBeReadFailTheirAccountsAndNoOthers() {
        AccountQueue queue = queue(101);
        for (int i = 0; i < 50; i++) {
            assertThat(queue.next().failure()).isNull();
        }
        failing = true;
        for (int i = 0; i < 50; i++) {
            assertThat(queue.next().failure()).hasMessage("the database is gone");
        }
        failing = false;
        assertThat(queue.next().failure()).isNull();
        assertThat(queue.next()).isNull();
    }

}
