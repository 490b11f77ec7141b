package io.wxtoken.job;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

import javax.sql.DataSource;

import org.springframework.batch.core.configuration.support.JdbcDefaultBatchConfiguration;
import org.springframework.batch.infrastructure.item.database.support.DataFieldMaxValueIncrementerFactory;
import org.springframework.batch.infrastructure.item.database.support.DefaultDataFieldMaxValueIncrementerFactory;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.jdbc.support.incrementer.AbstractDataFieldMaxValueIncrementer;
import org.springframework.jdbc.support.incrementer.DataFieldMaxValueIncrementer;
import org.springframework.transaction.annotation.Isolation;

/** Spring Batch's repository in the same database, so that a node that is frozen anywhere holds no lock that others wait for. */
@Configuration(proxyBeanMethods = false)
class BatchConfiguration extends JdbcDefaultBatchConfiguration {

    /** The default, SERIALIZABLE, deadlocks on MySQL when nodes start at the same second. */
    @Override
    protected Isolation getIsolationLevelForCreate() {
        return Isolation.READ_COMMITTED;
    }

    @Override
    protected DataFieldMaxValueIncrementerFactory getIncrementerFactory() {
        return new DefaultDataFieldMaxValueIncrementerFactory(getDataSource()) {

            @Override
            public DataFieldMaxValueIncrementer getIncrementer(String databaseType, String incrementerName) {
                return databaseType.equals("MYSQL") || databaseType.equals("MARIADB") ? new AutocommitIncrementer(getDataSource(), incrementerName)
                        : super.getIncrementer(databaseType, incrementerName);
            }
        };
    }

    /**
     * The next id from one of MySQL's sequence tables. Spring's own ({@code MySQLMaxValueIncrementer}) keeps the row locked in
     * a transaction from the UPDATE to the COMMIT: a node that is frozen between them would stop all runs on all nodes.
     */
    private static final class AutocommitIncrementer extends AbstractDataFieldMaxValueIncrementer {

        AutocommitIncrementer(DataSource dataSource, String incrementerName) {
            super(dataSource, incrementerName);
        }

        /** Over a connection of its own: the caller's is in a transaction. */
        @Override
        protected long getNextKey() {
            try (Connection connection = getDataSource().getConnection(); Statement statement = connection.createStatement()) {
                statement.executeUpdate("UPDATE " + getIncrementerName() + " SET ID = LAST_INSERT_ID(ID + 1)");
                try (ResultSet id = statement.executeQuery("SELECT LAST_INSERT_ID()")) {
                    id.next();
                    return id.getLong(1);
                }
            }
            catch (SQLException e) {
                throw new DataAccessResourceFailureException("no id from " + getIncrementerName(), e);
            }
        }
    }
}
