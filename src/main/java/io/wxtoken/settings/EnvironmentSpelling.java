package io.wxtoken.settings;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.springframework.boot.context.properties.bind.DataObjectPropertyName;

/**
 * Finds misspelt environment variables, which Spring Boot would ignore silently, so that
 * the default would stay in force. The environment holds other programs' variables, too:
 * only a name that resembles a setting's is an error.
 * <p>
 * Spring Boot reads {@code wx.api.base-url} from {@code WX_API_BASEURL}, and from
 * {@code WX_API_BASE_URL} as well.
 */
final class EnvironmentSpelling {

    private static final Pattern INDEX = Pattern.compile("_\\d+(?=_|$)");

    /** A logger's name follows. */
    private static final Pattern LOGGER = Pattern.compile("(?<=_LEVEL)_.*");

    private EnvironmentSpelling() {
    }

    /**
     * Returns a line for each variable that is wrong.
     * @param variables the environment's
     * @param isPlaceholder whether a setting's value names this variable
     */
    static List<String> problems(Set<String> variables, Predicate<String> isPlaceholder) {
        Map<String, String> known = known();
        Set<String> set = new HashSet<>();
        variables.forEach(variable -> set.add(known.get(general(variable))));
        List<String> problems = new ArrayList<>();
        for (String variable : new TreeSet<>(variables)) {
            String general = general(variable);
            String closest = known.containsKey(general) ? null : Spelling.closest(general, known.keySet());
            // where the setting itself is set, this is another program's variable
            if (closest != null && !set.contains(known.get(closest)) && !isPlaceholder.test(variable)) {
                problems.add("the environment's " + variable + " is no setting of wx-token: write it "
                        + special(known.get(closest), variable) + ", or unset it if it is another program's");
            }
        }
        return problems;
    }

    /**
     * The variable in capitals, with 0 for an index, and without a logger's name.
     */
    private static String general(String variable) {
        return INDEX.matcher(LOGGER.matcher(variable.toUpperCase(Locale.ROOT)).replaceFirst("")).replaceFirst("_0");
    }

    /**
     * Undoes {@link #general}.
     */
    private static String special(String known, String variable) {
        Matcher index = INDEX.matcher(variable);
        Matcher logger = LOGGER.matcher(variable);
        return (index.find() ? known.replaceFirst("_0", index.group()) : known) + (logger.find() ? logger.group() : "");
    }

    /**
     * Returns the variables that are read, each with the spelling that the documents use.
     */
    private static Map<String, String> known() {
        List<String> names = new ArrayList<>(List.of("wx.secrets", "wx.cache", "spring.datasource.url",
                "spring.datasource.username", "spring.datasource.password", "logging.level", Settings.LOG_FORMAT));
        addNames(WxProperties.class, "wx.", names);
        Map<String, String> known = new HashMap<>();
        for (String name : names) {
            String documented = name.replace("-", "").replace('.', '_').toUpperCase(Locale.ROOT);
            known.put(documented, documented);
            known.put(name.replace('-', '_').replace('.', '_').toUpperCase(Locale.ROOT), documented);
        }
        return known;
    }

    private static void addNames(Class<?> group, String prefix, List<String> names) {
        for (RecordComponent component : group.getRecordComponents()) {
            String name = prefix + DataObjectPropertyName.toDashedForm(component.getName());
            Class<?> type = component.getType();
            if (type == List.class) {
                names.add(name);
                name += ".0";
                type = (Class<?>) ((ParameterizedType) component.getGenericType()).getActualTypeArguments()[0];
            }
            if (type.isRecord()) {
                addNames(type, name + ".", names);
            }
            else {
                names.add(name);
            }
        }
    }

}
