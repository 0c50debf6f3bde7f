package millwright.plc4x;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Against the bytes that docs/format/burst.md shows. */
class FrameTest {
  private static byte[] example(String name) throws Exception {
    final String page = Files.readString(Path.of("..", "..", "docs", "format", "burst.md"));
    final int begin = page.indexOf("```hex " + name + "\n") + ("```hex " + name + "\n").length();
    final String block = page.substring(begin, page.indexOf("```", begin)).replaceAll("#.*", "").replaceAll("\\s", "");
    return HexFormat.of().parseHex(block);
  }

  private static ByteBuffer frame(byte[] bytes) {
    return Frame.allocate(bytes.length).put(bytes).rewind();
  }

  private static byte[] bytes(ByteBuffer frame) {
    final byte[] out = new byte[frame.remaining()];
    frame.get(out);
    return out;
  }

  private static Settings.Tag tag(int number, String channel, Reading.Type type) {
    return new Settings.Tag(number, channel, channel, type, 1000);
  }

  @Test
  void saysHelloAndDeclaresAsThePageShows() throws Exception {
    assertArrayEquals(example("hello"), bytes(Frame.hello(7, 1, 0, "press-7", "demo")));
    assertArrayEquals(example("declare"),
        bytes(Frame.declare(List.of(tag(0, "vib", Reading.Type.FLOAT32), tag(1, "count", Reading.Type.INT64)))));
  }

  @Test
  void readsWhatAPlantSays() throws Exception {
    assertEquals(new Frame.Welcome(7, 0, 4 << 20, 30_000), Frame.welcome(frame(example("welcome"))));
    assertEquals(new Frame.Ack(7, 1), Frame.ack(frame(example("ack"))));
    final Frame.Refusal refusal = Frame.error(frame(example("error")));
    assertEquals(100, refusal.number());
    assertEquals(1, refusal.channel());
    assertEquals("no sensor has the channel 'count' as its address", refusal.text());
  }

  @Test
  void dataHasOneBlockAReading() throws Exception {
    final ByteBuffer data = Frame.data(9, List.of(new Reading(3, Reading.Type.INT64, 5, Reading.GOOD, -2L),
        Reading.bad(4, Reading.Type.BOOL, 6, Reading.BAD_NO_COMMUNICATION)));
    assertEquals(new Frame.Header(Frame.DATA, 9, data.remaining() - Frame.HEADER_BYTES), Frame.header(data));
    assertTrue(Frame.isIntact(data));
    assertEquals(2, Frame.readings(data));
    final String rest = HexFormat.of().formatHex(bytes(data)).substring(2 * Frame.HEADER_BYTES);
    assertEquals("02000000" + "03000000" + "02" + "00" + "0100" + "0500000000000000" + "0000000000000000" + "feffffffffffffff"
        + "04000000" + "03" + "02" + "0100" + "0600000000000000" + "0000000000000000" + "0100" + "0100" + "00003180" + "00", rest);
  }

  @Test
  void renumberedFramesAreSealedAnew() throws Exception {
    final ByteBuffer data = Frame.data(9, List.of(new Reading(0, Reading.Type.FLOAT32, 5, Reading.GOOD, 1.5)));
    Frame.renumber(data, 1);
    assertEquals(1, Frame.header(data).sequence());
    assertTrue(Frame.isIntact(data));
    data.put(30, (byte) 1);
    assertFalse(Frame.isIntact(data));
  }

  @Test
  void refusesWhatIsNoFrame() throws Exception {
    final byte[] wrong = example("ack");
    wrong[0] = 0;
    assertThrows(Frame.Malformed.class, () -> Frame.header(frame(wrong)));
    final byte[] huge = example("ack");
    huge[19] = (byte) 0x7F;
    assertThrows(Frame.Malformed.class, () -> Frame.header(frame(huge)));
    assertThrows(Frame.Malformed.class, () -> Frame.welcome(frame(example("ack"))));
  }
}
