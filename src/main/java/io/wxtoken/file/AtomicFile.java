package io.wxtoken.file;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
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
 * Replaces a file in one step: a reader finds the old content or the new content,
 * complete, at any moment and after any crash.
 */
public final class AtomicFile {

    /**
     * Whether file systems on this machine have owners, groups and permissions.
     */
    public static final boolean POSIX = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

    private static final String SUFFIX = ".wx-token";

    private static final Duration LONGEST_WRITE = Duration.ofMinutes(10);

    private AtomicFile() {
    }

    /** Writes a file's new content. */
    public interface Content {

        void writeTo(OutputStream out) throws IOException;

    }

    /**
     * Replaces the file, or the file that it links to.
     * @param permissions such as {@code rw-r-----}, whatever the umask. Unless everybody
     * may read it, an existing file keeps its group, and a new file gets its folder's
     * group.
     * @throws IOException when the file can't be replaced; it is then unchanged
     */
    public static void replace(Path path, Content content, String permissions) throws IOException {
        Path file = target(path.toAbsolutePath());
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new FileSystemException(file.toString(), null, "it is no regular file");
        }
        // a process id is not unique, because processes in several pods may have the
        // same one
        Path written = file.resolveSibling("." + file.getFileName() + "." + UUID.randomUUID() + SUFFIX);
        FileAttribute<?>[] attributes = POSIX
                ? new FileAttribute<?>[] {
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)) }
                : new FileAttribute<?>[0];
        try {
            try (FileChannel channel = FileChannel.open(written,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), attributes)) {
                if (POSIX) {
                    permit(written, file, PosixFilePermissions.fromString(permissions));
                }
                OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel));
                content.writeTo(out);
                out.flush();
                // otherwise the new name may reach the disk before the content
                channel.force(true);
            }
            Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
        }
        finally {
            Files.deleteIfExists(written);
        }
    }

    /**
     * Tries whether the file could be replaced.
     * @throws IOException when it can't be
     */
    public static void checkWritable(Path path) throws IOException {
        Path file = target(path.toAbsolutePath());
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new FileSystemException(file.toString(), null, "it is no regular file");
        }
        Files.delete(Files.createTempFile(file.getParent(), ".", SUFFIX));
    }

    /**
     * Follows links. The file that they lead to may be missing.
     */
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
        if (!wanted.contains(PosixFilePermission.OTHERS_READ)) {
            giveGroup(written, file);
        }
        Files.setPosixFilePermissions(written, wanted); // the umask may have removed some
        if (!Files.getPosixFilePermissions(written).equals(wanted)) {
            throw new FileSystemException(file.toString(), null, "its file system does not keep permissions");
        }
    }

    private static void giveGroup(Path written, Path file) throws IOException {
        boolean there = Files.exists(file);
        PosixFileAttributes example = attributes(there ? file : file.getParent());
        GroupPrincipal group = example.group();
        if (!group.equals(attributes(written).group())) {
            try {
                Files.getFileAttributeView(written, PosixFileAttributeView.class).setGroup(group);
            }
            catch (IOException e) {
                // the file's readers would lose access
                if (there || !example.permissions().contains(PosixFilePermission.OTHERS_EXECUTE)) {
                    throw new FileSystemException(file.toString(), null, "this user can't give it its group, "
                            + group.getName() + " (give its folder this group, too, and chmod g+s the folder)");
                }
            }
        }
    }

    private static PosixFileAttributes attributes(Path file) throws IOException {
        return Files.readAttributes(file, PosixFileAttributes.class);
    }

    /** The reason why a file can't be written, as a clause for people. */
    public static String reason(Exception e) {
        return e instanceof NoSuchFileException ? "its folder is missing"
                : e instanceof AccessDeniedException ? "permission denied" : e instanceof InvalidPathException
                        ? "no file can have that name here (set LC_ALL to a UTF-8 locale)"
                        : e instanceof FileSystemException inFileSystem ? inFileSystem.getReason() : e.getMessage();
    }

    /**
     * Deletes temporary files of writers that were killed.
     */
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
                    // its writer is alive and has just finished
                }
            }
        }
    }

}
