package io.wxtoken.settings;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Finds misspelt environment variables. Spring Boot reads {@code wx.api.base-url} from
 * {@code WX_API_BASEURL} and from no other spelling; it would ignore
 * {@code WX_API_BASE_URL} silently, and the default would stay in force.
 */
final class EnvironmentSpelling {

    private static final Pattern OUR_GROUP = Pattern.compile("WX_(API|REFRESH|PROBE|RUN|METRICS|HISTORY|MIRROR)_");

    /**
     * Kubernetes sets such variables for a service that is named wx-api, for example.
     */
    private static final Pattern OF_KUBERNETES = Pattern.compile(".*_(PORT|SERVICE_HOST|SERVICE_PORT|PORT_\\d+_.*)");

    private EnvironmentSpelling() {
    }

    /**
     * Returns a line for each variable that is wrong.
     */
    static List<String> problems() {
        Set<String> known = new HashSet<>(Set.of("WX_SECRETS", "WX_CACHE"));
        Set<String> lists = new HashSet<>();
        variables(WxProperties.class, "WX_", known, lists);
        List<String> problems = new ArrayList<>();
        for (String variable : new TreeSet<>(System.getenv().keySet())) {
            boolean inOurGroup = OUR_GROUP.matcher(variable).lookingAt() && !OF_KUBERNETES.matcher(variable).matches();
            String correctName = known.stream()
                .filter(name -> name.replace("_", "").equals(variable.replace("_", "")))
                .findFirst()
                .orElse(null);
            boolean inList = lists.contains(variable.replaceFirst("_\\d+$", ""));
            if (!known.contains(variable) && !inList && (inOurGroup || correctName != null)) {
                problems.add("the environment's " + variable + " is no setting of wx-token"
                        + (correctName == null ? ": see config/application.yml" : ": write it " + correctName));
            }
        }
        return problems;
    }

    /**
     * @param lists gets the names that may be followed by an index
     */
    private static void variables(Class<?> type, String prefix, Set<String> names, Set<String> lists) {
        for (RecordComponent component : type.getRecordComponents()) {
            String name = prefix + component.getName().toUpperCase(Locale.ROOT);
            if (component.getType().isRecord()) {
                variables(component.getType(), name + "_", names, lists);
            }
            else {
                names.add(name);
                if (component.getType() == List.class) {
                    lists.add(name);
                }
            }
        }
    }

}
