package millwright.plc4x;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Messages of the burst stream, version 1 (docs/format/burst.md): a header of 24 bytes and a payload, little-endian.
 *
 * <p>Threads: pure functions. Errors: {@link Malformed} on bytes that break the format.
 */
final class Frame {
  static final int HEADER_BYTES = 24;
  static final int PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;
  static final int NAME_BYTES_MAX = 512;

  static final int HELLO = 1;
  static final int WELCOME = 2;
  static final int DECLARE = 3;
  static final int DATA = 4;
  static final int ACK = 5;
  static final int ERROR = 6;
  static final int PING = 7;
  static final int PONG = 8;

  private static final int MAGIC = 0x3142574D; // "MWB1"
  private static final int VERSION = 1;
  private static final int LENGTH_AT = 16;
  private static final int CHECKSUM_AT = 20;
  private static final int SEQUENCE_AT = 8;
  private static final int WITH_QUALITY = 2; // a block's flag
  private static final int TEXT_BYTES_MAX = 1024;

  /** Bytes that are no frame, or not the one expected. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1;

    Malformed(String why) {
      super(why);
    }
  }

  /** The header's fields; what they say was checked, the checksum was not. */
  record Header(int type, long sequence, int payloadBytes) {}

  private Frame() {}

  static ByteBuffer allocate(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Of the first 24 bytes from the buffer's position, which stays. */
  static Header header(ByteBuffer bytes) throws Malformed {
    final int at = bytes.position();
    if (bytes.getInt(at) != MAGIC || bytes.get(at + 4) != VERSION) throw new Malformed("not a frame of the burst stream");
    final int type = bytes.get(at + 5);
    final int length = bytes.getInt(at + LENGTH_AT);
    if (type < HELLO || type > PONG || bytes.getShort(at + 6) != 0) throw new Malformed("a frame of an unknown type, " + type);
    if (length < 0 || length > PAYLOAD_BYTES_MAX) throw new Malformed("a frame with a payload of " + Integer.toUnsignedLong(length) + " bytes");
    return new Header(type, bytes.getLong(at + SEQUENCE_AT), length);
  }

  /** Whether a whole frame, from position to limit, is what its sender sealed. */
  static boolean isIntact(ByteBuffer frame) {
    return frame.getInt(frame.position() + CHECKSUM_AT) == checksum(frame);
  }

  private static int checksum(ByteBuffer frame) {
    final CRC32C crc = new CRC32C();
    crc.update(frame.slice(frame.position(), CHECKSUM_AT));
    crc.update(frame.slice(frame.position() + HEADER_BYTES, frame.remaining() - HEADER_BYTES));
    return (int) crc.getValue();
  }

  /** Numbers a data frame anew. */
  static void renumber(ByteBuffer frame, long sequence) {
    frame.putLong(frame.position() + SEQUENCE_AT, sequence);
    frame.putInt(frame.position() + CHECKSUM_AT, checksum(frame));
  }

  private static ByteBuffer begin(int type, long sequence, int payloadBytes) {
    return allocate(HEADER_BYTES + payloadBytes).putInt(MAGIC).put((byte) VERSION).put((byte) type).putShort((short) 0)
        .putLong(sequence).putInt(payloadBytes).putInt(0);
  }

  private static ByteBuffer seal(ByteBuffer frame) {
    frame.flip();
    return frame.putInt(CHECKSUM_AT, checksum(frame));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static ByteBuffer text(ByteBuffer to, byte[] utf8) {
    return to.putShort((short) utf8.length).put(utf8);
  }

  static ByteBuffer hello(long epoch, long oldest, long dropped, String source, String client) {
    final byte[] name = utf8(source);
    final byte[] program = utf8(client);
    final ByteBuffer frame = begin(HELLO, 0, 3 * Long.BYTES + 2 * Short.BYTES + name.length + program.length);
    frame.putLong(epoch).putLong(oldest).putLong(dropped);
    return seal(text(text(frame, name), program));
  }

  /** Channel numbers are the tags' places in the list. */
  static ByteBuffer declare(List<Settings.Tag> tags) {
    int bytes = Integer.BYTES;
    for (final Settings.Tag tag : tags) bytes += Integer.BYTES + 1 + Short.BYTES + utf8(tag.channel()).length;
    final ByteBuffer frame = begin(DECLARE, 0, bytes).putInt(tags.size());
    for (int i = 0; i < tags.size(); ++i) {
      frame.putInt(i).put((byte) tags.get(i).type().ordinal());
      text(frame, utf8(tags.get(i).channel()));
    }
    return seal(frame);
  }

  /** One block a reading. */
  static ByteBuffer data(long sequence, List<Reading> readings) {
    int bytes = Integer.BYTES;
    for (final Reading reading : readings) bytes += blockBytes(reading);
    final ByteBuffer frame = begin(DATA, sequence, bytes).putInt(readings.size());
    for (final Reading reading : readings) {
      final boolean good = reading.quality() == Reading.GOOD;
      frame.putInt(reading.channel()).put((byte) reading.type().ordinal()).put((byte) (good ? 0 : WITH_QUALITY));
      frame.putShort((short) 1).putLong(reading.timeNs()).putLong(0);
      if (!good) frame.putShort((short) 1).putShort((short) 1).putInt(reading.quality());
      reading.putValue(frame);
    }
    return seal(frame);
  }

  private static int blockBytes(Reading reading) {
    final int head = Integer.BYTES + 2 + Short.BYTES + 2 * Long.BYTES;
    final int quality = reading.quality() == Reading.GOOD ? 0 : 2 * Short.BYTES + Integer.BYTES;
    return head + quality + reading.type().bytes;
  }

  /** Of a data frame that data() made. */
  static int readings(ByteBuffer frame) {
    return frame.getInt(frame.position() + HEADER_BYTES);
  }

  static ByteBuffer ping(long token, long dropped) {
    return seal(begin(PING, 0, 2 * Long.BYTES).putLong(token).putLong(dropped));
  }

  record Hello(long epoch, long oldest, long dropped, String source) {}

  record Welcome(long epoch, long sequence, int frameBytesMax, int idleTimeoutMs) {}

  record Ack(long epoch, long sequence) {}

  record Refusal(int number, int channel, String text) {
    static final int STALE_EPOCH = 6;
    static final int FIRST_OF_CHANNEL = 100; // from here on all else flows
  }

  static Hello hello(ByteBuffer frame) throws Malformed {
    final ByteBuffer payload = payload(frame, 3 * Long.BYTES);
    return new Hello(payload.getLong(), payload.getLong(), payload.getLong(), text(payload));
  }

  static Welcome welcome(ByteBuffer frame) throws Malformed {
    final ByteBuffer payload = payload(frame, 2 * Long.BYTES + 2 * Integer.BYTES);
    return new Welcome(payload.getLong(), payload.getLong(), payload.getInt(), payload.getInt());
  }

  static Ack ack(ByteBuffer frame) throws Malformed {
    final ByteBuffer payload = payload(frame, 2 * Long.BYTES);
    return new Ack(payload.getLong(), payload.getLong());
  }

  static Refusal error(ByteBuffer frame) throws Malformed {
    final ByteBuffer payload = payload(frame, Short.BYTES + Integer.BYTES);
    return new Refusal(Short.toUnsignedInt(payload.getShort()), payload.getInt(), text(payload));
  }

  private static ByteBuffer payload(ByteBuffer frame, int bytesMin) throws Malformed {
    if (frame.remaining() < HEADER_BYTES + bytesMin) throw new Malformed("a frame that is too short");
    return frame.slice(frame.position() + HEADER_BYTES, frame.remaining() - HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static String text(ByteBuffer payload) throws Malformed {
    if (payload.remaining() < Short.BYTES) throw new Malformed("a text that is cut off");
    final int length = Short.toUnsignedInt(payload.getShort());
    if (length > payload.remaining() || length > TEXT_BYTES_MAX) throw new Malformed("a text of " + length + " bytes");
    final byte[] utf8 = new byte[length];
    payload.get(utf8);
    return new String(utf8, StandardCharsets.UTF_8);
  }
}
