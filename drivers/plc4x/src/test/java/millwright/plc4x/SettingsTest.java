package millwright.plc4x;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
  private static final String GOOD = """
      plant: 127.0.0.1:4850
      source: plc4x
      spool: spool
      devices:
        - name: press
          connection: "s7://10.0.0.5"
          tags:
            - {channel: press/force, address: "%DB1.DBD0:REAL"}
            - {channel: press/count, address: "%DB1.DBD4:DINT", type: int64, period_ms: 100}
        - {name: bus, connection: "knxnet-ip://10.0.0.6", mode: changes, tags: [{channel: t, address: "1/2/3:DPT"}]}
      """;
  @TempDir Path folder;

  private Settings read(String yaml) throws Exception {
    return Settings.read(Files.writeString(folder.resolve("driver.yaml"), yaml));
  }

  private void wrong(String from, String to, String why) {
    final Settings.Wrong error = assertThrows(Settings.Wrong.class, () -> read(GOOD.replace(from, to)));
    assertTrue(error.getMessage().contains(why), error.getMessage());
  }

  @Test
  void readsDevicesAndTags() throws Exception {
    final Settings settings = read(GOOD);
    assertEquals("127.0.0.1", settings.host());
    assertEquals(4850, settings.port());
    assertEquals(3, settings.tags().size());
    assertEquals(new Settings.Tag(1, "press/count", "%DB1.DBD4:DINT", Reading.Type.INT64, 100), settings.tags().get(1));
    assertEquals(Settings.Mode.CHANGES, settings.devices().get(1).mode());
    assertEquals(2, settings.devices().get(1).tags().get(0).number());
  }

  @Test
  void saysWhatIsWrongAndWhere() {
    wrong("127.0.0.1:4850", "here", "plant: 'here' is not host:port");
    wrong("source: plc4x", "sourze: plc4x", "sourze: unknown key");
    wrong("name: bus", "name: press", "devices[1].name: another device is called 'press'");
    wrong("channel: t,", "channel: press/force,", "devices[1].tags[0].channel: another tag is called");
    wrong("type: int64", "type: int46", "devices[0].tags[1].type: there is no 'int46'");
    wrong("period_ms: 100", "period_ms: 0", "devices[0].tags[1].period_ms: is not a whole number");
    wrong("spool: spool", "spool: [", "driver.yaml");
    assertThrows(Settings.Wrong.class, () -> Settings.read(folder.resolve("not-there.yaml")));
  }
}
