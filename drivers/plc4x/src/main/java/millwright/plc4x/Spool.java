package millwright.plc4x;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What was read and is not yet acknowledged, on disk: it outlives the driver.
 *
 * <p>`FOLDER/EPOCH/SEQUENCE.burst` is a segment, and holds byte for byte what a sender says on a connection
 * (docs/format/burst.md): a hello (whose `oldest` is the segment's first sequence), a declare, data frames. So a driver
 * that comes back with other tags sends what is left with the channels that it was read with. A reading is taken once
 * append() has returned: `kill -9` of the driver loses none of them. The operating system writes them to the disk in its
 * own time, so a power cut may cost the last seconds.
 *
 * <p>Threads: append() from any; take(), acknowledge(), renumber() from any. Limits: when the segments fill the size that
 * was given, the oldest is given up and its readings are counted. Errors: IOException where the disk fails.
 */
final class Spool implements Closeable {
  private static final int SEGMENTS = 32; // the size is shared by about so many
  private static final String SUFFIX = ".burst";
  private static final String CLIENT = "millwright-plc4x";

  private static final class Segment {
    final Path file;
    final long first;
    long next; // sequence after the last
    long bytes;
    long headBytes; // of them the hello and the declare

    Segment(Path file, long first) {
      this.file = file;
      this.first = first;
      this.next = first;
    }
  }

  /** Where a connection stands: the next bytes to be sent. */
  final class Cursor implements Closeable {
    private Segment segment;
    private FileChannel channel;
    private long at;

    @Override
    public void close() throws IOException {
      if (channel != null) channel.close();
      channel = null;
    }
  }

  /** The frames that a connection was to send were given up: it has to begin anew. */
  static final class GivenUp extends IOException {
    private static final long serialVersionUID = 1;

    GivenUp() {
      super("the spool is full; the oldest readings were given up");
    }
  }

  private final Path folder;
  private final Settings settings;
  private final long segmentBytes;
  private final FileChannel lockFile;
  private final Deque<Segment> segments = new ArrayDeque<>();
  private long epoch;
  private long acked;
  private long dropped;
  private long nextWithoutSegments = 1;
  private FileChannel writing; // the last segment
  private boolean closed;

  /** Goes on where an earlier driver ended. Waits a little for one that is about to end. */
  Spool(Settings settings) throws IOException, InterruptedException {
    this.settings = settings;
    this.folder = settings.spool();
    this.segmentBytes = settings.spoolBytes() / SEGMENTS;
    Files.createDirectories(folder);
    lockFile = FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock = null;
    for (int i = 0; i < 100 && (lock = lockFile.tryLock()) == null; ++i) Thread.sleep(100);
    if (lock == null) throw new IOException(folder + ": another driver writes there; give each one a spool of its own");
    recover();
    if (epoch == 0) epoch = nowNs();
    begin();
  }

  private static long nowNs() {
    return System.currentTimeMillis() * 1_000_000;
  }

  synchronized long epoch() {
    return epoch;
  }

  synchronized long dropped() {
    return dropped;
  }

  /** The lowest sequence that is kept, or the next that will be given. */
  synchronized long oldest() {
    return Math.max(acked + 1, segments.getFirst().first);
  }

  synchronized long next() {
    return segments.getLast().next;
  }

  private boolean isEmpty() {
    return oldest() == next();
  }

  synchronized void append(List<Reading> readings) throws IOException {
    if (closed) throw new IOException("the driver stops");
    if (segments.getLast().bytes - segments.getLast().headBytes >= segmentBytes) begin();
    final Segment last = segments.getLast();
    try {
      writing.position(last.bytes); // a frame that did not go in whole is written over
      last.bytes += write(writing, Frame.data(last.next, readings));
    } catch (IOException error) {
      writing.truncate(last.bytes);
      throw error;
    }
    ++last.next;
    notifyAll();
  }

  /** All up to here is on the plant's disk. */
  synchronized void acknowledge(long sequence) throws IOException {
    acked = Math.max(acked, Math.min(sequence, next() - 1));
    while (segments.size() > 1 && segments.getFirst().next <= acked + 1) Files.deleteIfExists(segments.removeFirst().file);
    notifyAll();
  }

  /** Waits, at most so long, until all is acknowledged. */
  synchronized boolean drain(long patienceMs) throws InterruptedException {
    final long until = System.nanoTime() + patienceMs * 1_000_000;
    while (!isEmpty()) {
      final long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0) return false;
      wait(left);
    }
    return true;
  }

  /** For a new connection: from oldest() on, each segment's declarations before its frames. */
  synchronized Cursor open() {
    return new Cursor();
  }

  /** The next bytes of the cursor's connection: a declare or data frame. Waits; null where nothing came in time. */
  synchronized ByteBuffer take(Cursor cursor, long patienceMs) throws IOException, InterruptedException {
    final long until = System.nanoTime() + patienceMs * 1_000_000;
    for (;;) {
      final ByteBuffer frame = read(cursor);
      if (frame != null) return frame;
      final long left = (until - System.nanoTime()) / 1_000_000;
      if (left <= 0 || closed) return null;
      wait(left);
    }
  }

  private ByteBuffer read(Cursor cursor) throws IOException {
    for (;;) {
      if (cursor.channel == null || (cursor.at == cursor.segment.bytes && cursor.segment != segments.getLast())) {
        if (!step(cursor)) return null;
      }
      if (cursor.at == cursor.segment.bytes) return null;
      final ByteBuffer frame = readFrame(cursor.channel, cursor.at);
      if (frame == null) throw new IOException(cursor.segment.file + ": cut off at " + cursor.at);
      cursor.at += frame.remaining();
      final Frame.Header header = headerOf(frame, cursor.segment.file);
      // The hello was sent already, with what is true now.
      if (header.type() == Frame.DECLARE || (header.type() == Frame.DATA && header.sequence() > acked)) return frame;
    }
  }

  private boolean step(Cursor cursor) throws IOException {
    final long next = cursor.segment == null ? oldest() : cursor.segment.next;
    cursor.close();
    for (final Segment segment : segments) {
      if (segment.next <= next && segment != segments.getLast()) continue;
      if (segment.first > next) throw new GivenUp();
      cursor.segment = segment;
      cursor.channel = FileChannel.open(segment.file, StandardOpenOption.READ);
      cursor.at = 0;
      return true;
    }
    return false;
  }

  /** A segment of its own from the next sequence on; makes room for it first. */
  private void begin() throws IOException {
    long bytes = segmentBytes;
    for (final Segment segment : segments) bytes += segment.bytes;
    while (bytes > settings.spoolBytes() && !segments.isEmpty()) {
      bytes -= segments.getFirst().bytes;
      giveUp(segments.getFirst());
    }
    // One that never got a frame would have the new one's name.
    if (!segments.isEmpty() && segments.getLast().next == segments.getLast().first) nextWithoutSegments = segments.removeLast().first;
    final long first = segments.isEmpty() ? nextWithoutSegments : segments.getLast().next;
    final Path epochFolder = folder.resolve(Long.toString(epoch));
    Files.createDirectories(epochFolder);
    if (writing != null) writing.close();
    final Segment segment = new Segment(epochFolder.resolve(String.format("%020d", first) + SUFFIX), first);
    writing = create(segment.file);
    segment.headBytes = write(writing, Frame.hello(epoch, first, dropped, settings.source(), CLIENT));
    segment.headBytes += write(writing, Frame.declare(settings.tags()));
    segment.bytes = segment.headBytes;
    segments.add(segment);
  }

  private void giveUp(Segment segment) throws IOException {
    long readings = 0;
    try (FileChannel channel = FileChannel.open(segment.file, StandardOpenOption.READ)) {
      long at = 0;
      for (ByteBuffer frame = readFrame(channel, at); frame != null && at < segment.bytes; frame = readFrame(channel, at)) {
        final Frame.Header header = headerOf(frame, segment.file);
        if (header.type() == Frame.DATA && header.sequence() > acked) readings += Frame.readings(frame);
        at += frame.remaining();
      }
    }
    if (readings != 0) Log.warn("the spool is full (" + settings.spoolBytes() + " bytes): gave up the oldest " + readings + " readings");
    dropped += readings;
    nextWithoutSegments = segment.next;
    acked = Math.max(acked, segment.next - 1);
    segments.remove(segment);
    Files.deleteIfExists(segment.file);
  }

  private static FileChannel create(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
  }

  private static long write(FileChannel to, ByteBuffer bytes) throws IOException {
    final long count = bytes.remaining();
    while (bytes.hasRemaining()) to.write(bytes);
    return count;
  }

  /** The frame that begins there; null where the file has no whole and intact one. */
  private static ByteBuffer readFrame(FileChannel from, long at) throws IOException {
    final ByteBuffer head = Frame.allocate(Frame.HEADER_BYTES);
    if (!fill(from, at, head)) return null;
    final Frame.Header header;
    try {
      header = Frame.header(head);
    } catch (Frame.Malformed error) {
      return null;
    }
    final ByteBuffer frame = Frame.allocate(Frame.HEADER_BYTES + header.payloadBytes());
    return fill(from, at, frame) && Frame.isIntact(frame) ? frame : null;
  }

  private static boolean fill(FileChannel from, long at, ByteBuffer to) throws IOException {
    while (to.hasRemaining()) {
      if (from.read(to, at + to.position()) < 0) return false;
    }
    to.flip();
    return true;
  }

  private static Frame.Header headerOf(ByteBuffer frame, Path file) throws IOException {
    try {
      return Frame.header(frame);
    } catch (Frame.Malformed error) {
      throw new IOException(file + ": " + error.getMessage());
    }
  }

  // ---- after a restart

  private void recover() throws IOException {
    final List<Path> epochs = list(folder, Spool::isNumber, Comparator.comparingLong(path -> Long.parseLong(path.getFileName().toString())));
    // A renumbering that was cut short left the older one whole.
    for (int i = 0; i + 1 < epochs.size(); ++i) delete(epochs.get(i));
    delete(folder.resolve("new"));
    if (epochs.isEmpty()) return;
    final Path newest = epochs.get(epochs.size() - 1);
    epoch = Long.parseLong(newest.getFileName().toString());
    for (final Path file : list(newest, path -> path.toString().endsWith(SUFFIX), Comparator.comparing(Path::getFileName))) recover(file);
    if (segments.isEmpty()) {
      epoch = 0; // nobody knows how far it went
      delete(newest);
      return;
    }
    acked = segments.getFirst().first - 1;
    nextWithoutSegments = segments.getLast().next;
    Log.info("the spool holds sequences " + oldest() + " to " + (next() - 1) + " of epoch " + epoch);
  }

  /** What is there of a segment; its end may be torn. Older ones that it does not follow are given up. */
  private void recover(Path file) throws IOException {
    final Segment segment;
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      final ByteBuffer head = readFrame(channel, 0);
      final Frame.Hello hello = head == null ? null : Frame.hello(head);
      if (hello == null || hello.epoch() != epoch || !hello.source().equals(settings.source())) {
        Log.warn(file + ": is no segment of '" + settings.source() + "', or was never written whole; removed");
        Files.delete(file);
        return;
      }
      segment = new Segment(file, hello.oldest());
      dropped = Math.max(dropped, hello.dropped());
      for (ByteBuffer frame = head; frame != null; frame = readFrame(channel, segment.bytes)) {
        segment.bytes += frame.remaining();
        if (headerOf(frame, file).type() == Frame.DATA) {
          ++segment.next;
        } else {
          segment.headBytes = segment.bytes;
        }
      }
      if (segment.bytes < channel.size()) {
        Log.warn(file + ": cut at " + segment.bytes + " of " + channel.size() + " bytes: the rest was never written whole");
        channel.truncate(segment.bytes);
      }
    } catch (Frame.Malformed error) {
      throw new IOException(file + ": " + error.getMessage());
    }
    while (!segments.isEmpty() && segments.getLast().next != segment.first) giveUp(segments.getFirst());
    segments.add(segment);
  }

  /** The plant has later data than this epoch's: what is kept goes under a new one, numbered from 1. */
  synchronized void renumber(long above) throws IOException {
    final long newEpoch = Math.max(Math.max(epoch, above) + 1, nowNs());
    final Path scratch = folder.resolve("new");
    delete(scratch);
    Files.createDirectories(scratch);
    final List<Segment> renumbered = new ArrayList<>();
    long next = 1;
    for (final Segment segment : segments) {
      final Segment to = new Segment(scratch.resolve(String.format("%020d", next) + SUFFIX), next);
      try (FileChannel from = FileChannel.open(segment.file, StandardOpenOption.READ); FileChannel out = create(to.file)) {
        for (long at = 0; at < segment.bytes;) {
          final ByteBuffer frame = readFrame(from, at);
          if (frame == null) throw new IOException(segment.file + ": damaged at " + at);
          at += frame.remaining();
          final Frame.Header header = headerOf(frame, segment.file);
          if (header.type() == Frame.HELLO) to.headBytes += write(out, Frame.hello(newEpoch, next, 0, settings.source(), CLIENT));
          if (header.type() == Frame.DECLARE) to.headBytes += write(out, frame);
          if (header.type() != Frame.DATA || header.sequence() <= acked) continue;
          Frame.renumber(frame, to.next++);
          to.bytes += write(out, frame);
        }
      }
      to.bytes += to.headBytes;
      next = to.next;
      // Only the last may be without frames: two of one name would be one file.
      if (to.next > to.first || segment == segments.getLast()) renumbered.add(to);
    }
    writing.close();
    final Path target = folder.resolve(Long.toString(newEpoch));
    Files.move(scratch, target, StandardCopyOption.ATOMIC_MOVE);
    delete(folder.resolve(Long.toString(epoch)));
    segments.clear();
    for (final Segment moved : renumbered) {
      final Segment segment = new Segment(target.resolve(moved.file.getFileName()), moved.first);
      segment.next = moved.next;
      segment.bytes = moved.bytes;
      segment.headBytes = moved.headBytes;
      segments.add(segment);
    }
    epoch = newEpoch;
    acked = 0;
    dropped = 0;
    writing = FileChannel.open(segments.getLast().file, StandardOpenOption.WRITE);
  }

  private static boolean isNumber(Path path) {
    return path.getFileName().toString().matches("[0-9]{1,18}|[0-9]{19}");
  }

  private static List<Path> list(Path of, Predicate<Path> wanted, Comparator<Path> order) throws IOException {
    try (Stream<Path> files = Files.list(of)) {
      return files.filter(wanted).sorted(order).toList();
    }
  }

  private static void delete(Path tree) throws IOException {
    if (!Files.exists(tree)) return;
    try (Stream<Path> files = Files.walk(tree)) {
      for (final Path path : files.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
    }
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    notifyAll();
    if (writing != null) writing.close();
    lockFile.close();
  }
}
