package millwright.plc4x;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.YAMLException;

/**
 * What the driver reads, where it keeps it and to whom it sends it: one YAML file under a closed schema
 * (docs/plc4x.md). A connector of type plc4x writes it from the plant's file; beside a plant it is written by hand.
 *
 * <p>Threads: immutable. Errors: {@link Wrong} with the file and the key.
 */
record Settings(String host, int port, String source, Path spool, long spoolBytes, List<Device> devices, List<Tag> tags) {
  /** How readings come: asked for every period, or sent by the device: where they change, or every period. */
  enum Mode {
    POLL,
    CHANGES,
    CYCLIC
  }

  /** `channel` is what the plant's sensor has as its address, `number` its place in tags(). */
  record Tag(int number, String channel, String address, Reading.Type type, long periodMs) {}

  record Device(String name, String connection, Mode mode, long timeoutMs, long retryMinMs, long retryMaxMs, List<Tag> tags) {}

  static final class Wrong extends Exception {
    private static final long serialVersionUID = 1;

    Wrong(String why) {
      super(why);
    }
  }

  private static final long SPOOL_BYTES = 256L << 20;
  private static final long SPOOL_BYTES_MIN = 1L << 20;
  private static final long HOUR_MS = 3_600_000;
  private static final int TAGS_MAX = 1 << 20; // channel numbers of the burst stream

  static Settings read(Path file) throws Wrong {
    final LoaderOptions limits = new LoaderOptions();
    limits.setCodePointLimit(256 << 20);
    final Object root;
    try {
      root = new Yaml(new SafeConstructor(limits)).load(Files.readString(file, StandardCharsets.UTF_8));
    } catch (IOException error) {
      throw new Wrong(file + ": cannot be read: " + error.getMessage());
    } catch (YAMLException error) {
      throw new Wrong(file + ": " + error.getMessage());
    }
    try {
      return plant(new Section("", root));
    } catch (Wrong error) {
      throw new Wrong(file + ": " + error.getMessage());
    }
  }

  private static Settings plant(Section at) throws Wrong {
    at.only("plant", "source", "spool", "spool_bytes", "devices");
    final String plant = at.text("plant", null);
    final int colon = plant.lastIndexOf(':');
    final int port;
    try {
      port = Integer.parseInt(plant.substring(colon + 1));
    } catch (NumberFormatException error) {
      throw new Wrong("plant: '" + plant + "' is not host:port");
    }
    if (colon < 1 || port < 1 || port > 65535) throw new Wrong("plant: '" + plant + "' is not host:port");
    final List<Device> devices = new ArrayList<>();
    final List<Tag> tags = new ArrayList<>();
    final Set<String> names = new HashSet<>();
    for (final Section device : at.list("devices")) devices.add(device(device, tags, names));
    if (tags.size() > TAGS_MAX) throw new Wrong("devices: " + tags.size() + " tags; " + TAGS_MAX + " are the most");
    return new Settings(plant.substring(0, colon), port, name(at, "source"), Path.of(at.text("spool", null)),
        at.whole("spool_bytes", SPOOL_BYTES, SPOOL_BYTES_MIN, 1L << 50), List.copyOf(devices), List.copyOf(tags));
  }

  private static Device device(Section at, List<Tag> all, Set<String> names) throws Wrong {
    at.only("name", "connection", "mode", "timeout_ms", "retry_min_ms", "retry_max_ms", "tags");
    final String name = name(at, "name");
    if (!names.add("device " + name)) throw at.wrong("name", "another device is called '" + name + "'");
    final List<Tag> tags = new ArrayList<>();
    for (final Section tag : at.list("tags")) {
      tags.add(tag(tag, all.size() + tags.size()));
      final String channel = tags.get(tags.size() - 1).channel();
      if (!names.add("tag " + channel)) throw tag.wrong("channel", "another tag is called '" + channel + "'");
    }
    all.addAll(tags);
    final long retryMin = at.whole("retry_min_ms", 500, 1, HOUR_MS);
    return new Device(name, at.text("connection", null), at.choice("mode", Mode.class, "poll"), at.whole("timeout_ms", 5000, 10, HOUR_MS),
        retryMin, Math.max(retryMin, at.whole("retry_max_ms", 30_000, 1, HOUR_MS)), List.copyOf(tags));
  }

  private static Tag tag(Section at, int number) throws Wrong {
    at.only("channel", "address", "type", "period_ms");
    return new Tag(number, name(at, "channel"), at.text("address", null), at.choice("type", Reading.Type.class, "float64"),
        at.whole("period_ms", 1000, 1, 24 * HOUR_MS));
  }

  private static String name(Section at, String key) throws Wrong {
    final String name = at.text(key, null);
    if (name.isEmpty() || name.getBytes(StandardCharsets.UTF_8).length > Frame.NAME_BYTES_MAX || name.chars().anyMatch(c -> c < 0x20 || c == 0x7F)) {
      throw at.wrong(key, "a name has 1 to " + Frame.NAME_BYTES_MAX + " bytes and no control characters");
    }
    return name;
  }

  /** A mapping of the file, and where it is. */
  private record Section(String path, Map<?, ?> keys) {
    Section(String path, Object node) throws Wrong {
      this(path, mapping(path, node));
    }

    private static Map<?, ?> mapping(String path, Object node) throws Wrong {
      if (node instanceof Map<?, ?> map) return map;
      throw new Wrong((path.isEmpty() ? "the file" : path) + ": is not a mapping of keys");
    }

    Wrong wrong(String key, String why) {
      return new Wrong((path.isEmpty() ? key : path + "." + key) + ": " + why);
    }

    void only(String... known) throws Wrong {
      for (final Object key : keys.keySet()) {
        if (!List.of(known).contains(key)) throw wrong(String.valueOf(key), "unknown key; there are " + String.join(", ", known));
      }
    }

    private Object value(String key, Object fallback) throws Wrong {
      final Object value = keys.get(key);
      if (value != null) return value;
      if (fallback == null) throw wrong(key, "is required");
      return fallback;
    }

    String text(String key, String fallback) throws Wrong {
      if (value(key, fallback) instanceof String text) return text;
      throw wrong(key, "is not a text");
    }

    long whole(String key, long fallback, long low, long high) throws Wrong {
      if (value(key, fallback) instanceof Number number && number.longValue() >= low && number.longValue() <= high) return number.longValue();
      throw wrong(key, "is not a whole number from " + low + " to " + high);
    }

    <E extends Enum<E>> E choice(String key, Class<E> of, String fallback) throws Wrong {
      final String text = text(key, fallback);
      for (final E value : of.getEnumConstants()) {
        if (value.name().toLowerCase(Locale.ROOT).equals(text)) return value;
      }
      throw wrong(key, "there is no '" + text + "'; there are " + List.of(of.getEnumConstants()).toString().toLowerCase(Locale.ROOT));
    }

    List<Section> list(String key) throws Wrong {
      if (!(value(key, null) instanceof List<?> list)) throw wrong(key, "is not a list");
      final List<Section> sections = new ArrayList<>();
      for (final Object node : list) sections.add(new Section((path.isEmpty() ? "" : path + ".") + key + "[" + sections.size() + "]", node));
      return sections;
    }
  }
}
