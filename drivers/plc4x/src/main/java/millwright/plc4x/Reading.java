package millwright.plc4x;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import org.apache.plc4x.java.api.types.PlcResponseCode;
import org.apache.plc4x.java.api.value.PlcValue;

/**
 * One value of one channel, with its time (ns UTC) and quality (an OPC UA status code). A value that does not fit the
 * channel's type is bad, never bent.
 */
record Reading(int channel, Type type, long timeNs, int quality, Number value) {
  static final int GOOD = 0;
  static final int BAD_NO_COMMUNICATION = 0x80310000;
  private static final int BAD_NODE_ID_UNKNOWN = 0x80340000;
  private static final int BAD_USER_ACCESS_DENIED = 0x801F0000;
  private static final int BAD_TYPE_MISMATCH = 0x80740000;
  private static final int BAD_OUT_OF_RANGE = 0x803C0000;
  private static final int BAD_NOT_SUPPORTED = 0x803D0000;
  private static final int BAD_DEVICE_FAILURE = 0x808B0000;

  /** In the order of the burst stream's numbers. */
  enum Type {
    FLOAT64(8),
    FLOAT32(4),
    INT64(8),
    BOOL(1),
    STATE(4);

    final int bytes;

    Type(int bytes) {
      this.bytes = bytes;
    }
  }

  static Reading bad(int channel, Type type, long timeNs, int quality) {
    return new Reading(channel, type, timeNs, quality, 0);
  }

  /** A tag that its device does not know, or whose address nobody understands. */
  static Reading unknown(int channel, Type type, long timeNs) {
    return bad(channel, type, timeNs, BAD_NODE_ID_UNKNOWN);
  }

  /** What a device answered for a tag. */
  static Reading of(int channel, Type type, long timeNs, PlcResponseCode code, PlcValue value) {
    if (code != PlcResponseCode.OK) return bad(channel, type, timeNs, quality(code));
    if (value == null || value.isNull()) return bad(channel, type, timeNs, BAD_DEVICE_FAILURE);
    if (value.isList() && value.getLength() != 1) return bad(channel, type, timeNs, BAD_TYPE_MISMATCH);
    final Object raw = value.isList() ? value.getIndex(0).getObject() : value.getObject();
    final BigDecimal number = number(raw);
    if (number == null) {
      // Real numbers also have values that are none, which the plant keeps and marks.
      if (raw instanceof Number real && type.ordinal() <= Type.FLOAT32.ordinal()) return new Reading(channel, type, timeNs, GOOD, real);
      return bad(channel, type, timeNs, BAD_TYPE_MISMATCH);
    }
    return switch (type) {
      case FLOAT64, FLOAT32 -> new Reading(channel, type, timeNs, GOOD, number.doubleValue());
      case INT64 -> whole(channel, type, timeNs, number, Long.MIN_VALUE, Long.MAX_VALUE);
      case STATE -> whole(channel, type, timeNs, number, Integer.MIN_VALUE, Integer.MAX_VALUE);
      case BOOL -> whole(channel, type, timeNs, number, 0, 1);
    };
  }

  private static Reading whole(int channel, Type type, long timeNs, BigDecimal number, long low, long high) {
    if (number.stripTrailingZeros().scale() > 0) return bad(channel, type, timeNs, BAD_TYPE_MISMATCH);
    if (number.compareTo(BigDecimal.valueOf(low)) < 0 || number.compareTo(BigDecimal.valueOf(high)) > 0) {
      return bad(channel, type, timeNs, BAD_OUT_OF_RANGE);
    }
    return new Reading(channel, type, timeNs, GOOD, number.longValue());
  }

  /** null: not a number, or not a finite one. */
  private static BigDecimal number(Object raw) {
    if (raw instanceof Boolean truth) return truth ? BigDecimal.ONE : BigDecimal.ZERO;
    if (raw instanceof BigDecimal decimal) return decimal;
    if (raw instanceof BigInteger integer) return new BigDecimal(integer);
    if (raw instanceof Double || raw instanceof Float) {
      final double real = ((Number) raw).doubleValue();
      return Double.isFinite(real) ? new BigDecimal(real) : null;
    }
    return raw instanceof Number integer ? BigDecimal.valueOf(integer.longValue()) : null;
  }

  private static int quality(PlcResponseCode code) {
    return switch (code) {
      case NOT_FOUND, INVALID_ADDRESS -> BAD_NODE_ID_UNKNOWN;
      case ACCESS_DENIED -> BAD_USER_ACCESS_DENIED;
      case INVALID_DATATYPE, INVALID_DATA -> BAD_TYPE_MISMATCH;
      case UNSUPPORTED -> BAD_NOT_SUPPORTED;
      default -> BAD_DEVICE_FAILURE;
    };
  }

  void putValue(ByteBuffer to) {
    switch (type) {
      case FLOAT64 -> to.putDouble(value.doubleValue());
      case FLOAT32 -> to.putFloat(value.floatValue());
      case INT64 -> to.putLong(value.longValue());
      case STATE -> to.putInt(value.intValue());
      case BOOL -> to.put(value.byteValue());
    }
  }
}
