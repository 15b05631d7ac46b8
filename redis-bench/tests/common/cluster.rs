//! Throwaway cluster of three nodes, and what its nodes counted.

use redis::Connection;
use testbed::{Redis, RedisCluster, RedisOptions};

/// Throwaway cluster of three nodes.
pub(crate) struct TestCluster {
    pub(crate) nodes: RedisCluster,
}

impl TestCluster {
    pub(crate) fn start(options: &RedisOptions) -> Self {
        Self {
            nodes: RedisCluster::start(3, options).unwrap(),
        }
    }

    /// Returns the URL of the first node.
    pub(crate) fn url(&self) -> &str {
        self.nodes.nodes()[0].url()
    }

    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.nodes.nodes().iter().map(super::connect).collect()
    }

    /// Resets the statistics of all nodes.
    pub(crate) fn reset_statistics(&self) {
        for mut connection in self.connections() {
            let mut reset = redis::cmd("CONFIG");
            reset.arg("RESETSTAT").exec(&mut connection).unwrap();
        }
    }

    /// Returns the number of calls of `command` on each node.
    pub(crate) fn calls(&self, command: &str) -> Vec<u64> {
        let nodes = self.nodes.nodes().iter();
        nodes.map(|node| calls(node, command)).collect()
    }

    /// Returns the number of error answers with `code` of each node.
    pub(crate) fn errors(&self, code: &str) -> Vec<u64> {
        let line = format!("errorstat_{code}:count=");
        let nodes = self.nodes.nodes().iter();
        nodes
            .map(|node| statistic(node, "errorstats", &line))
            .collect()
    }

    /// Returns the names of the keys of all nodes that run.
    pub(crate) fn keys(&self) -> Vec<String> {
        let nodes = self.nodes.nodes().iter();
        nodes.flat_map(super::keys).collect()
    }
}

/// Returns the number of calls of `command` on `node`.
pub(crate) fn calls(node: &Redis, command: &str) -> u64 {
    statistic(node, "commandstats", &format!("cmdstat_{command}:calls="))
}

fn statistic(node: &Redis, section: &str, line: &str) -> u64 {
    let mut info = redis::cmd("INFO");
    let info: String = info.arg(section).query(&mut super::connect(node)).unwrap();
    let found = info.lines().find_map(|text| text.strip_prefix(line));
    let count = found.map_or("0", |rest| rest.split(',').next().unwrap());
    count.parse().unwrap()
}
