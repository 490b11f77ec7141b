package io.wxtoken;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.UUID;

/** Replaces a file so that whoever reads it, at any moment and after any crash, finds the old content or the new one whole. */
public final class AtomicFile {

    private static final boolean POSIX = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

    private AtomicFile() {
    }

    /**
     * @param permissions such as {@code rw-r-----}, where the file system has such; null for what the umask says
     * @throws IOException the file is then as it was
     */
    public static void replace(Path file, String content, String permissions) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || Files.isDirectory(file)) {
            throw new FileAlreadyExistsException(file.toString(), null, "it is a folder");
        }
        Path written = folder.resolve("." + file.getFileName() + "." + UUID.randomUUID()); // pods share process ids
        Set<PosixFilePermission> wanted = permissions == null || !POSIX ? null : PosixFilePermissions.fromString(permissions);
        FileAttribute<?>[] attributes = wanted == null ? new FileAttribute<?>[0] : new FileAttribute<?>[] { PosixFilePermissions.asFileAttribute(wanted) };
        try {
            try (FileChannel channel = FileChannel.open(written, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), attributes)) {
                ByteBuffer bytes = ByteBuffer.wrap(content.getBytes(StandardCharsets.UTF_8));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true); // or the name may reach the disk before the content
            }
            if (wanted != null) {
                Files.setPosixFilePermissions(written, wanted); // the umask may have taken some
            }
            Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
        }
        finally {
            Files.deleteIfExists(written);
        }
    }
}
