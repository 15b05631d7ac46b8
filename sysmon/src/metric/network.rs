//! Metrics of network interfaces and of TCP.

use host_metrics::source::limits::{ConntrackSample, PortSample, SoftnetCounters};
use host_metrics::source::network::InterfaceCounters;
use host_metrics::source::tcp::{ListenSample, SocketSample, TcpSample, UdpSample};

use super::definition::metrics;

metrics! {
    /// Metrics of one network interface: bytes, packets, drops and errors, per second.
    INTERFACE: InterfaceCounters {
        RECEIVED_BYTES = rate("network.receive_bytes_per_s", Some("sysmon_network_received_bytes"),
            "Bytes received.", |i| Some(i.received_bytes)).titled("received").hidden_if_zero();
        SENT_BYTES = rate("network.transmit_bytes_per_s", Some("sysmon_network_transmitted_bytes"),
            "Bytes sent.", |i| Some(i.transmitted_bytes)).titled("sent").hidden_if_zero();
        RECEIVED_PACKETS = rate(
            "network.receive_packets_per_s", Some("sysmon_network_received_packets"),
            "Packets received.", |i| i.received_packets);
        SENT_PACKETS = rate(
            "network.transmit_packets_per_s", Some("sysmon_network_transmitted_packets"),
            "Packets sent.", |i| i.transmitted_packets);
        DROPS = rate("network.drops_per_s", Some("sysmon_network_dropped_packets"),
            "Packets dropped, in both directions.", |i| i.drops).titled("dropped").hidden_if_zero();
        ERRORS = rate("network.errors_per_s", Some("sysmon_network_errors"),
            "Packets with errors, in both directions.", |i| i.errors);
        RECEIVE_DROPS = rate(
            "network.receive_drops_per_s", Some("sysmon_network_received_dropped_packets"),
            "Received packets that were dropped.", |i| i.receive_drops);
        TRANSMIT_DROPS = rate(
            "network.transmit_drops_per_s", Some("sysmon_network_transmitted_dropped_packets"),
            "Packets to be sent that were dropped.", |i| i.transmit_drops);
        RECEIVE_ERRORS = rate(
            "network.receive_errors_per_s", Some("sysmon_network_receive_errors"),
            "Received packets with errors.", |i| i.receive_errors);
        TRANSMIT_ERRORS = rate(
            "network.transmit_errors_per_s", Some("sysmon_network_transmit_errors"),
            "Errors in sending packets.", |i| i.transmit_errors);
        RECEIVE_USED_RATIO = computed("network.receive_used_ratio", None,
            "Bytes received, as a share of the link's speed.").titled("received of link speed");
        TRANSMIT_USED_RATIO = computed("network.transmit_used_ratio", None,
            "Bytes sent, as a share of the link's speed.").titled("sent of link speed");
    }
}

metrics! {
    /// Metric of the speed of one link; the sample is that speed in bytes per second.
    LINK: u64 {
        LINK_SPEED = level("network.speed_bytes_per_s", Some("sysmon_network_speed_bytes_per_second"),
            "Speed of the link in one direction; absent where it is unknown.", |speed| Some(*speed));
    }
}

metrics! {
    /// Metrics of the queues in which CPUs take packets from the network interfaces.
    SOFTNET: SoftnetCounters {
        SOFTNET_PROCESSED = rate("network.softnet_packets_per_s", Some("sysmon_softnet_processed"),
            "Packets that the CPU took from its queue.", |s| Some(s.processed));
        SOFTNET_DROPPED = rate("network.softnet_drops_per_s", Some("sysmon_softnet_dropped"),
            "Packets dropped because the queue of the CPU was full.",
            |s| Some(s.dropped)).titled("packets dropped by CPUs").hidden_if_zero();
        SOFTNET_SQUEEZED = rate("network.softnet_squeezed_per_s", Some("sysmon_softnet_squeezed"),
            "Times that the CPU stopped with packets left in its queue.", |s| Some(s.squeezed));
    }
}

metrics! {
    /// Metrics of the connections that the firewall tracks.
    CONNTRACK: ConntrackSample {
        CONNTRACK_COUNT = level("conntrack.count", Some("sysmon_conntrack_entries"),
            "Tracked connections.", |c| Some(c.count)).titled("connections tracked").hidden_if_zero();
        CONNTRACK_MOST = level("conntrack.most", Some("sysmon_conntrack_entries_limit"),
            "Most connections that may be tracked.", |c| c.most);
        CONNTRACK_INSERT_FAILED = rate(
            "conntrack.insert_failed_per_s", Some("sysmon_conntrack_insert_failed"),
            "Connections whose entry could not be inserted.", |c| c.insert_failed);
        CONNTRACK_DROPS = rate("conntrack.drops_per_s", Some("sysmon_conntrack_drops"),
            "Packets dropped because no connection could be tracked for them.",
            |c| c.dropped).titled("conntrack drops").hidden_if_zero();
        CONNTRACK_EARLY_DROPS = rate(
            "conntrack.early_drops_per_s", Some("sysmon_conntrack_early_drops"),
            "Entries of other connections removed to make room.", |c| c.early_dropped);
    }
}

metrics! {
    /// Metrics of the ephemeral ports, which outgoing connections use.
    PORTS: PortSample {
        PORTS_ALL = level("tcp.ephemeral_ports", Some("sysmon_tcp_ephemeral_ports"),
            "Ports for outgoing connections from one address to one destination.",
            |p| Some(p.ports));
        PORTS_TO_ONE = level("tcp.ephemeral_ports_used", Some("sysmon_tcp_ephemeral_ports_used"),
            "Most of those ports in use by connections to one destination.",
            |p| p.most_to_one).titled("ports to one destination").hidden_if_zero();
    }
}

metrics! {
    /// Metrics of UDP datagrams of IPv4 on the whole machine.
    UDP: UdpSample {
        UDP_RECEIVED = rate("udp.received_per_s", Some("sysmon_udp_received"),
            "Datagrams received.", |u| u.received);
        UDP_NO_PORTS = rate("udp.no_ports_per_s", Some("sysmon_udp_no_ports"),
            "Datagrams for a port on which nobody listens.", |u| u.no_ports);
        UDP_RECEIVE_ERRORS = rate("udp.receive_errors_per_s", Some("sysmon_udp_receive_errors"),
            "Datagrams that could not be received, full buffers included.", |u| u.receive_errors);
        UDP_RECEIVE_BUFFER_ERRORS = rate(
            "udp.receive_buffer_errors_per_s", Some("sysmon_udp_receive_buffer_errors"),
            "Datagrams dropped because a socket's receive buffer was full.",
            |u| u.receive_buffer_errors).titled("UDP receive buffers full/s").hidden_if_zero();
        UDP_SEND_BUFFER_ERRORS = rate(
            "udp.send_buffer_errors_per_s", Some("sysmon_udp_send_buffer_errors"),
            "Datagrams that could not be sent because the send buffer was full.",
            |u| u.send_buffer_errors);
    }
}

metrics! {
    /// Metrics of the segments and established connections of TCP on the whole machine.
    TCP: TcpSample {
        RETRANSMITS = rate("tcp.retransmits_per_s", Some("sysmon_tcp_retransmitted_segments"),
            "Segments sent again.",
            |t| Some(t.retransmits)).titled("TCP retransmitted/s").hidden_if_zero();
        SEGMENTS_SENT = rate("tcp.segments_sent_per_s", Some("sysmon_tcp_sent_segments"),
            "Segments sent.", |t| t.segments_sent);
        ESTABLISHED = level("tcp.established", Some("sysmon_tcp_connections"),
            "Connections that are established or were closed by the other side.",
            |t| t.established).should_level_off();
    }
}

metrics! {
    /// Metrics of the connections that listening TCP sockets rejected, on the whole machine.
    LISTEN: ListenSample {
        LISTEN_OVERFLOWS = rate("tcp.listen_overflows_per_s", Some("sysmon_tcp_listen_overflows"),
            "Connections refused because a listening socket's queue was full.",
            |l| Some(l.overflows)).titled("listen overflows/s").hidden_if_zero();
        LISTEN_DROPS = rate("tcp.listen_drops_per_s", Some("sysmon_tcp_listen_drops"),
            "Connections refused by a listening socket for any reason.", |l| l.drops);
    }
}

metrics! {
    /// Metrics of the number of TCP sockets in use, in time-wait, and without a process.
    SOCKETS: SocketSample {
        SOCKETS_IN_USE = level("tcp.sockets_in_use", Some("sysmon_tcp_sockets_used"),
            "TCP sockets in use.", |s| Some(s.in_use)).should_level_off();
        TIME_WAIT = level("tcp.time_wait", Some("sysmon_tcp_sockets_waiting"),
            "Closed sockets kept until no delayed packet can arrive.",
            |s| s.time_wait).titled("TCP in time-wait").hidden_if_zero();
        ORPHANS = level("tcp.orphans", Some("sysmon_tcp_sockets_orphaned"),
            "Sockets that belong to no process.", |s| s.orphans);
    }
}

metrics! {
    /// Metric of the number of TCP sockets in one state; the sample is that number.
    SOCKETS_BY_STATE: u64 {
        SOCKETS_IN_STATE = level("tcp.sockets", Some("sysmon_tcp_sockets"),
            "TCP sockets by state.", |count| Some(*count)).titled("TCP sockets").hidden_if_zero();
    }
}
