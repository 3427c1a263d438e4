import java.util.Arrays;
import org.apache.ignite.Ignition;
import org.apache.ignite.cluster.ClusterState;
import org.apache.ignite.configuration.ClientConnectorConfiguration;
import org.apache.ignite.configuration.DataRegionConfiguration;
import org.apache.ignite.configuration.DataStorageConfiguration;
import org.apache.ignite.configuration.IgniteConfiguration;
import org.apache.ignite.logger.NullLogger;
import org.apache.ignite.spi.communication.tcp.TcpCommunicationSpi;
import org.apache.ignite.spi.discovery.tcp.TcpDiscoverySpi;
import org.apache.ignite.spi.discovery.tcp.ipfinder.vm.TcpDiscoveryVmIpFinder;

/** One small node on loopback: name, ports of discovery, communication and clients, all members, folder, state. */
public class IgniteNode {
  private static final long MEBIBYTE = 1L << 20;

  public static void main(String[] args) {
    IgniteConfiguration node = new IgniteConfiguration();
    node.setIgniteInstanceName(args[0]);
    node.setWorkDirectory(args[5]);
    node.setClusterStateOnStart(ClusterState.valueOf(args[6]));
    node.setLocalHost("127.0.0.1");
    node.setGridLogger(new NullLogger());
    node.setMetricsLogFrequency(0);
    node.setFailureDetectionTimeout(2000);
    node.setPublicThreadPoolSize(2);
    node.setSystemThreadPoolSize(4);
    node.setStripedPoolSize(4);
    node.setQueryThreadPoolSize(2);
    node.setConnectorConfiguration(null);
    node.setDiscoverySpi(
        new TcpDiscoverySpi()
            .setLocalAddress("127.0.0.1")
            .setLocalPort(Integer.parseInt(args[1]))
            .setLocalPortRange(0)
            .setIpFinder(new TcpDiscoveryVmIpFinder().setAddresses(Arrays.asList(args[4].split(",")))));
    TcpCommunicationSpi communication = new TcpCommunicationSpi();
    communication.setLocalAddress("127.0.0.1");
    communication.setLocalPort(Integer.parseInt(args[2]));
    communication.setLocalPortRange(0);
    node.setCommunicationSpi(communication);
    node.setClientConnectorConfiguration(
        new ClientConnectorConfiguration()
            .setHost("127.0.0.1")
            .setPort(Integer.parseInt(args[3]))
            .setPortRange(0)
            .setJdbcEnabled(false)
            .setOdbcEnabled(false));
    node.setDataStorageConfiguration(
        new DataStorageConfiguration()
            .setSystemRegionInitialSize(10 * MEBIBYTE)
            .setSystemRegionMaxSize(20 * MEBIBYTE)
            .setDefaultDataRegionConfiguration(
                new DataRegionConfiguration()
                    .setInitialSize(32 * MEBIBYTE)
                    .setMaxSize(192 * MEBIBYTE)));
    Ignition.start(node);
    System.out.println("ready");
  }
}
