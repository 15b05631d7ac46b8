//! Metrics of network interfaces and of TCP.

use host_metrics::source::network::InterfaceCounters;
use host_metrics::source::tcp::{ListenSample, SocketSample, TcpSample};

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
