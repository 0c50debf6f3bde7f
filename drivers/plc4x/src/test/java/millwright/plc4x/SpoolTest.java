package millwright.plc4x;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpoolTest {
  private static final long SIZE = 1 << 20;
  @TempDir Path folder;

  private Settings settings(String... channels) {
    final List<Settings.Tag> tags = new ArrayList<>();
    for (final String channel : channels) tags.add(new Settings.Tag(tags.size(), channel, channel, Reading.Type.INT64, 1000));
    return new Settings("127.0.0.1", 4850, "test", folder.resolve("spool"), SIZE, List.of(), tags);
  }

  private static void append(Spool spool, long value) throws Exception {
    spool.append(List.of(new Reading(0, Reading.Type.INT64, 1, Reading.GOOD, value)));
  }

  private record Sent(List<Long> sequences, List<Long> values, int declares) {}

  /** What a connection would be sent now. */
  private static Sent all(Spool spool) throws Exception {
    final Sent sent = new Sent(new ArrayList<>(), new ArrayList<>(), 0);
    int declares = 0;
    try (Spool.Cursor cursor = spool.open()) {
      for (ByteBuffer frame = spool.take(cursor, 0); frame != null; frame = spool.take(cursor, 0)) {
        final Frame.Header header = Frame.header(frame);
        if (header.type() == Frame.DECLARE) {
          ++declares;
          continue;
        }
        sent.sequences().add(header.sequence());
        sent.values().add(frame.getLong(frame.limit() - Long.BYTES));
      }
    }
    return new Sent(sent.sequences(), sent.values(), declares);
  }

  private List<Path> segments() throws Exception {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.toString().endsWith(".burst")).sorted().toList();
    }
  }

  @Test
  void goesOnWhereItEnded() throws Exception {
    final long epoch;
    try (Spool spool = new Spool(settings("a"))) {
      epoch = spool.epoch();
      for (long i = 0; i < 5; ++i) append(spool, i);
      spool.acknowledge(2);
      assertEquals(List.of(3L, 4L, 5L), all(spool).sequences());
    }
    try (Spool spool = new Spool(settings("other", "a"))) {
      assertEquals(epoch, spool.epoch());
      assertEquals(6, spool.next());
      append(spool, 5);
      spool.acknowledge(2);
      final Sent sent = all(spool);
      assertEquals(List.of(3L, 4L, 5L, 6L), sent.sequences());
      assertEquals(List.of(2L, 3L, 4L, 5L), sent.values());
      assertEquals(2, sent.declares()); // the old channels for the old frames
      spool.acknowledge(6);
      assertTrue(spool.drain(0));
      assertEquals(1, segments().size());
    }
    try (Spool spool = new Spool(settings("a"))) {
      assertEquals(epoch, spool.epoch());
      assertEquals(7, spool.next());
    }
  }

  @Test
  void aTornEndIsCutOff() throws Exception {
    try (Spool spool = new Spool(settings("a"))) {
      for (long i = 0; i < 3; ++i) append(spool, i);
    }
    Files.write(segments().get(0), new byte[] {0x4D, 0x57, 0x42}, StandardOpenOption.APPEND);
    try (Spool spool = new Spool(settings("a"))) {
      assertEquals(4, spool.next());
      append(spool, 3);
      assertEquals(List.of(0L, 1L, 2L, 3L), all(spool).values());
    }
  }

  @Test
  void whatFollowsDamageIsKeptAndTheRestCounted() throws Exception {
    try (Spool spool = new Spool(settings("a"))) {
      for (long i = 0; segments().size() < 3; ++i) append(spool, i);
    }
    final Path second = segments().get(1);
    final byte[] bytes = Files.readAllBytes(second);
    bytes[bytes.length / 2] ^= 1;
    Files.write(second, bytes);
    try (Spool spool = new Spool(settings("a"))) {
      final Sent sent = all(spool);
      assertEquals(spool.oldest(), sent.sequences().get(0));
      assertEquals(spool.next() - 1, sent.sequences().get(sent.sequences().size() - 1));
      assertEquals(spool.next() - spool.oldest(), sent.sequences().size());
      assertTrue(spool.dropped() > 0);
    }
  }

  @Test
  void aFullSpoolGivesUpTheOldestAndCountsThem() throws Exception {
    long made = 0;
    final long dropped;
    try (Spool spool = new Spool(settings("a"))) {
      while (spool.dropped() == 0) append(spool, made++);
      while (made % 50_000 != 0) append(spool, made++);
      dropped = spool.dropped();
      final Sent sent = all(spool);
      assertEquals(made - dropped, sent.values().size());
      assertEquals(dropped, sent.values().get(0));
      long size = 0;
      for (final Path file : segments()) size += Files.size(file);
      assertTrue(size <= SIZE, size + " bytes");
    }
    try (Spool spool = new Spool(settings("a"))) {
      assertEquals(dropped, spool.dropped());
    }
  }

  @Test
  void aConnectionWhoseFramesWereGivenUpEnds() throws Exception {
    try (Spool spool = new Spool(settings("a")); Spool.Cursor cursor = spool.open()) {
      append(spool, 0);
      spool.take(cursor, 0);
      while (spool.dropped() < 40_000) append(spool, 1);
      boolean ended = false;
      try {
        while (spool.take(cursor, 0) != null) { }
      } catch (Spool.GivenUp error) {
        ended = true;
      }
      assertTrue(ended);
    }
  }

  @Test
  void goesUnderANewEpochWherePlantHasLaterData() throws Exception {
    try (Spool spool = new Spool(settings("a"))) {
      final long epoch = spool.epoch();
      long made = 0;
      while (segments().size() < 3) append(spool, made++);
      spool.acknowledge(10);
      spool.renumber(epoch + 5);
      assertTrue(spool.epoch() > epoch + 5);
      append(spool, made++);
      final Sent sent = all(spool);
      assertEquals(1, spool.oldest());
      assertEquals(made - 10, sent.sequences().size());
      assertEquals(1, sent.sequences().get(0));
      assertEquals(10, sent.values().get(0));
      assertEquals(made - 1, sent.values().get(sent.values().size() - 1));
    }
    try (Spool spool = new Spool(settings("a"))) {
      assertEquals(1, spool.oldest());
      assertFalse(all(spool).values().isEmpty());
    }
  }
}
