package io.wxtoken.settings;

import java.util.Collection;
import java.util.Locale;

/**
 * Finds the name that a misspelt one was meant to be. Case, dashes and underscores do not
 * count; a letter that is wrong, missing, too many or swapped with its neighbour is an
 * error, and two of them are forgiven in a name of at least {@value #LONG} letters, and
 * one in a shorter name.
 */
final class Spelling {

    private static final int LONG = 10;

    private Spelling() {
    }

    /**
     * Returns the name that resembles this one most.
     * @return null when none does
     */
    static String closest(String name, Collection<String> known) {
        String wanted = plain(name);
        if (wanted.isEmpty()) {
            return null;
        }
        int allowed = wanted.length() < LONG ? 1 : 2;
        String closest = null;
        for (String candidate : known) {
            String plain = plain(candidate);
            if (Math.abs(plain.length() - wanted.length()) <= allowed && plain.charAt(0) == wanted.charAt(0)) {
                int errors = errors(wanted, plain);
                if (errors <= allowed) {
                    closest = candidate;
                    allowed = errors - 1; // only a better one replaces it
                }
            }
        }
        return closest;
    }

    /** The name in the one spelling that stands for all that Spring Boot reads. */
    static String plain(String name) {
        return name.replace("-", "").replace("_", "").toLowerCase(Locale.ROOT);
    }

    /** The distance of Damerau and Levenshtein. */
    private static int errors(String one, String other) {
        int[][] distance = new int[one.length() + 1][other.length() + 1];
        for (int i = 0; i <= one.length(); i++) {
            for (int j = 0; j <= other.length(); j++) {
                if (i == 0 || j == 0) {
                    distance[i][j] = i + j;
                    continue;
                }
                int wrong = one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1;
                distance[i][j] = Math.min(distance[i - 1][j - 1] + wrong,
                        1 + Math.min(distance[i - 1][j], distance[i][j - 1]));
                if (i > 1 && j > 1 && one.charAt(i - 1) == other.charAt(j - 2)
                        && one.charAt(i - 2) == other.charAt(j - 1)) {
                    distance[i][j] = Math.min(distance[i][j], distance[i - 2][j - 2] + 1);
                }
            }
        }
        return distance[one.length()][other.length()];
    }

}
