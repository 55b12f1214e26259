//! Ports that nobody should leave open to strangers, and why.

/// Ports by which a machine or its data is taken over, or that worms try first; with the service.
const SENSITIVE: [(u16, &str); 24] = [
    (21, "FTP, passwords in clear"),
    (22, "SSH, remote shell"),
    (23, "Telnet, passwords in clear"),
    (135, "RPC endpoint mapper, Windows remote administration"),
    (139, "NetBIOS file sharing"),
    (389, "LDAP directory"),
    (445, "SMB file sharing, worms"),
    (1433, "SQL Server"),
    (1434, "SQL Server browser"),
    (1521, "Oracle database"),
    (2049, "NFS file sharing"),
    (2375, "Docker without authentication"),
    (3306, "MySQL"),
    (3389, "Remote Desktop"),
    (5432, "PostgreSQL"),
    (5900, "VNC, remote screen"),
    (5985, "WinRM, remote shell"),
    (5986, "WinRM over TLS, remote shell"),
    (6379, "Redis"),
    (6380, "Redis over TLS"),
    (9200, "Elasticsearch"),
    (10250, "kubelet, runs containers"),
    (11211, "memcached"),
    (27017, "MongoDB"),
];

/// What a port gives away, where it is one of the sensitive.
pub(super) fn sensitive(port: u16) -> Option<&'static str> {
    let at = SENSITIVE.binary_search_by_key(&port, |&(port, _)| port);
    at.ok().map(|at| SENSITIVE[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(SENSITIVE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(sensitive(3389).is_some());
        assert_eq!(sensitive(443), None);
    }
}
