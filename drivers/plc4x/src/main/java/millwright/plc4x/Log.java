package millwright.plc4x;

import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** Lines on standard error, which a plant that starts the driver has in its own log. */
final class Log {
  private static final PrintStream OUT = System.err;

  private Log() {}

  /** PLC4X prints stack traces of its own, of what it tells us as well. From here on they go nowhere. */
  static void silenceOthers() {
    System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
    System.setErr(new PrintStream(OutputStream.nullOutputStream()));
  }

  static void info(String text) {
    line("info", text);
  }

  static void warn(String text) {
    line("warning", text);
  }

  private static void line(String level, String text) {
    OUT.println(Instant.now().truncatedTo(ChronoUnit.MILLIS) + " [plc4x] [" + level + "] " + text);
  }

  /** Why, for a person: what the exception says, and what lies at the bottom of it. */
  static String why(Throwable error) {
    Throwable root = error;
    while (root.getCause() != null && root.getCause() != root) root = root.getCause();
    final String top = says(error);
    return root == error || top.contains(says(root)) ? top : top.replaceAll("[.:\\s]+$", "") + ": " + says(root);
  }

  private static String says(Throwable error) {
    return error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
  }
}
