package millwright.plc4x;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.plc4x.java.api.PlcConnection;
import org.apache.plc4x.java.api.PlcConnectionManager;
import org.apache.plc4x.java.api.PlcDriverManager;
import org.apache.plc4x.java.api.authentication.PlcAuthentication;
import org.apache.plc4x.java.api.exceptions.PlcConnectionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against PLC4X's simulated device: asked, and sending by itself what is written into it here. */
class DeviceTest {
  private static final int NO_COMMUNICATION = 0x80310000;
  private static final int UNKNOWN = 0x80340000;
  @TempDir Path folder;
  private volatile PlcConnection connection; // that the device has
  private Thread thread;
  private Spool spool;

  private final PlcConnectionManager connections = new PlcConnectionManager() {
    @Override
    public PlcConnection getConnection(String url) throws PlcConnectionException {
      return connection = PlcDriverManager.getDefault().getConnectionManager().getConnection(url);
    }

    @Override
    public PlcConnection getConnection(String url, PlcAuthentication authentication) throws PlcConnectionException {
      return getConnection(url);
    }
  };

  private record Seen(int channel, int quality, long value) {}

  private void start(Settings.Mode mode, String url, String... addresses) throws Exception {
    final List<Settings.Tag> tags = new ArrayList<>();
    for (final String address : addresses) tags.add(new Settings.Tag(tags.size(), "c" + tags.size(), address, Reading.Type.INT64, 20));
    final Settings.Device device = new Settings.Device("sim", url, mode, 2000, 10, 50, tags);
    spool = new Spool(new Settings("127.0.0.1", 4850, "test", folder.resolve("spool"), 1 << 20, List.of(device), tags));
    thread = new Thread(new Device(device, spool, connections));
    thread.start();
  }

  @AfterEach
  void stop() throws Exception {
    thread.interrupt();
    thread.join(10_000);
    spool.close();
  }

  /** What the spool holds, once it is that much. */
  private List<Seen> seen(int atLeast) throws Exception {
    final List<Seen> all = new ArrayList<>();
    try (Spool.Cursor cursor = spool.open()) {
      while (all.size() < atLeast) {
        final ByteBuffer frame = spool.take(cursor, 10_000);
        assertTrue(frame != null, "only " + all);
        if (Frame.header(frame).type() != Frame.DATA) continue;
        int at = Frame.HEADER_BYTES + Integer.BYTES;
        for (int left = Frame.readings(frame); left > 0; --left) {
          final boolean bad = frame.get(at + 5) != 0;
          final int value = at + 24 + (bad ? 8 : 0);
          all.add(new Seen(frame.getInt(at), bad ? frame.getInt(at + 28) : 0, frame.getLong(value)));
          at = value + Long.BYTES;
        }
      }
    }
    return all;
  }

  private void write(long value) throws Exception {
    for (int i = 0; connection == null && i < 100; ++i) Thread.sleep(50);
    connection.writeRequestBuilder().addTagAddress("x", "STATE/x:DINT", value).build().execute().get();
  }

  @Test
  void asksAndSaysOnceWhatIsWrong() throws Exception {
    start(Settings.Mode.POLL, "simulated://x", "RANDOM/x:DINT", "no such address");
    final List<Seen> seen = seen(6);
    assertEquals(1, seen.stream().filter(one -> one.channel() == 1).count());
    assertEquals(UNKNOWN, seen.stream().filter(one -> one.channel() == 1).findAny().orElseThrow().quality());
    assertTrue(seen.stream().filter(one -> one.channel() == 0).allMatch(one -> one.quality() == 0));
  }

  @Test
  void takesWhatIsSentWhereItChanges() throws Exception {
    start(Settings.Mode.CHANGES, "simulated://x", "STATE/x:DINT");
    Thread.sleep(1000);
    write(7);
    assertEquals(new Seen(0, 0, 7), seen(1).get(0));
    write(8);
    assertEquals(new Seen(0, 0, 8), seen(2).get(1));
  }

  @Test
  void takesWhatIsSentEveryPeriod() throws Exception {
    start(Settings.Mode.CYCLIC, "simulated://x", "STATE/x:DINT");
    Thread.sleep(1000);
    write(7);
    assertEquals(List.of(new Seen(0, 0, 7), new Seen(0, 0, 7), new Seen(0, 0, 7)), seen(3).subList(0, 3));
  }

  @Test
  void aDeviceThatIsNotThereIsSaidOnce() throws Exception {
    start(Settings.Mode.POLL, "modbus-tcp://127.0.0.1:1", "holding-register:1:INT", "coil:1");
    Thread.sleep(1500);
    assertEquals(List.of(new Seen(0, NO_COMMUNICATION, 0), new Seen(1, NO_COMMUNICATION, 0)), seen(2));
    assertEquals(2, spool.next()); // one frame, however often it tried
  }
}
