// A foreign OPC UA server (Eclipse Milo) that writes every tag at a rate, each value once, whatever clients make of it: tag
// i is "nsu=urn:test:load;s=t<i>", its k-th value is k, at the source time base + k * period. A line of standard input is
// for how many seconds; what was written is then said as a line of JSON.
//
//   java -cp 'build/milo/jars/*' tests/e2e/milo/LoadServer.java PORT TAGS HZ

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.eclipse.milo.opcua.sdk.core.AccessLevel;
import org.eclipse.milo.opcua.sdk.core.Reference;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.api.DataItem;
import org.eclipse.milo.opcua.sdk.server.api.ManagedNamespaceWithLifecycle;
import org.eclipse.milo.opcua.sdk.server.api.MonitoredItem;
import org.eclipse.milo.opcua.sdk.server.api.config.OpcUaServerConfig;
import org.eclipse.milo.opcua.sdk.server.identity.AnonymousIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.stack.core.Identifiers;
import org.eclipse.milo.opcua.stack.core.security.DefaultCertificateManager;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.DateTime;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.StatusCode;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.server.EndpointConfiguration;

public final class LoadServer {
  private static final long UNIX_EPOCH = 116_444_736_000_000_000L;  // in OPC UA's steps of 100 ns

  /** Tells each change to those who watch, at once: nothing is sampled. */
  private static final class Tags extends ManagedNamespaceWithLifecycle {
    final List<DataItem>[] watchers;

    @SuppressWarnings("unchecked")
    Tags(OpcUaServer server, int count) {
      super(server, "urn:test:load");
      watchers = new List[count];
      getLifecycleManager().addStartupTask(() -> addNodes(count));
    }

    private void addNodes(int count) {
      for (int i = 0; i < count; ++i) {
        watchers[i] = new CopyOnWriteArrayList<>();
        UaVariableNode node = new UaVariableNode.UaVariableNodeBuilder(getNodeContext())
            .setNodeId(newNodeId("t" + i)).setBrowseName(newQualifiedName("t" + i))
            .setDisplayName(LocalizedText.english("t" + i)).setDataType(Identifiers.Double)
            .setTypeDefinition(Identifiers.BaseDataVariableType).setAccessLevel(AccessLevel.READ_ONLY)
            .setUserAccessLevel(AccessLevel.READ_ONLY).build();
        node.setValue(new DataValue(new Variant(-1.0)));
        getNodeManager().addNode(node);
        node.addReference(new Reference(node.getNodeId(), Identifiers.Organizes,
            Identifiers.ObjectsFolder.expanded(), false));
      }
    }

    private int tag(DataItem item) {
      String name = item.getReadValueId().getNodeId().getIdentifier().toString();
      return Integer.parseInt(name.substring(1));
    }
    @Override public void onDataItemsCreated(List<DataItem> items) {
      for (DataItem item : items) {
        item.setValue(new DataValue(new Variant(-1.0)));
        watchers[tag(item)].add(item);
      }
    }
    @Override public void onDataItemsModified(List<DataItem> items) {}
    @Override public void onDataItemsDeleted(List<DataItem> items) {
      for (DataItem item : items) watchers[tag(item)].remove(item);
    }
    @Override public void onMonitoringModeChanged(List<MonitoredItem> items) {}

    /** All tags at each tick, as near to its time as the machine lets us; none is left out. */
    String write(double seconds, double hz) {
      long period = Math.round(1e7 / hz);
      long ticks = Math.round(seconds * hz);
      long base = System.currentTimeMillis() * 10_000;
      long begin = System.nanoTime();
      long late = 0;
      for (long k = 0; k < ticks; ++k) {
        long due = begin + k * period * 100;
        for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) LockSupport.parkNanos(left);
        late = Math.max(late, System.nanoTime() - due);
        DateTime time = new DateTime(base + UNIX_EPOCH + k * period);
        Variant value = new Variant((double) k);
        for (List<DataItem> tag : watchers) {
          DataValue sample = new DataValue(value, StatusCode.GOOD, time, time);
          for (DataItem item : tag) item.setValue(sample);
        }
      }
      return String.format("{\"base_ns\": %d, \"period_ns\": %d, \"ticks\": %d, \"took_s\": %.3f, \"late_ms\": %.1f}",
          base * 100, period * 100, ticks, (System.nanoTime() - begin) / 1e9, late / 1e6);
    }
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    EndpointConfiguration endpoint = EndpointConfiguration.newBuilder().setBindAddress("127.0.0.1")
        .setHostname("127.0.0.1").setBindPort(port).build();
    OpcUaServer server = new OpcUaServer(OpcUaServerConfig.builder().setEndpoints(Set.of(endpoint))
        .setApplicationName(LocalizedText.english("load")).setApplicationUri("urn:test:load").setProductUri("urn:test")
        .setCertificateManager(new DefaultCertificateManager()).setIdentityValidator(AnonymousIdentityValidator.INSTANCE)
        .build());
    Tags tags = new Tags(server, Integer.parseInt(args[1]));
    tags.startup();
    server.startup().get();
    System.out.println("ready");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      System.out.println(tags.write(Double.parseDouble(line), Double.parseDouble(args[2])));
    }
    server.shutdown().get();
  }
}
