package millwright.plc4x;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.apache.plc4x.java.api.PlcConnectionManager;
import org.apache.plc4x.java.api.PlcDriverManager;

/** The driver's command line. */
public final class Main {
  private static final long LAST_WORDS_MS = 3_000; // for what is not acknowledged yet; the rest stays in the spool
  private static final int WRONG_SETTINGS = 2;

  private static final String USAGE = """
      usage: java -jar millwright-plc4x.jar FILE        read the devices of a YAML file, send to its plant, until SIGTERM
             java -jar millwright-plc4x.jar check FILE  say what is wrong with the file
             java -jar millwright-plc4x.jar protocols   the protocols that it speaks

      docs/plc4x.md tells what the file holds. A connector of type plc4x does all of it by itself.
      """;

  private Main() {}

  public static void main(String[] arguments) throws InterruptedException {
    final List<String> words = List.of(arguments);
    if (words.equals(List.of("protocols"))) {
      for (final String code : new TreeSet<>(PlcDriverManager.getDefault().getProtocolCodes())) System.out.println(code);
    } else if (words.size() == 2 && words.get(0).equals("check")) {
      check(words.get(1));
    } else if (words.size() == 1 && !words.get(0).startsWith("-")) {
      drive(words.get(0));
    } else {
      final boolean asked = words.equals(List.of("--help")) || words.equals(List.of("-h"));
      (asked ? System.out : System.err).print(USAGE);
      if (!asked) System.exit(WRONG_SETTINGS);
    }
  }

  private static Settings check(String file) {
    try {
      return Settings.read(Path.of(file));
    } catch (Settings.Wrong error) {
      System.err.println(error.getMessage());
      System.exit(WRONG_SETTINGS);
      throw new IllegalStateException(error);
    }
  }

  private static void drive(String file) throws InterruptedException {
    final Settings settings = check(file);
    Log.silenceOthers();
    final Spool spool;
    try {
      spool = new Spool(settings);
    } catch (IOException error) {
      Log.warn(Log.why(error));
      System.exit(1);
      return;
    }
    final Sender sender = new Sender(settings, spool);
    final List<Thread> devices = new ArrayList<>();
    final PlcConnectionManager connections = PlcDriverManager.getDefault().getConnectionManager();
    for (final Settings.Device device : settings.devices()) devices.add(new Thread(new Device(device, spool, connections), device.name()));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(devices, sender, spool)));
    Log.info(settings.tags().size() + " tags of " + devices.size() + " devices");
    devices.forEach(Thread::start);
    sender.run();
  }

  private static void stop(List<Thread> devices, Sender sender, Spool spool) {
    devices.forEach(Thread::interrupt);
    try {
      spool.drain(LAST_WORDS_MS);
      sender.stop();
      spool.close();
    } catch (InterruptedException | IOException error) {
      Log.warn("while stopping: " + Log.why(error));
    }
    Runtime.getRuntime().halt(0); // PLC4X keeps threads of its own
  }
}
