package io.wxtoken.token;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Walks through a tree, depth first: who asks it at each fork takes another path each
 * time, until there is none left.
 */
final class Choices {

    /** Of each fork on the way, the option that is taken and how many there are. */
    private final List<int[]> path = new ArrayList<>();

    private int depth;

    /**
     * @param taken the path to begin with: a failure's message names it, so that it can
     * be played alone
     */
    Choices(int... taken) {
        IntStream.of(taken).forEach(option -> path.add(new int[] { option, 0 }));
    }

    int oneOf(int options) {
        if (depth == path.size()) {
            path.add(new int[2]);
        }
        path.get(depth)[1] = options;
        return path.get(depth++)[0];
    }

    /**
     * Goes back to the root, and on to the next path.
     * @return false when all paths have been taken
     */
    boolean next() {
        depth = 0;
        while (!path.isEmpty()) {
            int[] last = path.get(path.size() - 1);
            if (++last[0] < last[1]) {
                return true;
            }
            path.remove(path.size() - 1);
        }
        return false;
    }

    @Override
    public String toString() {
        return path.stream().limit(depth).map(fork -> String.valueOf(fork[0])).collect(Collectors.joining(", "));
    }

}
