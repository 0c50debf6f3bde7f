package millwright.plc4x;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Sends what the spool holds to the plant over the burst stream (docs/format/burst.md) and forgets what the plant has on
 * its disk. A plant that is away is tried again with growing pauses, for good.
 *
 * <p>Threads: run() on one, and one of its own a connection that reads acknowledgements; stop() from any.
 */
final class Sender implements Runnable {
  private static final int CONNECT_MS = 5_000;
  private static final int SILENCE_MS = 10_000; // a plant that says nothing for so long is gone
  private static final long RETRY_MIN_MS = 100;
  private static final long RETRY_MAX_MS = 5_000;
  private static final long PING_MAX_MS = 1_000;
  private static final int WRITE_BYTES = 64 * 1024;

  private final Settings settings;
  private final Spool spool;
  private volatile boolean stopping;
  private volatile Socket socket;
  private String told = ""; // the last trouble that was logged
  private volatile String refused; // why the plant ended the connection
  private volatile boolean welcomed;

  Sender(Settings settings, Spool spool) {
    this.settings = settings;
    this.spool = spool;
  }

  @Override
  public void run() {
    long pause = RETRY_MIN_MS;
    while (!stopping) {
      welcomed = false;
      refused = null;
      try {
        serve();
      } catch (IOException | Frame.Malformed error) {
        tell(refused == null ? Log.why(error) : refused);
      } catch (InterruptedException error) {
        return;
      }
      pause = welcomed ? RETRY_MIN_MS : Math.min(pause * 2, RETRY_MAX_MS);
      // Half of it at random, so that many drivers do not come back at one moment.
      sleep(pause / 2 + ThreadLocalRandom.current().nextLong(pause / 2 + 1));
    }
  }

  void stop() {
    stopping = true;
    close(socket);
  }

  private void sleep(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException error) {
      stopping = true;
    }
  }

  private void tell(String trouble) {
    if (stopping || trouble.equals(told)) return;
    told = trouble;
    Log.warn("plant " + settings.host() + ":" + settings.port() + ": " + trouble + "; readings wait in the spool");
  }

  private static void close(Socket what) {
    if (what == null) return;
    try {
      what.close();
    } catch (IOException error) {
      // It is gone either way.
    }
  }

  private void serve() throws IOException, Frame.Malformed, InterruptedException {
    try (Socket connection = new Socket()) {
      socket = connection;
      connection.connect(new InetSocketAddress(settings.host(), settings.port()), CONNECT_MS);
      connection.setTcpNoDelay(true);
      connection.setSoTimeout(SILENCE_MS);
      final OutputStream out = new BufferedOutputStream(connection.getOutputStream(), WRITE_BYTES);
      final DataInputStream in = new DataInputStream(connection.getInputStream());
      final Frame.Welcome welcome = greet(out, in);
      final Thread reader = new Thread(() -> readAnswers(connection, in), "plant-answers");
      reader.setDaemon(true);
      reader.start();
      try {
        send(out, welcome);
      } finally {
        // The plant says why before it closes: let the reader come to it.
        reader.join(500);
        close(connection);
        reader.join();
      }
    }
  }

  private Frame.Welcome greet(OutputStream out, DataInputStream in) throws IOException, Frame.Malformed {
    final long epoch = spool.epoch();
    write(out, Frame.hello(epoch, spool.oldest(), spool.dropped(), settings.source(), "millwright-plc4x"));
    out.flush();
    final ByteBuffer answer = read(in);
    final int type = Frame.header(answer).type();
    if (type == Frame.ERROR) throw onError(Frame.error(answer));
    if (type != Frame.WELCOME) throw new Frame.Malformed("answered a hello with a message of type " + type);
    final Frame.Welcome welcome = Frame.welcome(answer);
    if (welcome.epoch() != epoch || welcome.sequence() >= spool.next()) {
      spool.renumber(welcome.epoch());
      throw new IOException("has later data of '" + settings.source() + "' than epoch " + epoch + "; going on as epoch " + spool.epoch());
    }
    spool.acknowledge(welcome.sequence());
    welcomed = true;
    told = "";
    Log.info("plant " + settings.host() + ":" + settings.port() + ": connected, epoch " + epoch + ", has all up to " + welcome.sequence()
        + ", " + (spool.next() - spool.oldest()) + " frames to send");
    return welcome;
  }

  private void send(OutputStream out, Frame.Welcome welcome) throws IOException, InterruptedException {
    final long ping = Math.max(50, Math.min(welcome.idleTimeoutMs() / 3, PING_MAX_MS));
    long pings = 0;
    try (Spool.Cursor cursor = spool.open()) {
      while (!stopping) {
        ByteBuffer frame = spool.take(cursor, 0);
        if (frame == null) {
          out.flush();
          frame = spool.take(cursor, ping);
        }
        if (frame == null) frame = Frame.ping(++pings, spool.dropped());
        if (frame.remaining() - Frame.HEADER_BYTES > welcome.frameBytesMax()) {
          throw new IOException("takes frames of " + welcome.frameBytesMax() + " bytes; raise its frame_bytes_max to at least " + frame.remaining());
        }
        write(out, frame);
      }
    }
  }

  private void readAnswers(Socket connection, DataInputStream in) {
    try {
      for (;;) {
        final ByteBuffer answer = read(in);
        switch (Frame.header(answer).type()) {
          case Frame.ACK -> {
            final Frame.Ack ack = Frame.ack(answer);
            if (ack.epoch() == spool.epoch()) spool.acknowledge(ack.sequence());
          }
          case Frame.ERROR -> {
            final Frame.Refusal refusal = Frame.error(answer);
            if (refusal.number() < Frame.Refusal.FIRST_OF_CHANNEL) throw onError(refusal);
            Log.warn("the plant skips a channel: " + refusal.text());
          }
          case Frame.PONG -> { }
          default -> throw new Frame.Malformed("sent a message that a sender does not expect");
        }
      }
    } catch (IOException | Frame.Malformed error) {
      if (refused == null) refused = Log.why(error);
    } finally {
      close(connection);
    }
  }

  private IOException onError(Frame.Refusal refusal) throws IOException {
    refused = "says: " + refusal.text();
    if (refusal.number() == Frame.Refusal.STALE_EPOCH) spool.renumber(spool.epoch());
    return new IOException(refused);
  }

  private static void write(OutputStream out, ByteBuffer frame) throws IOException {
    out.write(frame.array(), frame.arrayOffset() + frame.position(), frame.remaining());
  }

  private static ByteBuffer read(DataInputStream in) throws IOException, Frame.Malformed {
    final ByteBuffer head = Frame.allocate(Frame.HEADER_BYTES);
    final int first = in.read();
    if (first < 0) throw new IOException("closed the connection");
    head.put((byte) first);
    in.readFully(head.array(), 1, Frame.HEADER_BYTES - 1);
    head.rewind();
    final ByteBuffer frame = Frame.allocate(Frame.HEADER_BYTES + Frame.header(head).payloadBytes());
    frame.put(head.array());
    in.readFully(frame.array(), Frame.HEADER_BYTES, frame.remaining());
    frame.rewind();
    if (!Frame.isIntact(frame)) throw new Frame.Malformed("sent a frame that fails its checksum");
    return frame;
  }
}
