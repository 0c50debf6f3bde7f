package millwright.plc4x;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.plc4x.java.api.PlcConnection;
import org.apache.plc4x.java.api.PlcConnectionManager;
import org.apache.plc4x.java.api.messages.PlcReadRequest;
import org.apache.plc4x.java.api.messages.PlcReadResponse;
import org.apache.plc4x.java.api.messages.PlcSubscriptionEvent;
import org.apache.plc4x.java.api.messages.PlcSubscriptionRequest;
import org.apache.plc4x.java.api.messages.PlcSubscriptionResponse;
import org.apache.plc4x.java.api.model.PlcTag;
import org.apache.plc4x.java.api.types.PlcResponseCode;

/**
 * One device: connects to it by PLC4X, asks for its tags every period or takes what it sends, and puts the readings into
 * the spool. A device that does not answer makes all of its tags bad, once, and is tried again with growing pauses.
 *
 * <p>Threads: run() on one; what a device sends comes on PLC4X's. A trouble of one tag, a wrong address or type, is a bad
 * quality of that tag and costs no other.
 */
final class Device implements Runnable {
  private static final int READINGS_A_FRAME = 1000;
  private static final long CLOSE_MS = 2_000;
  private static final long LOOK_NS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long DISK_RETRY_MS = 1_000;
  private static final long LATE_TOLD_NS = TimeUnit.MINUTES.toNanos(10);

  /** The device does not answer. */
  private static final class Lost extends Exception {
    private static final long serialVersionUID = 1;

    Lost(String why) {
      super(why);
    }
  }

  /** The tags that are read together. */
  private record Group(long periodNs, List<Settings.Tag> tags, PlcReadRequest request) {}

  private final Settings.Device device;
  private final Spool spool;
  private final PlcConnectionManager connections;
  private final int first; // number of its first tag
  private final int[] qualities; // that each tag was last sent with
  private boolean lost; // and its tags were told so
  private String told = "";
  private long late;
  private long lateTold = System.nanoTime() - LATE_TOLD_NS;

  Device(Settings.Device device, Spool spool, PlcConnectionManager connections) {
    this.device = device;
    this.spool = spool;
    this.connections = connections;
    this.first = device.tags().isEmpty() ? 0 : device.tags().get(0).number();
    this.qualities = new int[device.tags().size()];
    Arrays.fill(qualities, Reading.GOOD);
  }

  @Override
  public void run() {
    long pause = device.retryMinMs();
    while (!Thread.currentThread().isInterrupted()) {
      PlcConnection connection = null;
      boolean worked = false;
      try {
        connection = connect();
        worked = device.mode() == Settings.Mode.POLL ? poll(connection) : subscribe(connection);
      } catch (InterruptedException error) {
        return;
      } catch (Lost error) {
        worked = !lost; // it had answered before
        onLost(error.getMessage());
      } finally {
        close(connection);
      }
      pause = worked ? device.retryMinMs() : Math.min(pause * 2, device.retryMaxMs());
      try {
        Thread.sleep(pause / 2 + ThreadLocalRandom.current().nextLong(pause / 2 + 1));
      } catch (InterruptedException error) {
        return;
      }
    }
  }

  /**
   * PLC4X waits for as long as its drivers like, also where the connection is gone; we do not. `connection` is null where
   * there is none yet.
   */
  private <T> T within(CompletableFuture<T> future, PlcConnection connection, String what) throws Lost, InterruptedException {
    final long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(device.timeoutMs());
    for (;;) {
      try {
        return future.get(Math.min(LOOK_NS, Math.max(until - System.nanoTime(), 0)), TimeUnit.NANOSECONDS);
      } catch (TimeoutException error) {
        final boolean gone = connection != null && !connection.isConnected();
        if (!gone && System.nanoTime() - until < 0) continue;
        future.cancel(true);
        throw new Lost(gone ? "the connection was lost" : what + ": no answer within " + device.timeoutMs() + " ms");
      } catch (ExecutionException error) {
        throw new Lost(what + ": " + Log.why(error.getCause()));
      }
    }
  }

  private static Thread daemon(Runnable task, String name) {
    final Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private PlcConnection connect() throws Lost, InterruptedException {
    final CompletableFuture<PlcConnection> connected = new CompletableFuture<>();
    daemon(() -> {
      try {
        final PlcConnection connection = connections.getConnection(device.connection());
        if (!connected.complete(connection)) connection.close(); // too late: nobody waits any more
      } catch (Exception | LinkageError error) {
        connected.completeExceptionally(error);
      }
    }, "connect-" + device.name());
    final PlcConnection connection = within(connected, null, "cannot connect");
    if (!connection.isConnected()) {
      close(connection);
      throw new Lost("cannot connect");
    }
    return connection;
  }

  private void close(PlcConnection connection) {
    if (connection == null) return;
    try {
      daemon(() -> {
        try {
          connection.close();
        } catch (Exception error) {
          // It is gone either way.
        }
      }, "close-" + device.name()).join(CLOSE_MS);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- asked for

  private boolean poll(PlcConnection connection) throws Lost, InterruptedException {
    final List<Group> groups = groups(connection);
    final long[] due = new long[groups.size()];
    Arrays.fill(due, System.nanoTime());
    while (!groups.isEmpty()) {
      int next = 0;
      for (int i = 1; i < due.length; ++i) next = due[i] - due[next] < 0 ? i : next;
      TimeUnit.NANOSECONDS.sleep(due[next] - System.nanoTime());
      if (!connection.isConnected()) throw new Lost("the connection was lost");
      read(connection, groups.get(next));
      due[next] = nextTurn(due[next], groups.get(next).periodNs());
    }
    Thread.sleep(Long.MAX_VALUE); // none of it can be read, and that was said
    return true;
  }

  private long nextTurn(long due, long periodNs) {
    final long now = System.nanoTime();
    final long missed = Math.max(0, (now - due) / periodNs);
    late += missed;
    if (missed != 0 && now - lateTold > LATE_TOLD_NS) {
      lateTold = now;
      Log.warn(device.name() + ": too slow for its period: " + late + " turns left out so far");
    }
    return due + (missed + 1) * periodNs;
  }

  private List<Group> groups(PlcConnection connection) throws InterruptedException {
    final Map<Long, List<Settings.Tag>> byPeriod = new TreeMap<>();
    for (final Settings.Tag tag : device.tags()) byPeriod.computeIfAbsent(tag.periodMs(), period -> new ArrayList<>()).add(tag);
    final List<Group> groups = new ArrayList<>();
    for (final Map.Entry<Long, List<Settings.Tag>> entry : byPeriod.entrySet()) {
      final PlcReadRequest.Builder request = connection.readRequestBuilder();
      final List<Settings.Tag> tags = new ArrayList<>();
      for (final Settings.Tag tag : entry.getValue()) {
        final PlcTag parsed = parse(connection, tag);
        if (parsed == null) continue;
        request.addTag(tag.channel(), parsed);
        tags.add(tag);
      }
      if (!tags.isEmpty()) groups.add(new Group(TimeUnit.MILLISECONDS.toNanos(entry.getKey()), tags, request.build()));
    }
    return groups;
  }

  /** null: nobody understands the address, and its quality says so. */
  private PlcTag parse(PlcConnection connection, Settings.Tag tag) throws InterruptedException {
    String why = "is not understood";
    try {
      final PlcTag parsed = connection.parseTagAddress(tag.address()).orElse(null);
      if (parsed != null) return parsed;
    } catch (RuntimeException error) {
      why = Log.why(error);
    }
    if (qualities[tag.number() - first] == Reading.GOOD) Log.warn(device.name() + ": address '" + tag.address() + "': " + why);
    take(List.of(Reading.unknown(tag.number(), tag.type(), now())));
    return null;
  }

  private void read(PlcConnection connection, Group group) throws Lost, InterruptedException {
    final PlcReadResponse response = within(group.request().execute().thenApply(PlcReadResponse.class::cast), connection, "reading");
    final long time = now();
    final List<Reading> readings = new ArrayList<>(group.tags().size());
    for (final Settings.Tag tag : group.tags()) readings.add(reading(tag, response, time));
    onAnswer();
    take(readings);
  }

  private static Reading reading(Settings.Tag tag, PlcReadResponse from, long time) {
    final PlcResponseCode code = from.getResponseCode(tag.channel());
    return Reading.of(tag.number(), tag.type(), time, code, code == PlcResponseCode.OK ? from.getPlcValue(tag.channel()) : null);
  }

  // ---- sent by the device

  private boolean subscribe(PlcConnection connection) throws Lost, InterruptedException {
    final PlcSubscriptionRequest.Builder request = connection.subscriptionRequestBuilder();
    final List<Settings.Tag> tags = new ArrayList<>();
    for (final Settings.Tag tag : device.tags()) {
      final PlcTag parsed = parse(connection, tag);
      if (parsed == null) continue;
      tags.add(tag);
      if (device.mode() == Settings.Mode.CYCLIC) {
        request.addCyclicTag(tag.channel(), parsed, Duration.ofMillis(tag.periodMs()));
      } else {
        request.addChangeOfStateTag(tag.channel(), parsed);
      }
    }
    if (tags.isEmpty()) Thread.sleep(Long.MAX_VALUE); // none of it can be read, and that was said
    final PlcSubscriptionResponse response = within(request.build().execute().thenApply(PlcSubscriptionResponse.class::cast), connection, "subscribing");
    onAnswer();
    for (final Settings.Tag tag : tags) {
      final PlcResponseCode code = response.getResponseCode(tag.channel());
      if (code == PlcResponseCode.OK) {
        response.getSubscriptionHandle(tag.channel()).register(event -> onEvent(tag, event));
      } else {
        take(List.of(Reading.of(tag.number(), tag.type(), now(), code, null)));
      }
    }
    while (connection.isConnected()) Thread.sleep(Math.min(device.timeoutMs(), 500));
    throw new Lost("the connection was lost");
  }

  private void onEvent(Settings.Tag tag, PlcSubscriptionEvent event) {
    try {
      final Instant time = event.getTimestamp();
      take(List.of(reading(tag, event, time == null ? now() : ns(time))));
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException error) {
      Log.warn(device.name() + ": " + tag.channel() + ": what it sent cannot be read: " + Log.why(error));
    }
  }

  // ---- what became of it

  private static long now() {
    return ns(Instant.now());
  }

  private static long ns(Instant time) {
    return time.getEpochSecond() * 1_000_000_000 + time.getNano();
  }

  private void onAnswer() {
    if (lost || told.isEmpty()) Log.info(device.name() + ": answers");
    lost = false;
    told = "answers";
  }

  private void onLost(String why) {
    if (!why.equals(told)) Log.warn(device.name() + ": " + why + "; trying again");
    told = why;
    if (lost) return;
    lost = true;
    final long time = now();
    final List<Reading> bad = new ArrayList<>();
    for (final Settings.Tag tag : device.tags()) bad.add(Reading.bad(tag.number(), tag.type(), time, Reading.BAD_NO_COMMUNICATION));
    try {
      take(bad);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  /** Into the spool; waits while the disk fails. A bad quality that stays is said once. */
  private synchronized void take(List<Reading> readings) throws InterruptedException {
    final List<Reading> news = new ArrayList<>(readings.size());
    for (final Reading reading : readings) {
      final int before = qualities[reading.channel() - first];
      if (reading.quality() != Reading.GOOD && reading.quality() == before) continue;
      qualities[reading.channel() - first] = reading.quality();
      news.add(reading);
    }
    for (int i = 0; i < news.size(); i += READINGS_A_FRAME) append(news.subList(i, Math.min(news.size(), i + READINGS_A_FRAME)));
  }

  private void append(List<Reading> readings) throws InterruptedException {
    for (boolean failed = false;; failed = true) {
      try {
        spool.append(readings);
        return;
      } catch (IOException error) {
        if (!failed) Log.warn("the spool: " + Log.why(error));
        Thread.sleep(DISK_RETRY_MS);
      }
    }
  }
}
