package io.wxtoken.settings;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.springframework.boot.context.properties.bind.BindContext;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.BindHandler;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.bind.PlaceholdersResolver;
import org.springframework.boot.context.properties.bind.PropertySourcesPlaceholdersResolver;
import org.springframework.boot.context.properties.bind.UnboundConfigurationPropertiesException;
import org.springframework.boot.context.properties.bind.handler.NoUnboundElementsBindHandler;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName.Form;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.ConfigurationPropertyState;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.boot.context.properties.source.UnboundElementsSourceFilter;
import org.springframework.boot.support.SpringApplicationJsonEnvironmentPostProcessor;
import org.springframework.core.ResolvableType;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.Environment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.PropertySource;
import org.springframework.core.env.SimpleCommandLinePropertySource;
import org.springframework.core.env.StandardEnvironment;

import io.wxtoken.wechat.Endpoint;
import io.wxtoken.wechat.Ticket;

/**
 * Reads and checks the settings. This needs an {@link Environment} and no application
 * context, so a wrong setting is reported before the database is touched.
 */
public final class Settings {

    private static final ConfigurationPropertyName ACCOUNTS = ConfigurationPropertyName.of("wx.accounts");

    static final String LOG_FORMAT = "logging.structured.format.console";

    private Settings() {
    }

    /**
     * Reads the configuration as Spring Boot does: the jar's file, files in ./config,
     * files with secrets, the environment, and these arguments.
     * @param folder the working directory, with the files
     * @param arguments {@code --name.of.it=value}
     */
    public static ConfigurableEnvironment environment(Path folder, String... arguments) {
        ConfigurableEnvironment environment = new StandardEnvironment();
        if (arguments.length > 0) {
            environment.getPropertySources().addFirst(new SimpleCommandLinePropertySource(arguments));
        }
        if (environment.containsProperty(SpringApplicationJsonEnvironmentPostProcessor.SPRING_APPLICATION_JSON_PROPERTY)
                || environment.containsProperty(
                        SpringApplicationJsonEnvironmentPostProcessor.SPRING_APPLICATION_JSON_ENVIRONMENT_VARIABLE)) {
            new SpringApplicationJsonEnvironmentPostProcessor().postProcessEnvironment(environment, null);
        }
        new ConfigFiles(environment, folder).load();
        // otherwise each binder would index all names anew, which takes longer with each
        // account
        ConfigurationPropertySources.attach(environment);
        return environment;
    }

    /**
     * Reads the settings.
     * @throws InvalidSettingsException when a setting is missing, wrong or unknown
     */
    public static WxProperties read(ConfigurableEnvironment environment) {
        return read(environment, true, true);
    }

    /**
     * Reads the settings for a command that needs only the database: accounts and their
     * secrets may be missing.
     */
    public static WxProperties readWithoutSecrets(ConfigurableEnvironment environment) {
        return read(environment, false, true);
    }

    /**
     * Reads the settings for a command that needs only WeChat: the database's URL may be
     * missing.
     */
    public static WxProperties readWithoutDatabase(ConfigurableEnvironment environment) {
        return read(environment, true, false);
    }

    private static WxProperties read(ConfigurableEnvironment environment, boolean needsSecrets, boolean needsDatabase) {
        List<String> problems = misspelt(environment);
        WxProperties properties = null;
        try {
            properties = bind(environment);
        }
        catch (BindException e) {
            problems.addAll(problems(e));
        }
        // a misspelt setting would be reported as missing, too
        if (problems.isEmpty()) {
            SettingsRules rules = new SettingsRules(properties);
            problems.addAll(rules.problems(needsSecrets));
            problems.addAll(SettingsRules.problems(environment, needsDatabase));
        }
        if (!problems.isEmpty()) {
            throw new InvalidSettingsException(problems);
        }
        return properties;
    }

    private static List<String> misspelt(ConfigurableEnvironment environment) {
        FileSpelling files = new FileSpelling(environment);
        List<String> problems = files.problems();
        problems.addAll(EnvironmentSpelling.problems(variables(environment), files::isPlaceholder));
        problems.addAll(ConfigFiles.unreadableSecrets(environment, files::isUsed));
        return problems;
    }

    private static Set<String> variables(ConfigurableEnvironment environment) {
        return environment.getPropertySources()
            .get(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME) instanceof MapPropertySource variables
                    ? variables.getSource().keySet() : Set.of();
    }

    /** The configured JDBC URL; empty when it is not set. */
    public static String databaseUrl(Environment environment) {
        return text(environment, "spring.datasource.url");
    }

    /**
     * Returns a setting's text, empty when it is not set. A placeholder that nothing
     * fills stays in it. It never throws.
     */
    public static String text(Environment environment, String name) {
        try {
            return Binder.get(environment).bind(name, String.class).orElse("");
        }
        catch (BindException placeholdersInACircle) {
            return "${…}";
        }
    }

    /** Where a setting's value comes from, in words; "nowhere" when it is not set. */
    public static String sourceOf(ConfigurableEnvironment environment, String name) {
        for (PropertySource<?> source : environment.getPropertySources()) {
            ConfigurationPropertySource properties = ConfigurationPropertySources
                .isAttachedConfigurationPropertySource(source) ? null : ConfigurationPropertySource.from(source);
            if (properties != null && properties.getConfigurationProperty(ConfigurationPropertyName.of(name)) != null) {
                return switch (source.getName()) {
                    case StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME -> "the environment";
                    case SimpleCommandLinePropertySource.COMMAND_LINE_PROPERTY_SOURCE_NAME -> "the command line";
                    case "secrets" -> "the folder of secrets";
                    default -> source.getName();
                };
            }
        }
        return "nowhere";
    }

    /**
     * Whether {@code logging.structured.format.console} has one of its values, so that
     * log lines are written for machines.
     */
    public static boolean logsAreForMachines(Environment environment) {
        return environment.containsProperty(LOG_FORMAT)
                && Set.of("ecs", "gelf", "logstash").contains(text(environment, LOG_FORMAT));
    }

    /**
     * The accounts are bound by themselves, see {@link #accounts}.
     */
    private static WxProperties bind(Environment environment) {
        List<ConfigurationPropertySource> withAccounts = new ArrayList<>();
        List<ConfigurationPropertySource> others = new ArrayList<>();
        for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
            if (source.containsDescendantOf(ACCOUNTS) == ConfigurationPropertyState.PRESENT) {
                withAccounts.add(source);
                others.add(source.filter(name -> !ACCOUNTS.isAncestorOf(name)));
            }
            else {
                others.add(source);
            }
        }
        if (withAccounts.size() > 1) {
            throw new InvalidSettingsException(
                    "wx.accounts is set in several places, but Spring Boot takes the whole list from one of them: keep"
                            + " it in config/application.yml, with placeholders for values from the environment or"
                            + " from files");
        }
        PlaceholdersResolver placeholders = new PropertySourcesPlaceholdersResolver(environment);
        WxProperties properties = new Binder(others, placeholders).bindOrCreate("wx", Bindable.of(WxProperties.class),
                new StrictBindHandler());
        return withAccounts.isEmpty() ? properties : properties.with(accounts(withAccounts.get(0), placeholders));
    }

    /**
     * Binds the accounts from the one source that has them; in all sources each of their
     * settings would be looked up. Where accounts have lists of tickets, each account is
     * bound from its own names, because Boot would look through all names for each list,
     * which takes minutes with 10,000 accounts.
     */
    private static List<WxProperties.Entry> accounts(ConfigurationPropertySource source,
            PlaceholdersResolver placeholders) {
        Map<String, List<ConfigurationPropertyName>> names = new HashMap<>();
        boolean haveLists = false;
        if (source instanceof IterableConfigurationPropertySource iterable) {
            int index = ACCOUNTS.getNumberOfElements();
            haveLists = iterable.stream()
                .anyMatch(name -> name.getNumberOfElements() > index + 2 && ACCOUNTS.isAncestorOf(name));
            if (haveLists) {
                iterable.stream()
                    .filter(ACCOUNTS::isAncestorOf)
                    .forEach(name -> names
                        .computeIfAbsent(name.getElement(index, Form.UNIFORM), none -> new ArrayList<>())
                        .add(name));
            }
        }
        List<WxProperties.Entry> accounts = new ArrayList<>();
        for (int i = 0; names.containsKey(String.valueOf(i)); i++) {
            Part its = new Part(source, names.get(String.valueOf(i)));
            accounts.add(new Binder(List.of(its), placeholders).bindOrCreate(ACCOUNTS.append("[" + i + "]"),
                    Bindable.of(WxProperties.Entry.class), new StrictBindHandler()));
        }
        // if the list is not as it should be, Boot says what is wrong with it
        return haveLists && accounts.size() == names.size() ? accounts
                : new Binder(List.of(source), placeholders)
                    .bind(ACCOUNTS, Bindable.listOf(WxProperties.Entry.class), new StrictBindHandler())
                    .get();
    }

    /**
     * Some of a source's properties.
     *
     * @param names of these properties
     */
    private record Part(ConfigurationPropertySource source,
            List<ConfigurationPropertyName> names) implements IterableConfigurationPropertySource {

        @Override
        public Stream<ConfigurationPropertyName> stream() {
            return names.stream();
        }

        @Override
        public ConfigurationProperty getConfigurationProperty(ConfigurationPropertyName name) {
            return source.getConfigurationProperty(name);
        }

        @Override
        public Object getUnderlyingSource() {
            return source.getUnderlyingSource();
        }

    }

    /**
     * Reports a misspelt name, which Boot would ignore silently. It does not check
     * environment variables; {@link EnvironmentSpelling} does.
     * <p>
     * A group whose settings are all commented out ("refresh:" alone on its line) is an
     * empty text to Boot. It counts as a group with default values.
     */
    private static final class StrictBindHandler extends NoUnboundElementsBindHandler {

        private static final Bindable<String> TEXT = Bindable.of(String.class);

        StrictBindHandler() {
            super(BindHandler.DEFAULT, new UnboundElementsSourceFilter());
        }

        @Override
        public Object onFailure(ConfigurationPropertyName name, Bindable<?> target, BindContext context,
                Exception error) throws Exception {
            if (isNoTickets(name, target, context)) {
                onSuccess(name, target, context, ""); // the name is known
                return List.of();
            }
            if (!target.getType().resolve(Object.class).isRecord() || !isEmptyText(name, context)) {
                return super.onFailure(name, target, context, error);
            }
            onSuccess(name, target, context, ""); // the name is known
            return new Binder().bindOrCreate(name, target, null);
        }

        /**
         * Whether the list of tickets is the word none or an empty list as it is written
         * in YAML, which is a text in the environment and on the command line.
         */
        private static boolean isNoTickets(ConfigurationPropertyName name, Bindable<?> target, BindContext context) {
            return target.getType().resolve() == List.class && target.getType().getGeneric(0).resolve() == Ticket.class
                    && Stream.of(name, name.append("[0]"))
                        .map(place -> context.getBinder().bind(place, TEXT).orElse("x").strip())
                        .anyMatch(text -> text.equalsIgnoreCase("none") || text.matches("(\\[\\s*])?"))
                    && !context.getBinder().bind(name.append("[1]"), TEXT).isBound();
        }

        private static boolean isEmptyText(ConfigurationPropertyName name, BindContext context) {
            for (ConfigurationPropertySource source : context.getSources()) {
                ConfigurationProperty property = source.getConfigurationProperty(name);
                if (property != null) {
                    return "".equals(property.getValue());
                }
            }
            return false;
        }

    }

    private static List<String> problems(BindException e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnboundConfigurationPropertiesException unbound) {
                return unbound.getUnboundProperties()
                    .stream()
                    .map(property -> property.getName() + " is no setting of wx-token (" + property.getOrigin()
                            + "): check its spelling against config/application.yml")
                    .toList();
            }
        }
        ConfigurationProperty property = e.getProperty();
        String name = property == null ? e.getName().toString() : property.getName().toString();
        ResolvableType target = e.getTarget().getType();
        boolean mayHoldASecret = name.contains("secret") || name.startsWith("wx.accounts")
                || target.resolve(Object.class).isRecord();
        String value = property == null || mayHoldASecret ? "" : " = '" + property.getValue() + "'";
        Class<?> type = (target.resolve(Object.class) == List.class ? target.getGeneric(0) : target)
            .resolve(Object.class);
        String wanted = "can't be read";
        if (type == Duration.class) {
            wanted = "is no duration: write it like 90s, 50m or 1h";
        }
        else if (type == int.class) {
            wanted = "is no whole number";
        }
        else if (type.isEnum()) {
            wanted = "must be one of: " + Arrays.stream(type.getEnumConstants())
                .filter(constant -> !(constant instanceof Endpoint endpoint) || endpoint.isSetting())
                .map(constant -> constant instanceof Ticket ticket ? ticket.parameter()
                        : constant.toString().toLowerCase(Locale.ROOT).replace('_', '-'))
                .collect(Collectors.joining(", ")) + (type == Ticket.class ? ", none" : "");
        }
        else if (type.isRecord()) {
            wanted = "is a group of settings and has no value of its own: write them below it, indented";
        }
        return List.of(name + value + " " + wanted + (property == null ? "" : " (" + property.getOrigin() + ")"));
    }

}
