package io.wxtoken.settings;

import java.util.List;

/**
 * Settings that can't be used. Each problem is one line that names the property, what is
 * wrong and what to do, and shows no secret.
 */
public final class InvalidSettingsException extends RuntimeException {

    private final transient List<String> problems;

    InvalidSettingsException(List<String> problems) {
        super(String.join("; ", problems));
        // a value may hold a line break
        this.problems = problems.stream().map(problem -> problem.replaceAll("[\\p{C}\\p{Z}]+", " ")).toList();
    }

    public InvalidSettingsException(String problem) {
        this(List.of(problem));
    }

    public List<String> problems() {
        return problems;
    }

}
