package millwright.plc4x;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigInteger;
import java.util.List;
import org.apache.plc4x.java.api.types.PlcResponseCode;
import org.apache.plc4x.java.api.value.PlcValue;
import org.apache.plc4x.java.spi.values.PlcBOOL;
import org.apache.plc4x.java.spi.values.PlcDINT;
import org.apache.plc4x.java.spi.values.PlcINT;
import org.apache.plc4x.java.spi.values.PlcLREAL;
import org.apache.plc4x.java.spi.values.PlcList;
import org.apache.plc4x.java.spi.values.PlcREAL;
import org.apache.plc4x.java.spi.values.PlcSTRING;
import org.apache.plc4x.java.spi.values.PlcULINT;
import org.junit.jupiter.api.Test;

class ReadingTest {
  private static Reading of(Reading.Type type, PlcValue value) {
    return Reading.of(1, type, 5, PlcResponseCode.OK, value);
  }

  private static void bad(int quality, Reading reading) {
    assertEquals(Integer.toHexString(quality), Integer.toHexString(reading.quality()));
  }

  @Test
  void valuesStayExactlyWhatTheyAre() {
    assertEquals(21.75, of(Reading.Type.FLOAT64, new PlcREAL(21.75f)).value());
    assertEquals(-7.0, of(Reading.Type.FLOAT32, new PlcINT(-7)).value());
    assertEquals(-70_000L, of(Reading.Type.INT64, new PlcDINT(-70_000)).value());
    assertEquals(3L, of(Reading.Type.STATE, new PlcLREAL(3.0)).value());
    assertEquals(1L, of(Reading.Type.BOOL, new PlcBOOL(true)).value());
    assertEquals(4L, of(Reading.Type.INT64, new PlcList(List.of(new PlcINT(4)))).value());
    assertEquals(Double.NaN, of(Reading.Type.FLOAT64, new PlcLREAL(Double.NaN)).value().doubleValue());
  }

  @Test
  void whatDoesNotFitIsBad() {
    bad(0x80740000, of(Reading.Type.INT64, new PlcLREAL(1.5)));
    bad(0x80740000, of(Reading.Type.INT64, new PlcLREAL(Double.NaN)));
    bad(0x80740000, of(Reading.Type.FLOAT64, new PlcSTRING("warm")));
    bad(0x80740000, of(Reading.Type.INT64, new PlcList(List.of(new PlcINT(4), new PlcINT(5)))));
    bad(0x803C0000, of(Reading.Type.BOOL, new PlcINT(2)));
    bad(0x803C0000, of(Reading.Type.INT64, new PlcULINT(BigInteger.TWO.pow(63))));
  }

  @Test
  void whatADeviceRefusesSaysWhy() {
    bad(0x80340000, Reading.of(1, Reading.Type.BOOL, 5, PlcResponseCode.NOT_FOUND, null));
    bad(0x80340000, Reading.of(1, Reading.Type.BOOL, 5, PlcResponseCode.INVALID_ADDRESS, null));
    bad(0x801F0000, Reading.of(1, Reading.Type.BOOL, 5, PlcResponseCode.ACCESS_DENIED, null));
    bad(0x808B0000, Reading.of(1, Reading.Type.BOOL, 5, PlcResponseCode.REMOTE_ERROR, null));
    bad(0x808B0000, of(Reading.Type.BOOL, null));
  }
}
