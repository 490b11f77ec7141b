package io.wxtoken.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Servers of many versions, one after the other. */
public final class ServerMatrix {

    private ServerMatrix() {
    }

    /**
     * Starts each server that {@code WX_TEST_MATRIX} names, as
     * {@code src/test/servers/server} knows them, with a space between: first with its
     * defaults, and then with stricter settings that must be set at the start. One server
     * runs at a time. Without that variable there is none.
     */
    public static Stream<TestDatabase> servers() {
        String names = System.getenv("WX_TEST_MATRIX");
        if (names == null || names.isBlank()) {
            return Stream.empty();
        }
        List<String> started = new ArrayList<>();
        return Stream.of(names.strip().split("\\s+"))
            .flatMap(name -> Stream.of(List.of(name), Stream.concat(Stream.of(name), strict(name)).toList()))
            .map(command -> {
                started.forEach(port -> ServerScript.SERVER.run("drop", port));
                started.clear();
                String port = command.size() == 1 ? "13400" : "13401";
                List<String> start = new ArrayList<>(List.of("start", command.get(0), port));
                start.addAll(command.subList(1, command.size()));
                String url = ServerScript.SERVER.run(start.stream());
                started.add(port);
                return TestDatabase.server(command.get(0) + (command.size() == 1 ? "" : ", strict"), url);
            })
            .onClose(() -> started.forEach(port -> ServerScript.SERVER.run("drop", port)));
    }

    private static Stream<String> strict(String name) {
        Stream<String> gtid = name.startsWith("mariadb") ? Stream.of("--gtid-strict-mode=ON")
                : Stream.of("--gtid-mode=ON", "--enforce-gtid-consistency=ON",
                        name.equals("mysql5.6") ? "--log-slave-updates=ON" : "--port=13401");
        return Stream.concat(Stream.of("--log-bin=binlog", "--server-id=1", "--lower-case-table-names=1"), gtid);
    }

}
