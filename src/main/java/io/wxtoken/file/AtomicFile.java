package io.wxtoken.file;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * Replaces a file so that whoever reads it, at any moment and after any crash, finds the
 * old content or the new one whole.
 */
public final class AtomicFile {

    /** The file systems here know owners, groups and permissions. */
    public static final boolean POSIX = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

    private static final String SUFFIX = ".wx-token";

    private static final Duration LONGEST_WRITE = Duration.ofMinutes(10);

    private AtomicFile() {
    }

    /**
     * What a link points to is replaced, not the link.
     * @param permissions such as {@code rw-r-----}, and then the file keeps its group, or
     * has its folder's; null for what the umask says
     * @throws IOException the file is then as it was
     */
    public static void replace(Path path, String content, String permissions) throws IOException {
        Path file = target(path.toAbsolutePath());
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new FileSystemException(file.toString(), null, "it is no regular file");
        }
        Path written = file.resolveSibling("." + file.getFileName() + "." + UUID.randomUUID() + SUFFIX); // pods
                                                                                                         // share
                                                                                                         // process
                                                                                                         // ids
        boolean permitted = permissions != null && POSIX;
        FileAttribute<?>[] attributes = permitted
                ? new FileAttribute<?>[] {
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)) }
                : new FileAttribute<?>[0];
        try {
            try (FileChannel channel = FileChannel.open(written,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), attributes)) {
                if (permitted) {
                    permit(written, file, PosixFilePermissions.fromString(permissions));
                }
                ByteBuffer bytes = ByteBuffer.wrap(content.getBytes(StandardCharsets.UTF_8));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true); // or the name may reach the disk before the content
            }
            Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
        }
        finally {
            Files.deleteIfExists(written);
        }
    }

    /** What a link points to may be missing. */
    private static Path target(Path path) throws IOException {
        Path target = path;
        for (int links = 0; Files.isSymbolicLink(target); links++) {
            if (links == 40) {
                throw new FileSystemException(path.toString(), null, "its links go in a circle");
            }
            target = target.resolveSibling(Files.readSymbolicLink(target));
        }
        return target;
    }

    private static void permit(Path written, Path file, Set<PosixFilePermission> wanted) throws IOException {
        boolean there = Files.exists(file);
        PosixFileAttributes example = attributes(there ? file : file.getParent());
        GroupPrincipal group = example.group();
        if (!group.equals(attributes(written).group())) {
            try {
                Files.getFileAttributeView(written, PosixFileAttributeView.class).setGroup(group);
            }
            catch (IOException e) {
                if (there || !example.permissions().contains(PosixFilePermission.OTHERS_EXECUTE)) { // its
                                                                                                    // readers,
                                                                                                    // who
                                                                                                    // else,
                                                                                                    // would
                                                                                                    // not
                                                                                                    // get
                                                                                                    // it
                    throw new FileSystemException(file.toString(), null, "this user can't give it its group, "
                            + group.getName() + " (chgrp it, and chmod g+s its folder)");
                }
            }
        }
        Files.setPosixFilePermissions(written, wanted); // the umask may have taken some
        if (!Files.getPosixFilePermissions(written).equals(wanted)) {
            throw new FileSystemException(file.toString(), null, "its file system keeps no permissions");
        }
    }

    private static PosixFileAttributes attributes(Path file) throws IOException {
        return Files.readAttributes(file, PosixFileAttributes.class);
    }

    /** Deletes what writers that were killed have left in a folder. */
    public static void deleteLeftBehind(Path folder) throws IOException {
        FileTime longAgo = FileTime.from(Instant.now().minus(LONGEST_WRITE));
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : (Iterable<Path>) files
                .filter(file -> file.getFileName().toString().endsWith(SUFFIX))::iterator) {
                try {
                    if (file.getFileName().toString().startsWith(".")
                            && Files.getLastModifiedTime(file).compareTo(longAgo) < 0) {
                        Files.deleteIfExists(file);
                    }
                }
                catch (NoSuchFileException e) {
                    // its writer was alive, and is ready
                }
            }
        }
    }

}
